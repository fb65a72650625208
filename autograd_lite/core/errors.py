"""Exceptions of the engine. Every message says what was called, expected, received, and how to fix it."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DtypeError", "GradError", "ShapeError", "UnsupportedError", "refuse"]


class GradError(RuntimeError):
    """A gradient was asked for that the recorded graph cannot give."""


class ShapeError(ValueError):
    """Shapes do not fit together."""


class DtypeError(TypeError):
    """A dtype cannot serve the purpose, such as the gradient of an integer tensor."""


class UnsupportedError(TypeError):
    """A NumPy call, or an argument of one, that Tensors do not support; the message names what to use."""


def refuse(function: str, instead: str, **arguments: Any) -> None:
    """Raise if any of `arguments` was given: an argument of NumPy's that cannot be honoured is never ignored.

    Raises:
        UnsupportedError: naming the argument and what to do instead.
    """
    for name, value in arguments.items():
        if value is not None and value is not np._NoValue:
            raise UnsupportedError(f"{function}: the argument {name}= is not supported on Tensors; {instead}")
