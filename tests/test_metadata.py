"""Metadata routing: what ``fit`` asks for, and what it leaves to splitters."""

import numpy as np
import pytest
from canonical import NET, X, y_binary
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss.model_selection import FusedGridSearchCV

GROUPS = np.arange(len(X)) % 7
SPLITS = list(GroupKFold(3).split(X, groups=GROUPS))
NET = NET | {"epochs": 2}


def requests(estimator):
    return estimator.get_metadata_routing().fit.requests


@pytest.mark.parametrize(
    "net",
    [
        LossAwareClassifier(),
        LossAwareRegressor(),
        LossAwareMultiTask([("a", RegressionHead())]),
    ],
    ids=lambda net: type(net).__name__,
)
def test_only_groups_are_left_to_others_unasked(net):
    given = requests(net)
    unasked = dict.fromkeys(given)
    assert given == unasked | requests(MLPClassifier()) | {"groups": False}
    with config_context(enable_metadata_routing=True):
        for wanted in (True, False):
            own = clone(net).set_fit_request(groups=wanted)
            assert requests(own) == unasked | {"groups": wanted}
            assert requests(clone(own)) == requests(own)
        assert requests(net) == given


@pytest.mark.slow
def test_groups_for_a_splitter_reach_it_alone():
    net = make_pipeline(StandardScaler(), LossAwareClassifier(**NET))
    grid = {"lossawareclassifier__l2": [0.0]}
    with config_context(enable_metadata_routing=True):
        options = {"cv": GroupKFold(3), "params": {"groups": GROUPS}}
        each = cross_validate(net, X, y_binary, **options)["test_score"]
        search = FusedGridSearchCV(net, grid, cv=GroupKFold(3), refit=False)
        found = search.fit(X, y_binary, groups=GROUPS).cv_results_
    expected = cross_validate(net, X, y_binary, cv=SPLITS)["test_score"]
    assert np.array_equal(each, expected)
    first = [found[f"split{i}_test_score"][0] for i in range(3)]
    np.testing.assert_allclose(first, expected, atol=1e-5)
