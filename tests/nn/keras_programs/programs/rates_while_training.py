"""The learning rate by a function of the epoch, and halved on a plateau."""

import keras
import numpy as np

rng = np.random.default_rng(41)
x, y = rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 1)).astype("float32")


def build():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def slower(epoch, rate):
    return rate if epoch < 2 else rate * 0.5


model = build()
by_function = model.fit(
    x, y, epochs=4, shuffle=False, verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(slower)]
).history
rate = float(np.array(model.optimizer.learning_rate))
model = build()
plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.5, min_lr=0.01)
on_plateau = model.fit(x, y, epochs=5, shuffle=False, verbose=0, callbacks=[plateau]).history
results = {"function": by_function, "rate": rate, "plateau": on_plateau}
