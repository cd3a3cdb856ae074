"""A fitted network as a plain Keras model."""

from sklearn.utils.validation import check_is_fitted

from skloss._callbacks._callback_copies import picklable
from skloss._engine import build_exported_model
from skloss.networks import python_random_untouched


class Exports:
    """The Keras model of a fitted estimator."""

    @python_random_untouched()
    def to_keras(self):
        """Return the fitted network, head and link included, as a new Keras model.

        It shares nothing with the estimator: train it, change it, or save it, which
        Keras loads without skloss.

        Returns
        -------
        keras.Model
            Not compiled. Takes the features, in the estimator's ``dtype``, and gives
            what ``predict_proba`` gives, or the raw scores without probabilities; of
            a regressor what ``predict`` gives, in float64 where float32 would not
            resolve it (a y near 1e8 that varies by 1).
        """
        check_is_fitted(self)
        return build_exported_model(
            self._network,
            self.n_features_in_,
            self.loss_.n_raw(self._task),
            self._result,
            self._dropout,
            self._finish,
        )

    @property
    def model_(self):
        """The model of ``to_keras``, made once."""
        if "_model" not in self.__dict__:
            self._model = self.to_keras()
        return self._model

    def __getstate__(self):
        """Leave the Keras model behind: it is made again from the weights.

        Once fitted, also callbacks that hold open files, locks or lambdas: what
        predicts must travel. Before, nothing may get lost that ``fit`` would call.
        """
        state = dict(super().__getstate__())
        state.pop("_model", None)
        if "callbacks_" in state:
            for name in ("callbacks", "callbacks_"):
                state[name] = picklable(state[name])
        return state

    def __copy__(self):
        """Share all but the Keras model, callbacks that cannot be pickled too."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied.__dict__.pop("_model", None)
        return copied
