"""Forward values, gradients and running statistics of layers equal Keras's, with the same random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from .. import peers
from .keras_cases import CASES
from .layer_cases import LayerCase, all_cases

pytestmark = pytest.mark.ci

BY_NAME = {case.name: case for case in all_cases()}


def flat(out: Any) -> list[Any]:
    """Return what a layer returned as a list."""
    return list(out) if isinstance(out, (list, tuple)) else [out]


def theirs_with_weights(case: LayerCase, layer: Any, arrays: list[np.ndarray], rng: np.random.Generator) -> list[Any]:
    """Build Keras's layer, and set its weights and ours to the same random values; returns its weights."""
    layer(*case.args(arrays))
    values = []
    for weight in layer.weights:
        if not str(weight.dtype).startswith("float"):
            values.append(weight.value.detach().numpy())  # the state of a random generator
        else:
            low = 0.3 if "variance" in weight.path else -1.0
            values.append(rng.uniform(low, 1.0, tuple(weight.shape)).astype(np.float32))
    layer.set_weights(values)
    return [weight for weight in layer.weights if str(weight.dtype).startswith("float")]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "make"), [pytest.param(*row, id=row[0]) for row in CASES])
def test_equal_to_keras(name: str, make: Any, training: bool, rng: np.random.Generator) -> None:
    keras, torch = peers.keras(), peers.torch()
    case = BY_NAME[name]
    ours, theirs = case.make(), make(keras.layers)
    arrays = [a.astype(np.float32) if a.dtype == np.float64 else a for a in case.draw()]
    ours.eval()(*case.args(arrays))
    weights = theirs_with_weights(case, theirs, arrays, rng)
    tensors = [*ours.parameters(), *ours.buffers()]
    mine = dict(zip([w.path for w in weights], tensors, strict=True))
    for weight in weights:
        assert mine[weight.path].shape == tuple(weight.shape), weight.path
        mine[weight.path].assign(weight.value.detach().numpy())

    their_inputs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    our_inputs = [ag.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    takes = "training" in type(theirs).call.__code__.co_varnames
    their_out = flat(theirs(*case.args(their_inputs), **({"training": training} if takes else {})))
    (ours.train() if training else ours.eval()).training = training
    our_out = flat(ours(*case.args(our_inputs)))
    their_loss: Any = 0.0
    our_loss: Any = 0.0
    for a, b in zip(our_out, their_out, strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=2e-5, atol=5e-6)
        factor = rng.normal(size=a.shape).astype(np.float32)
        their_loss, our_loss = their_loss + (b * torch.tensor(factor)).sum(), our_loss + (a * factor).sum()
    their_loss.backward()
    our_loss.backward()
    for a, b in zip(our_inputs, their_inputs, strict=True):
        if a.requires_grad:
            close(a.grad, b.grad)
    for weight in weights:
        tensor = mine[weight.path]
        if tensor.requires_grad:
            close(tensor.grad, weight.value.grad)
        else:
            np.testing.assert_allclose(tensor.numpy(), weight.value.detach().numpy(), rtol=2e-5, atol=1e-6)


def close(ours: Any, theirs: Any) -> None:
    """Assert that two gradients are equal within single precision; none is zero."""
    b = 0.0 if theirs is None else theirs.detach().numpy()
    a = 0.0 if ours is None else ours.numpy()
    np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * max(1.0, float(np.abs(b).max())))
