"""What follows a row of a log of transitions: rewards, and states further on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Returns(NamedTuple):
    """The known part of each row's return, and what is left to bootstrap.

    A row's target is ``known + sum_k factors[:, k] * value of next_X[ahead[:, k]]``.

    Attributes
    ----------
    known : ndarray of shape (n,)
        Discounted rewards.
    ahead : int ndarray of shape (n, n_ahead)
        The rows whose ``next_X`` are the states further on.
    factors : ndarray of shape (n, n_ahead)
        Discount, weight, and 0 where the return has come to its end.
    """

    known: np.ndarray
    ahead: np.ndarray
    factors: np.ndarray


def find_following_rows(episode, terminal) -> np.ndarray:
    """Return the number of the next row of each row's episode, -1 at its end.

    Parameters
    ----------
    episode : ndarray of shape (n,)
        An id for each row; rows are in order of time.
    terminal : bool ndarray of shape (n,)
    """
    _, code = np.unique(episode, return_inverse=True)
    order = np.argsort(code, kind="stable")
    following = np.full(len(code), -1)
    within = code[order[:-1]] == code[order[1:]]
    following[order[:-1][within]] = order[1:][within]
    following[terminal] = -1
    return following


def compute_returns(
    rewards, terminal, following, discount, n_steps=1, trace_decay=None
) -> Returns:
    """Return n-step returns, or the truncated lambda-returns of so many steps.

    Sutton and Barto 2018, Eqs. 7.1 and 12.9: returns of 1 to n steps, weighted by
    ``(1 - d) d^(k - 1)``, the longest by all that is left.

    Parameters
    ----------
    rewards : ndarray of shape (n,)
    terminal : bool ndarray of shape (n,)
    following : int ndarray of shape (n,), or None
        See ``find_following_rows``; None where returns are of one step.
    discount : float
    n_steps : int
    trace_decay : float, default=None
        d, or lambda; None: 1, all weight on the longest.
    """
    n, decay = len(rewards), 1.0 if trace_decay is None else trace_decay
    row, going, earned = np.arange(n), np.ones(n, dtype=bool), np.zeros(n)
    known, ahead, factors = np.zeros(n), [], []
    for step in range(1, n_steps + 1):
        earned = earned + np.where(going, discount ** (step - 1) * rewards[row], 0.0)
        after = np.full(n, -1) if following is None else following[row]
        ends = (after < 0) | (step == n_steps)
        share = decay ** (step - 1) * np.where(ends, 1.0, 1 - decay)
        share = np.where(going, share, 0.0)
        known += share * earned
        ahead.append(row)
        factors.append(share * discount**step * ~terminal[row])
        going = going & ~ends
        row = np.where(going, after, row)
    ahead, factors = np.stack(ahead, axis=1), np.stack(factors, axis=1)
    if decay == 1:  # each row has all of its weight on one state
        last = np.argmax(factors != 0, axis=1)[:, None]
        ahead = np.take_along_axis(ahead, last, axis=1)
        factors = factors.sum(axis=1, keepdims=True)
    return Returns(known, ahead, factors)
