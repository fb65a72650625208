"""The op `solution`: z(theta) with F(z, theta) = 0, from any solver, with the derivatives of the equations.

With A = dF/dz, the tangent of a solution is -A⁻¹ (dF/dtheta) dtheta, and the cotangent of theta is -(dF/dtheta)ᵀ A⁻ᵀ g.
Both are NumPy's functions of z and theta, and z is the op's own result, so that every further derivative follows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.depth import outside
from ..core.errors import ShapeError
from ..core.messages import as_it_is
from ..core.mode import is_derivation
from ..core.node import Node
from ..core.op import Op, by_need
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import edge_of
from ..functional.derivative_rules import KeepSame
from ..tensors.tensor import Tensor
from ..tree import leaves
from .batches import Batch, one_after_another
from .certificates import Certificate, Sensitivity
from .closures import EVALUATED
from .linear_systems import linear_systems
from .settings import Settings
from .systems import System

_STEPS = 8  # of Newton's method, at most
_SUCCESS = ShapeDtype((), np.dtype(np.bool_))


class Solution(NamedTuple):
    """A solution.

    Attributes:
        z: the unknowns, a vector: a Tensor with a history where theta has one.
        success: whether the solver calls it a solution.
        aux: data that come with it.
        sensitivity: the certificate of its derivatives.
    """

    z: Any
    success: Any
    aux: tuple[Any, ...]
    sensitivity: Sensitivity


def solution(
    called: str,
    find: Callable[..., tuple[Any, bool, tuple[Any, ...]]],
    equations: Callable[..., Any] | System,
    theta: Sequence[Any],
    example: ShapeDtype,
    aux: Sequence[ShapeDtype] = (),
    settings: Settings = Settings(),  # noqa: B008
    matrix: Callable[..., Any] | None = None,
) -> Solution:
    """Return the solution that a solver finds, with derivatives by theta from the equations that it fulfills.

    Args:
        called: the caller, for messages.
        find: returns `(z, success, aux)` for theta as arrays, by any means: it runs outside of all transformations, and
            anew in each replay of a compiled function.
        equations: the residual F(z, aux, *theta) of shape (n,): pure, in NumPy's functions; or these as a `System`,
            whose programs then serve several solves.
        theta: arrays and Tensors.
        example: the shape (n,) and the dtype of z.
        aux: the shapes and dtypes of the arrays in aux, such as which constraints are active.
        settings: how to differentiate.
        matrix: of the same arguments as the equations, dF/dz where that is known; by default it comes from them.
    """
    system = equations
    if not isinstance(system, System):
        system = System(called, system, example, aux, theta, matrix)
    solve = _Solve(called, find, system, (example, _SUCCESS, *aux), settings.check(called))
    z, success, *more = solve.as_op()(*theta)
    return Solution(z, success, tuple(more), solve.sensitivity)


def certificates(x: Any) -> list[Sensitivity]:
    """Return the certificates of all solutions that a result follows from, by the time of their solves.

    Args:
        x: a Tensor with a history, or a container of them, such as the result of `implicit`, or a loss: inside of the
            function that is differentiated, or before `backward()`.

    Returns:
        For each solve its certificate, which is filled when a derivative is computed.

    Example:
        >>> import autograd_lite as ag
        >>> a = ag.tensor(4.0, requires_grad=True)
        >>> x = ag.implicit(np.sqrt, lambda x, a: x * x - a)(a)
        >>> (solve,) = certificates(x)
        >>> x.backward()
        >>> solve.digits > 14
        True
    """
    nodes = {edge_of(t) for t in leaves(x) if isinstance(t, Tensor)}
    stack = list(nodes)
    while stack:
        new = {edge for edge in getattr(stack.pop(), "inputs", ()) if isinstance(edge, Node)} - nodes
        nodes |= new
        stack += new
    solves = [(node.stamp, _solve_of(node.op)) for node in nodes if isinstance(node, Node)]
    by_time = sorted([pair for pair in solves if pair[1] is not None], key=lambda pair: pair[0])
    return [solve.sensitivity for _, solve in by_time]


def _solve_of(op: Op) -> Any:
    """Return the solve that an op is, of one example or of a batch; None if it is not one."""
    holder = getattr(op.forward, "__self__", None)
    return _solve_of(holder.op) if isinstance(holder, Batch) else holder if isinstance(holder, _Solve) else None


class _Solve:
    """A solve as an op.

    Attributes:
        reason: the reason of its rule, for explanations.
        opaque: why no other program can be made of it.
    """

    reason = (
        "the solution moves so that its equations F = 0 still hold: the linear system with their matrix dF/dx, "
        "transposed, is solved for g, and what that gives goes back through F to {x}, with the opposite sign"
    )
    opaque = "a solver runs in it, outside of the graph. Give the program its result as an input"

    def __init__(
        self,
        called: str,
        find: Callable[..., tuple[Any, bool, tuple[Any, ...]]],
        system: System,
        specs: tuple[ShapeDtype, ...],
        settings: Settings,
    ) -> None:
        self.called, self.find, self.system, self.specs, self.settings = called, find, system, specs, settings
        self.linear = linear_systems(system, settings.linear, settings.tol)
        self.sensitivity = Sensitivity(called, settings.digits)
        self.certificate = Certificate(called, self.linear, settings, self.sensitivity)
        if called != "implicit":  # whose solver is the user's own
            self.sensitivity.retrace = self.retrace

    def as_op(self) -> Op:
        """Return the operation, which holds this."""
        return Op(
            self.called,
            self.forward,
            by_need(self.pull),
            lambda *_, **__: self.specs,
            jvp=self.push,
            batch=one_after_another,
            keeps=KeepSame.first(len(self.system.body.examples) - len(self.specs) + 1),
            results=len(self.specs),
            result_names=("x", "success"),
        )

    def forward(self, *theta: Any, **_: Any) -> tuple[Any, ...]:
        """Solve for arrays."""
        if is_derivation():
            return tuple([np.zeros(s.shape, s.dtype)[()] for s in self.specs])
        try:
            z, success, aux = outside(self.find, theta, {})
        except Exception as error:
            raise as_it_is(error)  # noqa: B904 it is the error itself
        z, (shape, dtype) = np.asarray(z), self.specs[0]
        if z.size != shape[0]:
            raise ShapeError(f"{self.called}: expected {shape[0]} unknowns, as before; received {z.size}")
        z = z.astype(dtype, copy=False).reshape(shape)
        if self.settings.refine:
            z = self._refine(z, aux, theta)
        return tuple([np.array(a, s.dtype)[()] for a, s in zip((z, success, *aux), self.specs, strict=True)])

    def _refine(self, z: Any, aux: tuple[Any, ...], theta: tuple[Any, ...]) -> Any:
        """Take Newton's steps as long as each makes the residual half as large, or less."""
        with np.errstate(all="ignore"):
            r = self.system.residual(z, *aux, *theta)
            for _ in range(_STEPS):
                new = z - self.linear.at(z, *aux, *theta).solve(r)
                left = self.system.residual(new, *aux, *theta)
                if not np.linalg.norm(left) <= np.linalg.norm(r) / 2:
                    break
                z, r = new, left
        return z

    def retrace(self, z: Any, *rest: Any) -> list[float]:
        """Solve again, and return the largest residuals at the points that the solver evaluates, in order.

        Args:
            z, rest: the solution, aux and theta. A solver that knows the first unknowns alone is given the others.
        """
        points: list[Any] = []
        before = EVALUATED.get()
        try:
            EVALUATED.set(points)
            outside(self.find, rest[self.system.first - 1 :], {})
        finally:
            EVALUATED.set(before)
        residuals: list[float] = []
        with np.errstate(all="ignore"):
            for last, x in itertools.pairwise([None, *points]):
                if x.size <= z.size and not np.array_equal(x, last):
                    new = np.concatenate([x, z[x.size :]]).astype(z.dtype)
                    residuals.append(float(np.abs(self.system.residual(new, *rest)).max(initial=0)))
        return residuals

    def pull(self, needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        """Return the cotangents of some of theta."""
        (z, success, *aux), *theta = saved
        wrt = [k for k in needs if theta[k].dtype.kind in "fc"]
        if g[0] is None or not wrt or not z.size:
            return [None] * len(needs)
        point = z, *aux, *theta
        s = self.linear.solve(g[0], *point, turned=True)
        s = self.certificate.check(s, g[0], success, *point, turned=True, wrt=wrt)
        parts = dict(zip(wrt, self.system.pull(wrt, -s, *point), strict=True))
        return [parts.get(k) for k in needs]

    def push(self, tangents: Sequence[Any], out: Any, *theta: Any, **_: Any) -> Any:
        """Return the tangent of z."""
        z, success, *aux = out
        if not z.size:
            return [None] * len(out)
        wrt = [k for k, t in enumerate(tangents) if t is not None]
        point = z, *aux, *theta
        along = [tangents[k] for k in wrt]
        right = -self.system.push(wrt, along, *point)
        moved = self.certificate.check(self.linear.solve(right, *point), right, success, *point, wrt=wrt, along=along)
        return moved, *[None] * (1 + len(aux))
