"""Forward mode: `jvp` and `linearize`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ..core.arguments import require_function
from ..core.depth import DEPTH, Depth, inside
from ..core.duck_arrays import array_namespace, as_array
from ..core.errors import DtypeError, GradError, ShapeError
from ..core.messages import checked
from ..core.mode import MODE, enable_grad, is_grad_enabled, no_grad, restore_mode
from ..core.node import Node
from ..core.traceback_folding import folding
from ..engine.paths import paths_from
from ..tensors.record import own_value
from ..tensors.saved import as_tensors as operands_of, check_fingerprints
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, wrap_any, wrap_tracer
from ..tree import LEAVES, items, leaves, map as map_leaves, rebuild
from .argument_selection import (
    Traced,
    array_like,
    arrays_returned,
    floating,
    has_history,
    leave,
    name_of,
    on_tape,
    plain_value,
    tensors_in,
    to_tape,
    variable,
    zip_trees,
)
from .dual import Dual, ForwardLevel, primal_of, tangent_of
from .reverse_mode import pairs_of, pull_back


class Jvp:
    """The function that `jvp` returns: call it with arguments and their tangents.

    Attributes:
        report: the names of the ops in the last call that have no forward rule and were differentiated by two
            vector-Jacobian products; empty if none did.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self.report: tuple[str, ...] = ()

    @folding
    def __call__(self, primals: Any, tangents: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Return `(f(*primals), tangent)`; `primals` and `tangents` are tuples of f's arguments."""
        if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
            raise TypeError(
                f"jvp: expected the arguments of {name_of(self._f)} as a tuple and their tangents as a tuple, "
                f"jvp(f)((x,), (v,)); received {type(primals).__name__} and {type(tangents).__name__}"
            )
        if len(primals) != len(tangents):
            raise ShapeError(f"jvp: expected a tangent for each of {len(primals)} arguments; received {len(tangents)}")
        level = ForwardLevel()
        out = push(self._f, primals, tangents, kwargs, level)
        self.report = tuple(sorted(level.fell_back))
        return out


def push(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], kwargs: dict[str, Any], level: ForwardLevel
) -> tuple[Any, Any]:
    """Return the value of a function and its derivative along tangents of its arguments."""
    args = [_lift(x, t, i, level) for i, (x, t) in enumerate(zip(primals, tangents, strict=True))]
    depth = DEPTH.get()
    try:
        DEPTH.set(Depth(depth.all + 1, depth.tapes))
        out = f(*args, **kwargs)
    finally:
        DEPTH.set(depth)
    value: Any
    tangent: Any
    if isinstance(out, Tensor):
        value, tangent = primal_of(out, level), tangent_of(out, level)
    else:
        arrays_returned("jvp", out)
        value, tangent = map_leaves(lambda x: primal_of(x, level), out), map_leaves(lambda x: tangent_of(x, level), out)
    if depth.all > 0 or has_history(value, tangent) or tensors_in(*primals, *tangents, *kwargs.values()):
        return value, tangent
    return leave(value), leave(tangent)


@checked
def jvp(f: Callable[..., Any]) -> Jvp:
    """Return a function that computes `f(*primals)` and its derivative along tangents: (x, t) -> (f(x), df/dx t).

    Forward mode: tangents are computed along with the values, nothing is recorded, and memory does not grow with the
    length of the computation.

    Args:
        f: a function that returns an array, or a container of arrays.

    Returns:
        A function `(primals, tangents) -> (out, tangent)`, both tuples with one entry for each argument of f, each of
        the argument's structure and shapes; a tangent of None means zero. Its attribute `report` lists the ops of the
        last call that fell back on two vector-Jacobian products. Arrays or Tensors as from `value_and_grad`.

    Raises:
        ShapeError: if a tangent has another shape than its argument.
        DtypeError: if an argument with a tangent is not floating.

    Example:
        >>> out, tangent = jvp(lambda x, y: x * np.sin(y))((2.0, 0.0), (1.0, 1.0))
        >>> float(out), float(tangent)
        (0.0, 2.0)
    """
    require_function("jvp", f)
    return Jvp(f)


def _lift(x: Any, t: Any, i: int, level: ForwardLevel) -> Any:
    """Return the i-th argument with its tangent, leaf by leaf."""
    if t is None:
        return x
    if isinstance(x, (np.ndarray, Tensor, np.generic, float, complex)):
        return _dual(x, t, i, "", level)
    if x.__class__ is tuple and t.__class__ is tuple and len(x) == len(t) and LEAVES.issuperset(map(type, x)):
        pairs = enumerate(zip(x, t, strict=True))
        return tuple([a if v is None else _dual(a, v, i, f"[{k}]", level) for k, (a, v) in pairs])
    x = array_like(x)
    triples = zip_trees("jvp", f"a tangent for argument {i}", x, t)
    return rebuild(x, iter([a if v is None else _dual(a, v, i, path, level) for path, a, v in triples]))


