"""Models that nn and Keras both have, as functions of the library: `make(k)` returns one, built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["MODELS"]

Make = Callable[[Any], Any]


def images(k: Any) -> Any:
    ls = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            ls.Rescaling(0.5),
            ls.Conv2D(4, 3, padding="same", use_bias=False, kernel_regularizer="l2"),
            ls.BatchNormalization(momentum=0.5),
            ls.ReLU(),
            ls.SeparableConv2D(4, 3, depthwise_regularizer="l1"),
            ls.DepthwiseConv2D(2, bias_constraint="max_norm"),
            ls.MaxPooling2D(),
            ls.SpatialDropout2D(0.2),
            ls.GlobalAveragePooling2D(),
            ls.Dense(3, activation="softmax", bias_initializer=k.initializers.Constant(0.5)),
        ]
    )


def branches(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(3, activation="tanh", name="shared")
    left, right = shared(a), shared(b)
    x = k.layers.Concatenate()([left, right, left * right])
    y = k.layers.Dense(2, name="first")(x)
    z = k.layers.Add()([k.layers.Dense(3)(x), left])
    return k.Model([a, b], {"z": z, "y": y})


def nested(k: Any) -> Any:
    start = k.Input((3,))
    inner = k.Model(start, [k.layers.Dense(4)(start), k.layers.LayerNormalization()(start)])
    deep = k.Sequential([k.Input((4,)), k.layers.Dense(3, "relu"), k.layers.Dropout(0.3)])
    x = k.Input((3,), name="x")
    first, second = inner(x)
    third = deep(first)
    return k.Model({"x": x}, [k.layers.Dense(1)(deep(inner(third)[0])), second])


def sequences(k: Any) -> Any:
    ls, x = k.layers, k.Input((None,), dtype="int32")
    h = ls.Embedding(7, 4, mask_zero=True)(x)
    h = ls.Bidirectional(ls.LSTM(3, return_sequences=True), merge_mode="sum")(h)
    h = ls.GRU(4, return_sequences=True, dropout=0.1)(h)
    h, state = ls.SimpleRNN(3, return_sequences=True, return_state=True)(h)
    h = ls.TimeDistributed(ls.Dense(3))(h)
    return k.Model(x, ls.Dense(1)(ls.Add()([ls.RNN([ls.GRUCell(3), ls.LSTMCell(3)])(h), state])))


def attention(k: Any) -> Any:
    ls, x = k.layers, k.Input((5, 4))
    h = ls.MultiHeadAttention(2, 3)(x, x)
    h = ls.LayerNormalization()(x + h)
    h = ls.GroupQueryAttention(2, 4, 2)(h, h, h)
    h = ls.Attention(use_scale=True)([h, x])
    return k.Model(x, ls.Flatten()(ls.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d")(h)))


def operations(k: Any) -> Any:
    ops, x, y = k.ops, k.Input((4,)), k.Input((4,))
    z = ops.concatenate([ops.relu(x - y), ops.tanh(2.0 * y) / 3.0], axis=-1)
    z = ops.reshape(z, (-1, 2, 4))
    join = np.concatenate if k.__name__ == "nn" else ops.concatenate
    z = join([ops.transpose(z, (0, 2, 1))[:, 1:], ops.gelu(z)[:, :1, :2]], axis=1)
    z = ops.where(z > 0.1, ops.clip(z, -0.5, 0.5), ops.softmax(z, axis=-1)) + ops.max(z, axis=1, keepdims=True)
    z = ops.cast(ops.cast(z * 8.0, "int32"), "float32")
    return k.Model([x, y], ops.sqrt(ops.sum(ops.square(1.0 - z), axis=(1, 2), keepdims=True)))


def prepared(k: Any) -> Any:
    norm = k.layers.Normalization()
    norm.adapt(np.arange(12.0, dtype="float32").reshape(4, 3))
    return k.Sequential([k.Input((3,)), norm, k.layers.GaussianNoise(0.1), k.layers.PReLU(), k.layers.Dense(2)])


def frozen(k: Any) -> Any:
    model = k.Sequential(
        [k.Input((3,)), k.layers.Dense(4, name="base"), k.layers.BatchNormalization(), k.layers.Dense(1)]
    )
    model.layers[0].trainable = False
    return model


MODELS: dict[str, Make] = {
    f.__name__: f for f in (images, branches, nested, sequences, attention, operations, prepared, frozen)
}
