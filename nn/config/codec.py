"""Plain values: numbers, strings, None, and lists and dicts of them, which is all that JSON and nn's files hold.

What JSON would lose is tagged: a tuple is {"tuple": [...]}, a dict {"dict": [[key, value], ...]}. For anything else,
such as an array, the writer and the reader supply a tag of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

_PLAIN = (bool, int, float, str, type(None))


def encoded(value: Any, other: Callable[[Any, str], Any], path: str = "") -> Any:
    """Return a value as plain ones.

    Args:
        value: nested lists, tuples and dicts.
        other: of what is neither a container nor a plain value, and its path, returns plain values.
        path: where the value is found: keys and indices joined by slashes.

    Example:
        >>> encoded({"a": (1, np.float32(2)), "b": {3}}, lambda value, path: {"set": sorted(value), "at": path})
        {'dict': [['a', {'tuple': [1, 2.0]}], ['b', {'set': [3], 'at': '/b'}]]}
    """
    if isinstance(value, Mapping):
        return {"dict": [[key, encoded(part, other, f"{path}/{key}")] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        parts = [encoded(part, other, f"{path}/{i}") for i, part in enumerate(value)]
        return parts if isinstance(value, list) else {"tuple": parts}
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, _PLAIN) else other(value, path)


def decoded(value: Any, other: Callable[[dict[str, Any]], Any]) -> Any:
    """Return what `encoded` was given.

    Args:
        value: plain values, perhaps from a file.
        other: of a dict with another tag, returns what it stands for.

    Raises:
        TypeError, ValueError, KeyError: if these are not the values that `encoded` returns.

    Example:
        >>> decoded({"dict": [["a", {"tuple": [1, {"set": [3]}]}]]}, lambda tagged: set(tagged["set"]))
        {'a': (1, {3})}
    """
    if isinstance(value, list):
        return [decoded(part, other) for part in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {key: decoded(part, other) for key, part in value["dict"]}
    if "tuple" in value:
        return tuple(decoded(part, other) for part in value["tuple"])
    return other(value)


def dicts_in(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every dict in plain values, those around others first."""
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            yield value
            pending.extend(value.values())


def check_plain(what: str, config: Any, way_out: str = "") -> None:
    """Raise if something in a configuration is not a plain value, such as a function that has no name in files.

    Args:
        what: the call, for the error message.
        config: lists and dicts of values.
        way_out: what else the user may do.

    Raises:
        TypeError: the message says what it is an argument of, and how to give a function a name.
    """
    pending: list[tuple[Any, str]] = [(config, "an argument")]
    while pending:
        value, where = pending.pop()
        if isinstance(value, (list, tuple)):
            pending.extend((part, where) for part in value)
        elif isinstance(value, Mapping):
            of = f" of {_called(value)}" if "class_name" in value else where[where.find(" of ") :]
            pending.extend((part, f"{key!r}{of}") for key, part in value.items())
        elif not isinstance(value, _PLAIN):
            kind = "class" if isinstance(value, type) else "function" if callable(value) else "object"
            register = "@nn.saving.register_keras_serializable()"
            fix = f"Let files name it: decorate the {kind} with {register}, or take one of nn's"
            if kind == "object":
                fix = f"Give its class get_config, and decorate that with {register}"
            raise TypeError(
                f"{what}: expected a configuration of numbers, strings, lists and dicts; received the {kind} "
                f"{getattr(value, '__qualname__', repr(value)):.80} as {where}. {fix}{way_out}"
            )


def _called(config: Mapping[str, Any]) -> str:
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return str(config["class_name"]) + ("" if name is None else f" {name!r}")
