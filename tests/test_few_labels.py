"""Few labels: what ``unlabeled_loss`` makes of a classifier, as its users see it."""

import pickle
import random
import re
import warnings

import keras
import numpy as np
import pandas as pd
import polars
import pytest
from canonical import NET, X, y_binary, y_three
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator

from skloss import LossAwareClassifier, LossAwareTransformer, Pretrained
from skloss.estimators._fit_network import prepare_fit
from skloss.exceptions import IneffectiveParameterWarning, LossTargetError
from skloss.losses import Consistency, Loss, MeanTeacher, PseudoLabel
from skloss.model_selection import FusedGridSearchCV, LabelledSplit
from skloss.schedules import WarmUp

LABELLED = np.arange(93) % 3 == 0
SOME = np.where(LABELLED, y_three, -1)
TWO = np.where(LABELLED, y_binary, -1)
WORDS = np.array(["low", "mid", "highest"])[y_three]
ROWS, OTHERS = np.flatnonzero(LABELLED), np.flatnonzero(~LABELLED)
SOME.flags.writeable = TWO.flags.writeable = False
PSEUDO = "pseudo_label:threshold=0.5"


def make(unlabeled_loss=PSEUDO, **changes):
    return LossAwareClassifier(unlabeled_loss=unlabeled_loss, **{**NET, **changes})


def words(missing="?"):
    return np.where(LABELLED, WORDS, missing)


def same(one, two, table=X):
    """Tell whether two fitted classifiers are the same in every bit."""
    return (one.predict_proba(table) == two.predict_proba(table)).all()


@pytest.fixture(scope="module")
def net():
    return make().fit(X, SOME)


# -- which rows have a label -----------------------------------------------------------


def test_minus_one_beside_two_classes_or_more_is_no_class(net):
    assert net.classes_.tolist() == [0, 1, 2]
    assert make().fit(X, TWO).classes_.tolist() == [0, 1]
    assert net.predict_proba(X).shape == (93, 3)


def test_minus_one_beside_one_other_value_is_a_class():
    y = np.where(y_binary == 1, 1, -1)
    with pytest.warns(IneffectiveParameterWarning, match="one of two"):
        found = make().fit(X, y)
    assert found.classes_.tolist() == [-1, 1]
    assert same(found, make(None).fit(X, y))
    assert not hasattr(found, "transduction_")


def test_rows_that_all_have_labels_are_warned_of():
    with pytest.warns(IneffectiveParameterWarning, match="unlabeled_loss='entropy'"):
        found = make("entropy").fit(X, y_three)
    assert same(found, make(None).fit(X, y_three))


def test_without_a_loss_for_them_rows_without_a_label_are_refused():
    with pytest.raises(ValueError, match=r"unlabeled_loss=.*unlabeled_label=None"):
        make(None).fit(X, SOME)


def test_without_a_label_for_them_minus_one_is_a_class():
    found = make(None, unlabeled_label=None).fit(X, SOME)
    assert found.classes_.tolist() == [-1, 0, 1, 2]
    codes = make(None).fit(X, SOME + 1)
    assert same(found, codes)


def test_a_loss_without_a_label_for_its_rows_is_refused():
    with pytest.raises(ValueError, match="unlabeled_label=None says that"):
        make(unlabeled_label=None).fit(X, SOME)


def test_no_labelled_row_is_refused():
    with pytest.raises(ValueError, match="No row of y has a label"):
        make().fit(X, np.full(93, -1))


@pytest.mark.parametrize(
    "y",
    [
        SOME.tolist(),
        SOME.astype(np.int8),
        SOME.astype(float),
        SOME.astype(np.float32),
        pd.Series(SOME, index=np.arange(93) + 500),
        pd.Series(SOME).astype("category"),
        pd.Series(SOME).astype("Int64"),
        polars.Series(SOME),
    ],
    ids=["list", "int8", "float", "float32", "Series", "category", "Int64", "polars"],
)
def test_numbers_of_all_kinds(net, y):
    found = make().fit(X, y)
    assert found.classes_.tolist() == [0, 1, 2]
    assert same(found, net)
    np.testing.assert_array_equal(found.transduction_, net.transduction_)


