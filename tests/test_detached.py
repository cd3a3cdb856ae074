"""A detached value object shares nothing that can be changed with the original."""

import catalogue
import keras
import numpy as np

from skloss import ClassificationHead
from skloss._params import Params
from skloss.losses import CVaR, Focal, PerTarget, Quantile
from skloss.networks import MLP, Body
from skloss.schedules import Cosine, Sequential, WarmUp


def build(units=8, activations=("relu",)):
    return keras.Sequential([keras.layers.Dense(units)])


NESTED = (
    CVaR(Focal(gamma=3.0)),
    0.7 * Focal() + WarmUp(epochs=3) * Focal(gamma=Cosine()),
    PerTarget({"a": "huber", "b": CVaR(Quantile(quantile=[0.1, 0.9]))}),
    Sequential(WarmUp(then=Cosine()), 0.5 * Cosine(), epochs=3),
    MLP([8, 4]),
    Body(build, units=4, activations=["relu", "tanh"]),
    ClassificationHead(Focal(), weight=0.5 * Cosine()),
)


def changeable(value):
    """Yield every value object, list, dict and array that a value holds."""
    if isinstance(value, Params):
        yield value
        value = vars(value)
    if isinstance(value, list | dict | np.ndarray):
        yield value
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, list | tuple | type({}.values())):
        for one in value:
            yield from changeable(one)


def test_every_loss_and_nested_ones():
    for one in [*catalogue.instances(), *NESTED]:
        check_equal_and_nothing_shared(one)


def check_equal_and_nothing_shared(one):
    twin = one.detached()
    assert type(twin) is type(one)
    assert twin == one
    assert repr(twin) == repr(one)
    assert hash(twin) == hash(one)
    ours = {id(part) for part in changeable(one)}
    assert not [part for part in changeable(twin) if id(part) in ours]


def test_set_params_does_not_reach_the_original():
    loss = CVaR(0.5 * Focal(gamma=2.0) + 0.5 * Focal(gamma=Cosine()))
    before = repr(loss)
    twin = loss.detached()
    twin.set_params(loss__focal__gamma=5.0, loss__focal_2__gamma__final=0.5, alpha=0.3)
    twin.loss.terms.clear()
    assert repr(loss) == before


def test_functions_and_keras_objects_are_shared():
    theirs = keras.optimizers.schedules.CosineDecay(0.1, 10)
    one = Body(build, theirs=theirs)
    assert one.detached().build_fn is build
    assert one.detached().arguments["theirs"] is theirs
