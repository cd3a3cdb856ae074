"""Names of scikit-learn that are private there, each with its reason."""
