"""The laws for NumPy functions that are composed of others: NumPy's value, the protocols alone, right derivatives."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads

from ..all_cases import COMPOSED_CASES, ComposedCase
from ..rows import for_every
from ..strict import Strict, unwrap
from .samples import draw, off_jumps

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero")


def function_name(case: ComposedCase) -> str:
    return str(case.function.__name__)


every_case = for_every(COMPOSED_CASES, by=function_name, stride=3)


def arrays_of(case: ComposedCase) -> list[np.ndarray]:
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    return (
        off_jumps(case.shapes, rng) if case.domain == "off jumps" else [draw(s, case.domain, rng) for s in case.shapes]
    )


def parts(result: Any) -> list[Any]:
    """Return the results of a call, of which some have several."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def floating(result: Any) -> list[Any]:
    """Return the parts of a result that have derivatives."""
    return [
        part
        for part in parts(result)
        if isinstance(part, np.ndarray | np.generic | ag.Tensor) and part.dtype.kind in "fc"
    ]


def value(x: Any) -> np.ndarray:
    return np.asarray(x.detach().numpy() if isinstance(x, ag.Tensor) else x)


def check_value(got: Any, expected: Any) -> None:
    if isinstance(expected, (str, np.dtype, type)):
        assert got == expected
        return
    np.testing.assert_allclose(value(got), expected, rtol=1e-13, atol=1e-15)
    assert value(got).dtype == np.asarray(expected).dtype


@every_case
def test_every_spelling_is_numpys_call(case: ComposedCase) -> None:
    arrays = arrays_of(case)
    expected = case.calls[0](*arrays)
    for call in case.calls:
        for grad in (False, True):
            got = call(*(ag.tensor(a, requires_grad=grad) for a in arrays))
            assert isinstance(got, (list, tuple)) == isinstance(expected, (list, tuple))
            for a, b in zip(parts(got), parts(expected), strict=True):
                check_value(a, b)


@every_case
def test_the_strict_double_gets_the_same(case: ComposedCase) -> None:
    """Composed functions are plain NumPy, as rules are, and use nothing but the protocols."""
    if case.looks:
        return
    arrays = arrays_of(case)
    call = case.calls[0]
    pairs = list(zip(parts(call(*map(Strict, arrays))), parts(call(*arrays)), strict=True))
    assert isinstance(pairs[0][0], Strict) == (
        isinstance(pairs[0][1], np.ndarray | np.generic) and case.function not in LIKE
    )
    for a, b in pairs:
        np.testing.assert_allclose(unwrap(a), b, rtol=1e-14)


LIKE = (np.zeros_like, np.ones_like, np.full_like, np.empty_like)


@every_case
def test_first_and_second_derivative(case: ComposedCase) -> None:
    arrays, call = arrays_of(case), case.calls[0]
    outputs = floating(call(*arrays))
    if not outputs or case.function in LIKE:
        return
    rng = np.random.default_rng(3)
    v = [draw(part.shape, "nonzero", rng) for part in outputs]
    u = [draw(a.shape, "nonzero", rng) for a in arrays]

    def loss(*xs: Any) -> Any:
        # Squared, so that the second derivative of a linear function is not zero.
        return sum(np.real(part * part * w).sum() for part, w in zip(floating(call(*xs)), v, strict=True))

    gradients = ag.grad(loss, range(len(arrays)))

    def directional(*xs: Any) -> Any:
        return sum(np.real(g * w).sum() for g, w in zip(gradients(*xs), u, strict=True))

    first, second = gradients(*arrays), ag.grad(directional, range(len(arrays)))(*arrays)
    check_grads(lambda *xs: np.asarray(loss(*xs)), *arrays, gradients=first, kinks="fail")
    check_grads(lambda *xs: np.asarray(directional(*xs)), *arrays, gradients=second, kinks="fail", mode="directional")


@every_case
def test_float32_promotes_as_in_numpy(case: ComposedCase) -> None:
    narrow = [a.astype(np.complex64 if a.dtype.kind == "c" else np.float32) for a in arrays_of(case)]
    call = case.calls[0]
    with np.errstate(all="ignore"):
        pairs = zip(parts(call(*map(ag.tensor, narrow))), parts(call(*narrow)), strict=True)
        for got, expected in pairs:
            if isinstance(expected, np.ndarray | np.generic):
                assert value(got).dtype == expected.dtype
                np.testing.assert_allclose(value(got), expected, rtol=1e-4, atol=1e-5)


