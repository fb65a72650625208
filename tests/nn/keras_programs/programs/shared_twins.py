"""Two inputs through one encoder; how far apart are they?"""

import keras
import numpy as np
from keras import layers, ops

rng = np.random.default_rng(70)
encoder = keras.Sequential([keras.Input((5,)), layers.Dense(4, "tanh"), layers.Dense(3)], name="encoder")
left, right = keras.Input((5,)), keras.Input((5,))
a, b = encoder(left), encoder(right)
distance = ops.sqrt(ops.sum(ops.square(a - b), axis=-1, keepdims=True) + 1e-6)
model = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(distance))
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
x = [rng.normal(size=(16, 5)).astype("float32") for _ in range(2)]
y = rng.integers(0, 2, (16, 1)).astype("float32")
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
results = {
    "parameters": model.count_params(),
    "history": model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history,
    "predict": model.predict(x, verbose=0),
    "dot": layers.Dot(axes=1, normalize=True)(x),
}
