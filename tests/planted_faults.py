"""Planted faults: one-line mistakes in skloss, and the tests that must notice each.

``python tests/planted_faults.py`` makes one mistake after the other in a copy of this
checkout and says which test catches it: of the tests named beside it, or, if these
pass, of all. It ends with status 1 if a fault is not caught. ``--only`` chooses by
area or number, ``--resume`` goes on where an interrupted run of the same code stood.
"""

import faults_of_comparisons
import faults_of_few_labels
import faults_of_representations
import faults_of_searches
from fault import faults_of

FAULTS = []

FAULTS += faults_of(
    "formula of a loss",
    (
        "losses/_softmax.py",
        "return -(1 - e) * true - e * ops.mean(log_p, axis=-1)",
        "return -(1 - e) * true - e * ops.sum(log_p, axis=-1)",
        "losses/test_loss_values.py::test_cross_entropy_is_keras",
    ),
    (
        "losses/_positive.py",
        "return exponential(b) / b - y_true * exponential(a) / a",
        "return exponential(b) / b + y_true * exponential(a) / a",
        "losses/test_values_location.py::test_tweedie",
    ),
)

FAULTS += faults_of(
    "link",
    (
        "losses/_core/_link.py",
        "key = derive, loss.structure(), knobs, tuple(shape)",
        "key = derive, loss.structure(), tuple(shape)",
        "losses/test_links_on_arrays.py::test_a_link_by_gradients_is_traced_once",
    ),
    (
        "losses/_core/_softmax_losses.py",
        "total = 1 + share * ops.sum(1 / pull, axis=-1, keepdims=True)",
        "total = 1 - share * ops.sum(1 / pull, axis=-1, keepdims=True)",
        "losses/test_loss_algebra.py::test_link_of_a_sum",
    ),
    (
        "losses/_softmax.py",
        "tail = q - self.gamma * ops.exp(log_p) * log_p",
        "tail = q + self.gamma * ops.exp(log_p) * log_p",
        "losses/test_link_properties.py::test_general_binary_link_is_the_closed_form",
    ),
    (
        "losses/_core/_link.py",
        "total = slope0 - slope1",
        "total = slope0 + slope1",
        "losses/test_link_properties.py::test_general_binary_link_is_the_closed_form",
    ),
)

FAULTS += faults_of(
    "class weights",
    (
        "estimators/_class_weight.py",
        "total = np.array([sample_weight[y == c].sum() for c in classes])",
        "total = np.array([(y == c).sum() for c in classes])",
        "test_classifier_training.py::test_balanced_counts_the_sample_weights",
    ),
    (
        "estimators/_class_target.py",
        "p = p / self.class_weight",
        "p = p * self.class_weight",
        "test_classifier.py::test_model_gives_the_same_numbers",
    ),
    (
        "estimators/_read.py",
        "return weight if self.cost is None else weight * self.cost[rows]",
        "return weight if self.cost is None else self.cost[rows]",
        "test_classifier_training.py::test_weights_are_repetitions",
    ),
    (
        "losses/_core/_scores.py",
        "p = p / class_weight",
        "p = p * class_weight",
        "test_classifier_training.py::test_costs_do_not_enter_the_monitored_score",
    ),
)

FAULTS += faults_of(
    "schedule",
    (
        "schedules/_decay.py",
        "return self.factor ** whole(whole(step, steps_per_epoch), self.every)",
        "return self.factor ** whole(step, self.every)",
        "test_schedules.py::test_first_step_of_each_epoch_is_pytorchs_value",
    ),
    (
        "schedules/_warm_up.py",
        "return (step + 1.0) / n_steps",
        "return step / n_steps",
        "test_schedules.py::test_warm_up_then_cosine",
    ),
    (
        "schedules/_plateau.py",
        "due = ops.logical_and(counts, wait >= knob.patience)",
        "due = ops.logical_and(counts, wait > knob.patience)",
        "test_schedules_plateau.py::test_plateau_by_hand",
    ),
    (
        "_engine/_rates.py",
        "horizon = (self.plan.horizon or self.plan.epochs) * self.steps",
        "horizon = self.plan.epochs * self.steps",
        "test_classifier_training.py::test_epochs_of_partial_fit_are_the_epochs_of_fit",
    ),
)

FAULTS += faults_of(
    "update of the optimiser",
    (
        "_engine/_blocks.py",
        "decay = rate * numbers.weight_decay[:, None] * columns.kernels",
        "decay = numbers.weight_decay[:, None] * columns.kernels",
        "engine/test_optimizers.py::test_stacked_equals_apply",
    ),
    (
        "_engine/_stacked_optimizer.py",
        "Slots(slots.count + 1,",
        "Slots(slots.count,",
        "engine/test_optimizers.py::test_stacked_equals_apply",
    ),
    (
        "_engine/_regularize.py",
        "momentum * tf.math.expm1(before * log) / tf.math.expm1((before + 1) * log)",
        "momentum",
        "engine/test_regularize_steps.py::"
        "test_averages_are_those_of_keras_with_the_beginning_corrected",
    ),
)

FAULTS += faults_of(
    "penalties",
    (
        "_engine/_step.py",
        "penalty = l1[:, None] * tf.sign(weights) + 2 * l2[:, None] * weights",
        "penalty = l1[:, None] * tf.sign(weights) + l2[:, None] * weights",
        "engine/test_record.py::test_one_step_against_keras",
    ),
    (
        "_engine/_step.py",
        "return gradient + kernels * penalty",
        "return gradient + penalty",
        "test_keras_fit.py::test_full_batches_equal_the_compiled_loop",
    ),
    (
        "_engine/_step.py",
        "total = [value, *(tf.cast(p, value.dtype) for p in penalties)]",
        "total = [value]",
        "engine/test_paths.py::test_pretrained_and_frozen_layers",
    ),
)

