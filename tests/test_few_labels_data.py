"""Few labels beside all else that ``fit`` and ``score`` are given."""

import warnings

import numpy as np
import pandas as pd
import polars
import pytest
from canonical import X, y_binary, y_three
from scipy.sparse import csr_array
from sklearn.metrics import accuracy_score, log_loss
from unlabelled_rows import LABELLED, OTHERS, PSEUDO, ROWS, SOME, make, same

from skloss.estimators._fit_network import prepare_fit
from skloss.exceptions import IneffectiveParameterWarning

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def net():
    return make().fit(X, SOME)


# -- what else a fit is given ----------------------------------------------------------


def test_rows_of_no_weight_are_not_there():
    weight = np.where(np.arange(93) % 3 == 1, 0.0, 1.0)
    found = make().fit(X, SOME, sample_weight=weight)
    kept = weight > 0
    assert same(found, make().fit(X[kept], SOME[kept]))


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


def test_a_y_val_without_labels_is_refused_by_name():
    with pytest.raises(ValueError, match="y_val"):
        make().fit(X, SOME, X_val=X[OTHERS], y_val=SOME[OTHERS])


def test_validation_data_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(X, SOME, X_val=X, y_val=SOME[:50])


def test_another_score_of_validation_rows():
    found = make(validation_scoring="accuracy").fit(X, SOME, X_val=X, y_val=SOME)
    expected = accuracy_score(y_three[ROWS], found.predict(X[ROWS]))
    assert found.history_["val_accuracy"][-1] == pytest.approx(expected)


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


def test_precision():
    table = X.astype(np.float32)
    single = make(dtype="float32").fit(table, SOME)
    assert same(single, make(dtype="float32").fit(table.astype(float), SOME), table)
    # "auto": double where one batch holds all rows
    assert prepare_fit(make(batch_size=500), X, SOME).plan.dtype == "float64"
    assert prepare_fit(make(), X, SOME).plan.dtype == "float32"


def test_tables_with_names(net):
    for frame in (
        pd.DataFrame(X, columns=list("abcd"), index=np.arange(93) + 7),
        polars.DataFrame(X, schema=list("abcd")),
    ):
        found = make().fit(frame, SOME)
        assert found.feature_names_in_.tolist() == list("abcd")
        assert (found.predict_proba(frame) == net.predict_proba(X)).all()


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


def test_a_score_without_labels_is_refused_as_a_score(net):
    with pytest.raises(ValueError, match=r"(?i)no row of y has a label") as caught:
        net.score(X[OTHERS], SOME[OTHERS])
    assert "train" not in str(caught.value)


def test_a_score_of_different_lengths_is_refused(net):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.score(X, SOME[:50])
