"""The estimators, and how they fit and predict."""
