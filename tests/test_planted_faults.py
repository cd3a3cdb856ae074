"""The table of planted faults can be used: code and tests are as it says."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path

from planted_faults import FAULTS

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "skloss"


@cache
def functions_of(name):
    """Return the names of a test file's functions, found without running it."""
    path = TESTS / name
    body = ast.parse(path.read_text("utf-8")).body if path.exists() else ()
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def test_each_fault_changes_one_line_of_the_code_as_it_is():
    texts = {fault.file: (PACKAGE / fault.file).read_text("utf-8") for fault in FAULTS}
    assert not [fault for fault in FAULTS if texts[fault.file].count(fault.old) != 1]
    assert not [fault for fault in FAULTS if "\n" in fault.old + fault.new]
    assert not [fault for fault in FAULTS if fault.new == fault.old]
    assert len({(fault.file, fault.old) for fault in FAULTS}) == len(FAULTS)


def test_each_fault_names_tests_that_there_are():
    assert all(fault.tests for fault in FAULTS)
    names = [name.partition("[")[0] for fault in FAULTS for name in fault.tests]
    parts = [name.split("::") for name in names]
    assert not [part for part in parts if part[1] not in functions_of(part[0])]


def test_every_area_has_two_faults():
    counts = Counter(fault.area for fault in FAULTS)
    assert len(counts) >= 13
    assert min(counts.values()) >= 2
