"""Validation data: by groups from the training rows, or through a Pipeline."""

import numpy as np
import pandas as pd
import pytest
from searches import assert_same, both
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.estimators._fit_network import prepare_fit
from skloss.estimators._split import set_rows_aside
from skloss.exceptions import IneffectiveParameterWarning
from skloss.model_selection import FusedGridSearchCV
from skloss.model_selection._cells import CellMaker

X, y = load_breast_cancer(return_X_y=True)
X, y = X[:240, :6], np.array(["no", "yes"])[y[:240]]
RNG = np.random.default_rng(0)
# of very different sizes, in no order
GROUPS = np.array([f"g{i}" for i in RNG.geometric(0.06, 240)])


def net(**params):
    given = {"network": (4,), "epochs": 2, "early_stopping": True, "random_state": 0}
    return LossAwareClassifier(**{**given, **params})


def sides(job):
    """Return the groups that are trained on, and those that are held out."""
    stream = job.data.streams[0]
    return set(GROUPS[stream.rows]), set(GROUPS[stream.val_rows])


# -- groups --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression", "multilabel"])
@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.6])
def test_groups_stay_together(kind, fraction):
    code = RNG.integers(3, size=240)
    Y = {"binary": code[:, None] // 2, "multiclass": np.eye(3)[code]}
    Y = Y.get(kind, RNG.normal(size=(240, 2)))
    weight = (np.arange(240) % 7 > 0).astype(float)
    found = [
        set_rows_aside(Y, weight, fraction, kind, np.random.RandomState(seed), GROUPS)
        for seed in (1, 1, 2)
    ]
    train, held = found[0]
    assert sorted([*train, *held]) == np.flatnonzero(weight).tolist()
    assert not set(GROUPS[train]) & set(GROUPS[held])
    assert len(held) == pytest.approx(fraction * weight.sum(), rel=0.2)
    if kind in ("binary", "multiclass"):
        np.testing.assert_allclose(Y[held].mean(0), Y[weight > 0].mean(0), atol=0.15)
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert not np.array_equal(found[0][1], found[2][1])


def test_fit_keeps_groups_apart():
    train, held = sides(prepare_fit(net(), X, y, groups=GROUPS))
    assert held
    assert not train & held
    train, held = sides(prepare_fit(net(), X, y))
    assert train & held
    own = LossAwareRegressor(early_stopping=True)
    train, held = sides(prepare_fit(own, X, X[:, 0], groups=pd.Series(GROUPS)))
    assert held
    assert not train & held


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        (["a"] * 240, "early_stopping=True cannot set aside.*1"),
        (y, "all rows of a class.*Give X_val and y_val"),
        (GROUPS[:100], "inconsistent numbers of samples.*240.*100"),
    ],
)
def test_groups_that_cannot_be_kept_apart(groups, match):
    with pytest.raises(ValueError, match=match):
        net().fit(X, y, groups=groups)


def test_groups_without_a_split_have_no_effect():
    with pytest.warns(IneffectiveParameterWarning, match="groups has no effect"):
        net(early_stopping=False).fit(X, y, groups=GROUPS)
    with pytest.warns(IneffectiveParameterWarning, match="leave out groups or X_val"):
        net().fit(X, y, groups=GROUPS, X_val=X, y_val=y)


def test_groups_reach_the_net_of_a_pipeline():
    plain = net().fit(StandardScaler().fit_transform(X), y, groups=GROUPS)
    pipe = make_pipeline(StandardScaler(), net())
    pipe.fit(X, y, lossawareclassifier__groups=GROUPS)
    assert pipe[-1].history_ == plain.history_
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), net().set_fit_request(groups=True))
        assert pipe.fit(X, y, groups=GROUPS)[-1].history_ == plain.history_


def test_groups_are_sliced_for_each_fold_of_a_search(monkeypatch):
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), net().set_fit_request(groups=True))
        grid = {"lossawareclassifier__learning_rate": [0.01, 0.05]}
        cells, make_cell = [], CellMaker.make_cell

        def noting(maker, candidate, fold, estimator):
            cell = make_cell(maker, candidate, fold, estimator)
            cells.append((maker.folds.splits[fold][0], cell.job.data.streams[0]))
            return cell

        monkeypatch.setattr(CellMaker, "make_cell", noting)
        fused, plain = both(pipe, grid, X, y, cv=GroupKFold(3), fit={"groups": GROUPS})
        assert_same(fused, plain)
    assert len(cells) == 6
    for rows, stream in cells:
        held = set(GROUPS[rows][stream.val_rows])
        assert held
        assert not held & set(GROUPS[rows][stream.rows])
    # the refit sets nothing aside, and has no use for groups
    assert "val_loss" not in fused.best_estimator_[-1].history_


