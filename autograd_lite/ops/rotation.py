"""Rotary positions: pairs of features as points of a plane, turned by angles, in one pass each way."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.equivalents import LOOPS, Loops
from ..core.errors import ShapeError
from ..core.op import Op, structural
from ..core.shape_arithmetic import ShapeDtype
from ..native.kernels import KERNELS, NATIVE

_KERNEL = KERNELS.get("rotate")


def _first(x: Any, *, step: int) -> Any:
    """Return a view of the first of each pair: (i, i + n/2), or with a step of 2 (2i, 2i + 1)."""
    return x[..., ::2] if step == 2 else x[..., : x.shape[-1] // 2]


def _second(x: Any, *, step: int) -> Any:
    return x[..., 1::2] if step == 2 else x[..., x.shape[-1] // 2 :]


_PARTS = {step: [functools.partial(part, step=step) for part in (_first, _second)] for step in (1, 2)}


def _is_native(x: Any, cos: Any, sin: Any) -> bool:
    """Return whether the kernel takes these arrays; it does not repeat angles along a row."""
    native = _KERNEL is not None and x.dtype.char in "fd" and x.size > 0
    return native and all(
        a.__class__ in NATIVE and a.dtype == x.dtype and a.shape[-1:] == (x.shape[-1] // 2,) for a in (cos, sin)
    )


def _check_shapes(*shapes: tuple[int, ...]) -> None:
    *rows, n = shapes[0] or (1,)
    pairs = (*rows, n // 2)
    try:
        fits = n % 2 == 0 and np.broadcast_shapes(pairs, *shapes[1:]) == pairs
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"rotate_pairs: expected an even number of features, and angles for half of them, that broadcast to shape "
            f"{pairs}; received shapes {', '.join(map(str, shapes))}"
        )


def _rotate(x: Any, cos: Any, sin: Any, *, step: int) -> Any:
    _check_shapes(x.shape, cos.shape, sin.shape)
    a, b = _first(x, step=step), _second(x, step=step)
    if x.__class__ is np.ndarray and _is_native(x, cos, sin):
        out = np.empty(x.shape, x.dtype)
        _KERNEL(a, b, cos, sin, out=(_first(out, step=step), _second(out, step=step)))  # type: ignore[misc]
        return out
    return _turn(a, b, cos, sin, step=step)


def _turn(a: Any, b: Any, cos: Any, sin: Any, *, step: int) -> Any:
    """Return the rows of turned pairs, by NumPy's operations."""
    pairs = [a * cos - b * sin, b * cos + a * sin]
    if step == 1:
        return np.concatenate(pairs, axis=-1)
    return np.stack(pairs, axis=-1).reshape(*a.shape[:-1], 2 * a.shape[-1])


def _loops(x: Any, cos: Any, sin: Any, *, step: int) -> tuple[Loops, Sequence[Any]] | None:
    if _KERNEL is None or not _is_native(x, cos, sin):
        return None

    loops = Loops(functools.partial(_turn, step=step), _KERNEL, parts=_PARTS[step])
    return loops, (_first(x, step=step), _second(x, step=step), cos, sin)


LOOPS[_rotate] = _loops


def _turn_back(g: Any, out: Any, x: Any, cos: Any, sin: Any, *, step: int) -> Any:
    return rotate_pairs(g, cos, -sin, step=step)


def _pullback_by_cos(g: Any, out: Any, x: Any, cos: Any, sin: Any, *, step: int) -> Any:
    return _first(g, step=step) * _first(x, step=step) + _second(g, step=step) * _second(x, step=step)


def _pullback_by_sin(g: Any, out: Any, x: Any, cos: Any, sin: Any, *, step: int) -> Any:
    return _second(g, step=step) * _first(x, step=step) - _first(g, step=step) * _second(x, step=step)


def _jvp(tangents: Sequence[Any], out: Any, x: Any, cos: Any, sin: Any, *, step: int) -> Any:
    t, by_cos, by_sin = tangents
    turned = None if t is None else rotate_pairs(t, cos, sin, step=step)
    if by_cos is None and by_sin is None:
        return turned
    more = rotate_pairs(x, 0 * cos if by_cos is None else by_cos, 0 * sin if by_sin is None else by_sin, step=step)
    return more if turned is None else turned + more


def _infer(x: ShapeDtype, cos: ShapeDtype, sin: ShapeDtype, *, step: int) -> ShapeDtype:
    _check_shapes(x.shape, cos.shape, sin.shape)
    one, by_cos, by_sin = (np.ones(1, a.dtype) for a in (x, cos, sin))
    return ShapeDtype(x.shape, (one * by_cos - one * by_sin).dtype)


def _batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    x = inputs[0] if batched[0] else batching.broadcast_batch(inputs, batched)[0]
    return batching.gufunc(1, 1, 1)(op, (x, *inputs[1:]), (True, *batched[1:]), params)


# (a, b) to (a cos - b sin, b cos + a sin).
rotate_pairs: Op = structural(
    "rotate_pairs",
    _rotate,
    _turn_back,
    _pullback_by_cos,
    _pullback_by_sin,
    infer=_infer,
    saves=("zy", "x", "x"),
    jvp=_jvp,
    batch=_batch,
    cost=3,
)
