"""EinsumDense: the linear map that an Einstein summation describes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import InitVar
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from .. import activations, initializers
from ..config.arguments import argument_error, is_integer, optional, text
from ..config.fields import field
from ..module.module import Shape
from .arguments import ActivationLike, InitializerLike, KernelAndBias, as_activation, as_initializer

_FORM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class _Plan(NamedTuple):
    """The letters of an equation, and on which side of them other axes may be."""

    x: str
    kernel: str
    out: str
    before: bool
    behind: bool


def _lengths(owner: Any, name: str, value: Any) -> tuple[int | None, ...]:
    lengths = value if isinstance(value, (tuple, list)) else (value,)
    expected = "a positive integer, or a tuple of them and of None"
    if not all(n is None or is_integer(n) for n in lengths):
        raise argument_error(TypeError, owner, name, expected, value)
    if any(n is not None and n < 1 for n in lengths):
        raise argument_error(ValueError, owner, name, expected, value)
    return tuple(lengths)


class EinsumDense(KernelAndBias):
    """A linear map of any axes: activation(einsum(equation, x, kernel) + bias).

    Args:
        equation: such as "ab,bc->ac", which is Dense, or "...x,xy->...y". It has the letters of the input, of the
            kernel, and of the result, the batch's first; "..." on one side of both input and result stands for axes
            that stay as they are.
        output_shape: lengths of the result, without the batch axis and without those of "..."; None for a length that
            is the input's.
        activation: name or function; None for none.
        bias_axes: letters of the result along which there is a bias; None for no bias.
        kernel_initializer: of the kernel, whose shape has one length for each of its letters.
        bias_initializer: of the bias.

    Raises:
        ValueError: for an equation of another form, or with letters that fit nothing.
        ShapeError: when called on an x whose shape does not fit.

    Example:
        >>> layer = EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de")
        >>> layer(np.ones((5, 6, 4))).shape, layer.kernel.shape, layer.bias.shape
        ((5, 6, 2, 3), (4, 2, 3), (2, 3))
    """

    equation: str = field(text)
    output_shape: InitVar[int | Sequence[int | None]] = field(_lengths)
    activation: ActivationLike = field(as_activation, default=None)
    bias_axes: str | None = field(optional(text), default=None)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")

    def __post_init__(self, output_shape: Any) -> None:
        self.partial_output_shape = output_shape
        self._letters = _parse(self.equation)
        if self.bias_axes is not None and (not self.bias_axes or not set(self.bias_axes) <= set(self._letters.out)):
            raise ValueError(
                f"EinsumDense: expected bias_axes to be letters of the result, {self._letters.out!r}; received "
                f"bias_axes={self.bias_axes!r}"
            )

    def build(self, input_shape: Shape) -> None:
        """Create the kernel, and the bias if there is one."""
        lengths, _ = self._lengths(input_shape)
        self.kernel = self.add_weight([lengths[a] for a in self._letters.kernel], self._first_kernel)
        self.bias = None
        if self.bias_axes is not None:
            plan = self._letters
            first = min(plan.out.index(a) for a in self.bias_axes)
            shape = [lengths[a] if a in self.bias_axes else 1 for a in plan.out[first:]]
            others = [1] * (len(input_shape) - len(plan.x)) if plan.behind else []
            self.bias = self.add_weight([*shape, *others], self.bias_initializer)

    def _first_kernel(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Tensor:
        """Draw the kernel as the matrix that it is, from the letters that are summed over to the others."""
        if not isinstance(self.kernel_initializer, initializers.VarianceScaling):
            return self.kernel_initializer(shape, dtype)
        letters = zip(self._letters.kernel, shape, strict=True)
        fan_in = math.prod(n for a, n in letters if a not in self._letters.out)
        return self.kernel_initializer((fan_in, math.prod(shape) // fan_in), dtype).reshape(*shape)

    def call(self, x: Tensor) -> Tensor:
        """Return activation(einsum(equation, x, kernel) + bias)."""
        self._lengths(x.shape)
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        out: Any = np.einsum(self.equation, x, self.kernel)
        return self.activation(out if self.bias is None else out + self.bias)

    def _lengths(self, shape: Shape) -> tuple[dict[str, int | None], Shape]:
        """Return the length of each letter, and the shape of the result."""
        plan, partial = self._letters, self.partial_output_shape
        others = len(shape) - len(plan.x)
        at = others if plan.before else 0
        if others < 0 or (others and not plan.before and not plan.behind):
            raise self._misfit(shape, f"{len(plan.x)} axes{' or more' if plan.before or plan.behind else ''}")
        lengths = dict(zip(plan.x, shape[at : at + len(plan.x)], strict=True))
        result = [*shape[: max(others, 1)], *partial] if plan.before else [shape[0], *partial, *shape[len(plan.x) :]]
        if len(result) != len(plan.out) + others:
            raise self._misfit(shape, f"an output_shape that fits the letters {plan.out!r}")
        for i, a in enumerate(plan.out, at):
            n = lengths.setdefault(a, result[i])
            if result[i] is None:
                result[i] = n
            elif n is not None and n != result[i]:
                raise self._misfit(shape, f"the same length along {a!r} in input and output, {result[i]}")
        if self.built:
            for a, n in zip(plan.kernel, self.kernel.shape, strict=True):
                if lengths[a] not in (None, n):
                    raise self._misfit(shape, f"length {n} along {a!r}, since the kernel has shape {self.kernel.shape}")
        return lengths, tuple(result)

    def _misfit(self, shape: Shape, expected: str) -> ag.ShapeError:
        return ag.ShapeError(
            f"{self._speaker}: expected {expected}, for equation={self.equation!r} and "
            f"output_shape={self.partial_output_shape}; received inputs of shape {tuple(shape)}"
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the batch, and the other lengths of the result."""
        return self._lengths(input_shape)[1]

    def extra_repr(self) -> str:
        name = getattr(self.activation, "__name__", repr(self.activation))
        how = "" if self.activation is activations.linear else f", activation={name}"
        return f"{self.equation!r}, {self.partial_output_shape}{how}"


def _parse(equation: Any) -> _Plan:
    match = _FORM.fullmatch(equation.replace(" ", "")) if isinstance(equation, str) else None
    if match is None or match[1] != match[5] or match[3] != match[7] or (match[1] and match[3]):
        raise ValueError(
            f"EinsumDense: expected an equation such as 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'; received "
            f"equation={equation!r}"
        )
    x, kernel, out = match[2], match[4], match[6]
    unknown = [a for a in out if a not in x + kernel] + [a for a in kernel if a not in x + out]
    if unknown or any(len(set(part)) != len(part) for part in (x, kernel, out)):
        raise ValueError(
            f"EinsumDense: expected letters that are in two of the three parts, and in none twice; received "
            f"equation={equation!r}" + (f" with {unknown[0]!r}" if unknown else "")
        )
    return _Plan(x, kernel, out, bool(match[1]), bool(match[3]))
