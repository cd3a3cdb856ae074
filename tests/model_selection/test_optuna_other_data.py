"""A study goes on with what its trials were scored with, and with nothing else."""

import copy
import subprocess
import sys

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
from canonical import NET, X, y_binary
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score, get_scorer, make_scorer
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.losses import Focal
from skloss.model_selection import FusedOptunaSearchCV
from skloss.model_selection._study_digest import DIGEST, digest_params
from skloss.model_selection._value_text import describe_value, digest_table

SPACE = {"learning_rate": (1e-3, 1e-1, "log")}
FOLDS = KFold(2, shuffle=True, random_state=0)
NETWORK = LossAwareClassifier(**NET)


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def search(study, estimator=NETWORK, **options):
    given = {"n_trials": 2, "cv": FOLDS, "refit": False}
    return FusedOptunaSearchCV(estimator, SPACE, study=study, **{**given, **options})


@pytest.fixture(scope="module")
def finished():
    return search(optuna.create_study(direction="maximize")).fit(X, y_binary).study_


class Own(LossAwareClassifier):
    """Trains otherwise, perhaps."""


def changed(**params):
    return {"estimator": LossAwareClassifier(**NET | params)}


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({}, {"y": 1 - y_binary}, r"^y differs from"),
        ({}, {"X": X + 1e-9}, r"^X differs from"),
        ({}, {"X": X + 1, "y": 1 - y_binary}, r"^X, y differ from"),
        ({}, {"sample_weight": np.ones(93)}, r"^sample_weight differs"),
        ({"cv": KFold(2)}, {}, r"^cv differs from"),
        ({"scoring": "f1"}, {}, r"^scoring differs"),
        ({"scoring": make_scorer(f1_score)}, {}, r"^scoring differs"),
        ({"estimator": Own(**NET)}, {}, r"^the estimator's class differs"),
        (changed(epochs=6), {}, r"^the estimator's epochs differs"),
        (changed(loss=Focal(gamma=3.0)), {}, r"^the estimator's loss differs"),
        ({"return_train_score": True}, {}, "return_train_score=True.*without"),
    ],
)
def test_other_data_are_refused_before_training(finished, options, data, message):
    study = copy.deepcopy(finished)
    data = {"X": X, "y": y_binary, **data}
    with pytest.raises(ValueError, match=message):
        search(study, n_trials=9, **options).fit(**data)
    assert len(study.trials) == 2


@pytest.mark.parametrize(
    ("options", "data"),
    [
        ({}, {"X": np.asfortranarray(X), "y": y_binary.tolist()}),
        ({}, {"X": X.tolist(), "y": pd.Series(y_binary, index=range(93, 0, -1))}),
        ({"cv": list(FOLDS.split(X))}, {}),
        (changed(learning_rate=0.5, verbose=0, record=False), {}),
        ({"n_jobs": 2, "refit": True, "batch_size": 1, "verbose": 0}, {}),
    ],
    ids=["layout", "container", "splits", "what trials set", "what changes nothing"],
)
def test_the_same_in_another_form_goes_on(finished, options, data):
    study = copy.deepcopy(finished)
    found = search(study, **options).fit(**{"X": X, "y": y_binary, **data})
    assert len(found.cv_results_["params"]) == len(study.trials) == 2


def test_folds_without_a_seed_cannot_go_on():
    study = optuna.create_study(direction="maximize")
    splitter = KFold(2, shuffle=True)
    search(study, n_trials=1, cv=splitter).fit(X, y_binary)
    with pytest.raises(ValueError, match=r"draws other folds.*set its random_state"):
        search(study, cv=splitter).fit(X, y_binary)
    with pytest.raises(ValueError, match=r"draws other folds"):
        search(study, cv=ShuffleSplit(2)).fit(X, y_binary)
    with pytest.raises(ValueError, match=r"compared\. Give"):
        search(study, cv=KFold(2)).fit(X, y_binary)


def test_of_several_metrics_the_one_that_decides_matters():
    study = optuna.create_study(direction="maximize")
    scoring = ["accuracy", "f1"]
    search(study, n_trials=1, scoring=scoring, refit="f1").fit(X, y_binary)
    with pytest.raises(ValueError, match=r"^refit differs"):
        search(study, scoring=scoring, refit="accuracy").fit(X, y_binary)


def test_outer_folds_over_one_stored_study_are_told_apart():
    """Without a name each has a study of its own in the storage."""
    storage = optuna.storages.InMemoryStorage()
    options = {"n_trials": 1, "cv": 2, "storage": storage, "refit": False}
    named = FusedOptunaSearchCV(NETWORK, SPACE, study_name="one", **options)
    named.fit(X, y_binary)
    with pytest.raises(ValueError, match=r"^X, y.*study 'one'.*study_name=None"):
        named.fit(X[:60], y_binary[:60])
    unnamed = FusedOptunaSearchCV(NETWORK, SPACE, **options)
    studies = {unnamed.fit(X[:n], y_binary[:n]).study_.study_name for n in (93, 60)}
    assert len(studies) == 2


