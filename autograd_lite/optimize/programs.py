"""Linear and quadratic programs as solutions: their parameters may be Tensors, and sparse.

minimize ½ xᵀP x + qᵀx  where  G x ≤ h,  A x = b,  lower ≤ x ≤ upper
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import ShapeError
from ..core.mode import MODE, TAPES
from ..ops.operands import operand
from ..solutions.settings import Settings
from ..solutions.solution import Solution, solution
from ..solutions.systems import System
from ..sparse.matrices import SparseTensor, is_sparse
from ..tensors.tensor import Tensor
from ..tensors.tracers import is_open
from ..tree import leaves, map as map_leaves, rebuild, structure
from .active_set import Active, Conditions, Limits, Vector
from .results import DifferentiableEstimate
from .vectors import is_known

Parameters = dict[str, Any]
_MOST = 32  # shapes of programs whose equations are kept
_RECORDED: dict[Any, tuple[Conditions, System]] = {}
MATRICES = {"P": "q", "G": "h", "A": "b"}  # and the vectors that have as many numbers as these have rows


def parameters_of(called: str, names: Mapping[str, str], arguments: Parameters) -> Parameters:
    """Return the parameters of a program as arrays, Tensors and `SparseTensor`s, if their shapes fit.

    Args:
        called: the caller, for messages.
        names: the caller's names of the parameters P, q, G, h, A, b.
        arguments: the parameters by our names; None for those that are not there.

    Raises:
        ShapeError: if the shapes do not fit.
        ValueError: if one of a matrix and its vector is missing.
    """
    parameters: Parameters = {}
    for key, x in arguments.items():
        x = SparseTensor.of(x) if is_sparse(x) else x
        if x is not None and not isinstance(x, (Tensor, SparseTensor)):
            x = operand(x).astype(np.float64)
        parameters[key] = x
    q = parameters["q"]
    if q is None or q.ndim != 1 or not q.shape[0]:
        raise ShapeError(f"{called}: expected {names['q']} of shape (n,); received {describe(q)}")
    n = q.shape[0]
    for matrix, vector in MATRICES.items():
        m, v = parameters[matrix], parameters[vector]
        if vector != "q" and (m is None) != (v is None):
            missing, there = (names[matrix], names[vector])[:: 1 if m is None else -1]
            raise ValueError(f"{called}: expected {there} and {missing} together; received no {missing}")
        if m is None:
            continue
        if vector != "q":  # of one row it may be that row
            m = parameters[matrix] = np.reshape(m, (1, -1)) if m.ndim == 1 else m
            v = parameters[vector] = np.reshape(v, (1,)) if v.ndim == 0 else v
        if v.ndim != 1 or tuple(m.shape) != (v.shape[0], n):
            raise ShapeError(
                f"{called}: expected {names[matrix]} of shape {(v.shape[0] if v.ndim == 1 else 'm', n)}, as "
                f"{names['q']} has shape {(n,)} and {names[vector]} {v.shape}; received {describe(m)}"
            )
    return parameters


def may_differentiate(parameters: Any) -> bool:
    """Return whether derivatives by parameters may be asked for, or they are not known yet."""
    tracing = TAPES and MODE.get().tape is not None
    return tracing or any(map(is_open, leaves(parameters)))


def as_arrays(parameters: Parameters) -> Parameters:
    """Return the parameters as NumPy's arrays, and SciPy's where they are sparse."""
    return {key: _as_array(x) for key, x in parameters.items()}


def _as_array(x: Any) -> Any:
    return x.to_scipy() if isinstance(x, SparseTensor) else x.numpy() if isinstance(x, Tensor) else x


# ---- one form --------------------------------------------------------------------------------------------------------


def _in_one_form(parameters: Parameters) -> Parameters:
    """Return P symmetric, and all rows and their limits, those of inequalities first: few operations follow."""
    P, pairs = parameters["P"], [(parameters[m], parameters[v]) for m, v in (("G", "h"), ("A", "b"))]
    if P is not None and (isinstance(P, Tensor) or is_sparse(P) or not np.array_equal(P, P.T)):
        P = (P + P.T) * 0.5
    rows, limits = [m for m, _ in pairs if m is not None], [v for m, v in pairs if m is not None]
    if len(rows) == 2 and not any(map(is_sparse, rows)):
        rows = [np.concatenate(rows)]
    limit = np.concatenate(limits) if len(limits) > 1 else limits[0] if limits else None
    return {"P": P, "rows": rows, "limit": limit, **{key: parameters[key] for key in ("q", "lower", "upper")}}


def _of_one_form(form: Parameters, k: int) -> Parameters:
    """Return the parameters of a program with k inequalities in one form, of arrays."""
    rows, limit = [_as_array(m) for m in form["rows"]], form["limit"]
    G, h, A, b = None, None, None, None
    if k:
        G, h = rows[0][:k], limit[:k]
    if limit is not None and limit.size > k:
        A, b = rows[-1][k:] if len(rows) == 1 else rows[-1], limit[k:]
    rest = {key: form[key] for key in ("q", "lower", "upper")}
    return {"P": None if form["P"] is None else _as_array(form["P"]), "G": G, "h": h, "A": A, "b": b, **rest}


def conditions_of(form: Parameters, k: int, names: Mapping[str, str]) -> Conditions:
    """Return the conditions for a minimum, of (z, aux, *theta), with the leaves of the form as theta."""
    n, sizes = form["q"].shape[0], [m.shape[0] for m in form["rows"]]
    m, ends = sum(sizes), np.cumsum([0, *sizes])
    form = map_leaves(lambda _: 0.0, form)  # of which the structure alone matters

    def values(x: Any, *theta: Any) -> Any:
        parts = [matrix @ x for matrix in rebuild(form, iter(theta))["rows"]]
        return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else np.zeros(0)

    def slope(x: Any, mu: Any, *theta: Any) -> Any:
        p = rebuild(form, iter(theta))
        total = p["q"] if p["P"] is None else p["P"] @ x + p["q"]
        parts = [mu] if len(sizes) == 1 else [mu[i:j] for i, j in itertools.pairwise(ends)]
        return sum([v @ matrix for v, matrix in zip(parts, p["rows"], strict=True)], total)

    def limits(*theta: Any) -> Limits:
        p = rebuild(form, iter(theta))
        high = np.zeros(0) if p["limit"] is None else p["limit"]
        low = np.where(np.arange(m) < k, -np.inf, high)
        lower, upper = p["lower"], p["upper"]
        if lower is None and upper is None:
            return Limits(None, None, low, high)
        none = np.full(n, np.inf)
        return Limits(-none if lower is None else lower, none if upper is None else upper, low, high)

    def rows(x: Any, *theta: Any) -> Any:
        return _stack(rebuild(form, iter(theta))["rows"], n)

    def name(kind: str, i: int) -> str:
        if kind == "bound":
            return f"bound of x[{i}]"
        return f"limit {names['h']}[{i}]" if i < k else f"row {i - k} of {names['A']}"

    return Conditions(n, m, values, slope, limits, rows, name, False)


def rows_of(parameters: Parameters) -> tuple[int, int]:
    """Return the numbers of inequalities and of equalities, in the order of the multipliers."""
    k, p = (0 if parameters[key] is None else parameters[key].shape[0] for key in ("G", "A"))
    return k, p


def _stack(matrices: list[Any], n: int) -> Any:
    parts = [_dense(m) for m in matrices]
    return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else np.zeros((0, n))


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if isinstance(matrix, SparseTensor) else matrix


def _matrix_of(form: Parameters, conditions: Conditions) -> Callable[..., Any]:
    """Return the matrix of the conditions, as a function of (z, aux, *theta)."""
    n, m, form = conditions.n, conditions.m, map_leaves(lambda _: 0.0, form)

    def matrix(z: Any, aux: Active, *theta: Any) -> Any:
        p = rebuild(form, iter(theta))
        of_rows, of_bounds = aux
        top = np.zeros((n, n)) if p["P"] is None else p["P"]
        if m:
            rows = conditions.rows(z, *theta)
            top = np.concatenate([top, rows.T], 1)
        if p["lower"] is not None or p["upper"] is not None:
            top = np.where((of_bounds == 0)[:, None], top, np.eye(n, n + m))
        if not m:
            return top
        bottom = np.concatenate([rows, np.zeros((m, m))], 1)
        return np.concatenate([top, np.where((of_rows != 0)[:, None], bottom, np.eye(m, n + m, n))])

    return matrix


def solve_program(
    called: str,
    find: Callable[[Parameters], tuple[Vector, Vector, Vector, bool]],
    parameters: Parameters,
    names: Mapping[str, str],
    settings: Settings,
) -> tuple[Solution, Any]:
    """Return the solution (x, multipliers) of a program, and the multipliers of bounds, negative for lower ones.

    Args:
        called: the caller, for messages.
        find: of the parameters as arrays, returns x, the multipliers of rows and bounds, and whether it has succeeded.
        parameters: those that `parameters_of` has returned, with bounds "lower" and "upper" of shape (n,) or None.
        names: the caller's.
        settings: how to differentiate.
    """
    k, form = rows_of(parameters)[0], _in_one_form(parameters)
    conditions, system = _record(called, form, k, names)

    def solve(*theta: Any) -> tuple[Vector, bool, Active]:
        x, mu, push, success = find(_of_one_form(rebuild(form, iter(theta)), k))
        return np.concatenate([x, mu]), success, conditions.active_by(x, mu, push, theta)

    theta = leaves(form)
    more = settings.replace(conditions=conditions)
    answer = solution(called, solve, system, theta, conditions.example, conditions.aux, more)
    x, mu = answer.z[: conditions.n], answer.z[conditions.n :]
    return answer, np.where(answer.aux[1] == 0, 0.0, -conditions.slope(x, mu, *theta))


def result_of(
    called: str, answer: Solution, report: Mapping[str, Any], entries: dict[str, Any]
) -> DifferentiableEstimate:
    """Return the result of a program: entries that have derivatives, and the solver's report if it is known."""
    is_final = is_known(answer.z)
    more = {} if is_final else {"success": answer.success}
    return DifferentiableEstimate(called, report, {**entries, **more, "sensitivity": answer.sensitivity}, {}, is_final)


def _record(called: str, form: Parameters, k: int, names: Mapping[str, str]) -> tuple[Conditions, System]:
    """Return the conditions of programs with parameters of these shapes, and the equations, recorded once."""
    theta = leaves(form)
    key = called, k, structure(form), *[(x.shape, x.dtype) for x in theta]
    if key not in _RECORDED:
        conditions = conditions_of(form, k, names)
        example, aux = conditions.example, conditions.aux
        sparse = any(map(is_sparse, (form["P"], *form["rows"])))
        matrix = None if sparse else _matrix_of(form, conditions)
        while len(_RECORDED) >= _MOST:
            _RECORDED.pop(next(iter(_RECORDED)), None)
        _RECORDED[key] = conditions, System(called, conditions.equations, example, aux, theta, matrix)
    return _RECORDED[key]
