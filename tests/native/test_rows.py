"""Kernels over rows: what they compute, whatever the strides, and the flags they raise, for every set of instructions.

The truth is the same formula in NumPy, in extended precision, or the expression that runs where there are no kernels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from autograd_lite.compiler.lowering import Lowering
from autograd_lite.compiler.numpy_calls import How
from autograd_lite.core.op import OPS
from autograd_lite.native import kernels
from autograd_lite.native.kernels import KERNELS, SETS
from autograd_lite.ops import softmax as softmax_ops, standardize as standardize_ops

pytestmark = pytest.mark.skipif(not SETS, reason=f"native kernels are {kernels.REASON}")

LENGTHS = (1, 2, 3, 15, 16, 17, 31, 64, 255, 256, 257, 1000, 3000)
inf, nan = np.inf, np.nan


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_pullback(g: Any, y: Any) -> Any:
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


def log_softmax(x: Any) -> Any:
    return x - logsumexp(x)[..., None]


def log_softmax_pullback(g: Any, y: Any) -> Any:
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)


def logsumexp(x: Any) -> Any:
    top = x.max(axis=-1, keepdims=True)
    return (np.log(np.exp(x - top).sum(axis=-1, keepdims=True)) + top)[..., 0]


def standard(x: Any, epsilon: float, center: float) -> tuple[Any, Any]:
    shifted = x - center * x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((shifted * shifted).mean(axis=-1, keepdims=True) + epsilon)
    return shifted * r, r


def standardize(x: Any, epsilon: float, center: float) -> Any:
    return standard(x, epsilon, center)[0]


def standardize_pullback(g: Any, x: Any, epsilon: float, center: float) -> Any:
    y, r = standard(x, epsilon, center)
    slope = (g * y).mean(axis=-1, keepdims=True)
    return (g - center * g.mean(axis=-1, keepdims=True) - y * slope) * r


class Row(NamedTuple):
    """A kernel.

    Attributes:
        truth: what it computes.
        arrays: how many of its operands are rows.
        numbers: its other operands.
        ulps: how far results may lie from the truth, in units of the last place of `scale`.
        scale: of a result, by the operands and the truth; what cancels keeps the errors of what it was made of.
    """

    truth: Callable[..., Any]
    arrays: int = 1
    numbers: tuple[float, ...] = ()
    ulps: float = 2
    scale: Callable[..., Any] = lambda truth, *rows: truth

    @property
    def name(self) -> str:
        """The name of the kernel."""
        return self.truth.__name__


def _size(truth: Any, *rows: Any) -> Any:
    return np.maximum(1, np.abs(truth))


def _largest(truth: Any, x: Any, *rows: Any) -> Any:
    return np.maximum(np.abs(truth), np.abs(x).max(axis=-1, keepdims=True) * np.ones_like(truth))


def _exponential(truth: Any, x: Any) -> Any:
    """Half of a unit in the difference from the maximum makes as much of a unit as it is large."""
    return truth * (1 + (x.max(axis=-1, keepdims=True) - x) / 2)


ROWS = [
    Row(softmax, 1, (), 3, _exponential),
    Row(softmax_pullback, 2, (), 2, _largest),
    Row(log_softmax, 1, (), 2, lambda truth, x: np.abs(x).max(axis=-1, keepdims=True) + np.abs(truth)),
    Row(log_softmax_pullback, 2, (), 3, lambda truth, g, y: np.abs(g) + np.abs(truth)),
    Row(logsumexp, 1, (), 1, _size),
    Row(standardize, 1, (1e-3, 1.0), 4, _size),
    Row(standardize, 1, (0.5, 0.0), 2),
    Row(standardize_pullback, 2, (1e-3, 1.0), 8, lambda truth, g, x: _largest(truth, g) * standard(x, 1e-3, 1.0)[1]),
    Row(standardize_pullback, 2, (0.5, 0.0), 8, lambda truth, g, x: _largest(truth, g) * standard(x, 0.5, 0.0)[1]),
]
EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}{row.numbers or ''}")
EVERY_TYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def kernels_of(row: Row) -> Iterator[np.ufunc]:
    """Yield the kernel for each set of instructions."""
    for name in SETS:
        yield kernels.extension.ufuncs(name)[row.name]


def rows_of(row: Row, shape: tuple[int, ...], dtype: Any) -> list[np.ndarray]:
    """Return operands with offsets of rows and some large differences, as far as their kind allows."""
    rng = np.random.default_rng(len(shape) + shape[-1])
    arrays = [rng.normal(rng.normal(size=(*shape[:-1], 1)), 3, shape).astype(dtype) for _ in range(row.arrays)]
    if row.truth in (softmax_pullback, log_softmax_pullback):
        arrays[1] = np.asarray((softmax if row.truth is softmax_pullback else log_softmax)(arrays[1]), dtype)
    return arrays


@EVERY_TYPE
@EVERY_ROW
def test_a_kernel_computes_its_formula(row: Row, dtype: Any) -> None:
    for n in LENGTHS:
        arrays = rows_of(row, (5, n), dtype)
        exact = [a.astype(np.longdouble) for a in arrays]
        numbers = [np.longdouble(dtype(number)) for number in row.numbers]
        truth = row.truth(*exact, *numbers)
        unit = np.abs(row.scale(truth, *exact)) * np.finfo(dtype).eps
        for kernel in kernels_of(row):
            found = kernel(*arrays, *row.numbers)
            assert found.dtype == dtype
            error = np.abs(found - truth) / np.maximum(unit, np.finfo(dtype).smallest_subnormal)
            assert error.max() <= row.ulps, (n, kernel)


def spread(a: np.ndarray, how: str) -> np.ndarray:
    """Return an equal array with other strides or alignment."""
    if how == "turned":
        return a.copy("F")
    if how == "backwards":
        return a[..., ::-1].copy()[..., ::-1]
    if how == "apart":
        wide = np.zeros((*a.shape[:-1], 3 * a.shape[-1]), a.dtype)
        wide[..., ::3] = a
        return wide[..., ::3]
    assert how == "unaligned"
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    memory[...] = a
    return memory


@EVERY_TYPE
@EVERY_ROW
def test_bits_depend_on_the_row_alone(row: Row, dtype: Any) -> None:
    """Not on strides, nor on what else is in the call, nor on where the result goes."""
    for n in (1, 3, 17, 64, 300, 3000):
        arrays = rows_of(row, (21, n), dtype)
        for kernel in kernels_of(row):
            expected = kernel(*arrays, *row.numbers)
            for how in ("turned", "backwards", "apart", "unaligned"):
                found = kernel(*(spread(a, how) for a in arrays), *row.numbers)
                np.testing.assert_array_equal(found, expected, err_msg=f"{how} {n}", strict=True)
            for part in (slice(0, 1), slice(3, 8), slice(20, None), slice(None, None, -1)):
                found = kernel(*(a[part] for a in arrays), *row.numbers)
                np.testing.assert_array_equal(found, expected[part])
            one = kernel(*(a[4] for a in arrays), *row.numbers)
            np.testing.assert_array_equal(one, expected[4])
            if expected.ndim == 2:
                for k in range(row.arrays):
                    copies = [a.copy() for a in arrays]
                    kernel(*copies, *row.numbers, out=copies[k])
                    np.testing.assert_array_equal(copies[k], expected)
                out = spread(np.zeros_like(expected), "apart")
                kernel(*arrays, *row.numbers, out=out)
                np.testing.assert_array_equal(out, expected)


@EVERY_TYPE
@EVERY_ROW
def test_empty_rows(row: Row, dtype: Any) -> None:
    for kernel in kernels_of(row):
        with np.errstate(all="raise"):
            of_no_rows = kernel(*[np.ones((0, 3), dtype)] * row.arrays, *row.numbers)
            of_empty_rows = kernel(*[np.ones((2, 0), dtype)] * row.arrays, *row.numbers)
        assert len(of_no_rows) == 0
        expected = np.full(2, -inf) if row.truth is logsumexp else np.ones((2, 0))
        np.testing.assert_array_equal(of_empty_rows, expected)


# ---- NaN, infinities and flags, as the expressions in NumPy have them -----------------------------------------------

SPECIAL = [
    [nan, 1.0, 2.0],
    [inf, 1.0, 2.0],
    [inf, inf, 2.0],
    [-inf, 1.0, 2.0],
    [-inf, -inf, -inf],
    [inf, -inf, 0.0],
    [nan, inf, 1.0],
    [nan, -inf, -inf],
    [-0.0, 0.0, -0.0],
    [1e30, -1e30, 0.0],
    [3e38, -3e38, 1.0],
    [1e3, -1e3, -90.0],
    [2.0, 2.0, 2.0],
]
CALLS: list[tuple[str, int, dict[str, Any]]] = [
    ("softmax", 1, {"axis": 1}),
    ("softmax_pullback", 2, {"axis": 1}),
    ("log_softmax", 1, {"axis": 1}),
    ("log_softmax_pullback", 2, {"axis": 1}),
    ("logsumexp", 1, {"axis": (1,), "keepdims": True}),
    ("standardize", 1, {"epsilon": 0.1, "center": True}),
    ("standardize", 1, {"epsilon": 0.0, "center": True}),
    ("standardize", 1, {"epsilon": 0.0, "center": False}),
    ("standardize_pullback", 2, {"epsilon": 0.1, "center": True}),
    ("standardize_pullback", 2, {"epsilon": 0.0, "center": False}),
]
HOLDERS = {
    name: (module, variable)
    for module in (softmax_ops, standardize_ops)
    for variable, name in {
        "_softmax_kernel": "softmax",
        "_softmax_pullback_kernel": "softmax_pullback",
        "_log_softmax_kernel": "log_softmax",
        "_log_softmax_pullback_kernel": "log_softmax_pullback",
        "_logsumexp_kernel": "logsumexp",
        "_standardize_kernel": "standardize",
        "_pullback_kernel": "standardize_pullback",
    }.items()
    if hasattr(module, variable)
}


def flagged(f: Callable[[], Any]) -> tuple[Any, set[str]]:
    """Return a result, and the first words of the warnings that came with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = f()
    return found, {str(w.message).split()[0] for w in caught}


