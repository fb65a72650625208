"""One model under many optimizers: their first steps down the same bowl."""

import keras
import numpy as np

x = np.eye(3, dtype="float32")
y = np.array([[1.0], [-2.0], [0.5]], "float32")
optimizers = {
    "sgd": keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": keras.optimizers.RMSprop(0.05, centered=True),
    "adam": keras.optimizers.Adam(0.1, amsgrad=True),
    "adamw": keras.optimizers.AdamW(0.1, weight_decay=0.1),
    "adagrad": keras.optimizers.Adagrad(0.5),
    "lion": keras.optimizers.Lion(0.05),
    "clipped": keras.optimizers.Adam(0.1, clipnorm=0.1),
    "averaged": keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.5),
    "by name": "nadam",
}
losses = {}
for name, optimizer in optimizers.items():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer, "mse")
    losses[name] = model.fit(x, y, epochs=6, batch_size=3, shuffle=False, verbose=0).history["loss"]
results = {
    "losses": losses,
    "rate": float(np.array(model.optimizer.learning_rate)),
    "steps": int(np.array(model.optimizer.iterations)),
}
