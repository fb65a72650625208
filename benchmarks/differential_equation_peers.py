"""Small systems of differential equations in diffrax and CasADi, in a Python that has them.

    python -m benchmarks.differential_equation_peers serve                    # reads rows, answers in lines of JSON
    python -m benchmarks.differential_equation_peers first hires diffrax      # the first call in this process

A row is `problem, library, what, count`, with tabs between; what is "value" or "gradient" (a value and its gradient by
y0 and all theta). An answer has the seconds of one call, processor time, and the value. Tolerances are 1e-8.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import differential_equation_problems as problems

TOLERANCE = 1e-8
SMALL = ("lotka_volterra", "van_der_pol", "lorenz", "pleiades", "hires", "oregonator")


def by_diffrax(problem: Any, method: str) -> dict[str, Callable[[], Any]]:
    """Return functions that are compiled: Tsit5 or Dopri8, or Kvaerno5 for stiff problems."""
    import diffrax
    import jax

    jax.config.update("jax_enable_x64", True)
    vars(problems)["np"] = jnp = jax.numpy  # the right-hand sides in JAX's functions

    def total(y0: Any, theta: Any) -> Any:
        answer = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, theta: problem.slopes(t, y, *theta)),
            getattr(diffrax, method)(),
            *problem.t_span,
            1e-6 if problem.stiff else None,
            y0,
            theta,
            stepsize_controller=diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE * jnp.asarray(problem.scale)),
            max_steps=200_000,
        )
        return answer.ys[-1].sum()

    y0, theta = jnp.asarray(problem.y0), tuple([jnp.asarray(x, float) for x in problem.theta])
    value, both = jax.jit(total), jax.jit(jax.value_and_grad(total, (0, 1)))
    return {
        "value": lambda: float(jax.block_until_ready(value(y0, theta))),
        "gradient": lambda: float(jax.block_until_ready(both(y0, theta))[0]),
    }


def _pleiades_casadi(casadi: Any, y: Any, mass: Any) -> Any:
    x, z = y[:7], y[7:14]
    forces: list[list[Any]] = [[], []]
    for i in range(7):
        sums = [0, 0]
        for j in range(7):
            if i != j:
                dx, dz = x[j] - x[i], z[j] - z[i]
                pull = mass[j] / (dx**2 + dz**2) ** 1.5
                sums = [sums[0] + pull * dx, sums[1] + pull * dz]
        forces[0].append(sums[0]), forces[1].append(sums[1])
    return casadi.vertcat(y[14:], *forces[0], *forces[1])


def by_casadi(problem: Any, method: str) -> dict[str, Callable[[], Any]]:
    """Return functions that call CVODES."""
    import casadi

    n, sizes = problem.y0.size, [np.size(x) for x in problem.theta]
    y, p = casadi.SX.sym("y", n), casadi.SX.sym("p", sum(sizes))
    parts = np.cumsum([0, *sizes])
    theta = [p[a:b] if np.ndim(x) else p[a] for x, a, b in zip(problem.theta, parts, parts[1:], strict=False)]
    if problem.name == "pleiades":
        slope = _pleiades_casadi(casadi, y, theta[0])
    else:
        slope = casadi.vertcat(*problem.f(0.0, y, *theta))
    options = {"reltol": TOLERANCE, "abstol": TOLERANCE * float(np.min(problem.scale)), "max_num_steps": 100_000}
    solver = casadi.integrator("solver", method, {"x": y, "p": p, "ode": slope}, *problem.t_span, options)
    y0, q = casadi.MX.sym("y0", n), casadi.MX.sym("q", sum(sizes))
    end = casadi.sum1(solver(x0=y0, p=q)["xf"])
    value = casadi.Function("value", [y0, q], [end])
    both = casadi.Function("both", [y0, q], [end, casadi.gradient(end, y0), casadi.gradient(end, q)])
    at = problem.y0, np.concatenate([np.ravel(x) for x in problem.theta])
    return {"value": lambda: float(value(*at)), "gradient": lambda: float(both(*at)[0])}


@functools.cache
def contender(name: str, library: str) -> dict[str, Callable[[], Any]]:
    """Return what computes a problem; library is "diffrax", "diffrax Dopri8" or "casadi"."""
    problem = problems.BY_NAME[name]
    if library == "casadi":
        return by_casadi(problem, "cvodes")
    explicit = library.split()[1] if " " in library else "Tsit5"
    return by_diffrax(problem, "Kvaerno5" if problem.stiff else explicit)


def serve() -> None:
    """Answer rows until there are no more."""
    for line in sys.stdin:
        name, library, what, count = line.rstrip("\n").split("\t")
        run = contender(name, library)[what]
        begin = time.process_time()
        for _ in range(int(count)):
            value = run()
        seconds = (time.process_time() - begin) / int(count)
        print(json.dumps({"seconds": seconds, "value": value}), flush=True)


def first(name: str, library: str) -> float:
    """Return the seconds that the first gradient takes, from the import of the library on."""
    begin = time.perf_counter()
    contender(name, library)["gradient"]()
    return time.perf_counter() - begin


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        print(json.dumps({"seconds": first(*sys.argv[2:4])}))
