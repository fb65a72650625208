"""Right-hand sides as data: y' = f(t, y, theta) as programs, with its Jacobian, its products and its tangent lift.

A state is a vector of n numbers. Methods for differential equations read nothing else, so that they serve these
equations and those of their tangents alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..control.body import PLANNED_AFTER, Body, needed_for
from ..control.closure_conversion import record_body
from ..core.arguments import describe
from ..core.errors import DtypeError, ShapeError
from ..functional import jvp, vjp, vmap
from ..ops.adjoints import user
from ..solutions.closures import PureFunction, pure_functions
from ..solutions.factors import Factors
from ..tree import leaves
from .jacobians import LiftedJacobian, StateJacobian, dense_jacobian


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
            cure = ". Begin with a complex state, y0.astype(complex)" if dtype.kind == "c" else ""
            raise DtypeError(f"{called}: expected fun to return slopes of y's dtype {y.dtype}; received {dtype}{cure}")
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

    def lift(self, count: int | None = None) -> Equations:
        """Return the equations of y and its tangents as one vector, y' = f, dy' = (df/dy) dy + (df/dtheta) dtheta.

        Args:
            count: p, how many tangents there are: the state has (1 + p) n numbers, y first. After theta come the
                tangents of each floating theta, of shape (p, …). Without it there is one, of theta's own shape.
        """
        key = "lift", count
        if key not in self.body.derived:
            n, num_theta = self.n, self.num_theta

            def both(t: Any, state: Any, *rest: Any) -> list[Any]:
                y, theta = state[:n], rest[:num_theta]
                point = (y, *[theta[k] for k in self.floating])

                def along(y: Any, *chosen: Any) -> Any:
                    at = dict(zip(self.floating, chosen, strict=True))
                    return self.slopes(t, y, *[at.get(k, x) for k, x in enumerate(theta)])

                if count is None:
                    return [np.concatenate(jvp(along)(point, (state[n:], *rest[num_theta:])))]
                tangents = state[n:].reshape(count, n)
                moved = vmap(lambda *tangents: jvp(along)(point, tangents)[1])(tangents, *rest[num_theta:])
                return [np.concatenate([along(*point), moved.reshape(count * n)])]

            t, y, *theta = self.body.examples
            copies = [np.stack([theta[k]] * count) if count is not None else theta[k] for k in self.floating]
            examples = [t, np.concatenate([y] * (1 + (count or 1))), *theta, *copies]
            body = record_body(self.called, both, examples)
            self.body.derived[key] = Equations(self.called, body, self)
        equations: Equations = self.body.derived[key]
        return equations

    @property
    def num_tangents(self) -> int:
        """How many tangents the state has, 0 for equations that are not a lift."""
        return 0 if self.primal is None else self.n // self.primal.n - 1

    @cached_property
    def is_autonomous(self) -> bool:
        """Whether the slope does not depend on t itself."""
        return self.body.program.inputs[0] not in needed_for(self.body.program, self.body.outputs)

    def state_jacobian(self) -> StateJacobian:
        """Return the program of df/dy, which is recorded once."""
        derived = self.body.derived
        if "state jacobian" not in derived:
            derived["state jacobian"] = StateJacobian(self.called, self.body)
        jacobian: StateJacobian = derived["state jacobian"]
        return jacobian

    def dense_jacobian(self) -> Body:
        """Return the program of t, y and theta that computes df/dy as an array of shape (n, n)."""
        if "dense jacobian" not in self.body.derived:
            self.body.derived["dense jacobian"] = dense_jacobian(self.called, self.body)
        body: Body = self.body.derived["dense jacobian"]
        return body

    def time_derivative(self) -> Body:
        """Return the program of t, y and theta that computes df/dt."""

        def compute(t: Any, y: Any, *theta: Any) -> list[Any]:
            return [jvp(lambda t: self.slopes(t, y, *theta))((t,), (np.ones_like(t),))[1]]

        return self.derive("time derivative", compute)

    def pullback(self) -> Body:
        """Return the program of g, t, y and theta for the products of g with the derivatives by the others."""
        places = (0, 1, *[2 + k for k in self.floating])

        def compute(g: Any, *point: Any) -> list[Any]:
            _, back = vjp(self.slopes, places)(*point)
            return [user(c) for c in back(user(g))]

        return self.derive("pull", compute, np.zeros(self.n, self.dtype))

    def pullback_of_jacobian(self, count: int) -> Body:
        """Return the program of w, u, dt, and t, y and theta, for `BoundEquations.pull_jacobian`."""
        places = (0, 1, *[2 + k for k in self.floating])
        moving = not self.is_autonomous

        def compute(w: Any, u: Any, dt: Any, *point: Any) -> list[Any]:
            def total(*point: Any) -> Any:
                t, y, *theta = point

                def product(w: Any, u: Any, dt: Any) -> Any:
                    if moving:
                        _, change = jvp(lambda t, y: self.slopes(t, y, *theta))((t, y), (dt, u))
                    else:
                        _, change = jvp(lambda y: self.slopes(t, y, *theta))((y,), (u,))
                    return (w * change).sum()

                return vmap(product)(w, u, dt).sum()

            _, back = vjp(total, places)(*point)
            return [user(c) for c in back(np.ones((), self.dtype))]

        example = np.zeros((count, self.n), self.dtype)
        return self.derive(("pull of jacobian", count), compute, example, example, np.zeros(count))


class BoundProgram:
    """A program with theta filled in, which is called on arrays again and again, in one thread.

    Its buffers are taken at the first call, and given back when it ends.
    """

    __slots__ = ("_body", "_key", "_step", "_theta")

    def __init__(self, body: Body, theta: Sequence[Any]) -> None:
        body.runs = max(body.runs, PLANNED_AFTER)
        self._body, self._theta, self._key = body, theta, None
        self._step: Callable[..., Any] | None = None

    def __call__(self, *arrays: Any) -> list[Any]:
        """Return copies of the results, for arrays in C order."""
        return [x.copy() for x in self.borrow(*arrays)]

    def borrow(self, *arrays: Any) -> Any:
        """Return the results, which last until the next call."""
        step = self._step
        if step is None:
            self._key, step = self._body.step([*arrays, *self._theta], 0)
            self._step = step
        return step(*arrays, *self._theta)[0]

    def end(self) -> None:
        """Let others use what this one has used."""
        step, self._step = self._step, None
        if step is not None:
            self._body.give_back(self._key, step)

    __del__ = end


class BoundEquations:
    """y' = f(t, y) for given theta, on arrays alone, in one thread.

    Args:
        equations: which.
        theta: arrays.

    Attributes:
        nfev: how many slopes, `njev` Jacobians, and `nlu` factorizations were computed.
    """

    def __init__(self, equations: Equations, theta: Sequence[Any]) -> None:
        self.equations = equations
        kinds = [np.asarray(x).dtype for x in equations.body.examples[2:]]
        self.theta = [np.array(x, kind, order="C") for x, kind in zip(theta, kinds, strict=True)]
        self.n, self.dtype = equations.n, equations.dtype
        self.nfev = self.njev = self.nlu = 0
        self._calls: dict[Any, BoundProgram] = {"f": BoundProgram(equations.body, self.theta)}
        self._f = self._calls["f"].borrow
        self._constant: Any = None
        self._mass: tuple[Any, Any] = (None, None)  # the last one, and its first block

    def __enter__(self) -> BoundEquations:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let others use what these have used; they can be called again."""
        for call in self._calls.values():
            call.end()

    def _call(self, key: Any, make: Callable[[], Body]) -> BoundProgram:
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = BoundProgram(make(), self.theta)
        return call

    def f(self, t: Any, y: Any) -> Any:
        """Return the slope, shape (n,)."""
        self.nfev += 1
        return self._f(array(t, float), vector(y, self.dtype))[0].copy()

    @cached_property
    def primal(self) -> BoundEquations:
        """The equations of which these are the tangent lift."""
        primal = self.equations.primal
        assert primal is not None
        return primal.at(self.theta[: primal.num_theta])

    def jacobian(self, t: Any, y: Any) -> Any:
        """Return df/dy: an array, a sparse matrix of SciPy by columns where that is smaller, or that of a lift."""
        self.njev += 1
        if self.equations.primal is not None:
            return self._lifted_jacobian(array(t, float), np.array(y, self.dtype))
        if self._constant is not None:
            return self._constant
        matrix = self.equations.state_jacobian()
        result = matrix.form(self._call("jacobian", lambda: matrix.body)(array(t, float), vector(y, self.dtype))[0])
        if matrix.is_constant:
            self._constant = result
        return result

    def _lifted_jacobian(self, t: Any, state: Any) -> LiftedJacobian:
        n, zeros = self.primal.n, np.zeros
        x, w = zeros(n, self.dtype), zeros(self.n - n, self.dtype)

        def push(x: Any, t: Any, state: Any, *rest: Any) -> list[Any]:
            f = lambda y: self.equations.slopes(t, np.concatenate([y, state[n:]]), *rest)[n:]  # noqa: E731
            return [jvp(f)((state[:n],), (x,))[1]]

        def pull(w: Any, t: Any, state: Any, *rest: Any) -> list[Any]:
            f = lambda y: self.equations.slopes(t, np.concatenate([y, state[n:]]), *rest)[n:]  # noqa: E731
            return [user(vjp(f)(state[:n])[1](user(w)))]

        by_push = self._call("push of lift", lambda: self.equations.derive("push of lift", push, x))
        by_pull = self._call("pull of lift", lambda: self.equations.derive("pull of lift", pull, w))
        return LiftedJacobian(
            self.primal.jacobian(t, state[:n]),
            self.equations.num_tangents,
            lambda x: by_push(vector(x, self.dtype), t, state)[0],
            lambda w: by_pull(vector(w, self.dtype), t, state)[0],
        )

    def time_derivative(self, t: Any, y: Any) -> Any:
        """Return df/dt, shape (n,)."""

        call = self._call("time derivative", self.equations.time_derivative)
        return call(array(t, float), vector(y, self.dtype))[0]

    def pull(self, t: Any, y: Any, g: Any) -> tuple[Any, Any, list[Any]]:
        """Return the products of g with the derivatives of f by t, by y, and by each floating theta."""
        call = self._call("pull", self.equations.pullback)
        gt, gy, *rest = call(vector(g, self.dtype), array(t, float), vector(y, self.dtype))
        return gt, gy, rest

    def pull_jacobian(self, t: Any, y: Any, w: Any, u: Any, dt: Any = None) -> tuple[Any, Any, list[Any]]:
        """Return the derivatives of the sum of w[i] · (df/dy u[i] + df/dt dt[i]) over i, by t, y and floating theta.

        Args:
            t, y: the point.
            w, u: shape (s, n).
            dt: shape (s,), None for zeros; not read if the right-hand side does not depend on time.
        """
        key = "pull of jacobian", len(w)
        call = self._call(key, lambda: self.equations.pullback_of_jacobian(len(w)))
        w, u, dt = vector(w, self.dtype), vector(u, self.dtype), np.zeros(len(w)) if dt is None else vector(dt, float)
        gt, gy, *rest = call(w, u, dt, array(t, float), vector(y, self.dtype))
        return gt, gy, rest

    def factor(self, c: Any, jacobian: Any, mass: Any = None) -> Factors:
        """Return c M - J ready to solve with; M is the identity if there is no mass matrix, and J from `jacobian`.

        Args:
            c: a number, which may be complex.
            jacobian: J.
            mass: M, shape (n, n), an array or a sparse matrix; of a lift, that of the equations without tangents, or
                one with that in every block.
        """
        self.nlu += 1
        if not isinstance(jacobian, LiftedJacobian):
            return self.equations.state_jacobian().factor(c, jacobian, mass)
        if mass is not self._mass[0]:
            n = self.primal.n
            self._mass = mass, None if mass is None else mass[:n, :n]
        return jacobian.factor(self.primal.factor(c, jacobian.primal, self._mass[1]))


