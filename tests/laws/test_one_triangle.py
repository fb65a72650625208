"""Functions of symmetric matrices at matrices that are not: the gradient is that of what LAPACK reads of them.

Both parts that a function leaves out, a triangle and the imaginary parts of the diagonal, have no say; and a change of
the matrix that is itself symmetric moves the result by what the gradient states.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autograd_lite as ag
from autograd_lite.scipy import linalg

N = 3
RNG = np.random.default_rng(24)
RIGHT = RNG.normal(size=(N, 2))
# Either triangle makes a positive definite matrix, with other eigenvalues.
REAL = np.diag([1.5, 3.0, 5.0]) + RNG.uniform(-0.4, 0.4, (N, N))
COMPLEX = REAL + 1j * RNG.uniform(-0.4, 0.4, (N, N))

Call = Callable[[Any, Any, bool], Any]


def squares(pair: Any) -> Any:
    """Return eigenvalues and projections, which have no sign and no phase that is not determined."""
    w, v = pair
    return np.concatenate([w[None, :], np.abs(v) ** 2])


def factor(pair: Any, lower: bool) -> Any:
    return np.tril(pair[0]) if lower else np.triu(pair[0])


def solve(module: Any, a: Any, kind: str, lower: bool) -> Any:
    return module.solve(a, RIGHT, assume_a=kind, lower=lower)


def inv(module: Any, a: Any, kind: str, lower: bool) -> Any:
    return module.inv(a, assume_a=kind, lower=lower)


# The module is NumPy or SciPy's, or ours; `lower` tells which triangle is read.
BOTH: dict[str, Call] = {
    "numpy cholesky": lambda m, a, lower: np.linalg.cholesky(a, upper=not lower),
    "numpy eigh": lambda m, a, lower: squares(np.linalg.eigh(a, "L" if lower else "U")),
    "numpy eigvalsh": lambda m, a, lower: np.linalg.eigvalsh(a, "L" if lower else "U"),
    "cholesky": lambda m, a, lower: m.cholesky(a, lower=lower),
    "cho_factor": lambda m, a, lower: factor(m.cho_factor(a, lower=lower), lower),
    "cho_solve": lambda m, a, lower: m.cho_solve((a, lower), RIGHT),
    "solve_triangular": lambda m, a, lower: m.solve_triangular(a, RIGHT, lower=lower),
    "eigh": lambda m, a, lower: squares(m.eigh(a, lower=lower)),
    "eigh of two": lambda m, a, lower: squares(m.eigh(np.diag([1.0, 2, 4]), a, lower=lower)),
    "eigh of two, type 2": lambda m, a, lower: squares(m.eigh(a, a, lower=lower, type=2)),
    "eigh of two, type 3": lambda m, a, lower: squares(m.eigh(a, a, lower=lower, type=3)),
    "eigvalsh": lambda m, a, lower: m.eigvalsh(a, lower=lower),
    "pinvh": lambda m, a, lower: m.pinvh(a, lower=lower),
    **{
        f"{call.__name__} {kind}": lambda m, a, lower, kind=kind, call=call: call(m, a, kind, lower)  # type: ignore[misc]
        for kind in ("sym", "her", "pos")
        for call in (solve, *([inv] if "assume_a" in inspect.signature(scipy.linalg.inv).parameters else []))
    },
}
LOWER: dict[str, Call] = {
    "numpy pinv": lambda m, a, lower: np.linalg.pinv(a, hermitian=True),
    "numpy svd": lambda m, a, lower: np.abs(np.linalg.svd(a, hermitian=True)[0]) ** 2,
    "numpy svd of v": lambda m, a, lower: np.abs(np.linalg.svd(a, hermitian=True)[2]) ** 2,
    "numpy svd of values": lambda m, a, lower: np.linalg.svd(a, compute_uv=False, hermitian=True),
    "numpy matrix_rank": lambda m, a, lower: np.linalg.matrix_rank(a, hermitian=True) + 0 * a,
}
CASES = [(name, call, lower) for name, call in BOTH.items() for lower in (True, False)]
CASES += [(name, call, True) for name, call in LOWER.items()]


def real(call: Call, lower: bool) -> Callable[[Any, Any], Any]:
    """Return the call as a real function of a module and a matrix: a sum with weights."""
    weights = np.random.default_rng(7).normal(size=(2, 16))

    def f(module: Any, a: Any) -> Any:
        out = call(module, a, lower).reshape(-1)
        return (np.real(out) * weights[0, : out.size]).sum() + (np.imag(out) * weights[1, : out.size]).sum()

    return f


@pytest.mark.parametrize("at", [REAL, COMPLEX], ids=["real", "complex"])
@pytest.mark.parametrize(("name", "call", "lower"), [pytest.param(*c, id=f"{c[0]} {'LU'[not c[2]]}") for c in CASES])
def test_the_gradient_at_an_unsymmetric_matrix_is_that_of_the_values(
    name: str, call: Call, lower: bool, at: Any
) -> None:
    f = real(call, lower)
    value, g = ag.value_and_grad(lambda a: f(linalg, a))(at)
    assert value == pytest.approx(f(scipy.linalg, at), rel=1e-12)
    for i in range(N):
        for j in range(i + 1):
            for unit in (1.0, 1j) if at.dtype.kind == "c" else (1.0,):
                s = np.zeros((N, N), at.dtype)
                s[i, j], s[j, i] = unit, unit if name.endswith(" sym") else np.conj(unit)
                step = 1e-5 * s
                moved = (f(scipy.linalg, at + step) - f(scipy.linalg, at - step)) / 2e-5
                assert np.real((np.conj(g) * s).sum()) == pytest.approx(moved, rel=1e-6, abs=1e-8), (i, j, unit)
                tangent = ag.jvp(lambda a: f(linalg, a))((at,), (s,))[1]
                assert tangent == pytest.approx(moved, rel=1e-6, abs=1e-8), (i, j, unit)


@pytest.mark.parametrize("name", ["numpy pinv", "numpy svd of values", "numpy eigvalsh", "numpy cholesky"])
def test_second_derivatives_at_an_unsymmetric_matrix(name: str) -> None:
    f = real({**BOTH, **LOWER}[name], True)
    first = ag.grad(lambda a: f(linalg, a))
    way = RNG.normal(size=(N, N))
    second = ag.grad(lambda a: (first(a) * way).sum())(REAL)
    for i in range(N):
        for j in range(i + 1):
            s = np.zeros((N, N))
            s[i, j] = s[j, i] = 1
            moved = ((first(REAL + 1e-5 * s) - first(REAL - 1e-5 * s)) / 2e-5 * way).sum()
            assert (second * s).sum() == pytest.approx(moved, rel=1e-6, abs=1e-8)
