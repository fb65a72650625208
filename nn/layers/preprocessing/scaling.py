"""Layers that bring data to a common scale: Normalization, which learns mean and variance from it, and Rescaling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import to_numpy

from ...config.arguments import any_integer, flag, optional
from ...config.fields import Converted, field, weight
from ...module.module import Shape
from ..arguments import numbers
from ..layer import SameShape

Array = npt.NDArray[Any]
# The least standard deviation, as in Keras.
_LEAST_DEVIATION = 1e-7


def _axes(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    axes = () if value is None else value if isinstance(value, (tuple, list)) else (value,)
    return tuple(any_integer(owner, name, axis) for axis in axes)


class Normalization(SameShape):
    """Shifts and scales features to mean 0 and variance 1: (x - mean) / max(sqrt(variance), 1e-7).

    `adapt` takes mean and variance from data, once, before the training; nothing is learned later.

    Args:
        axis: the features' axis, or several; each place along them has its own mean. None for a single mean.
        mean, variance: numbers, or arrays of the lengths along the axes, in the place of `adapt`.
        invert: whether to go back: mean + x max(sqrt(variance), 1e-7).

    Call it on x of shape (N, ..., D); the result has x's shape.

    Raises:
        ValueError: for a mean without a variance.
        ShapeError: when x, or the data of `adapt`, does not have the axes or their lengths.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
        >>> layer([[1.0, 30.0]]).tolist(), layer.mean.tolist(), layer.variance.tolist()
        ([[-1.0, 1.0]], [2.0, 20.0], [1.0, 100.0])
    """

    count: Tensor = weight()
    axis: Converted[int | Sequence[int] | None, tuple[int, ...]] = field(_axes, default=-1)
    mean: Converted[npt.ArrayLike | None, Any] = field(optional(numbers), default=None, settable=False)
    variance: Converted[npt.ArrayLike | None, Any] = field(optional(numbers), default=None, settable=False)
    invert: bool = field(flag, default=False)

    def __post_init__(self) -> None:
        # The attributes of these names are what `build` makes.
        mean, variance = vars(self).pop("mean"), vars(self).pop("variance")
        self._given: tuple[Array, Array] | None = None
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Normalization: expected mean and variance, both or none; received mean={mean!r} and "
                f"variance={variance!r}"
            )
        if mean is not None and variance is not None:
            self._given = mean, variance
            if mean.ndim > len(self.axis) or (variance < 0).any():
                raise ValueError(
                    f"Normalization: expected a mean of at most one axis for each in axis={self.axis}, and a variance "
                    f"that is not negative; received mean={mean!r} and variance={variance!r}"
                )

    def build(self, input_shape: Shape) -> None:
        """Create mean and variance, of the lengths along the axes."""
        axes = self._axes_of(input_shape)
        lengths = tuple(input_shape[a] for a in axes)
        if None in lengths:
            raise ag.ShapeError(
                f"{self._speaker}: expected known lengths along axis={self.axis}; received {input_shape}"
            )
        if self._given is None:
            self.mean = self.add_weight(lengths, "zeros", trainable=False)
            self.variance = self.add_weight(lengths, "ones", trainable=False)
            self.count = ag.tensor(np.zeros((), np.int64))
            return
        try:
            self.mean, self.variance = (np.broadcast_to(a, lengths) for a in self._given)  # type: ignore[arg-type]
        except ValueError:
            raise ag.ShapeError(
                f"{self.name} (Normalization): expected a mean and a variance of shape {lengths}, the input's lengths "
                f"along axis={self.axis}; received shapes {self._given[0].shape} and {self._given[1].shape}"
            ) from None

    def _axes_of(self, shape: Shape) -> tuple[int, ...]:
        ndim = len(shape)
        axes = tuple(sorted({a % ndim if -ndim <= a < ndim else 0 for a in self.axis}))
        if len(axes) != len(self.axis) or 0 in axes:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs that have axis={self.axis}, none "
                f"of them the batch axis and none twice; received shape {tuple(shape)}"
            )
        return axes

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data, in place of what they were; `count` is how many values a mean is of.

        Args:
            data: an array of shape (N, ..., D), or batches of them: a list, a generator, a DataLoader. Of a batch
                that is a tuple the first part counts.

        Raises:
            ValueError: if the layer was given a mean, or there are no data; mean and variance stay as they were.
        """
        if self._given is not None:
            raise ValueError(f"{self.name}.adapt: expected a layer without given mean and variance; this one has them")
        shape: Shape = ()
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for batch in batches_of(f"{self.name}.adapt", data):
            axes = self._axes_of(batch.shape)
            lengths = tuple(batch.shape[a] for a in axes)
            shape = shape or (None, *batch.shape[1:])
            expected = self.mean.shape if self.built else tuple(shape[a] for a in self._axes_of(shape))
            if lengths != expected:
                raise self._misfit(expected, batch.shape)
            if not batch.size:
                continue
            over = tuple(a for a in range(batch.ndim) if a not in axes)
            values = batch.astype(np.float64)
            batch_mean = values.mean(axis=over)
            spread = np.square(values - batch_mean.reshape(self._spread(batch.shape))).sum(axis=over)
            size = batch.size // max(1, batch_mean.size)
            # Chan, Golub, LeVeque: Updating Formulae and a Pairwise Algorithm, 1979, equation 2.1.
            squares = squares + spread + np.square(batch_mean - mean) * (count * size / (count + size))
            mean = mean + (batch_mean - mean) * (size / (count + size))
            count += size
        if not count:
            raise ValueError(f"{self.name}.adapt: expected at least one sample; received none")
        if not self.built:
            self.build(shape)
        self.mean.assign(mean)
        self.variance.assign(squares / count)
        self.count.assign(np.asarray(count))

    def _misfit(self, expected: Shape, shape: Shape) -> ag.ShapeError:
        return ag.ShapeError(
            f"{self._speaker}: expected inputs of lengths {expected} along axis="
            f"{self.axis}, as those before; received shape {tuple(shape)}"
        )

    def _spread(self, shape: Shape) -> list[Any]:
        axes = self._axes_of(shape)
        return [n if a in axes else 1 for a, n in enumerate(shape)]

    def call(self, x: Tensor) -> Tensor:
        """Return the normalized x, of x's shape."""
        if tuple(x.shape[a] for a in self._axes_of(x.shape)) != self.mean.shape:
            raise self._misfit(self.mean.shape, x.shape)
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        mean, variance = (a.reshape(self._spread(x.shape)) for a in (self.mean, self.variance))
        deviation: Any = np.maximum(np.sqrt(variance), _LEAST_DEVIATION)
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def extra_repr(self) -> str:
        axis = None if not self.axis else self.axis[0] if len(self.axis) == 1 else self.axis
        return f"axis={axis}" + (", invert=True" if self.invert else "")


