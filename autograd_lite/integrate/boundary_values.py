"""`solve_bvp`: boundary value problems by SciPy, with derivatives by all that the equations and conditions read.

SciPy chooses the mesh. On each interval the solution is a cubic that fulfills the differential equation at both ends
and in the middle, and derivatives are those of these collocation equations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..control.closure_conversion import example_of
from ..core.arguments import describe, require_function
from ..core.errors import ShapeError, UnsupportedError
from ..core.late import needs
from ..core.messages import checked
from ..core.mode import MODE, TAPES, no_grad
from ..core.shape_arithmetic import ShapeDtype
from ..ops.operands import operand
from ..solutions.closures import PureFunction, pure_functions
from ..solutions.settings import Settings, certainty_arguments
from ..solutions.solution import solution
from ..solutions.systems import System
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor, is_open
from ..tree import leaves

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    import scipy.integrate as original
    from scipy.optimize import OptimizeResult

_LEAST = 16  # nodes that programs are made for; twice as many as soon as a mesh has more


@certainty_arguments
@checked
def solve_bvp(
    fun: Callable[..., Any],
    bc: Callable[..., Any],
    x: Any,
    y: Any,
    p: Any = None,
    S: Any = None,
    fun_jac: Callable[..., Any] | None = None,
    bc_jac: Callable[..., Any] | None = None,
    tol: float = 1e-3,
    max_nodes: int = 1000,
    verbose: int = 0,
    bc_tol: float | None = None,
    *,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
) -> Any:
    """Solve y' = f(x, y, p) + S y / (x - a) with bc(y(a), y(b), p) = 0 by `scipy.integrate.solve_bvp`.

    Where fun or bc read a Tensor by which there may be derivatives, or an end of x is one, the solution has
    derivatives of all orders by them, from its collocation equations on the mesh that SciPy ends with:

        yᵢ₊₁ - yᵢ = (hᵢ / 6) (fᵢ + 4 f(xᵢ + hᵢ / 2, (yᵢ + yᵢ₊₁) / 2 - hᵢ (fᵢ₊₁ - fᵢ) / 8, p) + fᵢ₊₁),  bc = 0

    By Newton's steps from SciPy's solution, y fulfills these to the last digits. With plain arrays, the result is
    SciPy's to the bit. A compiled function solves anew in each replay, and `vmap` for each example; there the mesh has
    `max_nodes` nodes, of which those that are not needed repeat its end.

    Args:
        fun: `fun(x, y)` or `fun(x, y, p)` returns the slopes at m nodes: x of shape (m,), y of shape (n, m), p of
            shape (k,); slopes of shape (n, m), where column i follows from column i of y alone.
        bc: `bc(ya, yb)` or `bc(ya, yb, p)` returns the residuals of n + k conditions, for ya and yb of shape (n,).
        x: shape (m,), the first mesh, strictly increasing. There are derivatives by its two ends.
        y: shape (n, m), a guess at its nodes.
        p: shape (k,), a guess of parameters that are unknown.
        S: shape (n, n), constant; then y(a) is such that S y(a) = 0.
        fun_jac, bc_jac: as SciPy's, for its own steps.
        tol: of the residual y' - f relative to `1 + abs(f)`; it decides the mesh, and so how exact the solution is.
        max_nodes: the most nodes.
        verbose, bc_tol: as SciPy's.

    Returns:
        SciPy's result: x, the mesh; y and its slopes yp there, shape (n, m); p; and `sol(t, nu=0)`, the cubics, or
        their derivatives, at t: shape (n, *t.shape). y, yp, p and sol are Tensors where there may be derivatives, and
        then `sensitivity` is their certificate. `success` and `message` tell how it went.

    Raises:
        ImplicitError: if a derivative is asked for that is not certain, or of a solve that has failed.
        ShapeError: if fun returns other than y's shape, or bc other than n + k numbers.
        ValueError: if the mesh is not increasing.

    References:
        Kierzenka, Shampine: A BVP Solver Based on Residual Control and the MATLAB PSE, 2001.
        Ascher, Mattheij, Russell: Numerical Solution of Boundary Value Problems for ODEs, 1995, section 5.

    Example:
        >>> import autograd_lite as ag
        >>> def middle(k):  # of y'' = -k² y with y(0) = 0, y(1) = 1, which is 1 / (2 cos(k / 2))
        ...     def slopes(x, y):
        ...         return np.stack([y[1], -(k**2) * y[0]])
        ...     def conditions(ya, yb):
        ...         return np.stack([ya[0], yb[0] - 1])
        ...     return solve_bvp(slopes, conditions, np.linspace(0, 1, 5), np.ones((2, 5)), tol=1e-6).sol(0.5)[0]
        >>> round(float(ag.grad(middle)(1.0)), 4), round(float(np.sin(0.5) / np.cos(0.5) ** 2 / 4), 4)
        (0.1556, 0.1556)
    """
    settings = Settings(digits, on_uncertain, on_failure, True).check("solve_bvp")
    require_function("solve_bvp", fun)
    require_function("solve_bvp", bc)
    guess = _Guess.of(x, y, p)
    options = {
        "S": None if S is None else _constant("S", S),
        "fun_jac": fun_jac and _on_arrays(fun_jac),
        "bc_jac": bc_jac and _on_arrays(bc_jac),
        "tol": tol,
        "max_nodes": max_nodes,
        "verbose": verbose,
        "bc_tol": bc_tol,
    }
    problem = _Problem(fun, bc, guess, options)
    reads = [*leaves(guess), *problem.probe()]
    if _is_tracing() or any(map(is_open, reads)):
        return _differentiable(problem, settings, _is_known(reads))
    if any(isinstance(a, Tensor) for a in reads):
        return problem.solve_arrays()
    return original.solve_bvp(fun, bc, *guess, **options)


def _is_tracing() -> bool:
    return bool(TAPES) and MODE.get().tape is not None


def _is_known(values: Sequence[Any]) -> bool:
    """Return whether values are known now: in a batch, and while a function is traced, they are not."""
    return not _is_tracing() and not any(isinstance(a, TracedTensor) and a._data.per_example for a in values)


def _constant(name: str, a: Any) -> Any:
    if any(map(is_open, leaves(a))):
        raise UnsupportedError(
            f"solve_bvp: expected {name} to be constant; received a Tensor by which derivatives may be asked for. "
            "Detach it, or put the term into fun, with a mesh that begins beside the singular point"
        )
    return np.asarray(_plain(a))


def _plain(a: Any) -> Any:
    return np.asarray(example_of(a.detach())) if isinstance(a, Tensor) else a


def _on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the user that may read Tensors, as one that returns arrays."""

    def call(*args: Any) -> Any:
        with no_grad():
            out = f(*args)
        return tuple([_plain(a) for a in out]) if isinstance(out, tuple) else _plain(operand(out))

    return call


