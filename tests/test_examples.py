"""The examples that nothing else runs: they assert what they claim."""

import importlib.util
import warnings
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.claim
@pytest.mark.parametrize(
    "name",
    [
        "anomalies_vae",
        "cartpole_offline",
        "contrastive_embeddings",
        "few_labels",
        "pretrain_and_finetune",
        "random_walk_td",
    ],
)
def test_an_example_ends_without_a_contradiction(name, monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    if hasattr(example, "PLOT"):
        monkeypatch.setattr(example, "PLOT", tmp_path / "plot.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example.main()
