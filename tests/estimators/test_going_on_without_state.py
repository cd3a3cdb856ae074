"""What was kept without its optimiser's state goes on from its weights."""

import numpy as np
import pytest
from canonical import NET, X, y_binary

from skloss import ClassificationHead, LossAwareClassifier, LossAwareMultiTask
from skloss.model_selection import FusedGridSearchCV

STILL = {"learning_rate": 1e-30}  # steps that change nothing


def test_networks_of_folds_go_on():
    net = LossAwareClassifier(**NET)
    search = FusedGridSearchCV(net, {"l2": [0.0, 1e-3]}, cv=2).fit(X, y_binary)
    member = search.fold_ensemble_.estimators[0].set_params(**STILL)
    before = member.predict_proba(X)
    assert np.ptp(before[:, 1]) > 0.1  # it has learned
    after = member.partial_fit(X, y_binary).predict_proba(X)
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.slow
def test_a_head_of_several_goes_on():
    heads = [("churn", ClassificationHead())]
    net = LossAwareMultiTask(heads, **NET).fit(X, y_binary[:, None])
    head = net.named_estimators_["churn"].set_params(**STILL)
    before = head.predict_proba(X)
    after = head.partial_fit(X, y_binary).predict_proba(X)
    np.testing.assert_allclose(after, before, rtol=1e-6)
