"""Transformations do the same in a compiled function, and their results have the same gradients outside.

Those that make nothing but derivatives are in `test_compile.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..laws.reading import same_bits
from .eager import eager

# What is called with arrays, a rule too, computes as NumPy does: functions of which Tensors have other loops (`sin`, …)
# would differ in the last bit, so such functions are used where there are Tensors alone.
F = lambda x: (np.sin(x) * np.roll(x, 1)).sum()  # noqa: E731
CALLS = 4


@ag.custom_vjp
def clipped(x: Any) -> Any:
    return np.clip(x, -0.5, 0.5)


@clipped.def_vjp
def _of_clipped(g: Any, out: Any, x: Any) -> Any:
    return (g / (x * x + 1),)


@ag.custom_vjp
def two(x: Any, y: Any) -> Any:
    return {"a": np.arctan(x) * y, "b": x.sum()}


@two.def_vjp
def _of_two(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g["a"] / (x * x + 1) * y + g["b"], g["a"] * np.arctan(x)


@ag.custom_jvp
def root(x: Any) -> Any:
    return np.sqrt(x * x + 1)


@root.def_jvp
def _of_root(tangents: Any, out: Any, x: Any) -> Any:
    return tangents[0] * x / np.hypot(x, 1)


def pulled(x: Any, g: Any) -> Any:
    out, pull = ag.vjp(lambda y: np.outer(y, np.exp(y)))(x)
    return out, pull(g)


def linearized(x: Any, v: Any) -> Any:
    out, linear = ag.linearize(lambda y: np.tanh(y) * y)(x)
    return out, linear(v), linear.transpose(v)


def scanned(x: Any) -> Any:
    return ag.scan(lambda carry, e: (np.tanh(carry * e), carry), x[0], x)


def checkpointed(x: Any) -> Any:
    return (ag.checkpoint(lambda y: np.arctan(np.sqrt(y * y) * y) * y)(x) * x).sum() * x[0]


def drawing(x: Any) -> Any:
    return ag.checkpoint(lambda y: np.arctan(y) * ag.random.normal(y.shape))(x).sum()


ROWS: dict[str, tuple[Any, ...]] = {
    "value_and_grad": (ag.value_and_grad(lambda x: (F(x), x * 2), has_aux=True), (5,)),
    "vjp": (pulled, (4,), (4, 4)),
    "linearize": (linearized, (4,), (4,)),
    "jacobian of vmap": (ag.jacobian(ag.vmap(F)), (3, 4)),
    "custom_vjp": (lambda x: clipped(x) * 3, (6,)),
    "grad of custom_vjp": (ag.grad(lambda x: (clipped(x) * x).sum()), (6,)),
    "custom_vjp of containers": (lambda x, y: (two(x, y)["a"] * two(x, y)["b"]).sum(), (6,), (6,)),
    "vmap of custom_vjp": (ag.vmap(ag.grad(lambda x: (clipped(x) * x).sum())), (3, 6)),
    "custom_jvp": (ag.grad(lambda x: root(x).sum()), (6,)),
    "jvp of custom_jvp": (lambda x, v: ag.jvp(root)((x,), (v,)), (6,), (6,)),
    "checkpoint": (checkpointed, (6,)),
    "grad of checkpoint": (ag.grad(checkpointed), (6,)),
    "hessian of checkpoint": (ag.hessian(checkpointed), (4,)),
    "checkpoint that draws": (drawing, (6,)),
    "grad of a checkpoint that draws": (ag.grad(drawing), (6,)),
    "stop_gradient": (ag.grad(lambda x: (x * ag.stop_gradient(x)).sum()), (6,)),
    "no_grad": (ag.no_grad()(lambda x: ag.grad(F)(x) * x), (6,)),
    "scan": (scanned, (6,)),
    "grad of scan": (ag.grad(lambda x: scanned(x)[1].sum()), (6,)),
    "cond": (lambda x: ag.cond(x.sum() > 0, np.tanh, np.sin, x) * x, (6,)),
    "solve": (ag.grad(lambda a, b: np.linalg.solve(a @ a.T + np.eye(4), b).sum(), (0, 1)), (4, 4), (4,)),
}

# Second derivatives go through a checkpoint, where an eager run adds up in another order; of arrays, and of leaves.
AS_THEY_ARE = {
    "hessian of checkpoint": [True, True],
    "grad of checkpoint": [False, True],
    "grad of a checkpoint that draws": [False, True],
}


def arrays_of(tree: Any) -> list[np.ndarray]:
    return [np.asarray(x._data if isinstance(x, ag.Tensor) else x) for x in ag.tree.leaves(tree)]


def gradients(f: Callable[..., Any], args: list[ag.Tensor]) -> list[Any]:
    """Return the results for leaves, and the gradients that a weighted sum of them sends back."""
    out = f(*args)
    weighed = [
        (t * np.cos(np.arange(t.size)).reshape(t.shape)).sum()
        for t in ag.tree.leaves(out)
        if isinstance(t, ag.Tensor) and t.requires_grad
    ]
    if weighed:
        sum(weighed[1:], weighed[0]).backward()
    return [*arrays_of(out), *(np.zeros(0) if x.grad is None else x.grad._data for x in args)]


@pytest.mark.parametrize("name", ROWS)
def test_in_a_compiled_function(name: str) -> None:
    f, *shapes = ROWS[name]
    rng = np.random.default_rng(0)
    of_arrays, of_leaves = ag.compile(f), ag.compile(f)
    for k in range(CALLS):
        arrays = [rng.normal(size=shape) for shape in shapes]
        found = []
        for g, h in ((of_arrays, of_leaves), (eager(f), f)):
            ag.set_seed(k)
            found.append(arrays_of(g(*arrays)))
            found[-1] += gradients(h, [ag.tensor(a, requires_grad=True) for a in arrays])
        for a, b in zip(*found, strict=True):
            assert same_bits(a, b)
    assert len(of_arrays.traces) == len(of_leaves.traces) == 1
    ways = [f.traces[0].replay is None for f in (of_arrays, of_leaves)]
    assert ways == AS_THEY_ARE.get(name, [False, False]), of_arrays.explain() + of_leaves.explain()


@pytest.mark.parametrize("nested", [False, True])
def test_a_zero_tangent_stays_zero_at_a_singular_point(nested: bool) -> None:
    """0 · ∞ that was not there when the function was traced: forward mode masks it, and a replay must not miss it."""

    def f(x: Any, t: Any) -> Any:
        g = lambda x: np.sqrt(x) * x  # noqa: E731
        return ag.jvp((lambda x: ag.jvp(g)((x,), (t,))[1]) if nested else g)((x,), (t,))

    compiled = ag.compile(f)
    for _ in range(3):
        compiled(np.ones(3), np.ones(3))
    assert compiled.traces[0].replay is not None
    x, t = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0])
    for found, expected in zip(compiled(x, t), f(x, t), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found[0] == 0
