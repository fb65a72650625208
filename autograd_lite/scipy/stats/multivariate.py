"""Distributions of vectors and matrices: their log densities as expressions of linear algebra on Tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...tensors.tensor import Tensor
from ..special import multigammaln
from ..unwrapped import special as sp
from .masks import choose, without_derivative
from .methods import Named, with_methods
from .rows import LOG_2, LOG_2PI


@with_methods("logpdf pdf logpmf pmf entropy")
class Joint(Named):
    """A distribution of several variables.

    Args:
        name: its name in `scipy.stats`.
        log_density: the formula, with SciPy's parameters and defaults.
        entropy: the formula of the entropy.
    """

    def __init__(self, name: str, log_density: Callable[..., Any], entropy: Callable[..., Any] | None = None) -> None:
        super().__init__(name)
        self.log_density, self.formula = log_density, entropy

    def answer(self, method: str, x: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return what a method says of x and the parameters."""
        if not any(isinstance(v, Tensor) for v in (x, *args, *kwargs.values())):
            return getattr(self.original, method)(x, *args, **kwargs)
        value = self.log_density(_array(x), *args, **kwargs)
        value = value.reshape([n for n in value.shape if n != 1])
        return value if method.startswith("log") else np.exp(value)

    def has_derivatives(self, method: str) -> bool:
        """Return whether a method takes Tensors: all do, but for an entropy without a formula."""
        return method != "entropy" or self.formula is not None

    def moment(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return the entropy by its formula."""
        if not any(isinstance(v, Tensor) for v in (*args, *kwargs.values())):
            return getattr(self.original, name)(*args, **kwargs)
        if self.formula is None:
            self.refuse(name, "no formula is known here")
        return self.formula(*args, **kwargs)


def _array(x: Any) -> Any:
    return x if isinstance(x, Tensor) else np.asarray(x)


def _center_and_matrix(center: Any, matrix: Any) -> tuple[Any, Any]:
    """Return a mean of shape (n,) and a matrix of shape (n, n), from what SciPy takes for them."""
    matrix = _array(matrix)
    center = _array(0.0 if center is None else center)
    n = max(center.size, 1 if matrix.ndim == 0 else matrix.shape[0])
    center = center.reshape(-1) + np.zeros(n)
    if matrix.ndim == 0:
        return center, matrix * np.eye(n)
    if matrix.ndim == 1:
        return center, matrix[:, None] * np.eye(n)
    if matrix.shape != (n, n):
        raise ValueError(
            f"scipy.stats: expected a matrix of shape ({n}, {n}) for a center of {center.size} elements; received "
            f"shape {matrix.shape}"
        )
    return center, matrix


def _points(x: Any, n: int) -> Any:
    """Return points in rows."""
    if x.ndim == 0:
        return x.reshape(1, 1)
    return (x[:, None] if n == 1 else x[None, :]) if x.ndim == 1 else x


def _log_det(matrix: Any) -> Any:
    """Return the log determinant of a positive definite matrix, or of a stack of them; NumPy raises if it is not."""
    return 2 * np.log(np.diagonal(np.linalg.cholesky(matrix), axis1=-2, axis2=-1)).sum(axis=-1)


def _distances(x: Any, center: Any, matrix: Any, singular: bool) -> tuple[Any, Any, Any]:
    """Return squared Mahalanobis distances, infinite outside of the support; the log determinant; and the rank."""
    center, matrix = _center_and_matrix(center, matrix)
    n = center.shape[0]
    offset = _points(x, n) - center
    if not singular:
        white = np.linalg.solve(np.linalg.cholesky(matrix), offset.reshape(-1, n).T)
        return (white * white).sum(axis=0).reshape(offset.shape[:-1]), _log_det(matrix), n
    values = np.linalg.eigvalsh(matrix)
    least = 1e6 * np.finfo(float).eps * np.abs(without_derivative(values)).max()  # SciPy's bound
    positive = without_derivative(values) > least
    inverse = np.linalg.pinv(matrix, hermitian=True)
    away = np.abs(without_derivative(offset - offset @ inverse @ matrix)).max(axis=-1) > 1e3 * least
    distances = ((offset @ inverse) * offset).sum(axis=-1)
    return np.where(away, np.inf, distances), np.log(np.where(positive, values, 1.0)).sum(), positive.sum()


def _normal(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    distances, log_det, rank = _distances(x, mean, cov, allow_singular)
    return -0.5 * (distances + log_det + rank * LOG_2PI)


def _normal_entropy(mean: Any = None, cov: Any = 1) -> Any:
    center, matrix = _center_and_matrix(mean, cov)
    return 0.5 * (center.size * (LOG_2PI + 1) + _log_det(matrix))


def _t(x: Any, loc: Any = None, shape: Any = 1, df: Any = 1, allow_singular: bool = False) -> Any:
    distances, log_det, rank = _distances(x, loc, shape, allow_singular)
    half = 0.5 * (df + rank)
    constant = sp.gammaln(half) - sp.gammaln(0.5 * df) - 0.5 * rank * np.log(math.pi * df) - 0.5 * log_det
    return constant - half * np.log1p(distances / df)


def _t_entropy(loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
    center, matrix = _center_and_matrix(loc, shape)
    n = center.size
    less, more = 0.5 * df, 0.5 * (df + n)
    constant = sp.gammaln(less) - sp.gammaln(more) + 0.5 * n * np.log(math.pi * df) + 0.5 * _log_det(matrix)
    return constant + more * (sp.psi(more) - sp.psi(less))


def _log_beta(alpha: Any) -> Any:
    return choose((without_derivative(alpha) <= 0).any(), np.nan, sp.gammaln(alpha).sum() - sp.gammaln(alpha.sum()))


def _dirichlet(x: Any, alpha: Any) -> Any:
    alpha = _array(alpha)
    if x.shape[0] + 1 == alpha.shape[0]:
        x = np.concatenate([x, 1 - x.sum(axis=0, keepdims=True)])
    at = without_derivative(x)
    if at.shape[0] != alpha.shape[0] or (
        isinstance(at, np.ndarray) and ((at < 0).any() or (np.abs(at.sum(axis=0) - 1) > 1e-9).any())
    ):
        raise ValueError(
            f"scipy.stats.dirichlet: expected x of {alpha.shape[0]} entries along axis 0, or one less, none of them "
            f"below 0 and with the sum 1; received shape {x.shape}"
            + (f", sums from {at.sum(axis=0).min():.12g}" if isinstance(at, np.ndarray) else "")
        )
    return sp.xlogy((alpha - 1).reshape(-1, *(1,) * (x.ndim - 1)), x).sum(axis=0) - _log_beta(alpha)


def _dirichlet_entropy(alpha: Any) -> Any:
    total, n = alpha.sum(), alpha.shape[0]
    return _log_beta(alpha) + (total - n) * sp.psi(total) - ((alpha - 1) * sp.psi(alpha)).sum()


def _matrices(x: Any, scale: Any) -> tuple[Any, Any, int]:
    """Return a stack of matrices along axis 0, from SciPy's along the last; the scale matrix; and their size."""
    scale = _center_and_matrix(None, scale)[1]
    n = scale.shape[0]
    if x.ndim < 2:
        x = (x.reshape(-1, 1, 1) if n == 1 else x[:, None] * np.eye(n)) if x.ndim else x * np.eye(n)
    return (np.moveaxis(x, -1, 0) if x.ndim == 3 and n > 1 else x.reshape(-1, n, n)), scale, n


def _wishart(x: Any, df: Any, scale: Any) -> Any:
    x, scale, n = _matrices(x, scale)
    trace = np.trace(np.linalg.solve(scale, x), axis1=-2, axis2=-1)
    constant = 0.5 * df * (n * LOG_2 + _log_det(scale)) + multigammaln(0.5 * df, n)
    return choose(without_derivative(df) <= n - 1, np.nan, 0.5 * (df - n - 1) * _log_det(x) - 0.5 * trace - constant)


def _invwishart(x: Any, df: Any, scale: Any) -> Any:
    x, scale, n = _matrices(x, scale)
    trace = np.trace(np.linalg.solve(x, scale), axis1=-2, axis2=-1)
    constant = 0.5 * df * (n * LOG_2 - _log_det(scale)) + multigammaln(0.5 * df, n)
    return choose(without_derivative(df) <= n - 1, np.nan, -0.5 * (df + n + 1) * _log_det(x) - 0.5 * trace - constant)


def _matrix_normal(x: Any, mean: Any = None, rowcov: Any = 1, colcov: Any = 1) -> Any:
    rows, columns = x.shape[-2:]
    between_rows = _center_and_matrix(np.zeros(rows), rowcov)[1]
    between_columns = _center_and_matrix(np.zeros(columns), colcov)[1]
    offset = x if mean is None else x - mean
    white = np.linalg.solve(np.linalg.cholesky(between_rows), offset)
    white = np.linalg.solve(np.linalg.cholesky(between_columns), np.swapaxes(white, -1, -2))
    constant = rows * columns * LOG_2PI + columns * _log_det(between_rows) + rows * _log_det(between_columns)
    return -0.5 * (constant + (white * white).sum(axis=(-2, -1)))


def _multinomial(x: Any, n: Any, p: Any) -> Any:
    x = without_derivative(x)
    value = sp.gammaln(np.asarray(n) + 1.0) + (sp.xlogy(x, p) - sp.gammaln(x + 1.0)).sum(axis=-1)
    counts = ((x >= 0) & (x == np.floor(x))).all(axis=-1) & (x.sum(axis=-1) == n)
    return choose(np.logical_not(counts), -np.inf, value)


multivariate_normal = Joint("multivariate_normal", _normal, _normal_entropy)
multivariate_t = Joint("multivariate_t", _t, _t_entropy)
dirichlet = Joint("dirichlet", _dirichlet, _dirichlet_entropy)
wishart = Joint("wishart", _wishart)
invwishart = Joint("invwishart", _invwishart)
matrix_normal = Joint("matrix_normal", _matrix_normal)
multinomial = Joint("multinomial", _multinomial)
