"""`implicit` around solvers of any kind, for arguments of any kind: how often they run, and what has derivatives."""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

ROOT = ag.implicit(np.sqrt, lambda x, a: x * x - a)


def scaled(power: int) -> Callable[..., Any]:
    """Return a solver of xᵏ = a * c, where k is an integer, and c may be anything."""
    return ag.implicit(lambda a, c: (a * c) ** (1 / power), lambda x, a, c: x**power - a * c)


def in_c(a: Any) -> float:
    """Return a cubic root by the C library."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    libm.cbrt.restype, libm.cbrt.argtypes = ctypes.c_double, [ctypes.c_double]
    result: float = libm.cbrt(float(a))
    return result


def in_another_process(a: Any) -> float:
    """Return a cubic root by another process."""
    code = "print(float(input()) ** (1 / 3))"
    out = subprocess.run([sys.executable, "-S", "-c", code], input=str(float(a)), capture_output=True, text=True)
    return float(out.stdout)


class Table:
    """A cubic root that is looked up."""

    known = {8.0: 2.0, 27.0: 3.0}  # noqa: RUF012

    def __call__(self, a: Any) -> float:
        return self.known[float(a)]


@pytest.mark.parametrize("solver", [in_c, in_another_process, Table()])
def test_solvers_of_any_kind(solver: Any) -> None:
    root = ag.implicit(solver, lambda x, a: x**3 - a)
    np.testing.assert_allclose([ag.grad(root)(8.0), ag.grad(ag.grad(root))(27.0)], [1 / 12, -2 / 9 / 243], rtol=1e-12)


W = np.array([1.0, 4.0])
# f, its arguments, and the gradient by each that is differentiable.
OPERANDS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], list[Any]]] = {
    "single precision": (ROOT, (W.astype(np.float32),), [(0.5 / np.sqrt(W)).astype(np.float32)]),
    "integers": (scaled(2), (W, np.array([4, 1])), [np.array([1.0, 0.25])]),
    "booleans": (scaled(1), (W, np.array([True, False])), [np.array([1.0, 0.0])]),
    "a number of Python's": (scaled(2), (W, 4.0), [np.array([1.0, 0.5]), np.float64(0.25 + 0.5)]),
    "a container": (
        ag.implicit(
            lambda p: {"u": np.sqrt(p["a"]), "v": (p["b"] / 2,)},
            lambda x, p: [x["u"] ** 2 - p["a"], 2 * x["v"][0] - p["b"]],
        ),
        ({"a": W, "b": np.float64(3.0)},),
        [{"a": 0.5 / np.sqrt(W), "b": 0.5}],
    ),
    "of no effect": (
        ag.implicit(lambda a, b: np.sqrt(a), lambda x, a, b: x * x - a),
        (W, W),
        [0.5 / np.sqrt(W), 0 * W],
    ),
    "no unknowns": (ag.implicit(lambda a: np.zeros(0), lambda x, a: x * a.sum()), (W,), [0 * W]),
}


@pytest.mark.parametrize("name", OPERANDS)
def test_operands(name: str) -> None:
    f, args, expected = OPERANDS[name]
    argnums = tuple(range(len(expected)))

    def total(*args: Any) -> Any:
        return sum(x.sum() for x in ag.tree.leaves(f(*args)))

    for gradient in (ag.grad(total, argnums), ag.compile(ag.grad(total, argnums))):
        for _ in range(3):
            received = gradient(*args)
            for a, b in zip(ag.tree.leaves(received), ag.tree.leaves(expected), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6 if np.asarray(b).dtype == np.float32 else 1e-12)
                assert a.dtype == np.asarray(b).dtype


def test_keywords_and_numbers_that_change() -> None:
    root = ag.implicit(lambda a, *, scale=1.0: np.sqrt(a) * scale, lambda x, a, *, scale=1.0: x * x - a * scale**2)
    eager = ag.grad(lambda a, s: root(a, scale=s).sum())
    compiled = ag.compile(eager)
    for s in (1.0, 2.0, 3.0, 4.0, 5.0):
        for gradient in (eager, compiled):
            np.testing.assert_allclose(gradient(W, s), s * 0.5 / np.sqrt(W), rtol=1e-12)
    assert len(compiled.traces) <= 3


def test_what_residuals_and_solvers_close_over() -> None:
    w = ag.tensor(9.0, requires_grad=True)
    by_residual = ag.implicit(lambda a: np.sqrt(a * w.item()), lambda x, a: x * x - a * w)
    by_residual(4.0).backward()
    np.testing.assert_allclose(w.grad.item(), 2 / 6, rtol=1e-12)  # type: ignore[union-attr]
    by_solver = ag.implicit(lambda a: np.sqrt(a * w), lambda x, a: x * x - a * w)
    with pytest.raises(ag.GradError, match="received a Tensor at x"):
        by_solver(4.0)


def test_a_residual_that_looks_at_values_is_refused_only_for_derivatives() -> None:
    root = ag.implicit(np.sqrt, lambda x, a: x * x - a if x > 0 else x)
    np.testing.assert_array_equal(root(4.0), 2.0)
    with ag.no_grad():
        np.testing.assert_array_equal(root(ag.tensor(4.0, requires_grad=True)), 2.0)
    for differentiate in (ag.grad(root), lambda a: ag.vmap(ag.grad(root))(a + W), lambda a: ag.jvp(root)((a,), (a,))):
        with pytest.raises(ag.TraceError, match=r"bool\(t\)"):
            differentiate(4.0)


class Counter:
    """A function that counts its calls."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.count = f, 0

    def __call__(self, *args: Any) -> Any:
        self.count += 1
        return self.f(*args)

    def during(self, call: Callable[[], Any]) -> int:
        before = self.count
        call()
        return self.count - before


