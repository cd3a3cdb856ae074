"""What a policy earns, estimated on the transitions of another one."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import lstsq
from sklearn.kernel_approximation import RBFSampler
from sklearn.preprocessing import StandardScaler

N_FEATURES = 200  # of which values are linear functions
RIDGE = 1e-6


class Log(NamedTuple):
    """Transitions, and what the policy that is judged would do next.

    Attributes
    ----------
    X, next_X : ndarray of shape (n, features)
        Of terminal rows the latter is not looked at.
    taken, best : int ndarray of shape (n,)
        The action that was taken, and that which the policy takes in the next state.
    rewards : ndarray of shape (n,)
    terminal : bool ndarray of shape (n,)
    weight : ndarray of shape (n,)
    """

    X: np.ndarray
    taken: np.ndarray
    rewards: np.ndarray
    next_X: np.ndarray
    terminal: np.ndarray
    best: np.ndarray
    weight: np.ndarray


def evaluate_policy(log, chosen, discount, n_actions):
    """Return the value of the policy in the state of each row.

    Fitted Q evaluation (Le, Voloshin and Yue 2019, Algorithm 3) with functions linear
    in features ends where ``A w = b`` with ``A = F' (F - discount * F_next)`` and
    ``b = F' r`` (LSTD-Q, Lagoudakis and Parr 2003, Eq. 11): solved at once.

    Parameters
    ----------
    log : Log
    chosen : int ndarray of shape (n,)
        What the policy does in the state itself.
    discount : float
    n_actions : int

    Returns
    -------
    ndarray of shape (n,)
    """
    scale = StandardScaler().fit(log.X)
    X = scale.transform(log.X)
    next_X = np.where(log.terminal[:, None], X, scale.transform(log.next_X))
    gamma = 1 / max(1, X.shape[1])
    radial = RBFSampler(gamma=gamma, n_components=N_FEATURES, random_state=0).fit(X)

    def features(X, action):
        own = np.hstack([np.ones((len(X), 1)), X, radial.transform(X)])
        parts = np.zeros((len(X), n_actions, own.shape[1]))
        parts[np.arange(len(X)), action] = own
        return parts.reshape(len(X), -1)

    now = features(X, log.taken)
    after = features(next_X, log.best) * (discount * ~log.terminal)[:, None]
    weighted = now * log.weight[:, None]
    matrix = weighted.T @ (now - after)
    matrix += RIDGE * np.trace(weighted.T @ now) / len(matrix) * np.eye(len(matrix))
    solution = lstsq(matrix, weighted.T @ log.rewards)[0]
    return features(X, chosen) @ solution


def find_first_rows(episode, n_rows):
    """Return the first row of each episode; all rows where none are known."""
    if episode is None:
        return np.arange(n_rows)
    return np.unique(np.asarray(episode), return_index=True)[1]
