"""What README.md says is so: its code runs, its table is made from the facts."""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skloss import LossAwareClassifier
from skloss import losses as catalogue

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def losses_table():
    spec = importlib.util.spec_from_file_location(
        "losses_table", ROOT / "docs" / "losses_table.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X)[:200], y[:200]


@pytest.mark.slow  # long enough for readers, who see what a search takes
def test_code_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where models are saved
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    if importlib.util.find_spec("skops") is None:
        blocks = [block for block in blocks if "skops" not in block]
    names = {}
    for block in blocks:  # one after the other, as a reader would type them
        block = block.replace("timeout=60", "n_trials=2")  # who has no minute
        exec(compile(block, "README.md", "exec"), names)
    found = names["automatic"].best_params_
    set_again = clone(names["pipe"]).set_params(**found)
    assert list(set_again.named_steps) == ["scale", "piecewiselinearencoder", "net"]
    assert names["search"].best_score_ > 0.95
    assert repr(names["search"].best_params_) in capsys.readouterr().out
    model, X = names["model"], names["X"]
    p, average = model.predict_proba(X), names["search"].fold_ensemble_
    assert np.array_equal(names["again"].predict_proba(X), p)
    for file, expected in [("model", p), ("average", average.predict_proba(X))]:
        theirs = keras.models.load_model(f"{file}.keras")(np.asarray(X))
        np.testing.assert_allclose(theirs, expected, rtol=1e-5, atol=1e-6)
    if "types" in names:
        assert names["types"]
        assert {name.partition(".")[0] for name in names["types"]} == {"skloss"}


def test_tables_are_made_from_the_facts(losses_table):
    remedy = "run python docs/losses_table.py"
    assert losses_table.written(README) == README, remedy
    for path, page in losses_table.PAGES.items():
        assert path.read_text("utf-8") == page(), remedy


def own_losses():
    return [
        loss
        for found in catalogue.Loss.registry.values()
        for loss in found.values()
        if loss.__module__.startswith("skloss.")
    ]


def test_every_loss_has_its_row(losses_table):
    for page in (losses_table.front_page(), losses_table.losses_page()):
        rows = [line for line in page.splitlines() if line.startswith("| `")]
        assert len(rows) == len(own_losses())
        widths = {len(re.split(r"(?<!\\)\|", row)) for row in rows}
        assert len(widths) == 1
    for loss in own_losses():
        assert f"`{loss.name}`" in losses_table.choosing_page()


def test_pages_link_to_what_exists(losses_table):
    for path, page in losses_table.PAGES.items():
        for target in re.findall(r"\]\(([^)]+)\)", page()):
            assert (path.parent / target).exists(), target


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("name", ["log_loss", "binary_crossentropy"])
def test_names_of_other_libraries(name):
    assert catalogue.get(name, "classification") == catalogue.CrossEntropy()


@pytest.mark.slow
def test_search_is_aborted_by_a_probability_scorer(cancer):
    search = GridSearchCV(
        LossAwareClassifier(epochs=1, random_state=0),
        {"loss": ["cross_entropy", "hinge"]},
        scoring=["accuracy", "neg_log_loss"],
        refit="accuracy",
        cv=2,
    )
    with pytest.raises(AttributeError, match="predict_proba"):
        search.fit(*cancer)
    search.set_params(scoring=["accuracy", "roc_auc"]).fit(*cancer)
    assert (search.cv_results_["mean_test_roc_auc"] > 0.5).all()


class MyLoss(catalogue.ClassificationLoss):
    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        return keras.ops.sum((2 * y_true - 1 - raw) ** 2, axis=-1)


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryFocalCrossentropy(),
        lambda y_true, y_pred: keras.ops.abs(y_true - y_pred),
        MyLoss(),
    ],
    ids=["keras", "function", "subclass"],
)
def test_losses_from_elsewhere(cancer, loss):
    net = LossAwareClassifier(loss, epochs=20, learning_rate=0.01, random_state=0)
    assert net.fit(*cancer).score(*cancer) > 0.9


class Recorder(LossAwareClassifier):
    """Remembers the validation data that its fits were given."""

    lengths = ()
    latest = None

    def fit(self, X, y, sample_weight=None, **validation):
        """Fit, and note the length of X and of the validation data."""
        Recorder.latest = validation["X_val"]
        Recorder.lengths += ((len(X), len(Recorder.latest)),)
        return super().fit(X, y, sample_weight, **validation)


@pytest.mark.parametrize(("given", "seen"), [(200, 100), (50, 50)])
@pytest.mark.slow
def test_validation_data_through_a_search(cancer, given, seen):
    X, y = cancer
    Recorder.lengths = ()
    search = GridSearchCV(
        Recorder(epochs=1, random_state=0), {"loss": ["brier"]}, cv=2, refit=False
    )
    search.fit(X, y, X_val=X[:given], y_val=y[:given])
    assert Recorder.lengths == ((100, seen), (100, seen))


def test_a_pipeline_hands_validation_data_on_untransformed(cancer):
    X, y = cancer
    pipe = make_pipeline(StandardScaler(), Recorder(epochs=1, random_state=0))
    pipe.fit(X, y, recorder__X_val=100 + X[:50], recorder__y_val=y[:50])
    assert np.array_equal(Recorder.latest, 100 + X[:50])
