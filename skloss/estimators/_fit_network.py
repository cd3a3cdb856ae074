"""A fit, from the first line to the last.

Four values in a row: ``Settings`` (what the parameters say), ``Job`` (what is trained),
``Result`` (what training left), ``Fitted`` (what remains). Nothing that exists before
is changed: whoever calls ``fit_network`` keeps what it returns.
"""

from skloss import networks
from skloss._callbacks._fit_progress import show_progress
from skloss.estimators._finish import (
    finish,
    label_others,
    make_fitted,
    warn_of_findings,
)
from skloss.estimators._fitted import Fitted
from skloss.estimators._prepare import Job, prepare
from skloss.estimators._read import read_data
from skloss.estimators._settings import Settings


def fit_network(estimator, X, y, sample_weight=None, *, tasks=None, **more) -> Fitted:
    """Fit a network; return what remains of it.

    Parameters
    ----------
    estimator : BaseLossAware
        Its parameters are read; it is not changed.
    X, y, sample_weight : as for ``fit``
    tasks : EpochTasks, optional
        Tells scikit-learn's callbacks of the fit.
    **more : dict
        As for ``prepare_fit``.

    Returns
    -------
    Fitted

    Raises
    ------
    ValueError, TypeError
        Before training, for parameters or data that make no sense.
    """
    # -- read and prepare
    job = prepare_fit(estimator, X, y, sample_weight, tasks=tasks, **more)

    # -- train
    if tasks is not None:
        tasks.begin(job.plan.epochs, lambda result: make_fitted(job, result))
    verbose = job.before.settings.verbose
    with networks.python_random_untouched(), show_progress(job.plan, verbose) as report:
        result = job.train(report)

        # -- finish
        fitted = label_others(job, finish(job, result))

    # -- warn
    warn_of_findings(fitted, more.get("partial", False))
    return fitted


@networks.python_random_untouched()
def prepare_fit(
    estimator,
    X,
    y,
    sample_weight=None,
    *,
    epochs=None,
    tasks=None,
    partial=False,
    memory=None,
    **data,
) -> Job:
    """Return the job of a fit: everything before the training.

    Parameters
    ----------
    estimator : BaseLossAware
        Not changed.
    X, y, sample_weight : as for ``fit``
    epochs : int, optional
        To train now; by default the estimator's, or one of ``partial_fit``.
    tasks : EpochTasks, optional
    partial : bool, default=False
        Whether this is ``partial_fit``.
    memory : Memory, optional
        Of other fits on the same data, see ``read_data``.
    **data : dict
        Validation data, ``groups`` and ``classes``, as for ``fit`` and ``partial_fit``.

    Returns
    -------
    Job
    """
    # -- read
    settings = Settings.of(estimator, partial=partial)
    reading = read_data(
        estimator, settings, X, y, sample_weight, partial=partial, memory=memory, **data
    )

    # -- prepare
    if epochs is None:
        epochs = 1 if partial else settings.epochs
    return prepare(estimator, reading, epochs=epochs, tasks=tasks)
