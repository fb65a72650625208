"""Penalties and constraints on weights and outputs, in layers and in the loss."""

import keras
import numpy as np
from keras import layers, regularizers

rng = np.random.default_rng(65)
model = keras.Sequential(
    [
        keras.Input((5,)),
        layers.Dense(4, "relu", kernel_regularizer=regularizers.l2(0.01), bias_regularizer=regularizers.L1(0.02)),
        layers.Dense(
            4,
            "relu",
            kernel_regularizer=regularizers.l1_l2(l1=0.001, l2=0.002),
            activity_regularizer=regularizers.L2(0.05),
        ),
        layers.ActivityRegularization(l1=0.01),
        layers.Dense(1, kernel_constraint=keras.constraints.MaxNorm(0.3), kernel_regularizer="orthogonal_regularizer"),
    ]
)
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
model.compile("rmsprop", "mse", metrics=["mse"])
x, y = rng.normal(size=(20, 5)).astype("float32"), rng.normal(size=(20, 1)).astype("float32")
model(x)
penalty = float(sum(float(loss) for loss in model.losses))
history = model.fit(x, y, epochs=2, batch_size=5, shuffle=False, verbose=0).history
results = {
    "penalty": penalty,
    "history": history,
    "norm": float(np.linalg.norm(model.get_weights()[-2])) <= 0.3 + 1e-5,
    "evaluate": model.evaluate(x, y, verbose=0),
}