def _dual(x: Any, t: Any, i: int, path: str, level: ForwardLevel) -> Tensor:
    if x.__class__ is not np.ndarray or x.dtype.kind not in "fc":
        floating("jvp", x, f"argument {i}{path}")
    x, t = plain_value(x), plain_value(t)
    if x.shape != t.shape:
        raise ShapeError(f"jvp: expected a tangent of shape {x.shape}, as argument {i}{path} has; received {t.shape}")
    if t.dtype != x.dtype:
        if t.dtype.kind == "c" and x.dtype.kind != "c":
            raise DtypeError(f"jvp: expected a real tangent for the real argument {i}{path}; received {t.dtype}")
        t = t.astype(x.dtype)
    return wrap_tracer(Dual(x, t, level), None)


# ---- linearize ------------------------------------------------------------------------------------------------------


class Linear:
    """The derivative of a function at a point: a linear map, recorded once and applied many times."""

    def __init__(self, traced: Traced, outputs: Any, recorded: bool) -> None:
        self._traced, self._outputs, self._recorded = traced, outputs, recorded
        self._variables = [v for v, _ in pairs_of(traced)]

    @functools.cached_property
    def _program(self) -> list[tuple[Node, list[Any]]]:
        return _program([t for t in self._traced.out if isinstance(t, Tensor)], self._variables)

    def __call__(self, *tangents: Any) -> Any:
        """Return the tangent of the output for tangents of the inputs, of their structure and shapes."""
        values = [
            t for _, _, t in zip_trees("linearize", "a tangent for each argument", self._traced.arguments, tangents)
        ]
        env: dict[Any, Any] = {}
        for v, t in zip(self._variables, values, strict=True):
            t = own_value(to_tape(t if isinstance(t, Tensor) else as_array(t)))
            if t.shape != v.shape:
                raise ShapeError(f"linearize: expected a tangent of shape {v.shape}; received {t.shape}")
            env[v] = t.astype(v.dtype) if t.dtype != v.dtype else t
        for node in self._traced.paths.order:
            for e in node.inputs:
                if isinstance(e, Tensor) and getattr(e, "_stamp", 0) > node.stamp:
                    raise GradError(
                        f"linearize: a tensor of shape {e.shape} that the function used was assigned a new value, so "
                        "the linear map would be of a function that was never computed. Linearize again"
                    )
        with np.errstate(all="ignore"), self._recording():
            for node, constants in self._program:
                if node.saved is not None:
                    check_fingerprints(node, node.saved)
                operands = zip(node.inputs, constants, strict=True)
                env[node] = node.op(*(env[e] if c is None else c for e, c in operands), **node.params)
            results = [env.get(t._node, t) if isinstance(t, Tensor) else t for t in self._traced.out]
            as_tensors = self._traced.as_tensors or any(isinstance(t, Tensor) for t in values)
            as_tensors = as_tensors or (self._traced.create_graph and is_grad_enabled())
        return rebuild(self._outputs, iter([wrap_any(r, None) if as_tensors else leave(r) for r in results]))

    def transpose(self, *cotangents: Any) -> Any:
        """Carry cotangents of the outputs back to the inputs: the pullback of `vjp` at the same point."""
        back: Any = cotangents[0] if len(cotangents) == 1 else cotangents
        values = [
            g for _, _, g in zip_trees("linearize: transpose", "a cotangent for each output", self._outputs, back)
        ]
        expected, received = [np.shape(t) for t in self._traced.out], [np.shape(g) for g in values]
        if received != expected:
            raise ShapeError(f"linearize: transpose expected cotangents of shapes {expected}; received {received}")
        pairs = zip(self._traced.out, values, strict=True)
        roots = [
            (t, own_value(to_tape(g)) if isinstance(g, Tensor) else to_tape(as_array(g, t.dtype))) for t, g in pairs
        ]
        with self._recording():
            back = pull_back(self._traced, roots, retain=True)
        return back[0] if len(back) == 1 else back

    def _recording(self) -> AbstractContextManager[None]:
        """Do not record if the map was made under `no_grad`: it holds values only."""
        return nullcontext() if self._recorded else no_grad()


