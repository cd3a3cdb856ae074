"""What a policy earns, estimated on the transitions of another one."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, hstack, issparse

from skloss._params import is_number
from skloss.estimators._value_regressor import TDValueRegressor


class Log(NamedTuple):
    """Transitions, and what the policy that is judged would do.

    Attributes
    ----------
    X, next_X : array or CSR matrix of shape (n, features)
        Of terminal rows the latter is not looked at.
    rewards : ndarray of shape (n,)
    terminal : bool ndarray of shape (n,)
    weight : ndarray of shape (n,), or None
    taken, chosen, next_chosen : int ndarray of shape (n,)
        The action that was taken; that which the policy takes in the state, and in the
        next one.
    """

    X: Any
    next_X: Any
    rewards: np.ndarray
    terminal: np.ndarray
    weight: np.ndarray | None
    taken: np.ndarray
    chosen: np.ndarray
    next_chosen: np.ndarray


def evaluate_policy(estimator, log, discount, n_actions):
    """Return the value of the policy in the state of each row.

    By fitted Q evaluation (Le, Voloshin and Yue 2019, Algorithm 3): values of states
    and actions, of which the next one is the policy's, by a network like the one whose
    policy is judged.

    Parameters
    ----------
    estimator : FittedQRegressor
        Its network and training are those of the evaluation; not its loss, for a
        policy is judged by the mean.
    log : Log
    discount : float
    n_actions : int

    Returns
    -------
    ndarray of shape (n,)
    """
    own, names = estimator.get_params(deep=False), TDValueRegressor().get_params()
    shared = {name: own[name] for name in own if name in names}
    seed = own["random_state"]
    other = {
        "loss": "squared_error",
        "discount": discount,
        **{"n_steps": 1, "trace_decay": None},
        **{"warm_start": False, "record": False, "verbose": 0, "callbacks": None},
        "random_state": seed if is_number(seed) else 0,
    }
    judge = TDValueRegressor(**{**shared, **other})
    judge.fit(
        add_actions(log.X, log.taken, n_actions),
        log.rewards,
        log.weight,
        next_X=add_actions(log.next_X, log.next_chosen, n_actions),
        terminal=log.terminal,
    )
    return judge.predict(add_actions(log.X, log.chosen, n_actions))


def add_actions(X, action, n_actions):
    """Return states in the columns of their action, with a 1 beside; else zeros.

    So that a network without hidden layers has values of its own for each action.
    """
    rows, taken = np.arange(X.shape[0]), np.eye(n_actions)[action]
    if issparse(X):
        parts = [X.multiply(taken[:, [k]]) for k in range(n_actions)]
        return hstack([*parts, csr_array(taken)], format="csr")
    parts = np.zeros((len(rows), n_actions, X.shape[1]))
    parts[rows, action] = X
    return np.hstack([parts.reshape(len(rows), -1), taken])


def find_first_rows(episode, n_rows):
    """Return the first row of each episode; all rows where none are known."""
    if episode is None:
        return np.arange(n_rows)
    return np.unique(np.asarray(episode), return_index=True)[1]
