"""A loss of rows without a label beside other parameters, and as one of them."""

import pickle
import random
import re

import keras
import numpy as np
import pytest
from canonical import NET, X, y_three
from sklearn.base import clone
from unlabelled_rows import LABELLED, ROWS, SOME, TWO, make, same

from skloss import LossAwareClassifier, LossAwareTransformer, Pretrained
from skloss.exceptions import LossTargetError
from skloss.losses import Consistency, Loss, MeanTeacher, PseudoLabel
from skloss.schedules import WarmUp

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def net():
    return make().fit(X, SOME)


# -- beside other parameters -----------------------------------------------------------

BODY = LossAwareTransformer(**NET)


def hidden(net):
    return net._fitted.outputs.weights[: 4 * 8 + 8]


def test_a_body_is_learnt_on_all_rows_and_then_all_train():
    body = Pretrained(BODY, 0.0)
    found = make("entropy:weight=3", network=body).fit(X, SOME)
    assert (hidden(found) == hidden(clone(BODY).fit(X))).all()
    alone = make(None, network=body).fit(X, SOME)
    assert (hidden(alone) == hidden(found)).all()
    assert not same(found, alone)
    assert (found.transduction_[ROWS] == y_three[ROWS]).all()
    assert not hasattr(alone, "transduction_")


def test_an_automatic_loss_is_found_in_labelled_rows():
    found = make(loss="auto").fit(X, SOME)
    alone = make(None, loss="auto").fit(X[ROWS], y_three[ROWS])
    assert found.loss_ == alone.loss_


def test_rows_that_train_the_body_alone_are_not_scored_either():
    found = make(None, network=Pretrained(BODY, 0.0)).fit(X, SOME)
    assert found.score(X, SOME) == found.score(X[ROWS], y_three[ROWS])
    held = make(None, network=Pretrained(BODY, 0.0)).fit(X, SOME, X_val=X, y_val=SOME)
    assert same(held, found)


def without_probabilities():
    for name, cls in sorted(Loss.registry["classification"].items()):
        if not cls().has_probabilities:
            yield name


def test_losses_without_probabilities_are_refused():
    names = list(without_probabilities())
    assert "hinge" in names
    for name in names:
        y = SOME if "multiclass" in Loss.registry["classification"][name].kinds else TWO
        with pytest.raises(LossTargetError, match=r"unlabeled_loss=.*'cross_entropy'"):
            make(loss=name).fit(X, y)


def test_mixup_is_refused():
    for mixup in (0.2, 0.2 * WarmUp(epochs=2)):
        with pytest.raises(ValueError, match=r"mixup=.*unlabeled_loss="):
            make(mixup=mixup).fit(X, SOME)
    make(None, mixup=0.2).fit(X, y_three)


def test_callbacks_inside_of_an_epoch_are_refused():
    class InBatches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    with pytest.raises(ValueError, match="value of a batch"):
        make(callbacks=[InBatches()]).fit(X, SOME)


def test_losses_that_cannot_be_are_refused_in_fit():
    for spec in ("cross_entropy", "pseudo_labels", Consistency(-1)):
        wrong = make(spec)
        with pytest.raises(ValueError, match=r"Did you mean|must be in|is for"):
            wrong.fit(X, SOME)
    with pytest.raises(TypeError, match="unlabeled_loss="):
        make(keras.losses.CategoricalCrossentropy()).fit(X, SOME)


