"""Ipopt, an interior-point method for large problems with constraints, in terms of a vector."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import LinearConstraint, OptimizeResult
from scipy.optimize._numdiff import approx_derivative  # of all solvers of SciPy's
from scipy.sparse import issparse

from .evaluation import Derivatives
from .jacobians import WEIGHTED_HESSIAN, Sparse, matrix_of
from .methods import MOST_FOR_DENSE
from .vectors import Layout, Vector, ends_of

# Modules with Ipopt behind the interface of cyipopt; the first one that is installed is taken.
MODULES = ("cyipopt", "pounce")
# What SciPy's methods call what Ipopt has another name for.
RENAMED = {"disp": "print_level", "verbose": "print_level", "maxiter": "max_iter"}
SOLVED = (0, 1)  # to the tolerance that was asked for, or to the one that is acceptable
LINEAR = "linear"  # of a constraint without second derivatives
APPROXIMATE = "hessian_approximation"


class Multipliers(NamedTuple):
    """The multipliers of a solution: gradient + Σ Jᵀ constraints - lower + upper = 0.

    Attributes:
        constraints: an array for each constraint, in the order given: positive where an upper limit holds, negative
            where a lower one does.
        lower: of the lower bounds, like the parameters; at least 0.
        upper: of the upper bounds, like the parameters; at least 0.

    Example:
        >>> Multipliers([], np.zeros(1), np.ones(1))
        Multipliers(constraints=[], lower=array([0.]), upper=array([1.]))
    """

    constraints: list[Vector]
    lower: Any
    upper: Any


class _Block(NamedTuple):
    """A constraint: functions of the vector, and limits; `hess` is not a function where it is unknown."""

    fun: Callable[[Vector], Any]
    jac: Callable[[Vector], Any]
    hess: Any
    low: Any
    high: Any


class _Places:
    """Where the entries of a matrix lie: those of its first value, all if it is dense."""

    def __init__(self, matrix: Any, lower: bool = False) -> None:
        self.csr = _csr(matrix) if issparse(matrix) else None
        if self.csr is None:
            rows, columns = np.indices(np.shape(matrix)).reshape(2, -1)
        else:
            rows, columns = np.repeat(np.arange(self.csr.shape[0]), np.diff(self.csr.indptr)), self.csr.indices
        self.part = np.nonzero(rows >= columns)[0] if lower else slice(None)
        self.rows, self.columns = rows[self.part], columns[self.part]

    def read(self, matrix: Any) -> Vector:
        """Return the entries of another value of the matrix, in the order of the places.

        Raises:
            ValueError: if it is sparse and has entries elsewhere.
        """
        if self.csr is None:
            return np.ravel(matrix)[self.part]
        csr = _csr(matrix)
        if not (np.array_equal(csr.indptr, self.csr.indptr) and np.array_equal(csr.indices, self.csr.indices)):
            raise ValueError(
                "minimize: expected sparse derivatives with entries at the same places at every point, zeros "
                f"included; received {csr.nnz} entries, after {self.csr.nnz} where Ipopt started"
            )
        return csr.data[self.part]


def _csr(matrix: Any) -> Any:
    csr = matrix.tocsr()
    csr.sort_indices()
    return csr


class _Problem:
    """What Ipopt calls. The first exception is kept; from then on all is NaN, and Ipopt stops."""

    def __init__(
        self, objective: Any, jac: Any, blocks: list[_Block], sizes: list[int], curvatures: list[Any], start: Vector
    ) -> None:
        self.both = _value_with_gradient(objective, jac)
        self.blocks, self.curvatures = blocks, curvatures
        self.callback: Callable[..., Any] | None = None
        self.error: BaseException | None = None
        self.nit = 0
        self.counts = {"nfev": 0, "njev": 0, "nhev": 0}
        self.point, self.pair = np.empty(0), (np.nan, np.empty(0))
        self.accepted = start
        self.offsets = np.cumsum([0, *sizes])
        self.places = [_Places(_matrix(block.jac(start))) for block in blocks]
        weights = np.ones(1 + self.offsets[-1])
        self.curvature_places = [_Places(_matrix(hess(start, weights)), lower=True) for hess in curvatures]

    def _keep(self, size: int | None, f: Callable[..., Any], *args: Any) -> Any:
        try:
            if self.error is None:
                return f(*args)
        except BaseException as error:  # Ipopt would go on
            self.error = error
        return np.nan if size is None else np.full(size, np.nan)

    def evaluate(self, x: Vector) -> tuple[Any, Vector]:
        if not np.array_equal(x, self.point):
            self.pair, self.point = self.both(x), x
        return self.pair

    def objective(self, x: Vector) -> Any:
        self.counts["nfev"] += 1
        return self._keep(None, lambda: float(np.squeeze(self.evaluate(np.array(x))[0])))

    def gradient(self, x: Vector) -> Vector:
        self.counts["njev"] += 1
        self.accepted = np.array(x)
        return self._keep(len(x), lambda: self.evaluate(self.accepted)[1])

    def constraints(self, x: Vector) -> Vector:
        return self._keep(self.offsets[-1], self.values, np.array(x))

    def values(self, x: Vector) -> Vector:
        return np.concatenate([_vector(block.fun(x)) for block in self.blocks] or [np.empty(0)])

    def split(self, values: Vector) -> list[Vector]:
        """Return numbers of all constraints, those of each apart."""
        return [values[a:b] for a, b in itertools.pairwise(self.offsets)]

    def jacobianstructure(self) -> tuple[Any, Any]:
        return _join([(p.rows + k, p.columns) for p, k in zip(self.places, self.offsets, strict=False)])

    def jacobian(self, x: Vector) -> Vector:
        def entries(x: Vector) -> Vector:
            parts = [p.read(_matrix(block.jac(x))) for p, block in zip(self.places, self.blocks, strict=True)]
            return np.concatenate(parts or [np.empty(0)])

        return self._keep(sum(len(p.rows) for p in self.places), entries, np.array(x))

    def hessianstructure(self) -> tuple[Any, Any]:
        return _join([(p.rows, p.columns) for p in self.curvature_places])

    def hessian(self, x: Vector, lagrange: Vector, obj_factor: float) -> Vector:
        self.counts["nhev"] += 1

        def entries(x: Vector) -> Vector:
            weights = np.concatenate([[obj_factor], lagrange])
            pairs = zip(self.curvature_places, self.curvatures, strict=True)
            return np.concatenate([p.read(_matrix(hess(x, weights))) for p, hess in pairs])

        return self._keep(sum(len(p.rows) for p in self.curvature_places), entries, np.array(x))

    def intermediate(self, *state: Any) -> bool:
        """Call the callback at the parameters of the last gradient: Ipopt does not say which ones it has accepted."""
        self.nit = int(state[1])
        stops = self._keep(None, self.callback, self.accepted, state) if self.callback else False
        return self.error is None and stops is not True


@np.errstate(all="ignore")  # where a step leaves the domain of a function, Ipopt takes a shorter one
def minimize_by_ipopt(
    objective: Any,
    start: Vector,
    *,
    jac: Any,
    hess: Any,
    bounds: Any,
    constraints: list[Any],
    tol: float | None,
    callback: Callable[..., Any] | None,
    options: dict[str, Any] | None,
    layout: Layout,
    compiled: bool | None,
    sparse: Sparse | None,
) -> OptimizeResult:
    """Minimize a function of a vector by Ipopt, as `scipy.optimize.minimize` does by its methods.

    Args:
        objective, start, jac, hess, bounds, constraints, tol, callback, options: as SciPy's.
        layout, compiled, sparse: of the functions that derivatives come from by themselves.

    Raises:
        ModuleNotFoundError: without Ipopt.
        ValueError: if Ipopt refuses an option.
    """
    make = problem_class()
    settings = _settings(tol, options)
    blocks = [_block(c) for c in constraints]
    sizes = [len(_vector(block.fun(start))) for block in blocks]
    curvatures, how = None, "approximated, as asked for"
    if settings.get(APPROXIMATE, "exact") == "exact":
        whole = functools.partial(matrix_of, WEIGHTED_HESSIAN, "minimize", layout=layout, args=(), compiled=compiled)
        curvatures, how = _curvatures(hess, blocks, sizes, start, functools.partial(whole, sparse=sparse))
    settings[APPROXIMATE] = "limited-memory" if curvatures is None else "exact"
    problem = _Problem(objective, jac, blocks, sizes, curvatures or [], start)
    problem.callback = None if callback is None else _with_state(callback)
    low, high = ends_of("minimize", bounds, start.size)
    lowest, highest = (_flat(ends, sizes) for ends in ([b.low for b in blocks], [b.high for b in blocks]))
    solver = make(n=start.size, m=len(lowest), problem_obj=problem, lb=low, ub=high, cl=lowest, cu=highest)
    x, info = _solve(solver, start, settings, problem)
    result = _result(x, info, problem, lowest, highest)
    result.how = f"Hessian of the Lagrangian: {how}"
    return result


def problem_class() -> Any:
    """Return the class of problems of the Ipopt that is installed.

    Raises:
        ModuleNotFoundError: without one.
    """
    for name in MODULES:
        try:
            return import_module(name).Problem
        except ImportError:
            continue
    raise ModuleNotFoundError(
        "minimize: expected Ipopt for method='ipopt', by the module cyipopt or pounce; received neither. Install it "
        'with pip install "autograd-lite[ipopt]"'
    )


def _settings(tol: float | None, options: dict[str, Any] | None) -> dict[str, Any]:
    """Return Ipopt's options, silent by default, for SciPy's and Ipopt's own."""
    settings: dict[str, Any] = {"print_level": 0, "sb": "yes", "honor_original_bounds": "yes"}
    if tol is not None:
        settings["tol"] = float(tol)
    for name, x in (options or {}).items():
        settings[RENAMED.get(name, name)] = (5 if x else 0) if name in ("disp", "verbose") else x
    return settings


