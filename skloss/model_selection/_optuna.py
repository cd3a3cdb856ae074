"""A search by an Optuna study, whose trials train together on all folds."""

from contextlib import suppress
from functools import partial
from numbers import Integral, Real

import numpy as np
import optuna

from skloss._sklearn import (
    BaseSearchCV,
    get_scorers_by_name,
    is_multimetric,
    is_prediction_scorer,
)
from skloss.model_selection._auto_space import AutoSpace, auto_space
from skloss.model_selection._candidates import Refused, make_candidates, predicts
from skloss.model_selection._fused_search import FusedSearch
from skloss.model_selection._pace import make_budget
from skloss.model_selection._pruning import (
    SuccessiveHalving,
    make_watch,
)
from skloss.model_selection._scored import mean_score
from skloss.model_selection._stored_params import (
    check_space,
    list_names,
    read_params,
)
from skloss.model_selection._study import check_study, make_study, raise_no_trials
from skloss.model_selection._study_digest import (
    check_folds,
    check_same_search,
    digest_search,
)
from skloss.model_selection._suggest import (
    check_distributions,
    find_prefix,
    list_choices,
    suggest_from,
)
from skloss.model_selection._time_budget import OutOfTime
from skloss.model_selection._trials import Trials, is_counted

DEFAULT_TRIALS = 50


