"""Kernels of cross-entropy: what they compute for every set of instructions, and what they say of labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native import kernels
from autograd_lite.native.kernels import KERNELS, SETS
from autograd_lite.ops import cross_entropy as ops

from .test_rows import LENGTHS, SPECIAL, spread

pytestmark = pytest.mark.skipif(not SETS, reason=f"native kernels are {kernels.REASON}")
EVERY_TYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def both_kernels() -> Iterator[tuple[np.ufunc, np.ufunc]]:
    """Yield the kernel and that of its derivative for each set of instructions."""
    for name in SETS:
        ufuncs = kernels.extension.ufuncs(name)
        yield ufuncs["cross_entropy"], ufuncs["cross_entropy_pullback"]


def rows_and_labels(n: int, dtype: Any, rows: int = 5) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    return rng.normal(rng.normal(size=(rows, 1)), 9, (rows, n)).astype(dtype), rng.integers(0, n, rows)


@EVERY_TYPE
def test_kernels_compute_their_formulas(dtype: Any) -> None:
    unit = np.finfo(dtype).eps
    for n in (*LENGTHS, 50_000):
        x, y = rows_and_labels(n, dtype)
        exact, g = x.astype(np.longdouble), np.linspace(-1, 2, 5).astype(dtype)
        below = exact - exact.max(axis=-1, keepdims=True)
        rest = np.log(np.exp(below).sum(axis=-1))
        loss = rest - below[np.arange(5), y]
        share = np.exp(below - rest[:, None])
        label = np.arange(n) == y[:, None]
        slope = g[:, None] * (share - label)
        for forward, pullback in both_kernels():
            out = forward(x, y)
            assert np.all(np.abs(out[0] - loss) <= unit * (np.abs(below[np.arange(5), y]) + rest + 1 / 2)), (n, forward)
            np.testing.assert_array_equal(out[1], x.max(axis=-1))
            error = np.abs(pullback(g, x, y, *out[1:]) - slope)
            # Half of a unit in the difference makes as much of a unit as that is large.
            scale = (3 + np.abs(below) + rest[:, None]) * share + label
            assert np.all(error <= unit * np.abs(g[:, None]) * scale), (n, pullback)


@EVERY_TYPE
def test_bits_depend_on_the_row_alone(dtype: Any) -> None:
    for n in (1, 3, 17, 300, 3000):
        x, y = rows_and_labels(n, dtype, 21)
        g = np.linspace(-1, 2, 21).astype(dtype)
        for forward, pullback in both_kernels():
            out = forward(x, y)
            slope = pullback(g, x, y, *out[1:])
            for how in ("turned", "backwards", "apart", "unaligned"):
                np.testing.assert_array_equal(forward(spread(x, how), spread(y, how)), out)
                found = pullback(g, spread(x, how), y, *out[1:], out=spread(np.zeros_like(x), "apart"))
                np.testing.assert_array_equal(found, slope)
            np.testing.assert_array_equal(np.stack(forward(x[3:8], y[3:8])), np.stack(out)[:, 3:8])
            np.testing.assert_array_equal(pullback(g, over := x.copy(), y, *out[1:], out=over), slope)


def test_threads_give_the_same_bits() -> None:
    x, y = rows_and_labels(5000, np.float32, 16)
    step = ag.value_and_grad(lambda x: ag.cross_entropy(x, y).sum())
    before, results = ag.get_threads(), []
    for threads in (1, 3):
        ag.set_threads(threads)
        results.append(step(x))
    ag.set_threads(before)
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][0] == results[1][0]


@pytest.mark.skipif(not KERNELS, reason="native kernels are switched off")
@EVERY_TYPE
def test_special_values_are_those_of_the_expressions(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = 30 * np.finfo(dtype).eps
    for values in SPECIAL:
        for length in (3, 40, 70):
            x, y, g = np.resize(np.array(values, dtype), (3, length)), np.arange(3), np.ones(3, dtype)
            found = ops._cross_entropy(x, y)
            slope = ops._pullback(g, x, y, *found[1:])
            with monkeypatch.context() as patch, np.errstate(all="ignore"):
                patch.setattr(ops, "_KERNEL", None)
                patch.setattr(ops, "_PULLBACK_KERNEL", None)
                expected = ops._cross_entropy(x, y)
                expected_slope = ops._pullback(g, x, y, *found[1:])
            for k in (0, 2):  # a maximum leaves NaN out: the rest has it
                np.testing.assert_allclose(found[k], expected[k], rtol=unit, atol=unit, err_msg=str(values))
            np.testing.assert_allclose(slope, expected_slope, rtol=unit, atol=unit, err_msg=str(values))


def test_a_class_that_is_impossible_has_no_share() -> None:
    for forward, pullback in both_kernels():
        x, y = np.array([[-np.inf, 0.0, -800.0, -80.0]], np.float32), np.array([1])
        slope = pullback(np.ones(1, np.float32), x, y, *forward(x, y)[1:])[0]
        assert slope[0] == slope[2] == 0
        assert slope[3] == pytest.approx(np.exp(-80), rel=1e-5)


@pytest.mark.skipif(not KERNELS, reason="native kernels are switched off")
def test_the_gradient_takes_the_memory_of_logits_that_nothing_else_reads() -> None:
    x, y = rows_and_labels(700, np.float32, 8)
    eager = ag.value_and_grad(lambda w: ag.cross_entropy(x.T[:8].T @ w, y).mean())
    compiled, w = ag.compile(eager), np.linspace(-1, 1, 8 * 700, dtype=np.float32).reshape(8, 700)
    for _ in range(4):
        loss, slope = compiled(w)
    assert compiled.plan().nbytes < 1.5 * x.nbytes
    np.testing.assert_array_equal(slope, eager(w)[1])
    assert loss == eager(w)[0]


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_that_are_none_are_told(label: int) -> None:
    x, y = np.eye(3), np.array([0, 1, label])
    step = ag.compile(ag.value_and_grad(lambda x, y: ag.cross_entropy(x, y).sum()))
    for _ in range(4):
        step(x, y % 3)
    for f in (ag.cross_entropy, step):
        with pytest.raises(IndexError, match="expected labels from 0 to 2, as there are 3 classes"):
            f(x, y)
    assert np.isfinite(step(x, y % 3)[0])
