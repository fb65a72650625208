"""The best weights of a training are kept in a file, and read again."""

import keras
import numpy as np

rng = np.random.default_rng(42)
x, y = rng.normal(size=(24, 5)).astype("float32"), rng.normal(size=(24, 1)).astype("float32")
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(1)])
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
model.compile(keras.optimizers.Adam(0.05), "mse")
keep = keras.callbacks.ModelCheckpoint(
    "best.weights.h5", monitor="val_loss", save_best_only=True, save_weights_only=True
)
history = model.fit(
    x, y, epochs=6, batch_size=8, shuffle=False, validation_split=0.5, callbacks=[keep], verbose=0
).history
model.load_weights("best.weights.h5")
results = {"best": min(history["val_loss"]), "read": model.evaluate(x[12:], y[12:], verbose=0)}