plain_cases = for_every((c for c in COMPOSED_CASES if not c.looks), by=function_name)


@plain_cases
def test_vmap_is_a_loop(case: ComposedCase) -> None:
    arrays, call = arrays_of(case), case.calls[0]
    many = [np.stack([a, a * 1.25, a * 0.75]) for a in arrays]
    with np.errstate(all="ignore"):
        expected = [parts(call(*(m[k] for m in many))) for k in range(3)]
        found = ag.vmap(lambda *xs: tuple(parts(call(*xs))))(*many)
    for j, part in enumerate(found):
        each = np.stack([np.asarray(row[j]) for row in expected])
        np.testing.assert_allclose(np.broadcast_to(value(part), each.shape), each, rtol=1e-11, atol=1e-12)


@plain_cases
def test_forward_mode_is_the_adjoint_of_reverse_mode(case: ComposedCase) -> None:
    arrays, call = arrays_of(case), case.calls[0]
    outputs = floating(call(*arrays))
    if not outputs:
        return
    rng = np.random.default_rng(5)
    tangents = [np.asarray(draw(a.shape, "nonzero", rng) * (1 + 0.5j if a.dtype.kind == "c" else 1)) for a in arrays]
    v = [draw(np.shape(part), "nonzero", rng) for part in outputs]
    _, changes = ag.jvp(lambda *xs: tuple(floating(call(*xs))))(tuple(arrays), tuple(tangents))

    def loss(*xs: Any) -> Any:
        return sum(np.real(part * w).sum() for part, w in zip(floating(call(*xs)), v, strict=True))

    forward = sum(np.sum(np.real(value(t) * w)) for t, w in zip(changes, v, strict=True))
    gradients = ag.grad(loss, range(len(arrays)))(*arrays)
    reverse = sum(np.sum(np.real(np.conjugate(g) * t)) for g, t in zip(gradients, tangents, strict=True))
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-11)


def test_the_hessian_of_a_running_product_with_zeros() -> None:
    """Exact, as nothing is divided: of x0 + x0 x1 + x0 x1 x2."""
    for x in ([0.0, 0.0, 3.0], [2.0, 0.0, 3.0], [0.0, 5.0, 0.0]):
        found = ag.hessian(lambda x: np.cumprod(x).sum())(np.array(x))
        np.testing.assert_array_equal(found, [[0, 1 + x[2], x[1]], [1 + x[2], 0, x[0]], [x[1], x[0], 0]])


def test_what_changes_a_tensor_does_so_for_each_example() -> None:
    def f(x: Any) -> Any:
        t = np.copy(x)
        np.put(t, [0], 1.0)
        np.add.at(t, [1, 1], x[0])
        return t

    np.testing.assert_array_equal(ag.vmap(f)(np.arange(6.0).reshape(2, 3)), [[1, 1, 2], [1, 10, 5]])
    assert ag.jvp(f)((np.arange(3.0),), (np.ones(3),))[1].tolist() == [0, 3, 1]


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
def test_too_few_values_for_their_degrees_of_freedom_give_nan() -> None:
    a = np.array([[1.0, np.nan, 2.0], [3.0, 4.0, 2.5], [np.nan, np.nan, 7.0]])
    for ddof in (0, 1, 2, 2.5):
        np.testing.assert_allclose(np.nanvar(ag.tensor(a), axis=0, ddof=ddof).numpy(), np.nanvar(a, axis=0, ddof=ddof))


def test_values_that_steer_cannot_differ_from_example_to_example() -> None:
    for f in (np.nonzero, np.unique, lambda x: np.extract(x > 0, x)):
        with pytest.raises(TypeError, match="differ from example to example"):
            ag.vmap(f)(np.ones((2, 3)))


def test_widths_of_a_pad_may_be_given_by_axis() -> None:
    """As in newer NumPys; on Tensors in all."""
    a = np.arange(6.0).reshape(2, 3)
    for widths in ({1: (1, 2)}, {-1: (1, 2)}):
        np.testing.assert_array_equal(np.pad(ag.tensor(a), widths).numpy(), np.pad(a, ((0, 0), (1, 2))))
    np.testing.assert_array_equal(np.pad(ag.tensor(a), {0: 1}).numpy(), np.pad(a, ((1, 1), (0, 0))))


def test_arrays_like_a_tensor_are_constants() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    for made in (np.zeros_like(x), np.ones_like(x), np.full_like(x, 3.0), np.empty_like(x)):
        assert value(made).shape == (2,)
        assert not getattr(made, "requires_grad", False)
