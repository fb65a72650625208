"""Functions as callbacks, and the progress that they see."""

import keras
import numpy as np

seen = []
x = np.arange(12, dtype="float32").reshape(6, 2) / 12
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
model.compile("sgd", "mse")
watch = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: seen.append(("begin", epoch)),
    on_epoch_end=lambda epoch, logs: seen.append(("end", round(float(logs["loss"]), 4))),
    on_train_end=lambda logs: seen.append(("done", sorted(logs))),
)
model.fit(x, x[:, :1], epochs=2, batch_size=2, shuffle=False, callbacks=[watch], verbose=0)
stopper = keras.callbacks.TerminateOnNaN()
history = model.fit(x * np.nan, x[:, :1], epochs=3, batch_size=2, shuffle=False, callbacks=[stopper], verbose=0)
results = {"seen": seen, "epochs": len(history.epoch)}
