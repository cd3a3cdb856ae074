"""What a timeout reckons with: epochs, the refit, and the ensemble."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from canonical import NET, X, y_binary

from skloss import LossAwareClassifier
from skloss.model_selection import (
    FusedGridSearchCV,
    _pace,
    _search_ensemble,
    _time_budget,
)
from skloss.model_selection._finale import Finale
from skloss.model_selection._out_of_fold import FoldPredictions
from skloss.model_selection._pace import Pace
from skloss.model_selection._scored import Scored
from skloss.model_selection._search_ensemble import (
    EnsembleBuilder,
    average_seeds,
    thin_out,
)
from skloss.model_selection._time_budget import TimeBudget


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (_pace, _search_ensemble, _time_budget):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=clock))
    return clock


def make_finale(timeout=100, refit=True, ensemble=None, scoring=None):
    search = LossAwareClassifier(**NET)
    given = {"estimator": search, "_metric": None, "keep": 20}
    own = SimpleNamespace(refit=refit, _ensemble_kind=ensemble, **given)
    return Finale(own, scoring, timeout)


def make_budget(timeout=100, **options):
    return TimeBudget(timeout, 0.0, 2, 1.5, make_finale(timeout, **options))


def nets(*epochs):
    return [LossAwareClassifier(epochs=own) for own in epochs]


def folds(epochs, seconds=0.0):
    return [Scored(fit_time=seconds, epochs=epochs)] * 2


def test_trials_are_reckoned_by_their_epochs(clock):
    budget = make_budget(refit=False)
    assert budget.count_fitting(8, whole=True) == 8  # nothing is known
    budget.note_asked(nets(10, 40), first=0)
    budget.note_epochs(1, 20)
    clock.now = 20.0
    budget.note_candidate(0, folds(10), score=0.5)
    # 40 epochs in 20 s; 60 of the second are left, 30 s of 80; the shortest has 20
    assert budget.count_fitting(6, whole=False) == 5
    assert budget.count_fitting(5, whole=False) == 5
    # where all must fit, they are as long as those before, 25 s
    assert budget.count_fitting(3, whole=True) == 0
    assert budget.count_fitting(2, whole=True) == 2
    clock.now = 25.0
    budget.note_epochs(1, 50)  # in five seconds, since the first paid for its program
    budget.note_asked(nets(400), first=2)  # it waits until it is due
    # ten are left, a second of 75; the shortest has 2 s
    assert budget.count_fitting(99, whole=False) == 37
    clock.now = 101.0
    assert budget.count_fitting(1, whole=False) == 0


def test_who_stops_early_is_reckoned_by_what_others_took(clock):
    budget = make_budget(refit=False)
    budget.note_asked(nets(100, 100), first=0)
    budget.note_epochs(1, 10)
    clock.now = 15.0
    budget.note_candidate(0, folds(10), score=0.5)
    # 30 epochs in 15 s; the second has ten to come, 5 s of 85, and others have 10 s
    assert budget.count_fitting(9, whole=False) == 8
    assert make_budget(timeout=np.inf).count_fitting(9, whole=False) == 9


def test_the_refit_is_that_of_the_best_or_of_one_that_may_be(clock):
    budget = make_budget()
    budget.note_asked(nets(10, 10, 10), first=0)
    budget.note_candidate(0, folds(10, seconds=2.0), score=0.7)
    assert budget.seconds_left() == 97.0  # one and a half times as many rows
    budget.note_candidate(1, folds(10, seconds=5.0), score=0.6)
    assert budget.seconds_left() == 97.0
    assert budget.seconds_left(refit=8.0) == 92.0
    # two seconds an epoch for four networks, so half of one for each, and a second
    # for the steps: 1.5 * 1.5 alone; five went into the program, half of them alone
    pool = SimpleNamespace(structure="a program", kind=SimpleNamespace(steps=5000))
    budget.note_making(pool, 5.0)
    budget.note_speed(pool, [2, 2, 3, 3], 6.0, 3)
    fresh = make_budget()
    fresh.note_making(pool, 5.0)
    fresh.note_speed(pool, [2, 2, 3, 3], 6.0, 3)
    assert fresh.seconds_left() == 100.0  # that something ends comes first
    fresh.note_ended(2, 4)
    assert fresh.seconds_left() == 100.0
    fresh.note_ended(2, 4)  # its second fold
    assert fresh.seconds_left() == 100 - 4 * 2.25 - 2.5
    budget.note_ended(2, 10)
    budget.note_candidate(2, folds(10, seconds=0.5), score=0.8)
    assert budget.seconds_left() == 100 - 22.5 - 2.5
    assert budget.fits(pool, 22, networks=4)  # 22 * 4.25 = 93.5, of 97.5
    assert not budget.fits(pool, 23, networks=4)
    other = SimpleNamespace(structure="another program")
    assert budget.fits(other, 99, networks=4)
    clock.now = 71.0  # there are 4 s, and it would be made in five
    assert not budget.fits(other, 99, networks=4)
    assert make_budget(timeout=np.inf).seconds_left() == np.inf


class SlowPool:
    """Takes five seconds for its first epoch, then two for each."""

    structure, trained = "a program", 0
    kind, plan = SimpleNamespace(steps=1), SimpleNamespace(epochs=30)

    def __init__(self, clock):
        self.clock = clock

    @property
    def busy(self):
        return self.trained < 30

    def advance(self, until, report, *, epochs):
        for _ in range(epochs):
            self.trained += 1
            self.clock.now += 2.0 if self.trained > 1 else 5.0
        report(7, self.trained, SimpleNamespace(loss=[0.0] * epochs))


def test_a_stretch_that_cannot_be_finished_ends_when_that_is_known(clock):
    budget = make_budget(timeout=50, refit=False)
    budget.note_asked(nets(30), first=0)
    heard = []
    pace, pool = Pace(budget, {7: 0}), SlowPool(clock)
    elsewhere = pickle.loads(pickle.dumps(pace))
    assert not pace.advance(pool, lambda *given: heard.append(given), epochs=30)
    assert pool.trained == 2  # 28 more would take 56 s
    assert [epoch for _, epoch, _ in heard] == [1, 2]
    assert budget.trained == {0: 2}
    assert not Pace(budget, {7: 0}).advance(pool, None, epochs=22)
    assert pool.trained == 2  # that much is known before
    assert Pace(budget, {7: 0}).advance(pool, None, epochs=21)
    assert pool.trained == 23
    clock.now = 60.0  # other clocks may differ
    assert elsewhere.advance(pool, lambda *given: None, epochs=3)


# -- the ensemble --------------------------------------------------------------------


def test_seeds_have_a_third_of_the_time_at_most():
    assert make_finale(refit=False).estimate(2.0, 1.0, told=3) == 0.0
    assert make_finale().estimate(2.0, 1.0, told=3) == 3.0
    assert make_finale(ensemble="seeds").estimate(2.0, 1.0, told=3) == 17.0
    assert make_finale(30, ensemble="seeds").estimate(2.0, 1.0, told=3) == 10.0


def test_there_are_as_many_seeds_as_there_is_time_for(clock):
    def fit(net):
        clock.now += 10.0
        return net.fit(X, y_binary)

    best = LossAwareClassifier(**NET).fit(X, y_binary)
    assert len(average_seeds(best, fit, 10.0, end=39.0).estimators) == 4
    assert len(average_seeds(best, fit, 10.0, end=39.0).estimators) == 1
    assert len(average_seeds(best, fit, 10.0, end=np.inf).estimators) == 8


def test_a_greedy_ensemble_is_reckoned_by_the_scores_that_it_asks_for(monkeypatch):
    """Counted in a search; of few rows, each fold is scored once."""
    calls = []
    make_score = EnsembleBuilder.make_score

    def counted(self, firsts, rows):
        score = make_score(self, firsts, rows)
        return lambda values: calls.append(1) or score(values)

    monkeypatch.setattr(EnsembleBuilder, "make_score", counted)
    net, rates = LossAwareClassifier(**NET), {"learning_rate": [0.003, 0.01, 0.03]}
    search = FusedGridSearchCV(net, rates, cv=3, ensemble="greedy", refit=False)
    search.fit(X, y_binary)
    splits = [(None, np.arange(k, 93, 3)) for k in range(3)]
    scoring = SimpleNamespace(folds=SimpleNamespace(y=y_binary, splits=splits))
    finale = make_finale(ensemble="greedy", refit=False, scoring=scoring)
    assert len(calls) == finale.builder.count_scores(3) == 3
    monkeypatch.setattr(_search_ensemble, "FEW_ROWS", 0)
    calls.clear()
    search.fit(X, y_binary)
    most = finale.builder.count_scores(3)
    assert 60 < len(calls) <= most
    assert finale.builder.count_scores(6) > most
    finale.seconds_of_a_score = 0.01
    assert finale.estimate(2.0, 1.0, told=3) == pytest.approx(most * 0.01)
    assert finale.estimate(2.0, 1.0, told=99) == finale.estimate(2.0, 1.0, told=20)


def test_a_score_is_timed_on_the_first_candidate(clock):
    """A second for each row that is scored, and there are five thousand at most."""
    scored = []

    def scorer(known, X, y):
        clock.now += len(y) / 1000
        scored.append(len(y))
        return 0.0

    y = np.arange(12_000) % 2
    splits = [(None, np.arange(k, 12_000, 2)) for k in range(2)]
    parts = SimpleNamespace(X=np.zeros((12_000, 1)), y=y, splits=splits)
    scoring = SimpleNamespace(folds=parts, scorer=scorer, params={})
    finale = make_finale(ensemble="greedy", scoring=scoring)
    p = FoldPredictions(np.full((6_000, 2), 0.5, np.float32), np.array([0, 1]))
    finale.hear([Scored(predictions=p, estimator=None)] * 2)
    assert scored == [5000, 5000]
    assert finale.seconds_of_a_score == pytest.approx(5.0)


def test_rows_are_thinned_out_evenly():
    few = np.arange(9000) % 2 == 0
    np.testing.assert_array_equal(thin_out(few), few)
    many = np.arange(30_000) % 2 == 0
    kept = np.flatnonzero(thin_out(many))
    assert len(kept) == 5000
    assert not (kept % 2).any()
    assert set(np.diff(kept)) <= {4, 6, 8}
