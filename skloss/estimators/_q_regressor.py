"""``FittedQRegressor``: values of actions, learnt from transitions of any policy."""

from typing import ClassVar

import numpy as np
from sklearn.utils import column_or_1d

from skloss._callbacks._epoch_tasks import with_callbacks
from skloss.estimators._arguments import explains_arguments
from skloss.estimators._fitted_attributes import FittedAttribute
from skloss.estimators._policy_value import Log, evaluate_policy, find_first_rows
from skloss.estimators._transition_regressor import (
    TransitionRegressor,
    check_score_columns,
    score_without_next,
)
from skloss.estimators._transition_target import ActionTarget


class FittedQRegressor(TransitionRegressor):
    """Regressor of the value of actions under the best policy, from a log.

    A row is a state ``X``, the reward ``y`` and, by metadata, the action that was taken
    and what came after it, by whatever policy. The target of the action's value is the
    reward and ``discount`` times what the best action is worth in the next state, which
    a slowly moving copy of the network predicts (Riedmiller 2005; Mnih et al. 2015).

    ``predict_action`` gives the best action, ``q_values`` what each is worth, and
    ``predict`` what the best is. Without ``next_X`` nothing follows any row, and
    without ``action`` there is one, so that this is a plain regressor.

    Parameters
    ----------
    loss : str, Loss or keras.losses.Loss, default="squared_error"
        Of real numbers with one output each, or ``Quantile`` with several levels: the
        distribution of the return of each action (Dabney et al. 2018). With
        ``target_transform="auto"`` its numbers are in standard deviations of the
        return.
    discount : float in [0, 1], default=0.99
        1 needs terminal rows.
    backup : {"max", "double", "expectile"}, default="double"
        What the best action in the next state is worth. "max": the largest value by
        the copy (Watkins 1989), which is too high where values are uncertain.
        "double": the copy's value of the action that the network holds the best (van
        Hasselt, Guez and Silver 2016). "expectile": of the actions that were taken
        there an expectile, so that none is asked about that nobody tried (implicit
        Q-learning, Kostrikov, Nair and Levine 2022).
    expectile : float in (0, 1), default=0.8
        For ``backup="expectile"``: 0.5 is the policy of the log, near 1 the best.
    risk_level : float in (0, 1], default=1.0
        With quantiles: actions are compared by the mean of this lowest share of what
        they may earn, the conditional value at risk; 1 is the mean of all.
    n_steps : int, default=1
        How many rewards a target holds before a value follows; more than one needs
        ``episode``, and takes the log's later actions for the best.
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
    actions_ : ndarray of shape (n_actions,)
        Sorted.
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
        Gives the values of the actions, and of quantiles the middle ones; under
        "expectile" last that of the state.

    See Also
    --------
    TDValueRegressor : Values of states under the policy of the log.

    Notes
    -----
    In a Pipeline ``transform_input=["next_X"]`` has ``next_X`` transformed like X, in
    ``fit``; ``score`` of a Pipeline knows no such thing:
    :class:`~skloss.model_selection.TransitionScorer` does it.

    A search over ``discount`` must not compare each candidate by its own discount;
    ``TransitionScorer(discount=0.99)`` judges all by one.

    Examples
    --------
    Two states; "go" leads from the first to the second, and from there ends with 1.

    >>> import numpy as np
    >>> from skloss import FittedQRegressor
    >>> X, y = np.eye(2)[[0, 0, 1, 1]], np.array([0.0, 0.0, 0.0, 1.0])
    >>> action = np.array(["stay", "go", "stay", "go"])
    >>> net = FittedQRegressor(discount=0.5, network=(), learning_rate=0.01,
    ...                        target_update=0.1, epochs=2000, random_state=0)
    >>> net = net.fit(X, y, action=action, next_X=np.eye(2)[[0, 1, 1, 0]],
    ...               terminal=[0, 0, 0, 1])
    >>> net.predict_action(np.eye(2))
    array(['go', 'go'], dtype='<U4')
    >>> net.q_values(np.eye(2)).round(2)  # of "go" and "stay"
    array([[0.5 , 0.25],
           [1.  , 0.5 ]])
    """

    _target = ActionTarget
    __metadata_request__fit: ClassVar = {"action": True}
    __metadata_request__score: ClassVar = {"action": True}

    actions_ = FittedAttribute(lambda f: f.target.actions, "The actions, sorted.")

    def __init__(
        self,
        loss="squared_error",
        *,
        discount=0.99,
        backup="double",
        expectile=0.8,
        risk_level=1.0,
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
        self.backup = backup
        self.expectile = expectile
        self.risk_level = risk_level
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
        self,
        X,
        y,
        sample_weight=None,
        *,
        action=None,
        next_X=None,
        terminal=None,
        episode=None,
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
        action : array-like of shape (n_samples,), default=None
            What was done in each state: numbers or texts, few different ones. None:
            always the same.
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
        columns["action"] = action
        return self._fit_network(X, y, sample_weight, **columns)

    def q_values(self, X):
        """Return the value of each action in each row's state, in the units of y.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_actions)
            In the order of ``actions_``; of quantiles the mean of the lowest share
            ``risk_level``.
        """
        fitted = self._get_fitted()
        return fitted.target.q_values(fitted.loss, fitted.raw_outputs(self, X))

    def predict_action(self, X):
        """Return the best action in each row's state.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.actions_[self.q_values(X).argmax(axis=1)]

    def score(
        self,
        X,
        y,
        sample_weight=None,
        *,
        action=None,
        next_X=None,
        terminal=None,
        episode=None,
        discount=None,
    ):
        """Return an estimate of what the policy earns; without ``next_X`` R2.

        The return of ``predict_action`` by fitted Q evaluation (Le, Voloshin and Yue
        2019): a second network like this one learns on these rows what the policy
        earns after each action, which takes as long as a fit. The mean over the first
        states of the episodes, or without ``episode`` over all states. The estimate is
        as good as the rows are rich: where the policy does what nobody tried, it is a
        guess.

        Parameters
        ----------
        X, y, sample_weight, action, next_X, terminal, episode : as for ``fit``
        discount : float in [0, 1], default=None
            None: the estimator's own.

        Returns
        -------
        float
        """
        discount = self.discount if discount is None else discount
        columns = {"next_X": next_X, "terminal": terminal, "episode": episode}
        check_score_columns(X, y, discount, columns | {"action": action})
        y, taken = np.asarray(y, np.float64), self._find_actions(action, len(y))
        if next_X is None:
            values = np.take_along_axis(self.q_values(X), taken[:, None], axis=1)
            return score_without_next(y, values[:, 0], sample_weight)
        X, next_X, terminal = self._read_transitions(X, next_X, terminal)
        fitted = self._get_fitted()
        target, outputs = fitted.target, fitted.outputs.source
        chosen, next_chosen = (
            target.q_values(fitted.loss, outputs.of_table(table)).argmax(axis=1)
            for table in (X, next_X)
        )
        log = Log(X, next_X, y, terminal, sample_weight, taken, chosen, next_chosen)
        values = evaluate_policy(self, log, discount, len(self.actions_))
        return float(np.mean(values[find_first_rows(episode, len(y))]))

    def _find_actions(self, action, n_rows):
        """Return the number of the action taken in each row."""
        if action is None and len(self.actions_) == 1:
            return np.zeros(n_rows, dtype=int)
        if action is None:
            raise ValueError(
                f"score needs action=, which of {self.actions_.tolist()} was taken in "
                f"each row, as fit was given it."
            )
        action = column_or_1d(action)
        unknown = np.setdiff1d(action, self.actions_)
        if len(unknown):
            raise ValueError(
                f"action holds {unknown.tolist()[:5]}, which fit has not seen; known "
                f"are {self.actions_.tolist()}."
            )
        return np.searchsorted(self.actions_, action)
