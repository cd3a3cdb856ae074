"""The examples' networks are healthy: at most one of 20 has a finding."""

import importlib.util
import warnings
from pathlib import Path

import pytest
from sklearn.exceptions import ConvergenceWarning

from skloss.estimators import _finish

EXAMPLES = Path(__file__).parents[2] / "examples"


def imported(name):
    """Return an example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.claim
@pytest.mark.parametrize(("name", "n_fits"), [("churn", 10), ("mnist_losses", 15)])
def test_the_fits_of_an_example(name, n_fits, monkeypatch, tmp_path):
    """Those of churn are the winners of two searches and each loss at its best."""
    seen, findings = [], _finish.collect_findings

    def noted(fitted):
        seen.append(findings(fitted))
        return seen[-1]

    example = imported(name)
    if name == "churn":
        monkeypatch.setattr(example, "PLOT", tmp_path / "churn.png")
    monkeypatch.setattr(_finish, "collect_findings", noted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        example.main()
    assert len(seen) == n_fits
    ill = [found for found in seen if found]
    assert len(ill) <= n_fits / 20, ill