class _Guess(NamedTuple):
    """What SciPy starts from.

    Attributes:
        x: the mesh, shape (m,).
        y: the values, shape (n, m).
        p: the parameters, shape (k,), or None.
    """

    x: Any
    y: Any
    p: Any

    @classmethod
    def of(cls, x: Any, y: Any, p: Any) -> _Guess:
        """Return the guess with floating dtypes.

        Raises:
            ShapeError: if the shapes do not fit.
            ValueError: if x is not increasing.
        """
        x, y = operand(x), operand(y)
        if x.ndim != 1 or x.shape[0] < 2:
            raise ShapeError(f"solve_bvp: expected x of shape (m,), at least two nodes; received {describe(x)}")
        if y.ndim != 2 or y.shape[1] != x.shape[0]:
            raise ShapeError(
                f"solve_bvp: expected y of shape (n, {x.shape[0]}), a guess of n functions at the {x.shape[0]} nodes "
                f"of x; received {describe(y)}"
            )
        dtype = np.result_type(y.dtype, np.float64)
        x, y = x.astype(np.float64), y.astype(dtype)
        values = np.asarray(example_of(x))
        falls = np.flatnonzero(~(np.diff(values) > 0))
        if falls.size and _is_known([x]):
            i = int(falls[0])
            raise ValueError(
                f"solve_bvp: expected x to be strictly increasing; received {values[i + 1]:g} after {values[i]:g}, at "
                f"position {i + 1}"
            )
        if p is not None:
            p = operand(p).astype(dtype)
            if p.ndim != 1:
                raise ShapeError(
                    f"solve_bvp: expected p of shape (k,), a guess of k parameters; received {describe(p)}. Of one "
                    "parameter it is a list of one number"
                )
        return cls(x, y, p)

    def plain(self) -> _Guess:
        """Return the guess as arrays."""
        return _Guess(*[None if a is None else np.array(example_of(_plain(a))) for a in self])


