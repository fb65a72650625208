"""Fields: second derivatives under vmap, images, and dense Jacobians."""

from __future__ import annotations

from typing import Any

import numpy as np

from .space import Function, Space, program, rng

_PLACES = rng(60).uniform(-1, 1, (100, 2))
_NET = [
    rng(61).normal(size=(2, 16)),
    rng(62).normal(size=16),
    rng(63).normal(size=(16, 16)) / 4,
    rng(64).normal(size=16),
]


@program("second derivatives under vmap", *_NET)
def poisson(s: Space) -> Function:
    """The residual of Poisson's equation by a network (Raissi and others, 2019) at 100 places: the gradient."""

    def residual(*weights: Any) -> Any:
        w1, b1, w2, b2 = weights

        def u(x: Any) -> Any:
            return s.np.sum(s.np.tanh(s.np.tanh(x @ w1 + b1) @ w2 + b2))

        curvature = s.vmap(lambda x: s.np.trace(s.hessian(u)(x)))(_PLACES)
        return s.np.mean((curvature + 1.0) ** 2)

    return s.grad(residual, (0, 1, 2, 3))


@program("second derivatives under vmap", rng(65).normal(size=(200, 2)))
def waves(s: Space) -> Function:
    """The second derivatives by time and place of a sum of waves at 200 events, by two directions of forward mode."""
    k, w = rng(66).normal(size=8), rng(67).normal(size=8)

    def u(t: Any, x: Any) -> Any:
        return s.np.sum(s.np.sin(k * x - w * t) * s.np.exp(-0.1 * x * x))

    def second(f: Any, t: Any) -> Any:
        return s.jvp(lambda t: s.jvp(f, (t,), (1.0,))[1], (t,), (1.0,))[1]

    def operator(event: Any) -> Any:
        t, x = event[0], event[1]
        return second(lambda t: u(t, x), t) - second(lambda x: u(t, x), x)

    return s.vmap(operator)


_IMAGE = np.clip(rng(68).normal(size=(64, 64)).cumsum(0).cumsum(1) / 64, -1, 1)
_BLUR = np.fft.rfft2(np.outer(*[np.exp(-(np.minimum(np.arange(64), 64 - np.arange(64)) ** 2) / 4.0)] * 2) / 12.6)
_BLURRED = np.fft.irfft2(np.fft.rfft2(_IMAGE) * _BLUR) + 0.01 * rng(69).normal(size=(64, 64))


@program("FFT deconvolution with total variation", _BLURRED)
def deblurring(s: Space) -> Function:
    """Deconvolution by real FFTs with Rudin, Osher and Fatemi's penalty (1992): the gradient."""

    def cost(x: Any) -> Any:
        gap = s.np.fft.irfft2(s.np.fft.rfft2(x) * _BLUR, s=(64, 64)) - _BLURRED
        dx, dy = x[1:, :-1] - x[:-1, :-1], x[:-1, 1:] - x[:-1, :-1]
        return 0.5 * s.np.sum(gap**2) + 0.01 * s.np.sum(s.np.sqrt(dx**2 + dy**2 + 1e-6))

    return s.grad(cost)


_IN, _OUT = rng(70).normal(size=(126, 60)) / 8, rng(71).normal(size=(60, 240)) / 8


@program("dense Jacobians of 240 × 126", rng(72).normal(size=126))
def jacobian(s: Space) -> Function:
    """The Jacobian of 240 residuals by 126 parameters."""
    return s.jacobian(lambda x: s.np.exp(-((s.np.tanh(x @ _IN) @ _OUT) ** 2)) * s.np.sum(x[:10] ** 2))
