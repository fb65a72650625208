"""Products under `vmap` and in Jacobians: what has no batch is one matrix of one product, not one of many."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

N, M, K, P = 5, 3, 4, 2
ci = pytest.mark.ci
SHAPES: dict[tuple[str, str], tuple[tuple[int, ...], tuple[int, ...]]] = {
    ("matrix", "vector"): ((M, K), (K,)),
    ("vector", "matrix"): ((K,), (K, P)),
    ("vector", "vector"): ((K,), (K,)),
    ("matrix", "matrix"): ((M, K), (K, P)),
    ("matrix", "column"): ((M, K), (K, 1)),
    ("matrices", "vector"): ((6, M, K), (K,)),
    ("vector", "matrices"): ((K,), (6, K, P)),
    ("matrix", "matrices"): ((M, K), (6, K, P)),
    ("matrix", "columns"): ((M, K), (6, K, 1)),
    ("columns", "matrices"): ((1, M, 1), (6, 1, P)),
    ("nothing", "matrices"): ((M, 0), (6, 0, P)),
}


def _close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("batched", [(True, False), (False, True), pytest.param((True, True), marks=ci)], ids=str)
@pytest.mark.parametrize("kinds", [*list(SHAPES)[:2], *[pytest.param(k, marks=ci) for k in list(SHAPES)[2:]]], ids=str)
def test_products_of_a_batch_are_those_of_its_examples(kinds: Any, batched: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(0)
    shapes = SHAPES[kinds]
    x, y = (rng.normal(size=(N, *s) if b else s) for s, b in zip(shapes, batched, strict=True))
    u, v = (rng.normal(size=s) for s in shapes)

    def loss(x: Any, y: Any) -> Any:
        return ((x @ y) ** 3).sum()

    def second(x: Any, y: Any) -> Any:  # the derivative along u and v of the gradients: every rule, read twice
        return ag.jvp(lambda x, y: ag.grad(loss, (0, 1))(x, y))((x, y), (u, v))[1]

    functions: list[Callable[..., Any]] = [lambda x, y: x @ y, ag.grad(loss, 0), ag.grad(loss, 1)]
    functions += [lambda x, y, k=k: second(x, y)[k] for k in (0, 1)]
    axes = tuple(0 if b else None for b in batched)
    for f in functions:
        examples = [f(x[k] if batched[0] else x, y[k] if batched[1] else y) for k in range(N)]
        _close(ag.vmap(f, axes)(x, y), examples)
        compiled = ag.compile(ag.vmap(f, axes))
        compiled(x, y)
        _close(compiled(x, y), examples)  # by a plan, which is made for the second call


@pytest.mark.parametrize("kinds", SHAPES, ids=" @ ".join)
def test_gradients_of_products_with_many_matrices_are_sums_over_them(kinds: Any) -> None:
    x, y = (np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(SHAPES[kinds]))
    weights = np.random.default_rng(2).normal(size=np.shape(x @ y))
    for k, g in enumerate(ag.grad(lambda x, y: (x @ y * weights).sum(), (0, 1))(x, y)):
        a = (x, y)[k]
        expected = np.zeros(a.shape)
        for place in np.ndindex(a.shape):
            unit = np.zeros(a.shape)
            unit[place] = 1
            expected[place] = ((unit @ y if k == 0 else x @ unit) * weights).sum()
        _close(g, expected)


_W, _V = (np.random.default_rng(k).normal(size=(16, 16)) / 4 for k in (3, 4))


def _energy(x: Any, w: Any, v: Any) -> Any:
    return np.tanh(v @ np.tanh(w @ x)).sum() + np.tanh(np.tanh(x @ w) @ v).sum()


@pytest.mark.parametrize("name", ["hessians", "weights", "forward", "jacobian"])
def test_plans_have_no_product_with_the_same_matrix_many_times(name: str) -> None:
    points = np.random.default_rng(5).normal(size=(9, 16))
    hessians = ag.vmap(ag.hessian(_energy), (0, None, None))
    programs: dict[str, Callable[..., Any]] = {
        "hessians": hessians,
        "weights": ag.grad(lambda x, w, v: (hessians(x, w, v) ** 2).sum(), (1, 2)),
        "forward": ag.vmap(lambda x, w, v: ag.jvp(lambda x: ag.grad(_energy)(x, w, v))((x,), (x,))[1], (0, None, None)),
        "jacobian": ag.vmap(ag.jacobian(lambda x, w, v: v @ np.tanh(w @ x)), (0, None, None)),
    }
    f = ag.compile(programs[name])
    f(points, _W, _V)
    f(points, _W, _V)
    plan = f.plan()
    products = [call for call in plan.calls if call.name.endswith("matmul")]
    assert products
    assert all(len(plan.specs[call.value].shape) == 2 for call in products), str(plan)


def test_reading_what_only_has_other_axes_is_a_reshape_backwards() -> None:
    x = np.arange(12.0).reshape(3, 1, 4)
    indices: list[Any] = [
        (slice(None), 0),
        (slice(None), None, 0),
        (..., 0, slice(None)),
        (slice(None), 0, slice(None, None, -1)),
        (slice(None, None, -1),),
        (slice(0, 9, 1), -1),
        (slice(2, None, 2), 0),
        ([2, 0, 1],),
    ]
    for index, kind in itertools.product(indices, "dD"):
        index = tuple([np.array(i) if isinstance(i, list) else i for i in index])
        weights = np.arange(1.0, 1 + x[index].size).reshape(x[index].shape).astype(kind)
        g = ag.grad(lambda x, index=index, weights=weights: (x[index] * weights).real.sum())(x.astype(kind))
        expected = np.zeros(x.shape, kind)
        expected[index] = weights
        np.testing.assert_array_equal(g, expected)