class _Problem(NamedTuple):
    """The arguments of a solve.

    Attributes:
        fun, bc: the user's.
        guess: what to start from.
        options: further arguments of SciPy's function.
    """

    fun: Callable[..., Any]
    bc: Callable[..., Any]
    guess: _Guess
    options: dict[str, Any]

    def probe(self) -> list[Any]:
        """Return the slopes and the residuals of the conditions at the guess, of which the shapes are checked.

        Raises:
            ShapeError: if one of them has another shape than it must have.
        """
        x, y, p = self.guess
        more = () if p is None else (p,)
        slopes, residuals = operand(self.fun(x, y, *more)), operand(self.bc(y[:, 0], y[:, -1], *more))
        if slopes.shape != y.shape:
            raise ShapeError(
                f"solve_bvp: expected fun to return slopes of y's shape {y.shape}, one row for each function; "
                f"received {slopes.shape}"
            )
        n, k = y.shape[0], 0 if p is None else p.shape[0]
        if residuals.shape != (n + k,):
            unknown = f" and {k} unknown parameters" if k else ""
            raise ShapeError(
                f"solve_bvp: expected bc to return {n + k} residuals, shape ({n + k},), as there are {n} equations of "
                f"first order{unknown}; received {residuals.shape}"
            )
        return [slopes, residuals]

    def solve_arrays(self) -> Any:
        """Return SciPy's result, for what the functions read as arrays."""
        return original.solve_bvp(_on_arrays(self.fun), _on_arrays(self.bc), *self.guess.plain(), **self.options)

    def functions(self, nodes: int) -> tuple[Collocation, list[Any]]:
        """Return the equations for a number of nodes, and theta: what the functions read."""
        x, y, p = self.guess.plain()
        more = () if p is None else (p,)
        fun, bc = self.fun, self.bc

        def slopes(point: Any) -> Any:
            return operand(fun(*point[:2], *point[4:]))

        def conditions(point: Any) -> Any:
            return operand(bc(*point[2:]))

        for mine, theirs in ((slopes, fun), (conditions, bc)):
            mine.__name__ = getattr(theirs, "__name__", type(theirs).__name__)
        point = _widen(x, nodes), _widen(y, nodes), y[:, 0], y[:, -1], *more
        pure, theta = pure_functions("solve_bvp", [slopes, conditions], point)
        S = self.options["S"]
        key = "collocation", None if S is None else S.tobytes(), nodes
        if key not in pure[0].derived:
            pure[0].derived[key] = Collocation(pure[0], pure[1], point, S)
        collocation: Collocation = pure[0].derived[key]
        return collocation, theta


def _widen(a: Any, nodes: int) -> Any:
    """Return values at nodes, of which the last is repeated."""
    return np.concatenate([a, np.repeat(a[..., -1:], nodes - a.shape[-1], axis=-1)], axis=-1)


