"""Functions with derivatives of their own, and functions computed again instead of saved."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._lifted import Lifted, LiftedTensor
from .._record import apply, open_edge
from .._tensor import Tensor
from ..core.arguments import function_given
from ..core.errors import GradError, ShapeError
from ..core.mode import enable_grad, is_grad_enabled
from ..core.node import Node, next_stamp
from ..core.op import EachInput, Op
from ..core.shapes import ShapeDtype
from ..core.tree import leaves, map_leaves, rebuild
from ..engine import cotangents, edge_of
from ..ops import barrier
from ..random import Generator, remember_draws, replay_draws
from .arguments import inside, name_of
from .dual import transposed

__all__ = ["checkpoint", "custom_jvp", "custom_vjp", "stop_gradient"]


def stop_gradient(x: Any) -> Any:
    """Return the same values, through which no derivative flows, in any mode.

    Args:
        x: a Tensor or array, or a container of them.

    Example:
        >>> from autograd_lite import grad
        >>> grad(lambda x: x * stop_gradient(x))(3.0)
        np.float64(3.0)
    """
    return map_leaves(lambda a: barrier.stop_gradient(a) if isinstance(a, (Tensor, np.ndarray)) else a, x)


# ---- ops made on the spot -------------------------------------------------------------------------------------------


class _Packing:
    """Several outputs as one array and back, since an op has one output."""

    def __init__(self, out: Any) -> None:
        self.tree = map_leaves(lambda _: 0, out)  # the structure alone: the outputs hold their whole record
        arrays = [np.asarray(a._data if isinstance(a, Tensor) else a) for _, a in leaves(out)]
        if not arrays:
            raise TypeError(f"expected the function to return an array or a container of arrays; received {out!r}")
        self.specs = [ShapeDtype(a.shape, a.dtype) for a in arrays]
        self.single = len(arrays) == 1
        self.data = arrays[0] if self.single else np.concatenate([a.reshape(-1) for a in arrays])

    def parts(self, packed: Any) -> Iterator[Any]:
        """Yield the outputs that lie in a packed array."""
        if self.single:
            yield packed
            return
        start = 0
        for spec in self.specs:
            part = packed[start : start + spec.size].reshape(spec.shape)
            yield part if part.dtype == spec.dtype else part.astype(spec.dtype)
            start += spec.size

    def unpack(self, packed: Any) -> Any:
        """Return the outputs as the function returned them."""
        return rebuild(self.tree, self.parts(packed))


class _KeepAll:
    """A table of what to save that says: the result and every input."""

    def __init__(self, n: int) -> None:
        self._all = (True,) * (n + 1)

    def __getitem__(self, mask: int) -> tuple[bool, ...]:
        return self._all


class _Joint:
    """One rule that gives the cotangents of all inputs at once, read input by input by the engine."""

    def __init__(self, pull: Callable[..., tuple[Any, ...]]) -> None:
        self._pull = pull
        self._g: Any = None
        self._left: dict[int, Any] = {}

    def __call__(self, i: int) -> Callable[..., Any]:
        def vjp(g: Any, out: Any, *inputs: Any, **params: Any) -> Any:
            if self._g is not g or i not in self._left:
                self._g, self._left = g, dict(enumerate(self._pull(g, out, *inputs)))
            result = self._left.pop(i)
            if not self._left:
                self._g = None
            return result

        return vjp


def _infer(data: Any) -> Callable[..., ShapeDtype]:
    return lambda *specs, **params: ShapeDtype(data.shape, data.dtype)


# ---- custom derivatives ---------------------------------------------------------------------------------------------


class _Custom:
    """What `custom_vjp` and `custom_jvp` share: the call."""

    what: str
    _rule: Callable[..., Any] | None

    def __init__(self, f: Callable[..., Any]) -> None:
        function_given(self.what, f)
        functools.update_wrapper(self, f)
        self._f = f
        self._rule = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; what is differentiable among `args` is what has a floating or complex dtype."""
        if self._rule is None:
            raise GradError(
                f"{self.what}: {name_of(self._f)} has no derivative yet; decorate one with @{name_of(self._f)}.def_"
                f"{self.what[-3:]}"
            )
        found = [a for _, a in leaves(args)]
        places = [k for k, a in enumerate(found) if isinstance(a, (Tensor, Lifted, np.ndarray, float, complex))]
        inputs = tuple(found[k] for k in places)
        packing: list[_Packing] = []

        def arguments(values: tuple[Any, ...]) -> Any:
            everything = list(found)
            for k, value in zip(places, values, strict=True):
                everything[k] = value
            return rebuild(args, iter(everything))

        def forward(*values: Any, **_: Any) -> Any:
            out = self._f(*arguments(values), **kwargs)
            packed = _Packing(out)
            packing[:] = [packed]
            return packed.data

        op = self._op(forward, arguments, packing, len(inputs))
        if not any(isinstance(a, (Tensor, Lifted)) for a in inputs):
            return self._f(*args, **kwargs)
        out = op(*inputs)
        return packing[0].unpack(out)

    def _op(self, forward: Any, arguments: Any, packing: list[_Packing], n: int) -> Op:
        raise NotImplementedError


