"""The neural part of keras.ops: activations, convolutions, pooling, one-hot."""

import numpy as np
from keras import ops

rng = np.random.default_rng(63)
x = rng.normal(size=(2, 6, 6, 3)).astype("float32")
kernel = rng.normal(size=(3, 3, 3, 4)).astype("float32")
h = ops.relu(ops.conv(x, kernel, strides=1, padding="same"))
pooled = ops.max_pool(h, 2)
flat = ops.reshape(pooled, (2, -1))
logits = ops.matmul(flat, ops.ones((36, 3)) / 36)
labels = np.array([0, 2])
results = {
    "pooled": pooled,
    "softmax": ops.softmax(logits),
    "log": ops.log_softmax(logits),
    "gelu": ops.gelu(logits, approximate=False),
    "one hot": ops.one_hot(labels, 3),
    "loss": ops.categorical_crossentropy(ops.one_hot(labels, 3), logits, from_logits=True),
    "sparse": ops.sparse_categorical_crossentropy(labels, logits, from_logits=True),
    "average": ops.average_pool(x, 3, strides=1, padding="same"),
    "moments": ops.moments(x, axes=[0, 1, 2]),
    "normalized": ops.normalize(flat, axis=-1),
    "depthwise": ops.depthwise_conv(x, kernel[..., :2], padding="valid"),
}