class Collocation:
    """The collocation equations on a mesh, as SciPy has them; intervals of length zero say y = y.

    Unknowns are the values at one node after the other, and then the parameters.

    Args:
        slopes, conditions: the user's functions, of a point (x, y, ya, yb, p).
        point: an example of it.
        S: the matrix of the singular term.
    """

    def __init__(self, slopes: PureFunction, conditions: PureFunction, point: Sequence[Any], S: Any) -> None:
        self.slopes, self.conditions, self.S = slopes, conditions, S
        self.n, self.nodes = point[1].shape
        self.dtype = point[1].dtype
        self.k = sum(a.size for a in point[4:])
        self.at_start: Any = None if S is None else np.linalg.pinv(np.eye(self.n) - S)
        self.size = self.n * self.nodes + self.k
        self.system: System | None = None

    def f(self, x: Any, y: Any, p: Any, theta: Sequence[Any]) -> Any:
        """Return the user's slopes for at most as many nodes as there are."""
        count = x.shape[0]
        more = (p,) if self.k else ()
        point = _widen(x, self.nodes), _widen(y, self.nodes), y[:, 0], y[:, -1], *more
        return self.slopes(point, *theta)[:, :count]

    def bc(self, ya: Any, yb: Any, p: Any, theta: Sequence[Any]) -> Any:
        """Return the residuals of the conditions."""
        x, y = np.zeros(self.nodes), np.zeros((self.n, self.nodes), self.dtype)
        return self.conditions((x, y, ya, yb, *((p,) if self.k else ())), *theta)

    def all_slopes(self, x: Any, y: Any, p: Any, theta: Sequence[Any]) -> Any:
        """Return the slopes at all nodes, with the singular term."""
        f = self.f(x, y, p, theta)
        if self.S is None:
            return f
        start = np.matmul(self.at_start, f[:, :1])
        return np.concatenate([start, f[:, 1:] + np.matmul(self.S, y[:, 1:]) / (x[1:] - x[0])], axis=1)

    def split(self, z: Any) -> tuple[Any, Any]:
        """Return y and p."""
        count = self.n * self.nodes
        return z[:count].reshape(self.nodes, self.n).T, z[count:]

    def join(self, y: Any, p: Any) -> Any:
        """Return the vector of unknowns of arrays."""
        parts = [_widen(y, self.nodes).T.reshape(-1), np.zeros(0) if p is None else p]
        return np.concatenate(parts).astype(self.dtype)

    def mesh(self, nodes: Any, a: Any, b: Any) -> Any:
        """Return the mesh, which follows its ends: the values are those of `nodes`."""
        share = (nodes - nodes[0]) / (nodes[-1] - nodes[0])
        return nodes + (1 - share) * (a - nodes[0]) + share * (b - nodes[-1])

    def residual(self, z: Any, aux: Sequence[Any], *theta: Any) -> Any:
        """Return the residual of the equations; the first two of theta are the ends."""
        (y, p), x, theta = self.split(z), self.mesh(aux[0], *theta[:2]), theta[2:]
        h = x[1:] - x[:-1]
        f = self.all_slopes(x, y, p, theta)
        x_middle = x[:-1] + 0.5 * h
        y_middle = 0.5 * (y[:, 1:] + y[:, :-1]) - 0.125 * h * (f[:, 1:] - f[:, :-1])
        f_middle = self.f(x_middle, y_middle, p, theta)
        if self.S is not None:
            f_middle = f_middle + np.matmul(self.S, y_middle) / (x_middle - x[0])
        r = y[:, 1:] - y[:, :-1] - h / 6 * (f[:, :-1] + f[:, 1:] + 4 * f_middle)
        return np.concatenate([r.T.reshape(-1), self.bc(y[:, 0], y[:, -1], p, theta)])


def _differentiable(problem: _Problem, settings: Settings, is_known: bool) -> Any:
    """Return the result as a solution.

    Args:
        problem: the arguments.
        settings: how to differentiate.
        is_known: whether all that the functions read is known now, so that the mesh can be.
    """
    guess, options = problem.guess, problem.options
    reports: list[Any] = []
    nodes = max(options["max_nodes"], guess.x.shape[0])
    if is_known:
        reports.append(problem.solve_arrays())
        nodes = max(_LEAST, 1 << (reports[0].x.size - 1).bit_length())
    collocation, theta = problem.functions(nodes)
    inputs = [guess.x[0], guess.x[-1], *theta, guess.x, guess.y, *(() if guess.p is None else (guess.p,))]
    first = [(reports[0], _bytes_of(inputs))] if reports else []

    def find(*values: Any) -> tuple[Any, bool, tuple[Any, ...]]:
        if first and first[0][1] == _bytes_of(values):
            report = first[0][0]
        else:
            report = _solve_pure(collocation, values, guess.p is not None, options)
            reports[:] = [report]
        return collocation.join(report.y, report.p), report.success, (_widen(report.x, nodes),)

    if collocation.system is None:
        z, mesh = ShapeDtype((collocation.size,), collocation.dtype), ShapeDtype((nodes,), np.dtype(np.float64))
        count = len(theta)
        residual = lambda z, aux, a, b, *rest: collocation.residual(z, aux, a, b, *rest[:count])  # noqa: E731
        collocation.system = System("solve_bvp", residual, z, (mesh,), inputs)
    system = collocation.system
    aux = (ShapeDtype((nodes,), np.dtype(np.float64)),)
    settings = settings.replace(failure=lambda: _words_of(reports))
    solved = solution("solve_bvp", find, system, inputs, system.z, aux, settings)
    first.clear()
    return _result(collocation, solved, inputs[:2], theta, reports)


