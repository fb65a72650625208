"""Layers as plain values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config.arguments import checked
from ..config.config import CustomObjectScope, make
from ..module.layer_configs import layer_config
from ..module.module import Module


@checked
def serialize(layer: Module) -> dict[str, Any]:
    """Return what a layer can be made from again, as {"class_name": …, "config": …}; see `deserialize`.

    Args:
        layer: a layer, or a model.

    Raises:
        TypeError: if it has no configuration, as a plain Module has none.

    Example:
        >>> from nn import layers
        >>> serialize(layers.Dense(2))["class_name"]
        'layers.Dense'
    """
    return layer_config(layer)


@checked
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Module:
    """Return a layer like the one that was serialized, with new initial weights.

    Args:
        config: what `serialize` returned: a dict with class_name and config.
        custom_objects: custom classes and functions that it may name, by name.

    Raises:
        ValueError: if the configuration stands for something else.

    Example:
        >>> from nn.layers import Dense
        >>> deserialize(serialize(Dense(3, activation="relu")))
        Dense(units=3, activation=relu)
    """
    with CustomObjectScope(custom_objects):
        return make("a layer", config, Module)
