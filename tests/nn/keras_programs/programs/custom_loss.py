"""Losses as a function, as a class, and with arguments of their own."""

import keras
import numpy as np
from keras import ops


def relative(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred) / (1 + ops.abs(y_true)), axis=-1)


class Skewed(keras.losses.Loss):
    def __init__(self, slope=3.0, name="skewed", **kwargs):
        super().__init__(name=name, **kwargs)
        self.slope = slope

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.where(error > 0, self.slope * error, -error), axis=-1)


rng = np.random.default_rng(13)
x = rng.normal(size=(24, 3)).astype("float32")
y = x @ np.array([[1.0], [2.0], [-1.0]], "float32")
found = {}
for name, loss in {"function": relative, "class": Skewed(), "slope": Skewed(0.5), "string": "mae"}.items():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.05), loss)
    found[name] = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0).history["loss"]
results = {
    "losses": found,
    "alone": Skewed(reduction="sum")(y, y * 0),
    "weighed": Skewed()(y, y * 0, sample_weight=np.arange(24.0)),
}
