"""Training stops when the validation loss stays, and the best weights come back."""

import keras
import numpy as np

rng = np.random.default_rng(40)
x, y = rng.normal(size=(24, 5)).astype("float32"), rng.normal(size=(24, 1)).astype("float32")
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(12, "relu"), keras.layers.Dense(1)])
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
model.compile(keras.optimizers.Adam(0.1), "mse")
stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
history = model.fit(x, y, epochs=15, batch_size=8, shuffle=False, validation_split=0.5, callbacks=[stop], verbose=0)
results = {
    "epochs": len(history.epoch),
    "stopped": stop.stopped_epoch,
    "best": stop.best,
    "restored": model.evaluate(x[12:], y[12:], verbose=0),
}
