"""Names of scikit-learn that are private there, each with its reason.

They are used here and nowhere else in the package. Tested with scikit-learn 1.6, the
oldest that is supported, and 1.9: where a newer one moves a name, this is the file to
change. A public name, where scikit-learn gets one, takes the place of a line below.
"""

import copy
import inspect

from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _check_groups_routing_disabled,
    _insert_error_scores,
    _score,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    _check_sample_weight,
    _get_feature_names,
    _num_samples,
)

__all__ = [
    "OVERRIDDEN",
    "BaseSearchCV",
    "check_feature_names_in",
    "check_groups_routing_disabled",
    "check_method_params",
    "check_refit_for_multimetric",
    "check_sample_weight",
    "count_rows",
    "draw_side_by_side",
    "forget_callbacks",
    "format_results",
    "get_feature_names",
    "get_input_columns",
    "get_routed_params",
    "get_scorers",
    "get_scorers_by_name",
    "has_callbacks",
    "insert_error_scores",
    "is_multimetric",
    "is_own_score",
    "is_prediction_scorer",
    "open_callback_context",
    "replace_scorers",
    "response_methods",
    "safe_indexing",
    "score_arguments",
    "score_estimator",
    "score_function",
    "score_sign",
    "scorer_with",
    "select_best_index",
    "supports_callbacks",
    "takes_labels",
    "validate_params",
    "warn_or_raise_about_fit_failures",
]

#: Private methods that classes of the package override, because nothing public does:
#: ``BaseEstimator._get_param_names`` reads the constructor's signature at each of the
#: many calls of ``get_params``; ``NestedParams`` remembers it for each class.
OVERRIDDEN = ("_get_param_names",)

# -- tables and what belongs to their rows -------------------------------------------

#: Rows of anything that has rows: arrays, sparse matrices, lists, frames of all kinds.
#: ``sklearn.utils.resample`` is public, but draws the rows itself.
safe_indexing = _safe_indexing

#: The parameters of ``fit`` or of a scorer, of which those with one entry a row are
#: sliced. Which these are is decided as ``cross_validate`` does, or results differ.
check_method_params = _check_method_params

#: The weights of the rows as an array, with the errors that ``check_estimator`` asks
#: for.
check_sample_weight = _check_sample_weight

#: The rows of any table or target, or what scikit-learn says where there are none.
count_rows = _num_samples

#: The names of the columns of a frame, or None; raises where only some are strings.
#: ``validate_data`` asks for them too, but sets the attribute of the estimator before
#: the fit has succeeded.
get_feature_names = _get_feature_names

#: The names of the columns that a transformer was fitted on: those given, judged, or
#: those of the frame, or x0, x1 and so on. Mixins use it for transformers that leave
#: columns as many as they are, or that name none after them.
check_feature_names_in = _check_feature_names_in


def get_input_columns(transformer, name):
    """Return the numbers of the columns that a part of a ColumnTransformer is given.

    ``transformers_`` has them as the user wrote them, as names, masks or slices.
    """
    return transformer._transformer_to_input_indices[name]


# -- scorers --------------------------------------------------------------------------

#: A score with ``error_score`` for one that fails, and the warning of
#: ``cross_validate``.
score_estimator = _score


def is_multimetric(scorer):
    """Tell whether a scorer is the one that holds several by their names."""
    return isinstance(scorer, _MultimetricScorer)


def get_scorers_by_name(scorer):
    """Return the scorers of a multimetric scorer; it has no public attribute."""
    return scorer._scorers


def is_prediction_scorer(scorer):
    """Tell whether a scorer asks an estimator for predictions only.

    That is known of those that ``make_scorer`` makes and of the estimator's own
    ``score``; no public class stands for them.
    """
    if is_multimetric(scorer):
        return all(map(is_prediction_scorer, get_scorers_by_name(scorer).values()))
    return isinstance(scorer, _BaseScorer | _PassthroughScorer)


def is_own_score(scorer):
    """Tell whether a scorer is the estimator's own ``score``; no public class is."""
    return isinstance(scorer, _PassthroughScorer)


def takes_labels(scorer):
    """Tell whether a metric of scikit-learn wants all labels beside scores of each.

    Metrics of predicted classes take them too, but need none.
    """
    if not isinstance(scorer, _BaseScorer) or "labels" in scorer._kwargs:
        return False
    function = scorer._score_func
    ours = getattr(function, "__module__", "").startswith("sklearn.")
    if not ours or response_methods(scorer) == ["predict"]:
        return False
    return "labels" in inspect.signature(function).parameters


