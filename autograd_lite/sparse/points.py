"""The arguments of sparse derivatives: those to differentiate by, as one vector, and the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.depth import DEPTH
from ..core.dynamic_scalars import DynamicScalar
from ..core.errors import DtypeError, GradError
from ..core.mode import MODE, TAPES
from ..functional.argument_selection import array_like, floating, positions
from ..tensors.tensor import Tensor
from ..tree import items, leaves, rebuild


class Point(NamedTuple):
    """The arguments of a call: those to differentiate by, the others, and those by keyword."""

    chosen: tuple[Any, ...]
    others: tuple[Any, ...]
    keywords: dict[str, Any]


def of_point(f: Callable[..., Any], argnums: int | Sequence[int]) -> Callable[..., Any]:
    """Return a function of arguments as a function of the three parts of a `Point`."""

    def of_parts(chosen: tuple[Any, ...], others: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        n = len(chosen) + len(others)
        numbers = [i % n for i in ((argnums,) if isinstance(argnums, int) else argnums)]
        args = list(others)
        for i, a in sorted(zip(numbers, chosen, strict=True), key=lambda pair: pair[0]):
            args.insert(i, a)
        return f(*args, **keywords)

    of_parts.__name__ = getattr(f, "__name__", type(f).__name__)
    return of_parts


def point_of(
    called: str, f: Callable[..., Any], argnums: int | Sequence[int], args: Sequence[Any], keywords: dict[str, Any]
) -> Point:
    """Return arguments as a `Point`."""
    numbers = positions(called, f, argnums, tuple(args))
    others = tuple([a for i, a in enumerate(args) if i not in numbers])
    return Point(tuple([args[i] for i in numbers]), others, keywords)


def as_arrays(
    called: str, f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...], kinds: str = "fc"
) -> Sequence[Any]:
    """Return the arguments of a call with arrays for those to differentiate by.

    Args:
        called: for messages.
        f, argnums, args: the function, which arguments those are, and all of them.
        kinds: of the dtypes that they may have.

    Raises:
        DtypeError: if they have another.
        GradError: if the call is inside of a transformation or a compiled function.
    """
    if DEPTH.get().all or (TAPES and MODE.get().tape is not None):
        raise GradError(
            f"{called}: expected to be called on its own; received a call inside of another transformation or a "
            "compiled function. Its result is one of SciPy's, through which no derivative flows: call it outside, or "
            "take products there, with ag.jvp or ag.vjp"
        )
    if argnums == 0 and args and args[0].__class__ is np.ndarray and args[0].dtype.kind in kinds:
        return args
    inputs = list(args)
    for i in positions(called, f, argnums, args):
        x = array_like(inputs[i])
        arrays = [plain(floating(called, a, f"argument {i}{path}")) for path, a in items(x)]
        for a in arrays:
            if a.dtype.kind not in kinds:
                raise DtypeError(
                    f"{called}: expected real arguments; received argument {i} of dtype {a.dtype}. Pass real and "
                    "imaginary parts, and make the complex numbers inside of the function"
                )
        inputs[i] = rebuild(x, iter(arrays))
    return inputs


def plain(a: Any) -> Any:
    """Return an array without a history."""
    return a._data if isinstance(a, Tensor) else np.asarray(a)


def concrete(a: Any) -> Any:
    """Return an argument as an array whose values do not count, if it is one, or stands for a number."""
    if isinstance(a, Tensor):
        return a._data
    return np.asarray(a.value) if isinstance(a, DynamicScalar) else a


# ---- trees as vectors ------------------------------------------------------------------------------------------------


def size_of(tree: Any) -> int:
    """Return the number of elements."""
    return sum(int(np.size(a)) for a in leaves(tree))


def as_vector(tree: Any) -> Any:
    """Return all elements as one vector."""
    parts = [a if np.ndim(a) == 1 else a.reshape(-1) if isinstance(a, Tensor) else np.ravel(a) for a in leaves(tree)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.zeros(0)])


def as_tree(v: Any, like: Any) -> Any:
    """Return the elements of a vector in the structure, shapes and dtypes of a tree."""
    parts, start = [], 0
    for a in leaves(like):
        size, shape = int(np.size(a)), np.shape(a)
        part = v if size == v.size else v[start : start + size]
        part = part if part.shape == shape else part.reshape(shape)
        parts.append(part if part.dtype == a.dtype else part.astype(a.dtype))
        start += size
    return rebuild(like, iter(parts))
