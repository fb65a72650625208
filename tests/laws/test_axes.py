"""The law of axes: what NumPy makes of axis 0 and -1 of a number, which has no axes, its functions make of Tensors."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import BY_FUNCTION, COMPOSED

from ..rows import for_every

Call = Callable[[Any, Any, Any], Any]

# How functions are called that need more than x and axis.
CALLS: dict[str, Call] = {
    **dict.fromkeys(("take",), lambda f, x, axis: f(x, [0, 0], axis=axis)),
    **dict.fromkeys(("compress",), lambda f, x, axis: f([True], x, axis=axis)),
    **dict.fromkeys(("repeat",), lambda f, x, axis: f(x, 2, axis=axis)),
    **dict.fromkeys(("quantile", "percentile", "nanquantile", "nanpercentile"), lambda f, x, axis: f(x, 0.5, axis)),
    **dict.fromkeys(("delete", "partition", "argpartition", "roll"), lambda f, x, axis: f(x, 0, axis=axis)),
    **dict.fromkeys(("insert",), lambda f, x, axis: f(x, 0, 1.0, axis=axis)),
    **dict.fromkeys(("array_split", "split"), lambda f, x, axis: f(x, 1, axis=axis)),
    **dict.fromkeys(("concatenate", "stack"), lambda f, x, axis: f([x, x], axis=axis)),
    **dict.fromkeys(("apply_along_axis",), lambda f, x, axis: f(np.sum, axis, x)),
    **dict.fromkeys(("apply_over_axes",), lambda f, x, axis: f(np.sum, x, axis)),
    **dict.fromkeys(("take_along_axis",), lambda f, x, axis: f(x, np.array(0), axis=axis)),
    **dict.fromkeys(("append", "cross", "vecdot", "union1d"), lambda f, x, axis: f(x, x, axis=axis)),
    **dict.fromkeys(("linspace", "logspace", "geomspace"), lambda f, x, axis: f(x, x, 3, axis=axis)),
}
# No values, and so no law: they fill an array that is given.
WITHOUT_RESULT = {"put_along_axis"}


def axis_functions() -> list[Any]:
    """Return every NumPy function of the tables that has an axis, and every reduction that is a method of a ufunc."""
    found = []
    for f in (*BY_FUNCTION, *COMPOSED):
        try:
            names = inspect.signature(BY_FUNCTION[f].bind if f in BY_FUNCTION else COMPOSED[f]).parameters
        except (TypeError, ValueError):
            continue
        if ("axis" in names and f.__name__ not in WITHOUT_RESULT) or f is np.apply_over_axes:
            found.append(f)
    return found + [f.reduce for f in (np.add, np.maximum, np.multiply, np.logaddexp, np.logical_and, np.hypot)]


def called(f: Callable[..., Any], x: Any, axis: Any) -> Any:
    return CALLS.get(f.__name__, lambda f, x, axis: f(x, axis=axis))(f, x, axis)


def parts(result: Any) -> list[np.ndarray]:
    if isinstance(result, (tuple, list)):
        return [part for item in result for part in parts(item)]
    return [np.asarray(result.detach() if isinstance(result, ag.Tensor) else result)]


def outcome(f: Callable[..., Any], x: Any, axis: Any) -> list[np.ndarray] | Exception:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return parts(called(f, x, axis))
        except (ValueError, TypeError, IndexError) as error:
            return error


@for_every(((f, axis) for f in axis_functions() for axis in (0, -1, None, 1, -2)), name=lambda r: f"{r[0]} {r[1]}")
def test_the_axes_of_a_number_are_numpys(row: tuple[Callable[..., Any], Any]) -> None:
    """The same are accepted, with the same values; the gradient is that of the function of the number."""
    f, axis = row
    expected, found = outcome(f, np.array(3.0), axis), outcome(f, ag.tensor(3.0, requires_grad=True), axis)
    if isinstance(expected, Exception):
        assert isinstance(found, Exception), f"NumPy raises {expected!r}; received {found}"
        return
    assert not isinstance(found, Exception), repr(found)
    for a, b in zip(expected, found, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)

    def total(x: Any) -> Any:
        results = called(f, x, axis)
        return sum(np.sum(part) for part in (results if isinstance(results, (tuple, list)) else [results]))

    t = ag.tensor(3.0, requires_grad=True)
    with np.errstate(all="ignore"):
        y = total(t)
    if not getattr(y, "requires_grad", False) or y.dtype.kind == "c":
        return
    y.backward()
    with np.errstate(all="ignore"):
        slope = (total(np.array(3.0 + 2**-10)) - total(np.array(3.0 - 2**-10))) * 2**9
    np.testing.assert_allclose(t.grad.numpy(), slope, rtol=1e-5, err_msg=str(axis))


OF_NUMBERS: list[Callable[[Any], Any]] = [
    lambda x: np.sum(x, axis=0),
    lambda x: np.max(x, axis=-1) * x,
    lambda x: np.repeat(x, 2, axis=0).sum() * x,
    lambda x: np.cumsum(x, axis=0)[0] * x,
    lambda x: np.take(x * x, [0, 0], axis=-1).sum(),
    lambda x: np.nanmean(x * x, axis=0),
    lambda x: x.sum(axis=0) * x.max(axis=-1) * x.prod(axis=0),
]


@pytest.mark.parametrize("f", OF_NUMBERS)
def test_the_axes_of_a_number_go_through_every_transformation(f: Callable[[Any], Any]) -> None:
    """In `vmap` every example is such a number; the axis is that of the example, not that of the batch."""
    xs = np.array([2.0, 3.0])
    np.testing.assert_array_equal(ag.vmap(f)(xs), [f(ag.tensor(x)).item() for x in xs])
    np.testing.assert_allclose(ag.vmap(ag.grad(f))(xs), [ag.grad(f)(x) for x in xs], rtol=1e-15)
    np.testing.assert_allclose(ag.jvp(f)((3.0,), (1.0,))[1], ag.grad(f)(3.0), rtol=1e-15)


def test_an_axis_that_a_number_has_not_is_refused_in_words() -> None:
    with pytest.raises(ag.ShapeError, match="axis=1 is out of bounds for a 0-dimensional array; it has none: leave"):
        np.sum(ag.tensor(1.0), axis=1)
    with pytest.raises(ag.ShapeError, match="axis=0 is out of bounds for a 0-dimensional array"):
        np.mean(ag.tensor(1.0), axis=0)  # as NumPy, which takes the mean in Python
