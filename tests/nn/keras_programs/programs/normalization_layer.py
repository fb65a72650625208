"""Features are standardized by a layer that has seen the training data."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(26)
x = rng.normal([10, -5, 0.1], [3, 1, 0.01], (50, 3)).astype("float32")
normalize = layers.Normalization()
normalize.adapt(x)
inverse = layers.Normalization(mean=[1.0], variance=[4.0], invert=True)
model = keras.Sequential([keras.Input((3,)), normalize, layers.Dense(1, kernel_initializer="ones")])
results = {
    "normalized": normalize(x[:6]),
    "moments": [np.array(normalize(x)).mean(0).round(3) + 0, np.array(normalize(x)).std(0).round(3)],
    "inverse": inverse(np.array([[1.0], [2.0]], "float32")),
    "predict": model.predict(x[:6], verbose=0),
}
