"""Planted faults of recommendations and comparisons of losses."""

from fault import faults_of

FAULTS = faults_of(
    "comparison of losses",
    (
        "model_selection/_paired_scores.py",
        "variance = (1 / n_folds + test_share) * differences.var(ddof=1)",
        "variance = (1 / n_folds) * differences.var(ddof=1)",
        "model_selection/test_paired_scores.py::test_probabilities_equal_those_of_baycomp",
    ),
    (
        "model_selection/_paired_scores.py",
        "raised = p[order] * np.arange(len(p), 0, -1)",
        "raised = p[order] * np.arange(1, len(p) + 1)",
        "model_selection/test_paired_scores.py::test_holm_by_hand",
    ),
    (
        "model_selection/_compare_losses.py",
        "test_share=np.mean([len(test) / len(train) for train, test in splits]),",
        "test_share=0.0,",
        "model_selection/test_compare_losses.py::test_the_table_is_of_corrected_tests",
    ),
    (
        "model_selection/_nested_run.py",
        "chosen = self.choose_settings(estimator, self.split_again(train))",
        "chosen = self.choose_settings(estimator, [(train, test)])",
        "model_selection/test_compare_losses.py::test_rows_that_test_a_loss_take_no_part_in_tuning_it",
    ),
    (
        "model_selection/_nested_run.py",
        "best = 0 if np.isnan(means).all() else int(np.nanargmax(means))",
        "best = 0 if np.isnan(means).all() else int(np.nanargmin(means))",
        "model_selection/test_compare_losses.py::test_each_fold_chooses_as_a_grid_search_of_its_training_rows",
    ),
    (
        "model_selection/_nested_run.py",
        "temperature=net._fitted.temperature * temperature",
        "temperature=net._fitted.temperature / temperature",
        "model_selection/test_compare_losses.py::test_the_temperature_is_that_of_the_inner_folds",
    ),
    (
        "model_selection/_metric_panel.py",
        "return -float(2 * np.maximum(LEVELS * errors, (LEVELS - 1) * errors).mean())",
        "return -float(np.maximum(LEVELS * errors, (LEVELS - 1) * errors).mean())",
        "model_selection/test_skore.py::test_a_report_of_numbers_has_quantiles_and_distributions_scored",
    ),
    (
        "model_selection/_best_of_losses.py",
        "rank = score, -candidate  # of equal ones the lower number, as scikit-learn",
        "rank = -score, -candidate",
        "model_selection/test_skore.py::test_the_best_candidate_of_each_loss_is_kept",
    ),
)

FAULTS += faults_of(
    "recommendation of a loss",
    (
        "_advice/_likelihoods.py",
        "return stats.nbinom.logpmf(y, size, size / (size + mean))",
        "return stats.nbinom.logpmf(y, size, mean / (size + mean))",
        "test_advice.py::test_of_counts_there_are_probabilities",
    ),
    (
        "_advice/_likelihoods.py",
        "own = mean / (1 - share)  # so that the mean stays what it is",
        "own = mean",
        "test_advice.py::test_of_counts_there_are_probabilities",
    ),
    (
        "_advice/_baseline.py",
        "cv = KFold(FOLDS, shuffle=True, random_state=SEED)",
        "cv = [(np.arange(len(target)), np.arange(len(target)))]",
        "test_advice.py::test_what_is_planted_is_found",
    ),
    (
        "_advice/_class_evidence.py",
        "surest = sureness >= np.quantile(sureness, 1 - SUREST)",
        "surest = sureness <= np.quantile(sureness, SUREST)",
        "test_advice.py::test_wrong_labels_and_rare_classes",
    ),
)
