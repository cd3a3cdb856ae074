"""A process that loads fitted estimators and predicts loads no TensorFlow."""

import pickle

import numpy as np
from canonical import NET, X, y_binary, y_number, y_three
from fresh_process import run_python
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss.losses import CrossEntropy, Focal

SCRIPT = """
import pickle, sys
import numpy as np
import skloss, skloss.losses
X = np.load("X.npy")
with open("nets.pkl", "rb") as file:
    asked = pickle.load(file)
found = [np.asarray(getattr(net, method)(X)) for net, method in asked]
assert str(asked[0][0]) and asked[0][0].history_ and asked[0][0].loss_
slow = {"tensorflow", "keras"} & set(sys.modules)
assert not slow, slow
with open("found.pkl", "wb") as file:
    pickle.dump(found, file)
"""


def ask_a_fresh_process(asked, folder):
    """Return what estimators predict where nothing else was done."""
    np.save(folder / "X.npy", X)
    (folder / "nets.pkl").write_bytes(pickle.dumps(asked))
    run_python(SCRIPT, folder, "-W", "ignore")
    return pickle.loads((folder / "found.pkl").read_bytes())


def test_loading_and_predicting_loads_no_tensorflow(tmp_path):
    binary = LossAwareClassifier(**NET | {"optimizer": "adam:beta_1=0.8"})
    three = LossAwareClassifier(
        CrossEntropy(label_smoothing=0.1) + 0.5 * Focal(),
        **NET | {"network": MLP((8,), normalization="batch"), "early_stopping": True},
    )
    number = LossAwareRegressor("gaussian_nll", **NET)
    binary.fit(X, y_binary)
    scaled = make_pipeline(StandardScaler(), three).fit(X, y_three)
    number.fit(X, y_number)
    asked = [
        (binary, "predict"),
        (binary, "predict_proba"),
        (scaled, "predict_proba"),
        (scaled, "predict"),
        (number, "predict"),
        (number, "predict_interval"),
    ]
    found = ask_a_fresh_process(asked, tmp_path)
    for (net, method), values in zip(asked, found, strict=True):
        np.testing.assert_array_equal(values, getattr(net, method)(X))
