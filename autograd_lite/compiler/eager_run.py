"""Eager runs of a compiled function, on Tensors as when it is traced, and the results of a traced run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.duck_arrays import copy_array, is_duck_array
from ..core.dynamic_scalars import plain_number
from ..core.indices import indices_in, with_indices
from ..core.mode import MODE, TAPES
from ..core.multi_result import Several
from ..core.node import LEAF, Node
from ..engine.walk import backward, edge_of
from ..ir.slot_nodes import is_slot, stands_for
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves
from .aliases import Spans
from .trace import Recording


def has_own_meaning(x: Any) -> bool:
    """Return whether an array is of a class that operators mean something else to, such as masked arrays."""
    return isinstance(x, np.ndarray) and x.__array_priority__ > 0


def run(f: Callable[..., Any], args: Any, kwargs: Any, gives_tensors: bool) -> Any:
    """Run a function on Tensors in place of arrays, and return arrays if all its arguments were arrays.

    Args:
        f: the function.
        args, kwargs: its arguments.
        gives_tensors: whether results are Tensors of arrays, too.
    """
    arguments = leaves((args, kwargs))
    if any(map(has_own_meaning, arguments)):
        return f(*args, **kwargs)
    inner, keywords = map_leaves(_as_tensor, (args, kwargs))
    out = f(*inner, **keywords)
    if gives_tensors or any(isinstance(x, Tensor) for x in arguments) or (TAPES and MODE.get().tape is not None):
        return out
    return map_leaves(_as_array, out)


def _as_tensor(x: Any) -> Any:
    if not isinstance(x, (np.ndarray, np.generic)) and not is_duck_array(x):
        return x
    t = wrap(np.asarray(x) if isinstance(x, np.ndarray) else x, None)
    t._shared = True  # it is the caller's
    return t


def _as_array(x: Any) -> Any:
    if x.__class__ is not Tensor or x.requires_grad:
        return x
    a = copy_array(x._data)
    return a[()] if isinstance(a, np.ndarray) else a


def hand_over(recording: Recording, slots: Sequence[Tensor], arguments: Sequence[Any]) -> None:
    """Do to the arguments what a traced function did to the leaves that stood for them."""
    assigned = {id(leaf) for leaf, _ in recording.assigned}
    changed = {id(leaf) for leaf, _ in recording.gradients}
    for slot, x in zip(slots, arguments, strict=True):
        if id(slot) in assigned:
            x.assign(wrap(slot._data, None))
        if id(slot) in changed:
            if x._node is LEAF:
                x._grad = slot._grad
            elif slot._grad is not None:
                backward(x, slot._grad)


class _Owning:
    """Puts the caller's arguments in place of the slots of a traced run, and copies in place of the caller's memory."""

    def __init__(self, recording: Recording, slots: Sequence[Tensor], arguments: Sequence[Any]) -> None:
        self.by_slot = {id(slot): x for slot, x in zip(slots, arguments, strict=True)}
        self._theirs = Spans(
            [x for x in (*arguments, *recording.program.bindings.values()) if isinstance(x, np.ndarray)]
        )
        self._copies: dict[int, Any] = {}

    def values(self, x: Any) -> Any:
        """Return what a rule reads."""
        if x.__class__ is Several:
            return Several.of(map(self.values, x), x.shape, x.dtype)
        if id(x) not in self._copies and self._theirs.meet(x):
            self._copies[id(x)] = np.array(x)
        return self._copies.get(id(x), plain_number(x))

    def edge(self, edge: Any) -> Any:
        """Return an edge."""
        x = stands_for(edge) if is_slot(edge) else edge
        x = self.by_slot.get(id(x), x)
        return edge_of(x) if isinstance(x, Tensor) else self.values(x)


def with_history(
    recording: Recording, results: Sequence[Tensor], slots: Sequence[Tensor], arguments: Sequence[Any], as_tensors: bool
) -> list[Any]:
    """Return the results of a traced run with the history that was recorded, in memory that is not the caller's.

    Args:
        recording: the run.
        results: the results, on its tape.
        slots: what stood for the arguments.
        arguments: the arguments.
        as_tensors: whether results without a history are Tensors.
    """
    owning = _Owning(recording, slots, arguments)
    stack = [edge for t in results if t.requires_grad and (edge := edge_of(t)).__class__ is Node]
    seen = set(stack)
    while stack:
        node: Any = stack.pop()
        if node.stamp < recording.start:
            continue
        before, node.inputs = node.inputs, tuple(map(owning.edge, node.inputs))
        out, *values = node.saved or (None, *before)  # a pass of the function's own may have freed a copy
        pairs = zip(values, before, node.inputs, strict=True)
        node.saved = (owning.values(out), *[new if value is old else owning.values(value) for value, old, new in pairs])
        node.params = with_indices(node.params, iter([np.array(index) for index in indices_in(node.params)]))
        new_edges = [edge for edge in node.inputs if edge.__class__ is Node and edge not in seen]
        seen.update(new_edges)
        stack += new_edges
    by_node: dict[Any, Any] = {}
    for t in results:
        if t._node.__class__ is Node and t.requires_grad and t._node not in by_node:
            by_node[t._node] = new = wrap(owning.values(t._data), t._node)
            new._shared = True

    def to_result(t: Tensor) -> Any:
        if not t.requires_grad:
            a = owning.values(t._data)
            return wrap(a, None) if as_tensors else np.array(a)[()]
        return owning.by_slot.get(id(t), t) if t._node is LEAF else by_node[t._node]

    return list(map(to_result, results))
