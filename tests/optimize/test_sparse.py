"""Solvers find by themselves that derivatives are sparse; solutions are those with dense ones."""

from __future__ import annotations

import ctypes
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

scipy_optimize = pytest.importorskip("scipy.optimize")
sparse = pytest.importorskip("scipy.sparse")

from autograd_lite import optimize  # noqa: E402
from autograd_lite.optimize import ipopt  # noqa: E402

from .problems import rosenbrock  # noqa: E402
from .sparse_problems import EQUATIONS, PROGRAMS, Program, bratu, tridiagonal  # noqa: E402

try:
    ipopt.problem_class()
    NO_IPOPT = False
except ModuleNotFoundError:
    NO_IPOPT = True
METHODS = ["trust-constr", pytest.param("ipopt", marks=pytest.mark.skipif(NO_IPOPT, reason="Ipopt is not installed"))]


def solve(problem: Program, n: int, method: str, **more: Any) -> Any:
    start = problem.start(n)
    c = optimize.NonlinearConstraint(problem.constraint, problem.low, problem.high)
    bounds = None if problem.bounds is None else [problem.bounds] * start.size
    options = {"maxiter": 400}
    return optimize.minimize(
        problem.f, start, method=method, bounds=bounds, constraints=c, tol=1e-8, options=options, **more
    )


