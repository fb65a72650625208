"""Fourier transforms in plans: NumPy's own loops, called by the executor, with NumPy's bits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.lowering import How
from autograd_lite.native.kernels import INSTRUCTIONS

from ..laws.reading import same_bits

TRANSFORMS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
NORMS = ("backward", "ortho", "forward")
# A shape, the axis, and the length of the transform.
FORMS = [
    ((8,), 0, 8),
    ((7,), -1, 7),
    ((1,), 0, 1),
    ((6, 5), 0, 6),
    ((6, 5), 1, 9),  # padded
    ((3, 6, 5), 1, 4),  # cut
    ((2, 3, 4), 2, None),
    ((0, 4), 1, 4),
]


def _argument(shape: tuple[int, ...], dtype: str) -> Any:
    rng = np.random.default_rng(len(shape))
    a = rng.normal(size=shape)
    return (a + 1j * rng.normal(size=shape) if dtype in "FD" else a).astype(dtype)


def _cases() -> Any:
    for name, form, dtype in itertools.product(TRANSFORMS, FORMS, "dDfF"):
        if name in ("rfft", "ihfft") and dtype in "FD":
            continue
        if name in ("irfft", "hfft") and form[2] is None and form[0][form[1]] == 1:
            continue
        yield name, form, dtype


every = pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.ci)])


@every
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_in_plans_have_the_bits_of_numpy(name: str, step: int) -> None:
    for k, (_, (shape, axis, n), dtype) in enumerate([case for case in _cases() if case[0] == name][::step]):
        norm, transform = NORMS[k % 3], getattr(np.fft, name)
        x = _argument(shape, dtype)

        def both(x: Any, transform: Any = transform, n: Any = n, axis: int = axis, norm: str = norm) -> Any:
            y = transform(x, n, axis, norm)
            return y, transform(2 * np.transpose(x), n, x.ndim - 1 - axis % x.ndim, norm), y * y

        compiled = ag.compile(both)
        compiled(x)
        for made, expected in zip(compiled(x), both(x), strict=True):
            assert made.dtype == expected.dtype
            assert same_bits(np.asarray(made), expected)
        if INSTRUCTIONS and dtype in "dD":  # others NumPy may compute in double precision
            calls = [call.how for call in compiled.plan().calls if call.name in TRANSFORMS]
            assert calls == [How.LOOPS] * 2


@every
@pytest.mark.parametrize("name", TRANSFORMS)
def test_gradients_through_transforms_are_the_same_compiled(name: str, step: int) -> None:
    for k, (_, (shape, axis, n), dtype) in enumerate([case for case in _cases() if case[0] == name][::step]):
        norm, transform = NORMS[k % 3], getattr(np.fft, name)
        x = _argument(shape, dtype)
        weights = _argument(transform(x, n, axis, norm).shape, "D")

        def loss(x: Any, transform: Any = transform, *rest: Any, weights: Any = weights) -> Any:
            return (transform(x, *rest) * weights).real.sum()

        def gradient(x: Any, loss: Any = loss, rest: Any = (transform, n, axis, norm)) -> Any:
            return ag.grad(lambda x: loss(x, *rest))(x)

        compiled = ag.compile(gradient)
        compiled(x)
        assert same_bits(np.asarray(compiled(x)), gradient(x))
        direction = _argument(shape, dtype)
        moved = loss(direction, transform, n, axis, norm)  # linear
        along = (np.conjugate(direction) * gradient(x)).real.sum()
        assert np.isclose(along, moved, rtol=1e-4 if dtype in "fF" else 1e-12, atol=1e-5 if dtype in "fF" else 1e-12)


def test_plans_warn_of_what_is_invalid_in_a_transform() -> None:
    x = np.array([1.0, np.inf, 2.0, 3.0])
    compiled = ag.compile(lambda x: np.fft.irfft(np.fft.rfft(x)) * 2)
    with np.errstate(invalid="ignore"):
        compiled(x)
        compiled(x)
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        compiled(x)
