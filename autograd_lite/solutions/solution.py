"""The op `solution`: z(theta) with F(z, theta) = 0, from any solver, with the derivatives of the equations.

With A = dF/dz, the tangent of a solution is -A⁻¹ (dF/dtheta) dtheta, and the cotangent of theta is -(dF/dtheta)ᵀ A⁻ᵀ g.
Both are NumPy's functions of z and theta, and z is the op's own result, so that every further derivative follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import batching
from ..core.depth import outside
from ..core.op import Op, by_need
from ..core.shape_arithmetic import ShapeDtype
from ..functional.derivative_rules import KeepSame
from .certificates import Certificate, Sensitivity
from .linear_systems import LinearSystems
from .settings import Settings
from .systems import System

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
    equations: Callable[..., Any],
    theta: Sequence[Any],
    example: ShapeDtype,
    aux: Sequence[ShapeDtype] = (),
    settings: Settings = Settings(),  # noqa: B008
    matrix: Callable[..., Any] | None = None,
) -> Solution:
    """Return the solution that a solver finds, with derivatives by theta from the equations that it fulfils.

    Args:
        called: the caller, for messages.
        find: returns `(z, success, aux)` for theta as arrays, by any means: it runs outside of all transformations, and
            anew in each replay of a compiled function.
        equations: the residual F(z, aux, *theta) of shape (n,): pure, in NumPy's functions.
        theta: arrays and Tensors.
        example: the shape (n,) and the dtype of z.
        aux: the shapes and dtypes of the arrays in aux, such as which constraints are active.
        settings: how to differentiate.
        matrix: of the same arguments as the equations, dF/dz where that is known; by default it comes from them.
    """
    system = System(called, equations, example, aux, theta, matrix)
    linear = LinearSystems(system, settings.linear)
    sensitivity = Sensitivity()
    certificate = Certificate(called, linear, settings, sensitivity)
    specs = (example, _SUCCESS, *aux)

    def forward(*theta: Any, **_: Any) -> tuple[Any, ...]:
        z, success, more = outside(find, theta, {})
        arrays = np.asarray(z, example.dtype).reshape(example.shape), np.bool_(success), *more
        return tuple([np.array(a, s.dtype)[()] for a, s in zip(arrays, specs, strict=True)])

    def pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        (z, success, *more), *theta = saved
        if g[0] is None:
            return [None] * len(needs)
        wrt = [k for k in needs if theta[k].dtype.kind in "fc"]
        point = z, *more, *theta
        s = certificate.check(linear.solve(g[0], *point, turned=True), g[0], success, *point, turned=True)
        parts = dict(zip(wrt, system.pull(wrt, -s, *point), strict=True))
        return [parts.get(k) for k in needs]

    def push(tangents: Sequence[Any], out: Any, *theta: Any, **_: Any) -> Any:
        z, success, *more = out
        wrt = [k for k, t in enumerate(tangents) if t is not None]
        point = z, *more, *theta
        right = -system.push(wrt, [tangents[k] for k in wrt], *point)
        moved = certificate.check(linear.solve(right, *point), right, success, *point)
        return moved, *[None] * (1 + len(more))

    op = Op(
        called,
        forward,
        by_need(pull),
        lambda *_, **__: specs,
        jvp=push,
        batch=batching.one_by_one,
        keeps=KeepSame.first(len(theta)),
        results=len(specs),
        result_names=("x", "success"),
    )
    z, success, *more = op(*theta)
    return Solution(z, success, tuple(more), sensitivity)
