"""Cells: one step at a time by hand, and in an RNN; a custom cell."""

import numpy as np
from keras import layers, ops


class Leaky(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", name="kernel")
        self.built = True

    def call(self, inputs, states):
        new = 0.5 * states[0] + ops.matmul(inputs, self.kernel)
        return new, [new]


rng = np.random.default_rng(33)
x = rng.normal(size=(2, 5, 3)).astype("float32")
cell = layers.LSTMCell(4)
layer = layers.RNN(cell)
whole = layer(x)
layer.set_weights([rng.normal(0, 0.4, w.shape) for w in layer.get_weights()])
h = c = np.zeros((2, 4), "float32")
for t in range(5):
    y, (h, c) = cell(x[:, t], [h, c])
results = {
    "whole": layer(x),
    "step": y,
    "own": layers.RNN(Leaky(3), return_sequences=True)(x),
    "same": bool(np.allclose(ops.convert_to_numpy(layer(x)), ops.convert_to_numpy(y), atol=1e-5)),
}
