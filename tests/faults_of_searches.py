"""Planted faults of searches; see ``planted_faults.py``."""

from fault import faults_of

FAULTS = []

FAULTS += faults_of(
    "fused against alone",
    (
        "_engine/_structure.py",
        "count_steps(plan, data.streams[member.stream]),",
        "1,",
        "engine/test_neighbours.py::test_unequal_folds_and_short_last_batches_by_hand",
    ),
    (
        "_engine/_blocks.py",
        "return tf.where(going[:, None], weights, before), slots",
        "return weights, slots",
        "engine/test_neighbours.py::"
        "test_who_is_stopped_stays_put_while_its_neighbours_go_on",
    ),
    (
        "model_selection/_fusing.py",
        "stream.val_rows + begin",
        "stream.val_rows",
        "model_selection/test_equality_parameters.py::test_early_stopping",
    ),
)

FAULTS += faults_of(
    "scoring in a search",
    (
        "model_selection/_folds.py",
        'return self.splits[fold][which == "test"]',
        "return self.splits[fold][0]",
        "model_selection/test_equality.py::test_each_kind_of_target",
    ),
    (
        "model_selection/_scoring.py",
        "places.setdefault(id(cell.tables[which]), []).append(i)",
        "places.setdefault(cell.fold, []).append(i)",
        "model_selection/test_equality_parameters.py::test_earlier_steps_of_a_pipeline",
    ),
    (
        "model_selection/_scoring.py",
        "np.stack([network.stored for network in networks]),",
        "np.stack([networks[0].stored for network in networks]),",
        "model_selection/test_equality_parameters.py::"
        "test_networks_that_are_scored_together_have_their_own_moving_statistics",
    ),
    (
        "model_selection/_best_so_far.py",
        "key=lambda own: own[:2]",
        "key=lambda own: (own[0], -own[1])",
        "model_selection/test_refit.py::"
        "test_of_equal_candidates_the_first_wins_and_keeps_its_folds",
    ),
)

FAULTS += faults_of(
    "resuming",
    (
        "_engine/_inputs.py",
        "epoch=np.full(1, member.first_epoch, np.int32),",
        "epoch=np.zeros(1, np.int32),",
        "test_classifier_training.py::test_epochs_of_partial_fit_are_the_epochs_of_fit",
    ),
    (
        "_engine/_inputs.py",
        "return Slots(np.reshape(count, 1),",
        "return Slots(np.zeros_like(np.reshape(count, 1)),",
        "test_classifier_training.py::"
        "test_fit_then_partial_fit_keeps_the_optimisers_state",
    ),
    (
        "estimators/_read.py",
        "return earlier.kept_weights",
        "return TrainingState(earlier.state.weights, earlier.state.stored)",
        "test_classifier_training.py::test_warm_start_goes_on_from_the_best_weights",
    ),
    (
        "estimators/_prepare.py",
        "seed = earlier.seed",
        "seed = int(rng.randint(np.iinfo(np.int32).max))",
        "test_determinism.py::test_partial_fit_keeps_the_seed_of_its_first_call",
    ),
    (
        "model_selection/_trials.py",
        "return trial.state in ENDED or has_folds(trial)",
        "return trial.state in ENDED",
        "model_selection/test_trials.py::test_each_end_counts_and_comes_back",
    ),
)

FAULTS += faults_of(
    "ensemble of a search",
    (
        "model_selection/_greedy.py",
        "best, weights, found = scores[k], counts / size, size",
        "best, weights, found = scores[k], counts / rounds, size",
        "model_selection/test_greedy.py::"
        "test_weights_are_those_of_the_selection_by_hand",
    ),
    (
        "model_selection/_out_of_fold.py",
        "p = own.values * own.class_weight",
        "p = own.values / own.class_weight",
        "model_selection/test_search_ensemble.py::"
        "test_class_weights_decide_as_in_the_networks",
    ),
)
