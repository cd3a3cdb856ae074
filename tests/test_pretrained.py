"""``Pretrained`` bodies, and splits of rows of which some have no label."""

import pickle

import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_number, y_three
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    MLP,
    LossAwareClassifier,
    LossAwareRegressor,
    LossAwareTransformer,
    Pretrained,
)
from skloss._engine import trace_count
from skloss.estimators import _pretrained
from skloss.model_selection import FusedGridSearchCV, LabelledSplit

BODY = LossAwareTransformer("contrastive", n_components=3, **NET)
SOME = np.where(np.arange(93) % 3 == 0, y_three, -1)  # a third of the labels
ROWS = np.flatnonzero(SOME >= 0)
NUMBERS = np.where(np.arange(93) % 3 == 0, y_number, np.nan)


def make(body=BODY, factor=1.0, cls=LossAwareClassifier, **changes):
    return cls(**{**NET, "network": Pretrained(body, factor), **changes})


def count_fits(monkeypatch):
    """Count how often a transformer is fitted."""
    fits, fit = [], LossAwareTransformer.fit

    def watch(self, *args, **kwargs):
        fits.append(1)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(LossAwareTransformer, "fit", watch)
    _pretrained._bodies.clear()
    return fits


# -- what is trained -------------------------------------------------------------------


def hidden(net):
    return net._fitted.outputs.weights[: 4 * 8 + 8]


def test_training_begins_with_the_body_of_the_transformer():
    body = clone(BODY).fit(X, y_three)
    for factor, learning_rate in ((1.0, 1e-12), (0.0, 0.01)):
        net = make(factor=factor, learning_rate=learning_rate).fit(X, y_three)
        np.testing.assert_allclose(hidden(net), hidden(body), atol=1e-6)
    net = make(factor=0.0).fit(X, y_three)
    assert (hidden(net) == hidden(body)).all()
    head = net._fitted.outputs.weights[40:]
    plain = LossAwareClassifier(**NET).fit(X, y_three)
    assert (
        np.abs(
            head
            - make(learning_rate=1e-12).fit(X, y_three)._fitted.outputs.weights[40:]
        ).max()
        > 0.01
    )
    assert np.abs(hidden(plain) - hidden(net)).max() > 0.01


@pytest.mark.slow
def test_a_factor_multiplies_the_rate_of_the_body():
    """One step of gradient descent."""
    own = {"epochs": 1, "batch_size": 93, "optimizer": "sgd", "learning_rate": 0.1}
    body = hidden(clone(BODY).fit(X, y_three))
    moves = [
        hidden(make(factor=f, **own).fit(X, y_three)) - body for f in (1.0, 0.5, 3.0)
    ]
    np.testing.assert_allclose(moves[1], 0.5 * moves[0], atol=1e-7)
    np.testing.assert_allclose(moves[2], 3 * moves[0], atol=1e-7)
    assert np.abs(moves[0]).max() > 1e-4


def test_rows_without_a_label_are_for_the_body_alone():
    net = make(LossAwareTransformer(**NET)).fit(X, SOME)
    assert net.classes_.tolist() == [0, 1, 2]
    frozen = FrozenEstimator(LossAwareTransformer(**NET).fit(X))
    by_hand = make(frozen).fit(X[ROWS], y_three[ROWS])
    assert (net.predict_proba(X) == by_hand.predict_proba(X)).all()
    weight = np.arange(93) + 1.0
    weighed = make(frozen).fit(X, SOME, sample_weight=weight)
    by_hand = make(frozen).fit(X[ROWS], y_three[ROWS], sample_weight=weight[ROWS])
    assert (weighed.predict_proba(X) == by_hand.predict_proba(X)).all()
    frame, labels = pd.DataFrame(X, columns=list("abcd")), pd.Series(SOME)
    named = make(LossAwareTransformer(**NET)).fit(frame, labels)
    assert (named.predict_proba(frame) == net.predict_proba(X)).all()


