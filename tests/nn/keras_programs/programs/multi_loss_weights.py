"""Three outputs whose losses count differently; one has none."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(74)
inputs = keras.Input((4,))
h = layers.Dense(5, "relu")(inputs)
outputs = [
    layers.Dense(1, name="a")(h),
    layers.Dense(2, name="b")(h),
    layers.Dense(1, activation="sigmoid", name="c")(h),
]
model = keras.Model(inputs, outputs)
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
model.compile(
    "sgd", loss=["mse", "mae", "binary_crossentropy"], loss_weights=[1.0, 0.5, 2.0], metrics=[["mae"], [], ["accuracy"]]
)
x = rng.normal(size=(12, 4)).astype("float32")
targets = [rng.normal(size=(12, 1)), rng.normal(size=(12, 2)), rng.integers(0, 2, (12, 1)).astype("float32")]
history = model.fit(x, targets, epochs=2, batch_size=4, shuffle=False, validation_split=0.25, verbose=0).history
results = {"history": history, "evaluate": model.evaluate(x, targets, verbose=0, return_dict=True)}
