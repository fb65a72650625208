"""Merging several tensors into one: each layer is called on a list of them. Also Residual.

Tensors with fewer axes get axes of length 1 after the batch axis; axes of length 1 broadcast.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..activations import unit_vectors
from ..config.arguments import any_integer, argument_error, flag, is_integer, optional
from ..config.fields import Converted, field
from ..module.masks import as_flags, either
from ..module.module import Module, Shape
from .layer import Layer


class Merge(Layer):
    """Base of the layers that are called on a list of tensors."""

    _makes_masks = False

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where a step of at least one tensor counts; None where one of them has no mask."""
        return either(previous_mask)

    def _cast(self, x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return [super(Merge, self)._cast(part) for part in x]
        return super()._cast(x)

    def _as_list(self, inputs: Any, least: int = 1, most: int | None = None) -> list[Tensor]:
        parts = list(inputs) if isinstance(inputs, (list, tuple)) else []
        if len(parts) < least or (most is not None and len(parts) > most):
            expected = f"a list of {least} tensors" if most == least else f"a list of {least} or more tensors"
            received = f"{len(parts)} of them" if isinstance(inputs, (list, tuple)) else type(inputs).__name__
            raise ValueError(
                f"{self._speaker}: expected {expected}; received {received}. Write {type(self).__name__}()([a, b])"
            )
        return parts

    def _misfit(self, shapes: Sequence[Shape], expected: str) -> ag.ShapeError:
        return ag.ShapeError(f"{self._speaker}: expected {expected}; received shapes " + ", ".join(map(str, shapes)))


class _Elementwise(Merge):
    """Merges element by element."""

    def _merge(self, parts: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def call(self, inputs: Any) -> Tensor:
        """Return the merged tensors, of the shape that theirs broadcast to."""
        return self._merge(self._align(inputs))

    def _align(self, inputs: Any) -> list[Tensor]:
        """Return the tensors with as many axes as the one that has most."""
        parts = self._as_list(inputs)
        self.compute_output_shape([p.shape for p in parts])
        ndim = max(p.ndim for p in parts)
        return [_with_axes(p, ndim) for p in parts]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape that the inputs' shapes broadcast to."""
        shapes = [tuple(s) for s in input_shape]
        ndim = max(map(len, shapes))
        padded = [(*s[:1], *[1] * (ndim - len(s)), *s[1:]) if len(s) < ndim else s for s in shapes]
        merged: list[int | None] = []
        for lengths in zip(*padded, strict=True):
            longer = {n for n in lengths if n != 1}
            if len(longer - {None}) > 1:
                raise self._misfit(shapes, "shapes that broadcast to one another")
            longest: int | None = max((n for n in longer if n is not None), default=None if None in longer else 1)
            merged.append(None if None in lengths else longest)
        return tuple(merged)


class _Counting(_Elementwise):
    """Merges those elements whose steps count by the tensors' masks."""

    def _merge_counted(self, parts: list[Any], masks: list[Any]) -> Any:
        """Return the merged tensors; a mask broadcasts to its tensor, and is None where all steps count."""
        raise NotImplementedError

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        """Return the merged tensors, of the shape that theirs broadcast to; `mask` is a list of masks and None."""
        parts = self._align(inputs)
        if mask is None:
            return self._merge(parts)
        merged: Tensor = self._merge_counted(
            parts, [None if m is None else _of_elements(m, x, parts[0].ndim) for m, x in zip(mask, inputs, strict=True)]
        )
        return merged


class _Extreme(_Counting):
    """Chooses one element at each place; the first tensor's where none counts."""

    _choice: ClassVar[Any]

    def _merge(self, parts: list[Tensor]) -> Tensor:
        return reduce(self._choice, parts)

    def _merge_counted(self, parts: list[Any], masks: list[Any]) -> Any:
        out, counted = parts[0], masks[0]
        for part, mask in zip(parts[1:], masks[1:], strict=True):
            part = part if mask is None else np.where(mask, part, out)
            out = self._choice(out if counted is None else np.where(counted, out, part), part)
            counted = either([counted, mask])
        return out


class Add(_Elementwise):
    """Adds tensors: a + b + ….

    Example:
        >>> Add()([np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 1))]).tolist()
        [[3.0, 3.0]]
    """

    def _merge(self, parts: list[Tensor]) -> Tensor:
        return reduce(operator.add, parts)


class Subtract(_Elementwise):
    """Subtracts the second of two tensors from the first: a - b.

    Example:
        >>> Subtract()([np.ones((1, 2)), 3 * np.ones((1, 2))]).tolist()
        [[-2.0, -2.0]]
    """

    def _merge(self, parts: list[Tensor]) -> Tensor:
        a, b = self._as_list(parts, 2, 2)
        return a - b


class Multiply(_Counting):
    """Multiplies tensors element by element: a * b * ….

    A step that a tensor's mask leaves out is not a factor, and the product is 0 where all tensors leave it out.

    Example:
        >>> Multiply()([2 * np.ones((1, 2)), 3 * np.ones((1, 2))]).tolist()
        [[6.0, 6.0]]
    """

    def _merge(self, parts: list[Tensor]) -> Tensor:
        return reduce(operator.mul, parts)

    def _merge_counted(self, parts: list[Any], masks: list[Any]) -> Any:
        factors = [x if mask is None else np.where(mask, x, 1) for x, mask in zip(parts, masks, strict=True)]
        counted = either(masks)
        out = reduce(operator.mul, factors)
        return out if counted is None else np.where(counted, out, 0)


class Average(_Elementwise):
    """Averages tensors element by element: (a + b + …) / n.

    Example:
        >>> Average()([np.ones((1, 2)), 3 * np.ones((1, 2))]).tolist()
        [[2.0, 2.0]]
    """

    def _merge(self, parts: list[Tensor]) -> Tensor:
        return reduce(operator.add, parts) / len(parts)


class Maximum(_Extreme):
    """Takes the largest of tensors, element by element, of those whose steps count by their masks.

    Example:
        >>> Maximum()([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
        [[3.0, 4.0]]
    """

    _choice = np.maximum


class Minimum(_Extreme):
    """Takes the smallest of tensors, element by element, of those whose steps count by their masks.

    Example:
        >>> Minimum()([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
        [[1.0, 2.0]]
    """

    _choice = np.minimum


class Concatenate(Merge):
    """Joins tensors along an axis; their other lengths must agree.

    Args:
        axis: which; 0 is the batch.

    Example:
        >>> Concatenate()([np.ones((1, 2)), np.zeros((1, 1))]).tolist()
        [[1.0, 1.0, 0.0]]
    """

    _makes_masks = False

    axis: int = field(any_integer, default=-1)

    def call(self, inputs: Any) -> Tensor:
        """Return the joined tensors."""
        parts = self._as_list(inputs)
        self.compute_output_shape([p.shape for p in parts])
        joined: Any = np.concatenate(parts, axis=self.axis)
        return joined

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the joined masks, True at a step where a feature of any tensor counts; all count of one without."""
        if previous_mask is None:
            return None
        parts = []
        for x, mask in zip(inputs, previous_mask, strict=True):
            flags: Any = np.ones(1, bool) if mask is None else mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))
            parts.append(np.broadcast_to(flags, x.shape))
        return np.any(np.concatenate(parts, axis=self.axis), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the first shape with the sum of the lengths along the axis."""
        shapes = [tuple(s) for s in input_shape]
        ndim = len(shapes[0])
        at = self.axis % ndim if ndim and -ndim <= self.axis < ndim else None
        if at is None or any(len(s) != ndim for s in shapes):
            raise self._misfit(shapes, f"tensors of as many axes, with an axis {self.axis}")
        for lengths in (lengths for a, lengths in enumerate(zip(*shapes, strict=True)) if a != at):
            if len(set(lengths) - {None}) > 1:
                raise self._misfit(shapes, f"equal lengths along every axis but {self.axis}")
        along = [s[at] for s in shapes]
        total = None if None in along else sum(n or 0 for n in along)
        return (*shapes[0][:at], total, *shapes[0][at + 1 :])

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


def _two_axes(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    pair = (value, value) if is_integer(value) else value
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(map(is_integer, pair)):
        raise argument_error(TypeError, owner, name, "an integer or two of them", value)
    if 0 in pair:
        raise ValueError(f"Dot: expected {name} other than 0, the batch; received {name}={value!r}")
    return int(pair[0]), int(pair[1])


class Dot(Merge):
    """Sums the products of two tensors along an axis of each, sample by sample.

    Args:
        axes: the axis of both, or a pair: an axis of the first and one of the second; not 0, the batch.
        normalize: whether to divide by the norms along the axes first, which makes the cosine of the angle.

    For a of shape (N, I, K) and b of shape (N, J, K), `Dot(2)` gives shape (N, I, J); for (N, K) and (N, K), `Dot(1)`
    gives (N, 1).

    Example:
        >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
        [[11.0]]
    """

    _makes_masks = False

    axes: Converted[int | Sequence[int], tuple[int, int]] = field(_two_axes)
    normalize: bool = field(flag, default=False)

    def call(self, inputs: Any) -> Tensor:
        """Return the sums, shape (N, rest of the first, rest of the second), or (N, 1)."""
        a: Any
        b: Any
        a, b = self._as_list(inputs, 2, 2)
        shape = self.compute_output_shape([a.shape, b.shape])
        a, b = np.moveaxis(a, self.axes[0], -1), np.moveaxis(b, self.axes[1], -1)
        if self.normalize:
            a, b = _unit(a), _unit(b)
        a = a.reshape(a.shape[0], math.prod(a.shape[1:-1]), a.shape[-1])
        b = b.reshape(b.shape[0], math.prod(b.shape[1:-1]), b.shape[-1])
        return (a @ np.swapaxes(b, 1, 2)).reshape(a.shape[0], *shape[1:])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return None: the result has no time steps."""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, rest of the first, rest of the second), or (batch, 1)."""
        first, second = (tuple(s) for s in input_shape)
        pairs = zip(self.axes, (first, second), strict=True)
        at = [axis % len(s) if -len(s) <= axis < len(s) else 0 for axis, s in pairs]
        if 0 in at or first[at[0]] != second[at[1]]:
            raise self._misfit((first, second), f"equal lengths along axes {self.axes}, not the batch")
        rest = [n for a, n in enumerate(first) if a not in (0, at[0])]
        rest += [n for a, n in enumerate(second) if a not in (0, at[1])]
        return (first[0], *(rest or [1]))

    def extra_repr(self) -> str:
        return f"axes={self.axes}" + (", normalize=True" if self.normalize else "")


def _part(owner: Any, name: str, value: Any) -> Module:
    if not isinstance(value, Module):
        raise TypeError(f"Residual: expected layers; received {value!r}. Wrap a function: layers.Activation(f)")
    return value


def _parts(owner: Any, name: str, value: Any) -> list[Any]:
    parts = [_part(owner, name, part) for part in (value if isinstance(value, (list, tuple)) else [value])]
    if not parts:
        raise ValueError("Residual: expected at least one layer; received none")
    return parts


class Residual(Layer):
    """Adds its input to what layers make of it: out = x + f(x), or shortcut(x) + f(x).

    Args:
        layers: f, one layer or a list of layers applied one after another.
        shortcut: a layer for the other branch, such as a Dense that gives it the length of f's result.

    References:
        He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, equations 1 and 2.

    Example:
        >>> from nn.layers import Dense
        >>> Residual(Dense(2, kernel_initializer="zeros"))([[1.0, 2.0]]).tolist()
        [[1.0, 2.0]]
    """

    supports_masking = True

    layers: Converted[Module | Sequence[Module], list[Any]] = field(_parts)
    shortcut: Module | None = field(optional(_part), default=None)

    def call(self, x: Tensor) -> Tensor:
        """Return x + f(x)."""
        out = x
        for layer in self.layers:
            out = layer(out)
        other = x if self.shortcut is None else self.shortcut(x)
        if out.shape != other.shape:
            raise ag.ShapeError(
                f"{self._speaker}: expected both branches to have one shape; received "
                f"{other.shape} and {out.shape}. Give a shortcut that makes the first like the second"
            )
        return out + other


def _with_axes(x: Tensor, ndim: int) -> Tensor:
    """Return x with axes of length 1 after the batch axis, so that it has `ndim` axes."""
    return x if x.ndim == ndim else x.reshape(*x.shape[:1], *[1] * (ndim - x.ndim), *x.shape[1:])


def _of_elements(mask: Any, x: Tensor, ndim: int) -> Any:
    """Return a mask of the first axes of x as flags that broadcast to x's elements, with axes as x gets them."""
    flags = as_flags(mask)
    return _with_axes(flags.reshape(flags.shape + (1,) * (x.ndim - flags.ndim)), ndim)


def _unit(x: Tensor) -> Tensor:
    return unit_vectors(x, -1, 1e-12)
