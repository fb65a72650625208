"""Least squares by SciPy's `lsmr` and `lsqr`, with derivatives of the exact solution.

The solution of A x ≈ b with a damping d is P b, P = (Aᴴ A + d² I)⁻¹ Aᴴ, the pseudoinverse where d = 0. The same method
applies the transpose of P: it is the P of Aᵀ. With the residual r = b - A x,

    dx = P (db - dA x) + (Aᴴ A + d² I)⁻¹ dAᴴ r + (I - P A) dAᴴ Pᴴ x,

where the last term is there only without damping.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.docstrings import arguments_from
from ..core.errors import ShapeError, UnsupportedError
from ..core.frozen import Frozen
from ..core.messages import checked
from ..core.mode import MODE, TAPES
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional.derivative_rules import KeepSame
from ..functions.custom_ops import structural
from ..ops import barrier
from ..ops.adjoints import total, user
from ..ops.operands import operand
from ..ops.solve import lapack_dtype
from ..tensors.tensor import Tensor
from .iterative import convergence, may_have_tensors
from .linear_maps import ClosureMap, Map, as_map
from .operators import original

_SUCCESS = (0, 1, 2, 4, 5)  # `istop` of a solution that is as good as was asked for


class Method(Frozen):
    """A way to solve, as a parameter of the op.

    Attributes:
        name: SciPy's.
        matrix: A.
        damp: the damping d.
        options: further arguments of SciPy's function, as pairs.
        once: those that the solves of derivatives are without.
    """

    name: str
    matrix: Map
    damp: float
    options: tuple[tuple[str, Any], ...]
    once: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"<{self.name} of {self.matrix!r}, {self.damp}, {self.options}>"

    def apply(self, b: Any, parameters: Sequence[Any], turned: bool) -> Any:
        """Return P b, or Pᵀ b."""
        method = self.replace(once=())
        x, numbers = _operation(self.name, 1 + len(parameters))(b, *parameters, method=method, turned=turned)
        return convergence(self.name)(x, numbers[-1])

    def multiply(self, parameters: Sequence[Any], x: Any, turned: bool) -> Any:
        """Return A x, or Aᵀ x."""
        return self.matrix(parameters, x, turned)

    def divide(self, v: Any, parameters: Sequence[Any], turned: bool) -> Any:
        """Return (Aᴴ A + d² I)⁻¹ v."""
        w = user(self.apply(user(v), parameters, not turned))
        if not self.damp:
            return self.apply(w, parameters, turned)
        return (v - user(self.multiply(parameters, user(w), not turned))) / self.damp**2


def _solve(b: Any, *parameters: Any, method: Method, turned: bool) -> Any:
    """Return the solution, and SciPy's numbers, with one more that is 0 after success."""
    a = method.matrix.native(parameters, turned)
    x, *numbers = getattr(original, method.name)(a, b, method.damp, **dict(method.options), **dict(method.once))
    numbers = [n for n in numbers if np.ndim(n) == 0]
    return x, np.array([*numbers, 0 if numbers[0] in _SUCCESS else numbers[0]], float)


def _pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
    (x, numbers), b, *parameters = saved
    method, turned = params["method"], params["turned"]
    g = convergence(method.name)(g[0], numbers[-1])
    z = method.apply(g, parameters, not turned)
    cotangents: dict[int, Any] = {0: z}
    if any(needs):
        r = b - method.multiply(parameters, x, turned)
        pairs = [(x, -z), (method.divide(user(g), parameters, turned), user(r))]
        if not method.damp:
            outside = g - method.multiply(parameters, z, not turned)
            pairs.append((user(outside), method.apply(user(x), parameters, not turned)))
        terms = [method.matrix.pull(parameters, *(pair[::-1] if turned else pair)) for pair in pairs]
        cotangents.update(enumerate((total(*parts) for parts in zip(*terms, strict=True)), 1))
    return [cotangents.get(k) for k in needs]


def _push(tangents: Sequence[Any], out: Any, b: Any, *parameters: Any, method: Method, turned: bool) -> Any:
    (x, numbers), (moved, *along) = out, tangents
    terms = []
    if any(t is not None for t in along):
        change = -method.matrix.push(parameters, along, x, turned)
        moved = change if moved is None else moved + change

        def adjoint_change(y: Any) -> Any:
            return user(method.matrix.push(parameters, along, user(y), not turned))

        r = b - method.multiply(parameters, x, turned)
        terms.append(method.divide(adjoint_change(r), parameters, turned))
        if not method.damp:
            v = adjoint_change(user(method.apply(user(x), parameters, not turned)))
            terms.append(v - method.apply(method.multiply(parameters, v, turned), parameters, turned))
    if moved is None:
        return None
    return convergence(method.name)(total(method.apply(moved, parameters, turned), *terms), numbers[-1]), None


def _infer(b: ShapeDtype, *parameters: ShapeDtype, method: Method, turned: bool) -> Any:
    matrix, count = method.matrix, 8 if method.name == "lsmr" else 9
    dtype = matrix.body.specs[0].dtype if isinstance(matrix, ClosureMap) else parameters[0].dtype
    shape = (matrix.shape[0 if turned else 1],)
    return ShapeDtype(shape, lapack_dtype(b.dtype, dtype)), ShapeDtype((count,), np.dtype(np.float64))


