"""``LossAwareTransformer`` as its users meet it: in Pipelines, searches and pickles."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_binary, y_number, y_three
from catalogue import some_slow
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from skloss import LossAwareTransformer, to_keras
from skloss.exceptions import LossTargetError, UnknownParameterError
from skloss.inspection import diagnose
from skloss.losses import InfoNCE, SupervisedContrastive, loss_names
from skloss.networks import MLP
from skloss.schedules import Cosine

NAMES = loss_names("representation")
QUICK = "info_nce"
WEIGHTS = "check_sample_weight_equivalence"
# A row given twice is a pair of its own there, or is corrupted or drawn twice; said in
# the notes of the class.
UNLIKE_REPEATED = {"info_nce", "triplet", "supervised_contrastive", "elbo"}


def make(loss, **changes):
    return LossAwareTransformer(loss, **{**NET, "n_components": 3, **changes})


def target_of(name):
    return y_number if name == "target_distance" else y_three


CHECKS = [
    pytest.param(name, own, check, id=f"{name}-{check.func.__name__}")
    for name in NAMES
    for own, check in estimator_checks_generator(
        LossAwareTransformer(name, network=(8,), epochs=10, random_state=0)
    )
    if not (check.func.__name__.startswith(WEIGHTS) and name in UNLIKE_REPEATED)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "estimator", "check"), CHECKS)
def test_scikit_learns_checks(name, estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", some_slow(NAMES, {*NAMES} - {QUICK}))
def test_what_a_fit_leaves(name):
    net = make(name).fit(X, target_of(name))
    Z = net.transform(X)
    assert Z.shape == (93, 3)
    assert Z.dtype == np.float64
    if net.loss_.normalizes:
        np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-5)
    else:
        assert np.ptp(np.linalg.norm(Z, axis=1)) > 0.01
    again = clone(net).fit(X, target_of(name))
    assert (again.transform(X) == Z).all()
    assert (pickle.loads(pickle.dumps(net)).transform(X) == Z).all()
    assert (make(name).fit_transform(X, target_of(name)) == Z).all()
    assert net.loss_.name == name
    assert set(net.history_) == {"loss", "learning_rate", "gradient_norm"}
    np.testing.assert_allclose(net.model_.predict(X, verbose=0), Z, atol=1e-5)
    np.testing.assert_allclose(
        make(name).fit(csr_array(X), target_of(name)).transform(csr_array(X)), Z
    )
    # rows alone, and in another order
    np.testing.assert_allclose(net.transform(X[40:41]), Z[40:41], atol=1e-5)
    assert repr(diagnose(net)).startswith("LossAwareTransformer(loss=")


@pytest.mark.slow
def test_representations_are_better_neighbours_than_pixels():
    X, y = load_digits(return_X_y=True)
    X, train, test = X / 16, np.arange(300), np.arange(300, 1797)

    def score(Z):
        near = KNeighborsClassifier(1).fit(Z[train], y[train])
        return near.score(Z[test], y[test])

    net = LossAwareTransformer(
        "supervised_contrastive", n_components=8, epochs=60, random_state=0
    )
    found = score(net.fit(X[train], y[train]).transform(X))
    assert found > score(PCA(8).fit(X[train]).transform(X)) + 0.02


def test_distances_follow_a_target_of_numbers():
    net = make("target_distance", epochs=60, network=(32,)).fit(X[:60], y_number[:60])
    near = KNeighborsRegressor().fit(net.transform(X[:60]), y_number[:60])
    plain = KNeighborsRegressor().fit(X[:60], y_number[:60])
    assert near.score(net.transform(X[60:]), y_number[60:]) > plain.score(
        X[60:], y_number[60:]
    )
    # units, and a mean far from zero, are nothing to it
    moved = make("target_distance", epochs=60, network=(32,))
    moved.fit(X[:60], 1e8 + 1e-3 * y_number[:60])
    np.testing.assert_allclose(moved.transform(X), net.transform(X), atol=1e-3)


# -- y ---------------------------------------------------------------------------------


def test_labels_of_any_kind():
    Z = make("contrastive").fit_transform(X, y_three)
    names = np.array(["low", "mid", "top"])[y_three]
    assert (make("contrastive").fit_transform(X, names) == Z).all()
    assert (make("contrastive").fit_transform(X, pd.Series(names)) == Z).all()
    assert (make("contrastive").fit_transform(X, y_three + 7.0) == Z).all()


def test_rows_without_a_label():
    some = np.where(np.arange(93) < 50, y_three, -1)
    whole = {"batch_size": 93, "dtype": "float64"}
    net = make("contrastive", **whole).fit(X, some)
    assert len(net._fitted.target.classes) == 3
    # pairs without labels are none: weights of zero say the same
    weight = (some >= 0).astype(float)
    other = make("contrastive", batch_size=93, dtype="float64")
    other.fit(X, np.where(some >= 0, some, 0), sample_weight=weight)
    np.testing.assert_allclose(net.history_["loss"], other.history_["loss"])
    np.testing.assert_allclose(net.transform(X), other.transform(X), atol=1e-9)
    # beside one other class, -1 is a class
    two = np.where(y_binary == 1, 1, -1)
    assert make("contrastive").fit(X, two)._fitted.target.classes.tolist() == [-1, 1]


def test_all_rows_shape_a_sum_of_which_one_term_needs_labels():
    some = np.where(np.arange(93) < 12, y_three, -1)
    loss = SupervisedContrastive() + InfoNCE()
    net = make(loss).fit(X, some)
    other = X.copy()
    other[50:] = X[50:] ** 3
    assert np.abs(make(loss).fit(other, some).transform(X) - net.transform(X)).max() > 0
    assert net.loss_ == loss


@pytest.mark.parametrize(
    ("loss", "y", "error", "words"),
    [
        ("contrastive", None, ValueError, "requires y to be passed.*info_nce"),
        ("triplet", np.zeros(93), LossTargetError, "two classes.*info_nce"),
        ("triplet", np.arange(93), LossTargetError, "has one.*target_distance"),
        ("contrastive", y_number, LossTargetError, "has one.*target_distance"),
        ("target_distance", np.ones(93), LossTargetError, "is .1.0. in all rows"),
        ("target_distance", np.full(93, "a"), ValueError, "could not convert"),
        ("contrastive", np.full(93, -1), LossTargetError, "two classes"),
        ("huber", y_number, LossTargetError, "is for regression.*'contrastive'"),
        ("tripel", y_three, ValueError, "Unknown representation loss"),
        ("contrastive:margin=-1", y_three, ValueError, "margin=-1.* must be in"),
    ],
)
def test_what_cannot_be_is_refused_before_training(loss, y, error, words):
    with pytest.raises(error, match=words):
        make(loss).fit(X, y)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"n_components": 0}, ValueError, "n_components=0 must be an integer >= 1"),
        ({"n_components": 2.5}, TypeError, "n_components=2.5 must be an integer"),
        ({"batch_size": 1}, ValueError, "batch_size=1 leaves .* no other row"),
        ({"loss__margin": 2}, UnknownParameterError, "corruption"),
        ({"mixup": 0.2}, ValueError, "Invalid parameter 'mixup'"),
    ],
)
def test_parameters_that_make_no_sense(changes, error, words):
    with pytest.raises(error, match=words):
        make("info_nce").set_params(**changes).fit(X)


def test_a_failed_fit_leaves_what_there_was():
    net = make("contrastive").fit(X, y_three)
    Z = net.transform(X)
    with pytest.raises(LossTargetError):
        net.fit(X, np.zeros(93))
    assert (net.transform(X) == Z).all()


# -- among other steps -----------------------------------------------------------------


def test_columns_have_names_and_frames_are_frames():
    frame = pd.DataFrame(X, columns=list("abcd"))
    net = make("info_nce").set_output(transform="pandas").fit(frame)
    Z = net.transform(frame)
    assert list(Z.columns) == [f"lossawaretransformer{i}" for i in range(3)]
    assert list(net.get_feature_names_out()) == list(Z.columns)
    assert net.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        net.transform(frame[list("dcba")])


@pytest.mark.slow
def test_a_pipeline_is_searched_over_losses_and_their_numbers():
    pipe = make_pipeline(StandardScaler(), make("contrastive"), KNeighborsClassifier())
    grid = {
        "lossawaretransformer__loss": ["contrastive", "info_nce"],
        "kneighborsclassifier__n_neighbors": [3, 5],
    }
    search = GridSearchCV(pipe, grid, cv=3, error_score="raise").fit(X, y_three)
    table = search.cv_results_["mean_test_score"]
    for params, score in zip(search.cv_results_["params"], table, strict=True):
        own = clone(pipe).set_params(**params)
        assert cross_val_score(own, X, y_three, cv=3).mean() == pytest.approx(score)
    margins = {"lossawaretransformer__loss__margin": [0.5, 2.0]}
    search = GridSearchCV(pipe, margins, cv=3, error_score="raise").fit(X, y_three)
    assert len(set(search.cv_results_["mean_test_score"])) == 2


@pytest.mark.slow
def test_a_pipeline_becomes_a_keras_model():
    pipe = make_pipeline(StandardScaler(), make("triplet")).fit(X, y_three)
    model = to_keras(pipe)
    np.testing.assert_allclose(
        model.predict(X, verbose=0), pipe.transform(X), atol=1e-5
    )


# -- training --------------------------------------------------------------------------


@pytest.mark.parametrize("name", some_slow(NAMES, {*NAMES} - {QUICK}))
def test_early_stopping_watches_the_loss(name):
    net = make(name, epochs=60, early_stopping=True, patience=3)
    net.fit(X, target_of(name))
    curve = net.history_["val_loss"]
    assert len(curve) == net.n_epochs_
    if net.n_epochs_ < 60:
        assert np.argmin(curve) == net.n_epochs_ - 4
    given = make(name).fit(X[:60], target_of(name)[:60], X_val=X, y_val=target_of(name))
    assert len(given.history_["val_loss"]) == 5


def test_validation_rows_need_no_y_where_the_loss_needs_none():
    net = make("info_nce").fit(X[:60], X_val=X[60:])
    assert np.isfinite(net.history_["val_loss"]).all()
    with pytest.raises(ValueError, match="given together"):
        make("contrastive").fit(X, y_three, X_val=X)


@pytest.mark.slow
def test_a_scorer_of_the_users():
    def separation(estimator, X, y):
        Z = estimator.transform(X)
        return KNeighborsClassifier(1).fit(Z[::2], y[::2]).score(Z[1::2], y[1::2])

    net = make("contrastive", early_stopping=True, validation_scoring=separation)
    net.set_params(validation_fraction=0.4).fit(X, y_three)
    assert len(net.history_["val_separation"]) == net.n_epochs_


def test_numbers_of_the_loss_may_be_schedules():
    net = make(InfoNCE(corruption=0.6 * Cosine())).fit(X)
    steady = make(InfoNCE(corruption=0.6)).fit(X)
    assert net.history_["loss__corruption"][0] == pytest.approx(0.6)
    assert net.history_["loss"][0] == steady.history_["loss"][0]
    assert net.history_["loss"][-1] < steady.history_["loss"][-1]


@pytest.mark.slow
def test_dropout_noise_averages_and_warm_starts():
    plain = make("contrastive").fit(X, y_three).transform(X)
    changes = [
        {"dropout": 0.3},
        {"input_noise": 0.3},
        {"weight_averaging": 0.9},
        {"l2": 0.1},
        {"network": MLP((8,), normalization="batch")},
    ]
    for change in changes:
        Z = make("contrastive", **change).fit(X, y_three).transform(X)
        assert np.abs(Z - plain).max() > 1e-3
    net = make("contrastive", warm_start=True).fit(X, y_three)
    first = net.history_["loss"]
    assert net.fit(X, y_three).history_["loss"][0] < first[0]


# -- pairs -----------------------------------------------------------------------------


def make_pairs(rng, n=400):
    left, right = rng.integers(0, 60, (2, n))
    return left, right, y_three[left] == y_three[right]


def test_pairs_that_are_given():
    left, right, similar = make_pairs(np.random.default_rng(0))
    net = make("contrastive", epochs=40).fit_pairs(X[left], X[right], similar)
    a, b = np.random.default_rng(1).integers(60, 93, (2, 600))
    found = net.pair_distance(X[a], X[b])
    alike = y_three[a] == y_three[b]
    plain = np.linalg.norm(X[a] - X[b], axis=1)
    assert roc_auc_score(alike, -found) > roc_auc_score(alike, -plain) + 0.1
    np.testing.assert_allclose(
        found, np.linalg.norm(net.transform(X[a]) - net.transform(X[b]), axis=1)
    )
    assert net.n_features_in_ == 4
    assert (pickle.loads(pickle.dumps(net)).pair_distance(X[a], X[b]) == found).all()
    sparse = make("contrastive", epochs=40)
    sparse.fit_pairs(csr_array(X[left]), csr_array(X[right]), similar)
    np.testing.assert_allclose(sparse.transform(X), net.transform(X))


def test_a_weight_of_two_is_a_pair_given_twice():
    left, right, similar = make_pairs(np.random.default_rng(0), 40)
    weight = 1.0 + np.arange(40) % 2
    twice = np.repeat(np.arange(40), weight.astype(int))
    whole = {"batch_size": 100, "dtype": "float64"}
    weighed = make("contrastive", **whole)
    weighed.fit_pairs(X[left], X[right], similar, sample_weight=weight)
    repeated = make("contrastive", **whole)
    repeated.fit_pairs(X[left[twice]], X[right[twice]], similar[twice])
    np.testing.assert_allclose(weighed.transform(X), repeated.transform(X), atol=1e-9)


def test_keras_callbacks_see_a_network_of_one_row():
    class Watch(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.seen = self.model.predict(X, verbose=0)

    left, right, similar = make_pairs(np.random.default_rng(0))
    net = make("contrastive", callbacks=[Watch()])
    net.fit_pairs(X[left], X[right], similar)
    np.testing.assert_allclose(net.callbacks_[0].seen, net.transform(X), atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "right", "similar", "words"),
    [
        ("contrastive", X[1:], y_binary[1:], "inconsistent numbers of samples"),
        ("contrastive", X[:, :3], y_binary, "3 features, but"),
        ("contrastive", X, y_three, "similar must be True or 1"),
        ("contrastive", X, np.ones(93), "what is apart"),
        ("contrastive", X, np.zeros(93), "what is alike"),
        ("info_nce", X, y_binary, "says nothing of given pairs"),
    ],
)
def test_pairs_that_cannot_be(loss, right, similar, words):
    with pytest.raises(ValueError, match=words):
        make(loss).fit_pairs(X, right, similar)


def test_distances_are_of_as_many_rows():
    net = make("info_nce").fit(X)
    with pytest.raises(ValueError, match="X_left has 93 rows and X_right 92"):
        net.pair_distance(X, X[1:])