FAULTS += faults_of(
    "dropout",
    (
        "_engine/_noise.py",
        "uniform >= share, 1 / (1 - share), 0.0",
        "uniform >= share, tf.ones_like(share), 0.0",
        "engine/test_regularize_steps.py::"
        "test_dropout_scales_what_is_left_and_draws_anew_at_each_step",
    ),
    (
        "_engine/_hash.py",
        "bitwise_xor(key, tf.cast(numbers, tf.uint32))",
        "bitwise_xor(key, tf.cast(0 * numbers, tf.uint32))",
        "engine/test_regularize_steps.py::"
        "test_dropout_scales_what_is_left_and_draws_anew_at_each_step",
    ),
)

FAULTS += faults_of(
    "layers of a body",
    (
        "_engine/_step.py",
        "state.append(next(dropped) if training else variable.value)",
        "i += state.append(next(dropped) if training else variable.value) is None",
        "test_make_dropout.py::"
        "test_a_layer_of_keras_draws_the_same_beside_it_whatever_the_others_drop",
    ),
    (
        "networks/_build.py",
        "            make_late_weights(model)",
        "            pass",
        "test_layers_with_weights.py::test_their_first_values_follow_the_seed",
    ),
    (
        "networks/_periodic.py",
        'endswith("kernel") and not are_frequencies(variable)',
        'endswith("kernel")',
        "test_wide_and_periodic.py::"
        "test_a_step_follows_the_difference_and_spares_frequencies_of_penalties",
    ),
)

FAULTS += faults_of(
    "masking of padding",
    (
        "_engine/_row_order.py",
        "weight = tf.gather(weight, index, batch_dims=1) * real",
        "weight = tf.gather(weight, index, batch_dims=1)",
        "engine/test_neighbours.py::test_unequal_folds_and_short_last_batches_by_hand",
    ),
    (
        "_engine/_row_order.py",
        "tf.transpose(tf.gather(weight / count[:, :, None], whose), [1, 0, 2]),",
        "tf.transpose(tf.gather(weight / size, whose), [1, 0, 2]),",
        "engine/test_neighbours.py::test_unequal_folds_and_short_last_batches_by_hand",
    ),
    (
        "_engine/_row_order.py",
        "padding = tf.range(longest)[None] >= n_rows[:, None]",
        "padding = tf.range(longest)[None] > n_rows[:, None]",
        "engine/test_neighbours.py::test_unequal_folds_and_short_last_batches_by_hand",
    ),
    (
        "_engine/_regularize.py",
        "rest = tf.where(weight > 0, other(weight), 0.0)",
        "rest = other(weight)",
        "engine/test_regularize_steps.py::test_padding_and_weights_of_mixed_rows",
    ),
)

FAULTS += faults_of(
    "early stopping and snapshot",
    (
        "_engine/_loop.py",
        "number = state.epoch + 1",
        "number = state.epoch",
        "test_classifier_training.py::test_early_stopping_restores_the_best_weights",
    ),
    (
        "_engine/_loop.py",
        "stopping & (wait >= tf.cast(inputs.patience, tf.float32))",
        "stopping & (wait > tf.cast(inputs.patience, tf.float32))",
        "test_classifier_training.py::test_early_stopping_restores_the_best_weights",
    ),
    (
        "_engine/_between.py",
        "if state.diverged[k] or np.isfinite(member.patience):",
        "if state.diverged[k]:",
        "test_classifier_training.py::test_early_stopping_restores_the_best_weights",
    ),
    (
        "_engine/_between.py",
        "scores[k] = -members[k].scorer(outputs)",
        "scores[k] = members[k].scorer(outputs)",
        "engine/test_between.py::"
        "test_scores_from_python_stop_and_reduce_as_those_of_the_graph",
    ),
)

FAULTS += faults_of(
    "scaling of targets",
    (
        "losses/_regression.py",
        "return stats.poisson(np.asarray(self.point(raw)) * scale)",
        "return stats.poisson(np.asarray(self.point(raw)))",
        "losses/test_values_distribution.py::test_poisson_distribution",
    ),
    (
        "losses/_quantile.py",
        "y, share = y[order], np.cumsum(weight[order])",
        "y, share = y[order], np.cumsum(weight)",
        "test_regressor.py::test_weights_are_repetitions",
    ),
    (
        "estimators/_number_target.py",
        "loss.predict_quantiles, parts, quantiles, loc, scale",
        "loss.predict_quantiles, parts, quantiles, 0.0, scale",
        "test_regressor.py::test_one_quantile",
    ),
)

FAULTS += faults_of(
    "decoding of labels",
    (
        "estimators/_class_codes.py",
        "columns = classes[1:] if len(classes) == 2 else classes",
        "columns = classes[:1] if len(classes) == 2 else classes",
        "test_targets.py::test_columns_are_those_of_label_binarize",
    ),
    (
        "estimators/_class_target.py",
        "return np.argsort(self.ranked)",
        "return np.argsort(np.argsort(self.ranked))",
        "test_ordered_classes.py::test_an_ordered_categorical_is_its_ranks",
    ),
    (
        "estimators/_class_target.py",
        "return (scores > 0).astype(int)",
        "return (scores > 0.5).astype(int)",
        "test_classifier.py::test_shapes_decisions_and_probabilities",
    ),
)

FAULTS += faults_of_searches.FAULTS + faults_of_comparisons.FAULTS
FAULTS += faults_of_representations.FAULTS + faults_of_few_labels.FAULTS

if __name__ == "__main__":
    from planting import main

    main(FAULTS)
