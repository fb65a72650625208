"""Rows of the layer table: NumPy functions as layers."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

CASES = [
    LayerCase("Operation", lambda: layers.Operation("tanh"), ((3, 4),)),
    LayerCase(
        "Operation, two inputs",
        lambda: layers.Operation("multiply"),
        ((3, 4), (3, 4)),
        exempt={"shape": "`compute_output_shape` tries it on one input"},
    ),
]