@pytest.mark.slow
def test_numbers_that_are_missing():
    net = make(LossAwareTransformer(**NET), cls=LossAwareRegressor).fit(X, NUMBERS)
    frozen = FrozenEstimator(LossAwareTransformer(**NET).fit(X))
    by_hand = make(frozen, cls=LossAwareRegressor).fit(X[ROWS], y_number[ROWS])
    assert (net.predict(X) == by_hand.predict(X)).all()
    body = LossAwareTransformer("reconstruction", n_components=2, **NET)
    assert np.isfinite(
        make(body, cls=LossAwareRegressor).fit(X, NUMBERS).predict(X)
    ).all()
    with pytest.raises(ValueError, match="No row of y has a label"):
        make(body, cls=LossAwareRegressor).fit(X, np.full(93, np.nan))
    with pytest.raises(ValueError, match="NaN"):
        LossAwareRegressor(**NET).fit(X, NUMBERS)


@pytest.mark.slow
def test_two_values_are_two_classes():
    y = np.where(y_three > 0, 1, -1)
    assert make().fit(X, y).classes_.tolist() == [-1, 1]
    # and without Pretrained, -1 beside several is a class only if that is said
    plain = LossAwareClassifier(unlabeled_label=None, **NET).fit(X, SOME)
    assert plain.classes_.tolist() == [-1, 0, 1, 2]


@pytest.mark.slow
def test_bodies_of_all_kinds():
    bodies = {
        "elbo": {"network": (8,)},
        "info_nce": {"network": MLP((8, 6), normalization="batch")},
        "target_distance": {"network": (8,)},
        "reconstruction": {"network": MLP((8,), embedding="periodic")},
    }
    for loss, changes in bodies.items():
        body = LossAwareTransformer(loss, n_components=2, **{**NET, **changes})
        net = make(body, 0.0, cls=LossAwareRegressor).fit(X, y_number)
        assert np.isfinite(net.predict(X)).all()
        fitted = clone(body).fit(X, y_number)._fitted.outputs
        encoder = getattr(fitted, "encoder", fitted)
        count = len(_pretrained.read_body(clone(body).fit(X, y_number)).weights.weights)
        own = net._fitted.outputs.weights[:count]
        assert (own == encoder.weights[:count]).all()


def test_going_on():
    net = make(LossAwareTransformer(**NET), warm_start=True).fit(X, y_three)
    first = net.history_["loss"]
    assert net.fit(X, y_three).history_["loss"][0] < first[0]
    part = make(LossAwareTransformer(**NET)).partial_fit(X, SOME, classes=[0, 1, 2])
    assert part.partial_fit(X, SOME).n_epochs_ == 2


# -- a value ---------------------------------------------------------------------------


def test_names_reach_the_transformer():
    net = make().set_params(network__transformer__loss__margin=2.0)
    assert net.get_params()["network__transformer__loss__margin"] == 2.0
    assert BODY.loss == "contrastive"  # which others may hold too
    net.set_params(network__learning_rate_factor=0.1)
    assert net.network.learning_rate_factor == 0.1
    assert net.network.transformer.loss.margin == 2.0
    with pytest.raises(ValueError, match="Invalid parameter 'gamma'"):
        net.set_params(network__transformer__loss__gamma=1)
    assert repr(net.network).startswith("Pretrained(transformer=LossAwareTransformer(")
    assert clone(net).network == net.network
    assert clone(net).network != BODY


def test_pickles_and_clones_predict_alike():
    net = make().fit(X, SOME)
    p = net.predict_proba(X)
    assert (pickle.loads(pickle.dumps(net)).predict_proba(X) == p).all()
    assert (clone(net).fit(X, SOME).predict_proba(X) == p).all()
    np.testing.assert_allclose(net.model_.predict(X, verbose=0), p, atol=1e-5)
    body = net.network.transformer
    assert not hasattr(body, "n_features_in_")  # it was a clone that was fitted


