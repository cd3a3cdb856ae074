"""The study of a search: made from its arguments, or the one that it is given."""

import warnings

import optuna
from sklearn.utils import check_random_state

from skloss.model_selection._pruning import SuccessiveHalving, create_study_quietly


def check_study(search):
    """Raise ValueError for a study that cannot be used, or arguments for a new one."""
    if search.study is None:
        return
    for name in ("sampler", "storage", "study_name"):
        value = getattr(search, name)
        if value is not None:
            raise ValueError(
                f"{name}={value!r} is for a new study; give it to the study= that you "
                f"made, or leave study=None."
            )
    if search.study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
        raise ValueError(
            f"study={search.study.study_name!r} does not maximise one value, and "
            f"scores are the higher the better; make it with "
            f"optuna.create_study(direction='maximize')."
        )


def make_study(search):
    """Return the study to work on."""
    if search.study is not None:
        return search.study
    ours = search.pruner is None or isinstance(search.pruner, SuccessiveHalving)
    study = create_study_quietly(
        direction="maximize",
        storage=search.storage,
        study_name=search.study_name,
        sampler=search.sampler,
        pruner=optuna.pruners.NopPruner() if ours else search.pruner,
        load_if_exists=True,
    )
    if search.sampler is None:
        study.sampler = make_sampler(search, len(study.get_trials(deepcopy=False)))
    return study


def make_sampler(search, n_before):
    """Return a sampler that does not repeat what a study has already seen."""
    seed = search.random_state
    if seed is not None:
        seed = int(check_random_state(seed).randint(2**31)) + n_before
    if search.storage is not None:  # another process may start at the same moment
        seed = None
    with warnings.catch_warnings():  # Optuna 4.0 calls the liar experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def raise_no_trials(search, study, late):
    """Raise ValueError, since there is no winner that could be fitted."""
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    if late:
        reason = (
            f"timeout={search.timeout!r} was over before one was trained: raise it, "
            f"or lower batch_size={search.batch_size!r}"
        )
    elif optuna.trial.TrialState.RUNNING in states:
        reason = (
            f"Other processes work on all n_trials={search.n_trials!r}: raise that, "
            f"wait for them, or set refit=False"
        )
    else:
        reason = (
            f"None of its {len(states)} trials was trained by a search, and no "
            f"more were asked for: raise n_trials={search.n_trials!r}, use another "
            f"study, or set refit=False"
        )
    raise ValueError(
        f"Study {study.study_name!r} has no finished trial to choose. {reason}."
    )
