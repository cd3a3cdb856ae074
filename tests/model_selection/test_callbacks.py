"""scikit-learn's callbacks on a fused search: the tasks that its own search reports."""

import pickle
from collections import Counter

import pytest
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, FusedOptunaSearchCV

pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
GRID = {"loss": ["cross_entropy", "brier"]}


class Recorder:
    """A callback that counts the tasks it is told of, by their names."""

    def __init__(self):
        self.begun, self.ended, self.lives = Counter(), Counter(), []

    def setup(self, estimator, context):
        self.lives.append("setup")

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.begun[context.task_name] += 1

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.ended[context.task_name] += 1

    def teardown(self, estimator, context):
        self.lives.append("teardown")


def told(search):
    X, y = load_wine(return_X_y=True)
    recorder = Recorder()
    search.set_callbacks(recorder).fit(X / X.max(axis=0), y)
    assert recorder.begun == recorder.ended
    assert recorder.lives == ["setup", "teardown"]
    return recorder.begun


def net():
    return LossAwareClassifier(network=(4,), epochs=2, random_state=0)


@pytest.mark.filterwarnings("ignore:.*does not support callbacks")
def test_tasks_are_those_of_grid_search():
    theirs = told(GridSearchCV(net(), GRID, cv=3))
    assert theirs["candidate-split-evaluation"] == 6
    assert told(FusedGridSearchCV(net(), GRID, cv=3)) == theirs


def test_tasks_without_refit():
    found = told(FusedGridSearchCV(net(), GRID, cv=3, refit=False))
    assert "refit-with-best-params" not in found


def test_a_study_has_a_task_for_each_network():
    search = FusedOptunaSearchCV(net(), GRID, n_trials=4, cv=2, random_state=0)
    assert told(search)["candidate-split-evaluation"] == 8


def test_a_fitted_search_is_without_its_tasks():
    X, y = load_wine(return_X_y=True)
    search = FusedGridSearchCV(net(), GRID, cv=2).set_callbacks(Recorder())
    search.fit(X / X.max(axis=0), y)
    again = pickle.loads(pickle.dumps(search))
    assert again.best_params_ == search.best_params_
    assert not {"_tasks", "_progress", "_best"} & set(vars(search))
