"""Methods that are NumPy functions by another spelling say what the function says, gradient included."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

A = np.array([[3.0, 1.0, 2.0], [0.5, 5.0, 4.0]])
CALLS: dict[str, tuple[Any, Any]] = {
    "cumsum": (lambda x: x.cumsum(), lambda x: x.cumsum(axis=1, dtype=np.float64)),
    "cumprod": (lambda x: x.cumprod(), lambda x: x.cumprod(axis=0)),
    "repeat": (lambda x: x.repeat(2), lambda x: x.repeat([1, 3], axis=0)),
    "take": (lambda x: x.take([0, 5, 0]), lambda x: x.take([1, 1], axis=1)),
    "compress": (lambda x: x.compress([True, False, True], axis=1), lambda x: x.compress([False, True])),
    "choose": (lambda x: (x > 2.5).astype(int).choose([x, 2 * x]), lambda x: x * 1),
    "diagonal": (lambda x: x.diagonal(), lambda x: x.diagonal(1)),
    "trace": (lambda x: x.trace(), lambda x: x.trace(offset=-1)),
    "real": (lambda x: x.real, lambda x: (x * 1j).real),
    "imag": (lambda x: x.imag, lambda x: (x * 1j).imag),
    "conjugate": (lambda x: x.conjugate(), lambda x: x.conj()),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_method_is_ndarrays_method(name: str) -> None:
    for call in CALLS[name]:
        x = ag.tensor(A, requires_grad=True)
        got = call(x)
        np.testing.assert_array_equal(got.detach().numpy(), call(A))
        v = np.arange(1.0, got.size + 1).reshape(got.shape)
        got.backward(v)
        # All of these are linear or multilinear: a step of one unit says what the derivative is at the middle of it.
        for k in np.ndindex(A.shape):
            step = np.zeros(A.shape)
            step[k] = 1e-6
            slope = (v * (call(A + step) - call(A - step))).sum() / 2e-6
            np.testing.assert_allclose(x.grad.numpy()[k], slope, rtol=1e-6, atol=1e-8)


REDUCTIONS = ("sum", "prod", "mean", "max", "min", "all", "any", "std", "var")
KEYWORDS: tuple[dict[str, Any], ...] = (
    {"initial": 2.0},
    {"where": A > 1},
    {"initial": 2.0, "where": A > 1},
    {"axis": 1, "keepdims": True, "initial": 3.0},
    {"axis": 0, "where": A > 1, "out": None},
)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_take_the_keywords_of_ndarrays_methods(name: str) -> None:
    count = 0
    for keywords in KEYWORDS:
        try:
            value = getattr(A, name)(**keywords)
        except (TypeError, ValueError):  # NumPy's own method does not take these
            continue
        count += 1
        np.testing.assert_array_equal(getattr(ag.tensor(A), name)(**keywords).numpy(), value)
        if value.dtype.kind == "f":
            by_method = ag.grad(lambda x, keywords=keywords: getattr(x, name)(**keywords).sum())(A)
            by_function = ag.grad(lambda x, keywords=keywords: getattr(np, name)(x, **keywords).sum())(A)
            np.testing.assert_array_equal(by_method, by_function)
    assert count


def test_order_has_no_gradient() -> None:
    x = ag.tensor(A, requires_grad=True)
    np.testing.assert_array_equal(x.argsort(axis=1), A.argsort(axis=1))
    np.testing.assert_array_equal(ag.tensor([1.0, 2.0]).searchsorted(1.5), 1)
    for got, expected in zip((x - 3).nonzero(), (A - 3).nonzero(), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_what_a_tensor_cannot_change_is_refused_with_what_to_write() -> None:
    x = ag.tensor(A)
    with pytest.raises(AttributeError, match=r"Write t = t\.reshape\(6\)"):
        x.shape = 6  # type: ignore[misc]
    with pytest.raises(ag.UnsupportedError, match=r"Write t\.astype\(dtype\).* t\.reshape"):
        x.view(np.float32)
    with pytest.raises(ag.GradError, match=r"a leaf that requires a gradient"):
        ag.tensor(A, requires_grad=True).sort()
    assert x.item(1) == x.item(0, 1) == x.item((0, 1)) == A[0, 1]


REDUCTIONS = ("sum", "mean", "prod", "max", "min", "var", "std", "argmax", "argmin", "any", "all")


@pytest.mark.parametrize("name", REDUCTIONS)
def test_other_libraries_names_of_arguments_are_answered_with_ours(name: str) -> None:
    method, known = getattr(ag.Tensor, name), inspect.signature(getattr(ag.Tensor, name)).parameters
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in known.values())
    for x in (ag.tensor([1.0, 2.0]), ag.tensor([1.0, 2.0], requires_grad=True)):
        for theirs, ours in {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "unbiased": "ddof"}.items():
            fix = rf". Write {ours}=$" if ours in known else "$"
            with pytest.raises(TypeError, match=f"^{name}: got an unexpected keyword argument '{theirs}'{fix}"):
                method(x, **{theirs: 0})
        with pytest.raises(TypeError, match=f"^{name}: got an unexpected keyword argument 'axs'. Did you mean 'axis'"):
            method(x, axs=0)
