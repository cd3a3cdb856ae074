"""Numbers that searches draw from NumPy reach a user's code as Python's own."""

import keras
import numpy as np
import pytest
from canonical import NET, X, y_binary
from searches import assert_same, both

from skloss import LossAwareClassifier
from skloss.model_selection import (
    FusedOptunaSearchCV,
    FusedRandomizedSearchCV,
)

SHORT = NET | {"epochs": 2}
SPACE = {
    "network__units": np.arange(8, 9),
    "network__activation": np.array(["relu"]),
    "network__settings": [{"use_bias": np.True_, "units": np.int64(4)}],
    "callbacks__counter__limit": np.arange(3, 4),
    "learning_rate": np.array([0.01, 0.02]),
}
seen, TYPES = [], {int, (int, str, bool, int)}


def build(units=2, activation="tanh", settings=None):
    given = (units, activation, *settings.values())
    seen.append(tuple(type(value) for value in given))
    return keras.Sequential(
        [
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dense(activation=activation, **settings),
        ]
    )


class Counter(keras.callbacks.Callback):
    def __init__(self, limit=1):
        super().__init__()
        self.limit = limit
        seen.append(type(limit))


def net():
    seen.clear()
    return LossAwareClassifier(**SHORT | {"network": build, "callbacks": [Counter()]})


@pytest.mark.slow
def test_in_a_search_with_the_columns_of_scikit_learn():
    fused, plain = both(net(), SPACE, X, y_binary, cv=2, refit=False)
    assert_same(fused, plain, within=1.001 / 46)
    assert set(seen) == TYPES
    assert fused.cv_results_["param_network__units"].dtype == np.int64


@pytest.mark.slow
@pytest.mark.parametrize("cls", [FusedRandomizedSearchCV, FusedOptunaSearchCV])
def test_in_searches_that_draw(cls):
    count = "n_iter" if cls is FusedRandomizedSearchCV else "n_trials"
    search = cls(net(), SPACE, **{count: 2}, cv=2, refit=False, random_state=0)
    search.fit(X, y_binary)
    assert set(seen) == TYPES
    assert search.best_params_["network__units"] == 8


def test_in_a_fit_alone():
    alone = net().set_params(**{name: values[0] for name, values in SPACE.items()})
    alone.fit(X, y_binary)
    assert set(seen) == TYPES
    assert isinstance(alone.get_params()["network__units"], np.int64)
