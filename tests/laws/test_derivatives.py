"""Laws of the derivatives: the first and the second are those that finite differences find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from .numeric import check_derivative
from .samples import DIFFERENTIABLE, Sample, differentiable_inputs

every_sample = pytest.mark.parametrize(
    "sample", [s for s in DIFFERENTIABLE if "difference" not in s.case.exempt], ids=lambda s: s.name
)


def test_an_exemption_has_a_reason() -> None:
    reasons = [reason for s in DIFFERENTIABLE for reason in s.case.exempt.values()]
    assert reasons
    assert all(len(reason) > 20 for reason in reasons)


@every_sample
def test_first_derivative(sample: Sample) -> None:
    arrays, op = sample.arrays(), sample.op
    out = np.asarray(op.forward(*arrays, **sample.params))
    v = sample.cotangent(out.shape, _wide(out.dtype))
    for i in differentiable_inputs(sample):
        tensors = [ag.tensor(a, requires_grad=k == i) for k, a in enumerate(arrays)]
        op(*tensors, **sample.params).backward(v)
        grad = tensors[i].grad
        assert grad is not None
        check_derivative(lambda *xs: op.forward(*sample.projected(xs), **sample.params), arrays, i, v, grad.numpy())


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(dtype, np.float64)


@every_sample
def test_second_derivative(sample: Sample) -> None:
    """Differentiate <gradient, u> by every input and by the cotangent too, which a gradient is linear in."""
    arrays, op, wanted = sample.arrays(), sample.op, differentiable_inputs(sample)
    out = np.asarray(op.forward(*arrays, **sample.params))
    v = sample.cotangent(out.shape, _wide(out.dtype))
    u = [sample.cotangent(arrays[i].shape, _wide(arrays[i].dtype), salt=2 + i) for i in wanted]

    def loss(*xs: Any) -> Any:
        return real_part((op(*xs[:-1], **sample.params) * xs[-1]).sum())

    gradients = ag.grad(loss, wanted)

    def directional(*xs: Any) -> Any:
        return sum(real_part((g * ui).sum()) for g, ui in zip(gradients(*xs), u, strict=True))

    everything = [*arrays, v]
    by = [*wanted, len(arrays)]
    second = ag.grad(directional, by)(*everything)
    for i, analytic in zip(by, second, strict=True):
        check_derivative(lambda *xs: flat(gradients(*sample.projected(xs))), everything, i, flat(u).conj(), analytic)


def real_part(x: Any) -> Any:
    """Return the real part; a loss is real."""
    return np.real(x) if x.dtype.kind == "c" else x


def flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return all elements of all arrays in one row."""
    return np.concatenate([np.ravel(a) for a in arrays])
