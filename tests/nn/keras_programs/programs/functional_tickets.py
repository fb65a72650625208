"""Support tickets: a priority and a department from a title, a body and tags."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(8)
title = keras.Input(shape=(12,), name="title")
body = keras.Input(shape=(12,), name="text_body")
tags = keras.Input(shape=(4,), name="tags")
features = layers.Concatenate()([title, body, tags])
features = layers.Dense(10, activation="relu")(features)
priority = layers.Dense(1, activation="sigmoid", name="priority")(features)
department = layers.Dense(3, activation="softmax", name="department")(features)
model = keras.Model(inputs=[title, body, tags], outputs=[priority, department])
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])

n = 40
data = [rng.integers(0, 2, (n, width)).astype("float32") for width in (12, 12, 4)]
urgency, where = rng.random((n, 1)).astype("float32"), rng.integers(0, 2, (n, 3)).astype("float32")
model.compile(
    optimizer="rmsprop",
    loss={"priority": "mean_squared_error", "department": "categorical_crossentropy"},
    metrics={"priority": ["mean_absolute_error"], "department": ["accuracy"]},
)
named = {"title": data[0], "text_body": data[1], "tags": data[2]}
history = model.fit(named, {"priority": urgency, "department": where}, epochs=2, batch_size=8, shuffle=False, verbose=0)
results = {
    "history": history.history,
    "evaluate": model.evaluate(data, [urgency, where], verbose=0),
    "predict": model.predict(named, verbose=0),
    "inputs": [tuple(i.shape) for i in model.inputs],
}
