"""What went wrong in a training, in plain words, with parameters that cure it."""

import math
from html import escape

from sklearn.pipeline import Pipeline

from skloss._diagnosis._findings import collect_findings
from skloss._diagnosis._rate_findings import describe_saturated_loss
from skloss.estimators._base import BaseLossAware


class Diagnosis:
    """The findings about one fit, the gravest first.

    Prints as text, and in a notebook as a table.

    Attributes
    ----------
    findings : list of Finding
        Each with ``name``, ``severity`` ("error" or "warning"), ``evidence``,
        ``advice`` and ``remedy``.
    remedy : dict
        What cures the first finding, for ``set_params`` of the estimator that was
        diagnosed; empty where nothing was found, or where no parameter cures it, or
        all that would are set: then its ``advice`` says what to do.
    """

    def __init__(self, fitted, prefix=""):
        self.findings = findings = collect_findings(fitted)
        self.remedy = {}
        if findings:
            self.remedy = {f"{prefix}{k}": v for k, v in findings[0].remedy.items()}
        settings, record = fitted.settings, fitted.record
        self._title = f"{settings.estimator}(loss={settings.shown_loss!r})"
        loss, epochs = fitted.history["loss"], fitted.n_epochs
        summary = f"{epochs} epochs, training loss {loss[0]:.3g} to {loss[-1]:.3g}"
        if not math.isnan(record.constant_loss):
            summary += (
                f" (best constant {record.constant_loss:.3g}"
                f"{describe_saturated_loss(record)})"
            )
        self._summary = summary

    def __bool__(self):
        """Tell whether something was found."""
        return bool(self.findings)

    def __repr__(self):
        lines = [f"{self._title}: {self._summary}"]
        if not self.findings:
            return f"{lines[0]}\nNothing found."
        for number, one in enumerate(self.findings, 1):
            lines += [
                f"{number}. {one.name} ({one.severity})",
                f"   {one.evidence}",
                f"   {one.advice}",
            ]
        settings = ", ".join(f"{k}={v!r}" for k, v in self.remedy.items())
        cure = [f"Cure of the first: set_params({settings})"] if settings else []
        return "\n".join([*lines, *cure])

    def _repr_html_(self):
        """Return the table that a notebook shows."""
        title = f"<b>{escape(self._title)}</b>: {escape(self._summary)}"
        if not self.findings:
            return f"<div>{title}<br>Nothing found.</div>"
        rows = "".join(
            f"<tr><td>{escape(one.name)}</td><td>{one.severity}</td>"
            f"<td style='text-align:left'>{escape(one.evidence)}</td>"
            f"<td style='text-align:left'>{escape(one.advice)}</td>"
            f"<td style='text-align:left'><code>{escape(repr(one.remedy))}</code></td>"
            f"</tr>"
            for one in self.findings
        )
        names = ("finding", "severity", "evidence", "advice", "remedy")
        head = "".join(f"<th>{name}</th>" for name in names)
        return (
            f"<div>{title}<table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )


def diagnose(estimator) -> Diagnosis:
    """Diagnose the training of a fitted estimator.

    Everything is computed from what training recorded; no data are needed.

    Parameters
    ----------
    estimator : LossAwareClassifier, LossAwareRegressor, Pipeline or search
        Fitted with ``record=True``. Of a Pipeline the last step is diagnosed, of a
        search its ``best_estimator_``; the remedy has the names of that Pipeline.

    Returns
    -------
    Diagnosis

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is none of these.
    ValueError
        If nothing was recorded.

    Notes
    -----
    What is looked for, in this order: a y, or an X, of one value; features that are not
    scaled (LeCun, Bottou, Orr and Mueller 1998, Section 4.3), where training suffered;
    columns whose differences the network's dtype cannot hold; divergence; a target far
    from the network's scale; one row that holds most of its variance; exploding
    gradients (Bengio, Simard and Frasconi 1994); a learning rate that is too high or
    too low, by the change of the weights in relation to their size; training rows that
    have a far higher loss when they are predicted; units that no row reaches (Maas,
    Hannun and Ng 2013); vanishing gradients (Glorot and Bengio 2010); a loss that
    stalls at the best constant's; a network worse than that constant on validation
    rows; a loss still falling at the last epoch; overfitting; a rare class that is
    ignored; settings that can never act.

    Losses are judged by how far they lie above that of the saturated model, whose
    outputs are free for every row (McCullagh and Nelder 1989, Section 2.3): many losses
    have an additive constant.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.inspection import diagnose
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> net = LossAwareClassifier(learning_rate=1e-6, epochs=20, random_state=0)
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     model = make_pipeline(StandardScaler(), net).fit(X, y)
    >>> diagnosis = diagnose(model)
    >>> diagnosis.findings[0].name
    'learning_rate_too_low'
    >>> diagnosis.remedy
    {'lossawareclassifier__learning_rate': 0.001}
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    net, prefix = estimator, ""
    if isinstance(estimator, Pipeline):
        name, net = estimator.steps[-1]
        prefix = f"{name}__"
    if not isinstance(net, BaseLossAware):
        raise TypeError(
            f"{net!r} has no record of its training: diagnose takes a "
            f"LossAwareClassifier, a LossAwareRegressor, a Pipeline that ends in one, "
            f"or a search that was refitted."
        )
    fitted = net._get_fitted()
    if fitted.record is None:
        record = fitted.settings.record
        raise ValueError(
            f"Nothing was recorded: record={record!r}, trained by "
            f"{fitted.trained_by!r}. Set record=True and fit again, without callbacks "
            f"that act inside an epoch."
        )
    return Diagnosis(fitted, prefix)
