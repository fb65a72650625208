"""A layer that counts what it has seen: a weight that is not trained."""

import keras
import numpy as np
from keras import ops


class Running(keras.layers.Layer):
    def __init__(self, width):
        super().__init__()
        self.total = self.add_weight(shape=(width,), initializer="zeros", trainable=False, name="total")

    def call(self, x):
        self.total.assign(self.total + ops.sum(x, axis=0))
        return x / 2


layer = Running(2)
y = layer(np.ones((3, 2), "float32"))
first = np.array(layer.total)
layer(np.ones((3, 2), "float32"))
results = {
    "y": y,
    "first": first,
    "then": np.array(layer.total),
    "trained": len(layer.trainable_weights),
    "others": len(layer.non_trainable_weights),
}