class custom_vjp(_Custom):
    """Give a function a vector-Jacobian product of your own.

    The function itself is called with plain arrays and may do anything. The rule, set with `def_vjp`, gets the
    cotangent of the result, the result and the arguments, and returns the cotangent of each argument (None for one
    without). Written with NumPy functions that Tensors support, it can be differentiated itself; forward mode follows
    from it.

    Raises:
        GradError: when called before a rule was set.
        ShapeError: if the rule returns another number of cotangents than there are arguments.

    Example:
        >>> from autograd_lite import grad
        >>> @custom_vjp
        ... def clipped(x):
        ...     return np.clip(x, 0, 1)
        >>> @clipped.def_vjp
        ... def straight_through(g, out, x):
        ...     return (g,)
        >>> grad(lambda x: clipped(x) * 3)(7.0)
        np.float64(3.0)
    """

    what = "custom_vjp"

    def def_vjp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule `(g, out, *args) -> cotangents of the args`; usable as a decorator."""
        self._rule = rule
        return rule

    def _op(self, forward: Any, arguments: Any, packing: list[_Packing], n: int) -> Op:
        def pull(g: Any, out: Any, *values: Any) -> tuple[Any, ...]:
            assert self._rule is not None
            args = arguments(values)
            result = self._rule(packing[0].unpack(g), packing[0].unpack(out), *args)
            result = result if isinstance(result, tuple) else (result,)
            if len(result) != len(args):
                raise ShapeError(
                    f"custom_vjp: expected the rule of {name_of(self._f)} to return {len(args)} cotangents, one an "
                    f"argument; received {len(result)}"
                )
            return tuple(self._by_input(result, args, values))

        return Op(
            name_of(self._f),
            forward,
            EachInput(_Joint(pull)),
            lambda *specs, **_: ShapeDtype(packing[0].data.shape, packing[0].data.dtype),
            keeps=_KeepAll(n),  # type: ignore[arg-type]
        )

    def _by_input(self, result: tuple[Any, ...], args: Any, values: tuple[Any, ...]) -> Iterator[Any]:
        """Yield a cotangent for each differentiable array among the arguments, and check its shape."""
        for i, (arg, cotangent) in enumerate(zip(args, result, strict=True)):
            arrays = [(path, a) for path, a in leaves(arg) if any(a is v for v in values)]
            given = [None] * len(arrays) if cotangent is None else [c for _, c in leaves(cotangent)]
            if len(given) != len(arrays) and arrays:
                raise ShapeError(
                    f"custom_vjp: expected {len(arrays)} cotangents for argument {i} of {name_of(self._f)}; "
                    f"received {len(given)}"
                )
            for (path, a), c in zip(arrays, given, strict=False):
                c = np.zeros(a.shape, a.dtype) if c is None else c if hasattr(c, "shape") else np.asarray(c)
                try:
                    fits = np.broadcast_shapes(c.shape, a.shape) == c.shape
                except ValueError:
                    fits = False
                if not fits:
                    raise ShapeError(
                        f"custom_vjp: expected a cotangent of shape {a.shape} for argument {i}{path} of "
                        f"{name_of(self._f)}; received {c.shape}"
                    )
                yield c


class custom_jvp(_Custom):
    """Give a function a Jacobian-vector product of your own.

    As `custom_vjp`, but the rule, set with `def_jvp`, pushes tangents forward: it gets the tuple of the arguments'
    tangents (None where zero), the result and the arguments, and returns the tangent of the result, linear in the
    tangents. Reverse mode follows by transposing it.

    Example:
        >>> from autograd_lite import grad, jvp
        >>> @custom_jvp
        ... def log1pexp(x):
        ...     return np.logaddexp(x, 0)
        >>> @log1pexp.def_jvp
        ... def rule(tangents, out, x):
        ...     return tangents[0] / (np.exp(-x) + 1)
        >>> float(grad(log1pexp)(0.0)), float(jvp(log1pexp)((0.0,), (1.0,))[1])
        (0.5, 0.5)
    """

    what = "custom_jvp"

    def def_jvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule `(tangents, out, *args) -> tangent of out`; usable as a decorator."""
        self._rule = rule
        return rule

    def _op(self, forward: Any, arguments: Any, packing: list[_Packing], n: int) -> Op:
        def push(tangents: tuple[Any, ...], out: Any, *values: Any, **_: Any) -> Any:
            assert self._rule is not None
            args = arguments(values)
            by_value = {id(v): t for v, t in zip(values, tangents, strict=True)}
            structured = tuple(
                None if all(by_value.get(id(a)) is None for _, a in leaves(arg)) else _tangents_like(arg, by_value)
                for arg in args
            )
            t = self._rule(structured, packing[0].unpack(out), *args)
            if packing[0].single:
                return next(iter(leaves(t)))[1]
            return np.concatenate([part.reshape(-1) for _, part in leaves(t)])

        def vjp_of(i: int) -> Callable[..., Any]:
            def vjp(g: Any, out: Any, *values: Any, **_: Any) -> Any:
                def along(t: Any) -> Any:
                    return (push((None,) * i + (t,) + (None,) * (n - i - 1), out, *values) * g).sum()

                slope = transposed(along, values[i])
                return np.zeros(values[i].shape, values[i].dtype) if slope is None else slope

            return vjp

        return Op(
            name_of(self._f),
            forward,
            EachInput(vjp_of),
            lambda *specs, **_: ShapeDtype(packing[0].data.shape, packing[0].data.dtype),
            jvp=push,
            keeps=_KeepAll(n),  # type: ignore[arg-type]
        )