@pytest.mark.parametrize(
    "make_y",
    [
        lambda y: y,
        lambda y: y.tolist(),
        lambda y: y.astype(object),
        lambda y: pd.Series(y, dtype="str"),
        lambda y: pd.Series(y, dtype="string"),
        lambda y: pd.Series(y, dtype="category"),
        lambda y: polars.Series(y.tolist()),
    ],
    ids=["str", "list", "object", "pandas", "string", "category", "polars"],
)
def test_texts_of_all_kinds(make_y):
    found = make(unlabeled_label="?").fit(X, make_y(words()))
    assert found.classes_.tolist() == ["highest", "low", "mid"]
    codes = make().fit(X, np.where(LABELLED, np.array([1, 2, 0])[y_three], -1))
    assert same(found, codes)
    assert (found.transduction_[ROWS] == WORDS[ROWS]).all()
    assert (found.transduction_ == found.predict(X))[OTHERS].all()


def test_labels_longer_than_all_that_were_given_are_not_cut():
    y = np.where(LABELLED, np.array(["a", "b", "c"])[y_three], "unknown")
    found = make(unlabeled_label="unknown").fit(X, y)
    assert set(found.transduction_) <= {"a", "b", "c"}
    longer = make(unlabeled_label="?").fit(X, words())
    assert set(longer.transduction_) <= set(WORDS)


def test_another_number_for_a_missing_label(net):
    found = make(unlabeled_label=99).fit(X, np.where(LABELLED, y_three, 99))
    assert same(found, net)
    shifted = make(unlabeled_label=0).fit(X, SOME + 1)
    assert shifted.classes_.tolist() == [1, 2, 3]
    assert same(shifted, net)


def test_ordered_classes_keep_their_order():
    order = ["?", "low", "mid", "highest"]
    y = pd.Series(pd.Categorical(words(), categories=order, ordered=True))
    found = make(unlabeled_label="?", loss="coral").fit(X, y)
    assert set(found.transduction_) <= set(WORDS)
    codes = make(loss="coral").fit(X, SOME)
    np.testing.assert_allclose(
        found.predict_proba(X)[:, [1, 2, 0]], codes.predict_proba(X), atol=1e-6
    )


def test_several_labels_a_row_have_no_rows_without():
    Y = np.column_stack([y_binary, 1 - y_binary])
    with pytest.warns(IneffectiveParameterWarning):
        found = make().fit(X, Y)
    assert same(found, make(None).fit(X, Y))


# BUG: -1 becomes a class, here and without unlabeled_loss
def test_a_column_of_labels_is_read_as_labels(net):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DataConversionWarning
        found = make().fit(X, SOME[:, None])
    assert found.classes_.tolist() == [0, 1, 2]
    assert same(found, net)


# BUG: an X that is longer is cut to the length of y, and IndexError if it is shorter
@pytest.mark.parametrize("count", [50, 94, 150])
def test_an_x_and_a_y_of_different_lengths_are_refused(count):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(X, np.resize(SOME, count))


# BUG: longer ones are cut, shorter ones an IndexError
@pytest.mark.parametrize("count", [50, 150])
def test_sample_weights_of_another_length_are_refused(count):
    with pytest.raises(ValueError, match="sample_weight"):
        make().fit(X, SOME, sample_weight=np.ones(count))


# BUG: TypeError: 'float' object is not subscriptable
def test_one_sample_weight_for_all(net):
    assert same(make().fit(X, SOME, sample_weight=2.0), net)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [PSEUDO, "consistency", "mean_teacher", "entropy"])
def test_few_and_strange_rows(spec):
    for table, y in {
        "three rows": (X[:3], [0, 1, -1]),
        "one row without a label": (X, np.where(np.arange(93) == 5, -1, y_three)),
        "one row of each class": (
            X,
            np.where(np.isin(np.arange(93), [0, 40]), TWO, -1),
        ),
        "far from zero": (1e5 + X, SOME),
        "whole numbers": ((10 * X).astype(int), SOME),
        "constant": (np.ones((93, 4)), SOME),
    }.values():
        if len(np.unique(y)) < 3:  # the rows of two classes differ in them
            y = np.where(np.arange(93) == 0, 0, np.where(np.arange(93) == 1, 1, -1))
        found = make(spec).fit(table, y)
        p = found.predict_proba(table)
        assert np.isfinite(p).all()
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
        assert set(found.transduction_) <= set(found.classes_)


