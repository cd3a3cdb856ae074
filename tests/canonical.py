"""One table and one network, for every test that is not about shapes.

A program is traced for each shape of table, network and batch; tests that share
theirs share the programs too. Settings of ``NET`` may be replaced where a test is
about them: ``LossAwareClassifier(**NET | {"epochs": 20})``.
"""

import numpy as np

NET = {
    "network": (8,),
    "batch_size": 32,
    "epochs": 5,
    "learning_rate": 0.01,
    "random_state": 0,
}

_rng = np.random.default_rng(0)
X = _rng.normal(size=(93, 4))
_score = X[:, 0] - 0.5 * X[:, 1] + 0.3 * _rng.normal(size=93)
y_binary = (_score > 0).astype(int)
y_three = np.digitize(_score, [-0.5, 0.5])
y_number = 2.0 * _score + 1.0
for _table in (X, y_binary, y_three, y_number):
    _table.flags.writeable = False  # what one test changed, others would see
