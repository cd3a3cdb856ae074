"""Several heads on one body: scikit-learn's conformance suite, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils import ClassifierTags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    RegressionHead,
)
from skloss.exceptions import LossTargetError
from skloss.inspection import diagnose
from skloss.model_selection import head_scorer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
NUMBER = 100 + 20 * X[:, 0]
Y = pd.DataFrame({"number": NUMBER, "grade": np.where(X[:, 1] > 0, "mild", "severe")})


def make_net(heads=None, **params):
    heads = heads or [("grade", ClassificationHead()), ("number", RegressionHead())]
    return LossAwareMultiTask(heads, epochs=1, record=False, **params)


# -- conformance ---------------------------------------------------------------------


class OneHead(LossAwareMultiTask):
    """The suite takes ``predict_proba`` for an array, where ours has one for a head.

    It makes y of one column, so that there is one head.
    """

    def __sklearn_tags__(self):
        """Return tags in which it looks for the number of probabilities."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags()
        return tags

    def predict_proba(self, X):
        """Return the head's probabilities."""
        return super().predict_proba(X)["y"]


@pytest.mark.slow
@parametrize_with_checks(
    [
        LossAwareMultiTask([("y", RegressionHead())], epochs=30, random_state=0),
        OneHead([("y", ClassificationHead())], epochs=30, random_state=0),
    ]
)
def test_conformance(estimator, check):
    check(estimator)


# -- what is refused -----------------------------------------------------------------
ONE = ClassificationHead()


@pytest.mark.parametrize(
    ("heads", "error", "text"),
    [
        ([], TypeError, "must be a list of"),
        ({"a": ONE}, TypeError, "must be a list of"),
        (["grade"], TypeError, "must be a pair of a name and"),
        ([("grade", "focal")], TypeError, "must be a pair of a name and"),
        ([(3, ONE)], TypeError, "3 must be a string"),
        ([("a", ONE), ("a", ONE)], ValueError, r"\['a'\] are given twice"),
        ([("epochs", ONE)], ValueError, "'epochs' cannot be a head's name"),
        ([("a__b", ONE)], ValueError, "'a__b' cannot be a head's name"),
        (
            [("a", ClassificationHead(weight=-1))],
            ValueError,
            "Head 'a': weight=-1 must be a finite number >= 0",
        ),
        ([("a", ClassificationHead(weight=0))], ValueError, "weights of all heads are"),
        (
            [("a", RegressionHead("focal"))],
            LossTargetError,
            "Head 'a': .*is for classification",
        ),
        (
            [("a", RegressionHead(target_transform="log"))],
            ValueError,
            "target_transform='log' must be one of",
        ),
    ],
)
def test_heads_that_cannot_be(heads, error, text):
    with pytest.raises(error, match=text):
        LossAwareMultiTask(heads).fit(X, Y)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (None, "requires y to be passed"),
        (Y[["grade"]], r"one column for each head.*see \['number'\]"),
        (Y.assign(id=1), r"has the columns \['id'\], for which there is no head"),
        (NUMBER, r"y has shape \(200,\); give a DataFrame with the columns"),
        (Y.assign(number=np.nan), "Head 'number': Input y contains NaN"),
        (Y.assign(number="a"), "Head 'number': "),
        (Y.assign(grade=NUMBER + 0.5), "Head 'grade': Unknown label type"),
        (Y.assign(grade="mild"), "Head 'grade': The number of classes"),
        (Y[:100], "inconsistent numbers of samples"),
        (np.array([[None, 1.0]] * 200, object), "NaN or None in the column of .*grade"),
    ],
)
def test_targets_that_cannot_be(y, text):
    with pytest.raises(ValueError, match=text):
        make_net().fit(X, y)


def test_a_fit_that_is_refused_leaves_the_earlier_one():
    net = make_net(random_state=0).fit(X, Y)
    before = net.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        net.fit(X, Y.assign(number=np.nan))
    pd.testing.assert_frame_equal(net.predict(X), before)


def test_other_refusals():
    net = make_net().fit(X, Y)
    for call in (make_net().predict, make_net().predict_proba):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        head_scorer("grade", "roc_auc")(make_net(), X, Y)
    with pytest.raises(ValueError, match=r"no head 'grad'\. Did you mean 'grade'"):
        head_scorer("grad", "roc_auc")(net, X, Y)
    with pytest.raises(TypeError, match="scores a LossAwareMultiTask"):
        head_scorer("grade", "roc_auc")(LossAwareClassifier(), X, Y)
    only_numbers = make_net([("number", RegressionHead())])
    with pytest.raises(AttributeError, match="predict_proba") as caught:
        _ = only_numbers.predict_proba
    assert "No head predicts classes" in str(caught.value.__cause__)
    with pytest.raises(ValueError, match="loss_weights='even' must be one of"):
        make_net(loss_weights="even").fit(X, Y)
    weighted = make_net(loss_weights="uncertainty").set_params(grade__weight=2.0)
    with pytest.raises(ValueError, match=r"weight=2.0 of head 'grade' has no effect"):
        weighted.fit(X, Y)
    with pytest.raises(ValueError, match=r"head_scorer\('grade', 'roc_auc'\)"):
        make_net(validation_scoring="roc_auc", early_stopping=True).fit(X, Y)
    with pytest.raises(ValueError, match="trained by \"as head 'grade' of several"):
        diagnose(net.named_estimators_.grade)
    for name, loss in (
        ("number", "gaussian_nll"),
        ("grade", "spherical"),
        ("grade", "auc_pairwise"),
    ):
        uneven = make_net(loss_weights="uncertainty")
        uneven.set_params(**{f"{name}__loss": loss})
        with pytest.raises(LossTargetError, match=f"{loss!r} of head {name!r} can be"):
            uneven.fit(X, Y)
