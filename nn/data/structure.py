"""Structures: one array, or tuples, lists and dicts of structures, all with the same number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite import ShapeError, Tensor, tree
from autograd_lite.arrays import is_duck_array


def is_structure(x: Any) -> bool:
    """Return whether x is a dict, or a tuple or list of arrays or structures; lists of numbers or lists are arrays.

    Example:
        >>> is_structure((np.ones(2), np.ones(2))), is_structure([[1, 2], [3, 4]])
        (True, False)
    """
    if isinstance(x, dict):
        return True
    return isinstance(x, (tuple, list)) and bool(x) and all(_is_array(p) or is_structure(p) for p in x)


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, Tensor)) or is_duck_array(x)


def _is_leaf(x: Any) -> bool:
    return not (isinstance(x, (dict, tuple)) or (isinstance(x, list) and is_structure(x)))


def map_structure(function: Callable[..., Any], x: Any, *others: Any) -> Any:
    """Apply a function to every array of a structure, together with those of `others` in the same places.

    Example:
        >>> map_structure(len, {"a": np.ones(3), "b": (np.ones(2),)})
        {'a': 3, 'b': (2,)}
    """
    return tree.map(function, x, *others, leaf=_is_leaf)


def leaves(x: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a structure with their paths, such as `[0]['image']`."""
    return tree.items(x, leaf=_is_leaf)


def rows_of(caller: str, x: Any) -> int:
    """Return the number of rows that all arrays of a structure have.

    Raises:
        ShapeError: if there is no array, one has no rows, or their numbers differ.
    """
    sizes = {path: np.shape(a)[:1] for path, a in leaves(x)}
    if not sizes or () in sizes.values():
        raise ShapeError(f"{caller}: expected arrays of shape (N, ...), one row a sample; received {_words(x, sizes)}")
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{path or 'data'}: {n}" for path, (n,) in sizes.items())
        raise ShapeError(f"{caller}: expected equally many rows in every array; received {listed}")
    ((rows,),) = set(sizes.values())
    return int(rows)


def batch_size_of(x: Any) -> int:
    """Return the number of rows of an array or Tensor, or of the first array of a structure."""
    return len(x if x.__class__ is np.ndarray or x.__class__ is Tensor else next(a for _, a in leaves(x)))


def _words(x: Any, sizes: dict[str, Any]) -> str:
    scalar = next((path for path, shape in sizes.items() if shape == ()), None)
    return f"an empty {type(x).__name__}" if scalar is None else f"a single value at data{scalar}"


def stack(samples: Sequence[Any]) -> Any:
    """Return a batch of single samples, which may be structures.

    Example:
        >>> stack([(1, [1.0, 2.0]), (0, [3.0, 4.0])])
        (array([1, 0]), array([[1., 2.],
               [3., 4.]]))
    """
    return map_structure(lambda *parts: np.stack([np.asarray(p) for p in parts]), samples[0], *samples[1:])


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """Return the inputs, targets and sample weights of a batch x, (x,), (x, y) or (x, y, w); None for missing ones.

    A list of arrays counts as a tuple: loaders of PyTorch give such lists.

    Raises:
        ValueError: for a tuple of another length.

    Example:
        >>> unpack((1, 2))
        (1, 2, None)
    """
    arrays = isinstance(batch, list) and batch and all(hasattr(p, "__array__") or is_structure(p) for p in batch)
    if not isinstance(batch, tuple) and not arrays:
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"batch: expected x, (x, y) or (x, y, sample_weight); received a {type(batch).__name__} of "
            f"length {len(batch)}. Put several inputs into a list, a dict or their own tuple: ((a, b), y)"
        )
    return (*batch, None, None)[:3]
