"""Several heads on one body, as scikit-learn sees them."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import (
    get_scorer,
    make_scorer,
    max_error,
    mean_absolute_error,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss.inspection import diagnose
from skloss.losses import Focal, Huber, PerTarget, SquaredError
from skloss.model_selection import FusedGridSearchCV, head_scorer
from skloss.schedules import Cosine

X, NUMBER = load_diabetes(return_X_y=True)
X, NUMBER = scale(X[:200]), NUMBER[:200]
GRADE = np.where(NUMBER > 180, "severe", "mild")
Y = pd.DataFrame({"number": NUMBER, "grade": GRADE})
HEADS = [("grade", ClassificationHead("focal")), ("number", RegressionHead("huber"))]
SCORING = {
    "auc": head_scorer("grade", "roc_auc"),
    "mae": head_scorer("number", "neg_mean_absolute_error"),
}


def make_net(heads=HEADS, **params):
    params = {"network": (8,), "epochs": 3, "random_state": 0, "record": False} | params
    return LossAwareMultiTask(clone(heads, safe=False), **params)


@pytest.fixture(scope="module")
def net():
    return make_net(epochs=30, learning_rate=0.01).fit(X, Y)


# -- parameters ----------------------------------------------------------------------


def test_parameters_have_the_names_of_the_heads():
    net = make_net()
    params = net.get_params()
    assert params["grade"] is net.heads[0][1]
    assert params["grade__loss"] == "focal"
    assert params["grade__loss__gamma"] == Focal().gamma
    assert params["number__weight"] == 1.0
    net.set_params(grade__loss__gamma=3, number__weight=0.5, network__activation="tanh")
    assert net.heads[0][1] == ClassificationHead(Focal(gamma=3))
    assert net.heads[1][1].weight == 0.5
    assert net.network.activation == "tanh"
    net.set_params(grade=ClassificationHead("brier"), grade__weight=2.0)
    assert net.heads[0] == ("grade", ClassificationHead("brier", weight=2.0))
    other = clone(net)
    assert other.heads == net.heads
    assert other.heads[0][1] is not net.heads[0][1]
    assert eval(repr(net.heads[0][1])) == net.heads[0][1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("grades__loss", "(?s)Invalid parameter 'grades__loss'.*'grade__loss'"),
        ("grade__los", "Invalid parameter 'los'.*'loss'"),
        ("grade__loss__gama", "Invalid parameter 'gama'.*'gamma'"),
        ("loss", "Invalid parameter 'loss'"),
    ],
)
def test_unknown_parameters_are_refused(name, text):
    with pytest.raises(ValueError, match=text):
        make_net().set_params(**{name: 1})


# -- predictions ---------------------------------------------------------------------


def test_predictions_are_as_y_was(net):
    p = net.predict(pd.DataFrame(X, index=np.arange(200) + 7))
    assert list(p.columns) == ["number", "grade"]
    assert p.index[0] == 7
    assert p["grade"].dtype == Y["grade"].dtype
    heads = net.named_estimators_
    assert np.array_equal(p["grade"], heads.grade.predict(X))
    np.testing.assert_allclose(p["number"], heads.number.predict(X), rtol=1e-5)
    accuracy = (p["grade"].to_numpy() == GRADE).mean()
    r2 = 1 - ((p["number"] - NUMBER) ** 2).mean() / NUMBER.var()
    assert net.score(X, Y) == pytest.approx((accuracy + r2) / 2, rel=1e-6)
    assert (accuracy > 0.75, r2 > 0.3) == (True, True)
    assert list(net.predict_proba(X)) == ["grade"]


@pytest.mark.parametrize(
    "given",
    [
        Y[["grade", "number"]],
        pl.DataFrame({"number": NUMBER, "grade": GRADE}),
        pd.DataFrame({"grade": pd.Categorical(GRADE), "number": NUMBER}),
        np.column_stack([GRADE.astype(object), NUMBER]),
        [[g, float(n)] for g, n in zip(GRADE, NUMBER, strict=True)],
        pd.DataFrame({0: GRADE, 1: NUMBER}),
    ],
    ids=["order", "polars", "category", "objects", "lists", "numbered"],
)
def test_every_table_of_targets_is_the_same(net, given):
    other = make_net(epochs=30, learning_rate=0.01).fit(X, given)
    p = other.predict(X)
    if hasattr(given, "columns"):
        assert type(p) is type(given)
        assert list(p.columns) == list(given.columns)
        grade = next(c for c in p.columns if c in ("grade", 0))
        assert p[grade].dtype == given[grade].dtype
        p = p.to_numpy() if grade != "grade" else p[["grade", "number"]].to_numpy()
    assert np.array_equal(p, net.predict(X)[["grade", "number"]].to_numpy())
    assert other.score(X, given) == net.score(X, Y)


def test_numbers_stay_an_array_of_numbers():
    y = np.column_stack([NUMBER > 180, NUMBER])
    p = make_net().fit(X, y).predict(X)
    assert p.dtype == float
    assert set(p[:, 0]) <= {0.0, 1.0}


@pytest.mark.slow
def test_heads_have_all_that_their_losses_bring():
    y = pd.DataFrame(
        {
            "grade": pd.Categorical(
                np.where(NUMBER > 240, "high", GRADE),
                categories=["mild", "severe", "high"],
                ordered=True,
            ),
            "range": NUMBER,
            "law": NUMBER,
            "own": NUMBER,
            "visits": np.round(NUMBER / 50),
        }
    )
    heads = [
        ("grade", ClassificationHead("cumulative_link")),
        ("range", RegressionHead("quantile:quantile=(0.1, 0.5, 0.9)")),
        ("law", RegressionHead("gaussian_nll")),
        ("own", RegressionHead(lambda y, p: (y - p) ** 2 / 1000)),
        ("visits", RegressionHead("negative_binomial")),
    ]
    net = make_net(heads, epochs=60, learning_rate=0.01).fit(X, y)
    found = net.named_estimators_
    assert found.grade.classes_.tolist() == ["high", "mild", "severe"]
    assert found.grade._fitted.target.ranked.tolist() == ["mild", "severe", "high"]
    assert net.predict_proba(X)["grade"].shape == (200, 3)
    assert (np.diff(found.range.predict_quantiles(X)) >= 0).all()
    assert 0.6 < np.mean(NUMBER < found.law.predict_dist(X).ppf(0.8)) < 0.95
    assert found.own.score(X, NUMBER) > 0.3
    assert set(net.loss_parameters_) == {"visits__dispersion"}
    dispersion = found.visits.loss_parameters_["dispersion"]
    np.testing.assert_array_equal(
        dispersion, net.loss_parameters_["visits__dispersion"]
    )
    p, out = net.predict(X), net.model_.predict(X, verbose=0)
    for name in ("range", "law", "own", "visits"):
        np.testing.assert_allclose(out[name][:, 0], p[name], rtol=1e-3)
    np.testing.assert_allclose(out["grade"], found.grade.predict_proba(X), atol=1e-5)


@pytest.mark.slow
def test_a_head_is_an_estimator_of_its_own(net):
    head = net.named_estimators_["grade"]
    assert type(head) is LossAwareClassifier
    assert type(net.named_estimators_["number"]) is LossAwareRegressor
    np.testing.assert_allclose(
        head.predict_proba(X), net.predict_proba(X)["grade"], atol=1e-6
    )
    again = pickle.loads(pickle.dumps(head))
    assert np.array_equal(again.predict_proba(X), head.predict_proba(X))
    np.testing.assert_allclose(
        head.model_.predict(X, verbose=0), head.predict_proba(X), atol=1e-6
    )
    single = clone(head).fit(X, GRADE)
    alone = LossAwareClassifier(
        "focal",
        **{
            k: getattr(net, k)
            for k in ("network", "epochs", "learning_rate", "random_state", "record")
        },
    ).fit(X, GRADE)
    assert np.array_equal(single.predict_proba(X), alone.predict_proba(X))


def test_pickle_and_determinism(net):
    again = pickle.loads(pickle.dumps(net))
    pd.testing.assert_frame_equal(again.predict(X), net.predict(X))
    twin = make_net(epochs=30, learning_rate=0.01).fit(X, Y)
    assert np.array_equal(twin._fitted.outputs.weights, net._fitted.outputs.weights)
    sparse = make_net(epochs=30, learning_rate=0.01).fit(csr_array(X), Y)
    np.testing.assert_allclose(
        sparse.predict(X)["number"], net.predict(X)["number"], rtol=1e-3
    )


# -- scikit-learn's tools ------------------------------------------------------------


def test_cross_validation_scores_each_head():
    cv = KFold(3)
    pipe = make_pipeline(StandardScaler(), make_net())
    found = cross_validate(pipe, X, Y, scoring=SCORING, cv=cv, return_estimator=True)
    for i, (_, test) in enumerate(cv.split(X)):
        steps, net = found["estimator"][i][:-1], found["estimator"][i][-1]
        table, y = steps.transform(X[test]), Y.iloc[test]
        p = net.predict_proba(table)["grade"][:, 1]
        assert found["test_auc"][i] == roc_auc_score(y["grade"] == "severe", p)
        error = mean_absolute_error(y["number"], net.predict(table)["number"])
        assert found["test_mae"][i] == pytest.approx(-error)
    assert cross_val_predict(pipe, X, Y, cv=cv).shape == (200, 2)


@pytest.mark.parametrize(
    "search", [GridSearchCV, pytest.param(FusedGridSearchCV, marks=pytest.mark.slow)]
)
def test_searches_over_losses_and_weights(search):
    grid = {
        "grade__loss": ["focal", "brier"],
        "number__weight": [0.1, 1.0],
    }
    found = search(make_net(), grid, scoring=SCORING, refit="mae", cv=2).fit(X, Y)
    expected = []
    for params in found.cv_results_["params"]:
        one = make_net().set_params(**params)
        scores = cross_validate(one, X, Y, scoring=SCORING, cv=2)
        expected.append(scores["test_mae"].mean())
    np.testing.assert_allclose(found.cv_results_["mean_test_mae"], expected)
    assert len(set(expected)) == 4
    assert SCORING["mae"](found, X, Y) == SCORING["mae"](found.best_estimator_, X, Y)
    assert not hasattr(found, "fold_ensemble_")


@pytest.mark.slow
def test_what_surrounds_training():
    rare = make_scorer(max_error, greater_is_better=False)
    net = make_net(
        epochs=30,
        learning_rate=0.05,
        early_stopping=True,
        patience=3,
        validation_scoring=head_scorer("number", rare),
        lr_schedule="cosine",
        dropout=0.1,
        mixup=0.2,
        weight_averaging=0.9,
        record=True,
        batch_size=32,
    ).fit(X, Y)
    scores = net.history_["val_number_neg_max_error"]
    assert net.n_epochs_ == len(scores) == np.argmax(scores) + 4
    assert repr(diagnose(net)).startswith("LossAwareMultiTask(loss={'grade': 'focal'")
    weights = net._fitted.outputs.weights
    net.set_params(warm_start=True, early_stopping=False, validation_scoring=None)
    net.set_params(epochs=1, learning_rate=1e-12, lr_schedule=None)
    warm = net.fit(X, Y, sample_weight=np.ones(200))._fitted.outputs.weights
    np.testing.assert_allclose(warm, weights, atol=1e-5)
    with pytest.raises(ValueError, match="same classes as the previous fit"):
        net.fit(X, Y.assign(grade=np.where(GRADE == "mild", "low", "high")))


def test_weights_are_routed_to_the_scorer_of_a_column():
    weight = np.where(np.arange(200) % 3, 1.0, 5.0)
    with config_context(enable_metadata_routing=True):
        own = get_scorer("neg_mean_absolute_error").set_score_request(
            sample_weight=True
        )
        net = make_net().set_fit_request(sample_weight=False)
        found = cross_validate(
            net,
            X,
            Y,
            scoring={"mae": head_scorer("number", own)},
            cv=KFold(2),
            params={"sample_weight": weight},
        )
    (train, test), _ = KFold(2).split(X)
    p = make_net().fit(X[train], Y.iloc[train]).predict(X[test])["number"]
    off = np.average(np.abs(p - NUMBER[test]), weights=weight[test])
    assert found["test_mae"][0] == pytest.approx(-off)


@pytest.mark.slow
def test_validation_data_and_monitored_score():
    net = make_net(early_stopping=True).fit(X, Y, X_val=X[:50], y_val=Y[:50])
    p = np.clip(net.predict_proba(X[:50])["grade"], 1e-7, 1)
    log_loss = -np.log(p[np.arange(50), (GRADE[:50] == "severe").astype(int)]).mean()
    off = (
        np.abs(NUMBER[:50] - net.predict(X[:50])["number"]).mean()
        / net._fitted.target.units.scale[1]
    )
    best = min(net.history_["val_mean_score"])
    assert best == pytest.approx((log_loss + off) / 2, rel=1e-4)
    with pytest.raises(
        ValueError, match=r"In X_val and y_val: .*for which there is no"
    ):
        net.fit(X, Y, X_val=X, y_val=Y.assign(id=1))


def test_weights_and_numbers_of_heads_may_be_schedules():
    """As ``PerTarget`` has them, whose weights are shares of a sum that is 1 here."""
    down, delta = Cosine(), 0.5 + 2 * Cosine()
    up = 1 - down
    heads = [
        ("a", RegressionHead(Huber(delta=delta), weight=down)),
        ("b", RegressionHead("squared_error", weight=up)),
    ]
    make = {"network": (8,), "epochs": 6, "learning_rate": 0.01, "random_state": 0}
    Y = np.column_stack([NUMBER, X[:, 0] ** 2])
    several = LossAwareMultiTask(heads, dropout=0.3 * Cosine(), **make).fit(X, Y)
    loss = PerTarget([Huber(delta=delta), SquaredError()], weights=(down, up))
    one = LossAwareRegressor(loss, dropout=0.3 * Cosine(), **make).fit(X, Y)
    np.testing.assert_allclose(several.predict(X), one.predict(X), rtol=1e-5)
    expected = 0.5 + np.cos(np.pi * np.arange(6) / 6) + 1
    np.testing.assert_allclose(several.history_["loss__a__delta"], expected)
    own = several.named_estimators_["a"].history_["loss__delta"]
    np.testing.assert_allclose(own, expected)
    assert np.ptp(several.history_["loss__b__weight"]) > 0.9
    wrong = several.set_params(b__weight=0.5 - Cosine())
    with pytest.raises(ValueError, match=r"Head 'b': weight=.* gives -0.5 in epoch"):
        wrong.fit(X, Y)
