"""The NumPy part of keras.ops in a small calculation: distances, ranks and windows."""

import numpy as np
from keras import ops

rng = np.random.default_rng(62)
points = ops.convert_to_tensor(rng.normal(size=(6, 3)).astype("float32"))
differences = ops.expand_dims(points, 1) - ops.expand_dims(points, 0)
distances = ops.sqrt(ops.sum(ops.square(differences), axis=-1) + 1e-12)
near = ops.argsort(distances, axis=-1)[:, 1]
values, indices = ops.top_k(-distances, k=2)
results = {
    "distances": distances,
    "near": near,
    "neighbour": ops.take(points, near, axis=0),
    "top": [values, indices],
    "stacked": ops.stack([ops.mean(points, axis=0), ops.std(points, axis=0), ops.max(points, axis=0)]),
    "where": ops.where(points > 0, points, ops.zeros_like(points)),
    "clipped": ops.clip(points, -0.5, 0.5),
    "cumulated": ops.cumsum(points, axis=0),
    "einsum": ops.einsum("ij,kj->ik", points, points),
    "reshaped": ops.reshape(ops.transpose(points), (2, -1)),
    "padded": ops.pad(points, [[1, 0], [0, 1]]),
    "shape": tuple(ops.shape(points)),
    "numpy": ops.convert_to_numpy(ops.cast(points > 0, "int32")),
}