# -- transduction ----------------------------------------------------------------------


def test_labels_that_were_given_stay_and_others_are_predicted():
    # a network that has learnt nothing: what it predicts is not what was given
    found = make(learning_rate=1e-9, network=(3,)).fit(X, SOME)
    assert (found.predict(X)[ROWS] != y_three[ROWS]).any()
    assert (found.transduction_[ROWS] == y_three[ROWS]).all()
    assert (found.transduction_[OTHERS] == found.predict(X)[OTHERS]).all()


@pytest.mark.parametrize("dtype", [np.int64, np.int8, float, object])
def test_the_transduction_is_of_the_kind_of_y(dtype):
    y = SOME.astype(dtype) if dtype is not object else words().astype(object)
    found = make(unlabeled_label=-1 if dtype is not object else "?").fit(X, y)
    assert found.transduction_.dtype == dtype
    assert found.transduction_.shape == (93,)


def test_without_rows_without_a_label_there_is_no_transduction():
    assert not hasattr(make(None).fit(X, y_three), "transduction_")
    assert not hasattr(make(), "transduction_")


# BUG: they keep -1
def test_rows_of_no_weight_are_labelled_too():
    weight = np.where(np.arange(93) % 3 == 1, 0.0, 1.0)
    found = make().fit(X, SOME, sample_weight=weight)
    assert (found.transduction_[OTHERS] == found.predict(X)[OTHERS]).all()


# -- what else a fit is given ----------------------------------------------------------


def test_rows_of_no_weight_are_not_there():
    weight = np.where(np.arange(93) % 3 == 1, 0.0, 1.0)
    found = make().fit(X, SOME, sample_weight=weight)
    kept = weight > 0
    assert same(found, make().fit(X[kept], SOME[kept]))


# BUG: "Sample weights must contain at least one non-zero number"
def test_without_weight_rows_without_a_label_do_not_train():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that unlabeled_loss has no effect, perhaps
        found = make().fit(X, SOME, sample_weight=LABELLED.astype(float))
    assert same(found, make(None).fit(X[ROWS], y_three[ROWS]))


def test_the_scale_of_weights_does_not_matter_within_each_kind():
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 93)
    one = make().fit(X, SOME, sample_weight=weight)
    two = make().fit(X, SOME, sample_weight=np.where(LABELLED, 4.0, 0.25) * weight)
    assert same(one, two)
    assert not same(one, make().fit(X, SOME))


def test_balanced_class_weights_are_those_of_labelled_rows():
    counts = np.bincount(y_three[ROWS])
    own = dict(enumerate(len(ROWS) / (3 * counts)))
    found = make(class_weight="balanced").fit(X, SOME)
    np.testing.assert_allclose(
        found.predict_proba(X),
        make(class_weight=own).fit(X, SOME).predict_proba(X),
        rtol=1e-5,
    )


def validation_rows(**changes):
    """Return the numbers of the rows set aside, and the stream."""
    fit = changes.pop("fit", {})
    job = prepare_fit(make(early_stopping=True, **changes), X, SOME, **fit)
    (stream,) = job.data.streams
    return job, stream


def test_validation_rows_have_labels():
    job, stream = validation_rows(validation_fraction=0.3)
    assert len(stream.val_rows) == 10  # of 31, rounded up
    assert (job.data.facts[stream.val_rows] == 1).all()
    assert (job.data.facts[stream.rows] == 1).all()
    assert (job.data.facts[stream.others] == 0).all()
    np.testing.assert_array_equal(job.data.X[stream.others], X[OTHERS])
    everything = np.concatenate([stream.rows, stream.val_rows, stream.others])
    assert sorted(everything) == list(range(93))


def test_early_stopping_sets_aside_what_it_would_of_labelled_rows_alone():
    _, stream = validation_rows(validation_fraction=0.3)
    alone = prepare_fit(
        make(None, early_stopping=True, validation_fraction=0.3), X[ROWS], y_three[ROWS]
    )
    assert (alone.data.streams[0].val_rows == stream.val_rows).all()


def test_groups_of_labelled_rows_stay_together():
    groups = np.arange(93) // 7
    _, stream = validation_rows(validation_fraction=0.4, fit={"groups": groups})
    own = groups[ROWS]
    assert len(stream.val_rows)
    assert not set(own[stream.rows]) & set(own[stream.val_rows])


