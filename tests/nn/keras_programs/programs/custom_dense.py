"""A dense layer written by hand, with weights in build() and a configuration."""

import keras
import numpy as np
from keras import activations, ops


class SimpleDense(keras.layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)

    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", name="W")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, inputs):
        return self.activation(ops.matmul(inputs, self.W) + self.b)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "activation": activations.serialize(self.activation)}


rng = np.random.default_rng(12)
layer = SimpleDense(3, "relu", name="mine")
model = keras.Sequential([keras.Input((5,)), layer, SimpleDense(1)])
model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
x = rng.normal(size=(7, 5)).astype("float32")
twin = SimpleDense.from_config(layer.get_config())
twin.build((None, 5))
twin.set_weights(layer.get_weights())
results = {"y": model(x), "twin": twin(x), "units": layer.get_config()["units"], "weights": len(layer.weights)}
