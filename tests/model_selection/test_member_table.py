"""What an ensemble says it is made of."""

import pandas as pd
import pytest
from canonical import NET, X, y_number, y_three
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import (
    FoldEnsembleClassifier,
    FoldEnsembleRegressor,
)
from skloss.preprocessing import PiecewiseLinearEncoder

PIPE = Pipeline([("step", StandardScaler()), ("net", LossAwareClassifier(**NET))])


@pytest.fixture(scope="module")
def ensemble():
    """Return three candidates of two networks each, in another order than weights."""
    changes = [
        {"net__loss": "focal:gamma=3"},
        {"net__dropout": 0.3, "step": "passthrough"},
        {"step": PiecewiseLinearEncoder(4), "net__network": MLP((8,))},
    ]
    members = [
        clone(PIPE).set_params(**clone(change, safe=False)).fit(X[i::2], y_three[i::2])
        for change in changes
        for i in range(2)
    ]
    return FoldEnsembleClassifier(members, weights=[1, 1, 3, 1, 6, 0])


def test_candidates_are_summed(ensemble):
    table = ensemble.describe()
    assert [row["weight"] for row in table] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert [row["members"] for row in table] == [2, 2, 2]
    losses = ["CrossEntropy()", "CrossEntropy()", "Focal(gamma=3)"]
    assert [row["loss"] for row in table] == losses
    steps = ["PiecewiseLinearEncoder(n_bins=4)", "", "StandardScaler()"]
    assert [row["steps"] for row in table] == steps
    assert {row["network"] for row in table} == {"MLP(hidden_layer_sizes=(8,))"}
    # of the other parameters, those that differ
    assert [row["dropout"] for row in table] == [0.0, 0.3, 0.0]
    assert set(table[0]) == {"weight", "members", "loss", "network", "steps", "dropout"}
    frame = pd.DataFrame(table)
    assert frame.shape == (3, 6)
    assert frame["weight"].sum() == pytest.approx(1)


def test_it_prints_as_a_table(ensemble):
    title, head, *rows = repr(ensemble).splitlines()
    assert title == "FoldEnsembleClassifier of 6 networks"
    assert head.split() == "weight members loss network steps dropout".split()
    assert rows[0].split()[:3] == ["0.5", "2", "CrossEntropy()"]
    assert rows[2].split()[:3] == ["0.167", "2", "Focal(gamma=3)"]
    assert len({row.index("MLP(") for row in rows}) == 1  # in a column
    assert repr(ensemble.describe()) == "\n".join([head, *rows])
    html = ensemble.describe()._repr_html_()
    assert html.count("<tr>") == 4
    assert "<td>Focal(gamma=3)</td>" in html


def test_a_notebook_shows_one_member_of_each_candidate(ensemble):
    html = ensemble._repr_html_()
    names = [f"weight {weight}, 2 of" for weight in (0.5, 0.333, 0.167)]
    for text in ("FoldEnsembleClassifier", "PiecewiseLinearEncoder", *names):
        assert text in html
    assert "Voting" not in html


def test_seeds_are_one_candidate():
    nets = [LossAwareRegressor(**NET | {"random_state": seed}) for seed in (0, 1)]
    ensemble = FoldEnsembleRegressor([net.fit(X, y_number) for net in nets])
    (row,) = ensemble.describe()
    assert row == {
        "weight": 1.0,
        "members": 2,
        "loss": "SquaredError()",
        "network": "MLP(hidden_layer_sizes=(8,))",
        "steps": "",
    }
    one = FoldEnsembleRegressor(nets[:1])
    assert repr(one).startswith("FoldEnsembleRegressor of 1 network\n")


def test_long_texts_are_cut_where_they_are_printed_only():
    encoder = PiecewiseLinearEncoder(4, min_samples_leaf=9)
    pipe = make_pipeline(StandardScaler(), encoder, LossAwareClassifier(**NET))
    table = FoldEnsembleClassifier([pipe.fit(X, y_three)]).describe()
    whole = "StandardScaler(), PiecewiseLinearEncoder(min_samples_leaf=9, n_bins=4)"
    assert table[0]["steps"] == whole
    assert whole not in repr(table)
    assert "StandardScaler(), [...]" in repr(table)


def test_what_has_no_fitted_members_is_written_as_code(ensemble):
    assert (
        repr(FoldEnsembleClassifier(None)) == "FoldEnsembleClassifier(estimators=None)"
    )
    assert repr(clone(ensemble)).startswith("FoldEnsembleClassifier(estimators=[Pipe")
    assert "FoldEnsembleClassifier" in clone(ensemble)._repr_html_()
    with pytest.raises(ValueError, match="must be a list of fitted"):
        FoldEnsembleClassifier(None).describe()
