"""What a loss is: a formula on raw outputs, with the facts that belong to it.

Conventions
-----------
Shapes. ``n`` rows, ``task.size`` columns of the target (1, or classes, labels or
targets), ``n_raw(task)`` raw outputs of the network for each row.

=============  ==================================================================
y_true         (n, task.size): 0/1 for two classes and for labels, one-hot for
               several classes, numbers for regression
raw            (n, n_raw): the last layer's outputs, on which no activation acted;
               the last ``n_global(task)`` of them are the same for every row;
               (views, n, n_raw) of a loss with several ``views``
weight         (n,): the rows' weights, ``sample_weight`` times ``class_weight``;
               0 is a row that is not there
raw, split     (n, targets), or (n, targets, n_outputs) with several outputs a
               target: what ``split`` makes of raw, and what ``pointwise``,
               ``point`` and ``distribution`` of a regression loss see
=============  ==================================================================

``pointwise`` and ``binary`` reduce or keep the last axis and let any axes stand before
it. No formula has an axis of networks: the engine maps the same formula over networks
with ``tf.vectorized_map``, where every knob of :meth:`Loss.bind` is a scalar tensor (a
tuple of numbers a vector) of one network. So no Python ``if`` asks for a knob's value.

Units. Numbers are scaled, ``(y - loc) / scale``, as ``target_scaling`` asks, and raw
outputs stand for scaled numbers; so do all that is made of them but ``distribution``
and ``predict_quantiles``, which are given ``loc`` and ``scale`` and answer in the
user's units. A loss with ``in_user_units`` sees y as the user gave it. ``check_target``
and ``rehearse`` are shown y before it is scaled.

Tensors. What training calls (the values, ``scores``, links, ``point``, ``monitor``) is
written in ``keras.ops`` for float32 or float64 tensors, ``y_true``, ``raw`` and
``weight`` of one dtype. Predictions call ``scores``, links, ``split`` and ``point``
with NumPy arrays of float64, for which the names that this package's losses use are
NumPy's (``_ops.call_on_arrays``); ``keras.ops`` takes them too. What happens once a
fit (``measure``, ``best_constant``, ``saturated``, ``distribution``,
``predict_quantiles``, ``global_pace``, ``trained``) takes and returns NumPy arrays of
float64.

Words. A *knob* is a number that a search may vary in one graph, ``structure`` is all
else. A *raw output* is what the network gives, a *score* what decides, a *value* what
the formula gives, a *weight* a row's or a term's. ``scores`` and ``link`` are of
classes, ``point`` is of numbers, ``inverse_link`` of either.

Which value to override
-----------------------
The engine calls ``batch_value`` alone. Each method's default calls the one below it
that is of its family, down to ``pointwise``; override the lowest that can say it.

===============  ==============  =====================  ===========================
method           family          its default calls      override it for
===============  ==============  =====================  ===========================
``batch_value``  both            ``rowwise``            what is defined on a batch;
                                                        ``decomposable = False``
``rowwise``      classification  ``pointwise`` of       -
                                 several classes, else
                                 ``binary``
``rowwise``      regression      ``columnwise``         all targets of a row at once
``columnwise``   regression      ``pointwise`` of       a target by its number
                                 ``split`` outputs
``binary``       classification  ``pointwise`` of the   two classes and labels, where
                                 scores (0, f)          they are not the case of two
``pointwise``    both            -                      everything else: the formula
===============  ==============  =====================  ===========================

Besides the engine, the general inverse link asks for ``pointwise`` of several classes
and ``binary`` of two, and ``best_constant`` for ``batch_value``, or ``binary`` label by
label. A loss that overrides a method higher up without these needs a link and a best
constant of its own.
"""

from typing import ClassVar

import numpy as np

from skloss._params import Params
from skloss.losses._core import _ops as ops
from skloss.losses._core._view import PLAIN