def test_early_stopping_ends_and_is_scored_by_labelled_rows():
    options = {"early_stopping": True, "patience": 2, "epochs": 40}
    found = make(validation_fraction=0.3, learning_rate=0.3, **options).fit(X, SOME)
    assert found.n_epochs_ < 40
    _, stream = validation_rows(validation_fraction=0.3)
    held = ROWS[stream.val_rows]
    expected = log_loss(y_three[held], found.predict_proba(X[held]))
    assert min(found.history_["val_log_loss"]) == pytest.approx(expected, rel=1e-5)


def test_a_class_with_one_label_cannot_be_set_aside():
    y = np.where((SOME == 2) & (np.arange(93) > 6), -1, SOME)
    assert (y == 2).sum() <= 2
    y[np.flatnonzero(y == 2)[1:]] = -1
    with pytest.raises(ValueError, match="set early_stopping=False"):
        make(early_stopping=True).fit(X, y)


def test_rows_without_a_label_do_not_validate(net):
    given = {"X_val": X[::-1], "y_val": SOME[::-1]}
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 93)
    found = make().fit(X, SOME, **given, sample_weight_val=weight[::-1])
    assert same(found, net)
    last = log_loss(
        y_three[ROWS], found.predict_proba(X[ROWS]), sample_weight=weight[ROWS]
    )
    assert found.history_["val_log_loss"][-1] == pytest.approx(last, rel=1e-5)


# BUG: "there is nothing but a body to train", without a word of y_val
def test_a_y_val_without_labels_is_refused_by_name():
    with pytest.raises(ValueError, match="y_val"):
        make().fit(X, SOME, X_val=X[OTHERS], y_val=SOME[OTHERS])


# BUG: X_val is cut to the length of y_val
def test_validation_data_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(X, SOME, X_val=X, y_val=SOME[:50])


def test_another_score_of_validation_rows():
    found = make(validation_scoring="accuracy").fit(X, SOME, X_val=X, y_val=SOME)
    expected = accuracy_score(y_three[ROWS], found.predict(X[ROWS]))
    assert found.history_["val_accuracy"][-1] == pytest.approx(expected)


@pytest.mark.slow
def test_temperatures_are_of_labelled_rows():
    p = make().fit(X, SOME).predict_proba(X)
    found = make(calibration="temperature").fit(X, SOME, X_val=X, y_val=SOME)
    grid = found.temperature_ * np.array([0.9, 1.0, 1.1])
    losses = []
    for temperature in grid:
        q = p ** (1 / temperature)
        q = q / q.sum(axis=1, keepdims=True)
        losses.append(log_loss(y_three[ROWS], q[ROWS]))
    assert np.argmin(losses) == 1
    unseen = make(calibration="temperature").fit(X, SOME)  # out of fold
    assert unseen.temperature_ > 0
    assert unseen.temperature_ != found.temperature_


def test_parts_of_a_training():
    found = make().partial_fit(X[:50], SOME[:50], classes=[0, 1, 2])
    assert len(found.transduction_) == 50
    # one class beside -1 is no target of two classes, since all are known
    rows = np.flatnonzero((SOME == 1) | (SOME == -1))
    found.partial_fit(X[rows], SOME[rows])
    assert found.classes_.tolist() == [0, 1, 2]
    assert (found.transduction_[SOME[rows] == 1] == 1).all()
    assert found.n_epochs_ == 2


def test_parts_are_the_epochs_of_a_fit():
    whole = make(epochs=2).fit(X, SOME)
    parts = make().partial_fit(X, SOME).partial_fit(X, SOME)
    np.testing.assert_allclose(
        parts.predict_proba(X), whole.predict_proba(X), rtol=1e-5
    )


def test_minus_one_among_the_classes_is_one():
    with pytest.warns(IneffectiveParameterWarning):
        found = make().partial_fit(X, SOME, classes=[-1, 0, 1, 2])
    assert found.classes_.tolist() == [-1, 0, 1, 2]


def test_warm_starts_go_on():
    found = make(warm_start=True).fit(X, SOME)
    first = found.history_["loss"]
    assert found.fit(X, SOME).history_["loss"][0] < first[0]


