"""The fast loop of the backward pass gives the bits of the plain one, which observers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.engine.walk import cotangents, edge_of

from ..rows import for_every
from .reading import same_bits
from .samples import DIFFERENTIABLE, Sample, differentiable_inputs, op_name


class Onlooker:
    """Counts what it sees."""

    def __init__(self) -> None:
        self.nodes = self.contributions = 0

    def begin(self, node: Any, g: Any) -> None:
        self.nodes += 1

    def see_contribution(self, node: Any, argument: int, edge: Any, r: Any, total: Any) -> None:
        self.contributions += 1


def walked(out: Any, g: Any, *, observed: bool, create_graph: bool) -> dict[Any, Any]:
    """Return the gradients of all leaves by one of the two loops."""
    g, onlooker = g.copy(), Onlooker()
    seed = ag.tensor(g) if create_graph else g
    observer = onlooker if observed else None
    with np.errstate(all="ignore"):
        found = cotangents({edge_of(out): seed}, None, retain_graph=True, create_graph=create_graph, observer=observer)
    assert observed == (onlooker.contributions > 0)
    return {leaf: total._data if isinstance(total, ag.Tensor) else total for leaf, total in found.items()}


def assert_same(out: Any, g: np.ndarray) -> None:
    """Compare the loops on bare arrays and on Tensors."""
    for create_graph in (False, True):
        plain = walked(out, g, observed=True, create_graph=create_graph)
        fast = walked(out, g, observed=False, create_graph=create_graph)
        assert plain.keys() == fast.keys()
        for leaf, expected in plain.items():
            assert fast[leaf].shape == leaf.shape
            assert same_bits(fast[leaf], expected)


@for_every(DIFFERENTIABLE, by=op_name, stride=3)
def test_of_every_op(sample: Sample) -> None:
    """Use each input twice, with some cotangents 0, infinite and NaN, so that sums and masks are seen."""
    wanted = differentiable_inputs(sample)
    leaves = [ag.tensor(a, requires_grad=i in wanted) for i, a in enumerate(sample.arrays())]
    with np.errstate(all="ignore"):
        out = sample.call(*leaves) + sample.call(*leaves)
    g = sample.cotangent(out.shape, out.dtype)
    g.reshape(-1)[::3], g.reshape(-1)[1::7], g.reshape(-1)[2::11] = 0, np.inf, np.nan
    assert_same(out, g)


def random_graph(rng: np.random.Generator) -> Any:
    """Return the sum of some of the results of a random program: shared, broadcast, masked, cut and joined arrays."""
    n, m = rng.choice([3, 40]), rng.choice([4, 60])  # beyond 1,000 elements sums are made in place
    dtype = rng.choice(["f4", "f8", "c16"], p=[0.4, 0.4, 0.2])
    real = dtype != "c16"

    def leaf(*shape: int) -> Any:
        values = rng.normal(size=shape) + (0 if real else 1j * rng.normal(size=shape))
        return ag.tensor(values, dtype=dtype, requires_grad=True)

    known = [leaf(n, m), leaf(m), leaf(n, 1), leaf(n, m) * np.ones((n, m), dtype)]
    steps: list[Callable[[Any, Any], Any]] = [
        lambda x, y: x + y,
        lambda x, y: x - y,
        lambda x, y: x * y,
        lambda x, y: x / y,
        lambda x, y: -x,
        lambda x, y: np.tanh(x) * y,
        lambda x, y: np.sqrt(x),
        lambda x, y: np.concatenate([x + known[0], y + known[0], x + known[0]])[n : 2 * n],
        lambda x, y: x.sum(axis=-1, keepdims=True) + y,
        lambda x, y: np.where(np.isfinite(x), x, y),
        lambda x, y: x * np.ones((n, m), dtype),
        lambda x, y: (x + known[0]).reshape(m, n).T.reshape(n, m),
    ]
    if real:
        steps += [lambda x, y: ag.relu(x), lambda x, y: np.maximum(x, y), lambda x, y: np.floor(x) + y]
        steps += [lambda x, y: x.astype("f8" if x.dtype == np.float32 else "f4"), lambda x, y: np.log(np.abs(x))]
    for _ in range(25):
        x, y = (known[k] for k in rng.integers(len(known), size=2))
        known.append(steps[rng.integers(len(steps))](x, y))
    for result in known[-3:]:
        result.register_hook(lambda g: g * 1.5)
    return sum(known[-6:], known[0])


@pytest.mark.parametrize("seed", range(60))
def test_of_random_graphs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        out = random_graph(rng)
    g = rng.normal(size=out.shape).astype(out.dtype)
    g[rng.random(out.shape) < 0.2] = 0
    assert_same(out, g)
