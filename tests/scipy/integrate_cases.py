"""Calls of `scipy.integrate`. Data only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .case import Case, normal

NODES = np.array([0.0, 0.3, 1.0, 1.2, 2.0, 2.9, 3.1, 4.0])


def samples(name: str) -> list[Case]:
    def call(m: Any, y: Any, x: Any = None, **rest: Any) -> Any:
        return getattr(m, name)(y, x=x, **rest)

    return [
        *[Case(f"integrate.{name} {n}", call, (normal(2, n), NODES[:n])) for n in (7, 8, 2, 3)],
        Case(
            f"integrate.{name} each",
            lambda m, y, x: call(m, y, x.cumsum(0), axis=0),
            (normal(5, 2), 1 + abs(normal(5, 2))),
        ),
        Case(f"integrate.{name} dx", lambda m, y, dx: call(m, y, dx=dx, axis=0), (normal(6, 2), np.array(0.7))),
    ]


def _decay(t: Any, y: Any, rate: Any, push: Any) -> Any:
    return np.stack([y[1], -rate * y[0] - 0.1 * y[1] ** 3 + push * np.sin(t)])


# Steps that do not depend on the state, so that finite differences are those of the discrete solution.
FIXED = {"first_step": 0.1, "max_step": 0.1, "rtol": 1.0, "atol": 1.0}
TIGHT = {"rtol": 1e-9, "atol": 1e-11}
STEPS = dict.fromkeys(("vmap", "compile"), "the number of steps depends on values")
WAVY = (normal(2), np.array(1.4), np.array(0.3))

INTEGRATE = [
    *[
        case
        for name in ("trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson")
        for case in samples(name)
    ],
    Case("integrate.cumulative_trapezoid initial", lambda m, y: m.cumulative_trapezoid(y, initial=0), (normal(4),)),
    Case(
        "integrate.cumulative_simpson initial",
        lambda m, y, x, i: m.cumulative_simpson(y, x=x, initial=i),
        (normal(6), NODES[:6], normal()),
    ),
    *[
        Case(f"integrate.romb {n}", lambda m, y, dx: m.romb(y, dx=dx, axis=0), (normal(n, 2), np.array(0.7)))
        for n in (2, 3, 9)
    ],
    Case(
        "integrate.fixed_quad",
        lambda m, a, b, k: m.fixed_quad(lambda x, k: np.sin(k * x), a, b, args=(k,), n=4)[0],
        (np.array(0.2), np.array(1.4), np.array(1.1)),
    ),
    *[
        Case(
            f"integrate.quad {end}",
            lambda m, a, k, c, end=end: m.quad(
                lambda x, k, c: np.exp(-k * x * x) * np.cos(c[0] + c[1] * x), a, end, args=(k, c)
            )[0],
            (np.array(0.2), np.array(1.1), normal(2)),
        )
        for end in (1.5, np.inf)
    ],
    Case(
        "integrate.quad singular",
        lambda m, a: m.quad(lambda x, a: x ** (a - 1) * np.exp(-x), 0, 1, args=(a,))[0],
        (np.array(0.6),),
    ),
    *[
        Case(
            f"integrate.solve_ivp {method} {'t_eval' if times is not None else 'steps'}",
            lambda m, y, a, b, method=method, times=times: (
                m.solve_ivp(_decay, (0.0, 0.4), y, method, t_eval=times, args=(a, b), **FIXED).y
            ),
            WAVY,
            STEPS if times is None else {},
        )
        for method in ("RK23", "RK45", "DOP853")
        for times in (None, np.linspace(0, 0.4, 7))
    ],
    *[
        Case(
            f"integrate.solve_ivp {method} {'t_eval' if times is not None else 'steps'}",
            lambda m, y, a, b, method=method, times=times: m.solve_ivp(
                _decay, (0.0, 0.4), y, method, t_eval=times, args=(a, b), **TIGHT
            ).y[:, -2 if times is not None else -1],
            WAVY,
            {**(STEPS if times is None else {}), "plain": "it takes long"},
        )
        for method in ("Radau", "BDF")
        for times in (None, np.linspace(0, 0.4, 7))
    ],
    Case(
        "integrate.solve_ivp backward",
        lambda m, y, a, b: m.solve_ivp(_decay, (0.4, -0.1), y, "RK45", t_eval=[0.3, 0.0, -0.1], args=(a, b), **FIXED).y,
        WAVY,
    ),
    Case(
        "integrate.solve_ivp sol",
        lambda m, y, a, b: m.solve_ivp(_decay, (0.0, 0.5), y, "DOP853", dense_output=True, args=(a, b), **FIXED).sol(
            np.array([0.3, 0.5])
        ),
        WAVY,
        STEPS,
    ),
    Case(
        "integrate.solve_ivp times",
        lambda m, y, a, b: m.solve_ivp(_decay, (0.1, 0.5), y, t_eval=[0.3, 0.5], args=(a, b), **FIXED).y,
        WAVY,
    ),
    Case(
        "integrate.odeint",
        lambda m, y, a, b: m.odeint(_decay, y, np.linspace(0, 1, 5), args=(a, b), tfirst=True, **TIGHT),
        WAVY,
    ),
    Case(
        "integrate.solve_bvp",
        lambda m, a, end: m.solve_bvp(
            lambda t, y: np.stack([y[1], -a * y[0] - t]),
            lambda ya, yb: np.stack([ya[0] - a, yb[1]]),
            np.linspace(0, 1, 5) * end,
            np.ones((2, 5)),
            tol=1e-6,
            max_nodes=60,
        ).y[:, 0],
        (np.array(0.7), np.array(1.1)),
        {"plain": "the last digits are those of exact equations"},
    ),
]