def test_how_often_a_solver_runs() -> None:
    solver = Counter(np.sqrt)
    f = ag.implicit(solver, lambda x, a: x * x - a)
    g = ag.grad(lambda a: f(a).sum())
    compiled, fixed = ag.compile(g), ag.compile(lambda w: w * f(np.array(4.0)))
    for call in (lambda: f(W), lambda: g(W), lambda: ag.jvp(f)((W,), (W,)), lambda: ag.grad(lambda a: g(a).sum())(W)):
        assert solver.during(call) == 1
    assert solver.during(lambda: ag.vmap(g)(np.arange(1.0, 11).reshape(5, 2))) == 5
    for _ in range(4):
        compiled(W), fixed(1.0)
    assert solver.during(lambda: compiled(W)) == solver.during(lambda: fixed(1.0)) == 1


def by_iteration(a: Any) -> Any:
    """Return the solution of x = a + sqrt(x)."""
    x = 4.0 + 0 * a
    for _ in range(60):
        x = a + np.sqrt(x)
    return x


def test_equations_with_a_solve_in_them() -> None:
    outer = ag.implicit(by_iteration, lambda x, a: x - a - ROOT(x))
    closed = lambda a: (0.5 + np.sqrt(0.25 + a)) ** 2  # noqa: E731
    second = lambda f: ag.grad(ag.grad(f))  # noqa: E731
    batch = lambda f: lambda a: ag.vmap(ag.grad(f))(np.array([a, 1.0]))  # noqa: E731
    for way in (ag.grad, second, lambda f: ag.compile(ag.grad(f)), batch):
        for a in (2.0, 3.0):
            np.testing.assert_allclose(way(outer)(a), way(closed)(a), rtol=1e-10)


def overwriting(a: Any) -> Any:
    a *= 4
    return np.sqrt(a) / 2


def overwritten(x: Any, a: Any) -> Any:
    x += 1
    a -= 1
    return (x - 1) ** 2 - a - 1


def test_functions_that_write_into_their_arguments() -> None:
    for f in (ag.implicit(overwriting, lambda x, a: x * x - a), ag.implicit(np.sqrt, overwritten)):
        a = W.copy()
        gradient = ag.grad(lambda a, f=f: (f(a) * a).sum())
        for g in (gradient, ag.compile(gradient)):
            for _ in range(3):
                np.testing.assert_allclose(g(a), 1.5 * np.sqrt(W), rtol=1e-12)
        np.testing.assert_array_equal(f(a), np.sqrt(W))
        np.testing.assert_array_equal(a, W)