array, vector = np.asarray, np.ascontiguousarray


def equations_of(
    called: str, fun: Callable[..., Any], t: Any, y: Any, args: Sequence[Any] = ()
) -> tuple[Equations, list[Any]]:
    """Return a right-hand side `fun(t, y, *args)` as equations, and theta: all that it reads beside t and y.

    Args:
        called: the caller, for messages.
        fun: returns slopes of y's shape (n,), or what broadcasts to it.
        t, y: an example of the time, and of the state.
        args: further arguments, trees. Arrays, Tensors and floats among them, and Tensors that fun closes over, are
            theta.

    Raises:
        ShapeError, DtypeError, TypeError: if fun returns something else.
        TraceError: if fun asks for a value, as `if t > 0` does.
        UnsupportedError: if it changes something outside.
    """
    y = y if hasattr(y, "dtype") else np.asarray(y)
    y = y if y.dtype.kind in "fc" else y.astype(float)
    shape, name = y.shape, getattr(fun, "__name__", type(fun).__name__)

    def slopes(point: Any, *args: Any) -> Any:
        try:
            slope = fun(*point, *args)
        except ValueError as error:
            if "setting an array element" not in str(error):
                raise
            raise TypeError(
                f"{called}: expected {name} to compute with Tensors; it writes one into an array of NumPy, which "
                "cannot hold it. Return a list of the entries, or write into np.zeros_like(y)"
            ) from error
        return as_slope(called, name, slope, shape)

    slopes.__name__ = name
    (pure,), theta = pure_functions(called, [slopes], (np.float64(t), y), tuple(args))
    if "equations" not in pure.derived:
        pure.derived["equations"] = Equations(called, _one_result(called, pure))
    equations: Equations = pure.derived["equations"]
    return equations, theta


