"""Trees of parameters as one vector of float64, which is what SciPy's methods work on."""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds

from ..control.closure_conversion import example_of
from ..core.duck_arrays import refuse_masked, to_numpy
from ..core.mode import MODE, TAPES
from ..ops.operands import operand
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor, is_open
from ..tree import items, leaves, map as map_leaves, rebuild, zip as zip_trees

Vector = npt.NDArray[np.float64]


class Layout(NamedTuple):
    """Where the leaves of a tree of parameters lie in a vector.

    Attributes:
        tree: the parameters that were given; None for a vector, which the function takes as it is.
        shapes: of the leaves, in order.
        dtypes: of the leaves, in which they are given back.
    """

    tree: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype[Any], ...]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(math.prod(shape) for shape in self.shapes)

    def unflatten(self, x: Any) -> Any:
        """Return the tree of parameters in a vector, be it an array or a Tensor."""
        return x if self.tree is None else rebuild(self.tree, iter(self._parts(x)))

    def like_input(self, x: Any) -> Any:
        """Return the tree of parameters in a vector, in the dtypes that they were given in."""
        if self.tree is None:
            return x if x.dtype == self.dtypes[0] else x.astype(self.dtypes[0])
        parts = zip(self._parts(x), self.dtypes, strict=True)
        if isinstance(x, Tensor):
            return rebuild(self.tree, iter([part.astype(dtype) for part, dtype in parts]))
        return rebuild(self.tree, iter([np.array(part, dtype)[()] for part, dtype in parts]))

    def _parts(self, x: Any) -> list[Any]:
        parts, start = [], 0
        for shape in self.shapes:
            if shape == ():
                parts.append(x[start])
                start += 1
                continue
            end = start + math.prod(shape)
            parts.append(x[start:end] if len(shape) == 1 else x[start:end].reshape(shape))
            start = end
        return parts

    def vector(self, called: str, values: Any) -> Vector:
        """Return the vector of values that lie in a tree like that of the parameters, such as a gradient.

        Args:
            called: what error messages name.
            values: a tree in which each leaf broadcasts to that of the parameters; a number stands for all.

        Raises:
            TensorMet: if a value is a Tensor by which there may be derivatives.
            ValueError: as `spread`.
        """
        return np.atleast_1d(np.asarray(bare(self.spread(called, map_leaves(bare, values))), np.float64))

    def spread(self, called: str, values: Any) -> Any:
        """Return values as `vector` does, as they are: Tensors make one of a Tensor.

        Raises:
            ValueError: if the values have another structure or shape.
        """
        if self.tree is None:
            if isinstance(values, Tensor) or not any(isinstance(x, Tensor) for x in leaves(values)):
                return values if isinstance(values, Tensor) else np.asarray(values, np.float64)
            return np.stack(leaves(values))
        if isinstance(values, numbers.Real):
            return np.full(self.size, values, np.float64)
        try:
            pairs = zip(zip_trees(self.tree, values), self.shapes, strict=True)
            parts = [np.ravel(np.broadcast_to(part, shape)) for (_, _, part), shape in pairs]
        except ValueError as error:
            raise ValueError(f"{called}: expected values in a container like the parameters: {error}") from None
        return np.concatenate(parts).astype(np.float64)


def start_of(x0: Any, start: Vector) -> Any:
    """Return the vector to start from; if Tensors are among the parameters, a Tensor, through which nothing flows."""
    parts = leaves(x0)
    if not any(isinstance(x, Tensor) for x in parts):
        return start
    return np.concatenate([np.ravel(x.detach() if isinstance(x, Tensor) else x) for x in parts]).astype(np.float64)


def bounds_of_vector(called: str, bounds: Any, layout: Layout) -> list[Any] | None:
    """Return the lowest and the highest vector, or None if there are no bounds.

    Args:
        called: what error messages name.
        bounds: a pair, each of it a number or like the parameters; or SciPy's `Bounds`.
    """
    low, high = (bounds.lb, bounds.ub) if isinstance(bounds, Bounds) else bounds
    if isinstance(low, float) and isinstance(high, float) and -low == high == np.inf:
        return None
    return [low, high] if isinstance(bounds, Bounds) else [layout.spread(called, low), layout.spread(called, high)]


