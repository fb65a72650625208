"""Limits for descriptions from outside: elements of arrays, and levels of nesting.

A file, a text or a configuration decides how large the layers and metrics made from it are. It must neither fill the
memory nor overflow the stack, so every reader works within a budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autograd_lite.files import depth_of, parse_json as parsed_json

from .ambient import CALL, ELEMENTS, during, hold
from .nesting import MOST_LEVELS, room_for

STEP = 4096  # a step of a loop takes as long as the arithmetic of this many elements
_RATIO, _LITTLE = 20, 1 << 24  # bytes for each compressed one, and bytes besides
_PER_MODEL = 4  # levels of lists and dicts that a model inside a model takes
LEVELS = _PER_MODEL * MOST_LEVELS  # of nested lists and dicts
WAY_OUT = ". If you trust what asks for it, read it in `with nn.saving.max_elements(elements):`"


@contextmanager
def max_elements(elements: int) -> Iterator[None]:
    """Limit the arrays that descriptions read inside may ask for to this many elements in total.

    The default is 2**28, a gibibyte in float32. It applies to the weights of a model from a configuration or from JSON,
    to the arrays of metrics, and to each array that building a model computes. A file's weights are limited by what
    the file holds.

    Args:
        elements: the limit.

    Raises:
        ValueError: if it is not a positive integer.

    Example:
        >>> import nn
        >>> text = nn.Sequential([nn.Input((2,)), nn.layers.Dense(3)]).to_json()
        >>> with nn.saving.max_elements(5):
        ...     nn.models.model_from_json(text)
        Traceback (most recent call last):
        ValueError: model_from_json: ... expected at most 5 elements in all arrays together; received more, ...
    """
    if type(elements) is not int or elements < 1:
        raise ValueError(f"max_elements: expected a positive number of elements; received {elements!r:.80}")
    with hold(ELEMENTS, elements):
        yield


def elements_allowed() -> int:
    """Return the limit that `max_elements` has set here, or the default."""
    return next(iter(ELEMENTS.values()), 2**28)


def bytes_allowed(size: int) -> int:
    """Return the limit of bytes that the compressed parts of a file of `size` bytes may unpack to.

    As many as `max_elements` allows where it was called; else no more than an honest file does.
    """
    limit = next(iter(ELEMENTS.values()), None)
    return (
        max(size, 4 * limit) if limit is not None else min(_RATIO * size + _LITTLE, max(size, 4 * elements_allowed()))
    )


@contextmanager
def at_most(elements: int, most: str) -> Iterator[None]:
    """Limit the arrays of layers and metrics made inside to this many elements in total.

    Args:
        elements: the limit.
        most: the expected, for an error.
    """
    with during(budget=([elements], most)):
        yield


@contextmanager
def reading(description: Any) -> Iterator[None]:
    """Hold a budget for making objects from plain values; inside another reader, that reader's.

    Raises:
        ValueError: if they are nested too deeply, or if the objects ask for more than `max_elements`.
    """
    if CALL.get().budget is not None:
        yield
        return
    with room_for(check_depth(description)), at_most(elements_allowed(), ""):
        yield


def spend(shape: tuple[Any, ...]) -> None:
    """Subtract the elements of an array that will be kept from the reader's budget, if something is being read.

    Raises:
        ValueError: if that is more than is left.
    """
    budget = CALL.get().budget
    if budget is not None:
        left, of = budget
        left[0] -= math.prod(shape)
        if left[0] < 0:
            most = of or f"at most {elements_allowed():_} elements in all arrays together"
            raise ValueError(f"expected {most}; received more, the last of shape {shape}{'' if of else WAY_OUT}")


def room(shape: Any) -> None:
    """Raise if something is being read and would compute an array with more elements than the limit.

    Args:
        shape: of the array; None stands for an axis of any length.

    Raises:
        ValueError: if it has too many elements.
    """
    if CALL.get().budget is not None and math.prod(n for n in shape if n is not None) > elements_allowed():
        most = f"at most {elements_allowed():_} elements in an array"
        raise ValueError(f"expected {most}; received one of shape {tuple(shape)}{WAY_OUT}")


def room_for_result(module: Any, args: tuple[Any, ...]) -> None:
    """Do the same for the result of a module that knows its shape from that of its argument.

    Raises:
        ValueError: if that has too many elements.
    """
    method = type(module).compute_output_shape
    if CALL.get().budget is not None and args and method.__qualname__ != "Module.compute_output_shape":
        shape = getattr(args[0], "shape", None)
        if shape is not None:
            shapes = module.compute_output_shape(shape)
            for one in shapes if isinstance(shapes, list) else [shapes]:
                room(one)


# ---- nesting --------------------------------------------------------------------------------------------------------


def parse(text: str | bytes) -> Any:
    """Return the values of a JSON text.

    Raises:
        TypeError: if it is not text.
        ValueError: if it is not JSON, or is nested too deeply.
    """
    with room_for(MOST_LEVELS):
        return parsed_json(text, LEVELS)


def check_depth(description: Any) -> int:
    """Return for how many levels of models room is needed, for lists and dicts that may be nested.

    Raises:
        ValueError: if they are nested more deeply than any description of a model.
    """
    return depth_of(description, LEVELS) // _PER_MODEL