def test_a_fitted_transformer_is_fitted_anew_unless_it_is_frozen():
    body = clone(BODY).fit(X[:40], y_three[:40])
    new = make(body).fit(X, y_three).predict_proba(X)
    assert (new == make().fit(X, y_three).predict_proba(X)).all()
    frozen = make(FrozenEstimator(body))
    old = frozen.fit(X, y_three).predict_proba(X)
    assert np.abs(old - new).max() > 1e-4
    assert (clone(frozen).fit(X, y_three).predict_proba(X) == old).all()
    with pytest.raises(ValueError, match=r"X has 3 features.* was fitted on 4"):
        frozen.fit(X[:, :3], y_three)


@pytest.mark.parametrize(
    ("body", "factor", "changes", "words"),
    [
        (StandardScaler, 1.0, {}, "must be a LossAwareTransformer"),
        (None, 1.0, {}, "must be a LossAwareTransformer"),
        (BODY, -1, {}, "learning_rate_factor=-1 must be in"),
        (BODY, "all", {}, "learning_rate_factor='all' must be a number"),
        (BODY, 0.0, {"max_norm": 1.0}, "max_norm=1.0 would change the body"),
        (LossAwareTransformer("tripel"), 1.0, {}, "Unknown representation loss"),
        (LossAwareTransformer("huber"), 1.0, {}, "is for regression"),
    ],
)
def test_what_cannot_be_is_refused(body, factor, changes, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make(body, factor, **changes).fit(X, y_three)


# -- searches --------------------------------------------------------------------------


@pytest.mark.slow
def test_one_pre_training_serves_what_differs_behind_it(monkeypatch):
    fits = count_fits(monkeypatch)
    grid = {"l2": [0.0, 0.1], "network__learning_rate_factor": [0.0, 1.0]}
    cv = StratifiedKFold(3)
    search = GridSearchCV(make(), grid, cv=cv, refit=False).fit(X, y_three)
    assert len(fits) == 3
    fused = FusedGridSearchCV(make(), grid, cv=cv, refit=False).fit(X, y_three)
    assert len(fits) == 3  # it finds them in memory
    np.testing.assert_allclose(
        fused.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )
    margins = {"network__transformer__loss__margin": [0.5, 2.0]}
    FusedGridSearchCV(make(), margins, cv=cv, refit=False).fit(X, y_three)
    assert len(fits) == 3 + 6


@pytest.mark.slow
def test_bodies_share_a_program():
    nets = [
        make(clone(BODY).set_params(loss__margin=m), f)
        for m, f in ((0.5, 0.5), (1.0, 0.3), (2.0, 0.1))
    ]
    nets[0].fit(X, y_three)
    before = trace_count()
    for net in nets[1:]:
        net.fit(X, y_three)
    assert trace_count() == before


def test_without_a_number_as_random_state_each_fit_learns_its_own(monkeypatch):
    fits = count_fits(monkeypatch)
    free = make(clone(BODY).set_params(random_state=None), random_state=None)
    free.fit(X, y_three).fit(X, y_three)
    assert len(fits) == 2
    seeded = free.set_params(random_state=1).fit(X, y_three)
    p = seeded.predict_proba(X)
    assert (seeded.fit(X, y_three).predict_proba(X) == p).all()
    assert len(fits) == 3


@pytest.mark.slow
def test_other_rows_weights_and_labels_are_another_body(monkeypatch):
    fits = count_fits(monkeypatch)
    make().fit(X, y_three)
    make().fit(X + 1e-9, y_three)
    make().fit(X, y_three, sample_weight=np.arange(93) + 1.0)
    make().fit(X, np.roll(y_three, 1))
    make().fit(X, y_three.astype(str))
    assert len(fits) == 5
    fits.clear()
    free = make(LossAwareTransformer(**NET))  # which does not look at y
    free.fit(X, y_three)
    free.fit(X, np.roll(y_three, 1))
    assert len(fits) == 1


# -- splits ----------------------------------------------------------------------------


@pytest.mark.parametrize("y", [SOME, SOME.astype(float), NUMBERS, pd.Series(SOME)])
def test_unlabelled_rows_always_train_and_never_test(y):
    others = np.setdiff1d(np.arange(93), ROWS)
    splits = list(LabelledSplit(4).split(X, y))
    assert len(splits) == LabelledSplit(4).get_n_splits(X, y) == 4
    assert (np.sort(np.concatenate([test for _, test in splits])) == ROWS).all()
    inner = KFold(4) if y is NUMBERS else StratifiedKFold(4)
    own = inner.split(X[ROWS], np.asarray(y)[ROWS])
    for (train, test), (a, b) in zip(splits, own, strict=True):
        assert (test == ROWS[b]).all()
        assert (train == np.sort(np.r_[ROWS[a], others])).all()


def test_splitters_of_all_kinds():
    groups = np.arange(93) // 5
    for train, test in LabelledSplit(GroupKFold(3)).split(X, SOME, groups):
        labelled = np.intersect1d(train, ROWS)
        assert not set(groups[labelled]) & set(groups[test])
    # all rows have a label: the splitter's own splits
    for own, plain in zip(
        LabelledSplit(KFold(3)).split(X, y_three), KFold(3).split(X), strict=True
    ):
        assert all((a == b).all() for a, b in zip(own, plain, strict=True))
    assert LabelledSplit(3).get_n_splits() == 3
    assert repr(LabelledSplit(3)) == "LabelledSplit(3)"
    with pytest.raises(ValueError, match="needs y"):
        next(LabelledSplit(3).split(X, None))


@pytest.mark.slow
def test_searches_score_labelled_rows_alone():
    cv, pipe = LabelledSplit(3), make_pipeline(StandardScaler(), make())
    scores = cross_val_score(pipe, X, SOME, cv=cv, error_score="raise")
    by_hand = []
    for train, test in cv.split(X, SOME):
        fitted = clone(pipe).fit(X[train], SOME[train])
        by_hand.append(fitted.score(X[test], y_three[test]))
    assert scores.tolist() == by_hand
    grid = {"lossawareclassifier__network__learning_rate_factor": [0.0, 1.0]}
    for search in (GridSearchCV, FusedGridSearchCV):
        found = search(pipe, grid, cv=cv, error_score="raise").fit(X, SOME)
        assert found.cv_results_["mean_test_score"][1] == pytest.approx(np.mean(scores))
        assert set(found.predict(X)) <= {0, 1, 2}
    numbers = make(LossAwareTransformer(**NET), cls=LossAwareRegressor)
    own = cross_validate(numbers, X, NUMBERS, cv=cv, error_score="raise")
    assert np.isfinite(own["test_score"]).all()
    found = FusedGridSearchCV(numbers, {"l2": [0.0]}, cv=cv).fit(X, NUMBERS)
    assert found.best_score_ == pytest.approx(own["test_score"].mean())


@pytest.mark.slow
def test_rows_without_labels_help_where_they_say_something():
    """Three labels a class, under a body that has seen all of them."""
    X, y = load_digits(return_X_y=True)
    X, rng = X / 16, np.random.default_rng(0)
    order = rng.permutation(len(X))
    X, y = X[order], y[order]
    few = np.concatenate([np.flatnonzero(y[:1200] == c)[:3] for c in range(10)])
    known = LossAwareTransformer("supcon", epochs=30, random_state=0).fit(
        X[:1200], y[:1200]
    )
    body = Pretrained(FrozenEstimator(known), 0.0)
    own = {"epochs": 100, "learning_rate": 0.01, "random_state": 0}
    plain = LossAwareClassifier(**own).fit(X[few], y[few]).score(X[1200:], y[1200:])
    taught = LossAwareClassifier(network=body, **own).fit(X[few], y[few])
    assert taught.score(X[1200:], y[1200:]) > plain + 0.05
