"""What holds for every test."""

import copy
import os

import pytest

# What TensorFlow says of its devices when it begins is not said by what is tested.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(autouse=True)
def same_random_numbers(request, monkeypatch):
    """Give each test its module's generator as it was when the module was loaded.

    Otherwise its data would depend on the tests that ran before it.
    """
    for name in {"RNG", "rng"} & vars(request.module).keys():
        monkeypatch.setattr(
            request.module, name, copy.deepcopy(vars(request.module)[name])
        )
