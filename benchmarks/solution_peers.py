"""What other libraries say about the problems of `benchmarks.solution_problems`, in a Python that has them.

Arguments: the seed, the count, a library, and families or none. Writes an answer in a line of JSON for each problem
that the library has a solver for. Solvers are given what SciPy's are: start, and tolerance and iterations where they
take them.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from benchmarks.solution_families import Problem, distance, distance_in, draw

Array = np.ndarray
_TOLERANCE = 1e-8  # where a library has none by default


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def _gradient(problem: Problem, solve: Callable[..., Any]) -> tuple[Any, list[Array]]:
    """Return x and the gradients of weight·x, for a function that returns x and whether it has succeeded."""
    jax = _jax()

    def result(theta: Any) -> Any:
        x, success = solve(*theta)
        return (jax.numpy.asarray(problem.weight) * x).sum(), (x, success)

    theta = [jax.numpy.asarray(p) for p in problem.theta]
    (_, (x, success)), gradient = jax.value_and_grad(result, has_aux=True)(theta)
    if not success:  # whether or not the library raises an error then
        raise RuntimeError("the solver has failed")
    return x, gradient


# ---- jaxopt ----------------------------------------------------------------------------------------------------------


@functools.cache
def _by_jaxopt(kind: str, f: Any, method: str) -> Any:
    """Return jaxopt's solver of a function, which is compiled once."""
    import jaxopt

    jnp = _jax().numpy
    if kind == "root":
        return jaxopt.ScipyRootFinding(method=method, optimality_fun=lambda z, *rest: f(jnp, z, *rest))
    if kind == "minimize":
        return jaxopt.ScipyMinimize(fun=lambda z, *rest: f(jnp, z, *rest), method=method)
    if kind == "bounds":
        return jaxopt.ScipyBoundedMinimize(fun=lambda z, *rest: f(jnp, z, *rest), method=method)
    if kind == "least_squares":
        return jaxopt.ScipyLeastSquares(fun=lambda z, *rest: f(jnp, z, *rest), method=method)
    return jaxopt.AndersonAcceleration(fixed_point_fun=lambda z, *rest: f(jnp, z, *rest), implicit_diff=True)


def jaxopt_answer(problem: Problem) -> Any:
    """Return x and gradients; None without a solver."""
    import jaxopt

    jnp, o = _jax().numpy, problem.options
    method, kind = o["method"], problem.kind
    data = [jnp.asarray(d) for d in problem.data]
    if kind == "implicit":
        residual = functools.partial(_residual, problem.f, jnp)

        @jaxopt.implicit_diff.custom_root(residual)
        def solver(start: Any, *rest: Any) -> Any:
            return jnp.asarray(_scipy_root(problem, [np.asarray(r) for r in rest[: len(problem.theta)]]))

        return _gradient(problem, lambda *theta: (solver(jnp.asarray(problem.start), *theta, *data), True))
    if kind in ("qp", "linprog", "linear_solve", "eigsh"):
        return None
    if kind == "constrained":
        if not o.get("bounds"):
            return None
        kind, method = "bounds", "L-BFGS-B" if method in ("SLSQP", "trust-constr") else method
    elif kind == "root" and method == "newton":
        method = "hybr"
    elif kind == "minimize" and method in ("trust-exact", "Newton-CG"):
        method = "BFGS"
    solver = _by_jaxopt(kind, problem.f, method)
    defaults = {field.name: field.default for field in dataclasses.fields(solver)}
    for name in {"tol", "maxiter"} & set(defaults):
        setattr(solver, name, o.get(name, defaults[name]))
    bounds = ((jnp.zeros(problem.start.size), jnp.full(problem.start.size, jnp.inf)),) if kind == "bounds" else ()

    def solve(*theta: Any) -> Any:
        out, state = solver.run(jnp.asarray(problem.start), *bounds, *theta, *data)
        return out, state.success if hasattr(state, "success") else state.error <= solver.tol

    return _gradient(problem, solve)


def _residual(f: Any, by: Any, z: Any, *rest: Any) -> Any:
    return f(by, z, *rest)


def _scipy_root(problem: Problem, theta: list[Array]) -> Array:
    o = problem.options
    method = "hybr" if o["method"] == "newton" else o["method"]
    found = scipy.optimize.root(
        lambda z: problem.f(np, z, *theta, *problem.data), problem.start, (), method, tol=o.get("tol")
    )
    if not found.success and "error" not in o:
        raise RuntimeError("the solver has failed")
    lie = np.random.default_rng(o["seed"]).normal(size=found.x.shape) * o["error"] if "error" in o else 0
    return found.x * (1 + lie)


# ---- optimistix ------------------------------------------------------------------------------------------------------


