"""Many calls of ``partial_fit`` take time linear in their number.

Nothing is timed: a late call makes the calls that an early one makes, to the last, and
leaves as much. One dictionary a call is added, the history of its epoch.
"""

import gc
import pickle
import sys
from collections import Counter
from dataclasses import replace

import pytest
from canonical import NET, X, y_binary

from skloss import LossAwareClassifier

EARLY, LATE = 5, 30


def calls_of(function, *arguments):
    """Return how often each function is called, of Python and of C."""
    counts = Counter()

    def count(frame, event, argument):
        if event == "call":
            counts[frame.f_code.co_filename, frame.f_code.co_qualname] += 1
        elif event == "c_call":
            counts[getattr(argument, "__qualname__", repr(argument))] += 1

    gc.collect()
    gc.disable()  # what it calls, and when, is no matter of this function
    sys.setprofile(count)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
        gc.enable()
    return counts


@pytest.mark.slow
def test_a_late_call_does_what_an_early_one_does():
    net, work, left = LossAwareClassifier(**NET), {}, {}
    for number in range(1, LATE + 1):
        if number in (EARLY, LATE):
            work[number] = calls_of(net.partial_fit, X, y_binary)
            left[number] = len(pickle.dumps(replace(net._fitted, histories=())))
        else:
            net.partial_fit(X, y_binary)
    early, late = work[EARLY], work[LATE]
    assert {n: (early[n], late[n]) for n in early | late if early[n] != late[n]} == {}
    assert left[EARLY] == left[LATE]
    histories = net._fitted.histories
    assert {len(values) for part in histories for values in part.values()} == {1}
    assert len(histories) == len(net.history_["loss"]) == net.n_epochs_ == LATE
