"""The page about the defaults: it is made of its rows, and of today's defaults."""

import inspect
from pathlib import Path

import pytest

from skloss import LossAwareClassifier, LossAwareRegressor

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_made_of_the_rows(load_benchmark):
    kept = load_benchmark("rows")
    rows = kept.read_lines(kept.FOLDER / "defaults.jsonl")
    page = load_benchmark("defaults_report").write_page(rows)
    remedy = "run python examples/benchmarks/defaults.py --report > docs/defaults.md"
    assert (ROOT / "docs" / "defaults.md").read_text("utf-8") == page, remedy


@pytest.mark.parametrize("kind", [LossAwareClassifier, LossAwareRegressor])
def test_the_defaults_are_those_that_were_measured(load_benchmark, kind):
    today = load_benchmark("default_arms").TODAY | {"batch_size": "auto"}
    found = inspect.signature(kind).parameters
    assert {name: found[name].default for name in today} == today


def test_ratios_are_of_means_over_seeds_and_errors_in_points(load_benchmark):
    report = load_benchmark("defaults_report")
    scores = {
        "today": [(1.0, 0.10), (3.0, 0.20)],
        "l2=0.001": [(1.0, 0.16), (1.0, 0.1)],
    }
    rows = [
        {"table": table, "split": 0, "arm": arm, "seed": seed, "score": s, "other": e}
        for table in ("hmda", "jobs", "laser")
        for arm, found in scores.items()
        for seed, (s, e) in enumerate(found)
    ]
    # 1 over 2 on all tables; .13 over .15, two rows in a hundred fewer
    half = ("0.500", "0.500 to 0.500")
    line = report.write_line("label", rows, "l2=0.001")
    assert line[:4] == ("label", *half, "2, 0, 0")
    assert line[5:9] == ("-2.0 (-2.0 to -2.0)", *half, "1, 0, 0")