def test_refined_solutions() -> None:
    """Values are the same, whether derivatives are asked for or not."""
    solver, residual = lambda a: np.round(np.sqrt(a), 2), lambda x, a: x * x - a
    rough = ag.implicit(solver, residual, refine=True)
    with pytest.raises(ag.ImplicitError, match="refine=True"):
        ag.grad(ag.implicit(solver, residual))(2.0)
    value, gradient = ag.value_and_grad(rough)(2.0)
    np.testing.assert_allclose([rough(2.0), value, ag.compile(rough)(2.0)], np.sqrt(2), rtol=1e-15)
    np.testing.assert_allclose(gradient, 0.5 / np.sqrt(2), rtol=1e-15)


def test_complex_equations_need_complex_unknowns() -> None:
    residuals = {
        "real residual of real": (lambda a: a * 1.0, lambda x, a: 1j * (x - a)),
        "differentiable in the complex sense": (lambda a: a + 0j, lambda x, a: x + np.conj(x) - 2 * a),
    }
    for text, (solver, residual) in residuals.items():
        f = ag.implicit(solver, residual)
        with pytest.raises((ag.DtypeError, ag.GradError), match=text):
            ag.grad(lambda a, f=f: np.real(f(a)))(2.0)


WRONG: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "expected linear='auto', 'dense'": ({"linear": "lu"}, ValueError),
    "expected on_uncertain='raise', 'warn' or 'nan'": ({"on_uncertain": "ignore"}, ValueError),
    "expected on_failure='raise' or 'differentiate'": ({"on_failure": None}, ValueError),
    "expected digits from 0 to 15; received 20": ({"digits": 20}, ValueError),
    "expected digits to be a number": ({"digits": "many"}, TypeError),
}


@pytest.mark.parametrize("text", WRONG)
def test_settings_are_checked_at_once(text: str) -> None:
    options, kind = WRONG[text]
    with pytest.raises(kind, match=f"implicit: {text}"):
        ag.implicit(np.sqrt, lambda x, a: x * x - a, **options)


@pytest.mark.parametrize("linear", ["cholesky", "cg"])
def test_methods_for_symmetric_matrices_are_refused_for_others(linear: str) -> None:
    matrix = np.array([[4.0, 1.0], [0.0, 3.0]])
    f = ag.implicit(lambda a: np.linalg.solve(matrix, a), lambda x, a: matrix @ x - a, linear=linear)
    with pytest.raises(ag.ImplicitError):
        ag.grad(lambda a: f(a).sum())(W)


def test_a_solver_returns_as_many_unknowns_each_time() -> None:
    grows = ag.implicit(lambda a: np.sqrt(a) * np.ones(2 + (a > 3)), lambda x, a: x * x - a)
    with pytest.raises(ag.ShapeError, match="expected 2 unknowns, as before; received 3"):
        ag.vmap(ag.grad(lambda a: grows(a).sum()))(W)


def test_threads_do_not_disturb_each_other() -> None:
    points = [np.full(3, 1.0 + k) for k in range(200)]
    for g in (ag.grad(lambda a: ROOT(a).sum()), ag.compile(ag.grad(lambda a: ROOT(a).sum()))):
        with ThreadPoolExecutor(8) as pool:
            out = list(pool.map(g, points))
        np.testing.assert_allclose(out, [0.5 / np.sqrt(a) for a in points], rtol=1e-12)


def test_certificates_of_a_result() -> None:
    a, b = (ag.tensor(x, requires_grad=True) for x in (4.0, 9.0))
    x = ROOT(a)
    loss = ROOT(b + x) * x
    first, second = ag.certificates([loss])
    assert ag.certificates(np.ones(2) * x) == [first]  # beside arrays, which have no history
    assert second.digits is None
    loss.backward()
    assert min(first.digits or 0, second.digits or 0) > 12
    assert ag.certificates([a, 1.0]) == []
