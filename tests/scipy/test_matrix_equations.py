"""Equations of matrices: near the border of solvability, in forms that SciPy mixes up, and what derivatives cost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..rows import for_every

original = pytest.importorskip("scipy.linalg")
from autograd_lite.scipy import linalg  # noqa: E402

RNG = np.random.default_rng(11)
Q = RNG.normal(size=(3, 3))
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]


def with_eigenvalues(*values: float) -> Any:
    return TURN @ np.diag(values) @ TURN.T


# Central differences of order 8, times 840 steps.
STENCIL = [(s * k, s * w) for k, w in ((1, 672.0), (2, -168.0), (3, 32.0), (4, -3.0)) for s in (1, -1)]


# ---- without a unique solution ---------------------------------------------------------------------------------------

# What has no unique solution at t = 0, and one at t = 1.
SINGULAR: dict[str, Callable[[Any], Any]] = {
    "solve_sylvester": lambda t: linalg.solve_sylvester(with_eigenvalues(1, 2, 3), t - with_eigenvalues(2, 5, 7), Q),
    "solve_continuous_lyapunov": lambda t: linalg.solve_continuous_lyapunov(with_eigenvalues(1, -1, 3) + t, Q),
    "solve_discrete_lyapunov": lambda t: linalg.solve_discrete_lyapunov(
        with_eigenvalues(2, 0.5, 0.1) * (1 + 0.3 * t), Q
    ),
    "sqrtm": lambda t: linalg.sqrtm(with_eigenvalues(0, 1, 2) + t * np.eye(3)),
}


@for_every(list(product(SINGULAR, range(0, 17, 2))), name=lambda row: f"{row[0]} 1e-{row[1]}")
def test_a_derivative_is_right_or_refused(row: Any) -> None:
    """At a distance t from an equation without a unique solution; the truth has twice as many digits."""
    name, k = row
    f, t = SINGULAR[name], 10.0**-k
    try:
        slope = ag.jvp(lambda t: f(t).sum())((t,), (1.0,))[1]
        back = ag.grad(lambda t: f(t).sum())(t)
    except (np.linalg.LinAlgError, ag.GradError) as error:
        refused = str(error)
    else:
        refused = ""
        h = t / 50
        numeric = sum(w * float(f(np.float64(t + s * h)).sum()) for s, w in STENCIL) / (840 * h)
        assert abs(slope - back) <= 1e-3 * abs(slope)
        assert abs(slope - numeric) <= 2e-3 * abs(numeric)
    assert k > 6 if refused else k < 14
    assert not refused or f"{name}: expected an equation" in refused


def test_values_of_equations_without_a_unique_solution_are_refused() -> None:
    a = ag.tensor(np.diag([1.0, -1.0, 3.0]))
    for solve in (lambda: linalg.solve_sylvester(a, -a, Q), lambda: linalg.solve_continuous_lyapunov(a, Q)):
        with pytest.raises(np.linalg.LinAlgError, match="it has no unique solution"):
            solve()


# ---- forms -----------------------------------------------------------------------------------------------------------


def test_real_and_complex_matrices_mix() -> None:
    """A real matrix with complex eigenvalues has a real form with blocks, which LAPACK's complex solver cannot read."""
    a, b = RNG.normal(size=(4, 4)), RNG.normal(size=(3, 3)) + 5 + 1j * RNG.normal(size=(3, 3))
    q = RNG.normal(size=(4, 3))
    for left, right, c in ((a, b, q), (b, a, q.T), (a, a[:3, :3] + 9, q + 0j)):
        x = linalg.solve_sylvester(ag.tensor(left), right, c).numpy()
        np.testing.assert_allclose(left @ x + x @ right, c, atol=1e-12)


@for_every(list(product(("solve_continuous_are", "solve_discrete_are"), (float, complex), range(4))))
def test_generalized_riccati_equations_are_solved(row: Any) -> None:
    """SciPy's balancing, its default, spoils them: see the comment there."""
    name, dtype, seed = row
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Any:
        return rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype is complex else 0)

    a, b, e, s = 0.5 * draw(4, 4), draw(4, 2), np.eye(4) + 0.2 * draw(4, 4), 0.1 * draw(4, 2)
    q, r = np.eye(4) + draw(4, 4) * 0.1, np.eye(2)
    q = (q + q.conj().T) / 2
    x = getattr(linalg, name)(ag.tensor(a), b, q, r, e, s).numpy()
    high = [m.conj().T for m in (a, b, e, s)]
    if name == "solve_continuous_are":
        k = high[1] @ x @ e + high[3]
        residual = high[0] @ x @ e + high[2] @ x @ a - k.conj().T @ k + q
    else:
        k = high[1] @ x @ a + high[3]
        residual = high[0] @ x @ a - high[2] @ x @ e - k.conj().T @ np.linalg.solve(r + high[1] @ x @ b, k) + q
    np.testing.assert_allclose(residual, 0 * residual, atol=1e-10 * np.abs(x).max())


def test_the_scalar_riccati_equation_has_its_closed_form() -> None:
    """x = (a + √(a² + b² q / r)) r / b², with derivatives of three orders."""

    def ours(p: Any) -> Any:
        return linalg.solve_continuous_are(*(p[k].reshape(1, 1) for k in range(4)))[0, 0]

    def closed(p: Any) -> Any:
        a, b, q, r = p
        return (a + np.sqrt(a * a + b * b * q / r)) * r / (b * b)

    p, t = np.array([0.3, 1.2, 2.0, 0.7]), np.array([1.0, -0.5, 0.7, 0.2])
    second = lambda f: lambda p: (ag.hvp(f)(p, t) * t).sum()  # noqa: E731
    for order in (lambda f: f(p), lambda f: ag.grad(f)(p), lambda f: ag.hessian(f)(p), lambda f: ag.grad(second(f))(p)):
        np.testing.assert_allclose(order(ours), order(closed), rtol=1e-10)


# ---- costs -----------------------------------------------------------------------------------------------------------


def test_all_orders_take_the_same_schur_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    forms, schur = [], original.schur

    def counted(a: Any, *args: Any, **options: Any) -> Any:
        forms.append(a.shape)
        return schur(a, *args, **options)

    monkeypatch.setattr(original, "schur", counted)
    a, b = with_eigenvalues(1, 2, 4), with_eigenvalues(3, 5, 6)
    ag.hvp(lambda q: (linalg.solve_sylvester(a, b, q) ** 3).sum())(Q, Q)
    assert len(forms) == 2
    forms.clear()
    ag.hvp(lambda a: (linalg.solve_continuous_lyapunov(a, Q) ** 3).sum())(a, b)
    assert len(forms) == 1
