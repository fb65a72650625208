"""Deblurring of images, here and in HIPS autograd itself: `python -m benchmarks.deblurring [rounds]`.

The gradient of a fit of an image to its blurred copy, by Fourier transforms and by convolutions, under HIPS's names.
Both run in one process, by turns; what is printed is the least processor time of a call, in microseconds. Both must
give the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import autograd
import autograd.numpy
import autograd.scipy.signal
import numpy as np

import autograd_lite.hips
import autograd_lite.hips.scipy.signal

SIZES = (64, 200)
KERNEL = np.outer(*[np.exp(-0.5 * np.linspace(-2, 2, 7) ** 2)] * 2)


class Problem(NamedTuple):
    """A loss: `make(package, n)` returns a function of an image of n × n."""

    name: str
    make: Callable[[ModuleType, int], Callable[[Any], Any]]


def blurred(n: int) -> np.ndarray:
    """An image that was observed."""
    return np.random.default_rng(1).uniform(size=(n, n))


def spectrum(n: int, transform: Callable[..., Any]) -> Any:
    """The transform of the kernel."""
    wide = np.zeros((n, n))
    wide[: len(KERNEL), : len(KERNEL)] = KERNEL / KERNEL.sum()
    return transform(wide)


def complex_transform(p: ModuleType, n: int) -> Callable[[Any], Any]:
    """Of the whole spectrum."""
    kernel, seen = spectrum(n, np.fft.fft2), blurred(n)
    return lambda x: p.numpy.sum((p.numpy.real(p.numpy.fft.ifft2(p.numpy.fft.fft2(x) * kernel)) - seen) ** 2)


def real_transform(p: ModuleType, n: int) -> Callable[[Any], Any]:
    """Of half the spectrum."""
    kernel, seen = spectrum(n, np.fft.rfft2), blurred(n)
    return lambda x: p.numpy.sum((p.numpy.fft.irfft2(p.numpy.fft.rfft2(x) * kernel) - seen) ** 2)


def total_variation(p: ModuleType, n: int) -> Callable[[Any], Any]:
    """With a penalty on edges."""
    fit = complex_transform(p, n)

    def loss(x: Any) -> Any:
        down, right = x[1:, :-1] - x[:-1, :-1], x[:-1, 1:] - x[:-1, :-1]
        return fit(x) + 0.1 * p.numpy.sum(p.numpy.sqrt(down**2 + right**2 + 1e-6))

    return loss


def convolved(mode: str) -> Callable[[ModuleType, int], Callable[[Any], Any]]:
    """By `scipy.signal.convolve` in a mode."""
    return lambda p, n: lambda x: p.numpy.sum(p.scipy.signal.convolve(x, KERNEL, mode=mode) ** 2)


PROBLEMS = (
    Problem("fft2", complex_transform),
    Problem("rfft2", real_transform),
    Problem("fft2, total variation", total_variation),
    Problem("convolve, full", convolved("full")),
    Problem("convolve, same", convolved("same")),
    Problem("convolve, valid", convolved("valid")),
)


def measured(rounds: int = 20, sizes: tuple[int, ...] = SIZES) -> Iterator[tuple[str, float, float]]:
    """Yield the name of each problem and the times of HIPS's gradient and ours, in microseconds."""
    packages = (autograd, autograd_lite.hips)
    for n in sizes:
        image = np.random.default_rng(0).uniform(size=(n, n))
        for problem in PROBLEMS:
            gradients = [package.grad(problem.make(package, n)) for package in packages]
            theirs, ours = (gradient(image) for gradient in gradients)
            if not np.allclose(theirs, ours, rtol=1e-9, atol=1e-9):
                raise AssertionError(f"{problem.name}: HIPS and we differ by {np.max(np.abs(theirs - ours))}")
            best = [float("inf"), float("inf")]
            for _ in range(rounds):
                for i, gradient in enumerate(gradients):
                    start = time.process_time()
                    gradient(image)
                    best[i] = min(best[i], (time.process_time() - start) * 1e6)
            yield f"{problem.name}, {n} × {n}", best[0], best[1]


if __name__ == "__main__":
    for name, theirs, ours in measured(*map(int, sys.argv[1:])):
        print(f"{name:34} HIPS {theirs:8.0f} µs   ours {ours:8.0f} µs   ours / HIPS {ours / theirs:.2f}")
