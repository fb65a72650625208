"""The public finite-difference oracle: a gradient, and how far each of its numbers can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.messages import checked
from .lines import NOTHING, SHARP, Element, Point, elements, flatten, promote, quick_estimate, sharper

Array = np.ndarray
# Whether the platform's longdouble is wider than a double (it is not on Windows and on 64-bit ARM Macs).
LONGDOUBLE = bool(np.finfo(np.longdouble).eps < 1e-18)
METHODS = ("auto", "richardson", "central", "complex", "longdouble")


@checked
def numeric_grad(
    f: Callable[..., Any],
    *inputs: Any,
    wrt: int | Sequence[int] | None = None,
    cotangent: Any = None,
    rtol: float = 1e-6,
    kwargs: dict[str, Any] | None = None,
    method: str = "auto",
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Differentiate a function of arrays by finite differences, and say how far each number can be trusted.

    The gradient of sum_j c_j f_j, element by element. For a complex element a + ib it is dL/da + i dL/db, with
    L = sum_j Re(conj(c_j) f_j); its error bar is that of the worse part.

    Args:
        f: takes and returns plain arrays; tuples, lists and dicts of arrays are contracted whole.
        inputs: array-likes; they are evaluated in double precision and not changed.
        wrt: positions to differentiate by; all floating and complex inputs if None.
        cotangent: c, like f's result; ones if None.
        rtol: how sharp an estimate has to be before no further step is tried (to 3 % of it).
        kwargs: keyword arguments for f.
        method: "richardson"; "central" (no extrapolation); "complex" (the complex step, for analytic code);
            "longdouble" (Richardson in extended precision); "auto": Richardson in double precision, and in extended
            precision what that leaves blurred.

    Returns:
        (gradients, error bars): two tuples of arrays with the shapes of the inputs asked for. Where no difference is
        finite the gradient is NaN and its error infinite.

    Raises:
        ValueError: if the method cannot serve this function, or the cotangent does not fit.

    Example:
        >>> import numpy as np
        >>> (g,), (bar,) = numeric_grad(lambda x: np.log(x), [1e-5, 2.0])
        >>> bool(np.all(np.abs(g - [1e5, 0.5]) <= bar)), bool(np.all(bar < 1e-7 * g))
        (True, True)
    """
    if method not in METHODS:
        raise ValueError(f"numeric_grad: expected a method among {', '.join(METHODS)}; received {method!r}")
    called = (lambda *xs: f(*xs, **kwargs)) if kwargs else f
    arrays = [promote(a) for a in inputs]
    argnums = _positions(wrt, arrays)
    point = Point(called, arrays, cotangent)
    if method == "complex":
        return _complex_step(point, called, argnums)
    extended = wide_point(point, cotangent) if method in ("auto", "longdouble") else None
    if method == "longdouble" and extended is None:
        raise ValueError(
            "numeric_grad: expected a function that computes in longdouble for method='longdouble'; this one raises, "
            "or returns another dtype, or the platform has none. Use method='richardson'"
        )
    grads, errors = [], []
    for i in argnums:
        grad = np.zeros(arrays[i].shape, np.complex128 if arrays[i].dtype.kind == "c" else np.float64)
        error = np.zeros(arrays[i].shape)
        for k, imaginary in elements(arrays[i]):
            line, best = Element(point, i, k, imaginary), NOTHING
            if method != "longdouble":
                best = quick_estimate(line, rtol, method)
            if extended is not None and not best.error <= SHARP * rtol * abs(best.value):
                best = sharper(line, best, Element(extended, i, k, imaginary), rtol)
            grad[k] += 1j * best.value if imaginary else best.value
            error[k] = max(error[k], best.error)
        grads.append(grad)
        errors.append(error)
    return tuple(grads), tuple(errors)