@pytest.mark.parametrize("name", sorted(Loss.registry["classification"]))
@pytest.mark.parametrize("y", [TWO, SOME], ids=["binary", "multiclass"])
def test_every_loss_with_probabilities(name, y):
    cls = Loss.registry["classification"][name]
    kind = "binary" if y is TWO else "multiclass"
    if not cls().has_probabilities or kind not in cls.kinds:
        pytest.skip("of another kind")
    found = make("consistency:weight=3", loss=name, epochs=20).fit(X, y)
    history = found.history_["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    assert np.isfinite(found.predict_proba(X)).all()
    assert set(found.transduction_) <= set(found.classes_)


def test_everything_at_once():
    found = make(
        MeanTeacher(WarmUp(epochs=3)),
        loss="focal",
        dropout=0.2,
        input_noise=0.1,
        weight_averaging=0.9,
        clip_norm=1.0,
        l2=1e-3,
        class_weight="balanced",
        lr_schedule="cosine",
        early_stopping=True,
        calibration="temperature",
    ).fit(X, SOME)
    assert np.isfinite(found.predict_proba(X)).all()
    np.testing.assert_allclose(
        found.model_.predict(X, verbose=0), found.predict_proba(X), atol=1e-5
    )


# -- as a parameter --------------------------------------------------------------------


def test_nested_names_reach_the_loss(net):
    found = make().set_params(unlabeled_loss__threshold=0.3)
    assert found.unlabeled_loss == PseudoLabel(threshold=0.3)
    assert found.get_params()["unlabeled_loss__threshold"] == 0.3
    assert not same(found.fit(X, SOME), net)


def test_a_shared_object_is_not_changed_by_nested_names():
    mine = PseudoLabel(threshold=0.6)
    found = make(mine)
    clone(found).set_params(unlabeled_loss__threshold=0.3)
    assert mine.threshold == 0.6
    fitted = found.fit(X, SOME)
    p = fitted.predict_proba(X)
    mine.threshold = 0.1
    assert (fitted.predict_proba(X) == p).all()


def test_unknown_nested_names_fail_at_once():
    with pytest.raises(ValueError, match="'corruption', 'threshold', 'weight'"):
        make().set_params(unlabeled_loss__temperature=1)
    with pytest.raises(ValueError, match="unlabeled_loss__threshold"):
        make(None).set_params(unlabeled_loss__threshold=0.5)


def test_both_names_at_once():
    found = make().set_params(
        unlabeled_loss="consistency", unlabeled_loss__corruption=0.1
    )
    assert found.unlabeled_loss == Consistency(corruption=0.1)


def test_clones_pickles_and_reprs(net):
    p = net.predict_proba(X)
    again = pickle.loads(pickle.dumps(net))
    assert (again.predict_proba(X) == p).all()
    assert (again.transduction_ == net.transduction_).all()
    assert again.score(X, SOME) == net.score(X, SOME)
    assert same(clone(net).fit(X, SOME), net)
    own = make(PseudoLabel(threshold=0.4), unlabeled_label="?")
    assert clone(own).get_params() == own.get_params()
    assert "unlabeled_loss=PseudoLabel(threshold=0.4)" in re.sub(r"\s+", " ", repr(own))
    names = {cls.__name__: cls for cls in (LossAwareClassifier, PseudoLabel)}
    assert eval(repr(own), names).get_params() == own.get_params()


def test_what_is_given_stays_as_it_is():
    table, y, weight = X.copy(), SOME.copy(), np.ones(93)
    before = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    make().fit(table, y, sample_weight=weight)
    assert (table == X).all()
    assert (y == SOME).all()
    assert (weight == 1).all()
    after = random.getstate(), np.random.get_state()[1]  # noqa: NPY002
    assert after[0] == before[0]
    assert (after[1] == before[1]).all()


def test_a_failed_fit_leaves_what_was():
    found = make().fit(X, SOME)
    before = found.predict_proba(X), found.transduction_, found.history_
    failures = [
        (X, np.full(93, -1), {}),
        (X, SOME, {"sample_weight": np.zeros(93)}),
        (np.where(LABELLED[:, None], X, np.nan), SOME, {}),
        (X, SOME, {"X_val": X, "y_val": np.where(LABELLED, 7, -1)}),
    ]
    for table, y, fit in failures:
        with pytest.raises(ValueError, match=r"label|weight|NaN|classes"):
            found.fit(table, y, **fit)
        assert (found.predict_proba(X) == before[0]).all()
        assert (found.transduction_ == before[1]).all()
        assert found.history_ == before[2]


def test_the_transduction_is_of_the_last_fit():
    found = make().fit(X, SOME)
    found.set_params(unlabeled_loss=None).fit(X, y_three)
    assert not hasattr(found, "transduction_")
