"""Hashing and HashedCrossing: categories without a vocabulary, put in bins by a hash of their names."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import as_array, flag, is_integer, is_text, one_of, positive
from ...config.fields import Converted, field
from ...module.module import Shape
from .categories import VECTORS, Array, Encoding
from .fingerprints import cross, farm
from .vocabulary import HASHED_DIGITS, Salt, as_salt, bucket_of


class Hashing(Encoding):
    """Puts strings or integers in bins by a hash of their characters or digits: out = hash(x) mod K.

    Args:
        num_bins: K.
        mask_value: a value that has bin 0 for itself; the others then share K - 1.
        salt: an integer, or two, for SipHash with this key; None for FarmHash.
        output_mode: "int" for indices; "one_hot" for a vector for each index, 1 at its place;
            "multi_hot" and "count" for one vector for each sample: where the indices of its row are, or how often.
        sparse: False; arrays are dense.

    Example:
        >>> Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]]).tolist()
        [[1], [0], [1], [1], [2]]
        >>> Hashing(3, mask_value="")([["A"], ["B"], [""]]).tolist()
        [[1], [1], [0]]
    """

    _takes_text = True
    num_bins: int = field(positive)
    mask_value: str | int | None = field(default=None)
    salt: Converted[Salt, tuple[int, int] | None] = field(as_salt, default=None)
    output_mode: str = field(one_of("int", *VECTORS), default="int")
    sparse: bool = field(flag, default=False)

    def call(self, values: Any) -> Any:
        """Return the bins, int64 of the given shape, or their vectors.

        Args:
            values: integers or strings, of any shape.
        """
        masks = self.mask_value is not None and self.num_bins > 1
        bins = self.num_bins - masks
        if isinstance(values, Tensor):
            x: Any = values.astype(np.int64)
            places: Any = HASHED_DIGITS(x, buckets=bins, salt=self.salt)
            mask: Any = self.mask_value
            index: Any = np.where(x == mask, 0, places + 1) if masks and is_integer(mask) else places + masks
            return index if self.output_mode == "int" else self._encode(index, self.num_bins)
        values = _values(self, values)
        places = {key: bucket_of(_word(key), bins, self.salt) + masks for key in set(values.ravel().tolist())}
        if masks:
            places[self.mask_value] = 0
        index = np.array([places[key] for key in values.ravel().tolist()], np.int64).reshape(values.shape)
        return ag.tensor(self._to_device(index if self.output_mode == "int" else self._encode(index, self.num_bins)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape, or that of the vectors."""
        return self._encoded_shape(input_shape, self.num_bins)

    def extra_repr(self) -> str:
        return f"{self.num_bins}, output_mode={self.output_mode}"


class HashedCrossing(Encoding):
    """Puts pairs of categories, or longer tuples, in bins by a hash: out = hash(x_1, x_2, …) mod K.

    Args:
        num_bins: K.
        output_mode: "int", or "one_hot" for a vector of K.
        sparse: False; arrays are dense.

    Call it on a list of arrays of strings or integers, all of shape (N,) or (N, 1).

    Example:
        >>> HashedCrossing(5)([np.array(["A", "B", "A"]), np.array([101, 101, 102])]).tolist()
        [1, 4, 3]
    """

    _takes_text = True
    num_bins: int = field(positive)
    output_mode: str = field(one_of("int", "one_hot"), default="int")
    sparse: bool = field(flag, default=False)

    def _cast(self, x: Any) -> Any:
        return [super(HashedCrossing, self)._cast(part) for part in x] if isinstance(x, (list, tuple)) else x

    def call(self, values: Any) -> Any:
        """Return the bins, int64 of the inputs' shape, or their vectors.

        Args:
            values: list of two or more arrays of integers or strings, of one shape.
        """
        parts = [_array(part) for part in values] if isinstance(values, (list, tuple)) else []
        shape = parts[0].shape if parts else ()
        if len(parts) < 2 or {part.shape for part in parts} != {shape} or len(shape) > 2 or shape[1:] not in ((), (1,)):
            received = [part.shape for part in parts] or type(values).__name__
            raise ag.ShapeError(
                f"{self._speaker}: expected a list of two or more arrays, all of shape (N,) or (N, 1); received "
                f"{received}"
            )
        tuples = zip(*(_values(self, part).ravel().tolist() for part in parts), strict=True)
        bins = [cross([farm(_word(p)) if isinstance(p, str) else p for p in t]) % self.num_bins for t in tuples]
        index = np.array(bins, np.int64).reshape(shape)
        return ag.tensor(self._to_device(index if self.output_mode == "int" else self._encode(index, self.num_bins)))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of one input, or that of the vectors."""
        return self._encoded_shape(tuple(input_shape[0]), self.num_bins)

    def extra_repr(self) -> str:
        return f"{self.num_bins}, output_mode={self.output_mode}"


def _array(x: Any) -> Array:
    return as_array(x.numpy() if isinstance(x, Tensor) else x)


def _values(layer: Encoding, x: Any) -> Array:
    """Return strings, or integers; floats lose their fractions."""
    array = _array(x)
    if not is_text(array) and array.dtype.kind not in "iufb":
        raise TypeError(f"{layer._speaker}: expected strings or integers; received {x!r:.80}")
    if array.dtype.kind in "fb":
        return array.astype(np.int64)
    if array.dtype.kind in "SO":
        return np.array([_word(part).decode() for part in array.ravel()], object).reshape(array.shape)
    return array


def _word(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
