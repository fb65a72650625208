"""Systems of equations F(z, aux, theta) = 0 as data: the residual, its matrix dF/dz, and products with dF/dtheta."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import Body, run_body
from ..control.closure_conversion import example_of, record_body
from ..core.errors import ShapeError
from ..core.shape_arithmetic import ShapeDtype
from ..functional import jacobian, jvp, vjp


class System:
    """A system of as many equations as unknowns.

    All methods take arrays or Tensors, and the same derived program serves both.

    Args:
        called: the caller, for messages.
        equations: of z, aux and theta, `equations(z, aux, *theta)`; pure, in NumPy's functions.
        z: the shape and dtype of the unknowns, a vector.
        aux: those of data that come with a solution and have no derivative.
        theta: examples of what the equations depend on.
        matrix: of z, aux and theta, A = dF/dz, where it is known better than by derivatives of the equations; as pure.

    Raises:
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
        self.called, self.z, self._n, self._matrix = called, z, 1 + len(aux), matrix

        def residual(z: Any, *rest: Any) -> list[Any]:
            return [equations(z, tuple(rest[: len(aux)]), *rest[len(aux) :])]

        examples = [np.zeros(s.shape, s.dtype) for s in (z, *aux)] + [example_of(t) for t in theta]
        self._body = record_body(called, residual, examples)
        shape = self._body.specs[0].shape
        if shape != z.shape:
            raise ShapeError(
                f"{called}: expected as many equations as unknowns, a residual of shape {z.shape}; received {shape}"
            )

    def __repr__(self) -> str:
        return f"<system of {self.z.shape[0]} equations, {self._body!r}>"

    def _derive(self, key: Any, function: Callable[..., list[Any]], *more: Any) -> Body:
        derived = self._body.derived
        if key not in derived:
            derived[key] = record_body(self.called, function, [*more, *self._body.examples])
        body: Body = derived[key]
        return body

    def residual(self, *point: Any) -> Any:
        """Return F at a point `(z, *aux, *theta)`."""
        return run_body(self._body, *point)[0]

    def matrix(self, *point: Any) -> Any:
        """Return A = dF/dz, a dense matrix."""

        def compute(z: Any, *rest: Any) -> list[Any]:
            if self._matrix is not None:
                return [self._matrix(z, rest[: self._n - 1], *rest[self._n - 1 :])]
            return [jacobian(lambda z: self._body(z, *rest)[0])(z)]

        return run_body(self._derive("matrix", compute), *point)[0]

    def pull(self, wrt: Sequence[int], s: Any, *point: Any) -> list[Any]:
        """Return the products of s with dF/dtheta, for each theta whose position is in `wrt`."""
        places = tuple([self._n + k for k in wrt])

        def compute(s: Any, *point: Any) -> list[Any]:
            _, back = vjp(lambda *point: self._body(*point)[0], places)(*point)
            return list(back(s))

        return run_body(self._derive(("pull", places), compute, np.zeros(self.z.shape, self.z.dtype)), s, *point)

    def push(self, wrt: Sequence[int], tangents: Sequence[Any], *point: Any) -> Any:
        """Return the product of dF/dtheta with tangents of each theta whose position is in `wrt`."""
        places = [self._n + k for k in wrt]

        def compute(*args: Any) -> list[Any]:
            tangents, point = args[: len(places)], args[len(places) :]

            def along(*chosen: Any) -> Any:
                new = dict(zip(places, chosen, strict=True))
                return self._body(*[new.get(k, x) for k, x in enumerate(point)])[0]

            return [jvp(along)(tuple([point[k] for k in places]), tangents)[1]]

        examples = [self._body.examples[k] for k in places]
        return run_body(self._derive(("push", *places), compute, *examples), *tangents, *point)[0]