@functools.cache
def _by_optimistix(kind: str, f: Any, steps: int) -> Any:
    """Return a compiled function of start, theta, data, weight and tolerance: the gradient and x."""
    import optimistix

    jax = _jax()
    jnp = jax.numpy

    def of_z(z: Any, rest: Any) -> Any:
        return f(jnp, z, *rest)

    def result(theta: Any, start: Any, data: Any, weight: Any, tol: Any) -> Any:
        rest = [*theta, *data]
        how = {"max_steps": steps, "throw": False}
        if kind == "root":
            out = optimistix.root_find(of_z, optimistix.Newton(tol, tol), start, rest, **how)
        elif kind == "minimize":
            out = optimistix.minimise(of_z, optimistix.BFGS(tol, tol), start, rest, **how)
        elif kind == "least_squares":
            out = optimistix.least_squares(of_z, optimistix.LevenbergMarquardt(tol, tol), start, rest, **how)
        else:
            out = optimistix.fixed_point(of_z, optimistix.FixedPointIteration(tol, tol), start, rest, **how)
        success = out.result == optimistix.RESULTS.successful
        return (weight * out.value).sum(), (out.value, success)

    return jax.jit(jax.value_and_grad(result, has_aux=True))


def optimistix_answer(problem: Problem) -> Any:
    """Return x and gradients; None without a solver."""
    if problem.kind not in ("root", "minimize", "least_squares", "fixed_point"):
        return None
    jnp, o = _jax().numpy, problem.options
    theta, data = ([jnp.asarray(a) for a in group] for group in (problem.theta, problem.data))
    run = _by_optimistix(
        problem.kind, problem.f, 8 if "maxiter" in o else 4096 if problem.kind == "fixed_point" else 512
    )
    tol = jnp.asarray(o.get("tol", _TOLERANCE))
    (_, (x, success)), gradient = run(theta, jnp.asarray(problem.start), data, jnp.asarray(problem.weight), tol)
    if not success:  # what throw=True raises
        raise RuntimeError("the solver has failed")
    return x, gradient


# ---- quadratic programs ----------------------------------------------------------------------------------------------


def _rows(problem: Problem) -> tuple[Any, Any, Any] | None:
    """Return p, g and h of a projection onto a polyhedron; None for other problems."""
    if problem.f not in (distance, distance_in) or len(problem.theta) > 1:
        return None
    if problem.options.get("bounds"):
        (p,) = problem.data
        return p, -np.eye(p.shape[0]), np.zeros(p.shape[0])
    h, p, g = problem.data
    return p, g, h


def qpax_answer(problem: Problem) -> Any:
    """Return x and gradients; None without a solver."""
    import qpax

    parts = _rows(problem)
    if parts is None:
        return None
    jnp = _jax().numpy
    p, g, h = map(jnp.asarray, parts)
    q, n = p.T @ p, p.shape[0]

    def solve(a: Any) -> Any:
        return qpax.solve_qp_primal(q, -q @ a, jnp.zeros((0, n)), jnp.zeros(0), g, h, target_kappa=1e-9), True

    return _gradient(problem, solve)


@functools.cache
def _layer(n: int, m: int) -> Any:
    import cvxpy
    from cvxpylayers.jax import CvxpyLayer

    x, root, shift = cvxpy.Variable(n), cvxpy.Parameter((n, n)), cvxpy.Parameter(n)
    g, h = cvxpy.Parameter((m, n)), cvxpy.Parameter(m)
    program = cvxpy.Problem(cvxpy.Minimize(0.5 * cvxpy.sum_squares(root @ x - shift)), [g @ x <= h])
    return CvxpyLayer(program, parameters=[root, shift, g, h], variables=[x])


def cvxpylayers_answer(problem: Problem) -> Any:
    """Return x and gradients; None without a solver."""
    parts = _rows(problem)
    if parts is None:
        return None
    jnp = _jax().numpy
    p, g, h = map(jnp.asarray, parts)
    layer = _layer(p.shape[0], g.shape[0])
    return _gradient(problem, lambda a: (layer(p, p @ a, g, h)[0], True))


# ---- Advect ----------------------------------------------------------------------------------------------------------


def advect_answer(problem: Problem) -> Any:
    """Return x and gradients; None without a solver."""
    if problem.kind not in ("root", "implicit"):
        return None
    import advect

    by, seen = advect.numpy, []

    def solve(residual: Any, initial: Any) -> Any:
        seen.append(_scipy_root(problem, problem.theta))
        return seen[-1]

    def linear_solve(operator: Any, rhs: Any) -> Any:
        columns = [np.asarray(operator(e)) for e in np.eye(rhs.size)]
        return np.linalg.solve(np.stack(columns, 1), np.asarray(rhs))

    root = advect.implicit_root(
        lambda z, theta: problem.f(by, z, *theta, *problem.data), solve=solve, linear_solve=linear_solve
    )
    gradient = advect.grad(lambda theta: (root(theta, initial=problem.start) * problem.weight).sum())(
        tuple(problem.theta)
    )
    return seen[-1], gradient


