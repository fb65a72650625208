"""Dropout and noise act while training only."""

import keras
import numpy as np
from keras import layers

x = np.ones((50, 40), "float32")
found = {}
for layer in (
    layers.Dropout(0.5, seed=1),
    layers.GaussianNoise(0.5, seed=1),
    layers.GaussianDropout(0.3, seed=1),
    layers.AlphaDropout(0.2, seed=1),
):
    noisy = keras.ops.convert_to_numpy(layer(x, training=True))
    still = keras.ops.convert_to_numpy(layer(x, training=False))
    found[type(layer).__name__] = [
        bool(np.array_equal(still, x)),
        bool(np.abs(noisy - x).max() > 0),
        bool(abs(noisy.mean() - 1) < 0.1),
        noisy.shape,
    ]
spatial = keras.ops.convert_to_numpy(layers.SpatialDropout1D(0.5, seed=2)(np.ones((4, 6, 8), "float32"), training=True))
results = {"found": found, "whole channels": bool((spatial == spatial[:, :1]).all())}
