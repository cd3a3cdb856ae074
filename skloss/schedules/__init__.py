"""Learning-rate schedules.

A schedule is a value object that multiplies the learning rate, step by step. The same
formula serves one network and a population: its numbers may be tensors with one entry
per network, so nothing here branches on a number.

Names: ``"constant"``, ``"cosine"``, ``"exponential"``, ``"step"``, ``"polynomial"``,
``"warm_up"``, ``"one_cycle"``, ``"cosine_restarts"``, ``"cyclic"``,
``"reduce_on_plateau"``; with numbers, as in ``"cosine:final=0.01"``. Schedules are
added, multiplied and put one after the other, and functions and Keras' schedules are
taken wherever a schedule is. A schedule may also stand for other numbers of the
estimators and losses, which it changes from epoch to epoch.
"""

from skloss.schedules._adapters import FunctionSchedule, KerasSchedule
from skloss.schedules._algebra import Product, Sum
from skloss.schedules._before import check_rates, warnings_for
from skloss.schedules._cycles import CosineRestarts, Cyclic
from skloss.schedules._decay import Constant, Cosine, Exponential, Polynomial, Step
from skloss.schedules._get_schedule import get
from skloss.schedules._plateau import ReduceLROnPlateau
from skloss.schedules._schedule import Schedule
from skloss.schedules._sequential import Sequential
from skloss.schedules._warm_up import OneCycle, WarmUp

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Cyclic",
    "Exponential",
    "FunctionSchedule",
    "KerasSchedule",
    "OneCycle",
    "Polynomial",
    "Product",
    "ReduceLROnPlateau",
    "Schedule",
    "Sequential",
    "Step",
    "Sum",
    "WarmUp",
    "check_rates",
    "get",
    "warnings_for",
]