def test_a_study_without_digests_goes_on_with_one_warning(finished):
    study = copy.deepcopy(finished)
    study.set_user_attr(DIGEST, None)
    with pytest.warns(UserWarning, match="does not say which data"):
        search(study).fit(X, y_binary)
    search(study).fit(X, y_binary)
    with pytest.raises(ValueError, match="y differs"):
        search(study).fit(X, 1 - y_binary)


def test_a_study_without_trials_goes_on_with_anything():
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial({"learning_rate": 0.02})
    with pytest.raises(ValueError, match="Candidate"):
        search(study, LossAwareClassifier(**NET, loss="huber")).fit(X, y_binary)
    found = search(study, n_trials=1).fit(X, 1 - y_binary)
    assert len(found.cv_results_["params"]) == 1


# -- digests -------------------------------------------------------------------------

RNG = np.random.default_rng(0)
MIXED = pd.DataFrame(
    {"a": [1.5, np.nan, 3.0], "b": ["x", None, "z"], "c": pd.Categorical(list("uvu"))}
)
SPARSE = sparse.random_array((9, 5), density=0.4, rng=RNG)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (X, np.asfortranarray(X)),
        (X, X[:, ::-1].copy()[:, ::-1]),
        (X, X.astype(">f8")),
        (SPARSE.tocsr(), SPARSE.tocsc()),
        (MIXED, MIXED.set_axis(list("rst"))),
        (MIXED, MIXED.copy()),
        (pl.DataFrame({"a": [1, 2], "b": ["x", None]}),) * 2,
    ],
    ids=["Fortran", "view", "bytes", "sparse", "index", "mixed", "polars"],
)
def test_the_same_values_have_the_same_digest(one, same):
    assert digest_table(one) == digest_table(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, X[::-1]),
        (X, X.T),
        (X, X.astype(np.float32)),
        (SPARSE, SPARSE * 2),
        (MIXED, MIXED.assign(b=["x", None, "y"])),
        (MIXED, MIXED.rename(columns={"a": "A"})),
        (MIXED["c"], MIXED["c"].cat.as_ordered()),
        (MIXED["c"], MIXED["c"].cat.reorder_categories(["v", "u"])),
        (pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 3]})),
        (None, np.array([])),
        ([[1, 2], [3]], [[1, 2], [4]]),
        ([[X], [X[1:]]], [[X], [X[1:] + 1e-9]]),
    ],
)
def test_other_values_have_another_digest(one, other):
    assert digest_table(one) != digest_table(other)


def test_a_large_table_is_read_piece_by_piece(monkeypatch):
    whole = digest_table(X)
    monkeypatch.setattr("skloss.model_selection._value_text.BYTES_AT_ONCE", 100)
    assert digest_table(X) == whole


class Plain:
    """Prints its place in memory."""


def test_objects_are_described_alike_in_every_process():
    texts = [
        describe_value(value)
        for value in (
            {"b": 1, "a": {2, 3}},
            f1_score,
            np.log1p,
            get_scorer("f1"),
            Focal(gamma=2.0),
            RandomForestClassifier(max_depth=3),
            Plain(),
            np.float32(2.0),
            np.random.RandomState(3),
        )
    ]
    assert not [text for text in texts if " at 0x" in text]
    assert describe_value(Plain()) == describe_value(Plain())
    assert describe_value(np.float64(2)) == describe_value(2.0)
    assert describe_value(Focal(gamma=2.0)) != describe_value(Focal(gamma=3.0))
    code = (
        "from skloss.model_selection._value_text import digest_value\n"
        "print(digest_value([{'b': 1, 'a': {'x', 'y', 'z'}}, len]))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        for _ in range(2)
    ]
    assert len({run.stdout for run in runs}) == 1


def test_each_parameter_of_a_pipeline_has_its_own_digest():
    def pipeline(**params):
        steps = [("scale", StandardScaler()), ("net", LossAwareClassifier(**NET))]
        return digest_params(Pipeline(steps).set_params(**params))

    plain = pipeline()
    for params, names in (
        ({"scale__with_std": False}, {"scale__with_std"}),
        ({"net__loss": Focal(gamma=3.0)}, {"net__loss", "net__loss__gamma"}),
        ({"net__verbose": 1, "memory": "cache"}, set()),
    ):
        other = pipeline(**params)
        differing = {n for n in {*plain, *other} if plain.get(n) != other.get(n)}
        assert differing >= names
        assert {n.split("__")[0] for n in differing} == {
            n.split("__")[0] for n in names
        }
