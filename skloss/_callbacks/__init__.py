"""Callbacks of Keras and of scikit-learn, told of the epochs of a fit."""
