"""Which way the imports point, and how long files and functions may be."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "skloss"
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = (
    ("inspection",),
    ("model_selection",),
    ("estimators",),
    ("_advice", "_diagnosis", "_model_fit"),
    ("_callbacks",),
    ("_engine",),
    ("losses", "networks", "preprocessing", "schedules"),
    ("_keras", "_params", "_sklearn", "_tensorflow", "_warn_user"),
    ("exceptions",),
)
DEPTH = {part: depth for depth, layer in enumerate(LAYERS) for part in layer}
KERAS_AT_HOME = {
    *("_callbacks", "_engine", "_model_fit", "_tensorflow", "estimators", "networks")
}
ABOVE_KERAS = {"_callbacks", "_tensorflow", "estimators"}
MAX_LAYERS, MAX_ROOMS = 9, 18
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


def modules_imported(path):
    """Return the modules of skloss that a file imports, anywhere in it."""
    names = list(imports(ast.walk(parsed(path))))
    assert not [name for name in names if name.startswith(".")]
    found = set()
    for name in names:
        parts = name.split(".")
        while parts and module_at(parts) is None:  # the name of what it defines
            parts.pop()
        if parts and parts[0] == "skloss":
            found.add(module_at(parts))
    return found - {path, PACKAGE / "__init__.py"}


def module_at(parts):
    """Return the file of a module's dotted name, or None."""
    place = ROOT.joinpath(*parts)
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


@each_file
def test_imports_point_down(path):
    part = part_of(path)
    ours = {part_of(other) for other in modules_imported(path)} - {part}
    if part == "__init__":  # the front page names its parts as text, loaded lazily
        assert not ours
        return
    wrong = {other for other in ours if DEPTH[other] <= DEPTH[part]}
    assert not wrong, f"{part} imports {wrong} from its own layer or one above"


def test_layers_hold_every_room_and_no_other():
    rooms = [part_of(path) for path in FILES if part_of(path) != "__init__"]
    assert set(rooms) == set(DEPTH)
    assert len(LAYERS) <= MAX_LAYERS
    assert len(DEPTH) <= MAX_ROOMS


def test_no_imports_in_a_circle():
    """Nor within a room; and imports inside functions count."""
    waiting = {path: modules_imported(path) for path in FILES}
    while free := [path for path, others in waiting.items() if not others]:
        for path in free:
            del waiting[path]
        waiting = {path: others - set(free) for path, others in waiting.items()}
    assert not {str(path.relative_to(PACKAGE)) for path in waiting}


def test_every_file_has_a_name_of_its_own():
    names = Counter(path.name for path in FILES if path.name != "__init__.py")
    assert not [name for name, count in names.items() if count > 1]


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
