"""``verbose``: a bar in a terminal, lines elsewhere, silence at 0."""

import io
import re
import sys
import types

import numpy as np
import pytest

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._callbacks import _fit_progress
from skloss._engine._state import HistoryRow

X = np.random.default_rng(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(net, monkeypatch, **val):
    """Fit in a terminal; return what it shows."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    net.fit(X, y, **val)
    return sys.stderr.getvalue()


def net(**params):
    return LossAwareClassifier(**{"network": (3,), "random_state": 0, **params})


def test_silent_at_0(monkeypatch, capfd):
    assert shown(net(epochs=3), monkeypatch) == ""
    assert capfd.readouterr().out == ""


def test_a_bar_in_a_terminal(monkeypatch, capfd):
    own = net(epochs=12, verbose=1)
    last = shown(own, monkeypatch, X_val=X, y_val=y).split("\r")[-1]
    assert capfd.readouterr().out == ""
    assert "12/12" in last
    assert re.search(r"\[\d\d:\d\d<00:00", last)  # spent, and left
    for name, column in [
        ("loss", "loss"),
        ("val loss", "val_loss"),
        ("val log_loss", "val_log_loss"),
    ]:
        assert f" {name}={own.history_[column][-1]:.4g}" in last


def test_a_bar_shows_the_score_in_its_own_sign(monkeypatch):
    reg = LossAwareRegressor(network=(3,), epochs=3, random_state=0, verbose=1)
    reg.set_params(validation_scoring="neg_max_error", early_stopping=True)
    last = shown(reg, monkeypatch).split("\r")[-1]
    score = reg.history_["val_neg_max_error"][-1]
    assert score < 0
    assert f"val neg_max_error={score:.4g}" in last


def test_a_bar_in_a_notebook(monkeypatch):
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    own = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", own)
    assert _fit_progress.in_notebook()
    shell.config = {}  # IPython in a terminal
    assert not _fit_progress.in_notebook()
    own.get_ipython = lambda: None
    assert not _fit_progress.in_notebook()


def test_lines_elsewhere_are_about_a_second_apart(capsys, monkeypatch):
    clock = iter(np.arange(100) * 0.3)
    monkeypatch.setattr(_fit_progress.time, "monotonic", lambda: next(clock))
    # a score from outside the graph reports every epoch
    own = net(epochs=10, validation_scoring="accuracy", verbose=1)
    own.fit(X, y, X_val=X, y_val=y)
    out, error = capsys.readouterr()
    assert error == ""
    numbers = [int(line.split()[1]) for line in out.splitlines()]
    assert numbers[-1] == 10
    assert 2 <= len(numbers) <= 4
    for line, number in zip(out.splitlines(), numbers, strict=True):
        assert f"  loss {own.history_['loss'][number - 1]:.5g}  " in line
        score = own.history_["val_accuracy"][number - 1]
        assert line.endswith(f"val accuracy {score:.5g}")


def test_the_last_line_comes_even_if_training_fails(capsys, monkeypatch):
    def interrupted(plan, data, report):
        report(0, 1, HistoryRow(*np.ones((5, 1))))
        raise KeyboardInterrupt

    monkeypatch.setattr("skloss.estimators._prepare.train_population", interrupted)
    with pytest.raises(KeyboardInterrupt):
        net(verbose=1).fit(X, y)
    assert capsys.readouterr().out.startswith("epoch    1  loss 1  learning rate 1")