def response_methods(scorer):
    """Return the names of the methods of which a scorer asks the first that is there.

    It has them as they were given to ``make_scorer``, where nobody can read them; of
    another scorer nobody knows them, and there are none.
    """
    given = getattr(scorer, "_response_method", ())
    return [given] if isinstance(given, str) else list(given)


def scorer_with(scorer, wrap, **params):
    """Return a copy of a scorer whose metric is wrapped and has further parameters.

    ``make_scorer`` would lose the metadata that were requested for it.
    """
    own = copy.copy(scorer)
    own._score_func = wrap(scorer._score_func)
    own._kwargs = {**scorer._kwargs, **params}
    return own


def replace_scorers(scorer, scorers):
    """Return a copy of a multimetric scorer that holds others; no public way."""
    own = copy.copy(scorer)
    own._scorers = scorers
    return own


def score_function(scorer):
    """Return the metric behind a scorer, itself where ``make_scorer`` did not make it.

    A scorer has neither its metric's name nor its signature.
    """
    return getattr(scorer, "_score_func", scorer)


def score_arguments(scorer):
    """Return the arguments that ``make_scorer`` was given for the metric.

    Nothing but the ``repr`` of a scorer shows them.
    """
    return getattr(scorer, "_kwargs", {})


def score_sign(scorer):
    """Return -1 for a scorer made with ``greater_is_better=False``, else 1."""
    return getattr(scorer, "_sign", 1)


# -- searches: the results of the fused ones are made by scikit-learn's own code ------

#: What to do about fits that failed, as ``error_score`` says.
warn_or_raise_about_fit_failures = _warn_or_raise_about_fit_failures

#: Sets ``error_score`` for all metrics of a callable ``scoring`` where a fit failed.
insert_error_scores = _insert_error_scores

#: Raises where ``groups`` is given while metadata is routed, as ``cross_validate``.
check_groups_routing_disabled = _check_groups_routing_disabled


def validate_params(search):
    """Check a search's own parameters against the types that scikit-learn lists."""
    search._validate_params()


def get_scorers(search):
    """Return a search's scorer, and the name of the metric that ``refit`` names."""
    return search._get_scorers()


def get_routed_params(search, params):
    """Return which of ``params`` go to the splitter, to ``fit`` and to the scorer.

    The public ``process_routing`` knows nothing of searches while metadata routing is
    off, which is the default.
    """
    return search._get_routed_params_for_fit(params)


def format_results(search, candidates, n_splits, out):
    """Return ``cv_results_`` of the cells' scores and times."""
    return search._format_results(candidates, n_splits, out)


def check_refit_for_multimetric(search, scores):
    """Raise ValueError unless ``refit`` names one of several metrics."""
    search._check_refit_for_multimetric(scores)


def select_best_index(search, refit_metric, results):
    """Return which candidate is the best, by ``refit`` where that is a function."""
    return search._select_best_index(search.refit, refit_metric, results)


# -- callbacks of scikit-learn, from 1.9 ----------------------------------------------


def supports_callbacks(estimator):
    """Tell whether scikit-learn's callbacks can be set on an estimator."""
    return hasattr(estimator, "_init_callback_context")


def open_callback_context(estimator, max_subtasks):
    """Return the context of a fit, whose methods tell the callbacks what happens.

    The mixin, its ``set_callbacks`` and ``with_callbacks`` are public; how a fit tells
    the callbacks is not yet.
    """
    return estimator._init_callback_context(max_subtasks=max_subtasks)


def has_callbacks(estimator):
    """Tell whether callbacks were set on an estimator; there is no public getter."""
    return hasattr(estimator, "_skl_callbacks")


def forget_callbacks(estimator):
    """Take from a copy of an estimator the callbacks that were set on the original."""
    vars(estimator).pop("_skl_callbacks", None)


# -- what a notebook shows ------------------------------------------------------------


def draw_side_by_side(named):
    """Return the block of a diagram in which (name, estimator) stand side by side.

    An estimator may have a block of its own, by the method ``_sk_visual_block_``, but
    the class of blocks is private, and moves; a voting estimator, which is never
    fitted, makes one.
    """
    from sklearn.ensemble import VotingRegressor  # which a prediction need not wait for

    return VotingRegressor(named)._sk_visual_block_()
