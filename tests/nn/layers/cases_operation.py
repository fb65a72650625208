"""Rows of the layer table: NumPy functions as layers."""

from __future__ import annotations

from typing import Any

import nn
from nn import layers
from nn.saving import register_keras_serializable

from .layer_cases import LayerCase


@register_keras_serializable("tests")
def halved(x: Any, mask: Any = None, times: int = 1) -> Any:
    """Return x over a power of two."""
    return x / 2.0**times


@register_keras_serializable("tests")
def as_before(shape: Any) -> Any:
    """Return the shape."""
    return shape


CASES = [
    LayerCase("Lambda", lambda: layers.Lambda(halved, as_before, arguments={"times": 3}), ((3, 4),)),
    LayerCase("Lambda, of one of nn's functions", lambda: layers.Lambda(nn.activations.gelu, (4,)), ((3, 4),)),
    LayerCase("Pipeline", lambda: layers.Pipeline([layers.Rescaling(0.5), layers.Dense(3)]), ((3, 4),)),
    LayerCase("Operation", lambda: layers.Operation("tanh"), ((3, 4),)),
    LayerCase(
        "Operation, two inputs",
        lambda: layers.Operation("multiply"),
        ((3, 4), (3, 4)),
        exempt={"shape": "`compute_output_shape` tries it on one input"},
    ),
]
