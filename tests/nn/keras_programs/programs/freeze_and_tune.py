"""A trained base is frozen, a head is trained on it, then the last layer of the base is tuned slowly."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(23)
base = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(5, "relu")], name="base")
base.set_weights([rng.normal(0, 0.5, w.shape) for w in base.get_weights()])
base.trainable = False
inputs = keras.Input((6,))
model = keras.Model(inputs, layers.Dense(1, kernel_initializer="ones")(base(inputs)))
x, y = rng.normal(size=(32, 6)).astype("float32"), rng.normal(size=(32, 1)).astype("float32")
counts = [len(model.trainable_weights)]
model.compile(keras.optimizers.Adam(0.01), "mse")
first = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0).history["loss"]
kept = base.get_weights()[0]
base.trainable = True
for layer in base.layers[:-1]:
    layer.trainable = False
counts.append(len(model.trainable_weights))
model.compile(keras.optimizers.Adam(1e-4), "mse")
second = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0).history["loss"]
results = {
    "counts": counts,
    "losses": first + second,
    "frozen": bool(np.array_equal(kept, base.get_weights()[0])),
    "flags": [layer.trainable for layer in base.layers],
}
