"""What holds for every test: its random numbers, its worker, and whether it runs."""

import copy
import gc
import importlib.util
import os
import zlib
from pathlib import Path

import pytest

# What TensorFlow says of its devices when it begins is not said by what is tested.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHARDS = 3
# XLA takes two cores for seconds where the graph takes one: with a worker on each core
# it pays later than for a user. Tests of compiled steps set their own number.
MIN_COMPILED = 40_000
FULL_COLLECTION = 50  # after so many of younger objects


def pytest_addoption(parser):
    parser.addoption(
        "--shard",
        default="all",
        choices=["all", *map(str, range(SHARDS))],
        help="run only this third of the statistical claims",
    )


def pytest_report_header(config):
    shard = config.getoption("shard")
    if shard == "all":
        return "statistical claims: all"
    return f"statistical claims: third {shard} of {SHARDS} (again with SHARD={shard})"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    leave_out_other_shards(config, items)
    share_workers(items)


def pytest_collection_finish():
    """Spare the garbage collector what imports made, and most of its full searches.

    These take seconds each when a worker has traced its programs.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_COLLECTION)


def leave_out_other_shards(config, items):
    """Deselect the statistical claims that are not of the chosen third."""
    shard = config.getoption("shard")
    left_out = [
        item
        for item in items
        if shard != "all"
        and item.get_closest_marker("claim")
        and zlib.crc32(item.nodeid.encode()) % SHARDS != int(shard)
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        dropped = set(left_out)
        items[:] = [item for item in items if item not in dropped]


def share_workers(items):
    """Give tests of one loss, or else of one file, to one worker, in a row.

    They share its traced programs and functions. The groups with most slow tests come
    first, so that no worker begins a long one when the others are done; what needs no
    TensorFlow comes before all.
    """
    groups = {}
    for item in items:
        group = loss_of(item) or item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
        groups.setdefault(group, []).append(item)

    def weight(members):
        slow = sum(item.get_closest_marker("slow") is not None for item in members)
        return members[0].path.name != "test_architecture.py", -slow, -len(members)

    items[:] = [item for group in sorted(groups.values(), key=weight) for item in group]


def loss_of(item):
    """Return the name of the loss that a test is about, or None."""
    from skloss.losses import Loss  # here: not before warnings are filtered

    names = {name for family in Loss.registry.values() for name in family}
    callspec = getattr(item, "callspec", None)
    for value in callspec.params.values() if callspec else ():
        value = getattr(value, "loss", value)  # an estimator's
        name = getattr(value, "name", value)
        if isinstance(name, str) and name in names:
            return name
    return None


BENCHMARKS = Path(__file__).resolve().parent.parent / "examples" / "benchmarks"


@pytest.fixture(scope="session", autouse=True)
def compilation():
    """Let the graph train where compiling costs two workers more than it spares."""
    from skloss._engine import _population, _program

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_population, "MIN_COMPILED", MIN_COMPILED)
        patch.setattr(_program, "MAX_PROGRAMS", 2 * _program.MAX_PROGRAMS)
        yield


@pytest.fixture(autouse=True)
def same_random_numbers(request, monkeypatch):
    """Give each test its module's generator as it was when the module was loaded.

    Otherwise its data would depend on the tests that ran before it.
    """
    for name in {"RNG", "rng"} & vars(request.module).keys():
        monkeypatch.setattr(
            request.module, name, copy.deepcopy(vars(request.module)[name])
        )


@pytest.fixture(scope="module")
def load_benchmark():
    """Return what loads a module of the benchmarks by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))  # for what the modules import

        def load(name):
            path = BENCHMARKS / f"{name}.py"
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module

        yield load
