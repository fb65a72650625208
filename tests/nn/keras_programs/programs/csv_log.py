"""The history of a training as a table in a file."""

import csv

import keras
import numpy as np

rng = np.random.default_rng(44)
x = rng.normal(size=(16, 3)).astype("float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile("sgd", "mse", metrics=["mae"])
model.fit(
    x,
    x[:, :1],
    epochs=3,
    validation_split=0.5,
    shuffle=False,
    verbose=0,
    callbacks=[keras.callbacks.CSVLogger("log.csv")],
)
with open("log.csv") as file:
    rows = list(csv.DictReader(file))
results = {
    "columns": list(rows[0]),
    "epochs": [row["epoch"] for row in rows],
    "loss": [float(row["loss"]) for row in rows],
}
