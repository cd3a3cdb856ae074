"""Whether a sampler that tries each point of a grid once has given out all of them."""

import math

from optuna.samplers import BruteForceSampler, GridSampler
from optuna.trial import TrialState


def has_nothing_left(study):
    """Tell whether a study is over once the trials under way are finished.

    Optuna's own loop asks when a trial ends, since trials run one by one. With several
    under way their points count as tried, too. What is queued is still to be done.
    """
    if not isinstance(study.sampler, GridSampler | BruteForceSampler):
        return False
    trials = study.get_trials(deepcopy=False)
    if any(trial.state is TrialState.WAITING for trial in trials):
        return False
    if isinstance(study.sampler, GridSampler):
        return is_grid_given_out(study, trials)
    return is_tree_given_out(study, trials)


def is_grid_given_out(study, trials):
    """Tell whether each point of a grid is tried or being tried."""
    if study.sampler.is_exhausted(study):
        return True
    given_out = [t for t in trials if "grid_id" in t.system_attrs]
    if not given_out or given_out[-1].state.is_finished():
        return False
    # the last is under way, so that its grid is the sampler's
    grid = given_out[-1].system_attrs["search_space"]
    points = {
        trial.system_attrs["grid_id"]
        for trial in given_out
        if trial.system_attrs["search_space"] == grid
    }
    return len(points) >= math.prod(map(len, grid.values()))


def is_tree_given_out(study, trials):
    """Tell whether the sampler would stop its study if the last trial ended now."""
    drawn = [trial for trial in trials if trial.params]
    if not drawn:
        return False
    said = []
    before = vars(study).get("stop")
    study.stop = lambda: said.append(True)
    try:
        study.sampler.after_trial(study, drawn[-1], TrialState.COMPLETE, [0.0])
    finally:
        del study.stop
        if before is not None:
            study.stop = before
    return bool(said)
