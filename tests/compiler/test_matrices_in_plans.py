"""Linear algebra in plans: LAPACK's loops, called by the executor, with NumPy's bits and NumPy's exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.lowering import How
from autograd_lite.native.kernels import INSTRUCTIONS

from ..laws.reading import same_bits

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "solve": lambda a: np.linalg.solve(a, a[..., :1]),
    "solve a vector": lambda a: np.linalg.solve(a, np.arange(1.0, 1 + a.shape[-1])),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "slogdet": lambda a: np.linalg.slogdet(a)[1] + np.linalg.slogdet(a)[0],
    "cholesky": np.linalg.cholesky,
    "upper cholesky": lambda a: np.linalg.cholesky(a, upper=True),
    "eigh": lambda a: np.linalg.eigh(a)[0] + np.abs(np.linalg.eigh(a, "U")[1]).sum(axis=-1),
    "eigvalsh": lambda a: np.linalg.eigvalsh(a) + np.linalg.eigvalsh(a, "U"),
    "svd": lambda a: np.linalg.svd(a[..., :-1], full_matrices=False)[1] + np.abs(np.linalg.svd(a)[2]).sum(),
    "svdvals": np.linalg.svdvals,
}
SMALL = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 5, 5), (2, 1, 3, 3), (0, 3, 3)]
LARGE = [(30, 30), (70, 70), (2, 66, 66)]  # whose factors are taken by halves
every = pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.ci)])


def _definite(shape: tuple[int, ...], dtype: str) -> Any:
    rng = np.random.default_rng(sum(shape))
    a = rng.normal(size=shape)
    a = a + 1j * rng.normal(size=shape) if dtype in "FD" else a
    n = shape[-1]
    return (a @ np.conjugate(np.swapaxes(a, -1, -2)) + np.diag(np.arange(1.0, 1 + n))).astype(dtype) / max(n, 1)


def _cases(step: int, start: int) -> list[tuple[tuple[int, ...], str]]:
    shapes = SMALL + LARGE if step == 1 else SMALL
    cases = [(shape, dtype) for dtype in "dDf" for shape in shapes]
    return cases[start % step :: step]


def _value(f: Callable[[Any], Any], a: Any) -> Any:
    return np.real(f(a) * (1 + 0.5 * np.arange(f(a).shape[-1]) if f(a).ndim else 1)).sum()


@every
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_matrices_are_the_same_compiled(name: str, step: int) -> None:
    f = FUNCTIONS[name]
    for shape, dtype in _cases(step, list(FUNCTIONS).index(name)):
        if "svd" in name and 0 in shape:
            continue
        a = _definite(shape, dtype)
        programs: list[Callable[[Any], Any]] = [f, ag.grad(lambda a: _value(f, a))]
        for program in programs if dtype != "D" or "eig" not in name else programs[:1]:
            compiled = ag.compile(program)
            compiled(a)
            for _ in range(2):
                made, expected = compiled(a), program(ag.tensor(a)).numpy() if program is f else program(a)
                assert np.asarray(made).dtype == expected.dtype
                assert same_bits(np.asarray(made), expected), (shape, dtype)


@pytest.mark.skipif(not INSTRUCTIONS, reason="there is no executor")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(3, 3), pytest.param((2, 30, 30), marks=pytest.mark.ci)], ids=str)
def test_plans_call_the_loops(name: str, shape: tuple[int, ...]) -> None:
    a = _definite(shape, "d")
    compiled = ag.compile(FUNCTIONS[name])
    compiled(a)
    compiled(a)
    calls = compiled.plan().calls
    assert any(call.how is How.LOOPS for call in calls)
    assert not any(call.how in (How.CALL, How.OPAQUE) for call in calls if "full" not in call.name), str(
        compiled.plan()
    )


def _bad() -> dict[str, Any]:
    one, n = _definite((3, 3), "d"), np.nan
    singular = np.ones((3, 3))
    return {
        "singular": singular,
        "zero": np.zeros((3, 3)),
        "negative": -one,
        "one of a batch": np.stack([one, singular, -one]),
        "NaN": one * np.array([1.0, n, 1.0]),
        "infinite": one * np.array([1.0, np.inf, 1.0]),
    }


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.ci)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_numpy_refuses_is_refused_in_plans_and_a_plan_lives_on(name: str, step: int) -> None:
    f = FUNCTIONS[name]
    for bad in list(_bad().values())[::step]:
        good = np.broadcast_to(_definite((3, 3), "d"), bad.shape).copy()
        compiled = ag.compile(f)
        compiled(good)
        before = np.asarray(compiled(good)).copy()
        with np.errstate(all="ignore"):
            results = []
            for way in (f, compiled):
                try:
                    results.append((None, np.asarray(way(bad))))
                except np.linalg.LinAlgError as error:
                    results.append((str(error), None))
            assert results[0][0] == results[1][0]
            # The places of NaN in a factor depend on the triangle that is read, and on the order.
            if results[0][0] is None and ("cholesky" not in name or np.isfinite(bad).all()):
                np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-9, atol=1e-9)
        assert same_bits(np.asarray(compiled(good)), before)


@pytest.mark.parametrize(
    "shape",
    [(4, 3, 3), *[pytest.param(n, marks=pytest.mark.ci) for n in ((2, 2), (3, 3), (6, 6), (26, 26), (70, 70))]],
    ids=str,
)
def test_gradients_of_functions_of_matrices_are_differences(shape: tuple[int, ...]) -> None:
    a = _definite(shape, "d")
    direction = np.random.default_rng(1).normal(size=shape)
    direction = direction + np.swapaxes(direction, -1, -2)
    for name, f in FUNCTIONS.items():
        if shape[-1] > 26 and name not in ("cholesky", "upper cholesky", "solve"):
            continue

        def along(t: Any, f: Any = f) -> Any:
            return _value(f, a + t * direction)

        size = 1e-5
        expected = (8 * (along(size) - along(-size)) - (along(2 * size) - along(-2 * size))) / (12 * size)
        compiled = ag.compile(ag.grad(lambda a, f=f: _value(f, a)))
        compiled(a)
        found = (np.asarray(compiled(a)) * direction).sum()
        assert np.isclose(found, expected, rtol=1e-5, atol=1e-5 * max(1.0, abs(along(0.0)))), name


def _along(f: Callable[[Any], Any], direction: Any) -> Callable[[Any], Any]:
    return lambda x: (ag.grad(f)(x) * direction).sum()


def _slope(values: Any, points: Any) -> Any:
    """Return the derivative at 0 of a polynomial, along the first axis of its values at some points."""
    return np.tensordot(np.linalg.inv(np.vander(points, increasing=True))[1], values, (0, 0))


@pytest.mark.parametrize("n", [3, *[pytest.param(n, marks=pytest.mark.ci) for n in (1, 2, 4)]])
def test_determinants_have_the_derivatives_of_polynomials(n: int) -> None:
    rng = np.random.default_rng(n)
    directions, points = rng.normal(size=(3, n, n)), np.arange(-n, n + 1.0)
    grid = np.stack(np.meshgrid(points, points, points, indexing="ij"), axis=-1)
    for x in (rng.normal(size=(n, n)), np.outer(rng.normal(size=n), rng.normal(size=n)), np.zeros((n, n))):
        program: Callable[[Any], Any] = np.linalg.det
        for order in (1, 2, 3) if 1 < n < 4 else (1, 2):
            program = _along(program, directions[order - 1])
            values = np.linalg.det(x + np.tensordot(grid[..., :order], directions[:order], (-1, 0)))
            for k in range(3):
                values = _slope(values, points) if k < order else values[n]
            compiled = ag.compile(program)
            compiled(x)
            assert np.isclose(float(compiled(x)), float(values), rtol=1e-8, atol=1e-8), (order, x)
            assert float(compiled(x)) == program(ag.tensor(x)).item()
