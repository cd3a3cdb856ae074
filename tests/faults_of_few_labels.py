"""Planted faults of rows without a label, and of temporal differences."""

from fault import faults_of

FAULTS = faults_of(
    "few labels and rewards",
    (
        "losses/_unlabelled.py",
        "return ops.sum(ops.square(ops.stop_gradient(p[0]) - p[1]), axis=-1)",
        "return ops.sum(ops.square(p[0] - p[1]), axis=-1)",
        "losses/test_unlabelled.py::test_no_gradient_passes_what_stands_for_the_label",
    ),
    (
        "losses/_unlabelled.py",
        "rows = weight * (1 - labelled)",
        "rows = weight",
        "losses/test_unlabelled.py::test_the_value_of_two_is_a_sum_over_rows_with_a_label_"
        "and_without",
    ),
    (
        "_engine/_plan.py",
        "weight = np.tile(self.weight, self.repeats) / self.repeats / len(self.rows)",
        "weight = np.tile(self.weight, self.repeats) / len(self.rows)",
        "engine/test_drawn_rows.py::test_the_weights_by_hand",
    ),
    (
        "losses/_bootstrap.py",
        "values = self.loss.pointwise(ops.stop_gradient(target), split)",
        "values = self.loss.pointwise(target, split)",
        "losses/test_bootstrap.py::test_no_slope_passes_the_targets_of_states",
    ),
    (
        "losses/_bootstrap.py",
        'judge = split if self.backup == "max" else self.see(task, raw, part=part)',
        "judge = split",
        "losses/test_bootstrap.py::test_double_takes_its_own_best_action_at_the_averaged_"
        "value",
    ),
    (
        "estimators/_returns.py",
        "factors.append(share * discount**step * ~terminal[row])",
        "factors.append(share * discount**step)",
        "test_returns.py::test_targets_are_those_of_a_loop_over_rows",
    ),
    (
        "_engine/_regularize.py",
        "steps = tf.cast(number + 1, period.dtype)",
        "steps = tf.cast(number, period.dtype)",
        "engine/test_target_networks.py::test_values_of_states_by_a_loop",
    ),
)
