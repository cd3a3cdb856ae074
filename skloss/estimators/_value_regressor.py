"""``TDValueRegressor``: values of states, learnt from transitions."""

import numpy as np

from skloss._callbacks._epoch_tasks import with_callbacks
from skloss.estimators._arguments import explains_arguments
from skloss.estimators._transition_regressor import (
    TransitionRegressor,
    check_score_columns,
    score_without_next,
)
from skloss.estimators._transition_target import TransitionTarget


class TDValueRegressor(TransitionRegressor):
    """Regressor of the value of states under the policy that made the transitions.

    A row is a state ``X``, the reward ``y`` and, by metadata, what came after it. Its
    target is the reward and ``discount`` times the value of the next state, which a
    slowly moving copy of the network predicts (Sutton 1988; Mnih et al. 2015). What
    the loss elicits is what is bootstrapped: values by ``"squared_error"`` or
    ``"huber"``, optimistic ones by ``"expectile:expectile=0.8"``, the distribution of
    the return by ``Quantile((0.1, 0.3, 0.5, 0.7, 0.9))`` (Dabney et al. 2018).

    Without ``next_X`` nothing follows any row, and this is a plain regressor.

    Parameters
    ----------
    loss : str, Loss or keras.losses.Loss, default="squared_error"
        Of real numbers with one output each, or ``Quantile`` with several levels. With
        ``target_transform="auto"`` its numbers are in standard deviations of the
        return.
    discount : float in [0, 1], default=0.99
        1 needs terminal rows.
    n_steps : int, default=1
        How many rewards a target holds before a value follows; more than one needs
        ``episode``.
    trace_decay : float in [0, 1], default=None
        Lambda: returns of 1 to ``n_steps`` rewards are weighted (Sutton and Barto
        2018, Eq. 12.9). None: the longest alone.
    target_update : float in (0, 1] or int, default=0.01
        How fast the weights that make targets follow those trained: the share of each
        step, or a copy each so many steps. They are what predicts.
    network : tuple of int, MLP, callable or Body, default=(64, 64)
        Hidden layer sizes, an :class:`~skloss.networks.MLP`, or a function that
        returns a Keras model without its output layer.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
    learning_rate : float, default=1e-3
    lr_schedule : str, Schedule, function or Keras schedule, default=None
    l1, l2 : float, default=0.0
        Penalties ``l1 * sum|w|`` and ``l2 * sum w^2`` on kernels.
    weight_decay : float, default=0.0
    dropout : float in [0, 1), default=0.0
    clip_norm, clip_value : float, default=None
    max_norm : float, default=None
    input_noise : float, default=0.0
    batch_size : int or "auto", default="auto"
    epochs : int, default=100
    target_transform : "auto" or None, default="auto"
        "auto": the network sees values about that which is right if all states have
        the same, in units of the return's standard deviation, were the differences
        at that value uncorrelated.
    callbacks : list of keras.callbacks.Callback, default=None
    dtype : {"auto", "float32", "float64"}, default="auto"
        "auto": float64 where one batch holds all rows.
    warm_start : bool, default=False
    random_state : int, RandomState or None, default=None
    record : bool, default=True
    verbose : int, default=0

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.
    loss_ : Loss
    n_epochs_ : int
    history_ : dict of lists
        Per epoch: "loss", "learning_rate", "gradient_norm". Targets move, so that the
        loss need not fall, and nothing stops by it.
    outcome_ : Outcome
    model_ : keras.Model
        Gives what ``predict`` gives, and of quantiles the middle one.

    See Also
    --------
    FittedQRegressor : Values of actions, and the best policy.

    Notes
    -----
    In a Pipeline ``transform_input=["next_X"]`` has ``next_X`` transformed like X, in
    ``fit``; ``score`` of a Pipeline knows no such thing:
    :class:`~skloss.model_selection.TransitionScorer` does it.

    A search over ``discount`` must not compare each candidate by its own discount;
    ``TransitionScorer(discount=0.99)`` judges all by one.

    Examples
    --------
    A walk over three states, which ends to the right of the last with a reward.

    >>> import numpy as np
    >>> from skloss import TDValueRegressor
    >>> X, y = np.eye(3), np.array([0.0, 0.0, 1.0])
    >>> net = TDValueRegressor(discount=0.5, network=(), learning_rate=0.01,
    ...                        target_update=0.1, epochs=2000, random_state=0)
    >>> net = net.fit(X, y, next_X=np.roll(X, -1, axis=0), terminal=[0, 0, 1])
    >>> net.predict(X).round(2)
    array([0.25, 0.5 , 1.  ])
    """

    _target = TransitionTarget

    def __init__(
        self,
        loss="squared_error",
        *,
        discount=0.99,
        n_steps=1,
        trace_decay=None,
        target_update=0.01,
        network=(64, 64),
        optimizer="adam",
        learning_rate=1e-3,
        lr_schedule=None,
        l1=0.0,
        l2=0.0,
        weight_decay=0.0,
        dropout=0.0,
        clip_norm=None,
        clip_value=None,
        max_norm=None,
        input_noise=0.0,
        batch_size="auto",
        epochs=100,
        target_transform="auto",
        callbacks=None,
        dtype="auto",
        warm_start=False,
        random_state=None,
        record=True,
        verbose=0,
    ):
        self.loss = loss
        self.discount = discount
        self.n_steps = n_steps
        self.trace_decay = trace_decay
        self.target_update = target_update
        self.network = network
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.lr_schedule = lr_schedule
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.max_norm = max_norm
        self.input_noise = input_noise
        self.batch_size = batch_size
        self.epochs = epochs
        self.target_transform = target_transform
        self.callbacks = callbacks
        self.dtype = dtype
        self.warm_start = warm_start
        self.random_state = random_state
        self.record = record
        self.verbose = verbose

    @explains_arguments
    @with_callbacks
    def fit(
        self, X, y, sample_weight=None, *, next_X=None, terminal=None, episode=None
    ):
        """Fit the network.

        A fit that fails leaves the estimator as it was.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            States.
        y : array-like of shape (n_samples,)
            The reward that came after each.
        sample_weight : array-like of shape (n_samples,), default=None
        next_X : array-like of shape (n_samples, n_features), default=None
            The states that followed. Of terminal rows they are not looked at.
        terminal : array-like of bool of shape (n_samples,), default=None
            Whether the episode ended, so that nothing more is earned. An episode that
            was cut off is not terminal. None: no row is.
        episode : array-like of shape (n_samples,), default=None
            An id for each row; the rows of an episode are in order of time.

        Returns
        -------
        self

        Raises
        ------
        LossTargetError
            If the loss predicts no values to go on from.
        ValueError, TypeError
            Before training, for parameters or data that make no sense.
        """
        columns = {"next_X": next_X, "terminal": terminal, "episode": episode}
        return self._fit_network(X, y, sample_weight, **columns)

    def score(
        self,
        X,
        y,
        sample_weight=None,
        *,
        next_X=None,
        terminal=None,
        episode=None,
        discount=None,
    ):
        """Return minus the mean squared Bellman error; without ``next_X`` R2.

        The error is ``y + discount * V(next_X) - V(X)``. Its square holds the noise of
        what follows, too, the same for all that are compared on the same rows.

        Parameters
        ----------
        X, y, sample_weight, next_X, terminal, episode : as for ``fit``
        discount : float in [0, 1], default=None
            None: the estimator's own.

        Returns
        -------
        float
        """
        discount = self.discount if discount is None else discount
        columns = {"next_X": next_X, "terminal": terminal, "episode": episode}
        check_score_columns(X, y, discount, columns)
        y, values = np.asarray(y, np.float64), self.predict(X)
        if next_X is None:
            return score_without_next(y, values, sample_weight)
        _, table, terminal = self._read_transitions(X, next_X, terminal)
        fitted = self._get_fitted()
        after = fitted.target.predict(
            fitted.loss, fitted.outputs.source.of_table(table)
        )
        target = y + discount * np.where(terminal, 0.0, after)
        return -float(np.average(np.square(target - values), weights=sample_weight))
