"""Learning rates that follow a schedule, alone and in training."""

import keras
import numpy as np

schedules = keras.optimizers.schedules
made = {
    "exponential": schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.9, staircase=True),
    "cosine": schedules.CosineDecay(0.0, 20, warmup_target=0.1, warmup_steps=5),
    "pieces": schedules.PiecewiseConstantDecay([5, 10], [1.0, 0.5, 0.1]),
    "polynomial": schedules.PolynomialDecay(0.1, 15, 0.01, power=2.0),
    "inverse": schedules.InverseTimeDecay(0.1, 10, 0.5),
}


class Warm(schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.01 * (step + 1) / 10


model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile(keras.optimizers.SGD(made["exponential"]), "mse")
x = np.arange(16, dtype="float32").reshape(8, 2) / 16
results = {
    "rates": {name: [float(s(step)) for step in range(0, 25, 3)] for name, s in made.items()},
    "own": float(Warm()(4)),
    "loss": model.fit(x, x[:, :1], batch_size=1, epochs=3, shuffle=False, verbose=0).history["loss"],
}
