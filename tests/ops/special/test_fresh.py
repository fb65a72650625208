"""Derivatives by shapes and orders at points that are drawn anew, against mpmath."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

special = pytest.importorskip("scipy.special")
mp = pytest.importorskip("mpmath")

distributions = importlib.import_module("tests.ops.special.distributions")
truths = importlib.import_module("tests.ops.special.truth")

pytestmark = pytest.mark.ci


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def gamma(rng: np.random.Generator) -> tuple[float, ...]:
    a = log_uniform(rng, 1e-2, 1e4)
    return a, float(special.gammaincinv(a, rng.uniform(1e-3, 0.999)))


def beta(rng: np.random.Generator) -> tuple[float, ...]:
    a, b = log_uniform(rng, 0.05, 1e3), log_uniform(rng, 0.05, 1e3)
    return a, b, float(np.clip(special.betaincinv(a, b, rng.uniform(0.01, 0.99)), 1e-12, 0.999))


def fisher(rng: np.random.Generator) -> tuple[float, ...]:
    m, n = log_uniform(rng, 0.5, 300), log_uniform(rng, 0.5, 300)
    return m, n, float(special.fdtri(m, n, rng.uniform(0.05, 0.9)))


def student(rng: np.random.Generator) -> tuple[float, ...]:
    return log_uniform(rng, 0.3, 300), rng.normal() * 3


def bessel(rng: np.random.Generator) -> tuple[float, ...]:
    return rng.uniform(0.1, 30), log_uniform(rng, 0.05, 80)


CASES: dict[str, tuple[Callable[..., Any], Callable[[np.random.Generator], tuple[float, ...]]]] = {
    "gammainc": (distributions.P, gamma),
    "betainc": (distributions.I, beta),
    "fdtr": (distributions.F, fisher),
    "stdtr": (distributions.T, student),
    "jv": (mp.besselj, bessel),
    "yv": (mp.bessely, bessel),
    "iv": (mp.besseli, bessel),
    "kv": (mp.besselk, bessel),
}


@pytest.mark.parametrize("name", CASES)
def test_fresh_points(name: str) -> None:
    truth, draw = CASES[name]
    by = tuple(range(3 if name in ("betainc", "fdtr") else 2))
    seed = int(np.random.default_rng().integers(1 << 30))
    rng, f = np.random.default_rng(seed), getattr(special, name)
    mp.mp.dps = 110
    for _ in range(12):
        at = draw(rng)
        value, first, second = truths.derivatives(truth, at, by)
        gradient = np.array(ag.grad(f, argnums=by)(*at))
        hessian = np.array([ag.grad(lambda *xs, i=i: ag.grad(f, argnums=by)(*xs)[i], argnums=by)(*at) for i in by])
        # A derivative may be next to a zero of its own: its scale is that of the function over the argument's.
        unit = np.array([float(abs(value)) * 1e-3 / abs(x) for x in at])
        expected, curvature = np.array(first, float), np.array(second, float)
        message = f"seed {seed}, at {at}"
        assert np.all(np.abs(gradient - expected) <= 1e-10 * (np.abs(expected) + unit)), message
        sizes = np.abs(curvature) + unit[:, None] * 1e3 * unit / max(float(abs(value)), 1e-300)
        assert np.all(np.abs(hessian - curvature) <= 1e-9 * sizes + 1e-300), message
