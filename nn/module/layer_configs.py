"""A layer as plain values, and back."""

from __future__ import annotations

from typing import Any

from ..config.config import plain, restore
from ..config.nesting import with_room
from .module import Module
from .tree import levels_of


@with_room(levels_of)
def layer_config(layer: Module) -> dict[str, Any]:
    """Return {"class_name": …, "config": …} of a layer.

    Raises:
        TypeError: if it has no configuration, as a plain Module has none.
    """
    config = plain(layer) if hasattr(layer, "get_config") else None
    if not isinstance(config, dict):
        raise TypeError(
            f"get_config: expected layers that have a configuration; {layer.name!r} ({type(layer).__name__}) has none. "
            "Derive its class from nn.layers.Layer or nn.Model"
        )
    return config


def layer_from_config(config: Any) -> Module:
    """Return the layer that a configuration describes.

    Raises:
        ValueError: if its class is not known, or it is not a layer.
    """
    layer = restore(config)
    if not isinstance(layer, Module):
        name = config.get("class_name") if isinstance(config, dict) else config
        raise ValueError(f"from_config: expected a layer of a known class; received {name!r:.80}")
    return layer
