"""What solvers return: SciPy's results, with the covariance of the estimate."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeResult
from scipy.sparse import dia_array, issparse
from scipy.sparse.linalg import splu

from ..core.arguments import require_function
from ..core.errors import GradError
from ..core.mode import no_grad
from ..functional import jacobian
from ..tensors.tensor import Tensor
from ..tensors.tracers import is_open
from ..tree import leaves, map as map_leaves, rebuild
from .evaluation import stack
from .vectors import bare, is_known, laid_out, value_of

Matrix = npt.NDArray[np.float64]
# Entries of SciPy's reports, which a solve does not have before it runs.
REPORTS = frozenset(["nit", "nfev", "njev", "nhev", "status", "message", "iterations", "evaluation", "how"])
MOST_FOR_COVARIANCE = 5000  # parameters, of which it takes 0.2 GB


class Estimate(OptimizeResult):  # type: ignore[misc]
    """SciPy's `OptimizeResult`, in which `covariance` is computed when it is first asked for.

    Attributes:
        covariance: of the parameters, of shape (n, n), in the order of `tree.leaves`.
        evaluation: how the derivatives were computed: "compiled", or "not compiled" and why.

    Example:
        >>> from autograd_lite.optimize import least_squares
        >>> found = least_squares(lambda a: a * np.arange(4.0) - [0.1, 1.9, 4.1, 5.9], np.ones(1))
        >>> isinstance(found, Estimate)
        True
    """

    def __missing__(self, name: str) -> Any:
        compute = self.__dict__.get("later", {}).get(name)
        if compute is None:
            raise KeyError(name)
        self[name] = compute()
        return self[name]

    def __reduce__(self) -> Any:
        """Copy or pickle what has been computed so far."""
        return Estimate, (dict(self),)


class DifferentiableEstimate(Estimate):
    """The result of a solve that has derivatives, whose other entries are those that need none.

    Args:
        called: the solver, for messages.
        report: SciPy's result.
        entries: those that have derivatives, or none that is not zero.
        later: as of `estimate`.
        is_known: whether SciPy's report is that of this solve. It is not where the solve runs later, in each replay of
            a compiled function, and where it runs several times, for each example of a batch.
    """

    def __init__(
        self, called: str, report: Any, entries: dict[str, Any], later: dict[str, Callable[[], Any]], is_known: bool
    ) -> None:
        more = {k: x for k, x in report.items() if k not in later and _is_count(x)} if is_known else {}
        super().__init__({**more, **entries})
        self.__dict__.update(called=called, names=REPORTS.union(report), later=later, is_known=is_known)

    def __missing__(self, name: str) -> Any:
        if name not in self.__dict__["names"] or name in self.__dict__["later"]:
            return super().__missing__(name)
        reason = (
            "has no derivative. Solve inside ag.no_grad() to read it"
            if self.__dict__["is_known"]
            else "is known only when the solve runs: for each example of vmap, and whenever a compiled function does. "
            "Solve outside to read it"
        )
        raise GradError(
            f"{self.__dict__['called']}: expected an entry of the result that has derivatives; received {name}, which "
            + reason
        )


def _is_count(x: Any) -> bool:
    """Return whether an entry is a number or a text about the solve, and no array that depends on its arguments."""
    return not isinstance(x, (list, tuple, np.ndarray)) or (isinstance(x, np.ndarray) and x.dtype.kind in "biu")


def estimate(result: Any, later: dict[str, Callable[[], Any]], **more: Any) -> Estimate:
    """Return SciPy's result with more entries.

    Args:
        result: SciPy's.
        later: computes entries when they are asked for, such as the covariance of the parameters; as arrays, whatever
            is recorded then.
        more: further entries, or other values of entries.
    """
    new = Estimate({**result, **more})
    new.__dict__["later"] = {name: no_grad()(compute) for name, compute in later.items()}
    return new


def inverse_hessian(called: str, hessian: Any) -> Any:
    """Return the covariance of parameters that minimize a negative log-likelihood: the inverse of its Hessian.

    Args:
        called: the caller, for messages.
        hessian: an array, a sparse matrix or a Tensor. While a function is traced, and in a batch, it is not checked.

    Raises:
        ValueError: if the Hessian is not positive definite.
    """
    matrix = hessian.toarray() if issparse(hessian) else hessian if isinstance(hessian, Tensor) else np.asarray(hessian)
    matrix = (matrix + matrix.T) / 2
    if isinstance(matrix, Tensor):
        if is_known(matrix):
            _factor_of_inverse(called, value_of(matrix))
        return np.linalg.inv(matrix)
    root = _factor_of_inverse(called, matrix)
    return root @ root.T  # which is symmetric to the last bit


def _factor_of_inverse(called: str, hessian: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh(hessian)
    if not values[0] > np.finfo(float).eps * len(values) * abs(values[-1]):
        raise ValueError(
            f"{called}: expected a Hessian that is positive definite at the solution, to compute the covariance; "
            f"received one with the eigenvalues {values[0]:.3g} to {values[-1]:.3g}. The solution is not a strict "
            "minimum, or lies at a bound, or the function does not depend on some combination of the parameters"
        )
    return vectors / np.sqrt(values)


def of_least_squares(jacobian: Any, cost: Any) -> Any:
    """Return the covariance of parameters that minimize a sum of squares: s² (JᵀJ)⁻¹, s² = 2 cost / (m - n).

    Args:
        jacobian: of the residuals, of shape (m, n): an array, a Tensor, a sparse matrix or a linear operator.
        cost: half the sum of squares.

    Raises:
        ValueError: if the residuals do not determine the parameters, or there are too many.
    """
    m, n = jacobian.shape
    if m <= n:
        raise ValueError(
            f"least_squares: expected more residuals than parameters, to compute the covariance; received {m} "
            f"residuals of {n} parameters"
        )
    refuse_too_many("least_squares", n)
    if isinstance(jacobian, Tensor):
        if is_known(jacobian):
            of_least_squares(value_of(jacobian), 0.0)  # which checks it
        return np.linalg.inv(jacobian.T @ jacobian) * (2 * cost / (m - n))
    if issparse(jacobian):
        return _of_sparse_jacobian(jacobian.tocsc()) * (2 * cost / (m - n))
    j = jacobian if isinstance(jacobian, np.ndarray) else np.asarray(jacobian @ np.eye(n))
    scale = np.linalg.norm(j, axis=0)  # parameters in units of their own: a metre and a micrometre are as good
    _, values, rows = np.linalg.svd(j / np.where(scale == 0, 1, scale), full_matrices=False)
    if not values[-1] > np.finfo(float).eps * m * values[0]:
        raise _error_of_undetermined(f"singular values from {values[0]:.3g} to {values[-1]:.3g}")
    return (rows.T / values**2) @ rows / np.outer(scale, scale) * (2 * cost / (m - n))


def refuse_too_many(called: str, n: int) -> None:
    """Check that a covariance is not larger than anybody wants to have: it is dense.

    Raises:
        ValueError: if it is.
    """
    if n > MOST_FOR_COVARIANCE:
        raise ValueError(
            f"{called}: expected at most {MOST_FOR_COVARIANCE:,} parameters to compute the covariance; received {n:,}, "
            f"for which it takes {n * n * 8 / 1e9:,.1f} GB. Solve with scipy.sparse.linalg.splu(J.T @ J), J being the "
            "Jacobian, or with a sparse Hessian, for the columns that are needed"
        )


def _error_of_undetermined(numbers: str) -> ValueError:
    return ValueError(
        "least_squares: expected residuals that determine the parameters, to compute the covariance; received a "
        f"Jacobian with {numbers}, its columns of length 1. Some combination of the parameters changes nothing: fix "
        "one of them"
    )


def _of_sparse_jacobian(jacobian: Any) -> Matrix:
    """Return (JᵀJ)⁻¹ by sparse factors."""
    scale = np.sqrt(np.asarray(jacobian.multiply(jacobian).sum(0)).ravel())
    unit = jacobian @ dia_array((1 / np.where(scale == 0, 1, scale)[None], [0]), (scale.size, scale.size))
    square = (unit.T @ unit).tocsc()
    try:
        inverse = splu(square).solve(np.eye(scale.size))
    except RuntimeError:  # it is exactly singular
        raise _error_of_undetermined("a column that others make up") from None
    condition = abs(square).sum(0).max() * np.abs(inverse).sum(0).max()
    if not condition < 1 / (np.finfo(float).eps * scale.size):
        raise _error_of_undetermined(f"a condition of {np.sqrt(condition):.3g}")
    return (inverse + inverse.T) / 2 / np.outer(scale, scale)


class EstimateWithStderr(NamedTuple):
    """A value computed from estimated parameters, and its standard error.

    Attributes:
        value: of the function, at the estimate.
        standard_error: of each number in it.

    Example:
        >>> EstimateWithStderr(2.0, 0.5)
        EstimateWithStderr(value=2.0, standard_error=0.5)
    """

    value: Any
    standard_error: Any


def delta_method(g: Callable[[Any], Any], estimate: Any, covariance: Any = None) -> EstimateWithStderr:
    """Return a function of estimated parameters, and its standard errors to first order: the delta method.

    The variance of g(p) is J Σ Jᵀ, with J the Jacobian of g at the estimate p and Σ the covariance of p.

    Args:
        g: a function of the parameters, of the tree that they are, that returns an array or a container of arrays.
        estimate: the parameters, as `curve_fit` returns them; or the result of `minimize` or `least_squares`.
        covariance: of the parameters, of shape (n, n); by default that of the result.

    Returns:
        A pair: what g returns, and the standard errors, in arrays of the same shapes.

        Both have derivatives by Tensors among the parameters, in the covariance, and by what g closes over.

    Raises:
        ValueError: if the covariance has another shape.

    References:
        van der Vaart: Asymptotic Statistics, 1998, theorem 3.1.

    Example:
        >>> half_life, error = delta_method(lambda p: np.log(2) / p[0], np.array([0.5]), [[0.01]])
        >>> round(float(half_life), 4), round(float(error), 4)
        (1.3863, 0.2773)
    """
    require_function("delta_method", g)
    if isinstance(estimate, OptimizeResult):
        covariance = estimate.covariance if covariance is None else covariance
        estimate = estimate.x
    layout, _ = laid_out("delta_method", estimate)
    x = np.reshape(layout.spread("delta_method", estimate), -1)
    sigma = covariance if isinstance(covariance, Tensor) else np.asarray(covariance, np.float64)
    if sigma.shape != (x.size, x.size):
        raise ValueError(
            f"delta_method: expected a covariance of shape {(x.size, x.size)}, of the parameters in the order of their "
            f"leaves; received {'none' if covariance is None else f'shape {sigma.shape}'}"
        )
    out = map_leaves(lambda a: a if is_open(a) else bare(a), g(layout.unflatten(x)))
    rows = np.reshape(jacobian(lambda v: stack(g(layout.unflatten(v))))(x), (-1, x.size))
    errors = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, sigma, rows), 0))
    sizes = [np.size(a) for a in leaves(out)]
    parts = [errors[end - n : end] for n, end in zip(sizes, accumulate(sizes), strict=True)]
    shaped = [np.reshape(part, np.shape(a))[()] for part, a in zip(parts, leaves(out), strict=True)]
    return EstimateWithStderr(out, rebuild(out, iter(shaped)))


def words_of_failure(reports: list[Any]) -> str:
    """Return what a solver says of a failure."""
    report = {} if not reports or reports[0].success else reports[0]
    words = str(report.get("message") or report.get("flag") or "").split()
    return f" ({' '.join(words).rstrip('.')})" if words else ""
