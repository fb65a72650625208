"""Batches from a class with __len__ and __getitem__."""

import math

import keras
import numpy as np


class Pairs(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[part], self.y[part]


rng = np.random.default_rng(69)
x, y = rng.normal(size=(22, 3)).astype("float32"), rng.normal(size=(22, 1)).astype("float32")
data = Pairs(x, y, 8)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile("sgd", "mse")
results = {
    "length": len(data),
    "history": model.fit(data, epochs=2, shuffle=False, validation_data=data, verbose=0).history,
    "evaluate": model.evaluate(data, verbose=0),
    "predict": model.predict(data, verbose=0),
}