@pytest.mark.parametrize("spec", [PSEUDO, "mean_teacher"])
def test_sparse_tables(spec):
    dense = make(spec).fit(X, SOME)
    sparse = make(spec).fit(csr_array(X), SOME)
    np.testing.assert_allclose(
        sparse.predict_proba(csr_array(X)), dense.predict_proba(X), rtol=1e-5
    )


def test_single_precision():
    table = X.astype(np.float32)
    single = make(dtype="float32").fit(table, SOME)
    assert (
        single.predict_proba(table).dtype
        == make(None, dtype="float32")
        .fit(table[ROWS], y_three[ROWS])
        .predict_proba(table)
        .dtype
    )
    assert same(single, make(dtype="float32").fit(table.astype(float), SOME), table)
    whole = prepare_fit(make(batch_size=500), X, SOME)
    assert whole.plan.dtype == "float64"  # one batch holds all rows
    assert prepare_fit(make(), X, SOME).plan.dtype == "float32"


def test_tables_with_names(net):
    for frame in (
        pd.DataFrame(X, columns=list("abcd"), index=np.arange(93) + 7),
        polars.DataFrame(X, schema=list("abcd")),
    ):
        found = make().fit(frame, SOME)
        assert found.feature_names_in_.tolist() == list("abcd")
        assert (found.predict_proba(frame) == net.predict_proba(X)).all()


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
    assert np.isfinite(found.predict_proba(X)).all()


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


@pytest.mark.slow
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


@pytest.mark.slow
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


# -- score -----------------------------------------------------------------------------


def test_rows_without_a_label_are_not_scored(net):
    expected = accuracy_score(y_three[ROWS], net.predict(X[ROWS]))
    assert net.score(X, SOME) == expected
    assert net.score(X, pd.Series(SOME)) == expected
    weight = np.arange(93) + 1.0
    expected = accuracy_score(
        y_three[ROWS], net.predict(X[ROWS]), sample_weight=weight[ROWS]
    )
    assert net.score(X, SOME, weight) == pytest.approx(expected)


def test_a_score_of_one_class_alone(net):
    rows = np.flatnonzero((SOME == 1) | (SOME == -1))
    expected = np.mean(net.predict(X[SOME == 1]) == 1)
    assert net.score(X[rows], SOME[rows]) == expected


def test_minus_one_that_is_a_class_is_scored():
    with pytest.warns(IneffectiveParameterWarning):
        found = make().fit(X, np.where(y_binary == 1, 1, -1))
    y = np.where(y_binary == 1, 1, -1)
    assert found.score(X, y) == accuracy_score(y, found.predict(X))


# BUG: "there is nothing but a body to train"
def test_a_score_without_labels_is_refused_as_a_score(net):
    with pytest.raises(ValueError, match=r"(?i)no row of y has a label") as caught:
        net.score(X[OTHERS], SOME[OTHERS])
    assert "train" not in str(caught.value)


# BUG: X is cut to the length of y
def test_a_score_of_different_lengths_is_refused(net):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.score(X, SOME[:50])


# -- a value ---------------------------------------------------------------------------


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
    assert eval(repr(own)).get_params() == own.get_params()


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


# -- among scikit-learn's --------------------------------------------------------------


def test_a_pipeline_scales_by_all_rows():
    table = 5 * X + 3
    pipe = make_pipeline(StandardScaler(), make()).fit(table, SOME)
    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    alone = make().fit(scaled, SOME)
    np.testing.assert_allclose(
        pipe.predict_proba(table), alone.predict_proba(scaled), rtol=1e-5
    )
    assert pipe.score(table, SOME) == alone.score(scaled, SOME)


def test_a_splitter_of_texts():
    cv = LabelledSplit(3, unlabeled_label="?")
    assert repr(cv) == "LabelledSplit(3, unlabeled_label='?')"
    own = StratifiedKFold(3).split(X[ROWS], WORDS[ROWS])
    for (train, test), (a, b) in zip(cv.split(X, words()), own, strict=True):
        assert (test == ROWS[b]).all()
        assert (train == np.sort(np.r_[ROWS[a], OTHERS])).all()


