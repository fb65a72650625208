"""Layers and models from their configurations, as dicts and as JSON."""

import json

import keras
import numpy as np

rng = np.random.default_rng(45)
layer = keras.layers.Conv2D(3, 2, padding="same", activation="relu", name="conv")
config = layer.get_config()
twin = keras.layers.Conv2D.from_config(config)
model = keras.Sequential(
    [keras.Input((4, 4, 1)), layer, keras.layers.Flatten(name="flat"), keras.layers.Dense(2, name="last")], name="m"
)
again = keras.models.model_from_json(model.to_json())
copy = keras.models.clone_model(model)
weights = [rng.normal(size=w.shape) for w in model.get_weights()]
x = rng.normal(size=(2, 4, 4, 1)).astype("float32")
outputs = []
for m in (model, again, copy):
    m.set_weights(weights)
    outputs.append(m.predict(x, verbose=0))
results = {
    "filters": config["filters"],
    "twin": twin.get_config()["padding"],
    "names": [layer.name for layer in again.layers],
    "json": isinstance(json.loads(model.to_json()), dict),
    "outputs": outputs,
}
