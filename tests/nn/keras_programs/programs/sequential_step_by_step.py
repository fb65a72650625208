"""A model that grows by add() and shrinks by pop()."""

import keras
import numpy as np

rng = np.random.default_rng(2)
model = keras.Sequential()
model.add(keras.layers.Input((6,)))
model.add(keras.layers.Dense(5, "tanh", name="first"))
model.add(keras.layers.Dense(4, "tanh", name="second"))
model.add(keras.layers.Dense(3, name="last"))
model.pop()
model.add(keras.layers.Dense(2, activation="softmax", name="new"))
model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
x = rng.normal(size=(4, 6)).astype("float32")
results = {
    "names": [layer.name for layer in model.layers],
    "built": model.built,
    "shape": model.output_shape,
    "y": model(x, training=False),
    "layer": model.get_layer("second").get_weights()[0],
}