def _positions(wrt: int | Sequence[int] | None, arrays: Sequence[Array]) -> list[int]:
    if wrt is None:
        return [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
    argnums = [wrt] if isinstance(wrt, int) else list(wrt)
    for i in argnums:
        if not 0 <= i < len(arrays) or arrays[i].dtype.kind not in "fc":
            raise ValueError(
                f"numeric_grad: expected wrt to name floating inputs among 0 … {len(arrays) - 1}; received {i}"
                + (f", of dtype {arrays[i].dtype}" if 0 <= i < len(arrays) else "")
            )
    return argnums


def wide_point(point: Point, cotangent: Any) -> Point | None:
    """Return the same point in extended precision, or None if the function does not compute in it."""
    if not LONGDOUBLE or point.single:
        return None
    try:
        extended = Point(point.f, [promote(a, extended=True) for a in point.arrays], cotangent)
    except Exception:  # whatever keeps it from running in another precision
        return None
    if any(dtype not in (np.longdouble, np.clongdouble) for dtype in extended.dtypes):
        return None
    with np.errstate(all="ignore"):
        largest = float(np.max(np.abs(point.base), initial=0))
        near = np.abs(extended.base - point.base) <= 1e-6 * np.maximum(np.abs(point.base), largest)
    same = near | (extended.base == point.base) | (np.isnan(extended.base) & np.isnan(point.base))
    return extended if bool(np.all(same)) else None


def _complex_step(
    point: Point, f: Callable[..., Any], argnums: Sequence[int]
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Differentiate by Im f(x + ih) / h, which has no cancellation, after making sure that f is analytic code.

    References:
        W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Rev. 40, 1998.
    """
    if any(point.arrays[i].dtype.kind == "c" for i in argnums) or any(d.kind == "c" for d in point.dtypes):
        raise ValueError("numeric_grad: method='complex' is for real functions of real inputs; use 'richardson'")
    grads, errors = [], []
    for i in argnums:
        x = point.arrays[i]
        grad, error = np.zeros(x.shape), np.zeros(x.shape)
        for n, k in enumerate(np.ndindex(x.shape)):
            h = 1e-20 * (abs(float(x[k])) or 1.0)
            grad[k], error[k] = complex_slope(point, f, i, k, h)
            if n == 0:
                real = quick_estimate(Element(point, i, k), 1e-6)
                if abs(real.value - grad[k]) > 1e-5 * max(abs(real.value), abs(float(grad[k]))) + 3 * real.error:
                    raise ValueError(
                        f"numeric_grad: the complex step gives {grad[k]:.6g} for element {k} of input {i}, real "
                        f"differences {real.value:.6g}: some function in it is not analytic. Use method='richardson'"
                    )
        grads.append(grad)
        errors.append(error)
    return tuple(grads), tuple(errors)


def complex_slope(point: Point, f: Callable[..., Any], i: int, k: tuple[int, ...], h: float) -> tuple[float, float]:
    """Return the derivative by one element from a complex step of length `h`, and its rounding error."""
    arrays: list[Any] = [np.array(a) for a in point.arrays]
    arrays[i] = arrays[i].astype(np.complex128)
    arrays[i][k] += 1j * h
    point.evals += 1
    try:
        with np.errstate(all="ignore"):
            outputs = flatten(f(*arrays))
    except TypeError as error:
        raise ValueError(
            f"numeric_grad: the function does not take complex inputs, so method='complex' does not serve it: {error}. "
            "Use method='richardson'"
        ) from None
    row = np.concatenate([np.asarray(out, np.complex128).reshape(-1) for out in outputs])
    analytic = all(out.dtype.kind == "c" for out in outputs)
    same = np.abs(row.real - point.base) <= 1e-10 * np.maximum(np.abs(point.base), 1e-300)
    if not analytic or not bool(np.all(same | (row.real == point.base))):
        reason = "another value" if analytic else "a real result"
        raise ValueError(
            f"numeric_grad: the function gives {reason} for a complex input, so the complex step does not serve it "
            "(abs, norm, var, sort by size, … are not analytic). Use method='richardson'"
        )
    slope = float(np.dot(point.weights, row.imag / h))
    size = float(np.sum(np.abs(point.weights * row.imag / h)))
    return slope, 16 * float(np.finfo(np.float64).eps) * size
