"""The strength of a mixture from four ingredients, by a network of two layers."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(1)
x = rng.uniform(0, 1, (64, 4)).astype("float32")
y = (2 * x[:, :1] - x[:, 1:2] * x[:, 2:3] + 0.5).astype("float32")

model = keras.Sequential(
    [
        keras.Input(shape=(4,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(1),
    ],
    name="mixture",
)
model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
history = model.fit(x, y, batch_size=16, epochs=3, shuffle=False, validation_split=0.25, verbose=0)
results = {
    "name": model.name,
    "parameters": model.count_params(),
    "history": history.history,
    "evaluate": model.evaluate(x, y, verbose=0),
    "predict": model.predict(x[:5], verbose=0),
}
