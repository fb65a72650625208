"""A model with its own call(), whose parts are attributes."""

import keras
import numpy as np
from keras import layers


class Ticket(keras.Model):
    def __init__(self, departments, **kwargs):
        super().__init__(**kwargs)
        self.mix = layers.Concatenate()
        self.hidden = layers.Dense(6, activation="relu")
        self.urgent = layers.Dense(1, activation="sigmoid")
        self.department = layers.Dense(departments, activation="softmax")

    def call(self, inputs):
        x = self.hidden(self.mix([inputs["title"], inputs["tags"]]))
        return self.urgent(x), self.department(x)


rng = np.random.default_rng(10)
data = {"title": rng.normal(size=(20, 5)).astype("float32"), "tags": rng.normal(size=(20, 3)).astype("float32")}
y = rng.random((20, 1)).astype("float32"), np.eye(4, dtype="float32")[rng.integers(0, 4, 20)]
model = Ticket(4)
urgent, department = model(data)
model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
model.compile("adam", ["mse", "categorical_crossentropy"], metrics=[["mae"], ["accuracy"]])
loss = model.fit(data, list(y), epochs=2, batch_size=5, shuffle=False, verbose=0).history["loss"]
results = {
    "shapes": [tuple(urgent.shape), tuple(department.shape)],
    "loss": loss,
    "predict": model.predict(data, verbose=0),
}