def _solve(solver: Any, start: Vector, settings: dict[str, Any], problem: _Problem) -> tuple[Vector, dict[str, Any]]:
    refused = "minimize: expected options that Ipopt has, of the types that it has them in; received "
    for name, x in settings.items():
        try:
            solver.add_option(name, x)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{refused}{name}={x!r} ({error})") from error
    try:
        x, info = solver.solve(start)
    except RuntimeError as error:
        if problem.error is None and str(error).startswith("option"):
            raise ValueError(f"{refused}{error}") from error
        raise
    if problem.error is not None and not isinstance(problem.error, StopIteration):
        raise problem.error
    return np.asarray(x), info


def _block(c: Any) -> _Block:
    """Return a constraint of SciPy's as what Ipopt is given."""
    if isinstance(c, LinearConstraint):
        matrix = c.A if issparse(c.A) else np.atleast_2d(c.A)
        return _Block(lambda x: matrix @ x, lambda x: matrix, LINEAR, c.lb, c.ub)
    jac = c.jac
    if isinstance(jac, str):
        jac = _differences(c.fun, jac)
    return _Block(c.fun, jac, c.hess, c.lb, c.ub)


def _differences(f: Callable[[Vector], Any], method: str) -> Callable[[Vector], Any]:
    return lambda x: approx_derivative(f, x, method)


def _curvatures(
    hess: Any, blocks: list[_Block], sizes: list[int], start: Vector, matrix_at: Callable[[Any], Derivatives]
) -> tuple[list[Callable[[Vector, Vector], Any]] | None, str]:
    """Return functions whose sum is the Hessian of the Lagrangian, None if a part is unknown or too large; and how.

    They are functions of the vector and of weights: of the objective, then of the constraints. All parts that come by
    themselves are one function, which `matrix_at` makes of the function of the parameters.
    """
    places = [np.arange(1), *(np.arange(a, b) + 1 for a, b in itertools.pairwise(np.cumsum([0, *sizes])))]
    parts = [(h, i) for h, i in zip([hess, *[b.hess for b in blocks]], places, strict=True) if h is not LINEAR]
    if not all(callable(h) for h, _ in parts):
        return None, "approximated: not all second derivatives are known"
    automatic = [(h, i) for h, i in parts if isinstance(h, Derivatives)]
    terms = [_term(h, i, h is hess) for h, i in parts if not isinstance(h, Derivatives)]
    if not automatic:
        return terms, "given"

    def lagrangian(parameters: Any) -> list[Any]:
        return [h.f(parameters, *h.args) for h, _ in automatic]

    matrix = matrix_at(lagrangian)
    indices = np.concatenate([i for _, i in automatic])
    matrix.prepare(start, np.ones(indices.size))
    if not matrix.is_sparse and start.size > MOST_FOR_DENSE:
        return None, f"approximated: it is {matrix.how}"
    return [*terms, lambda x, w: matrix(x, w[indices])], matrix.how


