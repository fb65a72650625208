"""A metric with variables of its own: the root of the mean square error."""

import keras
import numpy as np
from keras import ops


class RootMeanSquare(keras.metrics.Metric):
    def __init__(self, name="rms", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(ops.square(y_true - y_pred)))
        self.count.assign_add(float(y_pred.shape[0]))

    def result(self):
        return ops.sqrt(self.total / self.count)

    def reset_state(self):
        self.total.assign(0.0)
        self.count.assign(0.0)


rng = np.random.default_rng(14)
x = rng.normal(size=(20, 3)).astype("float32")
y = x.sum(1, keepdims=True)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
model.compile("sgd", "mse", metrics=[RootMeanSquare()])
history = model.fit(x, y, epochs=3, batch_size=7, shuffle=False, verbose=0).history
metric = RootMeanSquare()
metric.update_state(y, y + 2)
results = {"history": history, "alone": metric.result(), "variables": len(metric.variables)}
