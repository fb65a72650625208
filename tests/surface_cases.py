"""Cases for scans, gathers along an axis, sorting, convolution and complex parts; see `op_cases`. Data only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import surface_composed, surface_numbers
from .composed_cases import ComposedCase
from .op_cases import BINARY, INDEXINGS, UNARY, OpCase, axes, rows, ufuncs
from .special_values import Special
from .surface_composed import changed

__all__ = ["CASES", "COMPOSED_CASES", "SPECIAL"]

inf, nan = np.inf, np.nan

# ---- scans ----------------------------------------------------------------------------------------------------------

SCAN_AXES = [
    (((3,),), {"axis": 0}),
    (((2, 3),), {"axis": 1}),
    (((5, 1, 2),), {"axis": 0}),
    (((4, 3, 2),), {"axis": 0}),
    (((1, 3),), {"axis": 0}),
    (((0, 3),), {"axis": 0}),
    (((2, 0),), {"axis": 0}),
]


def _recurrence(x: Any, y: Any, axis: int) -> Any:
    x, y = np.broadcast_arrays(x, y)
    z = np.zeros_like(np.take(y, 0, axis)) if y.shape[axis] else None
    steps = []
    for k in range(y.shape[axis]):
        z = np.take(x, k, axis) * z + np.take(y, k, axis)
        steps.append(z)
    return np.stack(steps, axis) if steps else y


def _running_extreme(x: Any, axis: int, largest: bool) -> Any:
    return (np.maximum if largest else np.minimum).accumulate(x, axis)


SCANS = [
    *rows("cumsum", np.cumsum, SCAN_AXES),
    *rows("cumprod", np.cumprod, SCAN_AXES),
    *rows("cumprod", np.cumprod, [(((3,),), {"axis": 0}), (((4, 3, 2),), {"axis": 0})], domain="complex"),
    *rows(
        "recurrence",
        _recurrence,
        [((shape, shape), p) for (shape,), p in SCAN_AXES] + [(((3, 1), (3, 2)), {"axis": 0})],
    ),
    *rows(
        "running_extreme",
        _running_extreme,
        [(shapes, {**p, "largest": largest}) for shapes, p in SCAN_AXES[:5] for largest in (True, False)],
        domain="distinct",
    ),
]

# ---- along one axis -------------------------------------------------------------------------------------------------


def _add_along(x: Any, y: Any, axis: int, length: int) -> Any:
    shape = list(x.shape)
    shape[axis] = length
    out = np.zeros(shape, x.dtype)
    index: list[Any] = list(np.indices(x.shape, sparse=True))
    index[axis] = y
    np.add.at(out, tuple(index), x)
    return out


def _gather(x: Any, y: Any) -> Any:
    return x[tuple(np.moveaxis(y, -1, 0))]


def _gather_adjoint(x: Any, y: Any, shape: Any) -> Any:
    out = np.zeros(shape, x.dtype)
    np.add.at(out, tuple(np.moveaxis(y, -1, 0)), x)
    return out


ALONG = [
    *rows(
        "gather",
        _gather,
        [(((6, 2), (4, 1)), {}), (((6, 6, 2), (2, 3, 2)), {}), (((6,), (1,)), {}), (((6, 2), (0, 1)), {})],
        domain=("any", "shift"),
        exempt={"indices": "the second input holds indices, which are integers"},
    ),
    *rows(
        "gather_adjoint",
        _gather_adjoint,
        [
            (((4, 2), (4, 1)), {"shape": (6, 2)}),
            (((2, 3, 2), (2, 3, 2)), {"shape": (6, 6, 2)}),
            (((), (1,)), {"shape": (6,)}),
            (((0, 2), (0, 1)), {"shape": (6, 2)}),
        ],
        domain=("any", "shift"),
        exempt={"indices": "the second input holds indices, which are integers"},
    ),
    *rows(
        "take_along_axis",
        np.take_along_axis,
        [
            (((6,), (4,)), {"axis": 0}),
            (((2, 6), (2, 3)), {"axis": 1}),
            (((6, 2), (3, 1)), {"axis": 0}),
            (((1, 6), (2, 3)), {"axis": 1}),
            (((6, 2), (0, 2)), {"axis": 0}),
        ],
        domain=("any", "shift"),
        exempt={"indices": "the second input holds indices, which are integers"},
    ),
    *rows(
        "add_along_axis",
        _add_along,
        [
            (((4,), (4,)), {"axis": 0, "length": 6}),
            (((2, 3), (2, 3)), {"axis": 1, "length": 6}),
            (((3, 2), (3, 1)), {"axis": 0, "length": 7}),
            (((0, 2), (0, 2)), {"axis": 0, "length": 2}),
        ],
        domain=("any", "shift"),
        exempt={"indices": "the second input holds indices, which are integers"},
    ),
]

SORTS = [
    *rows(
        "argsort",
        np.argsort,
        [
            (shapes, {"axis": axis, "kind": "stable"})
            for shapes, axis in ((((5,),), 0), (((2, 3),), 1), (((3, 2),), 0), (((0, 2),), 0))
        ],
        domain="coarse",
    ),
    *rows(
        "argpartition",
        lambda x, axis, kth: np.argpartition(x, kth, axis),
        [(((5,),), {"axis": 0, "kth": (2,)}), (((2, 4),), {"axis": 1, "kth": (1, 3)})],
        domain="distinct",
    ),
    *rows(
        "searchsorted",
        lambda x, y, side: np.searchsorted(x, y, side),
        [
            ((shape, other), {"side": side})
            for shape, other in (((1,), (2, 3)), ((1,), ()))
            for side in ("left", "right")
        ],
        domain="coarse",
    ),
    *rows("nanargmax", np.nanargmax, axes(((3,), None), ((2, 3), 0), ((2, 3, 2), 1)), domain="coarse"),
    *rows("nanargmin", np.nanargmin, axes(((3,), None), ((2, 3), 0), ((2, 3, 2), 1)), domain="coarse"),
]

SEQUENCES = [
    OpCase("full_convolution", np.convolve, (((3,), (2,)), ((1,), (1,)), ((2,), (4,)))),
    OpCase("full_convolution", np.convolve, (((3,), (2,)),), "complex"),
    OpCase("valid_convolution", partial(np.convolve, mode="valid"), (((3,), (2,)), ((1,), (1,)), ((4,), (4,)))),
    OpCase("valid_convolution", partial(np.convolve, mode="valid"), (((3,), (2,)),), "complex"),
]

# ---- functions of one element ---------------------------------------------------------------------------------------


def _slope(f: Callable[..., Any], order: int) -> Callable[..., Any]:
    """Return a derivative by a circle of complex points, to about 1e-12; for references alone."""

    def derivative(x: Any, **_: Any) -> Any:
        x = np.asarray(x)
        turns = np.exp(2j * np.pi * np.arange(64) / 64)
        around = [f(x + turn) * turn**-order for turn in turns]
        scale = float(np.prod(np.arange(1, order + 1)))
        return np.asarray(np.mean(np.real(around), axis=0) * scale).astype(np.result_type(x, np.float16))

    return derivative


def _bessel(x: Any, order: int) -> Any:
    """Return I_n(x) by its integral, which the trapezoidal rule finds to the last digit."""
    angles = np.pi * (np.arange(64) + 0.5) / 64
    x = np.asarray(x)
    waves = np.exp(np.multiply.outer(x.astype(float), np.cos(angles))) * np.cos(order * angles)
    return np.asarray(np.mean(waves, axis=-1)).astype(np.result_type(x, np.float16))


ELEMENTS = [
    OpCase("sinc", lambda x, order: np.sinc(x), UNARY, params=({"order": 0},), calls=(lambda x, order: np.sinc(x),)),
    *(OpCase("sinc", _slope(np.sinc, n), UNARY[:3], params=({"order": n},)) for n in (1, 2, 3)),
    OpCase("bessel_i", _bessel, UNARY, params=({"order": 0},), calls=(lambda x, order: np.i0(x),)),
    OpCase("bessel_i", _bessel, UNARY, params=tuple({"order": n} for n in (1, 2, 3))),
    OpCase("divmod", np.divmod, BINARY, "off jumps", calls=(np.divmod,)),
    OpCase("modf", np.modf, UNARY, "between", calls=(np.modf,)),
    OpCase("frexp", np.frexp, UNARY, "nonzero", calls=(np.frexp,)),
    OpCase("stop_gradient", lambda x: x, UNARY),
    OpCase("real", lambda x: np.array(np.real(x)), UNARY),
    OpCase("imag", lambda x: np.array(np.imag(x)), UNARY),
]

_REAL_RESULT = {"dtype": "its result is real, and its gradient is complex as the input is"}
COMPLEX = [
    *ufuncs((((2, 3),),), "complex", np.absolute, exempt=_REAL_RESULT),
    OpCase("real", lambda x: np.array(np.real(x)), (((2, 3),),), "complex", exempt=_REAL_RESULT),
    OpCase("imag", lambda x: np.array(np.imag(x)), (((2, 3),),), "complex", exempt=_REAL_RESULT),
    *ufuncs((((2, 3),),), "complex", np.sign, np.conjugate, np.negative, np.positive),
    *ufuncs((((2, 3),),), "complex", np.square, np.reciprocal, np.sqrt, np.exp, np.exp2, np.expm1),
    *ufuncs((((2, 3),),), "complex", np.log, np.log2, np.log10, np.log1p),
    *ufuncs((((2, 3),),), "complex", np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh),
    *ufuncs((((2, 3),),), "complex", np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh),
    *ufuncs((((2, 3), (3,)),), "complex", np.add, np.subtract, np.multiply, np.divide, np.power),
    *ufuncs((((2, 3), (3,)),), ("any", "complex"), np.multiply, np.divide, np.add),
    *ufuncs((((2, 3), (3,)),), ("nonzero", "complex"), np.power),
    *rows("sum", np.sum, axes(((2, 3), (0,)), dtype=None), domain="complex"),
    *rows("mean", np.mean, axes(((2, 3), (0,)), dtype=None), domain="complex"),
    *rows("prod", np.prod, axes(((2, 3), (0,)), dtype=None), domain="complex"),
    *rows("var", np.var, axes(((2, 3), (1,)), ((3,), None), ddof=0.5), domain="complex", exempt=_REAL_RESULT),
    *rows("std", np.std, axes(((2, 3), (1,)), ((3,), None), ddof=0.5), domain="complex", exempt=_REAL_RESULT),
    *rows("getitem", lambda x, index: x[index], [((s,), {"index": i}) for s, i in INDEXINGS[3::7]], domain="complex"),
    OpCase("where", np.where, (((2, 3), (3,), ()),), ("bool", "complex", "any")),
]

CASES: list[OpCase] = [*SCANS, *ALONG, *SORTS, *SEQUENCES, *ELEMENTS, *COMPLEX]
COMPOSED_CASES: list[ComposedCase] = [*surface_composed.COMPOSED_CASES, *surface_numbers.COMPOSED_CASES]

# ---- conventions ----------------------------------------------------------------------------------------------------

WEIGHTS = np.array([10.0, 20.0, 30.0])
SPECIAL: list[Special] = [
    Special("sort ties", lambda x: np.sort(x) * WEIGHTS, ([2.0, 1.0, 2.0],), ([20, 10, 30],)),
    Special("partition", lambda x: np.partition(x, 1)[1], ([3.0, 1.0, 2.0],), ([0, 0, 1],)),
    Special("median even", np.median, ([1.0, 2.0, 3.0, 4.0],), ([0, 0.5, 0.5, 0],)),
    Special("median odd tie", np.median, ([1.0, 2.0, 2.0],), ([0, 1, 0],)),
    Special("median with nan", np.median, ([1.0, nan, 2.0],), ([0, 1, 0],)),
    Special("nanmedian", np.nanmedian, ([1.0, nan, 2.0],), ([0.5, 0, 0.5],)),
    Special("quantile .5", lambda x: np.quantile(x, 0.5), ([1.0, 2.0, 3.0, 4.0],), ([0, 0.5, 0.5, 0],)),
    Special("quantile by q", lambda x, q: np.quantile(x, q), ([1.0, 2.0, 4.0], 0.75), ([0, 0.5, 0.5], 4)),
    Special("ptp tie", np.ptp, ([1.0, 1.0],), ([0, 0],)),
    Special("sinc(0)", np.sinc, (0.0,), (0,)),
    Special("sinc(1e-12)", np.sinc, (1e-12,), (-(np.pi**2) / 3 * 1e-12,)),
    Special("i0(0)", np.i0, (0.0,), (0,)),
    Special("cumprod([2, 0, 3])", np.cumprod, ([2.0, 0.0, 3.0],), ([1, 8, 0],)),
    Special("cumprod([0, 0, 3])", np.cumprod, ([0.0, 0.0, 3.0],), ([1, 0, 0],)),
    Special("cumprod of nothing", np.cumprod, ([],), ([],)),
    Special("nan_to_num", np.nan_to_num, ([nan, 1.0, inf],), ([0, 1, 0],)),
    Special("nansum", np.nansum, ([nan, 1.0],), ([0, 1],)),
    Special("nanmean", np.nanmean, ([nan, 1.0],), ([0, 1],)),
    Special("nanprod", np.nanprod, ([nan, 0.0, 3.0],), ([0, 3, 0],)),
    Special("nanmax", np.nanmax, ([nan, 1.0, 1.0],), ([0, 0.5, 0.5],)),
    Special("nanmin", np.nanmin, ([nan, 1.0, 2.0],), ([0, 1, 0],)),
    Special("nanmax of nan", np.nanmax, ([nan, nan],), ([0, 0],)),
    Special("nanvar", np.nanvar, ([nan, 1.0, 3.0],), ([0, -1, 1],)),
    Special("nanstd of equals", np.nanstd, ([nan, 5.0, 5.0],), ([0, 0, 0],)),
    Special("std of equals, where", lambda x: np.std(x, where=[True, True, False]), ([5.0, 5.0, 1.0],), ([0, 0, 0],)),
    Special("unwrap", lambda x: np.unwrap(x) * WEIGHTS, ([0.0, 3.5, 7.0],), (WEIGHTS,)),
    Special("trapezoid", np.trapezoid, ([1.0, 2.0, 3.0],), ([0.5, 1, 0.5],)),
    Special("interp at a knot", lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), (1.0,), (4,)),
    Special("interp beyond", lambda x: np.interp(x, [0.0, 1.0], [2.0, 3.0]), ([-1.0, 2.0],), ([0, 0],)),
    Special("interp at the last knot", lambda x: np.interp(x, [0.0, 1.0], [2.0, 5.0]), (1.0,), (3,)),
    Special("unique", np.unique, ([2.0, 1.0, 2.0],), ([1, 1, 0],)),
    Special("max with initial tie", lambda x: np.max(x, initial=3.0), ([3.0, 1.0],), ([0.5, 0],)),
    Special("max below initial", lambda x: np.max(x, initial=9.0), ([3.0, 1.0],), ([0, 0],)),
    Special("sum where nan", lambda x: np.sum(x, where=[True, False]), ([3.0, nan],), ([1, 0],)),
    Special("put twice", lambda x, v: changed(np.put, x, [0, 0], v), ([1.0, 2.0], [3.0, 4.0]), ([0, 1], [0, 1])),
    Special(
        "multiply.at twice",
        lambda x, v: changed(np.multiply.at, x, [0, 0], v),
        ([1.0, 2.0], [3.0, 4.0]),
        ([12, 1], [4, 3]),
    ),
    Special("add.at twice", lambda x, v: changed(np.add.at, x, [0, 0], v), ([1.0, 2.0], [3.0, 4.0]), ([1, 1], [1, 1])),
    Special("angle(0)", np.angle, (0.0,), (0,)),
    Special("fix(1.5)", np.fix, (1.5,), (0,)),
    Special("frexp", lambda x: np.frexp(x)[0], (6.0,), (0.125,)),
    Special("clip by select", lambda x: np.select([x > 1, x < 0], [1.0, 0.0], x), ([2.0, 0.5, -1.0],), ([0, 1, 0],)),
    Special("logaddexp.reduce", np.logaddexp.reduce, ([0.0, 0.0],), ([0.5, 0.5],)),
    Special("hypot.reduce at 0", np.hypot.reduce, ([0.0, 0.0],), ([0, 0],)),
]
