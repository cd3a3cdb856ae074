"""The page about a fit says what is called, in the order in which it is called."""

import re
import sys
from pathlib import Path

from canonical import X, y_binary

import skloss
from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV

PACKAGE = Path(skloss.__file__).parent
PAGE = PACKAGE.parent / "docs" / "design" / "a_fit.md"
MOST_FILES, MOST_LINES = 10, 2600
STEP = re.compile(r"^\d+\. `([\w.]+)`", re.MULTILINE)
NUMBER = re.compile(r"^(\d+)\. ", re.MULTILINE)


def section(title):
    """Return the text of a section of the page."""
    return PAGE.read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_calls(function, *arguments):
    """Return the package's functions in the order in which each is first called."""
    calls = {}

    def note(frame, event, argument):
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("skloss."):
            name = f"{module.removeprefix('skloss.')}.{frame.f_code.co_qualname}"
            calls.setdefault(name, len(calls))

    sys.setprofile(note)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return calls


def check_steps(title, calls):
    """Raise AssertionError unless a section's steps are called, in its order."""
    text = section(title)
    steps = STEP.findall(text)
    assert [int(n) for n in NUMBER.findall(text)] == list(range(1, len(steps) + 1))
    assert not [step for step in steps if step not in calls]
    assert steps == sorted(steps, key=calls.get)


def network(**params):
    """Return a network of a shape of its own: programs are traced once a process."""
    return LossAwareClassifier(network=(7,), epochs=2, random_state=0, **params)


def test_the_steps_of_a_fit():
    net = network(
        early_stopping=True,
        validation_scoring="accuracy",
        calibration="temperature",
    )
    calls = first_calls(net.fit, X, y_binary)
    check_steps("A fit", calls)


def test_the_steps_of_a_search():
    search = FusedGridSearchCV(network(), {"learning_rate": [0.1, 0.01]}, cv=2)
    check_steps("A search", first_calls(search.fit, X, y_binary))


def test_how_much_is_to_be_read():
    listed = PAGE.read_text("utf-8").split("read these files, in this order:")[1]
    files = re.findall(r"`([\w/]+\.py)`", listed.split("\n## ")[0])
    lines = [len((PACKAGE / f).read_text("utf-8").splitlines()) for f in files]
    assert 0 < len(files) <= MOST_FILES
    assert sum(lines) <= MOST_LINES
