"""Other libraries' private names are used in one module each, with their reasons."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import skloss
from skloss import _keras, _sklearn, model_selection
from skloss._engine._optimizers import PureUpdates, list_stackable

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "skloss"
LIBRARIES = ("sklearn", "keras", "scikeras", "tensorflow", "optuna")
#: Where private names may stand, and which libraries'.
HOMES = {
    "_sklearn": ("sklearn",),
    "_keras": (),
    "_tensorflow": ("tensorflow", "keras"),
}
#: Attributes that are private in objects of these libraries; the package's own objects
#: have none of these names.
ATTRIBUTES = {
    *("_check_feature_names", "_check_n_features", "_check_refit_for_multimetric"),
    *("_format_results", "_get_routed_params_for_fit", "_get_scorers"),
    *("_init_callback_context", "_run_search", "_score_func", "_scorers", "_sign"),
    *("_select_best_index", "_skl_callbacks", "_validate_data", "_validate_params"),
    *("_check_model_param", "_fit_callbacks", "_fn_kwargs", "_flatten_layers"),
    *("_get_compile_kwargs", "_inbound_nodes", "_initial_epoch"),
    *("_initialize_callbacks", "_keras_history", "_learning_rate", "_monitor"),
    *(
        "_kwargs",
        "_response_method",
        "_should_trace",
        "_trainable_variables_indices",
        "_transformer_to_input_indices",
        "_var_key",
    ),
}


def is_private(name):
    """Tell whether a part of a dotted name begins with one underscore."""
    return any(re.match(r"_(?!_)", part) for part in name.split("."))


def imports(tree):
    """Yield the dotted names that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def private_imports(tree, allowed=()):
    """Return private names of the libraries, and modules that are not documented."""
    inner = ("tensorflow.python.", "keras.src.")
    return [
        name
        for name in imports(tree)
        if name.split(".")[0] in set(LIBRARIES) - set(allowed)
        and (is_private(name) or name.startswith(inner))
    ]


def private_attributes(tree):
    """Return the listed attributes that are read, set or named as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield node.attr
        elif isinstance(node, ast.Constant) and node.value in ATTRIBUTES:
            yield node.value


def test_they_stand_in_their_homes_alone():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        tree = ast.parse(path.read_text("utf-8"))
        names = private_imports(tree, HOMES.get(part, ()))
        if part not in HOMES:
            names += private_attributes(tree)
        if names:
            found[str(path.relative_to(PACKAGE))] = names
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "from sklearn.utils import _safe_indexing",
        "from sklearn.model_selection._search import BaseSearchCV",
        "import tensorflow.python.eager.context",
        "from keras.src.models import Functional",
        "from scikeras._utils import route_params",
        "scorer._sign",
        'getattr(loss, "_fn_kwargs", {})',
        "callback._initial_epoch = 3",
    ],
)
def test_the_search_finds(line):
    tree = ast.parse(line)
    assert private_imports(tree) or list(private_attributes(tree))


def overridden(cls, library, bases):
    """Return private methods of ``cls`` that one of the library's ``bases`` has."""
    theirs = [base for base in bases if base.__module__.split(".")[0] == library]
    return {
        name
        for name, value in vars(cls).items()
        if is_private(name) and (callable(value) or isinstance(value, classmethod))
        if any(name in vars(base) for base in theirs)
    }


def test_overridden_methods_are_listed_with_their_reasons():
    found = set()
    for public in (skloss, model_selection):
        for name in public.__all__:
            leaf = getattr(public, name)
            for cls in leaf.__mro__ if inspect.isclass(leaf) else ():
                if cls.__module__.startswith("skloss."):
                    found |= overridden(cls, "sklearn", leaf.__mro__)
    assert found == set(_sklearn.OVERRIDDEN)
    for cls in list_stackable().values():
        names = overridden(PureUpdates, "keras", cls.__mro__)
        assert names == set(_keras.OVERRIDDEN)


@pytest.mark.parametrize("module", [_sklearn, _keras], ids=lambda m: m.__name__)
def test_reasons_and_versions_are_given(module):
    with (ROOT / "pyproject.toml").open("rb") as file:
        needed = " ".join(tomllib.load(file)["project"]["dependencies"])
    library = {"_sklearn": "scikit-learn", "_keras": "keras"}
    oldest = re.search(rf"{library[module.__name__[7:]]}>=([\d.]+)", needed)[1]
    tested = module.__doc__.split("Tested with")[1]
    assert re.search(r"\d+\.\d+", tested)[0] == oldest
    assert "and " in tested
    source = Path(module.__file__).read_text("utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            assert ast.get_docstring(node), node.name
        elif isinstance(node, ast.Assign) and node.targets[0].id != "__all__":
            line = source.splitlines()[node.lineno - 2]
            assert line.startswith("#: ") or line.startswith("#:"), line
