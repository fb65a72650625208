"""Plain values: numbers, strings, None, and lists and dicts of them, which is all that JSON and configurations hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = (bool, int, float, str, type(None))


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


def check_plain(caller: str, config: Any, way_out: str = "") -> None:
    """Raise if something in a configuration is not a plain value, such as a function that has no name in files.

    Args:
        caller: for the error message.
        config: lists and dicts of values.
        way_out: another way for the user.

    Raises:
        TypeError: the message names the argument, and the way to give a function a name.
    """
    pending: list[tuple[Any, str]] = [(config, "an argument")]
    while pending:
        value, where = pending.pop()
        if isinstance(value, (list, tuple)):
            pending.extend((part, where) for part in value)
        elif isinstance(value, Mapping):
            of = f" of {_describe(value)}" if "class_name" in value else where[where.find(" of ") :]
            pending.extend((part, f"{key!r}{of}") for key, part in value.items())
        elif not isinstance(value, _PLAIN):
            kind = "class" if isinstance(value, type) else "function" if callable(value) else "object"
            register = "@nn.saving.register_keras_serializable()"
            fix = f"Let files name it: decorate the {kind} with {register}, or take one of nn's"
            if kind == "object":
                fix = f"Give its class get_config, and decorate that with {register}"
            raise TypeError(
                f"{caller}: expected a configuration of numbers, strings, lists and dicts; received the {kind} "
                f"{getattr(value, '__qualname__', repr(value)):.80} as {where}. {fix}{way_out}"
            )


def _describe(config: Mapping[str, Any]) -> str:
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return str(config["class_name"]) + ("" if name is None else f" {name!r}")
