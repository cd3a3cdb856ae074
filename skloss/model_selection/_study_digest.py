"""What the scores of a study depend on: a study goes on with the same only."""

from numbers import Integral

import numpy as np

from skloss._sklearn import get_scorers_by_name, is_multimetric
from skloss._warn_user import warn_user
from skloss.model_selection._value_text import (
    describe_value,
    digest_table,
    digest_value,
    name_in_package,
)

DIGEST = "skloss:digest"
# Parameters that do not change what is trained.
ASIDE = ("memory", "n_jobs", "record", "verbose")


def digest_search(search, scoring):
    """Return digests of all that the scores of a search's trials depend on.

    Parameters
    ----------
    search : FusedOptunaSearchCV
    scoring : Scoring
        Which holds the data, and the folds.

    Returns
    -------
    dict of str to str, or to dict of str to str
        By the names of the arguments; JSON can hold it.
    """
    folds = scoring.folds
    metadata = {**folds.fit_params, **scoring.params}
    return {
        "X": digest_table(folds.X),
        "y": digest_table(folds.y),
        **{name: digest_table(value) for name, value in metadata.items()},
        "cv": digest_value(
            [np.asarray(rows) for pair in folds.splits for rows in pair]
        ),
        "scoring": digest_value(describe_scorer(search.scoring, scoring.scorer)),
        # of several metrics the study maximises one
        "refit": digest_value(search._metric if search.scoring else None),
        "estimator": digest_params(search.estimator),
    }


def describe_scorer(given, scorer):
    """Return what tells a scorer from others."""
    if given is None:
        return "score"
    if is_multimetric(scorer):
        by_name = get_scorers_by_name(scorer)
        return {name: describe_value(one) for name, one in by_name.items()}
    return describe_value(scorer)


def digest_params(estimator):
    """Return a digest of each parameter of an estimator, its parts' beside them."""
    digests = {"class": digest_value(type(estimator))}
    for name, value in estimator.get_params(deep=True).items():
        if name.rpartition("__")[2] not in ASIDE:
            digests[name] = digest_value(describe_part(value))
    return digests


def describe_part(value):
    """Return a parameter without what is a parameter of its own."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return name_in_package(type(value))
    if isinstance(value, list | tuple):  # the steps of a Pipeline
        return [describe_part(one) for one in value]
    return value


def check_same_search(study, digest, stored, cv):
    """Raise if a study's trials belong to another search; warn if nobody can tell.

    Parameters
    ----------
    study : optuna.Study
    digest : dict
        Of the search, see ``digest_search``.
    stored : list of dict
        The parameters of the study's trials that are finished or being worked on.
    cv : cross-validation splitter
        As given, for the message.

    Raises
    ------
    ValueError
        Naming what differs.
    """
    earlier = study.user_attrs.get(DIGEST)
    if not stored or earlier is None:
        if stored:
            warn_user(
                f"Study {study.study_name!r} does not say which data, folds, scoring "
                f"and estimator its trials are of. It goes on as if they were these, "
                f"and says so from now on.",
                UserWarning,
            )
        study.set_user_attr(DIGEST, digest)
        return
    different = list_differences(earlier, digest, stored)
    if not different:
        return
    verb, advice = "differs" if len(different) == 1 else "differ", ""
    if "cv" in different and draws_anew(cv):
        advice = f" cv={cv!r} draws other folds in each fit: set its random_state."
    raise ValueError(
        f"{', '.join(different)} {verb} from what the trials of study "
        f"{study.study_name!r} were scored with: they cannot be compared.{advice} Give "
        f"what it was, or use another study; with study=None and study_name=None every "
        f"fit has one of its own."
    )


def list_differences(earlier, digest, stored):
    """Return the names of what differs, of the estimator's parameters its own."""
    names = [
        name
        for name in dict.fromkeys([*digest, *earlier])
        if name != "estimator" and digest.get(name) != earlier.get(name)
    ]
    before, now = earlier["estimator"], digest["estimator"]
    # what each trial sets is not the estimator's
    always = set.intersection(*map(set, stored))
    changed = [
        name
        for name in now
        if before.get(name, now[name]) != now[name] and not is_part_of(name, always)
    ]
    outer = [name for name in changed if not is_part_of(name, {*changed} - {name})]
    return names + [f"the estimator's {name}" for name in outer]


def is_part_of(name, others):
    """Tell whether a parameter is one of others, or a part of one's value."""
    return any(name == other or name.startswith(f"{other}__") for other in others)


def draws_anew(cv):
    """Tell whether a splitter draws other folds at each call."""
    seed = getattr(cv, "random_state", 0)
    return not isinstance(seed, Integral) and getattr(cv, "shuffle", True)


def check_folds(study, trials, scoring, cv):
    """Raise if the study's trials lack scores, before anything is trained."""
    n_splits = len(scoring.folds.splits)
    for _, stored in trials.list_finished():
        if len(stored) != n_splits:
            raise ValueError(
                f"study {study.study_name!r} has trials with {len(stored)} "
                f"folds, but cv={cv!r} makes {n_splits}; use another "
                f"study_name, or the same cv."
            )
        with_train = "train" in scoring.folds.scored_parts
        if with_train and any(
            fold.test_scores is not None and fold.train_scores is None
            for fold in stored
        ):
            raise ValueError(
                f"return_train_score=True, but study {study.study_name!r} has trials "
                f"that were stored without; use another study, or set it to False."
            )
