"""The solution of an initial value problem as an op: the chain of steps of one solve, with derivatives of all orders.

The op's inputs are y0, the span (t0, t1), the times at which the solution is read, and theta. A solve decides about its
steps by values; the derivatives are those of the chain of these steps. With J the derivative of the chain by y0 and
theta, and (y, J u) the chain of the lifted equations (see `trajectories`):

- the tangent along u is J u, the pullback of g is Jᵀ g, an op, too;
- the derivatives of Jᵀ g along u, and of u · Jᵀ g = g · J u, are those of g · J u by y0 and theta: pullbacks of the
  chain of the lifted equations.

By a time at which the solution is read, the derivative is the slope f there, and by t0 it is that along -f(t0, y0):
those of the exact flow, which the chain has to the tolerance of the solve.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import Body, run_body
from ..control.closure_conversion import record_body
from ..core.depth import outside
from ..core.messages import as_it_is
from ..core.mode import is_derivation
from ..core.op import Op, by_need
from ..core.shape_arithmetic import ShapeDtype
from ..functional import vjp, vmap
from ..functional.derivative_rules import KeepSame
from ..ops.adjoints import user
from ..solutions.batches import one_after_another
from ..solutions.recent_results import RecentResults
from .equations import Equations
from .mass_matrices import flow_of
from .trajectory_store import Solver, key_of

_SUCCESS = ShapeDtype((), np.dtype(np.bool_))
_FIRST = 3  # the position of theta


class SolutionOps:
    """The solution of an initial value problem, and its pullback, as ops.

    Args:
        solver: finds the path.
        equations: those of the solver, or a tangent lift of these.

    Attributes:
        value: the op of `(y0, span, times, *theta)` whose results are the solution, shape (m, n), and whether the
            solver has reached all times. With `ends=True` the states between steps are read where times are theirs, and
            not the interpolants, whose last bits differ.
        pullback: the op of g, shape (m, n), and the inputs of `value`, whose results are the cotangents of y0 and of
            each floating theta.
        reason: the reason of the rule, for explanations.
        opaque: why no other program can be made of it.
    """

    reason = (
        "the steps of the solve are taken back one after the other, from the last to the first: each gives the "
        "cotangent of the state before it, and a part of that of {x}"
    )
    opaque = "a solver runs in it, outside of the graph. Give the program its result as an input"

    def __init__(self, solver: Solver, equations: Equations) -> None:
        self.solver, self.equations = solver, equations
        count, floating = equations.num_theta, equations.floating
        self._places = [0, *[_FIRST + k for k in floating]]
        called = solver.called
        self.value = Op(
            called,
            self._value,
            by_need(self._pull),
            self._infer,
            jvp=self._push,
            batch=one_after_another,
            keeps=KeepSame.first(_FIRST + count),
            results=2,
            result_names=("y", "success"),
        )
        self.pullback = Op(
            f"pullback of {called}",
            self._pullback,
            by_need(self._pull_pullback),
            lambda g, y0, span, times, *theta: (y0, *[theta[k] for k in floating]),
            jvp=self._push_pullback,
            batch=one_after_another,
            keeps=KeepSame.first(1 + _FIRST + count),
            results=1 + len(floating),
        )

    def __repr__(self) -> str:
        return f"<solution by {self.solver!r}>"

    @classmethod
    def of(cls, solver: Solver, equations: Equations | None = None) -> SolutionOps:
        """Return the ops of a solver, the same for all solvers that do the same."""
        equations = equations or solver.equations
        key = solver.key, equations
        ops = _RECENT.get(key)
        if ops is None:
            ops = cls(solver, equations)
            _RECENT.keep(key, ops, 1)
        return ops

    def lift(self, count: int | None = None) -> SolutionOps:
        """Return the ops of the tangent lift, of one tangent, or of `count` of them at once, stacked."""
        return SolutionOps.of(self.solver, self.equations.lift() if count is None else self.equations.lift(count))

    # ---- on arrays --------------------------------------------------------------------------------------------------

    def _infer(self, y0: ShapeDtype, span: ShapeDtype, times: ShapeDtype, *_: ShapeDtype, **__: Any) -> Any:
        return ShapeDtype((*times.shape, self.equations.n), self.equations.dtype), _SUCCESS

    def _arrays(self, y0: Any, span: Any, times: Any, theta: Sequence[Any]) -> tuple[Any, Any, Any, list[Any]]:
        y0 = np.ascontiguousarray(y0, self.equations.dtype)
        return y0, np.asarray(span, float), np.asarray(times, float), [np.asarray(x) for x in theta]

    def _value(self, y0: Any, span: Any, times: Any, *theta: Any, ends: bool = False) -> tuple[Any, ...]:
        if is_derivation():
            return np.zeros((*np.shape(times), self.equations.n), self.equations.dtype), np.False_
        return _outside(self._compute_value, ends, y0, span, times, *theta)

    def _compute_value(self, ends: bool, y0: Any, span: Any, times: Any, *theta: Any) -> tuple[Any, ...]:
        y0, span, times, point = self._arrays(y0, span, times, theta)
        bound, trajectory = self.solver.follow(self.equations, y0, span, point)
        return self.solver.read(bound, trajectory, times, ends), np.bool_(self.solver.is_complete(trajectory))

    def _pullback(self, g: Any, y0: Any, span: Any, times: Any, *theta: Any) -> tuple[Any, ...]:
        if is_derivation():
            return tuple([np.zeros(x.shape, x.dtype) for x in (y0, *[theta[k] for k in self.equations.floating])])
        return _outside(self._compute_pullback, g, y0, span, times, *theta)

    def _compute_pullback(self, g: Any, y0: Any, span: Any, times: Any, *theta: Any) -> tuple[Any, ...]:
        like = [y0, *[theta[k] for k in self.equations.floating]]
        y0, span, times, point = self._arrays(y0, span, times, theta)
        bound, trajectory = self.solver.follow(self.equations, y0, span, point)
        gy0, gtheta = self.solver.pull(bound, trajectory, times, np.asarray(g, self.equations.dtype))
        return tuple([_cast(c, x) for c, x in zip((gy0, *gtheta), like, strict=True)])

    # ---- rules of the solution --------------------------------------------------------------------------------------

    def _pull(self, needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        (y, _), y0, span, times, *theta = saved
        g, parts = g[0], {}
        if g is None:
            return [None] * len(needs)
        if any(k in self._places or k == 1 for k in needs):
            cotangents = self.pullback(g, y0, span, times, *theta)
            parts = dict(zip(self._places, cotangents, strict=True))
        if 1 in needs:
            parts[1] = _first(-(parts[0] * self._start(y0, span, theta)).sum())
        if 2 in needs:
            parts[2] = _real((g * self._slopes(times, y, theta)).sum(axis=-1))
        return [parts.get(k) for k in needs]

    def _push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> Any:
        (y, _), (y0, span, times, *theta) = out, inputs
        dy0, dspan, dtimes, *dtheta = tangents
        moved = None
        if dspan is not None:
            shift = -dspan[0] * self._start(y0, span, theta)
            dy0 = shift if dy0 is None else dy0 + shift
        if dy0 is not None or any(dtheta[k] is not None for k in self.equations.floating):
            moved = self._tangent(*inputs, *self._along(y0, theta, dy0, dtheta))
        if dtimes is not None:
            change = dtimes[:, None] * self._slopes(times, y, theta)
            moved = change if moved is None else moved + change
        return moved, None

    # ---- rules of the pullback --------------------------------------------------------------------------------------

    def _pull_pullback(self, needs: Sequence[int], a: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        _, g, y0, span, times, *theta = saved
        n, up, parts = self.equations.n, self.lift(), {}
        if all(c is None for c in a):
            return [None] * len(needs)
        along = dict(zip(self._places, a, strict=True))
        dy0, *dtheta = self._along(y0, theta, a[0], [along.get(_FIRST + k) for k in range(len(theta))])
        both, more = np.concatenate([y0, dy0]), (*theta, *dtheta)
        if 0 in needs:
            parts[0] = self._tangent(y0, span, times, *theta, dy0, *dtheta)
        if any(k != 0 for k in needs):
            of_lift = up.pullback(np.concatenate([_zeros(g), g], axis=1), both, span, times, *more)
            parts[1] = of_lift[0][:n]
            parts |= {1 + k: c for k, c in zip(self._places[1:], of_lift[1:], strict=False)}
        if 2 in needs:
            parts[2] = _first(-(of_lift[0] * up._start(both, span, more)).sum())
        if 3 in needs:
            y, _ = up.value(both, span, times, *more)
            parts[3] = _real((g * up._slopes(times, y, more)[:, n:]).sum(axis=-1))
        return [parts.get(k) for k in needs]

    def _push_pullback(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> Any:
        g, y0, span, times, *theta = inputs
        dg, dy0, dspan, dtimes, *dtheta = tangents
        n, up, terms = self.equations.n, self.lift(), []
        if dspan is not None:
            shift = -dspan[0] * self._start(y0, span, theta)
            dy0 = shift if dy0 is None else dy0 + shift
        if dg is not None or dy0 is not None or any(x is not None for x in dtheta):
            moved = self._along(y0, theta, dy0, dtheta)
            both = np.concatenate([_zeros(g) if dg is None else dg, g], axis=1)
            of_lift = up.pullback(both, np.concatenate([y0, moved[0]]), span, times, *theta, *moved[1:])
            terms.append([of_lift[0][:n], *of_lift[1 : len(self._places)]])
        if dspan is not None:
            terms.append(self._pull_start(y0, span, theta, -dspan[0] * out[0]))
        if dtimes is not None:
            y, _ = self.value(y0, span, times, *theta)
            gy, *more = self._pull_slopes(times, y, theta, dtimes[:, None] * g)
            terms += [list(self.pullback(gy, y0, span, times, *theta)), [None, *more]]
        return tuple([_sum(parts) for parts in zip(*terms, strict=True)]) if terms else (None,) * len(out)

    # ---- the tangent ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _tangent(self) -> Op:
        """The op of the inputs of `value`, and tangents of y0 and all floating theta: the tangent of the solution."""
        return _Tangent(self).as_op()

    def _along(self, y0: Any, theta: Sequence[Any], dy0: Any, dtheta: Sequence[Any]) -> list[Any]:
        """Return tangents of y0 and of all floating theta, with zeros where there are none."""
        pairs = [(y0, dy0), *[(theta[k], dtheta[k]) for k in self.equations.floating]]
        return [_zeros(x) if dx is None else dx for x, dx in pairs]

    # ---- slopes -----------------------------------------------------------------------------------------------------

    def _start(self, y0: Any, span: Any, theta: Sequence[Any]) -> Any:
        """Return the slope at the beginning."""
        return self._slopes(span[:1], y0[None], theta)[0]

    def _slopes(self, times: Any, y: Any, theta: Sequence[Any]) -> Any:
        """Return the slopes at points of the solution, shape (m, n)."""
        m = times.shape[0]
        return run_body(self._at_points("slopes", m, lambda *point: [self._every(*point)]), times, y, *theta)[0]

    def _pull_slopes(self, times: Any, y: Any, theta: Sequence[Any], g: Any) -> list[Any]:
        """Return the products of g with the derivatives of the slopes by the states and by each floating theta."""
        places, m = (1, *[2 + k for k in self.equations.floating]), times.shape[0]

        def compute(g: Any, *point: Any) -> list[Any]:
            _, back = vjp(self._every, places)(*point)
            return [user(c) for c in back(user(g))]

        example = np.zeros((m, self.equations.n), self.equations.dtype)
        return run_body(self._at_points("pull of slopes", m, compute, example), g, times, y, *theta)

    def _pull_start(self, y0: Any, span: Any, theta: Sequence[Any], g: Any) -> list[Any]:
        """Return the same of the slope at the beginning."""
        gy, *rest = self._pull_slopes(span[:1], y0[None], theta, g[None])
        return [gy[0], *rest]

    def _every(self, times: Any, y: Any, *theta: Any) -> Any:
        axes = (0, 0, *[None] * len(theta))
        return vmap(flow_of(self.equations, self._mass), axes)(times, y, *theta)

    @property
    def _mass(self) -> Any:
        return self.solver.settings.more.get("mass")

    def _at_points(self, key: str, m: int, function: Callable[..., list[Any]], *more: Any) -> Body:
        """Return a program of further arguments, and m times and states, and theta, which is recorded once."""
        _, y, *theta = self.equations.body.examples
        derived, whole = self.equations.body.derived, (key, m, key_of(self._mass))
        if whole not in derived:
            examples = [*more, np.zeros(m), np.zeros((m, *y.shape), y.dtype), *theta]
            derived[whole] = record_body(self.solver.called, function, examples)
        body: Body = derived[whole]
        return body


_RECENT: RecentResults[SolutionOps] = RecentResults(512, 512)


class _Tangent:
    """The tangent of a solution along tangents of y0 and theta, as an op; along several of them as one chain.

    Args:
        ops: of the solution.
    """

    reason, opaque = SolutionOps.reason, SolutionOps.opaque

    def __init__(self, ops: SolutionOps) -> None:
        self.ops = ops
        self.n, self.first = ops.equations.n, _FIRST + ops.equations.num_theta

    def as_op(self) -> Op:
        """Return the operation."""
        ops = self.ops
        count = self.first + 1 + len(ops.equations.floating)
        return Op(
            f"tangent of {ops.solver.called}",
            self.forward,
            by_need(self.pull),
            lambda *specs, **_: ops._infer(*specs[: self.first])[0],
            jvp=self.push,
            batch=self.batch,
            keeps=KeepSame.first(count),
        )

    def _lift(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the inputs of the lifted solution."""
        y0, span, times, *theta = inputs[: self.first]
        dy0, *dtheta = inputs[self.first :]
        return [np.concatenate([y0, dy0]), span, times, *theta, *dtheta]

    def forward(self, *inputs: Any, **_: Any) -> Any:
        """Return the tangents of the solution, shape (m, n)."""
        y0, _, times = inputs[:_FIRST]
        if is_derivation():
            return np.zeros((*times.shape, self.n), y0.dtype)
        return self.ops.lift().value(*self._lift(inputs))[0][:, self.n :]

    def pull(self, needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        """Return the cotangents of some inputs: those of the lifted solution."""
        _, *inputs = saved
        lifted, n, first = self._lift(inputs), self.n, self.first
        position = {first: 0, **{first + 1 + k: first + k for k in range(len(inputs) - first - 1)}}
        places = list(dict.fromkeys([position.get(k, k) for k in needs]))
        both = np.concatenate([_zeros(g), g], axis=1)
        y = self.ops.lift().value(*lifted) if 2 in needs else (None, None)
        cotangents = self.ops.lift()._pull(places, (both, None), (y, *lifted), {})
        parts: dict[int, Any] = dict(zip(places, cotangents, strict=True))
        return [parts[0][:n] if k == 0 else parts[0][n:] if k == first else parts[position.get(k, k)] for k in needs]

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> Any:
        """Return the tangent: that of the lifted solution."""
        lifted = self._lift(inputs)
        dy0, ddy0 = tangents[0], tangents[self.first]
        if dy0 is not None or ddy0 is not None:
            parts = zip((dy0, ddy0), (inputs[0], inputs[self.first]), strict=True)
            dy0 = np.concatenate([_zeros(x) if dx is None else dx for dx, x in parts])
        along = [dy0, *tangents[1 : self.first], *tangents[self.first + 1 :]]
        y = self.ops.lift().value(*lifted) if tangents[2] is not None else (None, None)
        moved = self.ops.lift()._push(along, y, *lifted)[0]
        return None if moved is None else moved[:, self.n :]

    def batch(self, op: Op, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Follow the tangents of all examples in one chain, if they are those of one solution."""
        if any(batched[: self.first]) or not any(batched):
            return one_after_another(op, inputs, batched, params)
        size = next(len(x) for x, flag in zip(inputs, batched, strict=True) if flag)
        if size < 2:
            return one_after_another(op, inputs, batched, params)
        y0, span, times, *theta = inputs[: self.first]
        dy0, *dtheta = [
            x if flag else np.broadcast_to(x, (size, *x.shape))
            for x, flag in zip(inputs[self.first :], batched[self.first :], strict=True)
        ]
        both = np.concatenate([y0, dy0.reshape(-1)])
        y, _ = self.ops.lift(size).value(both, span, times, *theta, *dtheta)
        return y[:, self.n :].reshape(times.shape[0], size, self.n).swapaxes(0, 1)


def _outside(f: Callable[..., Any], *args: Any) -> Any:
    try:
        return outside(f, args, {})
    except Exception as error:
        raise as_it_is(error)  # noqa: B904 it is the error itself


def _cast(c: Any, like: Any) -> Any:
    """Return a cotangent in the dtype of its input."""
    c = np.asarray(c)
    c = c.real if c.dtype.kind == "c" and like.dtype.kind != "c" else c
    return np.ascontiguousarray(c, like.dtype).reshape(like.shape)


def _real(c: Any) -> Any:
    return np.real(c) if c.dtype.kind == "c" else c


def _first(c: Any) -> Any:
    """Return the cotangent of a span, of whose first element c is that."""
    return _real(c) * np.array([1.0, 0.0])


def _zeros(x: Any) -> Any:
    return np.zeros(x.shape, x.dtype)


def _sum(parts: Sequence[Any]) -> Any:
    total = None
    for c in parts:
        total = total if c is None else c if total is None else total + c
    return total
