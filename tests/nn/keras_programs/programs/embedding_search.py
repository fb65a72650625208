"""Words as vectors, and the nearest of them by cosine."""

import numpy as np
from keras import layers, ops

rng = np.random.default_rng(75)
embedding = layers.Embedding(10, 4)
embedding.build((None,))
embedding.set_weights([rng.normal(size=(10, 4))])
words = embedding(np.array([1, 5, 7]))
unit = ops.normalize(embedding.embeddings, axis=-1)
similar = ops.matmul(ops.normalize(words, axis=-1), ops.transpose(unit))
results = {
    "words": words,
    "similar": similar,
    "nearest": ops.argsort(-similar, axis=-1)[:, :3],
    "shape": tuple(embedding.embeddings.shape),
}