PEERS: dict[str, Callable[[Problem], Any]] = {
    "jaxopt": jaxopt_answer,
    "optimistix": optimistix_answer,
    "qpax": qpax_answer,
    "cvxpylayers": cvxpylayers_answer,
    "advect": advect_answer,
}


# ---- costs -----------------------------------------------------------------------------------------------------------


def three(by: Any, z: Any, t: Any) -> Any:
    """Three equations, of `benchmarks.solutions`."""
    return by.stack([z[0] * by.cos(z[1]) - 4 * t[0], z[0] * z[1] - z[1] - 5 * t[1], z[2] ** 3 + z[2] - t[0] * t[1]])


THREE = np.array([6.0, 1.0, 1.0]), np.ones(2)


def program(seed: int, n: int = 100, m: int = 100, rows: int = 20) -> tuple[Array, ...]:
    """Return P, q, G, h, A and b of a quadratic program with about half of its constraints active."""
    rng = np.random.default_rng(seed)
    root, z = rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)
    g, a = rng.normal(size=(m, n)), rng.normal(size=(rows, n))
    is_active = np.arange(m) < m // 2
    p = root.T @ root + np.eye(n)
    q = -p @ z - g.T @ np.where(is_active, rng.uniform(0.5, 1, m), 0)
    return p, q, g, g @ z + np.where(is_active, 0, rng.uniform(0.5, 1, m)), a, a @ z


PROGRAMS = [program(seed) for seed in range(20)]


def _cost_of_root(library: str) -> Callable[[], Any]:
    import jaxopt
    import optimistix

    jax = _jax()
    jnp = jax.numpy
    start = jnp.asarray(THREE[0])

    def optimistix_root(t: Any) -> Any:
        newton = optimistix.Newton(1e-10, 1e-10)
        return optimistix.root_find(lambda z, t: three(jnp, z, t), newton, start, t).value.sum()

    def jaxopt_root(t: Any) -> Any:
        solver = jaxopt.Broyden(lambda z, t: three(jnp, z, t), tol=1e-10)
        return solver.run(start, t).params.sum()

    gradient = jax.jit(jax.grad({"optimistix": optimistix_root, "jaxopt": jaxopt_root}[library]))
    t = jnp.asarray(THREE[1])
    return lambda: gradient(t).block_until_ready()


def _cost_of_program(library: str, tol: float = 1e-3) -> Callable[[], Any]:
    import qpax

    jax = _jax()
    programs = itertools.cycle([tuple(map(jax.numpy.asarray, parts)) for parts in PROGRAMS])

    def solve(q: Any, p: Any, g: Any, h: Any, a: Any, b: Any) -> Any:
        return qpax.solve_qp_primal(p, q, a, b, g, h, solver_tol=tol, target_kappa=tol).sum()

    gradient = jax.jit(jax.grad(solve))

    def run() -> Any:
        p, q, *rest = next(programs)
        return gradient(q, p, *rest).block_until_ready()

    return run


COSTS = {
    "root": _cost_of_root,
    "program": _cost_of_program,
    "exact program": functools.partial(_cost_of_program, tol=1e-8),
}


def answer_costs() -> None:
    """Read lines `name TAB library TAB count`, and write what one call takes, in seconds, and what it returns."""
    ready: dict[str, Callable[[], Any]] = {}
    for line in sys.stdin:
        name, library, count = line.rstrip("\n").split("\t")
        key = f"{name} {library}"
        if key not in ready:
            ready[key] = COSTS[name](library)
            ready[key]()
        begin = time.process_time()
        for _ in range(int(count)):
            out = ready[key]()
        seconds = (time.process_time() - begin) / int(count)
        print(json.dumps({"seconds": seconds, "gradient": np.asarray(out).tolist()}), flush=True)


def main() -> None:
    """Answer."""
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["costs"]:
        answer_costs()
        return
    seed, count, name, *families = sys.argv[1:]
    for number in range(int(count)):
        problem = draw(int(seed), number, tuple(families) or None)
        line: dict[str, Any] = {"number": number}
        try:
            with np.errstate(all="ignore"):
                answer = PEERS[name](problem)
            if answer is None:
                continue
            x, gradient = answer
            line |= {"x": np.asarray(x).tolist(), "gradient": [np.ravel(g).tolist() for g in gradient]}
        except Exception as error:  # whatever a library raises is a refusal
            line["message"] = f"{type(error).__name__}: {error}"[:200]
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