def _tangents_like(arg: Any, by_value: dict[int, Any]) -> Any:
    def one(a: Any) -> Any:
        t = by_value.get(id(a))
        return np.zeros(np.shape(a)) if t is None else t

    return map_leaves(one, arg)


# ---- checkpoint -----------------------------------------------------------------------------------------------------


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same as `f` and keeps nothing for the backward pass but its arguments.

    The backward pass calls f again, with the same random draws, so the gradients are the same to the last bit; memory
    is bought with one more forward pass. Tensors that f uses without being given them get their gradients too. Inside
    `jvp` and `vmap`, f is simply called.

    Args:
        f: a function of Tensors, arrays or containers of them, which returns an array or a container of arrays. It
            should change nothing outside: it runs twice.

    Example:
        >>> from autograd_lite import grad
        >>> grad(checkpoint(lambda x: np.sin(x) ** 2))(0.5) == grad(lambda x: np.sin(x) ** 2)(0.5)
        np.True_
    """
    function_given("checkpoint", f)

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        given = [a for _, a in leaves((args, kwargs)) if isinstance(a, Tensor)]
        if not is_grad_enabled() or any(isinstance(a, LiftedTensor) for a in given):
            return f(*args, **kwargs)
        start = next_stamp()
        with remember_draws() as states:
            out = f(*args, **kwargs)
        outer = _outside_of(out, start)
        if not outer or any(isinstance(a, LiftedTensor) for _, a in leaves(out)):
            return out
        packing = _Packing(out)
        edges = list(outer)

        def pull(g: Any, *_: Any) -> tuple[Any, ...]:
            found = _again(lambda: f(*args, **kwargs), states, packing.parts(g), edges, isinstance(g, Tensor))
            return tuple(np.zeros(e.shape, e.dtype) if found.get(e) is None else found[e] for e in edges)

        op = Op("checkpoint", lambda *_: packing.data, EachInput(_Joint(pull)), _infer(packing.data))
        packed = apply(op, tuple(open_edge(e, e) for e in edges), {})
        return packing.unpack(packed)

    return checkpointed


def _outside_of(out: Any, start: int) -> dict[Any, None]:
    """Return, in order, the edges through which a record made after `start` hangs on what was there before."""
    stack = [a._node for _, a in leaves(out) if isinstance(a, Tensor) and isinstance(a._node, Node)]
    found: dict[Any, None] = {}
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.stamp < start:
            found[node] = None
            continue
        for i in node.needs:
            edge = node.inputs[i]
            if edge.__class__ is not Node:
                found[edge] = None
            elif edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return found


def _again(
    run: Callable[[], Any], states: dict[Generator, Any], parts: Iterator[Any], edges: list[Any], record: bool
) -> dict[Any, Any]:
    """Run a function as it ran before and carry cotangents of its outputs back to `edges`."""
    with replay_draws(states), inside(tape=True), enable_grad():
        out = run()
    roots: dict[Any, Any] = {}
    for (_, t), g in zip(leaves(out), parts, strict=True):
        if isinstance(t, Tensor) and t.requires_grad:
            edge = edge_of(t)
            roots[edge] = roots[edge] + g if edge in roots else g
    return cotangents(roots, set(edges), retain_graph=record, create_graph=record)
