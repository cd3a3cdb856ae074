"""Which way the imports point, and how long files and functions may be."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "skloss"
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = (
    ("inspection", "advisor"),
    ("model_selection", "serialization", "datasets"),
    ("_multi_task",),
    ("_classifier", "_regressor"),
    ("_class_predictions", "_number_predictions", "_head_predictions", "_head_params"),
    ("_base", "_calibration"),
    ("_fit", "_warm", "_member", "_record", "_findings"),
    ("_data_findings", "_rate_findings"),
    (
        "_nested",
        "_job",
        "_judge",
        "_tasks",
        "_progress",
        "_scikeras",
        "_finding",
        "_features",
        "_loss_range",
        "_exports",
    ),
    ("_callbacks", "_heads"),
    ("_keras_fit",),
    ("_keras_record",),
    (
        *("_targets", "_units", "_class_weight", "_available", "_engine"),
        "_callback_names",
        "_callback_copies",
        "_arguments",
    ),
    ("_annealing",),
    ("_validation",),
    ("losses", "schedules", "networks"),
    ("_body", "_table"),
    ("_columns",),
    ("_params", "exceptions", "_plot", "_tensorflow", "_warn_once"),
    ("_startup_lines",),
)
DEPTH = {part: depth for depth, layer in enumerate(LAYERS) for part in layer}
KERAS_AT_HOME = {
    *("_engine", "networks", "_body", "_keras_fit", "_keras_record"),
    *("_base", "_callback_copies"),
}
ABOVE_KERAS = {"_tensorflow", "_callbacks", "_scikeras"}
MAX_FILE, MAX_FUNCTION = 400, 60
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")

each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: str(path.relative_to(PACKAGE))
)


def part_of(path):
    """Return the part of the package (a layer's entry) that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(nodes):
    """Yield the dotted names that import statements among ``nodes`` bring in."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def of(names, *modules):
    """Return those of dotted names that lie in one of the modules."""
    return [
        name for name in names if any(f"{name}.".startswith(f"{m}.") for m in modules)
    ]


def at_import(tree):
    """Yield the nodes that run when a module is imported."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from at_import(node)


def docstring_lines(tree):
    """Return the numbers of the lines that docstrings take."""
    owners = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, owners) and ast.get_docstring(node, clean=False):
            text = node.body[0]
            lines.update(range(text.lineno, text.end_lineno + 1))
    return lines


def parsed(path):
    return ast.parse(path.read_text("utf-8"), str(path))


@each_file
def test_imports_point_down(path):
    part = part_of(path)
    names = list(imports(ast.walk(parsed(path))))
    assert not [name for name in names if name.startswith(".")]
    ours = {
        name.split(".")[1]
        for name in names
        if name.startswith("skloss.") and len(name.split(".")) > 1
    } - {part}
    if part == "__init__":  # the front page names its parts as text, loaded lazily
        assert not ours
        return
    assert part in DEPTH, f"give {part} a place among the layers"
    unknown = ours - set(DEPTH)
    assert not unknown, f"{part} imports {unknown}, which no layer holds"
    wrong = {other for other in ours if DEPTH[other] <= DEPTH[part]}
    assert not wrong, f"{part} imports {wrong} from its own layer or one above"


@each_file
def test_only_some_parts_load_keras_on_import(path):
    """Through ``_tensorflow``, which keeps what TensorFlow says from the terminal."""
    tree, part = parsed(path), part_of(path)
    on_import, ever = list(imports(at_import(tree))), list(imports(ast.walk(tree)))
    # importing scikeras patches Keras, so nobody does it on import
    assert not of(on_import, "scikeras")
    if part != "_tensorflow":
        assert not of(on_import, "tensorflow", "keras")
    if part not in KERAS_AT_HOME:
        assert not of(on_import, "skloss._tensorflow")
        if part not in ABOVE_KERAS:  # it may be the first to load them
            assert not of(ever, "tensorflow", "keras")


@each_file
def test_engine_knows_nothing_of_scikit_learn(path):
    if part_of(path) == "_engine":
        roots = {name.split(".")[0] for name in imports(ast.walk(parsed(path)))}
        assert "sklearn" not in roots


@each_file
def test_length_of_files_and_functions(path):
    """Docstrings count in files, not in functions; nor do lists of assignments."""
    tree = parsed(path)
    documentation = docstring_lines(tree)
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE
    long = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = set(range(node.lineno, node.end_lineno + 1)) - documentation
            assigns = all(isinstance(part, ast.Assign) for part in node.body)
            if len(lines) > MAX_FUNCTION and not assigns:
                long[node.name] = len(lines)
    assert not long


def test_length_of_the_tests():
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in (ROOT / "tests").rglob("*.py")
    }
    assert not {path: n for path, n in lines.items() if n > MAX_FILE}


def test_nothing_is_left_unfinished():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("skloss", "tests", "examples", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found
