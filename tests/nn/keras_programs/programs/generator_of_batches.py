"""fit, evaluate and predict on Python's generators."""

import keras
import numpy as np

rng = np.random.default_rng(52)
x, y = rng.normal(size=(12, 3)).astype("float32"), rng.normal(size=(12, 1)).astype("float32")


def batches():
    while True:
        for start in range(0, 12, 4):
            yield x[start : start + 4], y[start : start + 4]


model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile("sgd", "mse", metrics=["mae"])
history = model.fit(batches(), steps_per_epoch=3, epochs=2, validation_data=(x, y), verbose=0).history
results = {
    "history": history,
    "evaluate": model.evaluate(batches(), steps=3, verbose=0),
    "predict": model.predict(batches(), steps=2, verbose=0),
}
