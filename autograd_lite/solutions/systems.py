"""Systems of equations F(z, aux, theta) = 0 as data: the residual, its matrix A = dF/dz, and all products with both.

All follow the engine's convention: transposes, without conjugates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import Body, rearrange, run_body
from ..control.closure_conversion import example_of, record_body
from ..core.errors import DtypeError, GradError, ShapeError
from ..core.shape_arithmetic import ShapeDtype
from ..functional import jacobian, jvp, vjp
from ..ops.adjoints import user


class System:
    """A system of as many equations as unknowns.

    All methods take arrays or Tensors, and the same derived program serves both. A point is `(z, *aux, *theta)`.

    Args:
        called: the caller, for messages.
        equations: of z, aux and theta, `equations(z, aux, *theta)`; pure, in NumPy's functions.
        z: the shape and dtype of the unknowns, a vector.
        aux: those of data that come with a solution and have no derivative.
        theta: examples of what the equations depend on.
        matrix: of z, aux and theta, A = dF/dz, where it is known better than by derivatives of the equations; as pure.

    Attributes:
        body: the residual, of a point.
        first: the position of theta in a point.
        has_matrix: whether the matrix is known.

    Raises:
        DtypeError: if the unknowns are in extended precision, or real and the residual is complex.
        GradError: if the unknowns are complex, and the residual is not differentiable in the complex sense.
        ShapeError: if the residual has another shape than z.
    """

    def __init__(
        self,
        called: str,
        equations: Callable[..., Any],
        z: ShapeDtype,
        aux: Sequence[ShapeDtype],
        theta: Sequence[Any],
        matrix: Callable[..., Any] | None = None,
    ) -> None:
        self.called, self.z, self.first, self._matrix = called, z, 1 + len(aux), matrix
        self.has_matrix = matrix is not None

        def residual(z: Any, *rest: Any) -> list[Any]:
            return [equations(z, tuple(rest[: len(aux)]), *rest[len(aux) :])]

        examples = [np.zeros(s.shape, s.dtype) for s in (z, *aux)] + [example_of(t) for t in theta]
        self.body = record_body(called, residual, examples)
        shape, dtype = self.body.specs[0]
        if shape != z.shape:
            raise ShapeError(
                f"{called}: expected as many equations as unknowns, a residual of shape {z.shape}; received {shape}"
            )
        if dtype.kind == "c" and z.dtype.kind != "c":
            raise DtypeError(
                f"{called}: expected a real residual of real unknowns; received {dtype}. Return real and imaginary "
                "parts as equations of their own, or make the unknowns complex"
            )
        if z.dtype.char in "gG":
            raise DtypeError(
                f"{called}: expected unknowns in single or double precision, as LAPACK solves; received {z.dtype}. "
                "Cast the solution, .astype(np.float64)"
            )
        if z.dtype.kind == "c":
            _require_holomorphic(called, self.body)

    def __repr__(self) -> str:
        return f"<system of {self.z.shape[0]} equations, {self.body!r}>"

    def derive(self, key: Any, function: Callable[..., list[Any]], *more: Any) -> Body:
        """Return a program that follows from the residual, which is recorded once.

        Args:
            key: of the program.
            function: of further arguments and a point.
            more: examples of the further arguments.
        """
        examples = [*more, *self.body.examples]
        body: Body = self.once(key, lambda: record_body(self.called, function, examples))
        return body

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what follows from the residual, which is made the first time."""
        derived = self.body.derived
        if key not in derived:
            derived[key] = make()
        return derived[key]

    def residual(self, *point: Any) -> Any:
        """Return F at a point."""
        return run_body(self.body, *point)[0]

    def matrix(self, *point: Any) -> Any:
        """Return A, a dense matrix."""

        def compute(z: Any, *rest: Any) -> list[Any]:
            if self._matrix is not None:
                return [self._matrix(z, rest[: self.first - 1], *rest[self.first - 1 :])]
            return [jacobian(lambda z: self.body(z, *rest)[0])(z)]

        return run_body(self.derive("matrix", compute), *point)[0]

    def multiply(self, x: Any, *point: Any, turned: bool = False) -> Any:
        """Return A x, or Aᵀ x."""
        return run_body(self.product(turned), x, *point)[0]

    def product(self, turned: bool = False, with_residual: bool = False) -> Body:
        """Return the program of x and a point that computes A x, or Aᵀ x; and then F, if that is wanted too."""

        def push(x: Any, z: Any, *rest: Any) -> list[Any]:
            residual, moved = jvp(lambda z: self.body(z, *rest)[0])((z,), (x,))
            return [moved, residual] if with_residual else [moved]

        def pull(x: Any, z: Any, *rest: Any) -> list[Any]:
            residual, back = vjp(lambda z: self.body(z, *rest)[0])(z)
            moved = user(back(user(x)))
            return [moved, residual] if with_residual else [moved]

        example = np.zeros(self.z.shape, self.z.dtype)
        return self.derive(("product", turned, with_residual), pull if turned else push, example)

    def pull(self, wrt: Sequence[int], s: Any, *point: Any) -> list[Any]:
        """Return the products of s with dF/dtheta, for each theta whose position is in `wrt`."""
        derived, key = self.body.derived, ("pull", tuple(wrt))
        if key not in derived:
            both = self.around(wrt, True)
            derived[key] = rearrange(both, range(len(both.examples)), range(2, len(both.outputs)))
        return run_body(derived[key], s, *point)

    def around(self, wrt: Sequence[int], turned: bool) -> Body:
        """Return the program of all that a derivative by some theta follows from.

        It returns F, and of s and a point Aᵀ s and the products of s with dF/dtheta; or of s, tangents of theta and a
        point the tangent A s + (dF/dtheta) dtheta.
        """
        places = (0, *[self.first + k for k in wrt])
        example = np.zeros(self.z.shape, self.z.dtype)

        def pull(s: Any, *point: Any) -> list[Any]:
            f, back = vjp(lambda *point: self.body(*point)[0], places)(*point)
            return [f, *[user(c) for c in back(user(s))]]

        def push(*args: Any) -> list[Any]:
            return list(_push(lambda *point: self.body(*point)[0], args, places))

        if turned:
            return self.derive(("pull around", places), pull, example)
        examples = [self.body.examples[k] for k in places[1:]]
        return self.derive(("push around", places), push, example, *examples)

    def push(self, wrt: Sequence[int], tangents: Sequence[Any], *point: Any) -> Any:
        """Return the product of dF/dtheta with tangents of each theta whose position is in `wrt`."""
        places = [self.first + k for k in wrt]

        def compute(*args: Any) -> list[Any]:
            return [_push(lambda *point: self.body(*point)[0], args, places)[1]]

        examples = [self.body.examples[k] for k in places]
        return run_body(self.derive(("push", *places), compute, *examples), *tangents, *point)[0]

    def pull_matrix(self, places: Sequence[int], s: Any, x: Any, *point: Any) -> list[Any]:
        """Return the gradients of sᵀ A x by the parts of a point that have these positions."""

        def compute(s: Any, x: Any, *point: Any) -> list[Any]:
            return _pull(lambda *point: self.product()(x, *point)[0], s, point, tuple(places))

        example = np.zeros(self.z.shape, self.z.dtype)
        return run_body(self.derive(("pull of matrix", *places), compute, example, example), s, x, *point)

    def push_matrix(
        self, places: Sequence[int], tangents: Sequence[Any], x: Any, *point: Any, turned: bool = False
    ) -> Any:
        """Return the tangent of A x, or of Aᵀ x, along tangents of the parts of a point that have these positions."""

        def compute(x: Any, *args: Any) -> list[Any]:
            return [_push(lambda *point: self.product(turned)(x, *point)[0], args, places)[1]]

        examples = [np.zeros(self.z.shape, self.z.dtype), *(self.body.examples[k] for k in places)]
        body = self.derive(("push of matrix", turned, *places), compute, *examples)
        return run_body(body, x, *tangents, *point)[0]


