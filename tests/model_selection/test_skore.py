"""Reports of skore on the losses of a search; findings of diagnose as checks."""

import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.inspection import DiagnosisCheck, diagnose, diagnosis_checks
from skloss.model_selection import FusedGridSearchCV, FusedOptunaSearchCV

LOSSES = ["cross_entropy", "focal", "hinge"]


@pytest.fixture(autouse=True)
def no_interactive_plots():
    """Importing skore makes matplotlib interactive."""
    with mpl.rc_context({"interactive": False}):
        yield


def split(load):
    X, y = load(return_X_y=True)
    return train_test_split(X, y, random_state=0)


def fit_search(net, losses, X, y, **more):
    pipe = make_pipeline(StandardScaler(), net.set_params(epochs=8, random_state=0))
    name = pipe.steps[-1][0]
    grid = {f"{name}__loss": losses, f"{name}__learning_rate": [0.003, 0.01]}
    return FusedGridSearchCV(pipe, grid, cv=3, **more).fit(X, y)


@pytest.fixture(scope="module")
def wine():
    X, X_test, y, y_test = split(load_wine)
    return fit_search(LossAwareClassifier(), LOSSES, X, y), X_test, y_test


def test_the_best_candidate_of_each_loss_is_kept(wine):
    search, X_test, _ = wine
    results = search.cv_results_
    means = {}
    for params, mean in zip(results["params"], results["mean_test_score"], strict=True):
        loss = params["lossawareclassifier__loss"]
        means[loss] = max(mean, means.get(loss, -np.inf))
    best_first = sorted(LOSSES, key=lambda loss: -means[loss])
    found = list(search.loss_ensembles_)
    assert [means[loss] for loss in found] == [means[loss] for loss in best_first]
    own = search.loss_ensembles_[found[0]]
    np.testing.assert_array_equal(
        own.predict(X_test), search.fold_ensemble_.predict(X_test)
    )
    for loss, ensemble in search.loss_ensembles_.items():
        assert {member[-1].loss for member in ensemble.estimators} == {loss}
        rates = {member[-1].learning_rate for member in ensemble.estimators}
        rows = results["param_lossawareclassifier__loss"] == loss
        best = np.argmax(np.where(rows, results["mean_test_score"], -np.inf))
        wanted = results["params"][best]["lossawareclassifier__learning_rate"]
        assert rates == {wanted}


def test_a_study_keeps_them_too():
    X, _, y, _ = split(load_wine)
    net = LossAwareClassifier(epochs=3, random_state=0)
    search = FusedOptunaSearchCV(
        make_pipeline(StandardScaler(), net),
        {"lossawareclassifier__loss": ["brier", "focal"]},
        **{"n_trials": 4, "cv": 2, "random_state": 0, "refit": False},
    ).fit(X, y)
    tried = {own["lossawareclassifier__loss"] for own in search.cv_results_["params"]}
    assert set(search.loss_ensembles_) == tried


@pytest.mark.filterwarnings("error")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_report_of_classes_says_what_scikit_learn_says(wine):
    search, X_test, y_test = wine
    report = search.to_skore(X_test, y_test)
    assert list(report.reports_) == list(search.loss_ensembles_)
    table = report.metrics.summarize().frame()
    for loss, ensemble in search.loss_ensembles_.items():
        accuracy = np.mean(ensemble.predict(X_test) == y_test)
        assert table.loc["accuracy", loss] == pytest.approx(accuracy)
    p = search.loss_ensembles_["focal"].predict_proba(X_test)
    assert table.loc["log_loss", "focal"] == pytest.approx(log_loss(y_test, p))
    assert np.isnan(table.loc["log_loss", "hinge"])  # it has no probabilities
    assert "focal" in report._repr_html_()


@pytest.mark.filterwarnings("error")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
def test_a_report_of_numbers_has_quantiles_and_distributions_scored():
    X, X_test, y, y_test = split(load_diabetes)
    losses = ["squared_error", "gaussian_nll", "quantile:quantile=0.9"]
    search = fit_search(LossAwareRegressor(), losses, X, y, refit=False)
    table = search.to_skore(X_test, y_test).metrics.summarize().frame()
    upper = search.loss_ensembles_["quantile"].predict_quantiles(X_test)[:, 0]
    pinball = mean_pinball_loss(y_test, upper, alpha=0.9)
    assert table.loc["neg_pinball_0.9", "quantile"] == pytest.approx(-pinball)
    known = table.loc[["neg_pinball_0.9", "neg_crps"]].notna()
    assert known["gaussian_nll"].all()
    assert known["quantile"].tolist() == [True, False]
    assert not known["squared_error"].any()
    normal = search.loss_ensembles_["gaussian_nll"].predict_quantiles(
        X_test, quantiles=(np.arange(400) + 0.5) / 400
    )
    # CRPS = E|y - Z| - E|Z - Z'| / 2 (Gneiting and Raftery 2007, Eq. 21)
    away = np.abs(y_test[:, np.newaxis] - normal).mean(axis=1)
    apart = np.abs(normal[:, :, np.newaxis] - normal[:, np.newaxis]).mean(axis=(1, 2))
    crps = (away - apart / 2).mean()
    assert table.loc["neg_crps", "gaussian_nll"] == pytest.approx(-crps, rel=0.01)


def test_one_loss_is_no_comparison():
    X, X_test, y, y_test = split(load_wine)
    search = fit_search(LossAwareClassifier(), ["brier"], X, y, refit=False)
    with pytest.raises(ValueError, match=r"two losses .* there are: 'brier'"):
        search.to_skore(X_test, y_test)


def test_without_skore_the_remedy_is_named(wine, monkeypatch):
    monkeypatch.setitem(sys.modules, "skore", None)
    search, X_test, y_test = wine
    with pytest.raises(ImportError, match=r"pip install 'skloss\[skore\]'"):
        search.to_skore(X_test, y_test)


def test_before_fit():
    search = FusedGridSearchCV(LossAwareClassifier(), {"loss": LOSSES})
    with pytest.raises(NotFittedError):
        search.to_skore([[0.0]], [0])


def test_findings_are_checks_of_skore():
    import skore

    X, X_test, y, y_test = split(load_breast_cancer)
    net = LossAwareClassifier(learning_rate=1e-6, epochs=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = make_pipeline(StandardScaler(), net).fit(X, y)
    report = skore.EstimatorReport(pipe, X_test=X_test, y_test=y_test, pos_label=1)
    report.checks.add(diagnosis_checks())
    frame = report.checks.summarize(ignore=["SKD012"]).frame()
    ours = frame[frame["code"].str.startswith("SKLOSS")]
    names = [own.name.replace("_", "-").upper() for own in diagnose(pipe).findings]
    found = {f"SKLOSS-{name}" for name in names}
    assert found == set(ours["code"][ours["section"].isin(["issue", "tip"])])


def test_what_was_not_recorded_is_not_applicable():
    import skore

    X, _, y, _ = split(load_wine)
    net = LossAwareClassifier(record=False, epochs=2, random_state=0)
    pipe = make_pipeline(StandardScaler(), net).fit(X, y)
    plain = GridSearchCV(make_pipeline(StandardScaler()), {})

    class Report:
        def __init__(self, estimator):
            self.estimator = estimator

    check = DiagnosisCheck("stalled")
    with pytest.raises(skore.CheckNotApplicable, match="record=True"):
        check.check_function(Report(pipe))
    with pytest.raises(skore.CheckNotApplicable, match="no record"):
        check.check_function(Report(plain))
