"""A layer that remembers from batch to batch, until it is reset."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(32)
model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), layers.LSTM(4, stateful=True), layers.Dense(1)])
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
x = rng.normal(size=(2, 3, 1)).astype("float32")
first, second = (model.predict(x, verbose=0, batch_size=2) for _ in range(2))
model.layers[0].reset_states()
again = model.predict(x, verbose=0, batch_size=2)
results = {"first": first, "second": second, "again": again, "weights": [w.shape for w in model.get_weights()]}
