"""Residual blocks of separable convolutions with batch normalization."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(21)
inputs = keras.Input((16, 16, 3))
x = layers.Rescaling(1.0 / 255)(inputs)
x = layers.Conv2D(4, 3, use_bias=False, padding="same")(x)
for size in (4, 8):
    residual = x
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    residual = layers.Conv2D(size, 1, strides=2, padding="same", use_bias=False)(residual)
    x = layers.add([x, residual])
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.0)(x)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
model.set_weights([rng.uniform(0.05, 0.4, w.shape) for w in model.get_weights()])
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(0.05), metrics=["accuracy"])
x, y = rng.uniform(0, 255, (12, 16, 16, 3)).astype("float32"), np.arange(12) % 2
before = model.predict(x, verbose=0)
history = model.fit(x, y, epochs=1, batch_size=6, shuffle=False, verbose=0)
results = {"before": before, "history": history.history, "moving mean": model.layers[3].moving_mean}
