"""Small calls under HIPS autograd's names, here and in HIPS itself: `python -m benchmarks.hips_calls [rounds]`.

Both run in one process, by turns, so that a slow moment of the machine falls on both; what is printed is the least
processor time of a call, in microseconds. Both must give the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import autograd
import autograd.extend
import autograd.numpy
import numpy as np

import autograd_lite.hips
from autograd_lite import tree
from benchmarks.models import kalman_model, logistic_model, lotka_volterra_model
from benchmarks.problems import Model

X = np.linspace(0.1, 1.0, 50)
A = np.random.default_rng(0).normal(size=(50, 50))


KALMAN, PREY, LOGISTIC = kalman_model(), lotka_volterra_model(), logistic_model()


def of_model(package: ModuleType, problem: Model) -> Callable[[Any], Any]:
    """The gradients of a problem, and its Hessian where one is wanted, as the contender for HIPS takes them."""
    f = problem.function(package.numpy)
    both = package.value_and_grad(f, argnum=tuple(range(len(problem.inputs))))
    if problem.want == "gradient":
        return lambda inputs: both(*inputs)
    curvature = package.hessian(f)
    return lambda inputs: (both(*inputs), curvature(*inputs))


class Call(NamedTuple):
    """A call to measure: `make(package)` returns a function of `argument`."""

    name: str
    make: Callable[[ModuleType], Callable[[Any], Any]]
    argument: Any
    repeats: int = 300


def chained(package: ModuleType, length: int) -> Callable[[Any], Any]:
    double = package.extend.primitive(lambda x: x * 2.0)
    package.extend.defvjp(double, lambda ans, x: lambda g: 2.0 * g)

    def f(x: Any) -> Any:
        for _ in range(length):
            x = double(x)
        return package.numpy.sum(x)

    return package.grad(f)


def loss(p: ModuleType) -> Callable[[Any], Any]:
    return lambda x: p.numpy.sum(p.numpy.tanh(p.numpy.dot(A, x)) ** 2)


CALLS = (
    Call("grad of sum(sin(x) * x)", lambda p: p.grad(lambda x: p.numpy.sum(p.numpy.sin(x) * x)), X[:3]),
    Call("value_and_grad of a number", lambda p: p.value_and_grad(lambda x: p.numpy.exp(x) * x), 2.0),
    Call("grad by a dict", lambda p: p.grad(lambda q: p.numpy.sum(q["w"] * q["b"])), {"w": X[:3], "b": 2.0}),
    Call("grad of array([x, x², 1])", lambda p: p.grad(lambda x: p.numpy.sum(p.numpy.array([x, x * x, 1.0]))), 2.0),
    Call("grad, 40 ops", lambda p: p.grad(lambda x: recurrence(p.numpy, x)), X),
    Call("jacobian, 50 × 50", lambda p: p.jacobian(lambda x: p.numpy.tanh(p.numpy.dot(A, x))), X, 30),
    Call("hessian, 50 × 50", lambda p: p.hessian(loss(p)), X, 10),
    Call("hessian times vector", lambda p: lambda x: p.hessian_vector_product(loss(p))(x, x), X, 100),
    Call("make_jvp", lambda p: lambda x: p.make_jvp(p.numpy.sin)(x)(x), X[:3]),
    Call("one primitive", lambda p: chained(p, 1), X[:3]),
    Call("eleven primitives", lambda p: chained(p, 11), X[:3]),
    # Problems of README's table of speeds.
    Call("Kalman filter, 100 steps", lambda p: of_model(p, KALMAN), (*KALMAN.inputs.values(),), 2),
    Call("Lotka-Volterra, 100 steps", lambda p: of_model(p, PREY), (*PREY.inputs.values(),), 2),
    Call("logistic regression, Hessian", lambda p: of_model(p, LOGISTIC), (*LOGISTIC.inputs.values(),), 3),
)


def recurrence(np: Any, x: Any) -> Any:
    for _ in range(10):
        x = np.tanh(x * 1.1 + 0.1)
    return np.sum(x * x)


def measured(rounds: int = 15) -> Iterator[tuple[str, float, float]]:
    """Yield the name of each call and the times of HIPS's and ours, in microseconds."""
    for call in CALLS:
        contenders = [call.make(package) for package in (autograd, autograd_lite.hips)]
        theirs, ours = ([np.asarray(a) for a in tree.leaves(f(call.argument))] for f in contenders)
        if not all(np.allclose(x, y, rtol=1e-10) for x, y in zip(theirs, ours, strict=True)):
            raise AssertionError(f"{call.name}: HIPS gives {theirs}, we {ours}")
        best = [float("inf"), float("inf")]
        for _ in range(rounds):
            for i, f in enumerate(contenders):
                start = time.process_time()
                for _ in range(call.repeats):
                    f(call.argument)
                best[i] = min(best[i], (time.process_time() - start) / call.repeats * 1e6)
        yield call.name, best[0], best[1]


if __name__ == "__main__":
    for name, theirs, ours in measured(*map(int, sys.argv[1:])):
        print(f"{name:28} HIPS {theirs:8.1f} µs   ours {ours:8.1f} µs   ours / HIPS {ours / theirs:.2f}")
