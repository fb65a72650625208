"""Forward mode: `jvp` and `linearize`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .._lifted import Level, face, released
from .._record import owned
from .._tensor import Tensor
from ..core.arguments import function_given
from ..core.depth import inside
from ..core.errors import DtypeError, ShapeError
from ..core.mode import enable_grad
from ..core.node import Node
from ..core.tree import leaves, map_leaves, rebuild
from ..engine import check_seals, conjugated, cotangents, edge_of
from .arguments import array_like, bare, floating, leave, like_argument, name_of, tensors_in, variable
from .dual import Dual, ForwardLevel

__all__ = ["Jvp", "Linear", "jvp", "linearize"]


class Jvp:
    """What `jvp` returns: call it with arguments and their tangents.

    Attributes:
        report: the names of the ops of the last call that have no forward rule and were differentiated by two
            vector-Jacobian products; empty when forward mode was pure.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self.report: tuple[str, ...] = ()

    def __call__(self, primals: Any, tangents: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Return `(f(*primals), tangent)`; `primals` and `tangents` are tuples of f's arguments."""
        level = ForwardLevel()
        as_tensors, out = self._run(level, primals, tangents, kwargs)
        self.report = tuple(sorted(level.fell_back))
        value, tangent = map_leaves(lambda x: _primal(x, level), out), map_leaves(lambda x: _tangent(x, level), out)
        return (value, tangent) if as_tensors else (leave(value), leave(tangent))

    def _run(self, level: ForwardLevel, primals: Any, tangents: Any, kwargs: dict[str, Any]) -> tuple[bool, Any]:
        if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
            raise TypeError(
                f"jvp: expected the arguments of {name_of(self._f)} as a tuple and their tangents as a tuple, "
                f"jvp(f)((x,), (v,)); received {type(primals).__name__} and {type(tangents).__name__}"
            )
        if len(primals) != len(tangents):
            raise ShapeError(f"jvp: expected a tangent for each of {len(primals)} arguments; received {len(tangents)}")
        args = [_lifted(x, t, f"argument {i}", level) for i, (x, t) in enumerate(zip(primals, tangents, strict=True))]
        given = [a for _, a in leaves((primals, tangents, kwargs))]
        with inside(tape=False) as depth:
            out = self._f(*args, **kwargs)
        return depth.all > 0 or any(isinstance(a, Tensor) for a in given), out


def jvp(f: Callable[..., Any]) -> Jvp:
    """Return a function that computes `f(*primals)` and its derivative along tangents: (x, t) -> (f(x), df/dx t).

    Forward mode: tangents are computed beside the values, nothing is recorded, and memory does not grow with the
    length of the computation.

    Args:
        f: a function that returns an array, or a container of arrays.

    Returns:
        A function `(primals, tangents) -> (out, tangent)`, both tuples with one entry for each argument of f, each of
        the argument's structure and shapes; a tangent of None means zero. Its attribute `report` says which ops of
        the last call fell back on two vector-Jacobian products.

    Raises:
        ShapeError: if a tangent has another shape than its argument.
        DtypeError: if an argument with a tangent is not floating.

    Example:
        >>> out, tangent = jvp(lambda x, y: x * np.sin(y))((2.0, 0.0), (1.0, 1.0))
        >>> float(out), float(tangent)
        (0.0, 2.0)
    """
    function_given("jvp", f)
    return Jvp(f)


def _lifted(x: Any, t: Any, where: str, level: ForwardLevel) -> Any:
    """Return an argument with its tangent, leaf by leaf."""
    if t is None:
        return x
    x, t = array_like(x), array_like(t)
    points, directions = list(leaves(x)), [v for _, v in leaves(t)]
    if len(points) != len(directions):
        raise ShapeError(
            f"jvp: expected a tangent of the structure of {where}, with {len(points)} arrays; received {t!r}"
        )
    pairs = zip(points, directions, strict=True)
    return rebuild(x, iter([_dual(a, v, where + path, level) for (path, a), v in pairs]))


def _dual(x: Any, t: Any, where: str, level: ForwardLevel) -> Tensor:
    floating("jvp", x, where)
    x, t = (bare(a) for a in (x, t))
    if x.shape != t.shape:
        raise ShapeError(f"jvp: expected a tangent of shape {x.shape}, as {where} has; received {t.shape}")
    if t.dtype.kind == "c" and x.dtype.kind != "c":
        raise DtypeError(f"jvp: expected a real tangent for the real {where}; received {t.dtype}")
    return face(Dual(x, t if t.dtype == x.dtype else t.astype(x.dtype), level), None)


def _primal(x: Any, level: ForwardLevel) -> Any:
    d = x._data if isinstance(x, Tensor) else x
    return face(d.primal, x._node) if isinstance(d, Dual) and d.level is level else x


def _tangent(x: Any, level: ForwardLevel) -> Any:
    d = x._data if isinstance(x, Tensor) else x
    if isinstance(d, Dual) and d.level is level:
        return face(d.tangent, None)
    d = x if isinstance(x, Tensor) else np.asarray(x)
    zeros = np.zeros(d.shape, d.dtype)
    return face(zeros, None) if isinstance(x, Tensor) else zeros[()]


# ---- linearize ------------------------------------------------------------------------------------------------------


class Linear:
    """The derivative of a function at a point: a linear map, recorded once and applied many times."""

    def __init__(
        self, inputs: Any, outputs: Any, variables: list[Tensor], tangents: list[Any], level: Level | None
    ) -> None:
        self._inputs, self._outputs, self._level = inputs, outputs, level
        self._variables, self._tangents = variables, tangents
        roots = [t for t in tangents if isinstance(t, Tensor) and isinstance(t._node, Node)]
        self._nodes = _recorded([t._node for t in roots])

    def __call__(self, *tangents: Any) -> Any:
        """Return the tangent of the output for tangents of the inputs, of their structure and shapes."""
        given = [t for _, t in leaves(tuple(map(array_like, tangents)))]
        if len(given) != len(self._variables):
            raise ShapeError(f"linearize: expected {len(self._variables)} tangents; received {len(given)}")
        env: dict[Any, Any] = {}
        for v, t in zip(self._variables, given, strict=True):
            t = owned(t if isinstance(t, Tensor) else np.asarray(t))
            if t.shape != v.shape:
                raise ShapeError(f"linearize: expected a tangent of shape {v.shape}; received {t.shape}")
            env[v] = t.astype(v.dtype) if t.dtype != v.dtype else t
        with np.errstate(all="ignore"):
            for node in self._nodes:
                if node.saved is not None:
                    check_seals(node, node.saved)
                env[node] = node.op(*(env.get(e, e) if _hashable(e) else e for e in node.inputs), **node.params)
        results = [_replayed(t, env) for t in self._tangents]
        if self._level is not None:
            results = [face(r, None) for r in results]
        return rebuild(self._outputs, iter(results))

    def transpose(self, *cotangents_: Any) -> Any:
        """Carry cotangents of the outputs back to the inputs: the pullback of `vjp` at the same point."""
        given = [g for _, g in leaves(tuple(map(array_like, cotangents_)))]
        wanted, received = [np.shape(t) for t in self._tangents], [np.shape(g) for g in given]
        if received != wanted:
            raise ShapeError(f"linearize: transpose expected cotangents of shapes {wanted}; received {received}")
        start: dict[Any, Any] = {}
        for t, g in zip(self._tangents, given, strict=True):
            if isinstance(t, Tensor) and t.requires_grad:
                edge, g = edge_of(t), conjugated(owned(g) if isinstance(g, Tensor) else np.asarray(g, t.dtype))
                start[edge] = start[edge] + g if edge in start else g
        found: dict[Any, Any] = {}
        if start:
            nested = self._level is not None
            found = cotangents(start, set(self._variables), retain_graph=True, create_graph=False, nested=nested)
        back = [released(found.get(v), self._level) for v in self._variables]
        grads = [
            np.zeros(v.shape, v.dtype) if g is None else like_argument(conjugated(g), None, isinstance(g, Tensor))
            for v, g in zip(self._variables, back, strict=True)
        ]
        tree = rebuild(self._inputs, iter(grads))
        return tree[0] if len(tree) == 1 else tree


def _hashable(edge: Any) -> bool:
    return isinstance(edge, (Node, Tensor))


def _replayed(t: Any, env: dict[Any, Any]) -> Any:
    if isinstance(t, Tensor):
        edge = edge_of(t)
        return env.get(edge, np.zeros(t.shape, t.dtype))
    return t


def _recorded(stack: list[Node]) -> list[Node]:
    """Return every node behind some, in recorded order."""
    seen = set(stack)
    order = []
    while stack:
        node = stack.pop()
        order.append(node)
        for edge in node.inputs:
            if edge.__class__ is Node and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return sorted(order, key=lambda node: node.stamp)


def linearize(f: Callable[..., Any]) -> Callable[..., tuple[Any, Linear]]:
    """Return a function that computes `f(*args)` and its derivative there as a linear map that can be applied again.

    Args:
        f: a function of floating arrays, or containers of them, that returns an array or a container of arrays.

    Returns:
        A function of f's arguments that returns `(out, linear)`: `linear(*tangents)` is the tangent of the output, at
        the cost of the derivative alone, and `linear.transpose(cotangent)` goes the other way.

    Example:
        >>> out, linear = linearize(np.sin)(np.array([0.0, np.pi]))
        >>> linear(np.array([1.0, 2.0]))
        array([ 1., -2.])
    """
    function_given("linearize", f)

    @functools.wraps(f)
    def with_linear(*args: Any, **kwargs: Any) -> tuple[Any, Linear]:
        level = ForwardLevel()
        variables: list[Tensor] = []

        def lifted(path: str, a: Any, tape: Level | None) -> Tensor:
            a = bare(floating("linearize", a, f"argument{path}"))
            v = variable(np.zeros(a.shape, a.dtype), tape)
            variables.append(v)
            return face(Dual(a, v, level), None)

        with inside(tape=False) as depth, enable_grad():
            tape = Level() if depth.all else None
            args = tuple(map(array_like, args))
            out = f(*rebuild(args, iter([lifted(path, a, tape) for path, a in leaves(args)])), **kwargs)
        as_tensors = depth.all > 0 or bool(tensors_in(args, kwargs))
        value = map_leaves(lambda x: _primal(x, level), out)
        tangents = [_tangent(x, level) for _, x in leaves(out)]
        linear = Linear(args, out, variables, tangents, tape)
        return value if as_tensors else leave(value), linear

    return with_linear
