"""Every op of the table computes the same compiled, forward and backward, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import compile

from ..laws.reading import same_bits
from ..laws.samples import SAMPLES, Sample, differentiable_inputs, op_name
from ..rows import for_every


def assert_same(f: Callable[..., Any], draws: Sequence[Sequence[Any]]) -> None:
    """Compare a function and itself compiled, on Tensors, the first time and on other data.

    The third call replays, and does not run the function again, as it does after an operation that was invalid.
    """
    runs = []

    def counted(*xs: Any) -> Any:
        runs.append(len(xs))
        return f(*xs)

    compiled = compile(counted)
    for arrays in [*draws, draws[0]]:
        with np.errstate(all="ignore"):
            expected = f(*map(ag.tensor, arrays))
        before = len(runs)
        found = compiled(*map(ag.tensor, arrays))
        for a, b in zip(ag.tree.leaves(found), ag.tree.leaves(expected), strict=True):
            assert same_bits(a.numpy(), b.numpy())
            assert a.numpy().strides == b.numpy().strides
    if all(np.isfinite(leaf.numpy()).all() for leaf in ag.tree.leaves(expected)):
        assert len(runs) == before
    (entry,) = compiled.traces
    assert entry.replay is not None
    entry.replay.plan.check()


@for_every(SAMPLES, by=op_name, stride=3)
def test_of_every_op(sample: Sample) -> None:
    draws = [sample.arrays(), sample.arrays(salt=5)]
    assert_same(lambda *xs: sample.call(*xs), draws)
    wanted = differentiable_inputs(sample)
    if not wanted:
        return

    def pulled(*xs: Any) -> Any:
        *inputs, g = xs
        return ag.vjp(lambda *ys: sample.call(*ys), tuple(wanted))(*inputs)[1](g)

    with np.errstate(all="ignore"):
        out = sample.call(*sample.arrays())
    assert_same(pulled, [[*arrays, sample.cotangent(out.shape, out.dtype)] for arrays in draws])
