"""From what training left to what predicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skloss._diagnosis._findings import collect_findings
from skloss._diagnosis._training_record import record_training
from skloss._engine import Outcome, Result
from skloss._warn_user import warn_user
from skloss.estimators._calibration import fit_temperature, predict_unseen
from skloss.estimators._fitted import Fitted, make_outputs
from skloss.estimators._output_bounds import measure_bounds
from skloss.estimators._prepare import Job
from skloss.estimators._varying import select_last_values
from skloss.exceptions import DivergenceWarning


def finish(job: Job, result: Result, *, keep_state: bool = True) -> Fitted:
    """Return what remains of a fit.

    Parameters
    ----------
    job : Job
    result : Result
    keep_state : bool, default=True
        Whether training can go on from it: the state is several times as large as the
        weights.

    Returns
    -------
    Fitted
    """
    fitted = make_fitted(job, result, state=result.state if keep_state else None)
    if job.earlier is not None:
        histories = (*job.earlier.histories, *fitted.histories)
        fitted = replace(fitted, histories=histories)
    if job.watcher is not None:
        fitted = replace(fitted, callbacks=job.watcher.fitted)
    if fitted.settings.calibration is not None:
        fitted = replace(fitted, temperature=calibrate(job, fitted))
    if result.layers:
        fitted = replace(fitted, record=record_training(fitted, job, result))
    return fitted


def make_fitted(job: Job, result: Result, state=None) -> Fitted:
    """Return what would predict, and could go on, if training ended like this."""
    before, plan = job.before, job.plan
    settings, loss = before.settings, before.loss
    count = len(result.history["loss"])
    varying = select_last_values(settings.curves, result.n_epochs, count)
    outputs = make_outputs(
        plan.network,
        result,
        before.features.count,
        loss.n_raw(before.target.task),
        plan.members[0].dropout,
    )
    return replace(
        before,
        settings=settings.without_callbacks(),
        outputs=outputs,
        bounds=measure_bounds(job, outputs.of_table),
        histories=(result.history | varying,),
        n_epochs=result.n_epochs,
        best_epoch=result.best_epoch,
        outcome=result.outcome,
        trained_by=result.trained_by,
        state=state,
    )


def label_others(job: Job, fitted: Fitted) -> Fitted:
    """Return what remains of a fit, with the labels of rows that had none."""
    if job.others is None:
        return fitted
    target, labels = fitted.target, job.others.y.copy()
    raw = fitted.outputs.of_table(job.others.X)
    found = target.decide(target.scores(fitted.loss, raw))
    labels = labels.astype(np.result_type(labels, found))
    labels[job.others.rows] = found
    return replace(fitted, transduction=labels)


def calibrate(job: Job, fitted: Fitted) -> float:
    """Return the temperature at which probabilities of unseen rows are most honest."""
    rows, weight, raw = predict_unseen(job.plan, job.data, fitted.outputs.of_table)
    p = fitted.target.probabilities(fitted.loss, raw)
    return fit_temperature(p, job.data.Y[rows], weight, fitted.target.task)


def warn_of_findings(fitted: Fitted, partial: bool) -> None:
    """Warn of the first finding; after a part of the training, of divergence.

    Its numbers are in ``diagnose``: a text with numbers would be another for each
    of many fits.
    """
    if partial and fitted.outcome is not Outcome.DIVERGED:
        return  # nothing is said; the findings read all earlier parts' history
    found = collect_findings(fitted)
    more = ""
    if fitted.record is not None:
        more = " skloss.inspection.diagnose(estimator) has the numbers."
    if fitted.outcome is Outcome.DIVERGED:
        more = f" The weights of the best epoch are kept.{more}"
        headlines = [one.headline for one in found if one.name == "diverged"]
        warn_user(f"{headlines[0]}{more}", DivergenceWarning)
    elif found:
        warn_user(f"{found[0].headline}{more}", ConvergenceWarning)