def _bytes_of(values: Sequence[Any]) -> list[bytes]:
    return [np.asarray(example_of(a)).tobytes() for a in values]


def _solve_pure(collocation: Collocation, values: Sequence[Any], has_p: bool, options: dict[str, Any]) -> Any:
    """Return SciPy's result for values of the inputs of a solution."""
    count = 3 if has_p else 2
    theta, guess = values[2:-count], list(values[-count:])
    fun = lambda x, y, p=None: collocation.f(x, y, p, theta)  # noqa: E731
    bc = lambda ya, yb, p=None: collocation.bc(ya, yb, p, theta)  # noqa: E731
    return original.solve_bvp(fun, bc, *[np.array(a) for a in guess], **{**options, "fun_jac": None, "bc_jac": None})


def _words_of(reports: Sequence[Any]) -> str:
    """Return what SciPy says of a failure, and what to do."""
    if not reports or reports[0].success:
        return ""
    advice = {1: "raise max_nodes, or tol; a coarse mesh hides layers, so begin with more nodes there"}
    words = reports[0].message.rstrip(".")
    return f" ({words}{': ' + advice[reports[0].status] if reports[0].status in advice else ''})"


def _result(collocation: Collocation, solved: Any, ends: Sequence[Any], theta: Any, reports: Sequence[Any]) -> Any:
    """Return what the user gets."""
    y, p = collocation.split(solved.z)
    mesh = solved.aux[0]
    is_known = bool(reports) and _is_known([solved.z])
    x = collocation.mesh(mesh, *ends) if any(map(is_open, ends)) else mesh
    slopes = collocation.all_slopes(x, y, p, theta)
    if is_known:
        count = reports[0].x.size
        x, y, slopes, mesh = x[:count], y[:, :count], slopes[:, :count], reports[0].x
        x = x if any(map(is_open, ends)) else mesh
    entries = {
        "sol": Cubics(x, y, slopes, mesh),
        "p": p if collocation.k else None,
        "x": x,
        "y": y,
        "yp": slopes,
        "success": reports[0].success if is_known else solved.success,
        "sensitivity": solved.sensitivity,
    }
    return OptimizeResult({**(reports[0] if is_known else {}), **entries})


class Cubics:
    """The solution between the nodes: on each interval the cubic with the values and slopes at its ends.

    Args:
        x: the nodes, shape (m,).
        y, slopes: at the nodes, shape (n, m).
        mesh: the nodes without derivatives. Nodes at its end that repeat it are not counted.

    Attributes:
        x: the nodes.

    Example:
        >>> Cubics(np.array([0.0, 1.0]), np.array([[0.0, 1.0]]), np.array([[0.0, 3.0]]), np.array([0.0, 1.0]))(0.5)
        array([0.125])
    """

    def __init__(self, x: Any, y: Any, slopes: Any, mesh: Any) -> None:
        self.x, self._y, self._slopes, self._mesh = x, y, slopes, mesh

    def __repr__(self) -> str:
        return f"<{self._y.shape[0]} piecewise cubics, {self._y.shape[1] - 1} pieces>"

    def __call__(self, t: Any, nu: int = 0) -> Any:
        """Return the solution, or a derivative.

        Args:
            t: where, of any shape; beyond the ends the outer cubics go on.
            nu: which derivative, from 0 to 3.

        Returns:
            Shape (n, *t.shape).

        Raises:
            ValueError: if nu is none of these.
        """
        if nu not in range(4):
            raise ValueError(f"solve_bvp: expected nu from 0 to 3; received {nu!r}")
        t = operand(t)
        flat, mesh = t.reshape(-1), self._mesh
        last = np.searchsorted(mesh, mesh[-1:], "left") - 1
        k = np.clip(np.searchsorted(mesh, flat, "right") - 1, 0, last)
        h = self.x[k + 1] - self.x[k]
        s, y, slope = flat - self.x[k], self._y[:, k], self._slopes[:, k]
        mean = (self._y[:, k + 1] - y) / h
        bend = (slope + self._slopes[:, k + 1] - 2 * mean) / h
        c = [y, slope, (mean - slope) / h - bend, bend / h]
        for _ in range(nu):
            c = [j * a for j, a in enumerate(c)][1:]
        out = c[-1]
        for a in c[-2::-1]:
            out = out * s + a
        return out.reshape(y.shape[0], *t.shape)
