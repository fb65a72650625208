"""train_on_batch, test_on_batch and predict_on_batch in a custom loop."""

import keras
import numpy as np

rng = np.random.default_rng(68)
x, y = rng.normal(size=(24, 3)).astype("float32"), rng.normal(size=(24, 1)).astype("float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
losses = []
for _ in range(2):
    model.reset_metrics()
    for start in range(0, 24, 8):
        batch = slice(start, start + 8)
        losses.append(model.train_on_batch(x[batch], y[batch], return_dict=True))
results = {
    "losses": losses,
    "test": model.test_on_batch(x[:8], y[:8]),
    "predict": model.predict_on_batch(x[:4]),
}
