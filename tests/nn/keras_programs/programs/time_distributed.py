"""A network for each image of a film, then an average over time."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(72)
film = keras.Input((4, 6, 6, 1))
x = layers.TimeDistributed(layers.Conv2D(2, 3, activation="relu"))(film)
x = layers.TimeDistributed(layers.GlobalMaxPooling2D())(x)
x = layers.Permute((2, 1))(x)
x = layers.Conv1D(3, 2)(x)
x = layers.GlobalAveragePooling1D()(x)
x = layers.RepeatVector(2)(x)
model = keras.Model(film, x)
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
results = {
    "y": model.predict(rng.random((3, 4, 6, 6, 1)).astype("float32"), verbose=0),
    "shapes": [layer.output.shape for layer in model.layers],
}