class Loss(Params):
    """Base class of every loss.

    Subclass :class:`ClassificationLoss` or :class:`RegressionLoss`, write
    ``pointwise`` in ``keras.ops`` (or TensorFlow) and state the facts that differ
    from the defaults below. A class with a ``name`` registers itself.

    Attributes
    ----------
    name : str
        What ``loss="..."`` calls it.
    aliases : tuple of str
        Other libraries' names for the same thing.
    from_keras : dict
        Keras' class name to the map from its attributes to our parameters.
    formula, source : str
        The value per sample on raw outputs, and who published it.
    elicits : str
        What the minimiser estimates.
    proper : {"strict", "link", "order", "none"}
        "strict": proper with a fixed link; "link": proper through the inverse link
        that follows from the loss; "order": only the arg max is right; "none".
    robust, convex : bool
        Bounded influence of one sample; convex in the raw outputs.
    gradient_growth : {"bounded", "linear", "exponential"}
    decomposable : bool
        The batch's value is the weighted sum of its samples' values.
    views : tuple of View
        How the loss sees the rows of a batch: by default once, as they are.
    pairs_rows : bool
        Rows of a class come into batches in pairs, drawn anew in each epoch.
    monitors_itself : bool
        Early stopping watches the loss's own value, for want of a neutral score.
    in_user_units : bool
        Targets and predictions are handed over unscaled.
    head_scale : float or ndarray of shape (n_raw,)
        Factor on the initial weights of the output layer.
    measured : tuple of str
        Knobs that :meth:`measure` sets from the training target, such as class
        frequencies. They end in an underscore, are None before ``fit`` and no
        parameters: ``clone`` forgets them.
    search_space : dict
        Knob to ``(low, high, "linear" or "log")``.
    """

    registry: ClassVar[dict] = {
        "classification": {},
        "regression": {},
        "representation": {},
        "unlabelled": {},
    }
    _sum_class = None  # LossSum, whose module imports this one, and sets it

    name = None
    aliases = ()
    from_keras: ClassVar[dict] = {}
    family = None
    formula = ""
    source = ""
    elicits = "nothing known"
    proper = "none"
    robust = False
    convex = False
    gradient_growth = "bounded"
    decomposable = True
    views = PLAIN
    pairs_rows = False
    monitors_itself = False
    in_user_units = False
    head_scale = 1.0
    measured: ClassVar[tuple] = ()
    search_space: ClassVar[dict] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            Loss.registry[cls.family][cls.name] = cls

    def __mul__(self, weight):
        return self._sum_class.scale(self, weight)

    __rmul__ = __mul__

    def __add__(self, other):
        if other == 0:  # so that sum([...]) works
            return self
        if not isinstance(other, Loss):
            return NotImplemented
        return self._sum_class.add(self, other)

    def __radd__(self, other):
        return self if other == 0 else NotImplemented

    def knobs(self):
        """Return the numbers, the measured ones included."""
        return {**super().knobs(), **self._measured_values()}

    def structure(self):
        """Return all that is no number: losses with the same share a graph."""
        return (*super().structure(), tuple(self._measured_values()))

    def _measured_values(self):
        """Return the measured knobs that have been measured."""
        values = {name: getattr(self, name) for name in self.measured}
        return {name: value for name, value in values.items() if value is not None}

    def measure(self, task, y_true, sample_weight):
        """Return what ``measured`` names, from the training rows alone.

        Parameters
        ----------
        task : Task
        y_true : ndarray of shape (n, task.size)
            The encoded (for numbers: scaled) target.
        sample_weight : ndarray of shape (n,)

        Returns
        -------
        dict
            To be given to ``bind``. By default that of the losses among the parameters.
        """
        knobs = {}
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Loss):
                inner = value.measure(task, y_true, sample_weight)
                knobs.update({f"{name}__{key}": v for key, v in inner.items()})
        return knobs

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError where a function given as a loss cannot be one.

        Parameters
        ----------
        task : Task
        y : ndarray of shape (n, task.size)
            The training target: encoded classes, or numbers in the user's units.
        dtype : {"auto", "float32", "float64"}
        """

    def n_global(self, task):
        """Return how many of the last raw outputs are the same for every row.

        Thresholds, dispersions and other trained numbers that do not depend on X: the
        engine trains their bias only.
        """
        return 0

    def exponential_outputs(self, task):
        """Return the numbers of the raw outputs that predictions grow with by a factor.

        An exponential is between them and a prediction, or the scale of a predicted
        distribution, so that far from the training rows they would be nonsense of any
        size: ``output_margin`` bounds them.

        Parameters
        ----------
        task : Task

        Returns
        -------
        ndarray of int
        """
        return np.zeros(0, dtype=int)

    def global_pace(self, task):
        """Return the factor on the learning rate of each output of ``n_global``.

        Returns
        -------
        ndarray of shape (n_global(task),)
        """
        return np.ones(self.n_global(task))

    def trained(self, task, last):
        """Return by name the trained numbers that do not depend on X.

        Parameters
        ----------
        task : Task
        last : ndarray of shape (n_global(task),)
            The raw outputs that are the same for every row.

        Returns
        -------
        dict of str to ndarray
        """
        return {}

    def why_apart(self, task):
        """Return why networks of other losses cannot share a program, or None.

        In a shared program every network computes the formulas of all losses, and one
        is chosen. So one that costs many times as much as the others is better alone.

        Parameters
        ----------
        task : Task

        Returns
        -------
        str or None
        """
        return None

    def pointwise(self, y_true, raw):
        """Return the value per sample, unreduced."""
        raise NotImplementedError(f"{type(self).__name__} must define pointwise")

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the samples' values: what the engine minimises.

        Parameters
        ----------
        task : Task
        y_true : tensor of shape (n, task.size)
        raw : tensor of shape (n, n_raw(task))
        weight : tensor of shape (n,)
        """
        return ops.sum(weight * self.rowwise(task, y_true, raw))

    def check_target(self, task, y):
        """Raise LossTargetError where ``y`` is outside the loss's domain."""
