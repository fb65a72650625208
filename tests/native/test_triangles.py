"""Triangular systems by substitution, for every set of instructions, and in the rules of factorizations."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native import kernels
from autograd_lite.native.kernels import KERNELS, REASON, SETS, SOLVERS, extension
from autograd_lite.ops import decompose, solve
from autograd_lite.testing import check_grads

pytestmark = pytest.mark.skipif(not KERNELS, reason=f"the native extension is {REASON}")

RNG = np.random.default_rng(0)


def triangles(n: int, dtype: Any, *stack: int) -> np.ndarray:
    """Return lower triangular matrices that are far from singular."""
    return np.tril(RNG.normal(size=(*stack, n, n)) / max(n, 1) + 2 * np.eye(n)).astype(dtype)


def solvers(instructions: str) -> list[np.ufunc]:
    """Return the copies of NumPy's solvers of matrices and of vectors for a set of instructions."""
    found, theirs = extension.ufuncs(instructions), np.linalg._umath_linalg
    return [extension.with_loops(getattr(theirs, name), found[name], "fd") for name in ("solve", "solve1")]


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 17, 40])
def test_triangles_are_solved_to_the_last_places_in_any_layout(n: int, dtype: Any, instructions: str) -> None:
    matrices, vectors = solvers(instructions)
    for a in (triangles(n, dtype, 3), triangles(n, dtype, 3).mT, np.asfortranarray(triangles(n, dtype, 3))[::-1]):
        for p in (0, 1, 5, 70):
            b = RNG.normal(size=(3, 2 * p, n)).astype(dtype).mT[..., ::2]
            x = matrices(a, b)
            assert x.dtype == dtype
            wide = a.astype(np.longdouble)
            size = np.abs(wide) @ np.abs(x) + np.abs(b)
            assert (np.abs(wide @ x - b) <= (n + 2) * np.finfo(dtype).eps * size).all()
        v = RNG.normal(size=n).astype(dtype)
        np.testing.assert_allclose(vectors(a, v), matrices(a, v[:, None])[..., 0], rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("instructions", SETS)
def test_other_matrices_are_numpys_and_singular_ones_are_invalid(instructions: str) -> None:
    matrices, vectors = solvers(instructions)
    a, b = RNG.normal(size=(2, 20, 20)), RNG.normal(size=(20, 3))
    np.testing.assert_array_equal(matrices(a, b), np.linalg.solve(a, b))
    np.testing.assert_array_equal(vectors(a, b[:, 0]), np.linalg.solve(a, b[:, 0]))
    low = triangles(20, float)
    low[4, 3] = np.nan
    assert np.isnan(matrices(low, b)[4:]).all()
    low[4, 3] = low[7, 7] = 0
    for x in (low, low.T, a * 0):
        with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="invalid"):
            matrices(x, b)
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            np.linalg.solve(ag.tensor(x), b)


def likelihood(a: Any, b: Any) -> Any:
    """A function of symmetric matrices and a right side whose derivatives solve with triangles."""
    low = np.linalg.cholesky(a @ a.mT + np.eye(a.shape[-1]))
    x = np.linalg.solve(low, b)
    q, r = np.linalg.qr(x)
    return (x * x).sum() + (np.linalg.solve(low.mT, x) * b).sum() + (q * b).sum() + np.sin(r).sum()


@pytest.mark.parametrize(("n", "stack"), [(17, ()), (40, (2,)), (70, ()), (200, ())])
def test_derivatives_are_those_without_kernels_and_compiled_code_has_their_bits(
    n: int, stack: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = RNG.normal(size=(*stack, n, n)) / np.sqrt(n), RNG.normal(size=(*stack, n, 17))
    direction = RNG.normal(size=a.shape)
    derivatives: tuple[Callable[[Any], Any], ...] = (
        lambda a: ag.grad(likelihood)(a, b),
        lambda a: ag.jvp(lambda a: likelihood(a, b))((a,), (direction,))[1],
        lambda a: ag.jvp(lambda a: ag.grad(likelihood)(a, b))((a,), (direction,))[1],
        lambda a: ag.grad(lambda a: (ag.grad(likelihood)(a, b) * direction).sum())(a),
    )
    found = [f(a) for f in derivatives]
    for f, value in zip(derivatives, found, strict=True):
        compiled = ag.compile(f)
        np.testing.assert_array_equal([compiled(a) for _ in range(2)][1], value)
    for module in (decompose, solve):
        monkeypatch.setattr(module, "SOLVERS", MappingProxyType({}))
    for f, value in zip(derivatives, found, strict=True):
        expected = f(a)
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())


def test_derivatives_of_a_factor_by_substitution_are_those_of_finite_differences() -> None:
    a = RNG.normal(size=(20, 20)) / 4
    assert check_grads(lambda a: likelihood(a, np.eye(20)[:, :18]), a, order=2).ok


def test_the_solvers_are_in_use() -> None:
    assert SOLVERS.keys() == {"solve", "solve1"}
    assert {id(vars(module)["SOLVERS"]) for module in (kernels, solve, decompose)} == {id(SOLVERS)}
