"""The features of an inner layer, and a new head on top of them."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(9)
inputs = keras.Input((10,), name="given")
x = layers.Dense(8, activation="relu", name="low")(inputs)
x = layers.Dense(6, activation="relu", name="high")(x)
outputs = layers.Dense(2, name="out")(x)
model = keras.Model(inputs, outputs)
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])

extractor = keras.Model(model.inputs, [layer.output for layer in model.layers if layer.name in ("low", "high")])
headed = keras.Model(model.input, layers.Dense(1, kernel_initializer="ones")(model.get_layer("high").output))
x = rng.normal(size=(5, 10)).astype("float32")
results = {
    "features": extractor.predict(x, verbose=0),
    "headed": headed(x),
    "shapes": [tuple(o.shape) for o in extractor.outputs],
    "of a layer": tuple(model.layers[2].input.shape),
}