def batches_of(caller: str, data: Any) -> Iterator[Array]:
    """Yield the arrays of data that is one array, or batches.

    Args:
        caller: the call, for the error message.
        data: an array-like, or an iterable of arrays or of tuples of them, whose first counts.

    Raises:
        ValueError: if a batch is not an array of numbers.
    """
    if isinstance(data, Tensor) or not isinstance(data, Iterable) or hasattr(data, "shape"):
        pending: Iterator[Any] = iter([data])
    else:
        parts = iter(data)
        first = next(parts, None)
        begins_a_batch = hasattr(first, "shape") or isinstance(first, tuple)
        pending = chain([] if first is None else [first], parts) if begins_a_batch else iter([data])
    for batch in pending:
        part = batch[0] if isinstance(batch, tuple) else batch
        array = to_numpy(part.data if isinstance(part, Tensor) else part)
        if array.dtype.kind not in "fiub" or not array.ndim:
            raise ValueError(
                f"{caller}: expected an array of numbers, shape (N, ...), or batches of them; received {part!r:.80}"
            )
        yield array


class Rescaling(SameShape):
    """Multiplies and shifts: out = x scale + offset.

    Args:
        scale: a number, or an array that broadcasts to x.
        offset: the same.

    Example:
        >>> Rescaling(1 / 127.5, offset=-1)(np.array([[0, 255]], np.uint8)).tolist()
        [[-1.0, 1.0]]
    """

    scale: Converted[npt.ArrayLike, Array] = field(numbers)
    offset: Converted[npt.ArrayLike, Array] = field(numbers, default=0.0)

    def call(self, x: Tensor) -> Tensor:
        """Return x scale + offset, of x's shape."""
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        out = x * self.scale.astype(x.dtype) + self.offset.astype(x.dtype)
        if out.shape != x.shape:
            raise ag.ShapeError(
                f"{self._speaker}: expected a scale and an offset that broadcast to the "
                f"input's shape {x.shape}; received shapes {self.scale.shape} and {self.offset.shape}"
            )
        return out

    def extra_repr(self) -> str:
        parts = {"scale": self.scale, "offset": self.offset}
        return ", ".join(f"{k}={v:g}" if not v.ndim else f"{k}: shape {v.shape}" for k, v in parts.items())
