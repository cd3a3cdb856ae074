"""``verbose`` of a fit: a bar in terminals and notebooks, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from skloss._engine import Plan

SECONDS_BETWEEN_LINES = 1.0


def make_bar(**arguments):
    """Return a bar for a terminal or a notebook, whichever this is."""
    from tqdm.auto import tqdm  # loaded where something is shown

    return tqdm(**arguments)


@contextmanager
def show_progress(plan: Plan, verbose: int) -> Iterator[Bar | Lines | None]:
    """Give what shows how far the training of a plan of one network is.

    None where ``verbose`` is 0.
    """
    if not verbose:
        yield None
        return
    report = Bar(plan) if sys.stderr.isatty() or in_notebook() else Lines(plan)
    try:
        yield report
    finally:
        report.close()


def in_notebook() -> bool:
    """Tell whether output goes to a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class Bar:
    """A bar over epochs, with the latest losses and score, and the time left."""

    def __init__(self, plan: Plan):
        self.plan, self.bar = plan, make_bar(total=plan.epochs, unit="epoch")

    def __call__(self, number, epoch, history):
        """Show the epochs just trained."""
        values = read_last_values(self.plan, history)
        del values["learning rate"], values["gradient norm"]
        self.bar.set_postfix({k: f"{v:.4g}" for k, v in values.items()}, refresh=False)
        self.bar.update(len(history.loss))

    def close(self):
        """End the bar, which stays on the screen as it stands."""
        self.bar.close()


class Lines:
    """A line about once a second, and one at the end."""

    def __init__(self, plan: Plan):
        self.plan, self.line = plan, None
        self.printed = time.monotonic()

    def __call__(self, number, epoch, history):
        """Note the epochs just trained, and print them if the last line is old."""
        values = read_last_values(self.plan, history)
        texts = [f"{name} {value:.5g}" for name, value in values.items()]
        self.line = "  ".join([f"epoch {epoch:4d}", *texts])
        if time.monotonic() - self.printed >= SECONDS_BETWEEN_LINES:
            self.close()

    def close(self):
        """Print the noted line, if it has not been printed."""
        if self.line is not None:
            print(self.line)
        self.line, self.printed = None, time.monotonic()


def read_last_values(plan: Plan, history) -> dict[str, float]:
    """Return the numbers of the last epoch by name, each score in its own sign."""
    member = plan.members[0]
    values = {
        "loss": history.loss[-1],
        "learning rate": history.learning_rate[-1],
        "gradient norm": history.gradient_norm[-1],
    }
    if np.isfinite(history.val_loss[-1]):  # NaN without validation rows
        # training minimises, so scores of scikit-learn are recorded with a minus
        score = history.val_monitor[-1]
        values["val loss"] = history.val_loss[-1]
        name = f"val {member.monitor_name}"
        values[name] = score if member.scorer is None else -score
    return values