@functools.cache
def _operation(name: str, n: int) -> Op:
    """Return a method as an op of n inputs: b and parameters."""
    return structural(
        name,
        _solve,
        asked=_pull,
        infer=_infer,
        jvp=_push,
        keeps=KeepSame((True,) * (n + 1)),
        results=2,
        result_names=("x", "numbers"),
        holomorphic=False,
    )


def _run(name: str, A: Any, b: Any, damp: float, options: dict[str, Any], show: bool, x0: Any) -> Any:
    """Solve by SciPy's function of a name."""
    if not any(map(may_have_tensors, (A, b))):
        return getattr(original, name)(A, b, damp, **options, show=show, x0=x0)
    if hasattr(x0, "__apply_op__"):
        raise UnsupportedError(
            f"{name}: the argument x0= is not supported as a Tensor, since it has no derivative; detach it"
        )
    b = operand(b)
    b = b.reshape(-1) if b.ndim == 2 and b.shape[1] == 1 else b
    b = b if b.dtype.kind in "fc" else b.astype(np.float64)
    matrix, parameters, _ = as_map(name, A, None, b.dtype)
    if b.shape != matrix.shape[:1]:
        raise ShapeError(
            f"{name}: expected b of shape ({matrix.shape[0]},), as A has shape {matrix.shape}; received {b.shape}"
        )
    once = {"show": show, **({} if x0 is None else {"x0": x0})}
    pairs = [tuple((k, v) for k, v in group.items() if v is not None) for group in (options, once)]
    method = Method(name, matrix, float(damp), *pairs)
    x, numbers = _operation(name, 1 + len(parameters))(b, *parameters, method=method, turned=False)
    numbers = barrier.stop_gradient(numbers)
    traced = TAPES and MODE.get().tape is not None
    if numbers.__class__ in (np.ndarray, Tensor) and not traced:
        istop, count, *norms, _ = np.asarray(numbers).tolist()
        return (x, int(istop), int(count), *norms)
    return (x, *(numbers[k] for k in range(numbers.shape[0] - 1)))


@checked
def lsmr(
    A: Any,
    b: Any,
    damp: float = 0.0,
    atol: float = 1e-6,
    btol: float = 1e-6,
    conlim: float = 1e8,
    maxiter: int | None = None,
    show: bool = False,
    x0: Any = None,
) -> Any:
    """Minimize ‖A x - b‖² + damp² ‖x‖² by the method of Fong and Saunders, for any A.

    The derivatives are those of the exact solution, the one of least norm where there are several, as long as the rank
    of A does not change; the backward pass solves by the same method with the same tolerances.

    Args:
        A: of shape `(m, n)`, as for `cg`; an operator.
        b: of shape `(m,)`.
        damp: the damping, a number.
        atol, btol: tolerances, relative to A and to b, at which the iteration ends.
        conlim: the condition of A at which it ends.
        maxiter: the most iterations; min(m, n) by default.
        show: whether to print each iteration.
        x0: where to start; zeros by default.

    Returns:
        `(x, istop, itn, normr, normar, norma, conda, normx)`, as SciPy's.

    Raises:
        GradError: if a derivative is asked for of a solve that has not converged.

    Example:
        >>> import autograd_lite as ag
        >>> A = ag.sparse.csr(np.array([1.0, 1.0, 2.0]), [0, 0, 1], [0, 1, 2, 3], (3, 2))
        >>> ag.grad(lambda b: lsmr(A, b)[0].sum())(np.ones(3)).round(6)
        array([0.5, 0.5, 0.5])
    """
    options = {"atol": atol, "btol": btol, "conlim": conlim, "maxiter": maxiter}
    return _run("lsmr", A, b, damp, options, show, x0)


@arguments_from(lsmr)
@checked
def lsqr(
    A: Any,
    b: Any,
    damp: float = 0.0,
    atol: float = 1e-6,
    btol: float = 1e-6,
    conlim: float = 1e8,
    iter_lim: int | None = None,
    show: bool = False,
    calc_var: bool = False,
    x0: Any = None,
) -> Any:
    """Minimize ‖A x - b‖² + damp² ‖x‖² by the method of Paige and Saunders; see `lsmr`.

    Args:
        iter_lim: the most iterations.
        calc_var: refused with Tensors.

    Returns:
        `(x, istop, itn, r1norm, r2norm, anorm, acond, arnorm, xnorm, var)`, as SciPy's; var is None with Tensors.

    Example:
        >>> lsqr(np.array([[1.0], [1.0]]), np.array([1.0, 2.0]))[0].round(6)
        array([1.5])
    """
    options = {"atol": atol, "btol": btol, "conlim": conlim, "iter_lim": iter_lim}
    if not any(map(may_have_tensors, (A, b))):
        return original.lsqr(A, b, damp, **options, show=show, calc_var=calc_var, x0=x0)
    if calc_var:
        raise UnsupportedError("lsqr: the argument calc_var= is not supported with Tensors; leave it out")
    return (*_run("lsqr", A, b, damp, options, show, x0), None)
