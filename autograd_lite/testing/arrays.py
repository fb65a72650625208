"""Strategies for numbers, shapes, arrays, axes and indices.

Numbers lie on a grid of eighths, on which every value is exact and has neighbors far away. Hypothesis shrinks towards
the first value of a list, so each list begins with the roundest numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensors.tensor import Tensor
from .deferred import composite, hnp, st

# ---- numbers --------------------------------------------------------------------------------------------------------


# What each domain of numbers contains, as (lowest, highest, whether the number belongs).
DOMAINS: dict[str, Any] = {
    "real": lambda v: True,
    "any": lambda v: True,
    "distinct": lambda v: True,
    "positive": lambda v: v > 0,
    "negative": lambda v: v < 0,
    "nonzero": lambda v: v != 0,
    "unit": lambda v: -1 < v < 1,
    "share": lambda v: 0 < v < 1,
    "above one": lambda v: v > 1,
}
# Domains that whole arrays belong to, not single numbers.
MATRICES = ("spd", "invertible", "onehot")
DISCRETE = {"int": range(-4, 5), "bool": (False, True)}
_HIGHEST = 8


def _roundness(value: float) -> tuple[int, float, bool]:
    denominator = value.as_integer_ratio()[1]
    return denominator, abs(value), value < 0


@functools.cache
def grid(low: float = -_HIGHEST, high: float = _HIGHEST) -> tuple[float, ...]:
    """Return the points of a dyadic grid in [low, high], roundest first: eighths, or finer in a short range.

    Example:
        >>> grid(0.0, 1.0)[:6]
        (0.0, 1.0, 0.5, 0.25, 0.75, 0.125)
    """
    if not low <= high:
        raise ValueError(f"strategies: expected a range (low, high) with low <= high; received ({low}, {high})")
    step = 0.125 if high - low >= 2 or high == low else 2.0 ** math.floor(math.log2((high - low) / 16))
    points = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)] or [low]
    return tuple(sorted(points, key=_roundness))


@functools.cache
def off_grid() -> tuple[float, ...]:
    """Return the odd eighths: no two are nearer than 1/4, and none is a multiple of 1/4, where steps and kinks lie."""
    return tuple(v for v in grid() if v * 8 % 2 == 1)


def _range(domain: tuple[float, float]) -> tuple[float, ...]:
    low, high = domain
    low = max(low, min(-_HIGHEST, high - 2 * _HIGHEST)) if math.isinf(low) else low
    high = low + 2 * _HIGHEST if math.isinf(high) else high
    return grid(float(low), float(high))


def _points(domain: Any) -> Sequence[Any]:
    if isinstance(domain, tuple):
        return _range(domain)
    if domain in DISCRETE:
        return sorted(DISCRETE[domain], key=lambda v: (abs(v), v < 0))
    if domain not in DOMAINS:
        choices = ", ".join([*DOMAINS, *DISCRETE, *MATRICES])
        raise ValueError(
            f"strategies: expected a domain among {choices}, a range (low, high) or a strategy; received {domain!r}"
        )
    return [v for v in grid() if DOMAINS[domain](v)]


def elements(domain: Any = "real", *, kinks: str = "any", extent: float = _HIGHEST) -> Any:
    """Draw one number.

    Args:
        domain: "real" (or "any"), "positive", "negative", "nonzero", "unit" (inside -1 … 1), "share"
            (inside 0 … 1), "above one", "distinct" (here the
            same as "real"), "int", "bool", a range (low, high), or any strategy, which is returned as it is.
        extent: the largest size of a number of a named domain.
        kinks: "any"; "avoid" draws off the multiples of 1/4; "seek" draws 0, ±1 and ±2 where the domain has them.

    Example:
        >>> from hypothesis import find
        >>> find(elements("positive"), lambda x: True) > 0
        True
    """
    if hasattr(domain, "example"):
        return domain
    points = _points(domain)
    if isinstance(domain, str) and domain not in DISCRETE:
        points = [v for v in points if abs(v) <= extent]
    if kinks == "avoid" and isinstance(domain, str) and domain not in DISCRETE:
        points = [v for v in off_grid() if v in points] or points
    if kinks == "seek":
        points = [v for v in points if v in (0, 1, -1, 2, -2)] or points[:2]
    return st.sampled_from(points)


def simplest(domain: Any) -> Any:
    """Return a number of the domain that is nothing special: neither 0 nor 1 if that can be helped."""
    if domain in DISCRETE:
        return DISCRETE[domain][-1]
    points = _points(domain)
    return next((v for v in (1.5, 0.5, *points) if v in points), points[0])


# ---- shapes and arrays ----------------------------------------------------------------------------------------------


Shape = tuple[int, ...]
LAYOUTS = ("C", "every other", "backwards", "Fortran", "repeated", "read-only")


# ---- shapes ---------------------------------------------------------------------------------------------------------


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 3) -> Any:
    """Draw one shape; `min_side=0` draws empty arrays as well. Shrinks to few, short axes.

    Args:
        min_dims, max_dims: limits of the number of axes.
        min_side, max_side: limits of each length.

    Example:
        >>> from hypothesis import find
        >>> len(find(shapes(), lambda shape: len(shape) == 2))
        2
    """
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable_shapes(n: int, *, min_side: int = 1, max_side: int = 3, max_dims: int = 2) -> Any:
    """Draw `n` shapes that broadcast together.

    Args:
        n: number of shapes.
        min_side, max_side: limits of each length.
        max_dims: the most axes.

    Example:
        >>> from hypothesis import find
        >>> len(find(broadcastable_shapes(2), lambda drawn: True))
        2
    """
    if n == 1:
        return shapes(0, max_dims, min_side, max_side).map(lambda shape: (shape,))
    drawn = hnp.mutually_broadcastable_shapes(num_shapes=n, min_side=min_side, max_side=max_side, max_dims=max_dims)
    return drawn.map(lambda result: result.input_shapes)


def signature_shapes(
    signature: str,
    *,
    loops: Sequence[bool] | bool = True,
    min_side: int = 1,
    max_side: int = 3,
    max_loop_dims: int = 2,
) -> Any:
    """Draw the shapes of the inputs of a generalized ufunc.

    Args:
        signature: as NumPy writes it, `"(n,k),(k,m)->(n,m)"`: equal letters are equal lengths, numbers are themselves,
            `n?` may be missing. What follows the arrow may be left out.
        loops: whether the inputs get leading axes that broadcast together; one answer, or one for each.
        min_side: the shortest axis.
        max_side: the longest axis.
        max_loop_dims: how many leading axes there are at most.

    Example:
        >>> from hypothesis import find
        >>> left, right = find(signature_shapes("(n,k),(k,m)"), lambda drawn: True)
        >>> left[-1] == right[-2]
        True
    """
    inputs, arrow, outputs = (part.strip() for part in signature.partition("->"))
    flags = [loops] * inputs.count("(") if isinstance(loops, bool) else list(loops)
    drawn = hnp.mutually_broadcastable_shapes(
        signature=f"{inputs}->{outputs if arrow else '()'}",
        min_side=min_side,
        max_side=max_side,
        max_dims=max_loop_dims if any(flags) else 0,
    )
    if all(flags) or not any(flags):
        return drawn.map(lambda result: result.input_shapes)
    cores = [part.partition(")")[0] for part in inputs.split("(")[1:]]
    ranks = [core.count(",") + 1 if core.strip() else 0 for core in cores]
    return drawn.map(
        lambda result: tuple(
            shape if loop else shape[len(shape) - min(rank, len(shape)) :]
            for shape, rank, loop in zip(result.input_shapes, ranks, flags, strict=True)
        )
    )


def dtypes(*names: str) -> Any:
    """Draw a floating dtype, of float64, float32 and float16 if none are named.

    Args:
        names: of dtypes, such as "float32".

    Example:
        >>> from hypothesis import find
        >>> find(dtypes("float32"), lambda dtype: True)
        dtype('float32')
    """
    return st.sampled_from([np.dtype(name) for name in names or ("float64", "float32", "float16")])


# ---- arrays ---------------------------------------------------------------------------------------------------------


@composite
def arrays(
    draw: Any,
    shape: Any = None,
    domain: Any = "real",
    dtype: Any = np.float64,
    *,
    layout: str = "C",
    kinks: str = "any",
) -> Any:
    """Draw one array.

    Args:
        shape: a tuple or a strategy; any of 0 to 3 axes if None.
        domain: one of `elements`, or, of all elements together, "distinct" (no two nearer than 1/8), "onehot" (one 1
            along the last axis) and, of the last two axes, "spd" (symmetric positive definite) and "invertible".
        dtype: of the result; what the grid holds is exact in every float.
        layout: "C", or "any" to draw strided, reversed, Fortran-ordered, repeated and read-only memory as well.
        kinks: whether to draw numbers at kinks: "any", "avoid" or "seek".

    Example:
        >>> from hypothesis import find
        >>> find(arrays((2,)), lambda a: a.sum() > 1).shape
        (2,)
    """
    shape = draw(shapes() if shape is None else shape) if not isinstance(shape, tuple) else shape
    array = draw(_values(shape, domain, kinks))
    array = array if domain in ("int", "bool") else array.astype(dtype)
    return draw(layouts(array)) if layout == "any" else array


def tensors(shape: Any = None, domain: Any = "real", dtype: Any = np.float64, *, requires_grad: bool = True) -> Any:
    """Draw one Tensor; the arguments are those of `arrays`.

    Args:
        shape: a tuple or a strategy; any of 0 to 3 axes if None.
        domain: one of `arrays`, such as "positive" or (low, high).
        dtype: of the result.
        requires_grad: of the result.

    Example:
        >>> from hypothesis import find
        >>> find(tensors((2,)), lambda t: True).requires_grad
        True
    """
    return arrays(shape, domain, dtype).map(lambda a: Tensor(a, requires_grad=requires_grad))


@composite
def arrays_for(
    draw: Any, shapes: Sequence[Shape], domains: Sequence[Any], *, kinks: str = "any", extent: float = 8
) -> list[np.ndarray]:
    """Draw one array for each shape; those that are "distinct" share no value with each other."""
    sizes = [math.prod(shape) for shape, domain in zip(shapes, domains, strict=True) if domain == "distinct"]
    pool = draw(_distinct(sum(sizes), kinks)) if sizes else []
    drawn: list[np.ndarray] = []
    start = 0
    for shape, domain in zip(shapes, domains, strict=True):
        if domain == "distinct":
            size = math.prod(shape)
            drawn.append(np.array(pool[start : start + size], float).reshape(shape))
            start += size
        else:
            drawn.append(draw(_values(shape, domain, kinks, extent)))
    return drawn


def _values(shape: Shape, domain: Any, kinks: str, extent: float = 8) -> Any:
    if isinstance(domain, str) and domain in MATRICES:
        return _MATRICES[domain](shape)
    if domain == "distinct":
        return _distinct(math.prod(shape), kinks).map(lambda v: np.array(v, float).reshape(shape))
    size = math.prod(shape)
    dtype: Any = {"int": np.int64, "bool": np.bool_}.get(domain if isinstance(domain, str) else "", np.float64)
    if not size:
        return st.just(np.zeros(shape, dtype))
    one = elements(domain, kinks=kinks, extent=extent)
    return st.lists(one, min_size=size, max_size=size).map(lambda v: np.array(v, dtype).reshape(shape))


def _distinct(size: int, kinks: str) -> Any:
    if not size:
        return st.just([])
    extent = max(8, size // 4)
    points = grid(-extent, extent)
    if kinks == "avoid":
        points = tuple(v for v in points if v * 8 % 2 == 1)  # odd eighths: kinks are at integers and halves
    return st.lists(st.sampled_from(points), min_size=size, max_size=size, unique=True)


# ---- arrays of one structure ----------------------------------------------------------------------------------------


def _square(name: str, shape: Shape) -> int:
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(
            f"strategies: expected a shape (..., n, n) for the domain {name!r}; received {shape}. "
            'In a signature, write "(n,n)"'
        )
    return shape[-1]


@composite
def _spd(draw: Any, shape: Shape) -> np.ndarray:
    # L Lᵀ with small integers in L and ones or twos on its diagonal: exact, and well conditioned.
    n = _square("spd", shape)
    lower = np.tril(draw(_values(shape, st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.5]), "any")), -1)
    diagonal = draw(_values(shape[:-1], st.sampled_from([1.0, 2.0, 1.5]), "any"))
    factor = lower + diagonal[..., None] * np.eye(n)
    return np.asarray(factor @ factor.swapaxes(-1, -2))


@composite
def _invertible(draw: Any, shape: Shape) -> np.ndarray:
    # Each diagonal element outweighs the rest of its row.
    n = _square("invertible", shape)
    rest = draw(_values(shape, st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.5]), "any")) * (1 - np.eye(n))
    sign: Any = draw(_values(shape[:-1], st.sampled_from([1.0, -1.0]), "any"))
    return np.asarray(rest + (sign * (np.abs(rest).sum(axis=-1) + 1))[..., None] * np.eye(n))


@composite
def _onehot(draw: Any, shape: Shape) -> np.ndarray:
    if not shape or not shape[-1]:
        raise ValueError(f"strategies: expected a shape (..., K) with K > 0 for the domain 'onehot'; received {shape}")
    classes = draw(_values(shape[:-1], st.integers(0, shape[-1] - 1), "any"))
    return np.asarray(classes[..., None] == np.arange(shape[-1]), float)


_MATRICES = {"spd": _spd, "invertible": _invertible, "onehot": _onehot}


# ---- memory ---------------------------------------------------------------------------------------------------------


def layouts(array: np.ndarray) -> Any:
    """Draw an array of the same values in other memory: strided, reversed, Fortran-ordered, repeated or read-only.

    Args:
        array: the values.

    Example:
        >>> from hypothesis import find
        >>> find(layouts(np.arange(4.0)), lambda a: True).shape
        (4,)
    """
    possible = [name for name in LAYOUTS if has_layout(array, name)]
    return st.sampled_from(possible).map(functools.partial(in_layout, array))


def has_layout(array: np.ndarray, name: str) -> bool:
    """Return whether an array can lie in memory like that."""
    if name == "repeated":
        return array.ndim > 0 and array.shape[0] > 0 and bool(np.all(array == array[:1]))
    return name in ("C", "read-only") or array.ndim > 0


def in_layout(array: np.ndarray, name: str) -> np.ndarray:
    """Return the same values in memory of this layout."""
    if name == "every other":
        return np.repeat(array, 2, axis=0)[::2]
    if name == "backwards":
        return np.ascontiguousarray(array[::-1])[::-1]
    if name == "Fortran":
        return np.array(array, order="F")
    if name == "repeated":
        return np.broadcast_to(array[0], array.shape)
    copy = np.array(array, order="C")
    copy.flags.writeable = name != "read-only"
    return copy


# ---- axes and indices -----------------------------------------------------------------------------------------------


KINDS = ("basic", "integers", "mask", "mixed")


def _ndim(x: Any) -> int:
    if isinstance(x, int):
        return x
    return len(x) if isinstance(x, tuple) else np.ndim(x)


def axis(x: Any, *, none: bool = False) -> Any:
    """Draw one axis of an array, counted from the front or from the back.

    Args:
        x: the array, its shape, or how many axes it has; one without axes has only None.
        none: draw None too, which means all axes.

    Example:
        >>> from hypothesis import find
        >>> find(axis(3), lambda drawn: drawn == 2)
        2
    """
    ndim = _ndim(x)
    if not ndim:
        return st.none()
    return st.integers(-ndim, ndim - 1) | st.none() if none else st.integers(-ndim, ndim - 1)


def axes(x: Any) -> Any:
    """Draw what a reduction takes as `axis`: None, one axis, or a tuple of different axes.

    Args:
        x: array, shape or number of axes.

    Example:
        >>> from hypothesis import find
        >>> len(find(axes(3), lambda drawn: isinstance(drawn, tuple) and len(drawn) == 2))
        2
    """
    ndim = _ndim(x)
    if not ndim:
        return st.none()
    return st.none() | st.integers(-ndim, ndim - 1) | hnp.valid_tuple_axes(ndim)


def indices(shape: Any, *, kinds: tuple[str, ...] = KINDS) -> Any:
    """Draw an index for `x[...]`.

    Args:
        shape: of x, or x itself.
        kinds: of "basic" (ints, slices of any step, ellipsis, newaxis), "integers" (integer arrays that broadcast,
            one for each axis, with repetitions), "mask" (booleans), "mixed" (all of them together).

    Example:
        >>> from hypothesis import find
        >>> index = find(indices((3,)), lambda index: True)
        >>> np.arange(3.0)[index].size >= 0
        True
    """
    shape = shape if isinstance(shape, tuple) else np.shape(shape)
    empty = math.prod(shape) == 0
    possible = {
        "basic": lambda: hnp.basic_indices(shape, allow_newaxis=True, max_dims=len(shape) + 2),
        "integers": lambda: hnp.integer_array_indices(
            shape, result_shape=hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)
        ),
        "mask": lambda: _masks(shape),
        "mixed": lambda: _mixed_index(shape),
    }
    unknown = [kind for kind in kinds if kind not in possible]
    if unknown:
        raise ValueError(f"indices: expected kinds among {', '.join(KINDS)}; received {', '.join(map(repr, unknown))}")
    # An empty array or a number has no elements that an integer array could name.
    named = [kind for kind in kinds if kind != "integers" or (shape and not empty)]
    return st.one_of(*(possible[kind]() for kind in named or ("basic",)))


def _masks(shape: tuple[int, ...]) -> Any:
    size = math.prod(shape)
    return st.lists(st.booleans(), min_size=size, max_size=size).map(lambda v: np.array(v, bool).reshape(shape))


@composite
def _mixed_index(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
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
            # A mask counts as as many positions as it is True at; those must broadcast with the other arrays.
            count = draw(st.sampled_from([1, *([length] if length <= n else [])]))
            where = draw(st.permutations(range(n)))[:count]
            entries.append(np.isin(np.arange(n), where))
    return tuple(entries)
