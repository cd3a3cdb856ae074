"""Names of scikit-learn that are private there, each with its reason."""

from sklearn.utils.validation import _get_feature_names as get_feature_names

__all__ = ["get_feature_names"]
