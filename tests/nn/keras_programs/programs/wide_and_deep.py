"""Linear and deep paths beside each other, with merging layers and functions."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(71)
wide, deep = keras.Input((3,), name="wide"), keras.Input((4,), name="deep")
h = layers.Dense(6, activation="selu")(deep)
h = layers.Dense(3, activation="elu")(h)
merged = layers.concatenate([wide, h, layers.average([wide, h]), layers.maximum([wide, h]), layers.multiply([wide, h])])
model = keras.Model([wide, deep], layers.Dense(1)(merged))
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
model.compile("adamax", "mae")
data = {"wide": rng.normal(size=(12, 3)).astype("float32"), "deep": rng.normal(size=(12, 4)).astype("float32")}
results = {
    "history": model.fit(data, np.ones((12, 1)), batch_size=4, epochs=2, shuffle=False, verbose=0).history,
    "predict": model.predict(data, verbose=0),
}
