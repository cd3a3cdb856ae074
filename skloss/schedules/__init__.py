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

from skloss.schedules._adapters import FunctionSchedule as FunctionSchedule
from skloss.schedules._adapters import KerasSchedule as KerasSchedule
from skloss.schedules._algebra import Product as Product
from skloss.schedules._algebra import Sum as Sum
from skloss.schedules._base import Schedule as Schedule
from skloss.schedules._before import check_rates as check_rates
from skloss.schedules._before import warnings_for as warnings_for
from skloss.schedules._cycles import CosineRestarts as CosineRestarts
from skloss.schedules._cycles import Cyclic as Cyclic
from skloss.schedules._decay import Constant as Constant
from skloss.schedules._decay import Cosine as Cosine
from skloss.schedules._decay import Exponential as Exponential
from skloss.schedules._decay import Polynomial as Polynomial
from skloss.schedules._decay import Step as Step
from skloss.schedules._get import get as get
from skloss.schedules._plateau import ReduceLROnPlateau as ReduceLROnPlateau
from skloss.schedules._sequential import Sequential as Sequential
from skloss.schedules._warm_up import OneCycle as OneCycle
from skloss.schedules._warm_up import WarmUp as WarmUp

__all__ = sorted(name for name in globals() if not name.startswith("_"))
