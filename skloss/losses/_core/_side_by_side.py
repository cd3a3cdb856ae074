"""Several losses, each with columns of y and raw outputs of its own."""

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._core._combined import first_known
from skloss.losses._core._named import NamedLosses
from skloss.losses._core._saturated import saturated_outputs


class SideBySide(NamedLosses):
    """Base class of the losses that share a network, but neither target nor outputs.

    A subclass gives ``tasks``, what each loss predicts, and ``shares``, how much each
    counts. The raw outputs are those of the losses in turn, then what no row changes.
    """

    def tasks(self):
        """Return the task of each loss."""
        raise NotImplementedError(f"{type(self).__name__} must define tasks")

    def shares(self):
        """Return the factor of each loss."""
        raise NotImplementedError(f"{type(self).__name__} must define shares")

    def columns(self):
        """Return the columns of y of each loss, as slices."""
        ends = np.cumsum([task.size for task in self.tasks()]).tolist()
        return [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]

    def split_target(self, task, y):
        """Yield name, loss, task and target of each loss: its own columns of y."""
        for (name, loss), own, columns in zip(
            self.named().items(), self.tasks(), self.columns(), strict=True
        ):
            yield name, loss, own, y[..., columns]

    def _sizes(self):
        """Return how many raw outputs of each loss differ by row, and how many not."""
        pairs = list(zip(self.losses, self.tasks(), strict=True))
        fixed = [loss.n_global(task) for loss, task in pairs]
        free = [
            loss.n_raw(task) - n for (loss, task), n in zip(pairs, fixed, strict=True)
        ]
        return free, fixed

    def n_raw(self, task):
        """Return the number of raw outputs."""
        free, fixed = self._sizes()
        return sum(free) + sum(fixed)

    def n_global(self, task):
        """Return how many of the last raw outputs are the same for every row."""
        return sum(self._sizes()[1])

    def places(self):
        """Return the numbers of each loss's raw outputs."""
        free, fixed = self._sizes()
        begin, last, places = 0, sum(free), []
        for n, m in zip(free, fixed, strict=True):
            places.append([*range(begin, begin + n), *range(last, last + m)])
            begin, last = begin + n, last + m
        return places

    def outputs(self, task, columns):
        """Return the numbers of the raw outputs of the losses of some columns of y."""
        pairs = zip(self.columns(), self.places(), strict=True)
        return [i for own, place in pairs if columns[own].any() for i in place]

    def exponential_outputs(self, task):
        """Return the numbers of each loss's own such outputs."""
        triples = zip(self.losses, self.tasks(), self.places(), strict=True)
        own = [np.array(at)[x.exponential_outputs(t)] for x, t, at in triples]
        return np.concatenate(own)

    def pieces(self, raw):
        """Return each loss's columns of the raw outputs."""
        return [
            ops.concatenate([raw[..., i : i + 1] for i in place], axis=-1)
            for place in self.places()
        ]

    def call_each(self, call, task, y_true, raw):
        """Return ``call(loss, own task, own target, own raw outputs)`` of each loss."""
        return [
            call(loss, own_task, y, own)
            for (_, loss, own_task, y), own in zip(
                self.split_target(task, y_true), self.pieces(raw), strict=True
            )
        ]

    def apply_shares(self, values):
        """Return the losses' shares of their values."""
        return [
            share * value for share, value in zip(self.shares(), values, strict=True)
        ]

    def why_apart(self, task):
        """Return the first reason that one of the losses has."""
        pairs = zip(self.losses, self.tasks(), strict=True)
        return first_known([loss.why_apart(own) for loss, own in pairs])

    # -- the value -----------------------------------------------------------------

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the losses' values."""

        def call(loss, *own):
            return loss.batch_value(*own, weight)

        return sum(self.apply_shares(self.call_each(call, task, y_true, raw)))

    def row_values(self, task, y_true, raw):
        """Return each loss's values per row."""
        return self.call_each(lambda loss, *own: loss.rowwise(*own), task, y_true, raw)

    def rowwise(self, task, y_true, raw):
        """Return the weighted sum of the losses' values per row."""
        return sum(self.apply_shares(self.row_values(task, y_true, raw)))

    def monitor_name(self):
        """Return the losses' score, "mean_score" where they have several."""
        names = {loss.monitor_name() for loss in self.losses}
        return names.pop() if len(names) == 1 else "mean_score"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the weighted mean of the losses' own scores per row."""

        def call(loss, *own):
            return loss.monitor(*own, class_weight)

        scores = self.apply_shares(self.call_each(call, task, y_true, raw))
        return sum(scores) / sum(self.shares())

    def best_constant(self, task, y_true, sample_weight):
        """Return each loss's best constant for its own target."""
        best = np.empty(sum(map(sum, self._sizes())))
        for (_, loss, own_task, y), place in zip(
            self.split_target(task, y_true), self.places(), strict=True
        ):
            best[place] = loss.best_constant(own_task, y, sample_weight)
        return best

    def global_pace(self, task):
        """Return each loss's factors, in the order of its outputs."""
        return np.concatenate(
            [
                loss.global_pace(own)
                for loss, own in zip(self.losses, self.tasks(), strict=True)
            ]
        )

    def saturated(self, task, y_true, constant):
        """Return each loss's saturated model, beside what no row changes."""
        raw = np.tile(np.asarray(constant, np.float64), (len(y_true), 1))
        for (_, loss, own_task, y), place in zip(
            self.split_target(task, y_true), self.places(), strict=True
        ):
            raw[:, place] = saturated_outputs(loss, own_task, y, constant[place])
        return raw

    def trained(self, task, last):
        """Return each loss's trained numbers, under its name."""
        ends = np.cumsum(self._sizes()[1])[:-1]
        return {
            f"{name}__{key}": value
            for (name, loss), own_task, own in zip(
                self.named().items(), self.tasks(), np.split(last, ends), strict=True
            )
            for key, value in loss.trained(own_task, own).items()
        }
