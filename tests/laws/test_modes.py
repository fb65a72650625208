"""Laws of the other modes: what forward mode and vmap say of an op is what reverse mode and a loop say."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.core.op import OPS

from ..rows import for_every
from .samples import DIFFERENTIABLE, SAMPLES, Sample, differentiable_inputs, op_name

every_differentiable = for_every(DIFFERENTIABLE, by=op_name, stride=3)


def inner(a: Any, b: Any) -> Any:
    """Return the real inner product that gradients are defined by."""
    return np.sum(np.real(np.conjugate(a) * b))


def tangent(sample: Sample, i: int) -> Any:
    """Return a random tangent of input `i`, symmetric where the input is."""
    arrays = sample.arrays()
    tangents = [sample.cotangent(a.shape, a.dtype, salt=5 + k) for k, a in enumerate(arrays)]
    return sample.project(tangents)[i]


def call(sample: Sample) -> Any:
    return lambda *xs: sample.call(*xs)


@every_differentiable
def test_forward_mode_is_the_adjoint_of_reverse_mode(sample: Sample) -> None:
    """<v, J t> = <Jᵀ v, t>, for all inputs together and for each alone."""
    arrays, wanted = sample.arrays(), differentiable_inputs(sample)
    v: Any = None
    for chosen in {tuple(wanted), *((i,) for i in wanted)}:
        tangents = [tangent(sample, i) if i in chosen else None for i in range(len(arrays))]
        push = ag.jvp(call(sample))
        with np.errstate(all="ignore"):
            out, pushed = push(tuple(arrays), tuple(tangents))
            _, pullback = ag.vjp(call(sample), chosen)(*arrays)
        assert pushed.shape == out.shape
        assert pushed.dtype == out.dtype
        v = sample.cotangent(out.shape, out.dtype)
        pulled = sum(inner(g, tangents[i]) for i, g in zip(chosen, pullback(v), strict=True))
        digits = max(1e-9, 8 * float(np.finfo(out.dtype).eps))
        np.testing.assert_allclose(inner(v, pushed), pulled, rtol=digits, atol=digits / 100)


# Ops whose jvp is found by two vjps. Whoever adds one must state a jvp, or say here why not.
FALL_BACK: dict[str, str] = {}


@every_differentiable
def test_forward_mode_needs_no_reverse_mode(sample: Sample) -> None:
    arrays, wanted = sample.arrays(), differentiable_inputs(sample)
    push = ag.jvp(call(sample))
    with np.errstate(all="ignore"):
        push(tuple(arrays), tuple(tangent(sample, i) if i in wanted else None for i in range(len(arrays))))
    assert set(push.report) <= {sample.op.name}
    assert (push.report == ()) == (sample.op.name not in FALL_BACK)


@every_differentiable
def test_forward_over_reverse_is_reverse_over_reverse(sample: Sample) -> None:
    if "difference" in sample.case.exempt:
        return
    arrays, wanted = sample.arrays(), differentiable_inputs(sample)
    f = call(sample)
    with np.errstate(all="ignore"):
        v = sample.cotangent(np.shape(f(*arrays)), np.asarray(f(*arrays)).dtype)

        def loss(*xs: Any) -> Any:
            out = f(*xs)
            return np.real(out * out * v).sum() if out.dtype.kind == "c" else (out * out * v).sum()

        i = wanted[0]
        t = tangent(sample, i)
        forward = ag.jvp(lambda x: ag.grad(loss, i)(*arrays[:i], x, *arrays[i + 1 :]))((arrays[i],), (t,))[1]
        reverse = ag.hvp(loss, i)(*arrays, t)
    scale = np.max(np.abs(reverse), initial=1.0)
    np.testing.assert_allclose(forward, reverse, rtol=1e-8, atol=1e-9 * scale)


@for_every((s for s in SAMPLES if s.op.name in OPS), by=op_name, stride=3)
def test_vmap_is_a_loop(sample: Sample) -> None:
    """For every set of batched inputs: an op applied to a batch is the op applied to each example."""
    examples = [sample.arrays(salt=k) for k in range(3)]
    n = len(examples[0])
    masks = [m for m in itertools.product((0, None), repeat=n) if 0 in m]
    for axes in masks if n <= 3 else masks[:1]:
        args = [np.stack([e[i] for e in examples]) if axis == 0 else examples[0][i] for i, axis in enumerate(axes)]
        with np.errstate(all="ignore"):
            got = ag.vmap(call(sample), in_axes=axes)(*args)
            loop = [call(sample)(*(e[i] if a == 0 else examples[0][i] for i, a in enumerate(axes))) for e in examples]
        expected = np.stack([np.asarray(row) for row in loop])
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@for_every((s for s in SAMPLES if s.op.name in OPS), by=op_name, stride=3)
def test_vmap_of_no_examples(sample: Sample) -> None:
    """An op applied to no examples has the shape and the dtype of its result for one, and so has its gradient."""
    arrays = sample.arrays()
    n = len(arrays)
    wanted = [] if sample not in DIFFERENTIABLE else differentiable_inputs(sample)

    def loss(*xs: Any) -> Any:
        return np.real(call(sample)(*xs)).sum()

    with np.errstate(all="ignore"):
        out = np.asarray(call(sample)(*arrays))
        for axes in [m for m in itertools.product((0, None), repeat=n) if 0 in m][: 7 if n <= 3 else 1]:
            args = [np.zeros((0, *a.shape), a.dtype) if axis == 0 else a for a, axis in zip(arrays, axes, strict=True)]
            got = ag.vmap(call(sample), in_axes=axes)(*args)
            assert (got.shape, got.dtype) == ((0, *out.shape), out.dtype), axes
            if wanted:
                gradients = ag.vmap(ag.grad(loss, wanted), in_axes=axes)(*args)
                assert [g.shape for g in gradients] == [(0, *arrays[i].shape) for i in wanted], axes


@every_differentiable
def test_gradients_of_a_batch_are_the_gradients_of_its_examples(sample: Sample) -> None:
    examples, wanted = [sample.arrays(salt=k) for k in range(2)], differentiable_inputs(sample)

    def loss(*xs: Any) -> Any:
        out = call(sample)(*xs)
        return (np.real(out) if out.dtype.kind == "c" else out).sum()

    gradient = ag.grad(loss, wanted)
    with np.errstate(all="ignore"):
        got = ag.vmap(gradient)(*(np.stack(rows) for rows in zip(*examples, strict=True)))
        loop = [gradient(*e) for e in examples]
    for k, g in enumerate(got):
        np.testing.assert_allclose(g, np.stack([row[k] for row in loop]), rtol=1e-10, atol=1e-10)


ONE_BY_ONE: dict[str, str] = {}


def test_every_op_has_a_batching_rule() -> None:
    without = {name for name, op in OPS.items() if op.batch is None}
    assert without == {name for name in OPS if name.startswith("random_")} | set(ONE_BY_ONE)
