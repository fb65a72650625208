"""`linprog`: SciPy's, with derivatives by all parameters of a linear program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult

from ..core.errors import GradError
from ..core.messages import checked
from ..solutions.settings import Settings, certainty_arguments
from .active_set import Vector
from .programs import (
    Parameters,
    as_arrays,
    may_differentiate,
    parameters_of,
    result_of,
    rows_of,
    solve_program,
)
from .results import words_of_failure
from .vectors import ends_of

NAMES = {"q": "c", "G": "A_ub", "h": "b_ub", "A": "A_eq", "b": "b_eq"}


@certainty_arguments
@checked
def linprog(
    c: Any,
    A_ub: Any = None,
    b_ub: Any = None,
    A_eq: Any = None,
    b_eq: Any = None,
    bounds: Any = (0, None),
    method: str = "highs",
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    x0: Any = None,
    integrality: Any = None,
    *,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    refine: bool = False,
) -> Any:
    """Minimize c @ x where A_ub @ x ≤ b_ub, A_eq @ x = b_eq and x is within bounds, by `scipy.optimize.linprog`.

    The result has derivatives by every parameter that is a Tensor. At a vertex, n constraints hold with equality, and x
    solves these as linear equations. Where more of them hold, or several x are best, a derivative does not exist, and
    `ImplicitError` says which constraint is to blame.

    Args:
        c: of shape (n,).
        A_ub, b_ub: inequalities, of shapes (k, n) and (k,). All parameters may be arrays or Tensors, and matrices
            sparse: SciPy's, or of `autograd_lite.sparse`.
        A_eq, b_eq: equalities, of shapes (p, n) and (p,).
        bounds: one pair (lowest, highest) or one for each number, whose entries may be Tensors, None for none; or an
            array or Tensor of shape (n, 2).
        method, callback, options, x0, integrality: as SciPy's. Solutions in integers have no derivatives.

    Returns:
        SciPy's `OptimizeResult`. `x`, `fun`, `slack`, `con`, and the `residual` and `marginals` of `ineqlin`, `eqlin`,
        `lower` and `upper` have derivatives where a parameter has, with the certificate in `sensitivity`.

    Raises:
        GradError: if `integrality` is given and a derivative may be asked for.
        ImplicitError: when a derivative is asked for that is not certain.
        ShapeError: if shapes do not fit.

    References:
        SciPy, `scipy.optimize.linprog`. Freund: Postoptimal analysis of a linear program under simultaneous changes in
        matrix coefficients, 1985.

    Example:
        >>> import autograd_lite as ag
        >>> A = np.array([[1.0, 1.0], [1.0, 3.0]])
        >>> linprog(np.array([-1.0, -2.0]), A, np.array([4.0, 6.0])).x.tolist()
        [3.0, 1.0]
        >>> ag.grad(lambda b: linprog(np.array([-1.0, -2.0]), A, b).fun)(np.array([4.0, 6.0]))
        array([-0.5, -0.5])
    """
    arguments = {"P": None, "q": c, "G": A_ub, "h": b_ub, "A": A_eq, "b": b_eq}
    parameters = parameters_of("linprog", NAMES, arguments)
    n = parameters["q"].shape[0]
    parameters |= dict(
        zip(("lower", "upper"), ends_of("linprog", (0, None) if bounds is None else bounds, n, True), strict=True)
    )
    report: list[Any] = []

    def solve(p: Parameters) -> Any:
        matrices = [None if p[key] is None else p[key] for key in ("q", "G", "h", "A", "b")]
        limits = np.stack([p["lower"], p["upper"]], 1)
        return scipy.optimize.linprog(*matrices, limits, method, callback, options, x0, integrality)

    def find(p: Parameters) -> tuple[Vector, Vector, Vector, bool]:
        report[:] = [solve(p)]
        result, sizes = report[0], rows_of(parameters)
        if result.x is None:
            return np.full(n, np.nan), np.full(sum(sizes), np.nan), np.full(n, np.nan), False
        mu = -np.concatenate([result.ineqlin.marginals, result.eqlin.marginals])
        return result.x, mu, -result.lower.marginals - result.upper.marginals, result.success

    if not may_differentiate(parameters):
        return solve(as_arrays(parameters))
    if integrality is not None and np.any(integrality):
        raise GradError(
            "linprog: expected integrality=None where a derivative may be asked for; received integers, which do not "
            "change with the parameters but by jumps. Solve inside ag.no_grad(), or detach the parameters"
        )
    settings = Settings(digits, on_uncertain, on_failure, refine, failure=lambda: words_of_failure(report))
    answer, push = solve_program("linprog", find, parameters, NAMES, settings)
    entries = _entries(parameters, answer.z[:n], answer.z[n:], push)
    return result_of("linprog", answer, report[0] if report else {}, entries)


def _entries(p: Parameters, x: Any, mu: Any, push: Any) -> dict[str, Any]:
    """Return the solution and all that follows from it."""
    k = rows_of(p)[0]
    slack, con = (np.zeros(0) if p[m] is None else p[v] - p[m] @ x for m, v in (("G", "h"), ("A", "b")))
    parts = {
        "ineqlin": (slack, -mu[:k]),
        "eqlin": (con, -mu[k:]),
        "lower": (x - p["lower"], np.maximum(-push, 0.0)),
        "upper": (p["upper"] - x, np.minimum(-push, 0.0)),
    }
    more = {name: OptimizeResult(residual=gap, marginals=marginals) for name, (gap, marginals) in parts.items()}
    return {"x": x, "fun": p["q"] @ x, "slack": slack, "con": con, **more}
