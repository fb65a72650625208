"""The same seed gives the same numbers at a first call, which records and derives, as at the later ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

F = Callable[[Any], Any]


def noise(x: Any) -> Any:
    return np.tanh(x * ag.random.normal(())) + ag.random.uniform(())


def scan(x: Any) -> Any:
    (c, total), ys = ag.scan(lambda c, k: ((noise(c[0] * k), c[1] + c[0]), c[0] * x), (x, x * 0), np.arange(1.0, 4.0))
    return c + total + (ys * ag.random.normal((3,))).sum()


# Functions of a number that draw.
FUNCTIONS: dict[str, F] = {
    "draws": noise,
    "scan": scan,
    "cond": lambda x: noise(ag.cond(x > 0, noise, np.sin, x)),
    "while_loop": lambda x: noise(ag.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, noise(c[1])), (0, x))[1]),
    "fori_loop": lambda x: ag.fori_loop(0, 3, lambda k, c: noise(c) * x, x),
    "checkpoint": lambda x: noise(ag.checkpoint(lambda x: np.sin(x) * noise(x))(x)),
    "compile": ag.compile(scan),
    "nested": lambda x: ag.scan(lambda c, _: (ag.cond(c > 0, scan, noise, c), None), x, None, 2)[0],
}
TRANSFORMATIONS: dict[str, Callable[[F], F]] = {
    "none": lambda f: f,
    "value_and_grad": ag.value_and_grad,
    "checkpoint": lambda f: ag.value_and_grad(ag.checkpoint(f)),
    "jvp": lambda f: lambda x: ag.jvp(f)((x,), (1.0,)),
    "linearize": lambda f: lambda x: ag.linearize(f)(x)[1](1.0),
    "vjp": lambda f: lambda x: ag.vjp(f)(x)[1](1.0),
    "hvp": lambda f: lambda x: ag.hvp(f)(x, 1.0),
    "hessian": ag.hessian,
    "jacobian": ag.jacobian,
    "vmap": lambda f: lambda x: ag.vmap(f)(x + np.zeros(2)),
    "grad of vmap": lambda f: ag.grad(lambda x: ag.vmap(f)(x + np.zeros(2)).sum()),
}


def outcome(f: F) -> Any:
    """Return what a call makes of a seed, and the draw that follows."""
    ag.set_seed(3)
    try:
        result: Any = [np.asarray(x).tolist() for x in ag.tree.leaves(f(0.7))]
    except Exception as error:
        result = type(error).__name__, str(error)
    return result, float(ag.random.normal(()))


# Where the first call differs: a traced branch is an operation, and backward, which runs the function as it is, finds
# others.
REFUSED = {(name, "checkpoint", "inside") for name in ("cond", "while_loop")}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.ci] * (name != "scan")) for name in FUNCTIONS])
def test_every_call_draws_what_the_first_one_draws(name: str) -> None:
    """Also as one that is compiled: the same results, and the same draw after it."""
    f = FUNCTIONS[name]
    for label, transform in TRANSFORMATIONS.items():
        ways = {"eager": transform(f), "compiled": ag.compile(transform(f)), "inside": transform(ag.compile(f))}
        last = {}
        for way, g in ways.items():
            first, *others = [outcome(g) for _ in range(4)]  # traced twice, and replayed
            assert others[1:] == others[:-1], (label, way)
            if (name, label, way) not in REFUSED:
                assert first == others[0], (label, way)
            last[way] = others[0]
        results = [result for result in last.values() if not isinstance(result[0], tuple)]
        for values, draw in results[1:]:
            assert draw == results[0][1], (label, last)
            np.testing.assert_allclose(values, results[0][0], rtol=1e-12, err_msg=label)
