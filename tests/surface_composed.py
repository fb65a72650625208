"""Cases for functions that arrange, choose, join, cut and create; see `composed_cases`. Data only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .composed_cases import ComposedCase, case

__all__ = ["COMPOSED_CASES", "changed"]


def changed(f: Callable[..., Any], target: Any, *rest: Any, **named: Any) -> Any:
    """Return a copy that a function which changes its argument has changed."""
    target = np.copy(target)
    assert f(target, *rest, **named) is None
    return target


TURNS = [
    case(np.rollaxis, (2, 3, 4), lambda x: np.rollaxis(x, 2), lambda x: np.rollaxis(x, axis=-1, start=0)),
    case(np.rollaxis, (2, 3, 4), lambda x: np.rollaxis(x, 0, 3), lambda x: np.rollaxis(x, 0, start=3)),
    *(case(np.rot90, (2, 3), lambda x, k=k: np.rot90(x, k), lambda x, k=k: np.rot90(x, k=k - 4)) for k in range(4)),
    case(np.rot90, (2, 3, 2), lambda x: np.rot90(x, 1, (2, 0)), lambda x: np.rot90(x, axes=(-1, 0))),
    case(np.roll, (2, 3), lambda x: np.roll(x, 2), lambda x: np.roll(x, shift=-4)),
    case(np.roll, (2, 3), lambda x: np.roll(x, 1, axis=1), lambda x: np.roll(x, -2, -1)),
    case(np.roll, (2, 3), lambda x: np.roll(x, (1, 2), (0, 1)), lambda x: np.roll(x, shift=(1, -1), axis=(0, 1))),
    case(np.roll, (0,), lambda x: np.roll(x, 1)),
]

MORE_AXES = [
    *(case(f, (), lambda x, f=f: f(x)) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d)),
    *(case(f, (3,), lambda x, f=f: f(x)) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d)),
    *(case(f, (2, 3), lambda x, f=f: f(x)) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d)),
    case(np.atleast_3d, (2, 1, 3), lambda x: np.atleast_3d(x)),
    case(np.atleast_2d, ((3,), ()), lambda x, y: np.atleast_2d(x, y)),
    case(np.broadcast_arrays, ((3,), (2, 1)), lambda x, y: np.broadcast_arrays(x, y)),
    case(np.meshgrid, ((3,), (2,)), lambda x, y: np.meshgrid(x, y), lambda x, y: np.meshgrid(x, y, indexing="xy")),
    case(np.meshgrid, ((3,), (2,), ()), lambda x, y, z: np.meshgrid(x, y, z, indexing="ij")),
    case(np.meshgrid, ((3,), (2,)), lambda x, y: np.meshgrid(x, y, sparse=True)),
    case(np.meshgrid, ((3,),), lambda x: np.meshgrid(x)),
    case(np.ix_, ((3,), (2,)), lambda x, y: np.ix_(x, y)),
]

REPEATS = [
    case(np.repeat, (2, 3), lambda x: np.repeat(x, 2), lambda x: np.repeat(x, repeats=[2])),
    case(np.repeat, (2, 3), lambda x: np.repeat(x, 3, axis=0), lambda x: np.repeat(x, 3, -2)),
    case(np.repeat, (2, 3), lambda x: np.repeat(x, [1, 0, 2], axis=1), lambda x: np.repeat(x, (1, 0, 2), -1)),
    case(np.repeat, (), lambda x: np.repeat(x, 3)),
    case(np.tile, (2, 3), lambda x: np.tile(x, 2), lambda x: np.tile(x, reps=(1, 2))),
    case(np.tile, (3,), lambda x: np.tile(x, (2, 1, 2))),
    case(np.tile, (), lambda x: np.tile(x, 3)),
    case(np.tile, (2,), lambda x: np.tile(x, 0)),
    case(np.resize, (2, 3), lambda x: np.resize(x, (2, 5)), lambda x: np.resize(x, new_shape=(2, 5))),
    case(np.resize, (3,), lambda x: np.resize(x, 2)),
    case(np.resize, (2,), lambda x: np.resize(x, (0, 2))),
]

JOINS = [
    case(np.append, ((2, 3), (2,)), lambda x, y: np.append(x, y), lambda x, y: np.append(arr=x, values=y)),
    case(np.append, ((2, 3), (1, 3)), lambda x, y: np.append(x, y, axis=0)),
    case(np.append, ((3,),), lambda x: np.append(x, [1.0, 2.0])),
    case(np.column_stack, ((2,), (2, 3)), lambda x, y: np.column_stack((x, y)), lambda x, y: np.column_stack([x, y])),
    case(np.dstack, ((2, 3), (2, 3)), lambda x, y: np.dstack((x, y))),
    case(np.dstack, ((3,), (3,)), lambda x, y: np.dstack([x, y])),
    case(np.block, ((2, 2), (2, 1), (1, 3)), lambda x, y, z: np.block([[x, y], [z]])),
    case(np.block, ((2,), (3,)), lambda x, y: np.block([x, y])),
    case(np.block, ((2, 2), (2,)), lambda x, y: np.block([[x], [y]])),
    case(np.block, ((2,),), lambda x: np.block([x, 1.0])),
    case(np.insert, ((3,),), lambda x: np.insert(x, 1, 5.0), lambda x: np.insert(x, obj=-2, values=5.0)),
    case(np.insert, ((2, 3), (2,)), lambda x, y: np.insert(x, 1, y, axis=1)),
    case(np.insert, ((2, 3), (3,)), lambda x, y: np.insert(x, 2, y, 0)),
    case(np.insert, ((4,), (2,)), lambda x, y: np.insert(x, [1, 3], y), lambda x, y: np.insert(x, (1, 3), y)),
    case(np.insert, ((4,), (2,)), lambda x, y: np.insert(x, 1, y)),
    case(np.insert, ((4,), (2,)), lambda x, y: np.insert(x, [1], y)),
    case(np.insert, ((4,), (2,)), lambda x, y: np.insert(x, slice(0, 4, 2), y)),
    case(np.insert, ((2, 3), (2, 1)), lambda x, y: np.insert(x, [0, 2], y, axis=1)),
]

CUTS = [
    case(np.delete, (2, 3), lambda x: np.delete(x, 1), lambda x: np.delete(x, obj=-5)),
    case(np.delete, (2, 3), lambda x: np.delete(x, [0, 2], axis=1), lambda x: np.delete(x, (0, -1), 1)),
    case(np.delete, (4,), lambda x: np.delete(x, slice(1, 3))),
    case(np.delete, (3,), lambda x: np.delete(x, np.array([True, False, True]))),
    case(np.hsplit, (2, 4), lambda x: np.hsplit(x, 2), lambda x: np.hsplit(x, [2])),
    case(np.hsplit, (4,), lambda x: np.hsplit(x, [1])),
    case(np.vsplit, (4, 2), lambda x: np.vsplit(x, 2), lambda x: np.vsplit(x, indices_or_sections=[2])),
    case(np.dsplit, (2, 1, 4), lambda x: np.dsplit(x, 2), lambda x: np.dsplit(x, [2])),
    case(np.trim_zeros, (3,), lambda x: np.trim_zeros(np.pad(x, (2, 1))), looks=True),
    case(np.trim_zeros, (3,), lambda x: np.trim_zeros(np.pad(x, (2, 1)), "f"), looks=True),
    case(np.trim_zeros, (3,), lambda x: np.trim_zeros(np.pad(x, (2, 1)), trim="b"), looks=True),
    case(np.trim_zeros, (3,), lambda x: np.trim_zeros(x * 0.0), looks=True),
    case(
        np.lib.stride_tricks.sliding_window_view,
        (5,),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 3),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, window_shape=(3,), axis=0),
    ),
    case(
        np.lib.stride_tricks.sliding_window_view,
        (3, 4),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3)),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3), (0, 1)),
    ),
]
if hasattr(np, "unstack"):
    CUTS += [
        case(np.unstack, (2, 3), lambda x: np.unstack(x)),
        case(np.unstack, (2, 3), lambda x: np.unstack(x, axis=-1)),
    ]

_WHICH = np.array([[0, 2, 1], [1, 1, 0]])
_MASK = np.array([True, False, True])

CHOICES = [
    case(np.take, (2, 3), lambda x: np.take(x, [0, 5, 0]), lambda x: np.take(x, indices=(0, 5, 0), axis=None)),
    case(np.take, (2, 3), lambda x: np.take(x, [[0, 2], [-1, 0]], axis=1), lambda x: np.take(x, [[0, 2], [-1, 0]], -1)),
    case(np.take, (2, 3), lambda x: np.take(x, 1, axis=0), lambda x: np.take(x, -1, 0)),
    case(np.take, (3,), lambda x: np.take(x, [4, -5], mode="wrap"), lambda x: np.take(x, [4, -5], 0, None, "wrap")),
    case(np.take, (3,), lambda x: np.take(x, [4, -5], mode="clip")),
    case(np.take, (4, 2), lambda x: np.take(x, np.argsort(x, axis=0), axis=0)),
    case(np.take, ((4,), (2, 2)), lambda x, y: np.take(x, np.searchsorted([-1.0, 0.5], y) - 3, mode="wrap")),
    case(np.compress, (2, 3), lambda x: np.compress(_MASK, x, axis=1), lambda x: np.compress(_MASK, a=x, axis=-1)),
    case(np.compress, (2, 3), lambda x: np.compress([True, False, True, True], x)),
    case(np.extract, (3,), lambda x: np.extract(_MASK, x), lambda x: np.extract(condition=_MASK, arr=x)),
    case(np.extract, (2, 3), lambda x: np.extract(x > 0, x), looks=True),
    case(
        np.choose, ((3,), ()), lambda x, y: np.choose(_WHICH, [x, y, 1.0]), lambda x, y: np.choose(_WHICH, (x, y, 1.0))
    ),
    case(np.choose, ((3,), (3,)), lambda x, y: np.choose(_WHICH, [x, y], mode="wrap")),
    case(np.choose, ((3,), (3,)), lambda x, y: np.choose(_WHICH, [x, y], mode="clip")),
    case(np.choose, ((2, 3),), lambda x: np.choose([0, 1, 0], x), looks=True),
    case(
        np.select,
        ((3,), (2, 3)),
        lambda x, y: np.select([x > 0, y > 0], [x, y * 2], default=x * y),
        lambda x, y: np.select((x > 0, y > 0), (x, y * 2), x * y),
    ),
    case(np.select, ((3,),), lambda x: np.select([_MASK, ~_MASK], [x, 3 * x])),
    case(
        np.piecewise, ((3,),), lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v * v]), looks=True
    ),
    case(np.piecewise, ((3,),), lambda x: np.piecewise(x, _MASK, [lambda v, k: k * v, 7.0], 3.0), looks=True),
    case(np.piecewise, ((),), lambda x: np.piecewise(x, [x > 0, x <= 0], [np.exp, np.square]), looks=True),
]

IN_PLACE = [
    case(np.copyto, ((2, 3), (3,)), lambda x, y: changed(np.copyto, x, y), looks=True),
    case(np.copyto, ((2, 3), (3,)), lambda x, y: changed(np.copyto, x, y, where=_MASK), looks=True),
    case(np.put, ((2, 3), (2,)), lambda x, y: changed(np.put, x, [0, 4], y), looks=True),
    case(np.put, ((2, 3), (2,)), lambda x, y: changed(np.put, x, [0, 4, -1], y), looks=True),
    case(np.put, ((3,), ()), lambda x, y: changed(np.put, x, [7, 1], y, mode="wrap"), looks=True),
    case(np.put, ((3,), ()), lambda x, y: changed(np.put, x, [7, -3], y, mode="clip"), looks=True),
    case(np.place, ((2, 3), (2,)), lambda x, y: changed(np.place, x, _WHICH > 0, y), looks=True),
    case(np.putmask, ((2, 3), (2, 3)), lambda x, y: changed(np.putmask, x, _WHICH > 0, y), looks=True),
    case(np.putmask, ((2, 3), (2,)), lambda x, y: changed(np.putmask, x, _WHICH > 0, y), looks=True),
    case(np.fill_diagonal, ((3, 3), ()), lambda x, y: changed(np.fill_diagonal, x, y), looks=True),
    case(np.fill_diagonal, ((5, 2), (2,)), lambda x, y: changed(np.fill_diagonal, x, y, wrap=True), looks=True),
    case(
        np.put_along_axis,
        ((2, 3), (2, 1)),
        lambda x, y: changed(np.put_along_axis, x, np.array([[0], [2]]), y, 1),
        looks=True,
    ),
    case(
        np.put_along_axis, ((3,), ()), lambda x, y: changed(np.put_along_axis, x, np.array([0, 2]), y, None), looks=True
    ),
]

SPACINGS = [
    case(np.linspace, ((), ()), lambda x, y: np.linspace(x, y, 5), lambda x, y: np.linspace(start=x, stop=y, num=5)),
    case(
        np.linspace, ((2,), ()), lambda x, y: np.linspace(x, y, 4, axis=-1), lambda x, y: np.linspace(x, y, 4, axis=1)
    ),
    case(
        np.linspace,
        ((), ()),
        lambda x, y: np.linspace(x, y, 4, endpoint=False),
        lambda x, y: np.linspace(x, y, 4, False),
    ),
    case(np.linspace, ((), ()), lambda x, y: np.linspace(x, y, 3, retstep=True)),
    case(np.linspace, ((), ()), lambda x, y: np.linspace(x, y, 1)),
    case(np.linspace, ((), ()), lambda x, y: np.linspace(x, y, 0)),
    case(np.linspace, ((),), lambda x: np.linspace(0, x, 3, dtype=np.float32), looks=True),
    case(np.logspace, ((), ()), lambda x, y: np.logspace(x, y, 4), lambda x, y: np.logspace(x, y, num=4, base=10.0)),
    case(np.logspace, ((2,), ()), lambda x, y: np.logspace(x, 1.0, 3, base=y, axis=1), domain="positive"),
    case(np.geomspace, ((), ()), lambda x, y: np.geomspace(x, y, 5), domain="positive"),
    case(np.geomspace, ((2,), ()), lambda x, y: np.geomspace(-x, -y, 4, endpoint=False, axis=-1), domain="positive"),
    case(np.geomspace, ((), ()), lambda x, y: np.geomspace(x, y, 1), domain="positive"),
]

COMPOSED_CASES: list[ComposedCase] = [
    *TURNS,
    *MORE_AXES,
    *REPEATS,
    *JOINS,
    *CUTS,
    *CHOICES,
    *IN_PLACE,
    *SPACINGS,
]
