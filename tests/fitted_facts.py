"""All that a fitted estimator says of its fit, as bytes that can be compared."""

import pickle

from sklearn.utils.validation import check_is_fitted

from skloss.inspection import diagnose

FITTED = (
    "classes_",
    "n_features_in_",
    "feature_names_in_",
    "history_",
    "n_epochs_",
    "outcome_",
    "trained_by_",
    "temperature_",
    "loss_parameters_",
)
PREDICTS = ("predict", "predict_proba", "decision_function")


def facts_of(net, X):
    """Return the pickles of a fitted network's predictions and fitted attributes.

    A fact that is not there is None, so that one that comes, or goes, is seen.
    """
    check_is_fitted(net)
    facts = {name: getattr(net, name, None) for name in FITTED}
    for name in PREDICTS:
        facts[name] = getattr(net, name)(X) if hasattr(net, name) else None
    facts["loss_"] = repr(getattr(net, "loss_", None))
    facts["callbacks_"] = [type(callback).__name__ for callback in net.callbacks_]
    for name, head in getattr(net, "named_estimators_", {}).items():
        facts[f"head {name}"] = head.predict(X), repr(head.loss_)
    return {name: pickle.dumps(value) for name, value in facts.items()}


def changed(before, after):
    """Return the names of the facts that differ."""
    assert before.keys() == after.keys()
    return [name for name in before if before[name] != after[name]]


def surroundings_of(net):
    """Return what parameters may change, and a fit that fails may not.

    These are the parameters as they print, the diagnosis, which names them, and which
    attributes there are.
    """
    parameters = net.get_params(deep=False)
    told = {name: repr(value) for name, value in parameters.items()}
    if hasattr(net, "training_record_"):
        diagnosis = diagnose(net)
        told["diagnosis"] = repr(diagnosis), diagnosis.remedy
    return told | {f"attribute {name}": None for name in vars(net)}
