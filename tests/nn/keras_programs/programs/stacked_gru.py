"""Recurrent layers on top of each other, in both directions, with states handed over."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(31)
inputs = keras.Input((None, 3))
x = layers.GRU(4, return_sequences=True)(inputs)
x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
x, h, c = layers.LSTM(5, return_state=True)(x)
decoded = layers.LSTM(5)(inputs, initial_state=[h, c])
model = keras.Model(inputs, [x, decoded])
model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
results = {
    "long": model.predict(rng.normal(size=(2, 9, 3)).astype("float32"), verbose=0),
    "short": model.predict(rng.normal(size=(2, 4, 3)).astype("float32"), verbose=0),
    "shapes": [tuple(o.shape) for o in model.outputs],
}
