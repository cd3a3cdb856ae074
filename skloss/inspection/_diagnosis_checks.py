"""The findings of ``diagnose`` as checks of skore's reports."""

from skloss._diagnosis._finding import HEADLINES, WARNINGS
from skloss.inspection._diagnose import diagnose


class DiagnosisCheck:
    """A check of skore that reports one finding of :func:`diagnose`.

    It needs no data, but a network that was fitted with ``record=True``, at the end of
    a Pipeline or as a search's winner; in a report on anything else, such as an average
    of networks, it is not applicable. :func:`diagnosis_checks` makes one of each.

    Parameters
    ----------
    finding : str
        Its name, such as ``"exploding_gradients"``.

    Attributes
    ----------
    code, title, report_types, docs_url, severity, slow
        What skore asks of a check. The code is the name in capitals behind "SKLOSS".
    """

    report_types = ["estimator"]  # noqa: RUF012 - skore takes a list
    docs_url = None
    slow = False

    def __init__(self, finding):
        self.finding = finding
        self.code = f"SKLOSS-{finding.replace('_', '-').upper()}"
        self.title = finding.replace("_", " ").capitalize()
        self.severity = "tip" if finding in WARNINGS else "issue"

    def check_function(self, report):
        """Return the evidence and the advice of the finding, None without it.

        Parameters
        ----------
        report : skore.EstimatorReport

        Raises
        ------
        skore.CheckNotApplicable
            If nothing was recorded.
        """
        try:
            findings = diagnose(report.estimator).findings
        except (TypeError, ValueError) as error:
            from skore import CheckNotApplicable

            raise CheckNotApplicable(str(error)) from None
        return next((str(one) for one in findings if one.name == self.finding), None)


def diagnosis_checks():
    """Return a check for each thing that :func:`diagnose` looks for.

    Returns
    -------
    list of DiagnosisCheck
        For ``EstimatorReport(...).checks.add(...)`` of skore.

    Examples
    --------
    >>> from skloss.inspection import diagnosis_checks
    >>> checks = diagnosis_checks()
    >>> checks[0].code, checks[0].title, checks[0].severity
    ('SKLOSS-DIVERGED', 'Diverged', 'issue')
    """
    return [DiagnosisCheck(finding) for finding in HEADLINES]
