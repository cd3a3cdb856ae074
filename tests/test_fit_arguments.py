"""What users of Keras hand to ``fit``: refused in Python's words, with the remedy."""

import inspect

import pytest
from canonical import NET, X, y_binary, y_number
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss.model_selection import FusedGridSearchCV


class Plain:
    """A class of no library, for Python's own words."""

    def fit(self, X, y, sample_weight=None, *, X_val=None):
        """Take what ``fit`` takes."""


def words(call):
    with pytest.raises(TypeError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("epochs", 2, r"LossAwareClassifier(epochs=2), or set_params(epochs=2)"),
        ("batch_size", 8, "parameter of the estimator: LossAwareClassifier(batch_size"),
        ("verbose", 0, "set_params(verbose=0)"),
        ("callbacks", [], "LossAwareClassifier(callbacks=...)"),
        ("class_weight", "balanced", "set_params(class_weight='balanced')"),
        ("validation_data", (X, y_binary), "Give X_val= and y_val=."),
        ("validation_split", 0.2, "early_stopping=True and validation_fraction="),
    ],
)
def test_what_keras_takes(name, value, remedy):
    text = words(lambda: LossAwareClassifier().fit(X, y_binary, **{name: value}))
    python = words(lambda: Plain().fit(X, y_binary, **{name: value}))
    expected = python.replace("Plain.", "LossAwareClassifier.")
    assert text.startswith(f"{expected}.")
    assert remedy in text


def test_of_every_estimator():
    text = words(lambda: LossAwareRegressor().fit(X, y_number, class_weight={}))
    assert text.startswith("LossAwareRegressor.fit() got")
    assert text.endswith("sample_weight=.")  # it has no such parameter
    tasks = LossAwareMultiTask([("a", RegressionHead())])
    assert "LossAwareMultiTask(epochs=2)" in words(lambda: tasks.fit(X, X, epochs=2))
    python = words(lambda: Plain().fit(X, y_binary, colour=1))
    text = words(lambda: LossAwareClassifier().fit(X, y_binary, colour=1))
    assert text == f"{python.replace('Plain', 'LossAwareClassifier')}."
    for call, missing in (
        (lambda: LossAwareClassifier().fit(), "'X'"),
        (lambda: LossAwareClassifier().fit(X), "'y'"),
        (lambda: LossAwareClassifier().fit(X, y_binary, None, None), "positional"),
    ):
        text = words(call)
        assert text.startswith("LossAwareClassifier.fit() ")
        assert missing in text


def test_signature_stays():
    parameters = inspect.signature(LossAwareClassifier().fit).parameters
    assert list(parameters) == [
        *("X", "y", "sample_weight", "groups", "X_val", "y_val", "sample_weight_val"),
    ]


def test_a_fused_search_refuses_them_too():
    """They are no arguments of what prepares its networks either."""
    net = LossAwareClassifier(**NET)
    pipe = make_pipeline(StandardScaler(), net)
    rules = {"cv": KFold(2), "refit": False, "error_score": "raise"}
    for own, name in ((net, ""), (pipe, "lossawareclassifier__")):
        search = FusedGridSearchCV(own, {f"{name}l2": [0.0]}, **rules)
        with pytest.raises(TypeError, match=r"LossAwareClassifier.fit\(\) got.*epochs"):
            search.fit(X, y_binary, **{f"{name}epochs": 2})
