"""A small convolutional network on striped images."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(20)
labels = rng.integers(0, 2, 40)
images = rng.random((40, 12, 12, 1)).astype("float32")
images[labels == 1, ::2] += 1

inputs = keras.Input(shape=(12, 12, 1))
x = layers.Conv2D(filters=4, kernel_size=3, activation="relu")(inputs)
x = layers.MaxPooling2D(pool_size=2)(x)
x = layers.Conv2D(filters=8, kernel_size=3, activation="relu")(x)
x = layers.Flatten()(x)
outputs = layers.Dense(2, activation="softmax")(x)
model = keras.Model(inputs=inputs, outputs=outputs)
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(images, labels, epochs=2, batch_size=10, shuffle=False, verbose=0)
results = {"history": history.history, "shapes": [layer.output.shape for layer in model.layers[1:]]}
