"""Pipeline: layers one after another, as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config.arguments import argument_error
from ..config.fields import Converted, field
from ..module.module import Module
from .layer import Layer


def _layers(owner: Any, name: str, value: Any) -> list[Module]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(layer, Module) for layer in value):
        raise argument_error(TypeError, owner, name, "a list of layers", value)
    return list(value)


class Pipeline(Layer):
    """Applies layers one after another, such as several that prepare data.

    Args:
        layers: the layers.

    Example:
        >>> from nn.layers import RandomFlip, Rescaling
        >>> Pipeline([RandomFlip(), Rescaling(0.5)])([[[[2.0]]]]).tolist()
        [[[[1.0]]]]
    """

    _takes_text = True
    layers: Converted[Sequence[Module], list[Module]] = field(_layers)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return what the last layer returns."""
        for layer in self.layers:
            x = layer(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the last layer's output."""
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape
