"""Right-hand sides as data: y' = f(t, y, theta) as programs, with its Jacobian, its products and its tangent lift.

A state is a vector of n numbers. All methods for differential equations ask for nothing but what is here, so that they
serve these equations and those of their tangents alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import PLANNED_AFTER, Body, Runner
from ..control.closure_conversion import record_body
from ..core.errors import DtypeError, ShapeError
from ..functional import jacobian, jvp, vjp
from ..ops.adjoints import user
from ..solutions.closures import PureFunction, pure_functions
from ..solutions.factors import Factors, factor_dense
from ..tree import leaves


class Equations:
    """y' = f(t, y, theta) as programs.

    Args:
        called: the caller, for messages.
        body: of t, y and theta, returns the slope.
        primal: the equations of which these are the tangent lift.

    Attributes:
        n: how many unknowns.
        dtype: of the unknowns.
        floating: the positions of those theta by which there are derivatives.
    """

    def __init__(self, called: str, body: Body, primal: Equations | None = None) -> None:
        self.called, self.body, self.primal = called, body, primal
        y = np.asarray(body.examples[1])
        self.n, self.dtype = y.size, y.dtype
        shape, dtype = body.specs[0]
        if shape != y.shape:
            raise ShapeError(f"{called}: expected fun to return slopes of y's shape {y.shape}; received {shape}")
        if np.result_type(dtype, y.dtype) != y.dtype:
            raise DtypeError(f"{called}: expected fun to return slopes of y's dtype {y.dtype}; received {dtype}")
        self.floating = tuple([k for k, x in enumerate(body.examples[2:]) if np.asarray(x).dtype.kind in "fc"])

    def __repr__(self) -> str:
        return f"<{self.n} differential equations, {self.body!r}>"

    @property
    def num_theta(self) -> int:
        """How many theta there are."""
        return len(self.body.examples) - 2

    def derive(self, key: Any, function: Callable[..., list[Any]], *more: Any) -> Body:
        """Return a program that follows from the right-hand side, which is recorded once.

        Args:
            key: of the program.
            function: of further arguments, and then t, y and theta.
            more: examples of the further arguments.
        """
        derived = self.body.derived
        if key not in derived:
            derived[key] = record_body(self.called, function, [*more, *self.body.examples])
        body: Body = derived[key]
        return body

    def slopes(self, t: Any, y: Any, *theta: Any) -> Any:
        """Return f by its operations, for Tensors."""
        return self.body(t, y, *theta)[0]

    def at(self, theta: Sequence[Any]) -> BoundEquations:
        """Return the equations for arrays theta."""
        return BoundEquations(self, theta)

    def lift(self) -> Equations:
        """Return the equations of (y, dy) as one vector, with theta, and then tangents of the floating theta."""
        if "lift" not in self.body.derived:
            n, count = self.n, self.num_theta

            def lifted(t: Any, both: Any, *rest: Any) -> list[Any]:
                y, dy, theta = both[:n], both[n:], rest[:count]
                new = dict(zip(self.floating, rest[count:], strict=True))

                def along(y: Any, *chosen: Any) -> Any:
                    at = dict(zip(self.floating, chosen, strict=True))
                    return self.slopes(t, y, *[at.get(k, x) for k, x in enumerate(theta)])

                chosen = tuple([theta[k] for k in self.floating])
                slope, moved = jvp(along)((y, *chosen), (dy, *[new[k] for k in self.floating]))
                return [np.concatenate([slope, moved])]

            t, y, *theta = self.body.examples
            examples = [t, np.concatenate([y, y]), *theta, *[theta[k] for k in self.floating]]
            body = record_body(self.called, lifted, examples)
            self.body.derived["lift"] = Equations(self.called, body, self)
        equations: Equations = self.body.derived["lift"]
        return equations


class _Call:
    """A program with theta filled in, which is called on arrays again and again."""

    def __init__(self, body: Body, theta: Sequence[Any]) -> None:
        body.runs = max(body.runs, PLANNED_AFTER)
        self._runner, self._theta = Runner(body, len(body.examples), 0), theta

    def __call__(self, *arrays: Any) -> list[Any]:
        return [np.array(x) for x in self._runner(*arrays, *self._theta)]


class BoundEquations:
    """y' = f(t, y) for given theta, on arrays alone.

    Args:
        equations: which.
        theta: arrays.

    Attributes:
        nfev: how many slopes, `njev` Jacobians, and `nlu` factorizations were computed.
    """

    def __init__(self, equations: Equations, theta: Sequence[Any]) -> None:
        self.equations, self.theta = equations, [np.asarray(x) for x in theta]
        self.n, self.dtype = equations.n, equations.dtype
        self.nfev = self.njev = self.nlu = 0
        self._calls: dict[Any, _Call] = {}

    def _call(self, key: Any, body: Body) -> _Call:
        if key not in self._calls:
            self._calls[key] = _Call(body, self.theta)
        return self._calls[key]

    def f(self, t: Any, y: Any) -> Any:
        """Return the slope, shape (n,)."""
        self.nfev += 1
        return self._call("f", self.equations.body)(np.asarray(t, float), y)[0]

    def jacobian(self, t: Any, y: Any) -> Any:
        """Return df/dy: an array, or a sparse matrix of SciPy by columns where that is smaller."""
        self.njev += 1

        def compute(t: Any, y: Any, *theta: Any) -> list[Any]:
            return [jacobian(lambda y: self.equations.slopes(t, y, *theta))(y)]

        return self._call("jacobian", self.equations.derive("jacobian", compute))(np.asarray(t, float), y)[0]

    def time_derivative(self, t: Any, y: Any) -> Any:
        """Return df/dt, shape (n,)."""

        def compute(t: Any, y: Any, *theta: Any) -> list[Any]:
            return [jvp(lambda t: self.equations.slopes(t, y, *theta))((t,), (np.ones_like(t),))[1]]

        body = self.equations.derive("time derivative", compute)
        return self._call("time derivative", body)(np.asarray(t, float), y)[0]

    def pull(self, t: Any, y: Any, g: Any) -> tuple[Any, Any, list[Any]]:
        """Return the products of g with the derivatives of f by t, by y, and by each floating theta."""
        places = (0, 1, *[2 + k for k in self.equations.floating])

        def compute(g: Any, *point: Any) -> list[Any]:
            _, back = vjp(self.equations.slopes, places)(*point)
            return [user(c) for c in back(user(g))]

        body = self.equations.derive("pull", compute, np.zeros(self.n, self.dtype))
        gt, gy, *rest = self._call("pull", body)(g, np.asarray(t, float), y)
        return gt, gy, rest

    def pull_jacobian(self, t: Any, y: Any, w: Any, u: Any) -> tuple[Any, Any, list[Any]]:
        """Return the derivatives of the sum of w[i] · (df/dy) u[i] over i, by t, by y, and by each floating theta.

        Args:
            t, y: the point.
            w, u: shape (s, n).
        """
        places = (0, 1, *[2 + k for k in self.equations.floating])
        s = len(w)

        def compute(w: Any, u: Any, *point: Any) -> list[Any]:
            def total(*point: Any) -> Any:
                t, y, *theta = point
                f = lambda y: self.equations.slopes(t, y, *theta)  # noqa: E731
                return sum((w[i] * jvp(f)((y,), (u[i],))[1]).sum() for i in range(s))

            _, back = vjp(total, places)(*point)
            return [user(c) for c in back(np.ones((), self.dtype))]

        example = np.zeros((s, self.n), self.dtype)
        body = self.equations.derive(("pull of jacobian", s), compute, example, example)
        gt, gy, *rest = self._call(("pull of jacobian", s), body)(w, u, np.asarray(t, float), y)
        return gt, gy, rest

    def factor(self, c: float, jacobian: Any, mass: Any = None) -> Factors:
        """Return the matrix c M - J, ready to solve with; M is the identity if there is no mass matrix."""
        self.nlu += 1
        return factor_dense(c * (np.eye(self.n) if mass is None else mass) - jacobian)


def equations_of(
    called: str, fun: Callable[..., Any], t: Any, y: Any, args: Sequence[Any] = ()
) -> tuple[Equations, list[Any]]:
    """Return a right-hand side `fun(t, y, *args)` as equations, and theta: what it depends on beside t and y.

    Args:
        called: the caller, for messages.
        fun: returns slopes of y's shape (n,), or what broadcasts to it.
        t, y: an example of the time, and of the state.
        args: further arguments, trees. Arrays, Tensors and floats among them, and Tensors that fun closes over, are
            theta.

    Raises:
        ShapeError, DtypeError: if fun returns something else.
        TraceError: if fun asks for a value, as `if t > 0` does.
        UnsupportedError: if it changes something outside.
    """

    def slopes(point: Any, *args: Any) -> Any:
        slope = fun(*point, *args)
        parts = slope if isinstance(slope, (list, tuple)) else None
        slope = np.stack([np.asarray(x) if not hasattr(x, "shape") else x for x in parts]) if parts else slope
        return np.broadcast_to(slope, y.shape)

    slopes.__name__ = getattr(fun, "__name__", type(fun).__name__)
    (pure,), theta = pure_functions(called, [slopes], (np.float64(t), y), tuple(args))
    if "equations" not in pure.derived:
        pure.derived["equations"] = Equations(called, _one_result(called, pure))
    equations: Equations = pure.derived["equations"]
    return equations, theta


def _one_result(called: str, pure: PureFunction) -> Body:
    if len(leaves(pure.out)) != 1:
        raise ShapeError(f"{called}: expected fun to return one array of slopes; received {len(leaves(pure.out))}")
    return pure.body
