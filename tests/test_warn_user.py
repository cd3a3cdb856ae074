"""What many fits have to say alike is said once, where Python's filter says so."""

import re
import warnings
from pathlib import Path

import keras
import pytest
from canonical import NET, X, y_binary
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skloss
from skloss import LossAwareClassifier, _warn_user
from skloss._diagnosis._finding import HEADLINES
from skloss.exceptions import IneffectiveParameterWarning
from skloss.inspection import lr_range_test
from skloss.model_selection import FusedGridSearchCV
from skloss.schedules import Step

PACKAGE = Path(skloss.__file__).parent


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(_warn_user, "_said", set())


def net(**params):
    return LossAwareClassifier(**NET | {"learning_rate": 1e-6} | params)


def said(action, work, category=ConvergenceWarning):
    """Return what ``work()`` warns of while filters are of one action."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter(action)
        work()
    return [one for one in caught if issubclass(one.category, category)]


@pytest.mark.parametrize(("action", "count"), [("default", 1), ("always", 4)])
def test_the_fits_of_a_cross_validation(action, count):
    found = said(action, lambda: cross_val_score(net(), X, y_binary, cv=4))
    assert len(found) == count
    assert not re.search(r"\d", str(found[0].message))
    assert found[0].filename == __file__  # not that of scikit-learn


def test_each_line_has_its_own_say():
    def work():
        for _ in range(2):
            BaggingClassifier(net(), n_estimators=2, random_state=0).fit(X, y_binary)
        make_pipeline(net()).fit(X, y_binary)
        make_pipeline(net()).fit(X, y_binary)

    found = said("default", work)
    assert {one.filename for one in found} == {__file__}
    assert len({one.lineno for one in found}) == len(found) == 3


def test_parameters_that_cannot_act_too():
    idle = net(validation_scoring="accuracy")

    def work():
        cross_val_score(idle, X, y_binary, cv=2)

    assert len(said("default", work, IneffectiveParameterWarning)) == 1


def test_a_filter_is_obeyed():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            net().fit(X, y_binary)
        warnings.filterwarnings("ignore", "The learning rate", ConvergenceWarning)
        net().fit(X, y_binary)
        net().fit(X, y_binary)
    assert _warn_user._said == set()


def test_every_finding_has_a_headline_without_numbers():
    source = "".join(
        path.read_text() for path in PACKAGE.glob("_diagnosis/_*findings.py")
    )
    assert set(re.findall(r'Finding\(\s*"(\w+)"', source)) == set(HEADLINES)
    assert not any(re.search(r"\d", text) for text in HEADLINES.values())


def test_the_line_is_the_users_whatever_lies_between():
    searched = {"learning_rate": [1e-6]}
    rows = {"X": X, "y": y_binary}
    works = [
        lambda: net().fit(X, y_binary),
        lambda: net(callbacks=[keras.callbacks.Callback()]).fit(X, y_binary),
        lambda: make_pipeline(StandardScaler(), net()).fit(X, y_binary),
        lambda: GridSearchCV(net(), searched, cv=2).fit(X, y_binary),
        lambda: FusedGridSearchCV(net(), searched, cv=2).fit(X, y_binary),
        lambda: net(lr_schedule=Step(every=1000)).fit(X, y_binary),
        lambda: lr_range_test(net(), **rows, low=1e-7, high=1e-6, n=3, epochs=2),
    ]
    for number, work in enumerate(works):
        found = said("always", work, Warning)
        place = work.__code__.co_filename, work.__code__.co_firstlineno
        places = {(one.filename, one.lineno) for one in found}
        assert places == {place}, (number, found)


def test_nothing_in_the_package_warns_another_way():
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    assert "stacklevel" not in source.replace("(``stacklevel``)", "")
    assert "warnings.warn(" not in source
