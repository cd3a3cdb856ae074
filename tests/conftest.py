"""What holds for every test."""

import copy

import pytest


@pytest.fixture(autouse=True)
def same_random_numbers(request, monkeypatch):
    """Give each test its module's generator as it was when the module was loaded.

    Otherwise its data would depend on the tests that ran before it.
    """
    for name in {"RNG", "rng"} & vars(request.module).keys():
        monkeypatch.setattr(
            request.module, name, copy.deepcopy(vars(request.module)[name])
        )