def _pull(f: Callable[..., Any], s: Any, point: Sequence[Any], places: int | tuple[int, ...] = (0,)) -> list[Any]:
    """Return the products of s with the derivatives of f by some of its arguments."""
    _, back = vjp(f, places)(*point)
    return [user(c) for c in back(user(s))]


def _push(f: Callable[..., Any], args: Sequence[Any], places: Sequence[int]) -> Any:
    """Return f at a point, and its tangent along those of some of its arguments, which come before the point."""
    tangents, point = args[: len(places)], args[len(places) :]

    def along(*chosen: Any) -> Any:
        new = dict(zip(places, chosen, strict=True))
        return f(*[new.get(k, x) for k, x in enumerate(point)])

    return jvp(along)(tuple([point[k] for k in places]), tuple(tangents))


def _require_holomorphic(called: str, body: Body) -> None:
    """Raise if a residual has an operation on the unknowns that is not differentiable in the complex sense."""
    reached = {body.program.inputs[0]}
    for i, (op, inputs, _) in body.program.calls.items():
        if reached.intersection(inputs):
            reached.add(i)
            if not op.holomorphic:
                raise GradError(
                    f"{called}: expected a residual that is differentiable in the complex sense by complex unknowns; "
                    f"received one with {op.name}. Make the unknowns real: real and imaginary parts"
                )