# -- X_val through a Pipeline --------------------------------------------------------


def scaled():
    """Return a Pipeline that scales X_val; only with metadata routing."""
    own = net(validation_scoring="roc_auc").set_fit_request(X_val=True, y_val=True)
    return Pipeline(
        [("scale", StandardScaler()), ("net", own)], transform_input=["X_val"]
    )


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_a_pipeline_scales_the_validation_data(output):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    val = {"X_val": frame[160:], "y_val": y[160:]}
    with config_context(enable_metadata_routing=True):
        pipe = scaled().set_output(transform=output).fit(frame[:160], y[:160], **val)
    scaler = StandardScaler().fit(X[:160])
    by_hand = {"X_val": scaler.transform(X[160:]), "y_val": y[160:]}
    own = net(validation_scoring="roc_auc")
    own.fit(scaler.transform(X[:160]), y[:160], **by_hand)
    assert pipe["net"].history_ == own.history_
    assert hasattr(pipe["net"], "feature_names_in_") == (output == "pandas")


@pytest.mark.slow
def test_a_pipeline_encodes_columns_of_strings():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["town"] = np.array(["Ulm", "Bern", "Pau"])[RNG.integers(3, size=240)]
    encoder = OneHotEncoder(sparse_output=False)
    encode = make_column_transformer(
        (encoder, ["town"]), remainder=StandardScaler(), verbose_feature_names_out=False
    )
    with config_context(enable_metadata_routing=True):
        own = net().set_fit_request(X_val=True, y_val=True)
        pipe = Pipeline([("encode", encode), ("net", own)], transform_input=["X_val"])
        pipe.fit(frame[:160], y[:160], X_val=frame[160:], y_val=y[160:])
        val_loss = pipe["net"].history_["val_loss"]
        table = pipe["encode"].transform(frame)
        lacking = frame[160:].drop(columns="town")
        with pytest.raises(ValueError, match="town"):
            pipe.fit(frame[:160], y[:160], X_val=lacking, y_val=y[160:])
        other = np.where(y[160:] == "no", "no", "maybe")
        with pytest.raises(ValueError, match=r"In X_val and y_val.*\['maybe'\].*\['no"):
            pipe.fit(frame[:160], y[:160], X_val=frame[160:], y_val=other)
    assert table.shape == (240, 9)
    by_hand = net().fit(table[:160], y[:160], X_val=table[160:], y_val=y[160:])
    np.testing.assert_allclose(by_hand.history_["val_loss"], val_loss, rtol=1e-6)


def test_the_same_in_a_fused_search():
    val = {"X_val": X[160:], "y_val": y[160:]}  # not as long as X: not sliced
    grid = {"net__learning_rate": [0.01, 0.05]}
    with config_context(enable_metadata_routing=True):
        pair = both(scaled(), grid, X[:160], y[:160], cv=3, fit=val)
    assert_same(*pair)
    fused, plain = (search.best_estimator_["net"].history_ for search in pair)
    assert fused == plain  # the refit, too, is judged by the data it was given
    assert len(fused["val_roc_auc"]) == 2


def test_validation_data_of_other_columns():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    own, rows = net(), (frame[:160], y[:160])
    for other, match in [
        (frame.rename(columns={"c": "z"}), "In X_val and y_val.*names unseen.*z.*c"),
        (frame[list("fedcba")], "In X_val and y_val.*same order"),
        (frame[list("abc")], r"In X_val and y_val.*transform_input"),
    ]:
        with pytest.raises(ValueError, match=f"(?s){match}"):
            own.fit(*rows, X_val=other[160:], y_val=y[160:])


def test_a_search_without_routing_takes_validation_data_too():
    target = load_diabetes(return_X_y=True)[1][:240]
    reg = LossAwareRegressor(network=(4,), epochs=2, early_stopping=True)
    pipe = make_pipeline(StandardScaler(), reg.set_params(random_state=0))
    names = ("X_val", "y_val")
    scale = StandardScaler().fit(X[:160])
    val = (scale.transform(X[160:]), target[160:])
    fit = {f"lossawareregressor__{k}": v for k, v in zip(names, val, strict=True)}
    grid = {"lossawareregressor__l2": [0.0, 0.1]}
    for cls in (GridSearchCV, FusedGridSearchCV):
        search = cls(pipe, grid, cv=2).fit(X[:160], target[:160], **fit)
        assert "val_loss" in search.best_estimator_[-1].history_
