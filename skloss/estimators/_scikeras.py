"""From scikeras' estimators, and to them."""

from skloss.estimators._from_scikeras import convert_from_scikeras
from skloss.estimators._to_scikeras import convert_to_scikeras


class Conversions:
    """To and from scikeras: what users of scikeras have written, and may need."""

    @classmethod
    def from_scikeras(cls, estimator):
        """Return an estimator with the parameters of a scikeras one, not fitted.

        Parameters
        ----------
        estimator : scikeras.wrappers.KerasClassifier or KerasRegressor
            Its ``model``, a function or a model, ends in a ``Dense`` layer, which is
            left out: the loss brings its own. A function is called once, and once for
            every fit, as for a binary target. Its arguments are parameters,
            ``network__units``. What it compiles with counts, as in scikeras.
            ``validation_split`` becomes ``early_stopping`` with a ``patience`` of all
            epochs: rows are set aside, drawn and not the last ones, and the weights of
            the epoch that is best on them are kept. ``metrics`` are left out; see
            ``validation_scoring``. ``run_eagerly`` and ``validation_batch_size``, which
            change no number, are left out too.

        Returns
        -------
        LossAwareClassifier or LossAwareRegressor

        Raises
        ------
        TypeError, ValueError
            For what has no counterpart, by name.
        """
        return convert_from_scikeras(cls, estimator)

    def to_scikeras(self):
        """Return a scikeras estimator with these parameters, not fitted.

        Returns
        -------
        scikeras.wrappers.KerasClassifier or KerasRegressor
            ``from_scikeras`` makes an equal estimator of it.

        Raises
        ------
        ValueError
            For what has no counterpart, by name. Keras has few of the losses: see
            ``model_`` for the fitted network as a plain ``keras.Model``.
        """
        return convert_to_scikeras(self)
