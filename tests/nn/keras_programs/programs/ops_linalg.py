"""A plane through points by least squares, in several ways; eigenvectors and solutions."""

import numpy as np
from keras import ops

rng = np.random.default_rng(64)
a = rng.normal(size=(20, 3)).astype("float32")
w = np.array([[1.0], [-2.0], [0.5]], "float32")
b = a @ w + 0.01 * rng.normal(size=(20, 1)).astype("float32")
gram = ops.matmul(ops.transpose(a), a)
solved = ops.solve(gram, ops.matmul(ops.transpose(a), b))
values, vectors = ops.eigh(gram)
results = {
    "solved": solved,
    "inverse": ops.matmul(ops.inv(gram), gram),
    "cholesky": ops.cholesky(gram),
    "determinant": ops.det(gram / 20),
    "eigenvalues": values,
    "reconstructed": ops.matmul(vectors * values, ops.transpose(vectors)),
    "norms": [ops.norm(a), ops.norm(a, axis=1)],
    "singular": ops.svd(a, compute_uv=False),
}
