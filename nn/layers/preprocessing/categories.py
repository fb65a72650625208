"""Categories as vectors: CategoryEncoding, and Discretization of numbers into bins.

Argument that the layers share:
    output_mode: "int" for indices; "one_hot" for a vector of K for each index, 1 at its place, where an axis of length
        1 behind is dropped; "multi_hot" and "count" for one vector for each sample (N, T): where the indices of its row
        are, or how often.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import argument_error, flag, number, one_of, optional, positive
from ...config.fields import Converted, field
from ...config.limits import room
from ...module.module import Shape
from ..layer import Layer
from .scaling import batches_of

Array = npt.NDArray[Any]
VECTORS = ("one_hot", "multi_hot", "count")


class Encoding(Layer):
    """Base of layers that return indices, or vectors made of them."""

    output_mode = "int"
    sparse = False

    def __post_init__(self) -> None:
        if self.sparse:
            raise ValueError(
                f"{type(self).__name__}: expected sparse=False, since arrays are dense; received sparse=True"
            )

    def _encode(self, index: Any, depth: int, weights: Any = None) -> Any:
        """Return the vectors of indices from 0 to depth - 1; one that is out of range gives zeros."""
        room((*index.shape, depth))
        if self.output_mode == "one_hot" and index.ndim > 1 and index.shape[-1] == 1:
            index = index[..., 0]
        if self.output_mode != "one_hot" and isinstance(index, np.ndarray):
            counts = _count(index, depth)
            return (counts > 0 if self.output_mode == "multi_hot" else counts).astype(self.dtype)
        hot = np.equal(index[..., None], np.arange(depth)).astype(self.dtype)
        if self.output_mode == "one_hot":
            return hot
        axis = 1 if index.ndim > 1 else 0
        if self.output_mode == "multi_hot":
            return np.max(hot, axis=axis)
        return np.sum(hot if weights is None else hot * weights[..., None], axis=axis)

    def _encoded_shape(self, shape: Shape, depth: int) -> Shape:
        if self.output_mode == "int":
            return shape
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
        return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)

    def _whole(self, x: Tensor) -> Tensor:
        """Return x as integers."""
        if x.dtype.kind in "iu":
            return x
        if x.dtype.kind != "b":
            ag.observe(self._check_whole, x, checks=True)
        return x.astype(np.int64)

    def _check_whole(self, x: Array) -> None:
        if (x != np.floor(x)).any():
            raise ValueError(
                f"{self._speaker}: expected integers; received {x.dtype} "
                "values that are not whole numbers. Round them, or put them in bins with Discretization"
            )


def _count(index: Array, depth: int) -> Array:
    """Return how often each of the numbers below depth is in each row, of an array that is not recorded."""
    rows = np.moveaxis(index, 1, -1) if index.ndim > 1 else index
    flat = rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1])
    inside = (flat >= 0) & (flat < depth)
    places = (np.arange(len(flat))[:, None] * depth + flat)[inside]
    return np.bincount(places, minlength=len(flat) * depth).reshape(*rows.shape[:-1], depth)


class CategoryEncoding(Encoding):
    """Encodes integers from 0 to K - 1 as vectors of length K.

    Args:
        num_tokens: K.
        output_mode: "multi_hot" or "count" for one vector for each sample (N, T): where the indices of its row are, or
            how often; "one_hot" for a vector of K for each index.
        sparse: False; arrays are dense.

    Call it on integers; with "count" also on `count_weights` of x's shape, what each index counts.

    Raises:
        ValueError: when called on an x that has a value outside 0 to K - 1.

    Example:
        >>> CategoryEncoding(4)(np.array([[0, 1], [3, 3]])).tolist()
        [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
        >>> CategoryEncoding(4, output_mode="count")(np.array([[3, 3]])).tolist()
        [[0.0, 0.0, 0.0, 2.0]]
    """

    num_tokens: int = field(positive)
    output_mode: str = field(one_of(*VECTORS), default="multi_hot")
    sparse: bool = field(flag, default=False)

    def call(self, x: Tensor, count_weights: Any = None) -> Any:
        """Return the vectors, whose last axis has length K.

        Args:
            count_weights: weight of each category in a count, of x's shape; None for 1.
        """
        if count_weights is not None and (self.output_mode != "count" or np.shape(count_weights) != x.shape):
            raise ValueError(
                f"{self._speaker}: expected count_weights with "
                f"output_mode='count' only, and of the input's shape {x.shape}; received shape "
                f"{np.shape(count_weights)} with output_mode={self.output_mode!r}"
            )
        index = self._whole(x)
        if index.size:
            ag.observe(self._check_range, index, checks=True)
        return self._encode(index, self.num_tokens, None if count_weights is None else self._cast(count_weights))

    def _check_range(self, index: Array) -> None:
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= self.num_tokens:
            raise ValueError(
                f"{self._speaker}: expected integers from 0 to {self.num_tokens - 1}; received {low} to {high}. Give "
                "it num_tokens of the largest plus 1, or map them with IntegerLookup"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the vectors."""
        return self._encoded_shape(input_shape, self.num_tokens)

    def extra_repr(self) -> str:
        return f"{self.num_tokens}, output_mode={self.output_mode}"


def _ascending(owner: Any, name: str, value: Any) -> tuple[float, ...]:
    edges = np.asarray(value)
    if edges.dtype.kind not in "fiu" or edges.ndim != 1:
        raise argument_error(TypeError, owner, name, "numbers in ascending order", value)
    if not (np.diff(edges) >= 0).all():
        raise argument_error(ValueError, owner, name, "numbers in ascending order", value)
    return tuple(edges.astype(np.float64).tolist())


class Discretization(Encoding):
    """Puts numbers in bins: out = how many boundaries are not above x.

    Args:
        bin_boundaries: K - 1 numbers in ascending order; bin i holds boundary[i - 1] <= x < boundary[i].
        num_bins: K, in their place, for boundaries that `adapt` finds in data: as many samples fall in each bin.
        epsilon: of `adapt`: the share of the samples by which a boundary may be off. It bounds the memory.
        output_mode: "int" for indices; "one_hot" for a vector for each index, 1 at its place;
            "multi_hot" and "count" for one vector for each sample: where the indices of its row are, or how often.
        sparse: False; arrays are dense.

    What `adapt` finds is saved with the model's configuration, and is not a weight.

    Raises:
        ValueError: when called before `adapt`, if it was given `num_bins`.

    Example:
        >>> Discretization([0.0, 1.0])([[-1.5, 0.0, 3.0]]).tolist()
        [[0, 1, 2]]
        >>> layer = Discretization(num_bins=2)
        >>> layer.adapt(np.array([1.0, 2.0, 3.0, 10.0]))
        >>> layer([[1.5, 2.5]]).tolist()
        [[0, 1]]
    """

    bin_boundaries: Converted[Sequence[float] | None, tuple[float, ...] | None] = field(
        optional(_ascending), default=None, settable=False
    )
    num_bins: Converted[int | None, int] = field(optional(positive), default=None, settable=False)
    epsilon: float = field(number(above=0, high=1), default=0.01)
    output_mode: str = field(one_of("int", *VECTORS), default="int")
    sparse: bool = field(flag, default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._adapts = self.bin_boundaries is None
        if self._adapts == (self.num_bins is None):
            raise ValueError(
                f"Discretization: expected bin_boundaries or num_bins, one of them; received bin_boundaries="
                f"{self.bin_boundaries!r} and num_bins={self.num_bins!r}"
            )
        if self.bin_boundaries is not None:
            self.num_bins = len(self.bin_boundaries) + 1

    def adapt(self, data: Any) -> None:
        """Choose the boundaries so that each bin holds the same share of data.

        Between two samples a boundary is interpolated. Where there are fewer samples than bins, the bins behind them
        stay empty.

        Args:
            data: an array of any shape, or batches: a list, a generator, a DataLoader. Of a batch that is a tuple the
                first part counts.

        Raises:
            ValueError: if the layer was given its boundaries, or there are no data.

        References:
            Hyndman, Fan: Sample Quantiles in Statistical Packages, 1996, definition 4.
        """
        if not self._adapts:
            raise ValueError(f"{self.name}.adapt: expected a layer made with num_bins; this one has bin_boundaries")
        sketch = np.zeros((2, 0))
        for batch in batches_of(f"{self.name}.adapt", data):
            sketch = _compress(np.concatenate([sketch, _sketch(batch, self.epsilon)], axis=1), self.epsilon)
        if not sketch.size:
            raise ValueError(f"{self.name}.adapt: expected at least one sample; received none")
        boundaries = _compress(sketch, 1 / self.num_bins)[0, :-1]
        self.bin_boundaries = tuple(boundaries[: self.num_bins - 1].tolist())

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, and the boundaries that `adapt` has found."""
        state = {"bin_boundaries": list(self.bin_boundaries)} if self.bin_boundaries is not None else {}
        return super().get_config() | state

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new layer, like the one whose `get_config` this is, with its boundaries."""
        if config.get("num_bins") is None:
            return super().from_config(config)
        layer = super().from_config({**config, "bin_boundaries": None})
        boundaries = config.get("bin_boundaries")
        layer.bin_boundaries = None if boundaries is None else _ascending(layer, "bin_boundaries", boundaries)
        return layer

    def call(self, x: Tensor) -> Any:
        """Return the bins, int32 of x's shape, or their vectors."""
        if self.bin_boundaries is None:
            raise ValueError(f"{self._speaker}: expected boundaries; this layer has none yet. Call adapt(data) first")
        edges = np.asarray(self.bin_boundaries, x.dtype if x.dtype.kind == "f" else None)
        bins = np.sum(np.greater_equal(x[..., None], edges), axis=-1).astype(np.int32)
        return bins if self.output_mode == "int" else self._encode(bins, self.num_bins)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape, or that of the vectors."""
        return self._encoded_shape(input_shape, self.num_bins)

    def extra_repr(self) -> str:
        return f"num_bins={self.num_bins}, output_mode={self.output_mode}"


def _sketch(values: Array, epsilon: float) -> Array:
    """Return some of the values, in order, and how many each stands for, shape (2, ...)."""
    ordered = np.sort(values.ravel().astype(np.float64))
    step = max(ordered.size * epsilon, 1)
    some = ordered[int(step - 1) :: int(step)]
    return np.stack([some, np.full(some.shape, step)])


def _compress(sketch: Array, share: float) -> Array:
    """Return a sketch of one value for each such share of the weight, interpolated, if that is fewer."""
    if sketch.shape[1] * share < 1:
        return sketch
    values, weights = sketch[:, np.argsort(sketch[0], kind="stable")]
    total = np.cumsum(weights)
    at = share * np.arange(1, math.ceil(1 / share) + 1)
    reached = np.interp(at, total / total[-1], total)
    return np.stack([np.interp(at, total / total[-1], values), np.diff(reached, prepend=0.0)])
