"""A compiled model is saved whole, loaded, and trained further."""

import keras
import numpy as np

rng = np.random.default_rng(43)
inputs = keras.Input((4,), name="given")
h = keras.layers.Dense(5, activation="tanh", name="hidden")(inputs)
model = keras.Model(inputs, keras.layers.Dense(2, name="out")(h), name="small")
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
model.compile(keras.optimizers.RMSprop(0.01), "mse", metrics=["mae"])
x, y = rng.normal(size=(16, 4)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")
model.fit(x, y, epochs=1, shuffle=False, verbose=0)
model.save("small.keras")
twin = keras.models.load_model("small.keras")
further = [m.fit(x, y, epochs=1, shuffle=False, verbose=0).history for m in (model, twin)]
results = {
    "name": twin.name,
    "layers": [layer.name for layer in twin.layers],
    "further": further,
    "same": bool(np.allclose(model.predict(x, verbose=0), twin.predict(x, verbose=0), atol=1e-6)),
    "predict": twin.predict(x, verbose=0),
}