@pytest.mark.skipif(not KERNELS, reason="native kernels are switched off")
@pytest.mark.parametrize("length", [3, 40])
@pytest.mark.parametrize(("name", "arrays", "params"), CALLS, ids=lambda x: str(x))
@EVERY_TYPE
def test_special_values_and_flags_are_those_of_the_expression(
    name: str, arrays: int, params: dict[str, Any], dtype: Any, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for values in SPECIAL:
        for other in ([1.0, 2.0, 0.5], values):
            operands = [np.resize(np.array(v, dtype), (2, length)) for v in (values, other)[:arrays]]
            if name == "standardize_pullback":
                operands.reverse()
            if name == "log_softmax_pullback":  # of logarithms of shares
                operands[1] = -np.abs(operands[1])
            found, flags = flagged(lambda operands=operands: OPS[name].forward(*operands, **params))
            with monkeypatch.context() as patch:
                patch.setattr(*HOLDERS[name], lambda *_, **__: None)
                expected, wanted = flagged(lambda operands=operands: OPS[name].forward(*operands, **params))
                if name in ("softmax_pullback", "standardize"):  # whose products float32 may not hold
                    with np.errstate(all="ignore"):
                        wide = OPS[name].forward(*(a.astype(np.float64) for a in operands), **params)
                        wide = wide.astype(dtype)
                    expected = np.where(np.isclose(found, wide, equal_nan=True), wide, expected)
            assert found.dtype == expected.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=30 * np.finfo(dtype).eps, atol=30 * np.finfo(dtype).eps)
            assert flags == wanted, (values, other)


