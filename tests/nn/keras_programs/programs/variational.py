"""A variational autoencoder: the penalty on the code's distribution is a loss that a layer adds."""

import keras
import numpy as np
from keras import layers, ops


class Divergence(layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        self.add_loss(-0.5 * ops.mean(1 + log_var - ops.square(mean) - ops.exp(log_var)))
        return mean


class Sampler(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, mean, log_var):
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


rng = np.random.default_rng(28)
inputs = keras.Input((6,))
h = layers.Dense(5, activation="relu")(inputs)
mean, log_var = layers.Dense(2, name="mean")(h), layers.Dense(2, name="log_var")(h)
code = Divergence()([mean, log_var])
model = keras.Model(inputs, layers.Dense(6)(code))
model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
model.compile("rmsprop", "mse")
x = rng.normal(size=(20, 6)).astype("float32")
history = model.fit(x, x, epochs=2, batch_size=5, shuffle=False, verbose=0).history
draws = Sampler()(np.zeros((2000, 2), "float32"), np.full((2000, 2), np.log(4.0), "float32"))
results = {"history": history, "shape": tuple(draws.shape), "spread": bool(abs(np.array(draws).std() - 2) < 0.1)}
