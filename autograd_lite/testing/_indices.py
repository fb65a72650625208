"""Strategies for axes and for indices of every kind that NumPy has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._hypothesis import composite, hnp, st

KINDS = ("basic", "integers", "mask", "mixed")


def _ndim(x: Any) -> int:
    if isinstance(x, int):
        return x
    return len(x) if isinstance(x, tuple) else np.ndim(x)


def axis(x: Any, *, none: bool = False) -> Any:
    """Draw one axis of an array, counted from the front or from the back.

    Args:
        x: the array, its shape, or how many axes it has; one without axes has only None.
        none: draw None, which stands for all axes, as well.
    """
    ndim = _ndim(x)
    if not ndim:
        return st.none()
    return st.integers(-ndim, ndim - 1) | st.none() if none else st.integers(-ndim, ndim - 1)


def axes(x: Any) -> Any:
    """Draw what a reduction takes as `axis`: None, one axis, or a tuple of different axes."""
    ndim = _ndim(x)
    if not ndim:
        return st.none()
    return st.none() | st.integers(-ndim, ndim - 1) | hnp.valid_tuple_axes(ndim)


def indices(shape: Any, *, kinds: tuple[str, ...] = KINDS) -> Any:
    """Draw what may stand in `x[...]`.

    Args:
        shape: of x, or x itself.
        kinds: of "basic" (ints, slices of any step, ellipsis, newaxis), "integers" (integer arrays that broadcast,
            one for each axis, with repetitions), "mask" (booleans), "mixed" (all of them together).
    """
    shape = shape if isinstance(shape, tuple) else np.shape(shape)
    empty = math.prod(shape) == 0
    possible = {
        "basic": lambda: hnp.basic_indices(shape, allow_newaxis=True, max_dims=len(shape) + 2),
        "integers": lambda: _integer_arrays(shape),
        "mask": lambda: _masks(shape),
        "mixed": lambda: _mixed(shape),
    }
    unknown = [kind for kind in kinds if kind not in possible]
    if unknown:
        raise ValueError(f"indices: expected kinds among {', '.join(KINDS)}; received {', '.join(map(repr, unknown))}")
    # Of an empty array or a number there are no elements that an integer array could name.
    named = [kind for kind in kinds if kind != "integers" or (shape and not empty)]
    return st.one_of(*(possible[kind]() for kind in named or ("basic",)))


def _integer_arrays(shape: tuple[int, ...]) -> Any:
    return hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(min_dims=0, max_dims=2, max_side=3))


def _masks(shape: tuple[int, ...]) -> Any:
    size = math.prod(shape)
    return st.lists(st.booleans(), min_size=size, max_size=size).map(lambda v: np.array(v, bool).reshape(shape))


@composite
def _mixed(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Draw an entry for each leading axis; the arrays among them have one length, so that they broadcast."""
    length = draw(st.integers(1, 3))
    entries: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(["slice", "int", "array", "mask", "newaxis"] if n else ["slice", "newaxis"]))
        if kind == "newaxis":
            entries += [None, slice(None)]
        elif kind == "slice":
            entries.append(draw(st.slices(n)))
        elif kind == "int":
            entries.append(draw(st.integers(-n, n - 1)))
        elif kind == "array":
            picked = draw(st.lists(st.integers(-n, n - 1), min_size=length, max_size=length))
            entries.append(np.array(picked, np.intp))
        else:
            # A mask stands for as many positions as it is True at; those must broadcast with the other arrays.
            count = draw(st.sampled_from([1, *([length] if length <= n else [])]))
            where = draw(st.permutations(range(n)))[:count]
            entries.append(np.isin(np.arange(n), where))
    return tuple(entries)
