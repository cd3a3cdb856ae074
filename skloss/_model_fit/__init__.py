"""Training by ``keras.Model.fit``, through scikeras."""
