"""Schedules in place of numbers: by which names, and what is refused."""

import numpy as np
import pytest
from sklearn.base import clone

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.exceptions import LossTargetError
from skloss.losses import (
    Brier,
    CrossEntropy,
    Focal,
    HLGauss,
    Huber,
    LossSum,
    NegativeBinomial,
    PerTarget,
)
from skloss.schedules import Cosine, FunctionSchedule, Polynomial, Step, Sum, WarmUp

X = np.random.default_rng(0).normal(size=(60, 2))
y = (X[:, 0] > 0).astype(int)


def net(**params):
    return LossAwareClassifier(network=(3,), epochs=4, random_state=0, **params)


# -- the algebra of losses -----------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "code"),
    [
        (
            CrossEntropy() + WarmUp(epochs=20) * Brier(),
            "1.0 * CrossEntropy() + WarmUp(epochs=20) * Brier()",
        ),
        (Brier() * Cosine() + Focal(), "Cosine() * Brier() + 1.0 * Focal()"),
        (
            0.5 * (CrossEntropy() + (Cosine() + 0.1) * Brier()),
            "0.5 * CrossEntropy() + (0.5 * (Cosine() + 0.1)) * Brier()",
        ),
        (
            Step() * (Brier() + WarmUp() * Focal(gamma=2 * Cosine())),
            "Step() * Brier() + Step() * WarmUp() * Focal(gamma=2.0 * Cosine())",
        ),
    ],
)
def test_schedules_weigh_losses(loss, code):
    assert repr(loss) == code
    assert eval(code) == loss
    assert hash(eval(code)) == hash(loss)
    assert repr(clone(loss, safe=False)) == code


def test_a_weight_by_its_name():
    loss = (CrossEntropy() + Brier()).set_params(brier__weight=WarmUp(epochs=3))
    assert loss == CrossEntropy() + WarmUp(epochs=3) * Brier()
    assert isinstance(loss, LossSum)


# -- nested names --------------------------------------------------------------------


def test_numbers_inside():
    own = net(dropout=0.5 * Cosine(final=0.1), loss=Focal(gamma=2 * Polynomial()))
    names = own.get_params()
    assert names["dropout__a"] == 0.5
    assert names["dropout__b__final"] == 0.1
    assert names["loss__gamma__b__power"] == 1.0
    own.set_params(dropout__b__final=0.4, loss__gamma__a=3.0)
    assert own.dropout == 0.5 * Cosine(final=0.4)
    assert own.loss == Focal(gamma=3 * Polynomial())
    own.set_params(l2=0.1 * Step(), l2__b__every=2, loss="focal", loss__gamma=Cosine())
    assert own.l2 == 0.1 * Step(every=2)
    assert own.loss == Focal(gamma=Cosine())
    own.set_params(l2=0.0)
    with pytest.raises(ValueError, match="Invalid parameter 'l2__b__every'"):
        own.set_params(l2__b__every=2)
    with pytest.raises(ValueError, match="Invalid parameter"):
        own.set_params(dropout__b__finale=2)


def test_what_is_known_before_fit():
    own = net(loss=CrossEntropy() + WarmUp() * Focal(gamma=Cosine()))
    assert hasattr(own, "predict_proba")
    assert own.__sklearn_tags__().classifier_tags.multi_class
    per_target = PerTarget([Huber(delta=Cosine())], weights=(Cosine(),))
    assert not hasattr(LossAwareRegressor(per_target), "predict_dist")


# -- refused -------------------------------------------------------------------------