def _program(roots: list[Tensor], variables: list[Node]) -> list[tuple[Node, list[Any]]]:
    """Return the nodes between variables and results, in recorded order, each with its constant operands.

    An operand that depends on the variables is None there.
    """
    start = min([v.stamp for v in variables], default=0)
    varying = set(variables)
    order, stack = [], [t._node for t in roots]
    seen = set(variables)
    while stack:
        edge = stack.pop()
        if edge.__class__ is Node and edge not in seen:
            seen.add(edge)
            if edge.stamp > start:
                order.append(edge)
                stack += edge.inputs
    program = []
    for node in sorted(order, key=lambda node: node.stamp):
        varies = [e.__class__ is Node and e in varying for e in node.inputs]
        if any(varies):
            varying.add(node)
            values: Any = node.inputs
            if node.saved and any(
                isinstance(e, (Node, Tensor)) for e, own in zip(values, varies, strict=True) if not own
            ):
                values = operands_of(node, node.saved)[1:]
            program.append((node, [None if own else v for v, own in zip(values, varies, strict=True)]))
    return program


def _refuse_draws(nodes: Iterable[Any]) -> None:
    """Raise if the linear map would run a loop or a branch again whose values are others then."""
    for node in nodes:
        if node.op.value_and_jvp is not None:
            raise GradError(
                f"linearize: expected a function that computes the same again; received one that draws random numbers "
                f"or observes values inside of a {node.op.name}, which each use of the linear map would run. Draw them "
                "outside, and pass them as arguments, or use jvp or vjp"
            )


def _linear_in_a_variable(a: Any, where: str, level: ForwardLevel, tape: Level | None) -> tuple[Tensor, Node]:
    """Return an argument whose tangent is a variable, and the variable's node."""
    a = plain_value(floating("linearize", a, where))
    v = variable(array_namespace(a).zeros(a.shape, a.dtype), tape)
    return wrap_any(Dual(a, v, level), None), v._node


@checked
def linearize(f: Callable[..., Any]) -> Callable[..., tuple[Any, Linear]]:
    """Return a function that computes `f(*args)` and its derivative there as a linear map that can be applied again.

    Args:
        f: a function of floating arrays, or containers of them, that returns an array or a container of arrays.

    Returns:
        A function of f's arguments that returns `(out, linear)`: `linear(*tangents)` is the tangent of the output, at
        the cost of the derivative alone, and `linear.transpose(cotangent)` goes the other way.
        Arrays or Tensors as from `value_and_grad`.

    Example:
        >>> out, linear = linearize(np.sin)(np.array([0.0, np.pi]))
        >>> linear(np.array([1.0, 2.0]))
        array([ 1., -2.])
    """
    require_function("linearize", f)

    @functools.wraps(f)
    @folding
    def with_linear(*args: Any, **kwargs: Any) -> tuple[Any, Linear]:
        level = ForwardLevel()
        around = MODE.get()
        recorded = around.record
        try:
            with inside(tape=False) as depth, enable_grad():
                # A level of its own inside other transformations; otherwise the one tape, which is faster.
                tape = Level() if depth.all else None
                inputs = tuple(map(array_like, args))
                pairs = [_linear_in_a_variable(a, f"argument{path}", level, tape) for path, a in items(inputs)]
                out = f(*rebuild(inputs, iter([lifted for lifted, _ in pairs])), **kwargs)
                arrays_returned("linearize", out)
        except BaseException:
            restore_mode(around)
            raise
        value = map_leaves(lambda x: primal_of(x, level), out)
        if not recorded:
            cut = Tensor.detach if on_tape() else lambda x: wrap_any(x._data, None)
            value = map_leaves(lambda x: cut(x) if isinstance(x, Tensor) else x, value)
        tangents = tuple([tangent_of(x, level) for x in leaves(out)])
        edges = [t._node for t in tangents if isinstance(t, Tensor) and t.requires_grad]
        paths = paths_from(edges, {v for _, v in pairs})
        _refuse_draws(paths.order)
        create_graph = recorded and tape is None and (paths.history or has_history(value))
        on = MODE.get().tape if tape is None and not create_graph else None
        ends = on is not None and not on.rehearses
        as_tensors = depth.all > 0 or bool(tensors_in(args, kwargs))
        variables = rebuild(inputs, iter([v for _, v in pairs]))
        linear = Linear(
            Traced(tangents, inputs, variables, as_tensors, create_graph or on is not None, tape, paths, ends),
            out,
            recorded,
        )
        return value if as_tensors or create_graph else leave(value), linear

    return with_linear
