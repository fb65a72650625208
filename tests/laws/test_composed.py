"""The laws for NumPy functions that are composed of others: NumPy's value, the protocols alone, right derivatives."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..all_cases import COMPOSED_CASES, ComposedCase
from ..strict import Strict, unwrap
from .numeric import check_derivative
from .samples import draw, off_jumps

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero")
every_case = pytest.mark.parametrize("case", COMPOSED_CASES, ids=lambda c: c.name)


def arrays_of(case: ComposedCase) -> list[np.ndarray]:
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    return (
        off_jumps(case.shapes, rng) if case.domain == "off jumps" else [draw(s, case.domain, rng) for s in case.shapes]
    )


def parts(result: Any) -> list[Any]:
    """Return the results of a call, of which some have several."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def value(x: Any) -> np.ndarray:
    return np.asarray(x.detach().numpy() if isinstance(x, ag.Tensor) else x)


@every_case
def test_every_spelling_is_numpys_call(case: ComposedCase) -> None:
    arrays = arrays_of(case)
    expected = case.calls[0](*arrays)
    for call in case.calls:
        for grad in (False, True):
            got = call(*(ag.tensor(a, requires_grad=grad) for a in arrays))
            assert isinstance(got, (list, tuple)) == isinstance(expected, (list, tuple))
            for a, b in zip(parts(got), parts(expected), strict=True):
                np.testing.assert_allclose(value(a), b, rtol=1e-14)
                assert value(a).dtype == np.asarray(b).dtype


@every_case
def test_the_strict_double_gets_the_same(case: ComposedCase) -> None:
    """Composed functions are plain NumPy, as rules are, and use nothing but the protocols."""
    if case.function in (np.allclose, np.array_equal):
        return  # they return a Python bool, for which values must be looked at
    arrays = arrays_of(case)
    call = case.calls[0]
    for a, b in zip(parts(call(*map(Strict, arrays))), parts(call(*arrays)), strict=True):
        assert isinstance(a, Strict) == (isinstance(b, (np.ndarray, np.generic)) and case.function not in LIKE)
        np.testing.assert_allclose(unwrap(a), b, rtol=1e-14)


LIKE = (np.zeros_like, np.ones_like, np.full_like, np.empty_like)


@every_case
def test_first_and_second_derivative(case: ComposedCase) -> None:
    arrays, call = arrays_of(case), case.calls[0]
    outputs = [np.asarray(part) for part in parts(call(*arrays))]
    if outputs[0].dtype.kind != "f" or case.function.__name__.endswith("_like"):
        return
    rng = np.random.default_rng(3)
    v = [draw(part.shape, "nonzero", rng) for part in outputs]
    u = [draw(a.shape, "nonzero", rng) for a in arrays]

    def loss(*xs: Any) -> Any:
        # Squared, so that the second derivative of a linear function is not zero.
        return sum((part * part * w).sum() for part, w in zip(parts(call(*xs)), v, strict=True))

    gradients = ag.grad(loss, range(len(arrays)))

    def directional(*xs: Any) -> Any:
        return sum((g * w).sum() for g, w in zip(gradients(*xs), u, strict=True))

    first, second = gradients(*arrays), ag.grad(directional, range(len(arrays)))(*arrays)
    for i in range(len(arrays)):
        check_derivative(lambda *xs: np.asarray(loss(*xs)), arrays, i, np.ones(()), first[i])
        check_derivative(lambda *xs: np.asarray(directional(*xs)), arrays, i, np.ones(()), second[i])


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