def as_slope(called: str, name: str, slope: Any, shape: tuple[int, ...]) -> Any:
    """Return as one array what fun returns: an array, a list of numbers, or a number for all unknowns."""
    expected = f"{called}: expected {name} to return slopes of y's shape {shape}"
    if slope is None:
        raise TypeError(f"{expected}; received None. End {name} with `return` and the slopes")
    if isinstance(slope, (list, tuple)):
        parts = [x if hasattr(x, "shape") else np.asarray(x) for x in slope]
        shapes = {np.shape(x) for x in parts}
        if not parts and shape == (0,):
            return np.zeros(0)
        if len(shapes) != 1 or any(x.dtype == object for x in parts):
            received = f"entries of shapes {', '.join(map(str, sorted(shapes)))}" if parts else "an empty list"
            raise ShapeError(f"{expected}; received {received}. Join parts by np.concatenate, numbers by np.stack")
        slope = np.stack(parts)
    elif not hasattr(slope, "shape"):
        slope = np.asarray(slope)
        if slope.dtype.kind not in "biufc":
            raise TypeError(f"{expected}; received {describe(slope.item() if slope.ndim == 0 else slope)}")
    if slope.shape not in (shape, (), (1,)):
        turned = f"[:, 0] or {name}(…).ravel()" if slope.shape == (*shape, 1) else ""
        cure = f"Return a vector: take {turned}" if turned else "There is one slope for each entry of y"
        raise ShapeError(f"{expected}; received {slope.shape}. {cure}")
    return np.broadcast_to(slope, shape)


def _one_result(called: str, pure: PureFunction) -> Body:
    if len(leaves(pure.out)) != 1:
        raise ShapeError(f"{called}: expected fun to return one array of slopes; received {len(leaves(pure.out))}")
    return pure.body
