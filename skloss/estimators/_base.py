"""The skin: from scikit-learn's world to a plan, and from a result to attributes."""

import inspect

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skloss import networks, schedules
from skloss._callbacks._epoch_callbacks import check_callbacks, plateaus
from skloss._callbacks._fit_progress import shown
from skloss._diagnosis._findings import findings
from skloss._diagnosis._training_record import training_record
from skloss._engine import (
    Data,
    Outcome,
    Plan,
    Stream,
    predict_raw,
)
from skloss._engine._optimizers import Optimizer
from skloss._params import Params
from skloss._params._checks import check_parameters
from skloss._tensorflow import start
from skloss._warn_once import warn_once
from skloss.estimators import _units as units
from skloss.estimators import _varying as annealing
from skloss.estimators._exports import Exports
from skloss.estimators._fit import Fit
from skloss.estimators._job import Job, automatic_batch_size, stacked
from skloss.estimators._member import MakesMember
from skloss.estimators._nested import NestedParams
from skloss.estimators._table import validated_table
from skloss.estimators._validation_scorer import scorer_of
from skloss.estimators._warm import WarmStart
from skloss.exceptions import DivergenceWarning, IneffectiveParameterWarning


class BaseLossAware(Exports, Fit, WarmStart, MakesMember, NestedParams):
    """What the estimators share."""

    # -- tags ----------------------------------------------------------------------

    def __sklearn_tags__(self):
        """Return scikit-learn's tags, as the loss allows."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- fitting -------------------------------------------------------------------

    def _check_table(self, X, y, *, reset):
        """Return validated X and y as scikit-learn does, y of any dtype."""
        return validated_table(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=self._family == "regression",
            reset=reset,
        )

    def _weights(self, sample_weight, X):
        """Return sample weights as float64, refused where none is positive."""
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        largest = weight.max(initial=0.0)
        if not largest > 0:
            raise ValueError(
                "All sample weights are zero, so there is nothing to fit; give at "
                "least one positive weight."
            )
        # only their proportions count, and sums of such weights have no room
        return weight if 1e-100 < largest < 1e100 else weight / largest

    def _train(self, job, *, partial=False):
        """Train one network, set the fitted attributes, warn of what went wrong."""
        with (
            networks.python_random_untouched(),
            shown(job.plan, self.verbose) as report,
        ):
            self._finish_fit(job, job.trained(report))
        self._warn_after(partial)
        return self

    @networks.python_random_untouched()
    def _job(
        self,
        X,
        Y,
        weight,
        val,
        *,
        epochs,
        groups=None,
        cost=None,
        start=None,
        seed=None,
    ):
        """Return what is to be trained.

        Parameters
        ----------
        X, Y, weight : training table, encoded target, weights
        val : tuple of the same for validation, or None
        epochs : int
        groups : array-like, optional
            Of the training rows.
        cost : ndarray, optional
            Further weights of the training rows, not used for validation.
        start : dict, optional
            A ``Result.state`` to go on from.
        seed : int, optional
        """
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(np.iinfo(np.int32).max)) if seed is None else seed
        n_train = X.shape[0]
        if val is not None:
            X, Y, all_weight = stacked(X, val[0]), np.vstack([Y, val[1]]), val[2]
            weight = np.concatenate([weight, all_weight])
        given = val is not None
        train, held = self._validation_rows(Y, weight[:n_train], given, groups, rng)
        own = weight[train] if cost is None else weight[train] * cost[train]
        batch_size = self.batch_size
        if isinstance(batch_size, str):
            batch_size = automatic_batch_size(len(train))
        network = networks.get(self.network)
        if isinstance(network, networks.MLP):
            network.check_rows(min(int(batch_size), len(train)))
        new = self._set_units(Y[train], own, start)
        dtype = self._dtype_for(len(train), batch_size, start)
        if start is not None:
            self._check_same_build(start)
        member = self._member(Y[train], own, start, new, dtype)
        if self._task.kind == "regression":
            seen = member.scaled_target(Y[np.concatenate([train, held])])
            transform = getattr(self, "target_transform", "auto")
            units.check_seen(seen, member.loss, self._task, dtype, transform)
        own = own / own.mean()
        steps = -(-len(train) // int(batch_size))
        self._warn_before(member, len(held) > 0, steps)
        member.schedule = member.schedule.settled(
            member.learning_rate, steps, steps * int(self.epochs)
        )
        plan = Plan(
            members=[member],
            network=network,
            task=self._task,
            batch_size=int(batch_size),
            epochs=int(epochs),
            horizon=int(self.epochs),
            dtype=dtype,
            seed=seed,
            record=bool(self.record),
        )
        stream = Stream(
            train.astype(np.int32), own, held.astype(np.int32), weight[held]
        )
        going_on = start is not None and start.slots is not None
        history = self.history_ if going_on else None
        return Job(plan, Data(X, Y, [stream]), history)

    def _finish_fit(self, job, result):
        """Set the fitted attributes from the result of a job."""
        self._keep(result, job.plan.members[0], job.plan.seed, job.history)
        self.callbacks_ = [] if job.watcher is None else job.watcher.fitted
        self._calibrate(job.plan, job.data)
        earlier = self.__dict__.pop("training_record_", None)
        if result.layers:
            self.training_record_ = training_record(self, job, result, earlier)
        return self

    def _calibrate(self, plan, data):
        """Do what is left to do with the trained network and its data: nothing."""

    def _build(self):
        """Return what decides the shape of the weights and of the optimiser's state."""
        return {
            "network": networks.structure(networks.get(self.network)),
            "loss": (self.loss_.n_raw(self._task), self.loss_.n_global(self._task)),
            "optimizer": Optimizer(self.optimizer).structure(),
        }

    def _check_same_build(self, start):
        """Refuse to go on with weights, or an optimiser's state, of another shape."""
        for name, now in self._build().items():
            if name == "optimizer" and start.slots is None:
                continue
            if now != self._built[name]:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} differs from the previous fit, so "
                    f"training cannot go on from it. Set {name} back, or call fit with "
                    f"warm_start=False."
                )

    @networks.python_random_untouched()
    def _check_before(self, *, partial=False):
        """Check all parameters before any data is looked at."""
        start()
        check_parameters(self)
        check_callbacks(self.callbacks)
        if partial and self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True: the rows held out "
                "would differ between calls. Set early_stopping=False, or use fit."
            )
        self._check_loss()
        network, optimizer = networks.get(self.network), Optimizer(self.optimizer)
        schedules.get(self.lr_schedule).check()
        if self.validation_scoring is not None:
            scorer_of(self)
        drops = np.any(self._curves.get("dropout", self.dropout) > 0)
        if drops and not isinstance(network, networks.MLP):
            raise ValueError(
                f"dropout={self.dropout!r} has no place in network={network!r}; put "
                f"Dropout layers into the body, or use network=MLP(...)."
            )
        if optimizer.cls.__name__ == "AdamW" and self.weight_decay == 0:
            warn_once(
                "optimizer='adamw' with weight_decay=0.0 is Adam; set weight_decay, "
                "for example 0.004, Keras' default.",
                IneffectiveParameterWarning,
            )

    def _check_loss(self):
        """Set ``loss_``, refused where there is no such loss, and what changes."""
        self.loss_, self._curves = annealing.settled(self)

    def _warn_before(self, member, validated, steps):
        """Refuse or warn of a schedule, or a score, that cannot act or acts alone."""
        if self.validation_scoring is not None and not validated:
            warn_once(
                f"validation_scoring={self.validation_scoring!r} has no effect without "
                f"validation data; set early_stopping=True, or give X_val and y_val.",
                IneffectiveParameterWarning,
            )
        if member.schedule.absolute:
            default = inspect.signature(type(self)).parameters["learning_rate"].default
            if self.learning_rate != default:
                raise ValueError(
                    f"learning_rate={self.learning_rate!r} has no effect, since "
                    f"lr_schedule={self.lr_schedule!r} gives the rates itself. Leave "
                    f"learning_rate at {default!r}, or use a schedule of skloss, which "
                    f"multiplies it."
                )
        if member.schedule.monitors and not validated:
            raise ValueError(
                f"lr_schedule={self.lr_schedule!r} watches a validation score, but "
                f"there is no validation data; set early_stopping=True, or give X_val "
                f"and y_val."
            )
        patience = self.patience if self.early_stopping else None
        texts = schedules.warnings_for(
            member.schedule, self.learning_rate, patience, int(self.epochs)
        )
        for name, plateau in plateaus(self):
            if name != "lr_schedule":
                texts += plateau.idle(self.learning_rate, patience)
        for text in texts + annealing.idle(self):
            warn_once(text, IneffectiveParameterWarning)
        schedules.check_rates(
            member.schedule, member.learning_rate, int(self.epochs), steps
        )

    def _warn_after(self, partial):
        """Warn of the first finding; after a part of the training, of divergence.

        Its numbers are in ``diagnose``: a text with numbers would be another for each
        of many fits.
        """
        found = findings(self)
        more = ""
        if hasattr(self, "training_record_"):
            more = " skloss.inspection.diagnose(estimator) has the numbers."
        if self.outcome_ is Outcome.DIVERGED:
            more = f" The weights of the best epoch are kept.{more}"
            headlines = [one.headline for one in found if one.name == "diverged"]
            warn_once(f"{headlines[0]}{more}", DivergenceWarning)
        elif found and not partial:
            warn_once(f"{found[0].headline}{more}", ConvergenceWarning)

    def _keep(self, result, member, seed, history=None):
        """Set the fitted attributes from a result; ``history`` comes before its own."""
        self._result, self._seed, self._dropout = result, seed, member.dropout
        network = networks.get(self.network)
        self._network = network.bind({}) if isinstance(network, Params) else network
        self._built = self._build()
        count = len(result.history["loss"])
        changed = annealing.course(self._curves, result.n_epochs, count)
        self.history_ = result.history | changed
        if history is not None:
            self.history_ = {
                name: [*history.get(name, []), *values]
                for name, values in self.history_.items()
            }
        self.n_epochs_ = result.n_epochs
        self.outcome_ = result.outcome
        self.trained_by_ = result.trained_by
        self.__dict__.pop("_model", None)

    # -- predicting ----------------------------------------------------------------

    def _raw(self, X):
        """Return raw outputs of shape (n, n_raw) in float64."""
        check_is_fitted(self)
        return self._raw_of(self._features(X))

    def _features(self, X):
        """Return a validated table with the columns of the training one."""
        return validated_table(self, X, reset=False)

    def _raw_of(self, X):
        """Return raw outputs for a table that is validated."""
        raw = predict_raw(
            self._network,
            X,
            self._result.weights,
            self._result.stored,
            self.loss_.n_raw(self._task),
            is_sparse=not isinstance(X, np.ndarray),
        )
        return raw.astype(np.float64)

    @property
    def loss_parameters_(self):
        """The loss's trained numbers that do not depend on X, by name.

        For example ``{"dispersion": array([0.3])}`` of ``NegativeBinomial()``, or
        ``log_variance`` of ``UncertaintyWeighted(...)``; empty for most losses.
        """
        check_is_fitted(self)
        n_global = self.loss_.n_global(self._task)
        bias = self._result.weights[-self.loss_.n_raw(self._task) :]
        last = bias[len(bias) - n_global :].astype(np.float64)
        return self.loss_.trained(self._task, last)

    def __sklearn_is_fitted__(self):
        """Tell whether ``fit`` or ``partial_fit`` has finished."""
        return hasattr(self, "_result")