REFUSED = {
    "out of range": (
        {"dropout": 2 * WarmUp(epochs=4)},
        ValueError,
        r"dropout=2.0 \* WarmUp\(epochs=4\) gives 1 in epoch 1 of 4 "
        r"\(the first is 0\), but dropout=1.0 must be in \[0, 1\). Scale or shift",
    ),
    "no averaging in some epochs": (
        {"weight_averaging": 0.9 * Sum(WarmUp(epochs=4), -0.25)},
        ValueError,
        r"weight_averaging=.* gives 0 in epoch 0 of 4 .* must be in \(0, 1\)",
    ),
    "no bound in some epochs": (
        {"max_norm": Cosine() + -1.0},
        ValueError,
        r"max_norm=Cosine\(\) \+ -1.0 gives 0 in epoch 0",
    ),
    "a name": (
        {"l2": "cosine"},
        TypeError,
        "l2='cosine' must be a number, or a schedule of skloss.schedules",
    ),
    "plateau": (
        {"l1": "ReduceLROnPlateau"},
        ValueError,
        r"l1=ReduceLROnPlateau\(\) depends on the validation score, so it can be an "
        r"lr_schedule only. Use a schedule of the epochs",
    ),
    "plateau in the loss": (
        {"loss__gamma": "ReduceLROnPlateau"},
        ValueError,
        "loss__gamma=ReduceLROnPlateau",
    ),
    "rates": (
        {"mixup": "KerasSchedule"},
        ValueError,
        "gives the rates of optimiser steps",
    ),
    "a function's value": (
        {"mixup": FunctionSchedule(lambda epoch: -1.0)},
        ValueError,
        "mixup=FunctionSchedule.* gave -1.0 for epoch 0",
    ),
    "learning_rate": (
        {"learning_rate": Cosine()},
        TypeError,
        r"learning_rate=Cosine\(\) is a schedule; give it as lr_schedule",
    ),
    "epochs": ({"epochs": Cosine()}, TypeError, "epochs does not change during train"),
    "patience": ({"patience": Step()}, TypeError, "patience does not change"),
    "a schedule's number": (
        {"dropout": Cosine(final=Cosine())},
        ValueError,
        r"dropout=Cosine\(final=Cosine\(\)\): Cosine: final=Cosine\(\) must be in",
    ),
    "gamma": (
        {"loss__gamma": Cosine() + -0.5},
        ValueError,
        r"loss=Focal\(gamma=Cosine\(\) \+ -0.5\): in epoch 3 of 4 \(the first is 0\) "
        r"gamma=Cosine\(\) \+ -0.5 gives -0.35.*, but Focal: gamma=-0.35.* must",
    ),
    "a weight": (
        {"loss": CrossEntropy() + -1 * WarmUp(epochs=4) * Brier()},
        ValueError,
        r"in epoch 0 of 4 .* brier__weight=-1.0 \* WarmUp\(epochs=4\) gives -0.25, but "
        r"The weight of a loss is a finite number >= 0, got -0.25",
    ),
    "dropout in a body": (
        {"dropout": 0.1 * Cosine(), "network": "body"},
        ValueError,
        r"dropout=0.1 \* Cosine\(\) has no place in network",
    ),
    "a template": (
        {"optimizer": "Adam"},
        ValueError,
        r"Adam: beta_1=Cosine\(\) must be a number",
    ),
    "the optimiser": (
        {"optimizer__beta_1": Cosine()},
        ValueError,
        r"Adam: beta_1=Cosine\(\) must be a number",
    ),
}


def body(n_features):
    import keras

    return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(2)])


def made(params):
    """Make what loads Keras here, and not where tests are collected."""
    import keras

    from skloss.schedules import KerasSchedule, ReduceLROnPlateau

    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    objects = {
        "ReduceLROnPlateau": ReduceLROnPlateau(),
        "KerasSchedule": KerasSchedule(decay),
        "Adam": keras.optimizers.Adam(beta_1=Cosine()),
        "body": body,
    }
    return {
        name: objects.get(v, v) if isinstance(v, str) else v
        for name, v in params.items()
    }


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_training(case):
    params, error, match = REFUSED[case]
    with pytest.raises(error, match=match):
        net(loss=Focal()).set_params(**made(params)).fit(X, y)


@pytest.mark.parametrize(
    ("loss", "error", "match"),
    [
        (HLGauss(bins=32 * Cosine()), ValueError, "HLGauss: bins=32.0 must be an int"),
        (NegativeBinomial(dispersion=Cosine()), ValueError, "'common' or 'row'"),
        (PerTarget([Huber()], weights=(Cosine(0.0) + -1.0,)), ValueError, "not all ze"),
        (Focal(gamma=Cosine()), LossTargetError, "is for classification"),
    ],
)
def test_losses_refuse_as_they_would_a_number(loss, error, match):
    with pytest.raises(error, match=match) as raised:
        LossAwareRegressor(loss, network=(3,), epochs=4).fit(X, X[:, :1])
    assert "in epoch 0 of 4" in str(raised.value)


def test_model_fit_refuses():
    import keras

    class Inside(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    own = net(dropout=0.1 * Cosine(), loss=Focal(gamma=Cosine()), callbacks=[Inside()])
    with pytest.raises(ValueError, match="in place of dropout, loss__gamma are for"):
        own.fit(X, y)


def test_scikeras_has_no_counterpart():
    for params in ({"l2": Cosine()}, {"loss": Focal(gamma=Cosine())}):
        with pytest.raises(ValueError, match=r"Cosine\(\) has no counterpart; give"):
            net(**params).to_scikeras()
