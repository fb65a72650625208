"""A callback that writes down the losses of batches, and one that stops."""

import keras
import numpy as np


class Losses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.per_batch, self.events = [], ["begin"]

    def on_batch_end(self, batch, logs=None):
        self.per_batch.append(logs["loss"])

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(sorted(logs))
        if epoch == 1:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.events.append("end")


rng = np.random.default_rng(15)
x = rng.normal(size=(24, 3)).astype("float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile("sgd", "mse", metrics=["mae"])
watch = Losses()
history = model.fit(
    x, x[:, :1], epochs=10, batch_size=6, shuffle=False, callbacks=[watch], validation_split=0.5, verbose=0
)
results = {"losses": watch.per_batch, "events": watch.events, "epochs": history.epoch, "params": watch.params["epochs"]}
