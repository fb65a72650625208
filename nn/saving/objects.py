"""Objects as plain values and back, by the names of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config.arguments import checked
from ..config.config import (
    CustomObjectScope,
    Registered,
    custom_called,
    name_in_configurations,
    plain,
    reference,
    restore,
)
from ..config.limits import reading
from ..config.nesting import all_levels, with_room
from ..config.plain import check_plain
from ..module.tree import levels_of
from .descriptions import allow

custom_object_scope = CustomObjectScope


@checked
def get_registered_name(obj: Any) -> str:
    """Return the name of a class or function in configurations and files: its registered name, if it has one.

    Args:
        obj: a class or a function.

    Example:
        >>> from nn import layers
        >>> get_registered_name(layers.Dense)
        'layers.Dense'
    """
    return name_in_configurations(obj)


@checked
def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the custom class or function that is registered, or in a scope, under a name, or None.

    Args:
        name: a name that `get_registered_name` returned: of a registered class `package>Name`.
        custom_objects: others by name, which take precedence.

    Example:
        >>> class Scale:
        ...     pass
        >>> get_registered_object("Scale", {"Scale": Scale}) is Scale
        True
    """
    return (custom_objects or {}).get(name, custom_called(name))


@with_room(levels_of)
@checked
def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain values; see `deserialize_keras_object`.

    Args:
        obj: a layer, loss, optimizer, …, a function of nn, a registered object or function, or numbers, strings and
            None; nested in lists and dicts. Tuples and arrays become lists.

    Raises:
        TypeError: for something that has no plain form.

    Example:
        >>> import nn
        >>> serialize_keras_object({"layer": nn.layers.Flatten(), "function": nn.activations.relu})["function"]
        {'class_name': 'function', 'config': 'activations.relu'}
    """
    config = _serialize(obj)
    check_plain("serialize_keras_object", config)
    return config


def _serialize(obj: Any) -> Any:
    if isinstance(obj, (list, tuple)):
        return [_serialize(part) for part in obj]
    if isinstance(obj, Mapping):
        return {key: _serialize(part) for key, part in obj.items()}
    return reference(plain(obj) if isinstance(obj, Registered) else obj)


@with_room(all_levels)
@checked
def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return new objects made from plain values, with new initial weights.

    Args:
        config: plain values that `serialize_keras_object` returned: dicts with class_name and config, lists, numbers,
            strings, …; also several objects in nested lists and dicts.
        custom_objects: custom classes and functions that it names, by name; besides these, only registered ones and
            nn's are allowed.

    Raises:
        ValueError: if it names an unknown one.

    Example:
        >>> import nn
        >>> deserialize_keras_object(serialize_keras_object([nn.layers.Dense(2), nn.activations.relu, 3]))[::2]
        [Dense(units=2), 3]
    """
    with CustomObjectScope(custom_objects), reading(config):
        allow("deserialize_keras_object: the configuration", config)
        return restore(config)
