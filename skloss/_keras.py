"""Names of Keras that are private there, each with its reason."""
