"""The space of an automatic search: what it offers, and where it puts its steps."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from canonical import X, y_binary, y_number
from optuna.distributions import FloatDistribution
from scipy.sparse import csr_array
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import AutoSpace, LossSpace, auto_space, loss_space
from skloss.networks import MLP
from skloss.preprocessing import PiecewiseLinearEncoder

PIPE = make_pipeline(StandardScaler(), LossAwareClassifier(random_state=3))
NAMES = ["standardscaler", "piecewiselinearencoder", "lossawareclassifier"]
ADDED = ["tablevectorizer", "simpleimputer"]


def list_steps(pipe, X, y=y_binary, **options):
    """Return the names of the steps that the space sets."""
    return [name for name, _ in auto_space(pipe, X, y, **options)["steps"][0]]


@pytest.fixture
def frame():
    """Text, a number, and a number with a missing value."""
    text = np.where(X[:, 0] > 0, "up", "down")
    gaps = np.where(np.arange(len(X)) == 5, np.nan, X[:, 2])
    return pd.DataFrame({"text": text, "b": X[:, 1], "gaps": gaps})


# -- what is drawn -----------------------------------------------------------------


def test_the_losses_are_those_of_the_score():
    pipe = Pipeline([("net", LossAwareRegressor())])
    for scoring in ("neg_mean_absolute_error", "neg_mean_squared_error"):
        space = auto_space(pipe, X, y_number, scoring=scoring)
        assert space["net__loss"] == loss_space(
            y_number, scoring=scoring, prefix="net__loss"
        )


@pytest.mark.parametrize(
    ("net", "y", "score"),
    [
        (LossAwareClassifier(), y_binary, "accuracy"),
        (LossAwareRegressor(), y_number, "r2"),
    ],
)
def test_without_a_score_it_is_the_estimators_own(net, y, score):
    pipe = Pipeline([("net", net)])
    spaces = auto_space(pipe, X, y), auto_space(pipe, X, y, scoring=score)
    assert repr(spaces[0]) == repr(spaces[1])


def test_long_tables_train_for_fewer_epochs():
    def epochs(n):
        space = auto_space(PIPE, np.ones((n, 1)), np.arange(n) % 2)
        return space["lossawareclassifier__epochs"]

    # sixty times the root of 1500 / n
    assert epochs(500) == epochs(1500) == [60, 240]
    assert epochs(6000) == [30, 120]
    assert epochs(54_000) == [10, 40]
    assert epochs(1_500_000) == [8, 32]


def test_it_prints_as_the_code_that_makes_it():
    names = (LossSpace, MLP, PiecewiseLinearEncoder, StandardScaler)
    known = {one.__name__: one for one in (*names, LossAwareClassifier)}
    space = auto_space(PIPE, X, y_binary, scoring="balanced_accuracy")
    again = eval(repr(space), known)
    loss = "lossawareclassifier__loss"
    assert again[loss] == space[loss]
    del again[loss], space[loss]
    # estimators are equal to themselves alone
    assert repr(again) == repr(dict(space))


def test_it_is_a_dict_that_pickles():
    space = auto_space(PIPE, X, y_binary)
    space["lossawareclassifier__l2"] = [0.0]
    again = pickle.loads(pickle.dumps(space))
    assert repr(again) == repr(space)
    assert again.list_starts() == space.list_starts()
    changed = space | {"lossawareclassifier__dropout": [0.0, 0.5]}
    for own in (changed, space.copy()):
        assert type(own) is AutoSpace
        assert own.encoder == space.encoder
    starts = changed.list_starts()
    assert {start["lossawareclassifier__dropout"] for start in starts} == {0.0}
    assert space["lossawareclassifier__dropout"] == (0.0, 0.5, "linear")


def test_the_first_trials_try_each_network_with_and_without_encoder():
    starts = auto_space(PIPE, X, y_binary).list_starts()
    kinds = {
        (s["lossawareclassifier__network"], s["piecewiselinearencoder"]) for s in starts
    }
    networks = (MLP((128,), activation="mish", skip=True), MLP(()), MLP())
    encoders = ["passthrough"]
    encoders += [f"PiecewiseLinearEncoder(n_bins={n})" for n in (8, 32)]
    assert len(starts) == 9
    assert kinds == {(repr(net), encoder) for net in networks for encoder in encoders}
    losses = [start["lossawareclassifier__loss"] for start in starts]
    offered = list(loss_space(y_binary, scoring="accuracy").losses)
    assert losses == (offered * 9)[:9]  # they take turns
    # the geometric middle of 5e-4 and 0.03
    for start in starts:
        rate = start["lossawareclassifier__learning_rate"]
        assert rate == pytest.approx((5e-4 * 0.03) ** 0.5)


def test_distributions_of_an_edited_space_are_left_to_the_sampler():
    space = auto_space(PIPE, X, y_binary)
    space["lossawareclassifier__l2"] = loguniform(1e-5, 1e-1)
    space["lossawareclassifier__dropout"] = FloatDistribution(0.0, 0.5)
    starts = space.list_starts()
    assert len(starts) == 9
    drawn = set(starts[0])
    assert drawn.isdisjoint({"lossawareclassifier__l2", "lossawareclassifier__dropout"})
    assert "lossawareclassifier__learning_rate" in drawn


# -- the steps ---------------------------------------------------------------------


def test_the_encoder_stands_directly_before_the_network():
    assert list_steps(PIPE, X) == NAMES


def test_an_encoder_of_the_users_is_the_one_that_is_searched():
    own = PiecewiseLinearEncoder(4)
    pipe = Pipeline([("bins", own), ("net", LossAwareClassifier())])
    space = auto_space(pipe, X, y_binary)
    assert "steps" not in space
    assert [repr(one) for one in space["bins"]] == [repr(own), "'passthrough'"]


def test_a_name_that_is_taken_gets_a_number():
    taken = ("piecewiselinearencoder", FunctionTransformer())
    pipe = Pipeline([taken, ("net", LossAwareClassifier())])
    names = ["piecewiselinearencoder", "piecewiselinearencoder-2", "net"]
    assert list_steps(pipe, X) == names


@pytest.mark.parametrize("pipe", [PIPE, make_pipeline(LossAwareClassifier())])
def test_text_is_vectorized_and_gaps_are_filled_first(pipe, frame):
    own = [name for name, _ in pipe.steps[:-1]]
    assert list_steps(pipe, frame) == [*ADDED, *own, *NAMES[1:]]


def test_gaps_alone_are_filled(frame):
    assert list_steps(PIPE, frame[["b", "gaps"]]) == ["simpleimputer", *NAMES]
    assert list_steps(PIPE, frame[["gaps"]].to_numpy()) == ["simpleimputer", *NAMES]


def test_what_the_users_steps_do_is_not_done_again(frame):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["text"]), (numbers, ["b", "gaps"])
    )
    pipe = make_pipeline(columns, LossAwareClassifier())
    assert list_steps(pipe, frame) == ["columntransformer", *NAMES[1:]]


def test_sparse_columns_are_not_encoded(frame):
    columns = make_column_transformer((OneHotEncoder(), ["text"]), sparse_threshold=1)
    pipe = make_pipeline(columns, LossAwareClassifier())
    for own, table in ((pipe, frame), (make_pipeline(pipe[-1]), csr_array(X))):
        space = auto_space(own, table, y_binary)
        assert not {"steps", "piecewiselinearencoder"} & set(space)
        assert len(space.list_starts()) == 3


def test_skrub_is_named_where_it_is_missing(frame, monkeypatch):
    monkeypatch.setitem(sys.modules, "skrub", None)
    with pytest.raises(ImportError, match=r"\['text'\].*pip install 'skloss\[skrub\]'"):
        auto_space(PIPE, frame, y_binary)


def test_an_error_of_the_users_steps_is_theirs():
    pipe = make_pipeline(FunctionTransformer(np.linalg.inv), LossAwareClassifier())
    with pytest.raises(np.linalg.LinAlgError):
        auto_space(pipe, X, y_binary)


def test_sparse_labels_are_as_dense_ones():
    labels = np.stack([y_binary, 1 - y_binary], axis=1)
    dense, sparse = (auto_space(PIPE, X, y) for y in (labels, csr_array(labels)))
    assert repr(sparse) == repr(dense)


def test_a_net_alone_is_no_place_for_steps():
    net = LossAwareRegressor()
    with pytest.raises(
        TypeError, match=r"make_pipeline\(StandardScaler\(\), LossAware"
    ):
        auto_space(net, X, y_number)


def test_nothing_of_the_users_is_shared(frame):
    pipe = clone(PIPE)
    own = auto_space(pipe, frame, y_binary)["steps"][0]
    assert not {id(step) for _, step in own} & {id(step) for _, step in pipe.steps}
