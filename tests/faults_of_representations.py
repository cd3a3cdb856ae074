"""Planted faults of views, representations, densities and pre-trained bodies."""

from fault import faults_of

FAULTS = faults_of(
    "views and representations",
    (
        "_engine/_step.py",
        "output = run_network(layout, teacher, stored, taught)[0]",
        "output = run_network(layout, parts, stored, taught)[0]",
        "engine/test_views.py::test_what_a_loss_with_a_teacher_is_handed",
    ),
    (
        "_engine/_row_order.py",
        "leader = number - (number - begins) % 2",
        "leader = number",
        "engine/test_views.py::test_rows_of_a_class_come_in_pairs",
    ),
    (
        "losses/_pairs.py",
        "positive = alike * known * off_diagonal(squares)",
        "positive = alike * known",
        "losses/test_pairs.py::test_triplet",
    ),
    (
        "losses/_autoencoding.py",
        "divergence = ops.sum(ops.maximum(divergence, self.free_bits))",
        "divergence = ops.sum(divergence)",
        "test_autoencoders.py::test_a_divergence_is_that_of_two_normal_distributions",
    ),
    (
        "estimators/_density.py",
        "log_p += log_deviation.sum(axis=1)[:, None]",
        "log_p += 0 * log_deviation.sum(axis=1)[:, None]",
        "test_autoencoders.py::test_scores_are_in_the_units_of_x",
    ),
    (
        "_engine/_blocks.py",
        "rate = tf.where(columns.body, rate * numbers.body_pace[:, None], rate)",
        "rate = rate * numbers.body_pace[:, None]",
        "test_pretrained.py::test_training_begins_with_the_body_of_the_transformer",
    ),
    (
        "model_selection/_labelled_split.py",
        "yield np.sort(np.concatenate([rows[train], others])), rows[test]",
        "yield rows[train], rows[test]",
        "test_pretrained.py::test_unlabelled_rows_always_train_and_never_test",
    ),
)
