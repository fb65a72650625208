"""Layers beside Keras's: rows of (name in layer_cases, what makes Keras's layer), for `test_layers_keras.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CASES: list[tuple[str, Callable[[Any], Any]]] = [
    ("Dense, tanh, more axes", lambda k: k.Dense(3, activation="tanh")),
    ("BatchNormalization", lambda k: k.BatchNormalization()),
    ("BatchNormalization, images", lambda k: k.BatchNormalization(momentum=0.5)),
    ("BatchNormalization, axis 1", lambda k: k.BatchNormalization(axis=1)),
    ("BatchNormalization, plain", lambda k: k.BatchNormalization(center=False, scale=False)),
    ("LayerNormalization", lambda k: k.LayerNormalization()),
    ("LayerNormalization, two axes", lambda k: k.LayerNormalization(axis=(1, 2))),
    ("GroupNormalization", lambda k: k.GroupNormalization(groups=2)),
    ("GroupNormalization, instance", lambda k: k.GroupNormalization(groups=-1, axis=1)),
    ("RMSNormalization", lambda k: k.RMSNormalization()),
    ("UnitNormalization", lambda k: k.UnitNormalization()),
    ("Embedding", lambda k: k.Embedding(7, 3)),
    ("Add", lambda k: k.Add()),
    ("Subtract", lambda k: k.Subtract()),
    ("Multiply", lambda k: k.Multiply()),
    ("Average", lambda k: k.Average()),
    ("Maximum", lambda k: k.Maximum()),
    ("Minimum", lambda k: k.Minimum()),
    ("Concatenate", lambda k: k.Concatenate()),
    ("Concatenate, axis 1", lambda k: k.Concatenate(axis=1)),
    ("Dot", lambda k: k.Dot(axes=1)),
    ("Dot, matrices", lambda k: k.Dot(axes=(2, 1))),
    ("Dot, cosine", lambda k: k.Dot(axes=-1, normalize=True)),
    ("Permute", lambda k: k.Permute((2, 1))),
    ("RepeatVector", lambda k: k.RepeatVector(3)),
    ("Flatten", lambda k: k.Flatten()),
    ("Reshape", lambda k: k.Reshape((3, -1))),
    ("ReLU", lambda k: k.ReLU()),
    ("ReLU, all arguments", lambda k: k.ReLU(1.0, 0.1, 0.25)),
    ("LeakyReLU", lambda k: k.LeakyReLU()),
    ("PReLU", lambda k: k.PReLU()),
    ("PReLU, shared", lambda k: k.PReLU(shared_axes=[1])),
    ("ELU", lambda k: k.ELU(0.5)),
    ("Softmax", lambda k: k.Softmax()),
    ("Softmax, two axes", lambda k: k.Softmax(axis=(1, 2))),
    ("MultiHeadAttention", lambda k: k.MultiHeadAttention(2, 3)),
    (
        "MultiHeadAttention, cross",
        lambda k: k.MultiHeadAttention(2, 3, value_dim=4, output_shape=6, use_bias=False),
    ),
]
