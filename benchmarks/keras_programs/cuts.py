"""Shorter runs: `fit`, `evaluate` and `predict` of either library see few rows, few steps and few epochs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

MOST_STEPS = 2
_ELEMENTS = 2**18  # of one input, in all its rows
_DATA = ("x", "y", "sample_weight", "validation_data")


def shorten(model_class: type) -> None:
    """Replace the three methods on the classes that define them."""
    for name, cut in {"fit": _cut_fit, "evaluate": _cut_evaluate, "predict": _cut_predict}.items():
        owner = next(base for base in model_class.__mro__ if name in vars(base))
        setattr(owner, name, _bound(vars(owner)[name], cut))


def _bound(method: Callable[..., Any], cut: Callable[[dict[str, Any]], int | None]) -> Callable[..., Any]:
    """The method with its arguments cut; as many predictions as asked for are made by repeating the first ones."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind_partial(*args, **kwargs)
        except TypeError:
            return method(*args, **kwargs)  # to fail as it fails for a user
        length = cut(bound.arguments)
        result = method(*bound.args, **bound.kwargs)
        return result if length is None else _mapped(result, lambda array: np.resize(array, (length, *array.shape[1:])))

    return call


def _cut_fit(arguments: dict[str, Any]) -> None:
    first = arguments.get("initial_epoch", 0)
    if isinstance(epochs := arguments.get("epochs"), int):
        arguments["epochs"] = min(epochs, first + MOST_STEPS)
    rows = rows_of(arguments.get("x"))
    if rows is None:
        _cut_steps(arguments, "steps_per_epoch")
    else:
        arguments.pop("steps_per_epoch", None)
        arguments |= {name: few(arguments[name], rows) for name in _DATA if name in arguments}
    validation = arguments.get("validation_data")
    if validation is not None and rows_of(validation) is None:
        _cut_steps(arguments, "validation_steps")
    else:
        arguments.pop("validation_steps", None)


def _cut_evaluate(arguments: dict[str, Any]) -> None:
    rows = rows_of(arguments.get("x"))
    if rows is None:
        _cut_steps(arguments, "steps")
    else:
        arguments |= {name: few(arguments[name], rows) for name in _DATA if name in arguments}


def _cut_predict(arguments: dict[str, Any]) -> int | None:
    data = arguments.get("x")
    rows = rows_of(data)
    if rows is None:
        _cut_steps(arguments, "steps")
        return None
    length = len(_arrays(data)[0])
    arguments["x"] = few(data, rows)
    return length if length > rows else None


def _cut_steps(arguments: dict[str, Any], name: str) -> None:
    arguments[name] = min(arguments.get(name) or MOST_STEPS, MOST_STEPS)


def rows_of(data: Any) -> int | None:
    """How many rows of arrays, in containers or alone, are used; None for a stream."""
    arrays = _arrays(data)
    if not arrays:
        return None
    width = max(int(np.prod(array.shape[1:])) for array in arrays)
    return int(np.clip(_ELEMENTS // max(width, 1), 4, 64))


def few(data: Any, rows: int) -> Any:
    """The first rows of each array."""
    return _mapped(data, lambda array: array.iloc[:rows] if hasattr(array, "iloc") else array[:rows])


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "__getitem__") and len(value.shape) > 0


def _arrays(data: Any) -> list[Any]:
    if isinstance(data, (list, tuple)):
        return [array for part in data for array in _arrays(part)]
    if isinstance(data, dict):
        return _arrays(list(data.values()))
    return [data] if _is_array(data) else []


def _mapped(data: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(data, (list, tuple)):
        return type(data)(_mapped(part, function) for part in data)
    if isinstance(data, dict):
        return {name: _mapped(part, function) for name, part in data.items()}
    return function(data) if _is_array(data) else data