@pytest.mark.slow
def test_cross_validation_scores_labelled_rows():
    cv = LabelledSplit(3)
    scores = cross_val_score(make(), X, SOME, cv=cv, error_score="raise")
    by_hand = []
    for train, test in cv.split(X, SOME):
        fitted = make().fit(X[train], SOME[train])
        by_hand.append(accuracy_score(y_three[test], fitted.predict(X[test])))
    assert scores.tolist() == by_hand
    texts = cross_val_score(
        make(unlabeled_label="?"),
        X,
        words(),
        cv=LabelledSplit(3, unlabeled_label="?"),
        scoring="balanced_accuracy",
        error_score="raise",
    )
    assert np.isfinite(texts).all()


GRID = {
    "lossawareclassifier__unlabeled_loss__threshold": [0.4, 0.7],
    "lossawareclassifier__l2": [0.0, 0.1],
}


def search_both(y, scoring, **changes):
    pipe = make_pipeline(StandardScaler(), make(**changes))
    cv = LabelledSplit(3, unlabeled_label=changes.get("unlabeled_label", -1))
    options = {"cv": cv, "scoring": scoring, "error_score": "raise"}
    pair = [
        search(pipe, GRID, **options) for search in (GridSearchCV, FusedGridSearchCV)
    ]
    return [search.fit(X, y) for search in pair]


def assert_same_scores(theirs, ours):
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            ours.cv_results_[name], theirs.cv_results_[name], atol=1e-6, err_msg=name
        )


@pytest.mark.slow
@pytest.mark.parametrize("scoring", [None, "accuracy", "balanced_accuracy", "f1_macro"])
def test_searches_of_labels(scoring):
    theirs, ours = search_both(SOME, scoring)
    assert_same_scores(theirs, ours)
    assert ours.best_params_ == theirs.best_params_
    assert ours.classes_.tolist() == theirs.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5
    )
    assert ours.score(X[ROWS], y_three[ROWS]) == pytest.approx(
        theirs.score(X[ROWS], y_three[ROWS])
    )


# BUG: the fused search takes the missing label for a class that its folds lack:
# roc_auc fails, neg_brier_score is twice as large, neg_log_loss differs by 1e-6
@pytest.mark.slow
@pytest.mark.parametrize(
    "scoring", ["roc_auc", "neg_brier_score", "neg_log_loss", "d2_log_loss_score"]
)
def test_searches_of_probabilities_of_two_classes(scoring):
    assert_same_scores(*search_both(TWO, scoring))


# BUG: as above
@pytest.mark.slow
@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "neg_log_loss"])
def test_searches_of_probabilities_of_several_classes(scoring):
    assert_same_scores(*search_both(SOME, scoring))


@pytest.mark.slow
def test_searches_of_texts():
    theirs, ours = search_both(words(), "accuracy", unlabeled_label="?")
    assert_same_scores(theirs, ours)
    assert set(ours.predict(X)) <= set(WORDS)


@pytest.mark.slow
def test_several_scores_at_once():
    cv = LabelledSplit(3)
    scoring = ["accuracy", "balanced_accuracy"]
    found = cross_validate(make(), X, SOME, cv=cv, scoring=scoring, error_score="raise")
    ours = FusedGridSearchCV(
        make(), {"l2": [0.0]}, cv=cv, scoring=scoring, refit="accuracy"
    ).fit(X, SOME)
    for name in scoring:
        expected = found[f"test_{name}"].mean()
        assert ours.cv_results_[f"mean_test_{name}"][0] == pytest.approx(expected)


@pytest.mark.slow
def test_calibration_and_self_training_around_it(net):
    calibrated = CalibratedClassifierCV(FrozenEstimator(net)).fit(
        X[ROWS], y_three[ROWS]
    )
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    # it gives its estimator the rows with labels, and those that it labels
    taught = SelfTrainingClassifier(make(None), threshold=0.6).fit(X, SOME)
    assert taught.classes_.tolist() == [0, 1, 2]
    assert (taught.transduction_[ROWS] == y_three[ROWS]).all()


CHECKED = {
    "network": (8,),
    "batch_size": 64,
    "epochs": 40,
    "learning_rate": 0.01,
    "random_state": 0,
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skloss.exceptions.IneffectiveParameterWarning")
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(own, check, id=check.func.__name__)
        for own, check in estimator_checks_generator(
            LossAwareClassifier(unlabeled_loss="pseudo_label", **CHECKED)
        )
    ],
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
