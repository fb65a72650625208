"""Hierarchical log densities, mixtures and Gaussian processes: gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from .space import Function, Space, program, rng

_EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
_ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


@program("hierarchical log densities", rng(30).normal(size=10))
def eight_schools(s: Space) -> Function:
    """Rubin's schools (1981), not centered, as Stan's users write them."""

    def density(z: Any) -> Any:
        mean, log_scale, raw = z[0], z[1], z[2:]
        effect = mean + s.np.exp(log_scale) * raw
        prior = -0.5 * s.np.sum(raw**2) - 0.5 * (mean / 5) ** 2 - s.np.log1p((s.np.exp(log_scale) / 5) ** 2) + log_scale
        return prior - 0.5 * s.np.sum(((_EFFECTS - effect) / _ERRORS) ** 2)

    return s.grad(density)


_COUNTY, _FLOOR = rng(31).integers(0, 85, 900), rng(32).integers(0, 2, 900).astype(float)
_RADON = rng(33).normal(size=900)


@program("hierarchical log densities", rng(34).normal(size=90) * 0.3)
def radon(s: Space) -> Function:
    """Gelman and Hill's varying intercepts (2006, chapter 12): 900 houses in 85 counties, by an index array."""

    def density(z: Any) -> Any:
        mean, slope, log_a, log_y, raw = z[0], z[1], z[2], z[3], z[5:]
        intercept = mean + s.np.exp(log_a) * raw
        residual = (_RADON - intercept[_COUNTY] - slope * _FLOOR) / s.np.exp(log_y)
        return -0.5 * s.np.sum(residual**2) - 900 * log_y - 0.5 * s.np.sum(raw**2) - 0.5 * s.np.sum(z[:5] ** 2)

    return s.grad(density)


_DOSES, _DEATHS = rng(35).normal(size=(300, 6)), rng(36).integers(0, 20, 300).astype(float)


@program("hierarchical log densities", rng(37).normal(size=7) * 0.1)
def counts(s: Space) -> Function:
    """A negative binomial regression: its Hessian at one point."""

    def density(z: Any) -> Any:
        mean, shape = s.np.exp(_DOSES @ z[:6]), s.np.exp(z[6])
        terms = s.gammaln(_DEATHS + shape) - s.gammaln(shape) + shape * s.np.log(shape / (shape + mean))
        return s.np.sum(terms + _DEATHS * s.np.log(mean / (shape + mean))) - 0.5 * s.np.sum(z**2)

    return s.hessian(density)


_CLOUD = rng(38).normal(size=(500, 2)) + rng(39).integers(0, 4, (500, 1)) * 2.0


@program("hierarchical log densities", rng(40).normal(size=(4, 2)) * 2, np.zeros(4), np.zeros(4))
def mixture(s: Space) -> Function:
    """A mixture of four Gaussians: the gradient by all of its parameters."""

    def likelihood(mean: Any, log_scale: Any, logit: Any) -> Any:
        weight = logit - s.logsumexp(logit)
        squares = s.np.sum((_CLOUD[:, None, :] - mean[None]) ** 2, axis=-1)
        terms = weight - 2 * log_scale - 0.5 * squares / s.np.exp(2 * log_scale)
        return s.np.sum(s.logsumexp(terms, axis=1))

    return s.grad(likelihood, (0, 1, 2))


_X = np.sort(rng(41).uniform(0, 10, 80))
_Y = np.sin(_X) + 0.1 * rng(42).normal(size=80)
_SQUARES = (_X[:, None] - _X[None, :]) ** 2


@program("Gaussian processes of 80 points", np.array([0.0, 0.0, -2.0]))
def gaussian_process(s: Space) -> Function:
    """The marginal likelihood (Rasmussen and Williams, 2006, equation 2.30), by Cholesky's factor: the gradient."""

    def likelihood(logs: Any) -> Any:
        scale, length, noise = s.np.exp(logs[0]), s.np.exp(logs[1]), s.np.exp(logs[2])
        kernel = scale * s.np.exp(-0.5 * _SQUARES / length) + noise * np.eye(80)
        factor = s.np.linalg.cholesky(kernel)
        alpha = s.np.linalg.solve(kernel, _Y)
        return 0.5 * _Y @ alpha + s.np.sum(s.np.log(s.np.diagonal(factor)))

    return s.grad(likelihood)
