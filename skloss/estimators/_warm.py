"""``warm_start``: a fit that begins with the weights of the previous one."""

import numpy as np

from skloss._engine import TrainingState


class WarmStart:
    """What an estimator remembers of its previous fit, and when that is of use."""

    def _earlier(self):
        """Return what must be equal to go on, and the result of the previous fit."""
        if not (self.warm_start and hasattr(self, "_result")):
            return None
        ranked = getattr(self, "_ranked", None)
        return self._task, ranked, self.n_features_in_, self._result

    def _warm(self, earlier):
        """Return the state to start from, or refuse another problem."""
        if earlier is None:
            return None
        task, ranked, n_features, result = earlier
        if ranked is not None and not np.array_equal(ranked, self._ranked):
            raise ValueError(
                f"warm_start=True needs the same classes as the previous fit, "
                f"{ranked.tolist()}, got {self._ranked.tolist()}."
            )
        if task != self._task or n_features != self.n_features_in_:
            raise ValueError(
                f"warm_start=True needs the {n_features} features and {task.size} "
                f"columns of y of the previous fit, got {self.n_features_in_} and "
                f"{self._task.size}."
            )
        return self._warm_state(result)

    def _warm_state(self, result):
        """Return the state that warm_start goes on from: the weights that were kept."""
        return TrainingState(weights=result.weights, stored=result.stored)
