"""Weights from one model to a larger one, layer by layer."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(46)
small = keras.Sequential([keras.Input((4,)), layers.Dense(5, name="a"), layers.Dense(3, name="b")])
small.set_weights([rng.normal(size=w.shape) for w in small.get_weights()])
large = keras.Sequential(
    [
        keras.Input((4,)),
        layers.Dense(5, name="a"),
        layers.Dense(3, name="b"),
        layers.Dense(2, name="c", kernel_initializer="ones"),
    ]
)
for name in ("a", "b"):
    large.get_layer(name).set_weights(small.get_layer(name).get_weights())
x = rng.normal(size=(3, 4)).astype("float32")
order = [tuple(w.shape) for w in large.weights]
results = {"y": large(x), "order": order, "small": small(x), "variables": len(large.trainable_variables)}