def ends_of(called: str, bounds: Any, n: int, one: bool = False) -> list[Any]:
    """Return the lowest and the highest vector of n numbers; infinite where there is no bound.

    Args:
        called: what error messages name.
        bounds: None; SciPy's `Bounds`; a pair (lowest, highest) for each number, whose entries may be Tensors, or None
            for no bound; or an array or Tensor of shape (n, 2).
        one: whether one pair for all numbers is allowed too.

    Raises:
        ValueError: if bounds are none of these.
    """
    infinite = (-np.inf, np.inf)
    if isinstance(bounds, Bounds):
        ends: list[Any] = [bounds.lb, bounds.ub]
    elif isinstance(bounds, (Tensor, np.ndarray)) and bounds.dtype != object:
        ends = [np.where(np.isnan(bounds[..., k]), none, bounds[..., k]) for k, none in enumerate(infinite)]
    else:
        pairs: list[Any] = [(None, None)] if bounds is None else list(bounds) or [(0, None)]
        if one and len(pairs) == 2 and not any(isinstance(x, (tuple, list)) or np.ndim(x) for x in pairs):
            pairs = [pairs]
        if len(pairs) not in ({1, n} if one or bounds is None else {n}) or any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"{called}: expected a pair of bounds for each of {n} numbers; received {bounds!r:.80}")
        ends = [operand([none if p[k] is None else p[k] for p in pairs]) for k, none in enumerate(infinite)]
    try:
        return [np.broadcast_to(end, (n,)).astype(np.float64) for end in ends]
    except ValueError:
        raise ValueError(f"{called}: expected bounds of {n} numbers; received {bounds!r:.80}") from None


# For a number, or a vector whose length SciPy finds out: the function takes it as it is.
NUMBERS = Layout(None, ((),), (np.dtype(float),))
# For one number.
SCALAR = Layout(0.0, ((),), (np.dtype(float),))


def laid_out(called: str, x0: Any) -> tuple[Layout, Vector]:
    """Return how parameters lie in a vector, and the vector.

    Args:
        called: what error messages name.
        x0: numbers, a list or tuple of numbers, a vector, an array of any shape, or a tree of these.

    Raises:
        TypeError: if they are not real numbers.
        ValueError: if there are none.
    """
    if isinstance(x0, (list, tuple)) and not hasattr(x0, "_fields"):
        x0 = np.asarray(list(map(value_of, x0))) if all(map(_is_number, leaves(x0))) else x0
    refuse_masked(*leaves(x0), caller=called)
    arrays = [(path, np.asarray(value_of(x))) for path, x in items(x0, "x0")]
    for path, x in arrays:
        if x.dtype.kind not in "fiu":
            split = ". Give real and imaginary parts as two arrays" if x.dtype.kind == "c" else ""
            raise TypeError(
                f"{called}: expected arrays of real numbers to start from; received dtype {x.dtype} at {path}{split}"
            )
    if not arrays:
        raise ValueError(f"{called}: expected at least one array to start from; received none")
    dtypes = tuple([x.dtype if x.dtype.kind == "f" else np.dtype(np.float64) for _, x in arrays])
    vector = np.concatenate([x.ravel() for _, x in arrays]).astype(np.float64)
    is_vector = isinstance(x0, (np.ndarray, Tensor, numbers.Number)) and arrays[0][1].ndim < 2
    return Layout(None if is_vector else x0, tuple([x.shape for _, x in arrays]), dtypes), vector


def _is_number(x: Any) -> bool:
    return isinstance(x, numbers.Number) or (isinstance(x, Tensor) and x.ndim == 0)


def value_of(x: Any) -> Any:
    """Return the values of a Tensor, those of an example where they are not known, and anything else as it is."""
    return to_numpy(example_of(x)) if isinstance(x, Tensor) else x


def is_known(x: Any) -> bool:
    """Return whether a value is known now: in a batch, and while a function is traced, it is not."""
    tracing = TAPES and MODE.get().tape is not None
    return not (tracing or (isinstance(x, TracedTensor) and x._data.per_example))


class TensorMet(Exception):
    """Raised where a solver meets a Tensor that a derivative, a batch or a trace may belong to."""


def bare(x: Any) -> Any:
    """Return the values of a Tensor as an array, and anything else as it is.

    Raises:
        TensorMet: if that would lose a derivative, or the values are not known.
    """
    if not isinstance(x, Tensor):
        return x
    if is_open(x):
        raise TensorMet
    return x.detach().numpy()
