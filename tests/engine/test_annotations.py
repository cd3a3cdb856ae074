"""The engine's functions say what they take and what they return."""

import ast
from pathlib import Path

import pytest

import skloss

FILES = sorted((Path(skloss.__file__).parent / "_engine").glob("*.py"))
KERAS_NAMES = ("assign", "assign_add", "assign_sub")  # and its signatures


def functions_of(node):
    """Yield functions and methods, but not what is defined inside a function."""
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            yield from functions_of(child)
        elif isinstance(child, ast.FunctionDef):
            yield child


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_arguments_and_returns_are_annotated(path):
    bare = []
    for function in functions_of(ast.parse(path.read_text("utf-8"))):
        name, arguments = function.name, function.args
        if name in KERAS_NAMES or (name.startswith("_") and name != "__init__"):
            continue
        named = [*arguments.args, *arguments.kwonlyargs]
        without = [a.arg for a in named if a.annotation is None]
        if set(without) - {"self", "cls"}:
            bare.append((name, without))
        if function.returns is None and name != "__init__":
            bare.append((name, "what it returns"))
    assert not bare
