"""Values of losses of pairs by other libraries, written to reference_pairs.json.

Run once, outside the gate, where optax and pytorch-metric-learning are installed:

    pip install optax pytorch-metric-learning
    python tests/losses/reference_pairs.py
"""

import json
from importlib import metadata
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import torch
from pytorch_metric_learning import distances, losses, miners, reducers

rng = np.random.default_rng(1)
N = 10
codes = np.arange(N) // 2
raw = (rng.normal(size=(N // 2, 4))[codes] + 0.4 * rng.normal(size=(N, 4))).round(3)
other = rng.normal(size=(N, 4)).round(3)


def triplet():
    """Return the mean over pairs of a class, each with its nearest negative beyond."""
    squared = distances.LpDistance(normalize_embeddings=True, power=2)
    labels, z = torch.tensor(codes), torch.tensor(raw)
    mined = miners.TripletMarginMiner(4.0, "semihard", distance=squared)(z, labels)
    nearest, d = {}, squared(z).numpy()
    for a, p, n in zip(*(part.tolist() for part in mined), strict=True):
        if (a, p) not in nearest or d[a, n] < d[a, nearest[a, p]]:
            nearest[a, p] = n
    assert len(nearest) == N, "a pair has no negative beyond: choose other inputs"
    chosen = [(a, p, n) for (a, p), n in nearest.items()]
    loss = losses.TripletMarginLoss(4.0, distance=squared)
    return loss(z, labels, tuple(torch.tensor(chosen).T))


def contrastive():
    """Return the mean over all pairs; a row and itself add nothing but their number."""
    euclidean = distances.LpDistance(normalize_embeddings=False)
    loss = losses.ContrastiveLoss(
        0, 1.5, distance=euclidean, reducer=reducers.DoNothingReducer()
    )
    parts = loss(torch.tensor(raw), torch.tensor(codes))
    near, far = parts["pos_loss"]["losses"], parts["neg_loss"]["losses"]
    return (near.square().sum() + far.square().sum()) / N**2


def cosines(a, b):
    """Return the cosines of the rows of two tables."""
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return jnp.array(a @ b.T)


values = {
    "contrastive": contrastive(),
    "info_nce": optax.softmax_cross_entropy_with_integer_labels(
        cosines(raw, other) / 0.5, jnp.arange(N)
    ).mean(),
    # where each class has two rows, a row has one positive, and both are one loss
    "nt_xent": optax.ntxent(jnp.array(raw), jnp.array(codes), temperature=0.3),
    "supervised_contrastive": losses.SupConLoss(0.3)(
        torch.tensor(raw), torch.tensor(codes)
    ),
    "triplet": triplet(),
}
found = {
    "versions": {
        name: metadata.version(name) for name in ("optax", "pytorch-metric-learning")
    },
    "raw": raw.tolist(),
    "other": other.tolist(),
    "codes": codes.tolist(),
    "losses": {
        "supervised_contrastive": "SupervisedContrastive(0.3)",
        "nt_xent": "SupervisedContrastive(0.3)",
        "contrastive": "Contrastive(1.5)",
        "info_nce": "InfoNCE(0.5)",
        "triplet": "Triplet(4.0)",
    },
    "values": {name: float(value) for name, value in values.items()},
}
path = Path(__file__).with_name("reference_pairs.json")
path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
