"""The catalogue as tests see it: every registered loss, its settings, its data."""

import numpy as np
import pytest

from skloss.losses import Loss, Task

# Beyond the defaults and the two ends of ``search_space``. At least three settings of
# a loss must share a structure: they become one population below.
DECISIONS = [{"decision": "median"}, {"decision": "mean"}]
MORE_SETTINGS = {
    "AUCPairwise": [
        {"surrogate": "squared_hinge"},
        {"surrogate": "squared_hinge", "level_weight": 0.02},
        {"surrogate": "squared_hinge", "level_weight": 0.5},
    ],
    "AsymmetricLoss": [{"gamma_neg": 0.5, "gamma_pos": 2.0, "clip": 0.0}],
    **dict.fromkeys(
        ["Coral", "Corn", "CumulativeLink", "RankedProbability"], DECISIONS
    ),
    "Sord": [
        {"temperature": t, "decision": decision}
        for decision in ("median", "mean")
        for t in (0.3, 0.7, 1.5)
    ],
    "BetaNLL": [{"beta": 0.8}],
    "NegativeBinomial": [{"dispersion": "row"}],
    "MixtureDensity": [{"components": 2}, {"components": 5}],
    "EvidentialNIG": [{"penalty": 0.0}],
    "StudentTNLL": [{"df": 6.0}],
    "Square": [{"kappa": 15.0, "scale": 30.0}, {"kappa": 2.5}],
    "Tversky": [{"alpha": 0.2, "beta": 1.5}],
    "Quantile": [
        {"quantile": (0.1, 0.5, 0.9)},
        {"quantile": (0.05, 0.3, 0.7)},
        {"quantile": (0.2, 0.6, 0.95)},
    ],
    "SmoothQuantile": [
        {"quantile": (0.1, 0.5, 0.9)},
        {"quantile": (0.05, 0.3, 0.7), "smoothing": 0.2},
        {"quantile": (0.2, 0.6, 0.95), "smoothing": 0.5},
    ],
    "Barron": [
        {"alpha": 2.0, "c": 1.0},
        {"alpha": 0.0},
        {"alpha": 1e-7},
        {"alpha": -50.0},
    ],
    "HLGauss": [
        {"bins": 10},
        {"bins": 10, "sigma": 0.5},
        {"bins": 10, "sigma": 1.25},
    ],
    "LogitAdjusted": [{"posterior": "balanced", "tau": t} for t in (0.5, 1.0, 2.0)],
    "VectorScaling": [{"posterior": "balanced", "gamma": g} for g in (0.0, 0.1, 0.3)],
    "LDAM": [{"posterior": "balanced", "max_margin": c} for c in (0.2, 0.5, 2.0)],
    "ClassBalanced": [{"posterior": "balanced", "beta": b} for b in (0.9, 0.99, 0.999)],
}


def settings_of(cls):
    """Return settings other than the default: the search space's ends, and more."""
    ends = zip(*(space[:2] for space in cls.search_space.values()), strict=True)
    found = [dict(zip(cls.search_space, end, strict=True)) for end in ends]
    return [*found, *MORE_SETTINGS.get(cls.__name__, [])]


TASKS = {
    "binary": Task("binary", 1),
    "multiclass": Task("multiclass", 4),
    "multilabel": Task("multilabel", 3),
    "regression": Task("regression", 2),
}


PREDICTING = "classification", "regression"


def own_classes(families=PREDICTING):
    """Return the package's own losses, not those that tests register.

    Those that predict y: what holds of a loss row by row holds of these.
    """
    return [
        cls
        for family in families
        for cls in Loss.registry[family].values()
        if cls.__module__.startswith("skloss.")
    ]


def instances():
    """Return every loss at its default and its other settings."""
    return [
        cls(**setting) for cls in own_classes() for setting in [{}, *settings_of(cls)]
    ]


def ready(loss, task):
    """Return the loss with its measured knobs set, from unequal class frequencies."""
    rng = np.random.default_rng(11)
    y = rng.gamma(2.0, size=(600, task.size))
    if task.kind == "multiclass":
        share = np.arange(1, task.size + 1) / sum(range(task.size + 1))
        codes = np.searchsorted(np.cumsum(share), (np.arange(600) + 0.5) / 600)
        y = np.eye(task.size)[codes]
    elif task.kind != "regression":
        y = (rng.random((600, task.size)) < 0.3).astype(float)
    elif loss.domain == "unit":
        y = y / y.max()
    elif loss.domain == "open_unit":
        y = y / (1 + y)
    return loss.bind(loss.measure(task, y, np.ones(600)))


def targets(loss, task, n, rng):
    """Return encoded targets of shape (n, size); every class occurs."""
    if task.kind == "multiclass":
        return np.eye(task.size)[np.arange(n) % task.size]
    if task.kind == "regression":
        y = rng.normal(size=(n, task.size)) + np.array([0.4, -0.3])
        inside = {
            "real": y,
            "unit": 1 / (1 + np.exp(-y)),
            "open_unit": 1 / (1 + np.exp(-y)),
            "count": np.floor(3 * abs(y)),
        }
        return inside.get(loss.domain, np.abs(y))
    y = (rng.random((n, task.size)) < 0.4).astype(float)
    y[0], y[1] = 0, 1
    return y


def marks_of(loss, task=None, of=None):
    """Return the marks of a case of the property tests.

    The quick ones take each loss as it comes (or only those with names in ``of``),
    some at one other setting too, for one kind of target; the rest is slow.
    """
    cls = type(loss)
    others = settings_of(cls)[:1] if cls.name in QUICK else []
    quick = [cls(), *(cls(**setting) for setting in others)]
    first = task is None or task.kind == cls.kinds[0]
    named = of is None or cls.name in of
    return () if loss in quick and first and named else pytest.mark.slow


QUICK = "cross_entropy focal hinge rps squared_error poisson gaussian_nll".split()


def some_slow(names, slow):
    """Return parameters of which those in ``slow`` are slow."""
    return [
        pytest.param(name, marks=pytest.mark.slow if name in slow else ())
        for name in names
    ]


def mostly_slow(cases):
    """Return parameters of which those of a few kinds of losses are quick.

    A case is the name of a loss, or a tuple that begins with one.
    """
    tuples = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        pytest.param(*case, marks=() if case[0] in QUICK else pytest.mark.slow)
        for case in tuples
    ]