def _term(hess: Callable[..., Any], indices: Any, is_objective: bool) -> Callable[[Vector, Vector], Any]:
    return lambda x, w: w[0] * hess(x) if is_objective else hess(x, w[indices])


def _with_state(callback: Callable[..., Any]) -> Callable[[Vector, tuple[Any, ...]], Any]:
    """Return a callback of SciPy's, of x or of `intermediate_result`, as a function of x and Ipopt's state."""
    if set(inspect.signature(callback).parameters) != {"intermediate_result"}:
        return lambda x, state: callback(x)
    names = ("phase", "nit", "fun", "constr_violation", "optimality", "barrier_parameter")
    return lambda x, state: callback(intermediate_result=OptimizeResult(x=x, **dict(zip(names, state, strict=False))))


def _value_with_gradient(objective: Any, jac: Any) -> Callable[[Vector], tuple[Any, Vector]]:
    if jac is True:
        return objective
    if not callable(jac):
        method = jac if isinstance(jac, str) else "2-point"
        jac = _differences(objective, method)
    return lambda x: (objective(x), np.ravel(jac(x)))


def _flat(limits: list[Any], sizes: list[int]) -> Vector:
    """Return limits, each for as many values as its constraint has, as one vector."""
    return np.concatenate([np.empty(0), *map(np.broadcast_to, limits, sizes)])


def _vector(values: Any) -> Vector:
    return np.ravel(np.asarray(values, np.float64))


def _matrix(matrix: Any) -> Any:
    return matrix if issparse(matrix) else np.atleast_2d(np.asarray(matrix, np.float64))


def _join(places: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    rows, columns = ([np.empty(0, int), *part] for part in zip(*places, strict=True)) if places else ([[]], [[]])
    return np.concatenate(rows).astype(np.int64), np.concatenate(columns).astype(np.int64)


def _result(x: Vector, info: dict[str, Any], problem: _Problem, low: Vector, high: Vector) -> OptimizeResult:
    values, (value, gradient) = problem.values(x), problem.evaluate(x)
    message = info["status_msg"]
    message = message.decode() if isinstance(message, bytes) else str(message)
    return OptimizeResult(
        x=x,
        fun=float(np.squeeze(value)),
        jac=gradient,
        success=info["status"] in SOLVED,
        status=info["status"],
        message=message.replace("_", " "),
        nit=problem.nit,
        **problem.counts,
        constr=problem.split(values),
        constr_violation=float(np.max(np.maximum(low - values, values - high), initial=0.0)),
        multipliers=Multipliers(problem.split(np.asarray(info["mult_g"])), info["mult_x_L"], info["mult_x_U"]),
    )
