"""Layers that only change the shape: Flatten, Reshape, Permute, RepeatVector; and the Input that states it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import argument_error, checked, is_integer, optional, positive, sequence
from ..config.fields import Converted, field
from ..module.module import Shape
from ..module.symbols import Call, Symbol
from .arguments import DataFormatLike, as_data_format
from .layer import Layer, SameShape


class Flatten(Layer):
    """Makes each sample one-dimensional: (N, ...) becomes (N, D).

    Args:
        data_format: "channels_first" to put axis 1 last before, so that the elements come in the order of channels
            last; by default they come as they are.

    Example:
        >>> Flatten()(ag.tensor([[[1, 2], [3, 4]]])).tolist()
        [[1, 2, 3, 4]]
    """

    data_format: DataFormatLike = field(as_data_format, default=None)

    def call(self, x: Tensor) -> Tensor:
        """Return x with shape (N, D)."""
        if not x.ndim:
            raise ag.ShapeError(f"{self._speaker}: expected shape (N, ...); received ()")
        if self.data_format == "channels_first" and x.ndim > 2:
            x = x.transpose(0, *range(2, x.ndim), 1)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, D)."""
        lengths = [n for n in input_shape[1:] if n is not None]
        return (input_shape[0], math.prod(lengths) if len(lengths) == len(input_shape) - 1 else None)


