"""Functions that are computed again in the backward pass, instead of having their values saved."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.arguments import require_function
from ..core.depth import DEPTH, inside_as
from ..core.duck_arrays import LAZY, is_lazy, recompute_after
from ..core.errors import GradError, Obstacle
from ..core.fingerprints import copy_if_small, sample, sample_bytes
from ..core.messages import checked
from ..core.mode import MODE, TAPES, enable_grad, is_grad_enabled
from ..core.multi_result import Several, each
from ..core.node import LEAF, Node, next_stamp
from ..core.op import Kind as RuleKind, Op, Rule, jointly
from ..core.shape_arithmetic import ShapeDtype
from ..core.traceback_folding import folding
from ..engine.walk import cotangents, edge_of
from ..random import remember_draws, replay_draws
from ..tensors.record import apply, open_edge, wrap
from ..tensors.saved import refuse_changed_leaf
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor
from ..tree import leaves, map as map_leaves, rebuild
from .argument_selection import name_of
from .call_signature import arrays_in, results_in


@checked
def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same as `f` but keeps only its arguments for the backward pass.

    The backward pass calls f again, with the same random draws, so the gradients are the same to the last bit; the
    saved memory costs one more forward pass. Tensors that f closes over get their gradients, too. Inside `jvp` and
    `vmap`, f is simply called.

    Args:
        f: a function of Tensors, arrays or containers of them, which returns an array or a container of arrays. It
            should have no side effects, since it runs twice.

    Raises:
        GradError: in the backward pass, if something that f reads has changed: a leaf that was assigned to, a large
            array among the arguments (small ones are copied), or anything that f closes over, provided that it changes
            the result or a sample of the constants in it.

    Example:
        >>> from autograd_lite import grad
        >>> grad(checkpoint(lambda x: np.sin(x) ** 2))(0.5) == grad(lambda x: np.sin(x) ** 2)(0.5)
        np.True_
    """
    require_function("checkpoint", f)

    @functools.wraps(f)
    @folding
    def run(*args: Any, **kwargs: Any) -> Any:
        tensors = [a for a in leaves((args, kwargs)) if isinstance(a, Tensor)]
        if not is_grad_enabled() or any(isinstance(a, TracedTensor) for a in tensors):
            return f(*args, **kwargs)
        if TAPES and MODE.get().tape is not None:
            return _on_tape(f, args, kwargs)
        args, kwargs = map_leaves(_freeze, (args, kwargs))
        start, depth = next_stamp(), DEPTH.get()
        with remember_draws() as states:
            held = {0: f(*args, **kwargs)}
        record = _record_of(held[0], start)
        if not record.outer or any(isinstance(a, TracedTensor) for a in leaves(held[0])):
            return held[0]
        (tree, data), edges, ended = results_in(held), list(record.outer), next_stamp()
        several = data.__class__ is Several
        samples = [(a, sample_bytes(a)) for a in leaves((args, kwargs)) if isinstance(a, np.ndarray)]

        def pull(g: Any, *_: Any) -> tuple[Any, ...]:
            for edge in edges:
                if isinstance(edge, Tensor) and edge._stamp > ended:
                    refuse_changed_leaf("checkpoint", edge, named=False)
            if any(sample_bytes(a) != elements for a, elements in samples):
                raise _other_run(f, "an array that it was given was changed")
            # In a pullback of arrays, nothing is recorded: a Tensor is then a value of `jvp` or `vmap`.
            gs = g if several else (g,)
            one = next(x for x in gs if x is not None)
            recorded = any(isinstance(x, Tensor) for x in gs) and is_grad_enabled()
            with replay_draws(states), inside_as(depth), enable_grad():
                anew = map_leaves(lambda a: _again(a, one), (args, kwargs)) if LAZY else (args, kwargs)
                out = f(*anew[0], **anew[1])
            record.check(f, out, data if several else [data])
            return _pull_outputs(out, gs, edges, recorded)

        op = Op(
            "checkpoint",
            lambda *_: data,
            jointly(pull),
            lambda *_: each(lambda a: ShapeDtype(a.shape, a.dtype), data),
            results=len(data) if several else None,
        )
        out = apply(op, tuple(open_edge(e, e) for e in edges), {})
        return rebuild(tree, iter(out)) if several else out

    return run


def _again(a: Any, g: Any) -> Any:
    """Return a lazy argument so that the first run's need not be kept for the second; anything else as it is."""
    if is_lazy(a):
        return recompute_after(a, g)
    if a.__class__ is Tensor and a._node is None and is_lazy(a._data):
        return wrap(recompute_after(a._data, g), None)
    return a


def _pulled_out(g: Any, *_: Any) -> Any:
    mode = MODE.get()
    if TAPES and mode.tape is not None and mode.record:
        raise Obstacle("second derivatives go through a checkpoint, where an eager run adds up in another order")
    return g


# An identity, at which gradients leave the inside of a checkpoint that is on a tape.
_ENTRY = Op("checkpoint", lambda x: x, (Rule(RuleKind.VJP, _pulled_out),), lambda x: x)