def test_rows_with_special_values_leave_others_alone() -> None:
    x = np.random.default_rng(0).normal(size=(40, 33))
    for row in ROWS:
        for kernel in kernels_of(row):
            expected = kernel(*[x] * row.arrays, *row.numbers)
            for k, values in enumerate(SPECIAL):
                y = x.copy()
                y[3 * k] = np.resize(values, 33)
                with np.errstate(all="ignore"):
                    found = kernel(*[y] * row.arrays, *row.numbers)
                others = np.arange(40) != 3 * k
                np.testing.assert_array_equal(found[others], expected[others])


# ---- sums of rows ---------------------------------------------------------------------------------------------------


@EVERY_TYPE
def test_rows_are_summed_as_by_numpy_bit_for_bit(dtype: Any) -> None:
    """In the order of the rows, whatever the strides, with its flags."""
    for name in SETS:
        kernel = kernels.extension.ufuncs(name)["sum_of_rows"]
        for shape in ((7, 1), (1, 3), (40, 63), (300, 64), (9, 65), (3, 20, 200), (0, 5), (5, 0)):
            x = np.random.default_rng(0).normal(size=shape).astype(dtype)
            expected = x.sum(axis=-2)
            np.testing.assert_array_equal(kernel(x), expected, strict=True)
            for how in ("turned", "backwards", "apart", "unaligned"):
                np.testing.assert_array_equal(kernel(spread(x, how)), expected, strict=True)
        special = np.array(SPECIAL, dtype).T.repeat(7, axis=1)
        found, flags = flagged(lambda kernel=kernel, special=special: kernel(special))
        expected, wanted = flagged(lambda special=special: special.sum(axis=0))
        np.testing.assert_array_equal(found, expected)
        assert flags == wanted == {"invalid"}


# ---- ops ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not KERNELS, reason="native kernels are switched off")
@pytest.mark.parametrize(("name", "arrays", "params"), CALLS, ids=lambda x: str(x))
@EVERY_TYPE
def test_an_op_is_one_call_of_its_kernel(name: str, arrays: int, params: dict[str, Any], dtype: Any) -> None:
    lowering = Lowering()
    rows = [np.arange(20, dtype=dtype).reshape(4, 5) for _ in range(arrays)]
    made = lowering.lower("", OPS[name].forward, [lowering.placeholder(a) for a in rows], params)
    calls = [call for call in lowering.calls if call.how is not How.VIEW]
    assert [(call.how, call.function) for call in calls] == [(How.UFUNC, KERNELS[name])]
    assert made.dtype == dtype


@pytest.mark.parametrize("axis", [None, (1, 2), (2,), (0, 2), (0,), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_logsumexp_over_any_axes(axis: Any, keepdims: bool) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for a in (x, x.transpose(2, 0, 1), x[:, ::2]):
        found = OPS["logsumexp"](a, axis=axis, keepdims=keepdims)
        expected = np.log(np.exp(a).sum(axis=axis, keepdims=keepdims))
        np.testing.assert_allclose(found, expected, rtol=1e-14)
        assert found.shape == expected.shape