class FusedOptunaSearchCV(FusedSearch, BaseSearchCV):
    """Search by an Optuna study; several trials train on all folds together.

    Parameters
    ----------
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
        A Pipeline must end in one.
    param_distributions : dict, callable or "auto"
        From a parameter's name to a distribution of Optuna or SciPy, a range, a list,
        or for the loss ``loss_space(y)``, see :func:`suggest_from`; or a function
        ``space(trial)`` that returns parameters. "auto": what :func:`auto_space` makes
        for the estimator, the data and the score; its networks, each with and without
        an encoder, are the first trials of a new study.
    n_trials : int, default=None
        Finished trials of the study: what it already has counts. None: 50, or with a
        ``timeout`` as many as it allows.
    timeout : float, default=None
        Seconds of the whole ``fit``, its refit and its ensemble included. What trials
        and these will take is reckoned from what was trained so far; what would not
        end in time is not begun, or cut. The trials are the first of those that there
        were without it, and perhaps some of the next ``batch_size``; of
        ``ensemble="seeds"`` there may be fewer seeds.
    batch_size : int, default=8
        Trials that are under way: as one ends, another is asked for. More are faster,
        fewer let the sampler know more. With a ``pruner`` so many begin together, and
        others when all have ended.
    study : optuna.Study, default=None
        One that maximises. By default one is made from the next four.
    sampler : optuna.samplers.BaseSampler, default=None
        TPE with the constant liar, seeded by ``random_state``.
    storage : str or optuna.storages.BaseStorage, default=None
        In memory. Several processes may share another; a study that was killed goes
        on where it stood. Create the study of a new database before several processes
        begin at the same moment: Optuna makes its tables without a lock.
    study_name : str, default=None
        A study goes on only with what its trials were scored with, see Notes. In a
        nested cross-validation, whose fits differ, leave it None.
    pruner : SuccessiveHalving or optuna.pruners.BasePruner, default=None
        Ends trials by their mean score over all folds, reported once an epoch.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in :class:`FusedGridSearchCV`. With several metrics ``refit`` names the one
        that is maximised.
    ensemble : {"auto", "greedy", "seeds"} or None, default="auto"
        As in :class:`FusedGridSearchCV`, of the trials that this ``fit`` trains.
        "auto": for a space that :func:`auto_space` made "greedy", or "seeds" where
        ``scoring`` is a function that asks an estimator itself; else None.
    keep : int, default=30
        As in :class:`FusedGridSearchCV`.
    random_state : int, RandomState or None, default=None
        Of the sampler. A study that is stored is not seeded, since two processes that
        begin together must not draw the same.

    Attributes
    ----------
    study_ : optuna.Study
    param_distributions_ : dict or callable
        What was drawn from; that of "auto" prints as code to be edited.
    cv_results_, fold_ensemble_, best_estimator_ and others
        As in :class:`FusedGridSearchCV`; one row for each finished trial of the study,
        with the parameters that it was trained with.

    Notes
    -----
    A study stores digests of X, y, metadata, the rows of the folds, the scoring and
    the parameters of the estimator that its trials do not set. ``fit`` raises
    ValueError, naming it, where one of them differs; of functions, classes and
    callbacks only the qualified name is compared. Folds that are shuffled without a
    seed differ in each fit. A study without digests goes on with a warning.

    The space may change as far as Optuna lets it: a parameter more or less, and other
    ends of a range. ``study.stop()``, of a sampler such as
    ``optuna.samplers.GridSampler`` too, and ``optuna.TrialPruned`` in a function space
    do what they do in ``study.optimize``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.model_selection import FusedOptunaSearchCV, loss_space
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> net = LossAwareClassifier(epochs=10, random_state=0)
    >>> space = {
    ...     "lossawareclassifier__loss": loss_space(y, include=["focal", "brier"]),
    ...     "lossawareclassifier__learning_rate": (1e-3, 1e-2, "log"),
    ... }
    >>> pipeline = make_pipeline(StandardScaler(), net)
    >>> search = FusedOptunaSearchCV(pipeline, space, n_trials=4, cv=3, random_state=0)
    >>> bool(search.fit(X, y).best_score_ > 0.93)
    True
    """

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_trials=None,
        timeout=None,
        batch_size=8,
        study=None,
        sampler=None,
        storage=None,
        study_name=None,
        pruner=None,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        ensemble="auto",
        keep=30,
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_distributions = param_distributions
        self.n_trials = n_trials
        self.timeout = timeout
        self.batch_size = batch_size
        self.study = study
        self.sampler = sampler
        self.storage = storage
        self.study_name = study_name
        self.pruner = pruner
        self.random_state = random_state
        self.ensemble = ensemble
        self.keep = keep

    def _train(self, run, tasks, progress):
        """Ask, train and tell batch by batch; return what the study has finished."""
        self._check(run.scoring.scorer)
        space = self._find_space(run.scoring.folds)
        study = make_study(self)
        trials = Trials(
            study,
            self._count_wanted(),
            self._metric,
            partial(suggest_from, param_distributions=space),
        )
        stored = self._read_before(study, trials, run, space)
        budget = make_budget(self, run, progress.begin)
        tasks.begin_training(None)
        asked, again = {}, True  # a trial's candidate is its place among those asked

        # whoever hears of a candidate hears of what the study keeps
        def tell(candidate, folds):
            budget.note_candidate(candidate, folds, mean_score(folds, self._metric))
            trials.tell(asked[candidate], folds)

        run.ledger.listeners.insert(0, tell)
        try:
            with trials.heeding_stop(), suppress(OutOfTime):
                self._train_trials(run, trials, asked, progress, budget, space)
        except KeyboardInterrupt:
            run.interrupted = True
        except Exception:  # what is refused once would be refused for ever
            again = False
            raise
        finally:
            trials.give_back_mine(again=again)
        params, candidates = self._read_study(run, trials, asked, stored, space)
        late = run.trainer.late or budget.seconds_left() <= 0
        if not candidates and not run.interrupted and (self.refit or late):
            raise_no_trials(self, study, late)
        fitted = {"study_": study, "param_distributions_": space}
        return params, candidates, fitted

    @property
    def _seconds(self):
        """What the whole ``fit`` may take, in seconds."""
        return np.inf if self.timeout is None else self.timeout

    def _count_wanted(self):
        """Return how many finished trials the study is to have."""
        if self.n_trials is not None:
            return self.n_trials
        return DEFAULT_TRIALS if self.timeout is None else np.inf

    @property
    def _ensemble_kind(self):
        """What the search ends in."""
        if self.ensemble != "auto":
            return self.ensemble
        space, scoring = self.param_distributions, self.scoring
        if not isinstance(space, AutoSpace) and space != "auto":
            return None
        if callable(scoring) and not is_prediction_scorer(scoring):
            return "seeds" if self.refit else None
        return "greedy"

    def _find_space(self, folds):
        """Return what is drawn from."""
        if self.param_distributions != "auto":
            return self.param_distributions
        scoring = self.scoring
        if self._metric is not None:  # of several
            several = isinstance(scoring, dict)
            scoring = scoring[self.refit] if several else self.refit
        return auto_space(self.estimator, folds.X, folds.y, scoring=scoring)

    def _read_before(self, study, trials, run, space):
        """Return the parameters of trials that the study has; refuse what cannot be."""
        check_folds(study, trials, run.scoring, self.cv)
        check_space(study, space)
        params = {
            trial.number: read_params(study, trial, space)
            for trial, _ in trials.list_finished()
        }
        before = filter(is_counted, study.get_trials(deepcopy=False))
        names = [list_names(trial) for trial in before]
        check_same_search(study, digest_search(self, run.scoring), names, self.cv)
        if isinstance(space, AutoSpace) and not study.get_trials(deepcopy=False):
            for start in space.list_starts():
                study.enqueue_trial(start)
        return params

    def _train_trials(self, run, trials, asked, progress, budget, space):
        """Ask and train until there are enough trials, or no time is left."""
        watch = self._make_watch(trials.study, asked)

        def ask(count):
            # who is pruned, and when, may depend on all that train together
            count = budget.count_fitting(count, whole=watch is not None)
            batch = []
            # those that are pruned while they draw are told, and others asked for
            while count and not (batch or run.interrupted or trials.is_over()):
                batch = trials.ask(count)
            return self._make_batch(batch, trials.params, asked, progress, budget)

        if watch is None:
            times = max(1, trials.n_trials / self.batch_size)
            examples = list_examples(self.estimator, space)
            run.train_stream(ask, examples, at_once=self.batch_size, times=times)
            return
        estimators, *numbered = ask(self.batch_size)
        while estimators:
            run.train_candidates(estimators, *numbered, watch=watch)
            estimators, *numbered = ask(self.batch_size)

    def _check(self, scorer):
        """Raise for what cannot be, before anything is trained."""
        space = self.param_distributions
        if isinstance(space, str) and space != "auto":
            raise ValueError(
                f"param_distributions={space!r} must be a dict, a function of the "
                f"trial, or 'auto'."
            )
        if not isinstance(space, str):
            check_distributions(space)
        for name in ("n_trials", "batch_size"):
            value, or_none = getattr(self, name), " or None" * (name == "n_trials")
            if value is None and or_none:
                continue
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name}={value!r} must be an integer >= 1{or_none}.")
        seconds = self.timeout
        if seconds is not None and not (isinstance(seconds, Real) and seconds >= 0):
            raise ValueError(
                f"timeout={seconds!r} must be a number of seconds >= 0, or None."
            )
        if is_multimetric(scorer) and not isinstance(self.refit, str):
            raise ValueError(
                f"refit={self.refit!r} must name the metric that the study maximises, "
                f"one of {sorted(get_scorers_by_name(scorer))}."
            )
        check_study(self)

    def _make_watch(self, study, asked):
        """Return what reports to the study at each rung, or None."""
        if isinstance(self.pruner, SuccessiveHalving):
            return make_watch(self.pruner, self._metric)
        if isinstance(study.pruner, optuna.pruners.NopPruner):
            return None
        return make_watch(study.pruner, self._metric, trials=asked)

    def _make_batch(self, batch, params, asked, progress, budget):
        """Return estimators and parameters of trials, and the number of the first."""
        first = len(asked)
        asked |= dict(enumerate(batch, first))
        own = [params[trial.number] for trial in batch]
        estimators = make_candidates(self.estimator, own)
        progress.start(estimators, first)
        budget.note_asked(estimators, first)
        return estimators, own, first

    def _read_study(self, run, trials, asked, stored, space):
        """Return parameters and folds of the study's finished trials."""
        candidate_of = {trial.number: i for i, trial in asked.items()}
        known = stored | trials.params
        params, candidates = [], []
        for trial, folds in trials.list_finished():
            own = known.get(trial.number)
            if own is None:  # another process has trained it meanwhile
                own = read_params(trials.study, trial, space)
            params.append(own)
            # of this process's own trials more is known than is stored
            candidate = candidate_of.get(trial.number)
            candidates.append(
                folds if candidate is None else run.ledger.get_folds(candidate)
            )
        return params, candidates


def list_examples(estimator, space):
    """Return candidates with all losses that will be drawn, if that is known."""
    if not predicts(estimator):  # losses of representations are few in a search
        return []
    name = f"{find_prefix(estimator)}loss"
    losses = list_choices(space, name)
    made = make_candidates(estimator, [{name: loss} for loss in losses])
    return [example for example in made if not isinstance(example, Refused)]