def _on_tape(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Record a function once: which values a compiled function keeps is for its plan to decide.

    Gradients add up inside first, and then go on, as they do when the function runs again.
    """
    start = next_stamp()
    out = f(*args, **kwargs)
    entries: dict[Any, Node] = {}

    def entry(edge: Any) -> Any:
        old = edge.stamp < start if edge.__class__ is Node else edge._node is not None
        if old and edge not in entries:
            entries[edge] = node = Node(_ENTRY, (edge,), {}, (None, edge), (0,), edge.shape, edge.dtype, None)
            node.stamp = start
        return entries.get(edge, edge)

    stack = [t._node for t in leaves(out) if isinstance(t, Tensor) and isinstance(t._node, Node)]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.stamp <= start:
            continue
        inputs = list(node.inputs)
        for i in node.needs:
            inputs[i] = entry(node.inputs[i])
            if inputs[i].__class__ is Node and inputs[i] not in seen:
                seen.add(inputs[i])
                stack.append(inputs[i])
        if node.saved is not None:
            read = zip(node.saved[1:], node.inputs, inputs, strict=True)
            node.saved = (node.saved[0], *(new if value is edge else value for value, edge, new in read))
        node.inputs = tuple(inputs)
    return out


def _freeze(a: Any) -> Any:
    """Return an argument that stays the same until the function runs again, even if the caller's is rebound."""
    if isinstance(a, np.ndarray):
        return copy_if_small(a)
    if not isinstance(a, Tensor) or a._node is LEAF:  # its stamp tells when it was assigned to
        return a
    twin = wrap(a._data, a._node)
    twin._name, twin._shared = a.name, True
    a._shared = True
    return twin


class _Record(NamedTuple):
    """The dependencies of a function's result.

    Attributes:
        outer: the edges, in order, through which it depends on earlier records.
        read: some elements of every constant that the ops were applied to.
        start: the moment before the function ran.
    """

    outer: dict[Any, None]
    read: list[Any]
    start: int

    def check(self, f: Callable[..., Any], out: Any, first: Sequence[Any]) -> None:
        """Raise unless a second run computed the same; sums may differ in their last bits."""
        again, arrays = _record_of(out, self.start), arrays_in(out)
        before = [{e for e in record.outer if stamp_of(e) < self.start} for record in (again, self)]
        pairs = [*zip(arrays, first, strict=False), *zip(again.read, self.read, strict=False)]
        whole = len(arrays) == len(first) and len(again.read) == len(self.read) and before[0] == before[1]
        if not whole or not all(_close(a, b) for a, b in pairs):
            raise _other_run(
                f,
                "an array or a tensor that it reads was changed, or it draws from a generator other than those of "
                "autograd_lite.random",
            )


def stamp_of(edge: Any) -> int:
    """Return when a node was recorded, or a leaf last assigned to."""
    return getattr(edge, "stamp", None) or edge._stamp


def _other_run(f: Callable[..., Any], why: str) -> GradError:
    return GradError(
        f"checkpoint: backward runs {name_of(f)} again, and it does not compute the same: {why}. The gradient would "
        "be of a function that was never computed. Fix: call backward before you change what it reads, or pass copies"
    )


def _close(a: Any, b: Any) -> bool:
    """Return whether two arrays are equal apart from rounding."""
    if LAZY and is_lazy(a, b):
        return True  # for all that is known without computing them
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc" or np.array_equal(a, b):
        return bool(np.array_equal(a, b))
    with np.errstate(all="ignore"):
        size = np.abs(a[np.isfinite(a)]).max(initial=0)
        rounding = 256 * np.finfo(a.dtype).eps
        return bool(np.allclose(a, b, rtol=rounding, atol=rounding * size, equal_nan=True))


def _record_of(out: Any, start: int) -> _Record:
    """Walk the record of a result back to the stamp `start`."""
    stack = [a._node for a in leaves(out) if isinstance(a, Tensor) and isinstance(a._node, Node)]
    outer: dict[Any, None] = {}
    inner = []
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.stamp < start:
            outer[node] = None
            continue
        inner.append(node)
        for i in node.needs:
            edge = node.inputs[i]
            if edge.__class__ is not Node:
                if edge._node is not None:  # no gradient flows to the argument that a transformation's variable copies
                    outer[edge] = None
            elif edge not in seen:
                seen.add(edge)
                stack.append(edge)
    inner.sort(key=stamp_of)
    return _Record(outer, [sample(a) for node in inner for a in _constants_of(node)], start)


def _constants_of(node: Node) -> Iterator[Any]:
    """Yield the arrays and numbers among an op's inputs and parameters that no gradient flows to."""
    values = node.saved[1:] if node.saved else node.inputs
    operands = [
        v if e.__class__ is Node else e
        for i, (e, v) in enumerate(zip(node.inputs, values, strict=True))
        if i not in node.needs
    ]
    for x in (*operands, *leaves(node.params)):
        a = x._data if isinstance(x, Tensor) else x
        if isinstance(a, (np.ndarray, np.generic, int, float, complex)):
            yield np.asarray(a)


def _pull_outputs(out: Any, gs: Sequence[Any], edges: list[Any], record: bool) -> tuple[Any, ...]:
    """Pull cotangents of a function's outputs, of which some have none, back to `edges`."""
    roots: dict[Any, Any] = {}
    for t, g in zip(leaves(out), gs, strict=True):
        if g is not None and isinstance(t, Tensor) and t.requires_grad:
            edge = edge_of(t)
            roots[edge] = roots[edge] + g if edge in roots else g
    gradients = cotangents(roots, set(edges), retain_graph=record, create_graph=record)
    return tuple(np.zeros(e.shape, e.dtype) if gradients.get(e) is None else gradients[e] for e in edges)
