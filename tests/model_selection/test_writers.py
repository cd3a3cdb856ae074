"""Two networks of a search never write to one file."""

import uuid

import pytest
from canonical import NET, X, y_number
from keras import callbacks as kc
from sklearn.model_selection import ShuffleSplit

from skloss import LossAwareRegressor
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedOptunaSearchCV,
    fused_cross_validate,
)

ONE_FOLD = ShuffleSplit(1, random_state=0)
GRID = {"l2": [0.25, 0.5]}


class Checkpoint(kc.ModelCheckpoint):
    """A user's own, derived from Keras'."""


def net(*callbacks):
    return LossAwareRegressor(callbacks=list(callbacks), **NET)


@pytest.mark.parametrize(
    ("cls", "name", "attribute"),
    [
        (kc.CSVLogger, "log.csv", "filename"),
        (lambda path: kc.CSVLogger(path, append=True), "log.csv", "filename"),
        (kc.ModelCheckpoint, "{epoch}.keras", "filepath"),
        (Checkpoint, "{epoch}.keras", "filepath"),
        (kc.TensorBoard, "logs", "log_dir"),
        (kc.BackupAndRestore, "backup", "backup_dir"),
    ],
    ids=["csv", "appending", "checkpoint", "own", "tensorboard", "backup"],
)
@pytest.mark.parametrize("made", [False, True], ids=["given", "made"])
def test_refused_before_training(tmp_path, cls, name, attribute, made):
    path = tmp_path / name
    callback = cls(path)
    own = net(lambda: cls(path)) if made else net(callback)
    search = FusedGridSearchCV(own, GRID, cv=ONE_FOLD)
    with pytest.raises(ValueError, match="two networks of this search") as caught:
        search.fit(X, y_number)
    text = str(caught.value)
    assert f"{type(callback).__name__} with {attribute}={str(path)!r}" in text
    assert "{'l2': 0.25} on fold 0, and {'l2': 0.5} on fold 0" in text
    assert list(tmp_path.iterdir()) == []


def test_folds_are_networks_too(tmp_path):
    own = net(kc.CSVLogger(tmp_path / "log.csv"))
    with pytest.raises(ValueError, match=r"\{\} on fold 0, and \{\} on fold 1"):
        fused_cross_validate(own, X, y_number, cv=2)


def test_a_path_may_be_spelled_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = iter(["log.csv", tmp_path / "log.csv"])
    own = net(lambda: kc.CSVLogger(next(paths)))
    with pytest.raises(ValueError, match="two networks of this search"):
        FusedGridSearchCV(own, GRID, cv=ONE_FOLD).fit(X, y_number)


def test_one_network_and_the_refit_after_it(tmp_path):
    path = tmp_path / "log.csv"
    search = FusedGridSearchCV(net(kc.CSVLogger(path)), {"l2": [0.5]}, cv=ONE_FOLD)
    search.fit(X, y_number)
    last = path.read_text().splitlines()[-1].split(",")
    losses = search.best_estimator_.history_["loss"]
    assert float(last[3]) == pytest.approx(losses[-1])  # epoch, norm, rate, loss
    search.fit(X, y_number)  # another search, which may write to it again


def test_each_its_own(tmp_path):
    own = net(lambda: kc.CSVLogger(tmp_path / f"{uuid.uuid4()}.csv"))
    FusedGridSearchCV(own, GRID, cv=2).fit(X, y_number)
    texts = [path.read_text() for path in tmp_path.iterdir()]
    assert [len(text.splitlines()) for text in texts] == [6] * 5  # header, five epochs
    assert len(set(texts)) == 5


def test_the_next_batch_of_trials(tmp_path):
    own = net(kc.CSVLogger(tmp_path / "log.csv"))
    space = {"l2": [0.25, 0.5]}
    search = FusedOptunaSearchCV(own, space, n_trials=2, batch_size=1, cv=ONE_FOLD)
    with pytest.raises(ValueError, match=r"{'l2': 0.* on fold 0, and {'l2': 0.*fold 0"):
        search.fit(X, y_number)