def _lengths(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    shape = sequence(owner, name, value)
    if not all(map(is_integer, shape)):
        raise argument_error(TypeError, owner, name, "positive lengths, one of which may be -1", value)
    if shape.count(-1) > 1 or any(n < -1 or n == 0 for n in shape):
        raise argument_error(ValueError, owner, name, "positive lengths, one of which may be -1", value)
    return shape


class Reshape(Layer):
    """Gives each sample a new shape: `(N, ...)` becomes `(N, *target_shape)`.

    Args:
        target_shape: shape of one sample, without the batch axis; one length may be -1.

    Raises:
        ShapeError: when called on an x whose samples have another number of elements.

    Example:
        >>> Reshape((2, -1))([[1.0, 2.0, 3.0, 4.0]]).shape
        (1, 2, 2)
    """

    target_shape: Converted[Sequence[int], tuple[int, ...]] = field(_lengths)

    def call(self, x: Tensor) -> Tensor:
        """Return x with shape `(N, *target_shape)`."""
        return x.reshape(x.shape[0], *self._lengths(x.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return `(batch, *target_shape)`."""
        return (input_shape[0], *self._lengths(input_shape))

    def _lengths(self, shape: Shape) -> tuple[int, ...]:
        size = math.prod(n or 0 for n in shape[1:])
        given_size = math.prod(n for n in self.target_shape if n != -1)
        fits = size % given_size == 0 if -1 in self.target_shape else size == given_size
        if not fits:
            raise ag.ShapeError(
                f"{self._speaker}: expected samples that fit target_shape "
                f"{self.target_shape}; received shape {shape}, {size} elements a sample"
            )
        return tuple(size // given_size if n == -1 else n for n in self.target_shape)

    def extra_repr(self) -> str:
        return repr(self.target_shape)


def _order(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    dims = sequence(owner, name, value)
    expected = f"1 to {len(dims)} in some order, without the batch axis"
    if not all(map(is_integer, dims)):
        raise argument_error(TypeError, owner, name, expected, value)
    if sorted(dims) != list(range(1, len(dims) + 1)):
        raise argument_error(ValueError, owner, name, expected, value)
    return dims


class Permute(Layer):
    """Puts the axes of each sample in another order.

    Args:
        dims: the axes in their new order, counted from 1 since the batch axis stays in front: (2, 1) swaps two.

    Example:
        >>> Permute((2, 1))([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
        [[[1.0, 3.0], [2.0, 4.0]]]
    """

    dims: Converted[Sequence[int], tuple[int, ...]] = field(_order)

    def call(self, x: Tensor) -> Tensor:
        """Return x with its axes in the new order."""
        self.compute_output_shape(x.shape)
        return x.transpose(0, *self.dims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the lengths in the new order."""
        if len(input_shape) != len(self.dims) + 1:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs of {len(self.dims) + 1} axes, the batch "
                f"and dims={self.dims}; received shape {input_shape}"
            )
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def extra_repr(self) -> str:
        return repr(self.dims)


class RepeatVector(Layer):
    """Repeats each sample: (N, D) becomes (N, n, D).

    Args:
        n: how many times.

    Example:
        >>> RepeatVector(2)([[1.0, 2.0]]).tolist()
        [[[1.0, 2.0], [1.0, 2.0]]]
    """

    n: int = field(positive)

    def call(self, x: Tensor) -> Tensor:
        """Return x n times, shape (N, n, D)."""
        self.compute_output_shape(x.shape)
        spread: Any = np.broadcast_to(x[:, None, :], (x.shape[0], self.n, x.shape[1]))
        return spread

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, n, D)."""
        if len(input_shape) != 2:
            raise ag.ShapeError(f"{self._speaker}: expected inputs of shape (N, D); received shape {input_shape}")
        return (input_shape[0], self.n, input_shape[1])

    def extra_repr(self) -> str:
        return str(self.n)


class Identity(SameShape):
    """Returns its input.

    Example:
        >>> Identity()([[1.0]]).tolist()
        [[1.0]]
    """

    def call(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


class InputLayer(SameShape):
    """States the shape of a sample; passes its input through. `Input` makes one.

    Args:
        shape: shape of one sample, without the batch axis; None for a length that is not known.
        batch_size: for the record only; models take batches of any size.
        dtype: of the samples; float32 by default, an integer one, or "string".
        batch_shape: `(batch_size, *shape)`, in place of the two.

    An axis of length 1 at the end, which the shape has and the input lacks, is added; one too many is dropped.

    Example:
        >>> InputLayer((3,))
        InputLayer()
    """

    _takes_text = True

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: npt.DTypeLike | str | None = None,
        *,
        batch_shape: Sequence[int | None] | None = None,
        **options: Any,
    ) -> None:
        batch_size, shape = _without_batch("InputLayer", shape, batch_size, batch_shape)
        self.sample_dtype = _kind(dtype)
        if np.ndim(shape) == 0 or None not in shape:
            options["input_shape"] = shape
        super().__init__(dtype=self.sample_dtype if self.sample_dtype.kind == "f" else None, **options)
        self.sample_shape = tuple(self._sample_shape if self._sample_shape is not None else shape)
        if any(n is not None and (not isinstance(n, int) or n < 1) for n in self.sample_shape):
            raise ValueError(f"Input: expected positive lengths, or None for unknown ones; received shape={shape!r}")
        self.batch_size = optional(positive)(self, "batch_size", batch_size)

    def call(self, x: Tensor) -> Tensor:
        """Return x, with a last axis of length 1 added or taken away where only that is amiss."""
        if (fitting := fit_shape(x, self.sample_shape)) is None:
            raise ag.ShapeError(
                f"layer '{self._path or self.name}' (Input): expected samples of shape {self.sample_shape}; received "
                f"shape {x.shape}"
            )
        texts = isinstance(x, np.ndarray)
        if texts != (self.sample_dtype.kind == "U"):
            expected, received = ("numbers", "strings") if texts else ("strings", f"dtype {x.dtype}")
            raise ag.DtypeError(f"layer '{self._path or self.name}' (Input): expected {expected}; received {received}")
        if x.dtype.kind != self.sample_dtype.kind and self.sample_dtype.kind in "iu" and x.dtype.kind == "f":
            return fitting.astype(self.sample_dtype)
        return fitting


def _kind(dtype: Any) -> np.dtype[Any]:
    """Return the dtype of samples; one for all strings, which NumPy has of many lengths."""
    kind = np.dtype("float32" if dtype is None else "str" if isinstance(dtype, str) and dtype == "string" else dtype)
    return np.dtype("str") if kind.kind in "USO" else kind


def fit_shape(x: Tensor, sample: tuple[int | None, ...]) -> Tensor | None:
    """Return x, with a last axis of length 1 added or taken away if its samples then have this shape; else None."""

    def fits(shape: tuple[int, ...]) -> bool:
        return len(shape) == len(sample) and all(n is None or n == m for n, m in zip(sample, shape, strict=True))

    if x.shape[1:] == sample or fits(x.shape[1:]):
        return x
    if sample[-1:] == (1,) and fits((*x.shape[1:], 1)):
        return x[..., np.newaxis]
    return x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 and fits(x.shape[1:-1]) else None


def _without_batch(
    caller: str, shape: Any, batch_size: int | None, batch_shape: Sequence[int | None] | None
) -> tuple[int | None, Any]:
    """Return the size of a batch and the shape of a sample, one of which is given."""
    if batch_shape is not None:
        if shape is not None or batch_size is not None:
            raise ValueError(
                f"{caller}: expected batch_shape, or shape and batch_size; received {shape=}, {batch_size=}, "
                f"{batch_shape=}"
            )
        whole = sequence(caller, "batch_shape", batch_shape)
        if not whole:
            raise ValueError(f"{caller}: expected batch_shape to begin with the batch axis; received batch_shape=()")
        return whole[0], whole[1:]
    if shape is None:
        raise ValueError(f"{caller}: expected the shape of one sample, such as {caller}((784,)); received None")
    return batch_size, shape


@checked
def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: npt.DTypeLike | str | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: None = None,
    optional: bool = False,
) -> Symbol:
    """Return a symbol that stands for the samples to come: the start of a functional model, or of a Sequential.

    Args:
        shape: of one sample, without the batch axis; None for a length that is not known.
        batch_size: for the record only; models take batches of any size.
        dtype: of the samples; float32 by default. An Embedding wants an integer one, such as "int32"; layers that
            begin with texts want "string".
        batch_shape: `(batch_size, *shape)`, in place of the two.
        name: of the input, by which `fit` finds it in a dict of arrays.
        sparse, ragged, tensor, optional: Keras's, which must say no: inputs are dense arrays, and all are needed.

    Example:
        >>> Input((784,))
        Symbol(shape=(None, 784), dtype=float32)
    """
    for kind, value in {"sparse": sparse, "ragged": ragged, "tensor": tensor, "optional": optional}.items():
        if value is not None and value is not False:
            raise ValueError(
                f"Input: expected no {kind}=, since inputs are dense arrays and all are needed; received "
                f"{kind}={value!r:.80}. Leave it out"
            )
    if is_integer(shape):
        raise TypeError(
            f"Input: expected shape to be a tuple of lengths, without the batch axis; received shape={shape}. Write "
            f"Input(({shape},))"
        )
    batch_size, shape = _without_batch("Input", shape, batch_size, batch_shape)
    layer = InputLayer(shape, batch_size, dtype, name=name)
    return Symbol((None, *layer.sample_shape), layer.sample_dtype, Call(layer, (), {}), 0, name)
