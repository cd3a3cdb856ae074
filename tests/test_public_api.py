"""The public names resolve, are documented, and their examples run."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest
from catalogue import some_slow

import skloss
from skloss import inspection, losses, model_selection, preprocessing, schedules
from skloss.losses import Loss

MODULES = [
    "skloss",
    *sorted(m.name for m in pkgutil.walk_packages(skloss.__path__, "skloss.")),
]
REGISTERED = [
    pytest.param(loss, id=f"{task}-{name}")
    for task, found in Loss.registry.items()
    for name, loss in sorted(found.items())
    if loss.__module__.startswith("skloss.")
]
PACKAGES = [skloss, losses, model_selection]
# Bases, sums and wrappers: losses that no name stands for.
UNNAMED = {
    "CVaR",
    "ClassificationLoss",
    "CustomLoss",
    "CustomRegressionLoss",
    "Loss",
    "LossSum",
    "PerTarget",
    "RegressionLoss",
    "RepresentationLoss",
    "Tilted",
    "Trimmed",
    "UncertaintyWeighted",
    "UnlabelledLoss",
}


@pytest.mark.parametrize(
    "module",
    [skloss, inspection, losses, model_selection, preprocessing, schedules],
    ids=lambda m: m.__name__,
)
def test_every_public_name_resolves_and_is_documented(module):
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    for name in module.__all__:
        public = getattr(module, name)
        assert name in dir(module)
        assert (public.__doc__ or "").strip(), name


def test_slow_packages_are_not_loaded_on_import():
    code = (
        "import sys, skloss, skloss.losses, skloss.schedules, skloss.exceptions;"
        "import skloss.inspection, skloss.model_selection, skloss.preprocessing;"
        "import skloss._tensorflow;"
        "skloss.cache_programs;"
        "slow = {'tensorflow', 'keras', 'optuna', 'matplotlib'};"
        "sys.exit(bool(slow & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_front_page_refuses_unknown_names():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = skloss.no_such_name


@pytest.mark.parametrize("loss", REGISTERED)
def test_registered_losses_are_exported(loss):
    assert loss.__name__ in losses.__all__
    assert getattr(losses, loss.__name__) is loss


def test_exported_losses_are_registered():
    exported = {
        name
        for name in losses.__all__
        if inspect.isclass(getattr(losses, name))
        and issubclass(getattr(losses, name), Loss)
    }
    registered = {param.values[0].__name__ for param in REGISTERED}
    assert exported - UNNAMED == registered
    assert exported >= UNNAMED


@pytest.mark.parametrize("loss", REGISTERED)
def test_losses_state_their_facts(loss):
    for fact in ("formula", "source", "elicits"):
        assert getattr(loss, fact).strip(), fact
    assert loss.elicits != Loss.elicits
    assert loss.proper in ("strict", "link", "order", "none")
    assert loss.gradient_growth in ("bounded", "linear", "exponential")
    assert set(loss.search_space) <= set(loss().get_params())


@pytest.mark.parametrize("name", MODULES)
def test_public_definitions_are_documented(name):
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip()
    for attribute, value in vars(module).items():
        if attribute.startswith("_") or getattr(value, "__module__", None) != name:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            assert (value.__doc__ or "").strip(), attribute


# Their examples are whole searches, or train for long.
LONG = (
    "skloss.estimators._multi_task",
    "skloss.inspection._lr_range_test",
    "skloss.model_selection._optuna",
    "skloss.model_selection._search",
    "skloss.model_selection._suggest",
)


@pytest.mark.parametrize("name", some_slow(MODULES, LONG))
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
