"""Points that no straight line divides: two moons, spirals, and a ball inside a shell; made from a seed.

All functions return `x`, float64 of shape (N, D), and `y`, int64 labels of shape (N,), in shuffled order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.arguments import checked

__all__ = ["sphere_in_sphere", "spirals", "two_moons"]

Points = tuple[NDArray[np.float64], NDArray[np.int64]]


@checked
def two_moons(n_samples: int = 1000, noise: float = 0.1, seed: int | None = None) -> Points:
    """Return two interleaving half circles.

    With t from 0 to π: class 0 is (cos t, sin t), class 1 is (1 - cos t, ½ - sin t).

    Args:
        n_samples: N; half of them, rounded up, in class 0.
        noise: standard deviation of the noise added to both coordinates.
        seed: of the noise and the order; None for a new one each time.

    Returns:
        x of shape (N, 2) and y of shape (N,), labels 0 and 1.

    Example:
        >>> x, y = two_moons(6, noise=0.0, seed=0)
        >>> x.shape, sorted(y.tolist())
        ((6, 2), [0, 0, 0, 1, 1, 1])
    """
    first = _halves("two_moons", n_samples, noise)
    upper, lower = np.linspace(0, np.pi, first), np.linspace(0, np.pi, n_samples - first)
    x = np.concatenate(
        [np.stack([np.cos(upper), np.sin(upper)], 1), np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], 1)]
    )
    return _shuffle_points(x, np.repeat([0, 1], [first, n_samples - first]), noise, seed)


@checked
def spirals(
    n_samples: int = 1000, arms: int = 2, turns: float = 1.5, noise: float = 0.02, seed: int | None = None
) -> Points:
    """Return interwoven spirals.

    With s from 0 to 1: arm k is s (cos φ, sin φ) with φ = 2π (turns · s + k / arms).

    Args:
        n_samples: N, spread over the arms evenly.
        arms: number of arms and of classes, at least 2.
        turns: how often each arm goes around.
        noise: standard deviation of the noise added to both coordinates.
        seed: of the noise and the order; None for a new one each time.

    Returns:
        x of shape (N, 2) and y of shape (N,), labels 0 to arms - 1.

    Example:
        >>> x, y = spirals(9, arms=3, noise=0.0, seed=0)
        >>> sorted(y.tolist()), float(np.linalg.norm(x, axis=1).max().round(6))
        ([0, 0, 0, 1, 1, 1, 2, 2, 2], 1.0)
    """
    _halves("spirals", n_samples, noise)
    if arms < 2 or n_samples < arms:
        raise ValueError(f"spirals: expected at least 2 arms and a sample for each; received {arms=}, {n_samples=}")
    y = np.arange(n_samples) * arms // n_samples
    starts = np.searchsorted(y, np.arange(arms))
    counts = np.bincount(y)
    s = (np.arange(n_samples) - starts[y]) / np.maximum(counts[y] - 1, 1)
    angle = 2 * np.pi * (turns * s + y / arms)
    return _shuffle_points(np.stack([s * np.cos(angle), s * np.sin(angle)], 1), y, noise, seed)


@checked
def sphere_in_sphere(
    n_samples: int = 1000,
    dim: int = 3,
    inner: float = 0.5,
    outer: tuple[float, float] = (0.8, 1.0),
    noise: float = 0.0,
    seed: int | None = None,
) -> Points:
    """Return points of a ball and of a shell around it, which no map of the space onto itself can pull apart.

    A network whose layers have no more than `dim` units must tear the shell; with one more it can lift the ball out.

    Args:
        n_samples: N; half of them, rounded up, in the ball.
        dim: D, the dimension of the space, at least 1: 1 gives an interval, 2 a disk in a ring.
        inner: radius of the ball, class 0.
        outer: least and largest radius of the shell, class 1.
        noise: standard deviation of the noise added to all coordinates.
        seed: of the points and the order; None for a new one each time.

    Returns:
        x of shape (N, D), uniform in the volume of each part, and y of shape (N,), labels 0 and 1.

    References:
        C. Olah, "Neural Networks, Manifolds, and Topology", 2014.

    Example:
        >>> x, y = sphere_in_sphere(100, seed=0)
        >>> radius = np.linalg.norm(x, axis=1)
        >>> bool(radius[y == 0].max() < 0.5), bool(radius[y == 1].min() > 0.8)
        (True, True)
    """
    first = _halves("sphere_in_sphere", n_samples, noise)
    low, high = outer
    if dim < 1 or not 0 < inner <= low <= high:
        raise ValueError(
            f"sphere_in_sphere: expected dim of at least 1 and 0 < inner <= outer[0] <= outer[1]; received {dim=}, "
            f"{inner=}, {outer=}"
        )
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [first, n_samples - first])
    direction = rng.normal(size=(n_samples, dim))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    least, most = np.where(y == 0, 0.0, low) ** dim, np.where(y == 0, inner, high) ** dim
    radius = rng.uniform(least, most) ** (1 / dim)
    return _shuffle_points(direction * radius[:, None], y, noise, int(rng.integers(2**62)))


def _halves(caller: str, n_samples: Any, noise: float) -> int:
    """Return half of the samples, rounded up."""
    if not isinstance(n_samples, (int, np.integer)) or n_samples < 2:
        raise ValueError(f"{caller}: expected n_samples to be an integer, at least 2; received {n_samples!r}")
    if not noise >= 0:
        raise ValueError(f"{caller}: expected noise of at least 0; received {noise!r}")
    return -(-int(n_samples) // 2)


def _shuffle_points(x: NDArray[np.float64], y: NDArray[np.integer], noise: float, seed: int | None) -> Points:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    noisy = x + rng.normal(scale=noise, size=x.shape) if noise else x
    return noisy[order], y[order].astype(np.int64)
