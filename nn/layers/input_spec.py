"""InputSpec: what shape a layer's inputs must have, checked before each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import autograd_lite as ag

from ..config.arguments import any_integer, argument_error, flag, not_negative, optional, sequence
from ..config.config import Configurable
from ..config.fields import Converted, field


def _shape(owner: Any, name: str, value: Any) -> tuple[int | None, ...]:
    return tuple(None if n is None else any_integer(owner, name, n) for n in sequence(owner, name, value))


def _lengths(owner: Any, name: str, value: Any) -> dict[int, int | None]:
    if value is not None and not isinstance(value, Mapping):
        raise argument_error(TypeError, owner, name, "a dict of lengths by axis", value)
    return {int(axis): None if n is None else any_integer(owner, name, n) for axis, n in (value or {}).items()}


def _dtype(owner: Any, name: str, value: Any) -> str:
    return np.dtype(value).name


class InputSpec(Configurable):
    """States what shape an input of a layer must have; a layer's `input_spec` is one, or a list of them.

    Args:
        dtype: of the input.
        shape: of a batch, with None for any length.
        ndim: the number of axes.
        max_ndim, min_ndim: the most and the fewest axes.
        axes: lengths by axis, negative ones from the end.
        allow_last_axis_squeeze: whether a last axis of length 1 may be missing, or be one too many.
        name: of the input, for error messages.
        optional: whether the input may be None.

    Example:
        >>> from nn.layers import Layer
        >>> class Sequences(Layer):
        ...     input_spec = InputSpec(ndim=3, axes={-1: 4})
        ...     def call(self, x):
        ...         return x
        >>> Sequences()([[1.0]])
        Traceback (most recent call last):
        autograd_lite.core.errors.ShapeError: layer 'sequences' (Sequences): expected inputs of 3 axes; ...
    """

    dtype: Converted[npt.DTypeLike | None, str | None] = field(optional(_dtype), default=None)
    shape: Converted[Sequence[int | None] | None, tuple[int | None, ...] | None] = field(optional(_shape), default=None)
    ndim: int | None = field(optional(not_negative), default=None)
    max_ndim: int | None = field(optional(not_negative), default=None)
    min_ndim: int | None = field(optional(not_negative), default=None)
    axes: Converted[Mapping[int, int | None] | None, dict[int, int | None]] = field(_lengths, default=None)
    allow_last_axis_squeeze: bool = field(flag, default=False)
    name: str | None = field(default=None)
    optional: bool = field(flag, default=False)

    def problem(self, x: Any) -> str | None:
        """Return the expectation that an input violates; None for one that fits.

        Args:
            x: the input, or its symbol.
        """
        shape = _shape_of(x)
        most, least, count = self.max_ndim, self.min_ndim, self.ndim
        if count is None and self.shape is not None:
            count = len(self.shape)
        if count is not None and len(shape) != count and not self.allow_last_axis_squeeze:
            return f"of {count} axes"
        if most is not None and len(shape) > most:
            return f"of at most {most} axes"
        if least is not None and len(shape) < least:
            return f"of at least {least} axes"
        if self.dtype is not None and cast("Any", x).dtype != self.dtype:
            return f"of dtype {self.dtype}"
        for axis, n in self.axes.items():
            if n is not None and (not -len(shape) <= axis < len(shape) or shape[axis] not in (n, None)):
                return f"of length {n} along axis {axis}"
        if self.shape is not None and not self._fits(shape):
            return f"of shape {self.shape}"
        return None

    def _fits(self, shape: tuple[int | None, ...]) -> bool:
        expected = self.shape or ()
        if self.allow_last_axis_squeeze:  # what both have is compared, as in Keras
            expected, shape = (lengths[:-1] if lengths[-1:] == (1,) else lengths for lengths in (expected, shape))
        return all(n is None or m in (n, None) for n, m in zip(expected, shape, strict=False))


def _shape_of(x: Any) -> tuple[int | None, ...]:
    return tuple(x.shape if hasattr(x, "shape") else np.shape(x))


def check_inputs(speaker: str, specs: Any, argument: Any) -> None:
    """Raise if the inputs of a call do not fit a layer's `input_spec`.

    Args:
        speaker: the layer, for the error message.
        specs: one InputSpec, or a list of them.
        argument: the first argument of the call, which is a list of as many inputs where there are several specs.

    Raises:
        ShapeError: the message has the shape.
    """
    several = isinstance(specs, (list, tuple))
    inputs = list(argument) if several and isinstance(argument, (list, tuple)) else [argument]
    specs = list(specs) if several else [specs]
    if len(inputs) != len(specs):
        raise ag.ShapeError(f"{speaker}: expected {len(specs)} inputs; received {len(inputs)}")
    for spec, x in zip(specs, inputs, strict=True):
        if x is None and spec.optional:
            continue
        if (expected := spec.problem(x)) is not None:
            name = "inputs" if spec.name is None else f"the input {spec.name!r}"
            raise ag.ShapeError(f"{speaker}: expected {name} {expected}; received shape {_shape_of(x)}")