SIZES = [36, pytest.param(201, marks=pytest.mark.ci)]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("method", METHODS)
def test_programs_have_the_same_solution_sparse_and_dense(method: str, name: str, n: int) -> None:
    problem = PROGRAMS[name]
    found, dense = (solve(problem, n, method, sparse=choice) for choice in (True, False))
    assert "sparse: " in found.how
    assert "dense: sparse=False" in dense.how
    assert found.fun == pytest.approx(dense.fun, rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(found.x, dense.x, atol=1e-3 if method == "trust-constr" else 1e-6)


@pytest.mark.skipif(NO_IPOPT, reason="Ipopt is not installed")
@pytest.mark.parametrize("n", [150, pytest.param(2001, marks=pytest.mark.ci)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_multipliers_satisfy_the_conditions_of_a_solution(name: str, n: int) -> None:
    problem = PROGRAMS[name]
    found = solve(problem, n, "ipopt")
    assert found.success
    assert found.how.count("sparse: ") == 2
    (weights,) = found.multipliers.constraints
    rest = ag.grad(lambda x: problem.f(x) + weights @ problem.constraint(x))(found.x)
    np.testing.assert_allclose(rest - found.multipliers.lower + found.multipliers.upper, 0, atol=1e-6)
    values = problem.constraint(found.x)
    assert values.min() > problem.low - 1e-6
    assert values.max() < problem.high + 1e-6
    if problem.low < problem.high:  # a multiplier belongs to the limit that holds
        np.testing.assert_allclose(np.minimum(weights, 0) * (values - problem.low), 0, atol=1e-6)
        np.testing.assert_allclose(np.maximum(weights, 0) * (values - problem.high), 0, atol=1e-6)
        assert (abs(weights) > 1e-3).any()


@pytest.mark.parametrize("n", [50, pytest.param(300, marks=pytest.mark.ci), pytest.param(1000, marks=pytest.mark.ci)])
@pytest.mark.parametrize("name", EQUATIONS)
def test_equations_have_the_same_solution_sparse_and_dense(name: str, n: int) -> None:
    f, start = EQUATIONS[name]
    expected = scipy_optimize.root(f, start(n), jac=ag.jacobian(f)) if n < 500 else None
    found = optimize.root(f, start(n), method="newton", sparse=True)
    for same in (
        optimize.root(f, start(n), method="newton", sparse=False),
        optimize.root(f, start(n), method="krylov", sparse=True, tol=1e-9),
        optimize.least_squares(f, start(n), sparse=True, xtol=1e-12, ftol=1e-12, gtol=1e-12),
        expected or found,
    ):
        np.testing.assert_allclose(found.x, same.x, atol=1e-5)
    assert np.abs(found.fun).max() < 1e-8
    assert found.how.startswith("Jacobian: sparse: ")


@pytest.mark.parametrize(
    "options",
    [
        {"x_scale": "jac"},
        {"loss": "soft_l1", "f_scale": 0.1},
        {"bounds": (-0.65, np.inf)},
        {"method": "dogbox", "bounds": (-0.65, np.inf)},
        {"tr_options": {"regularize": False}},
    ],
)
def test_least_squares_takes_the_same_options_sparse_and_dense(options: dict[str, Any]) -> None:
    start = np.full(60, -0.5)
    target = np.random.default_rng(0).normal(size=60)

    def residuals(x: Any) -> Any:
        return np.concatenate([tridiagonal(x), x - target])

    dense, found = (
        optimize.least_squares(residuals, start, sparse=bool(choice), **_fit(options, choice)) for choice in (0, 1)
    )
    assert sparse.issparse(found.jac)
    assert isinstance(dense.jac, np.ndarray)
    assert found.cost == pytest.approx(dense.cost, rel=1e-6)
    np.testing.assert_allclose(found.x, dense.x, atol=2e-3)


def _fit(options: dict[str, Any], is_sparse: int) -> dict[str, Any]:
    """Return options of which those of `lsmr` are for sparse matrices alone."""
    return {name: x for name, x in options.items() if name != "tr_options" or is_sparse}


def test_scipy_is_given_sparse_matrices_that_are_those_of_dense_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def noted(name: str) -> None:
        solver = getattr(scipy_optimize, name)

        def spy(f: Any, x0: Any, *args: Any, **named: Any) -> Any:
            seen[name] = (args, named)
            return solver(f, x0, *args, **named)

        monkeypatch.setattr(scipy_optimize, name, spy)

    for name in ("minimize", "least_squares", "root"):
        noted(name)
    n = 300
    x = np.random.default_rng(0).normal(size=n)
    problem = PROGRAMS["chain"]
    assert "Hessian of a constraint: sparse" in solve(problem, n, "trust-constr", callback=lambda *a: True).how
    named = seen["minimize"][1]
    (c,) = named["constraints"]
    v = x[:-2]
    pairs = [(named["hess"](x), ag.hessian(problem.f)(x)), (c.jac(x), ag.jacobian(problem.constraint)(x))]
    pairs += [(c.hess(x, v), ag.hessian(lambda x: v @ problem.constraint(x))(x))]
    optimize.least_squares(tridiagonal, np.full(n, -1.0))
    pairs += [(seen["least_squares"][0][0](x), ag.jacobian(tridiagonal)(x))]
    optimize.root(tridiagonal, np.full(n, -1.0), method="krylov")
    inner = seen["root"][0][-1]["jac_options"]["inner_M"]
    pairs += [(inner.jac(x), ag.jacobian(tridiagonal)(x))]
    for found, expected in pairs:
        assert sparse.issparse(found)
        assert found.nnz < 4 * n
        np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(NO_IPOPT, reason="Ipopt is not installed")
@pytest.mark.parametrize("choice", [True, False])
@pytest.mark.parametrize("name", PROGRAMS)
def test_ipopt_is_given_the_derivatives(name: str, choice: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = []
    make = ipopt.problem_class()

    def noted(**named: Any) -> Any:
        problems.append(named["problem_obj"])
        return make(**named)

    monkeypatch.setattr(ipopt, "problem_class", lambda: noted)
    problem = PROGRAMS[name]
    found = solve(problem, 48, "ipopt", sparse=choice)
    (told,) = problems
    n, m = found.x.size, found.constr[0].size
    rng = np.random.default_rng(0)
    x, weights = found.x + rng.normal(size=n) / 10, rng.normal(size=m)

    def matrix(places: Any, values: Any, shape: tuple[int, int]) -> Any:
        dense = np.zeros(shape)
        np.add.at(dense, places, values)
        return dense

    jac = matrix(told.jacobianstructure(), told.jacobian(x), (m, n))
    np.testing.assert_allclose(jac, ag.jacobian(problem.constraint)(x), rtol=1e-12, atol=1e-12)
    rows, columns = told.hessianstructure()
    assert (rows >= columns).all()
    hess = matrix((rows, columns), told.hessian(x, weights, 0.5), (n, n))
    exact = ag.hessian(lambda x: 0.5 * problem.f(x) + weights @ problem.constraint(x))(x)
    np.testing.assert_allclose(hess, np.tril(exact), rtol=1e-11, atol=1e-11)
    assert (len(rows) < n * (n + 1) / 4) == choice


def test_by_default_large_sparse_matrices_are_sparse_and_others_are_not() -> None:
    few, many = (optimize.least_squares(tridiagonal, np.full(n, -1.0)) for n in (50, 300))
    order = "by rows, by reverse mode: 50 results, 50 parameters"
    assert few.how == f"Jacobian: dense: there are 50 parameters, fewer than 256; {order}"
    assert many.how == "Jacobian: sparse: 898 of 90,000 entries, by 3 colors"
    full = optimize.least_squares(lambda x: x + x.sum(), np.ones(300))
    assert full.how.startswith("Jacobian: dense: 90,000 of 90,000 entries may be nonzero; by rows")
    assert optimize.root(tridiagonal, np.full(300, -1.0)).method == "newton"
    assert optimize.root(tridiagonal, np.full(50, -1.0)).method == "hybr"
    assert optimize.minimize(rosenbrock, np.zeros(3)).how == "no matrices of derivatives were computed"

    def kinked(x: Any) -> Any:
        return x - 1 if x[0] > 0 else x - 1 + x**2

    unknown = optimize.least_squares(kinked, np.full(300, 0.5))
    assert unknown.how.startswith("Jacobian: dense: the pattern is not known: ")
    np.testing.assert_allclose(unknown.x, 1)


def test_sparse_matrices_are_compiled_and_confirmed() -> None:
    assert optimize.root(tridiagonal, np.full(300, -1.0)).evaluation == "compiled"
    eager = optimize.root(tridiagonal, np.full(300, -1.0), compiled=False)
    assert eager.evaluation == "not compiled: compiled=False was given"
    np.testing.assert_array_equal(eager.x, optimize.root(tridiagonal, np.full(300, -1.0)).x)


def test_what_changes_unseen_is_an_error() -> None:
    factor, seen = ctypes.c_double(1.0), []
    memory = ctypes.addressof(factor)

    def f(x: Any) -> Any:
        return tridiagonal(x) * struct.unpack("d", ctypes.string_at(memory, 8))[0]  # which no guard can see

    def grow(x: Any, values: Any) -> None:
        seen.append(x)
        factor.value = 1.0 if len(seen) < 4 else 1.25  # when it is compiled

    with pytest.raises(ag.ReplayError, match="^root: expected f to give the same at the same point"):
        optimize.root(f, np.full(300, -1.0), callback=grow)


@pytest.mark.parametrize("n", [20, 70])
def test_linear_constraints_may_be_of_the_other_kind(n: int) -> None:
    """SciPy wants all Jacobians sparse or all dense: those of 70 parameters are sparse by themselves."""
    chain = optimize.NonlinearConstraint(lambda x: x[1:] * x[:-1], 0.5, 2)
    options, start = {"maxiter": 3}, np.full(n, 0.8)
    for matrix in (np.ones((1, n)), sparse.csr_array(np.ones((1, n)))):
        both = [chain, optimize.LinearConstraint(matrix, -np.inf, 0.9 * n)]
        found = optimize.minimize(rosenbrock, start, method="trust-constr", constraints=both, options=options)
        assert sparse.issparse(found.jac[0]) == (n == 70 or sparse.issparse(matrix))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimize.minimize(rosenbrock, np.ones(3), sparse=True), "trust-constr or ipopt with sparse=True"),
        (lambda: optimize.root(tridiagonal, np.ones(3), method="hybr", sparse=True), "newton or krylov with sparse=T"),
        (lambda: optimize.least_squares(tridiagonal, np.ones(3), method="lm", sparse=True), "received method='lm'"),
        (lambda: optimize.least_squares(tridiagonal, np.ones(3), refine=True, sparse=True), "received refine=True"),
    ],
)
def test_where_matrices_have_to_be_dense_sparse_is_an_error(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_parameters_may_be_a_tree() -> None:
    def f(p: Any) -> Any:
        return {"r": tridiagonal(np.concatenate([p["a"].ravel(), p["b"]]))}

    start = {"a": np.full((10, 20), -1.0), "b": np.full(100, -1.0)}
    flat = optimize.root(tridiagonal, np.full(300, -1.0))
    for found in (optimize.root(f, start), optimize.least_squares(f, start, xtol=1e-12, ftol=1e-12)):
        assert "sparse" in found.how
        np.testing.assert_allclose(np.concatenate([found.x["a"].ravel(), found.x["b"]]), flat.x, atol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize(("solver", "f"), [(optimize.root, bratu), (optimize.least_squares, tridiagonal)])
def test_nothing_dense_is_made(solver: Any, f: Any) -> None:
    """A dense Jacobian of 6,400 unknowns takes 330 MB; what is allowed here is some dozens of vectors."""
    tracemalloc.start()
    found = solver(f, np.full(80**2, 0.1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.success
    assert peak < 30e6


def test_the_covariance_of_sparse_least_squares_is_that_of_dense_ones() -> None:
    data = np.random.default_rng(0).normal(size=(2, 300))

    def residuals(x: Any) -> Any:
        return np.concatenate([x - data[0], np.sin(x) - data[1], 3 * (x[1:] - x[:-1])])

    found = optimize.least_squares(residuals, np.zeros(300), sparse=True)
    j = found.jac.toarray()
    expected = np.linalg.inv(j.T @ j) * 2 * found.cost / (899 - 300)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-9, atol=1e-14)
    flat = optimize.least_squares(lambda x: np.concatenate([x[1:] - x[:-1]] * 2), np.linspace(0, 1, 300), sparse=True)
    with pytest.raises(ValueError, match="expected residuals that determine the parameters"):
        _ = flat.covariance
    large = optimize.least_squares(lambda x: np.concatenate([x - 1, x]), np.zeros(6000))
    with pytest.raises(
        ValueError, match=r"expected at most 5,000 parameters .* received 6,000, for which it takes 0.3"
    ):
        _ = large.covariance
