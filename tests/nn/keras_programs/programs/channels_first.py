"""Images with the channels in front, and the same with them behind."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(73)
x = rng.normal(size=(2, 6, 6, 3)).astype("float32")
kernel, bias = rng.normal(size=(3, 3, 3, 4)), rng.normal(size=4)
behind = layers.Conv2D(4, 3, padding="same")
front = layers.Conv2D(4, 3, padding="same", data_format="channels_first")
moved = np.moveaxis(x, -1, 1).copy()
behind.build(x.shape)
front.build(moved.shape)
for layer in (behind, front):
    layer.set_weights([kernel, bias])
y = keras.ops.convert_to_numpy(behind(x))
z = keras.ops.convert_to_numpy(front(moved))
results = {
    "y": y,
    "same": bool(np.allclose(y, np.moveaxis(z, 1, -1), atol=1e-4)),
    "pool": layers.MaxPooling2D(2, data_format="channels_first")(moved),
}
