"""A plain Optuna study tunes the loss along with everything else.

Some trials of TPE over loss, learning-rate schedule, learning rate, L2 penalty and
dropout of a pipeline; the loss is a string such as ``"focal:gamma=2.0"``, which any
Optuna storage can hold. The tuned network has a lower log-loss than the untuned one,
on folds that the study has not seen.
"""

import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier

LOSSES = ["cross_entropy", "brier", "square", "focal:gamma=2.0"]
SCHEDULES = ["constant", "cosine", "one_cycle"]
TRIALS = 36


def suggest(trial):
    """Draw the parameters of one trial, under the names that `set_params` takes."""
    return {
        "net__loss": trial.suggest_categorical("net__loss", LOSSES),
        "net__lr_schedule": trial.suggest_categorical("net__lr_schedule", SCHEDULES),
        "net__learning_rate": trial.suggest_float(
            "net__learning_rate", 3e-4, 3e-2, log=True
        ),
        "net__l2": trial.suggest_float("net__l2", 1e-5, 3e-2, log=True),
        "net__dropout": trial.suggest_float("net__dropout", 0.0, 0.5),
    }


def cross_validate(parameters, repeats, seed):
    """Return the mean log-loss of a pipeline: lower is better."""
    X, y = load_breast_cancer(return_X_y=True)
    net = LossAwareClassifier(network=(32, 32), epochs=40, random_state=0)
    pipeline = Pipeline([("scale", StandardScaler()), ("net", net)])
    folds = RepeatedStratifiedKFold(n_splits=4, n_repeats=repeats, random_state=seed)
    pipeline.set_params(**parameters)
    scores = cross_val_score(pipeline, X, y, cv=folds, scoring="neg_log_loss")
    return -scores.mean()


def tune():
    """Run a plain Optuna study; only the names of the parameters are skloss's."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(n_startup_trials=16, seed=0)
    )
    study.optimize(
        lambda trial: cross_validate(suggest(trial), repeats=1, seed=0), TRIALS
    )
    return study


def report(study, untuned, tuned):
    """Print the best trial of each loss, and the comparison on fresh folds."""
    trials = study.trials_dataframe().sort_values("value")
    trials.columns = trials.columns.str.removeprefix("params_net__")
    best = trials.groupby("loss", sort=False).first().rename(columns={"value": "score"})
    best["trials"] = trials["loss"].value_counts()
    shown = ["trials", "score", "lr_schedule", "learning_rate", "l2", "dropout"]
    print("Best log-loss of each loss (one with few trials had little chance)\n")
    print(best[shown].to_string(float_format="{:.2g}".format))
    print(f"\nOn fresh folds: untuned {untuned:.4f}, tuned {tuned:.4f}")


def main():
    study = tune()
    untuned = cross_validate({}, repeats=4, seed=1)
    tuned = cross_validate(study.best_params, repeats=4, seed=1)
    report(study, untuned, tuned)
    assert tuned < untuned


if __name__ == "__main__":
    main()
