"""What ends a study, or a trial that draws, as ``study.optimize`` has it end."""

import optuna
import pytest
from canonical import NET, X, y_binary
from optuna.samplers import BruteForceSampler, GridSampler

from skloss import LossAwareClassifier
from skloss.model_selection import FusedOptunaSearchCV
from skloss.model_selection._scored import Scored
from skloss.model_selection._trials import Trials

NAME = "learning_rate"
GRID = {NAME: [0.001, 0.01, 0.1]}


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def search(space, **options):
    given = {"n_trials": 6, "batch_size": 2, "cv": 2, "random_state": 0}
    net = LossAwareClassifier(**NET)
    return FusedOptunaSearchCV(net, space, **{**given, **options})


def states(study):
    return [trial.state.name for trial in study.get_trials()]


def optimized(objective, **options):
    """Return the states of the trials of Optuna's own loop."""
    study = optuna.create_study(direction="maximize", **options)
    study.optimize(objective, n_trials=6)
    return states(study)


def make_sampler(kind):
    return GridSampler(GRID) if kind is GridSampler else kind()


@pytest.mark.filterwarnings("ignore:BruteForceSampler is experimental")
@pytest.mark.parametrize("kind", [GridSampler, BruteForceSampler])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_end_of_a_grid_ends_the_search(kind, batch_size):
    sampler = make_sampler(kind)
    found = search(GRID, sampler=sampler, batch_size=batch_size).fit(X, y_binary)
    tried = sorted(params[NAME] for params in found.cv_results_["params"])
    assert tried == GRID[NAME]
    study = found.study_
    expected = optimized(
        lambda trial: trial.suggest_categorical(NAME, GRID[NAME]),
        sampler=make_sampler(kind),
    )
    assert states(study) == expected == ["COMPLETE"] * 3
    # nor does it begin anew; what was queued is still tried
    again = search(GRID, study=study).fit(X, y_binary)
    assert again.best_params_ == found.best_params_
    assert len(study.trials) == 3
    study.enqueue_trial({NAME: 0.01})
    search(GRID, study=study, refit=False).fit(X, y_binary)
    assert states(study) == ["COMPLETE"] * 4


def test_trials_pruned_while_they_draw_count_and_have_no_scores():
    def space(trial):
        rate = trial.suggest_float(NAME, 0.001, 0.1)
        if trial.number % 2:
            raise optuna.TrialPruned
        return {NAME: rate}

    found = search(space).fit(X, y_binary)
    expected = optimized(lambda trial: space(trial)[NAME])
    assert states(found.study_) == expected == ["COMPLETE", "PRUNED"] * 3
    tried = [t.params for t in found.study_.trials if t.state.name == "COMPLETE"]
    assert found.cv_results_["params"] == tried


def test_where_all_are_pruned_there_is_nothing_to_choose():
    def space(trial):
        raise optuna.TrialPruned

    with pytest.raises(ValueError, match=r"None of its 6 trials was trained"):
        search(space).fit(X, y_binary)


def test_a_study_can_be_stopped_from_a_space():
    def space(trial):
        if trial.number == 2:
            trial.study.stop()
        return {NAME: trial.suggest_float(NAME, 0.001, 0.1)}

    found = search(space).fit(X, y_binary)
    expected = optimized(lambda trial: space(trial)[NAME])
    assert states(found.study_) == expected == ["COMPLETE"] * 3
    # a trial that is read again does not stop it again
    search(space, study=found.study_, n_trials=4, refit=False).fit(X, y_binary)
    assert states(found.study_) == ["COMPLETE"] * 4
    with pytest.raises(RuntimeError, match="supposed to be invoked inside"):
        found.study_.stop()


def test_a_long_study_is_not_counted_from_its_beginning(monkeypatch):
    """Each trial is looked at a few times, however many there are before it."""
    looks, seconds = [], []

    class Watched(list):
        def __getitem__(self, key):
            part = super().__getitem__(key)
            looks.extend(part if isinstance(key, slice) else [part])
            return part

        def __iter__(self):
            looks.extend(super().__iter__())
            return super().__iter__()

    study = optuna.create_study(direction="maximize")
    get = study.get_trials
    monkeypatch.setattr(study, "get_trials", lambda **kw: Watched(get(**kw)))
    trials = Trials(study, 200)
    for _ in range(4):
        looks.clear()
        for trial in trials.ask(50):
            trials.tell(trial, [Scored(0.5)])
        seconds.append(len(looks))
    assert seconds[-1] <= 1.2 * seconds[0]
