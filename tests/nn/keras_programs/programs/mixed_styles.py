"""A functional model inside a subclass, and a subclassed layer inside a functional model."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(11)
i = keras.Input((4,))
core = keras.Model(i, layers.Dense(3, "tanh")(i), name="core")


class Wrapped(keras.Model):
    def __init__(self):
        super().__init__()
        self.core = core
        self.scale = layers.Rescaling(2.0)

    def call(self, x):
        return self.scale(self.core(x))


class Double(layers.Layer):
    def call(self, x):
        return x + x


core.set_weights([rng.normal(size=w.shape) for w in core.get_weights()])
x = rng.normal(size=(3, 4)).astype("float32")
j = keras.Input((4,))
both = keras.Model(j, Double()(core(j)))
results = {"wrapped": Wrapped()(x), "both": both.predict(x, verbose=0), "parameters": both.count_params()}
