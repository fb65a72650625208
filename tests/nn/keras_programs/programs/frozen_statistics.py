"""Batch normalization in a frozen base keeps its statistics, whatever the mode."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(24)
base = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(2)])
base.set_weights([rng.uniform(0.2, 1, w.shape) for w in base.get_weights()])
x = rng.normal(size=(16, 3)).astype("float32")
free = base(x, training=True)
moved = np.array(base.layers[0].moving_mean)
base.trainable = False
frozen = base(x, training=True)
results = {
    "free": free,
    "moved": moved,
    "frozen": frozen,
    "again": base.layers[0].moving_mean,
    "inference": base(x, training=False),
}
