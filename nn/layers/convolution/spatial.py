"""The base of layers over spatial axes: the number of axes, their lengths, and the order of channels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...module.module import Shape
from ..layer import Layer


def window_count(n: int | None, window: int, stride: int, dilation: int, padding: str) -> int | None:
    """Return how many windows there are along an axis of length n."""
    if n is None:
        return None
    return -(-n // stride) if padding in ("same", "causal") else (n - dilation * (window - 1) - 1) // stride + 1


def one_or_many(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let the `call` of a layer over images take a single one, without a batch axis, and return one."""

    @functools.wraps(call)
    def call_one_or_many(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        return call(self, x[None], *args, **kwargs)[0] if np.ndim(x) == 3 else call(self, x, *args, **kwargs)

    return call_one_or_many


class Spatial(Layer):
    """A layer over inputs of shape (N, *S, C), or (N, C, *S) with data_format="channels_first".

    A subclass states the number of spatial axes: `class Conv2D(_Convolution, rank=2)`.
    """

    rank = 2
    data_format = "channels_last"

    def __init_subclass__(cls, *, rank: int | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if rank is not None:
            cls.rank = rank

    def _check_rank(self, shape: Shape) -> None:
        if len(shape) != self.rank + 2:
            axes = ", ".join(f"S{i + 1}" if self.rank > 1 else "S" for i in range(self.rank))
            form = f"(N, {axes}, C)" if self.data_format == "channels_last" else f"(N, C, {axes})"
            fix = "One channel is an axis of length 1: x[..., None]; one sample is a batch of one: x[None]"
            if len(shape) == 2:
                fix = "Give flat samples axes first, as layers.Reshape((28, 28, 1)) does with 784 numbers"
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs of shape {form}, {self.rank + 2} axes; received shape "
                f"{tuple(shape)}. {fix}"
            )

    def _split_shape(self, shape: Shape) -> tuple[Shape, int | None]:
        """Return the spatial lengths and the number of channels."""
        self._check_rank(shape)
        if self.data_format == "channels_last":
            return tuple(shape[1:-1]), shape[-1]
        return tuple(shape[2:]), shape[1]

    def _join_shape(self, batch: int | None, spatial: Sequence[int | None], channels: int | None) -> Shape:
        """Return a shape in the layer's order of axes."""
        if any(n is not None and n < 1 for n in spatial):
            raise ag.ShapeError(
                f"{self._speaker}: expected spatial axes that hold a window; received shorter ones, the result would "
                f"have lengths {tuple(spatial)}. Use larger inputs, or padding='same'"
                + ". Or put channels last, (N, H, W, C)"
                * (self.data_format == "channels_last" and self.rank == 2)
            )
        last = self.data_format == "channels_last"
        return (batch, *spatial, channels) if last else (batch, channels, *spatial)

    def _spatial_axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def _floating(self, x: Tensor) -> Tensor:
        """Return x, of the layer's dtype if it has no floating one."""
        self._check_rank(x.shape)
        return x if x.dtype.kind == "f" else x.astype(self.dtype)

    def _last(self, x: Tensor) -> Tensor:
        """Return x with its channels last, cast to a floating dtype."""
        x = self._floating(x)
        return x if self.data_format == "channels_last" else x.transpose(0, *range(2, x.ndim), 1)

    def _back(self, x: Tensor) -> Tensor:
        """Undo `_last`."""
        return x if self.data_format == "channels_last" else x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
