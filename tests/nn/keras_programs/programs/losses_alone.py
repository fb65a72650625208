"""Losses as objects and functions, by name, with reductions."""

import keras
import numpy as np

rng = np.random.default_rng(61)
y, z = np.array([0, 2, 1]), rng.normal(size=(3, 3)).astype("float32")
one = keras.utils.to_categorical(y, 3)
results = {
    "sparse": keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, z),
    "dense": keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(one, z),
    "none": keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)(one, z),
    "sum": keras.losses.MeanSquaredError(reduction="sum")(one, z),
    "function": keras.losses.mean_absolute_error(one, z),
    "huber": keras.losses.huber(one, z, delta=0.5),
    "cosine": keras.losses.CosineSimilarity()(one, z),
    "kl": keras.losses.KLDivergence()(one * 0.8 + 0.05, one * 0.6 + 0.1),
    "weighed": keras.losses.BinaryCrossentropy(from_logits=True)(one, z, sample_weight=[1.0, 0.0, 2.0]),
}
