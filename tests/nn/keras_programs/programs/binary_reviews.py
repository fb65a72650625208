"""Short reviews as bags of words; are they kind?"""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(3)
words = rng.integers(0, 30, (80, 12))
kind = (words < 12).sum(1) > 4


def multi_hot(sequences, dimension):
    found = np.zeros((len(sequences), dimension), "float32")
    for i, sequence in enumerate(sequences):
        found[i, sequence] = 1
    return found


x, y = multi_hot(words, 30), kind.astype("float32")
model = keras.Sequential(
    [layers.Dense(8, activation="relu"), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
)
model.build((None, 30))
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
x_val, partial_x = x[:20], x[20:]
y_val, partial_y = y[:20], y[20:]
history = model.fit(
    partial_x, partial_y, epochs=4, batch_size=32, validation_data=(x_val, y_val), shuffle=False, verbose=0
)
results = {"history": history.history, "kind": (model.predict(x_val, verbose=0) > 0.5).astype(int)}
