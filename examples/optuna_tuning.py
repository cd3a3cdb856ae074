"""CLAIM."""

import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier

LOSSES = ["cross_entropy", "brier", "square", "focal:gamma=1.0", "focal:gamma=2.0"]
SCHEDULES = ["constant", "cosine", "one_cycle"]
TRIALS = 30


def make_pipeline():
    net = LossAwareClassifier(network=(32, 32), epochs=40, random_state=0)
    return Pipeline([("scale", StandardScaler()), ("net", net)])


def suggest(trial):
    """Draw the parameters of one trial, under the names that `set_params` takes."""
    return {
        "net__loss": trial.suggest_categorical("loss", LOSSES),
        "net__l2": trial.suggest_float("l2", 1e-6, 1e-1, log=True),
        "net__dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "net__learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
        "net__lr_schedule": trial.suggest_categorical("lr_schedule", SCHEDULES),
    }


def score(parameters, seed):
    """Mean log-loss over five folds: lower is better."""
    X, y = load_breast_cancer(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    pipeline = make_pipeline().set_params(**parameters)
    return -cross_val_score(pipeline, X, y, cv=folds, scoring="neg_log_loss").mean()


def objective(trial):
    return score(suggest(trial), seed=0)


def tune():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=TRIALS)
    return study


def main():
    study = tune()
    print(study.best_params, study.best_value)


if __name__ == "__main__":
    main()
