"""Plots of schedules."""

import sys

import numpy as np
import pytest

from skloss.schedules import Cosine, ReduceLROnPlateau, Step, WarmUp


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_plot_draws_the_values(pyplot):
    schedule = WarmUp(2) * Cosine()
    ax = schedule.plot(0.1, 10, steps_per_epoch=5)
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), schedule.values(0.1, 10, 5))
    np.testing.assert_allclose(line.get_xdata(), np.arange(50) / 5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoch", "Learning rate")
    assert line.get_label() == "WarmUp(epochs=2) * Cosine()"


def test_plot_into_axes(pyplot):
    ax = pyplot.figure().subplots()
    assert Cosine().plot(0.1, 10, ax=ax) is ax
    assert Step(every=4).plot(0.1, 10, ax=ax) is ax
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["Cosine()", "Step(every=4)"]
    assert len(pyplot.get_fignums()) == 1


def test_plot_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skloss\[plot\]'"):
        Cosine().plot(0.1, 10)


def test_a_plateau_has_nothing_to_plot():
    with pytest.raises(ValueError, match="depend on the validation score"):
        ReduceLROnPlateau().plot(0.1, 10)
