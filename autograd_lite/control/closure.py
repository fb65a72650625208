"""From a function to a `Body`: it runs once, and what it reads from around it becomes arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..compiler.trace import slot_of
from ..core.depth import isolated
from ..core.indices import IndexArray, edges_of, indices_in
from ..core.live import Live
from ..core.mode import Mode, enter_mode, leave_mode
from ..core.node import Node
from ..engine import edge_of
from ..functional.batched import Batched
from ..ir.build import NOTHING, built
from ..ir.program import PureProgram
from ..ir.recording import Recording
from ..random import rehearse_draws
from ..tensors.lifted import Lifted, face
from ..tensors.record import wrap
from ..tensors.tensor import Tensor, tensor
from ..tree import leaves, map as map_leaves, rebuild
from .bodies import Body, widened


class HasEffects(Exception):
    """Raised where a function that is being closed is about to change something outside of it."""


class Closed(NamedTuple):
    """A function as data.

    Attributes:
        body: takes the leaves of the arguments, and then what is captured.
        out: what the function returned, with 0 for every array.
        captured: the Tensors from around the function that it reads.
    """

    body: Body
    out: Any
    captured: list[Tensor]


def example_of(a: Any) -> Any:
    """Return plain values of the shape and the dtype of an argument, whatever transformations it belongs to."""
    if isinstance(a, Tensor):
        return example_of(a._data)
    if isinstance(a, Batched):
        every = example_of(a.array)
        return every[0] if len(every) else np.zeros(every.shape[1:], every.dtype)
    return example_of(a.example) if isinstance(a, Lifted) else a


class _Closing(Recording):
    """The record of a function, and all that it reads from around it.

    Attributes:
        what: the caller, for messages.
        replaced: for each edge from before, the Tensor around it and the slot that takes its place.
    """

    rehearses = True

    def __init__(self, what: str, f: Callable[..., Any]) -> None:
        super().__init__(f, what)
        self.replaced: dict[Any, tuple[Tensor, Tensor]] = {}
        self.what = what
        self._lowered: dict[int, Tensor] = {}

    def read(self, edge: Any, value: Any = None) -> None:
        """Note that an op reads something, be it from before the function."""
        if edge.__class__ is not Node:
            super().read(edge)
        elif edge.stamp < self.began and edge not in self.replaced:
            self.replaced[edge] = face(value, edge), slot_of(example_of(value))[1]

    def lowered(self, t: Any) -> Any:
        """Return a slot in place of a Tensor of a transformation around the function."""
        if not isinstance(t, Tensor) or not isinstance(t._data, Lifted) or t._data.level.stamp > self.began:
            return t
        slot = self._lowered.get(id(t))
        if slot is None:
            _, slot = self.replaced[t] = t, slot_of(example_of(t))[1]
            self._lowered[id(t)] = slot
        return slot

    def taken(self, x: Any) -> Tensor:
        """Return a leaf of the result as a Tensor of this record."""
        if not isinstance(x, (Tensor, np.ndarray, np.generic, bool, int, float, complex)):
            raise TypeError(
                f"{self.what}: expected {self._name} to return arrays and containers of arrays; received "
                f"{type(x).__name__}"
            )
        if not isinstance(x, Tensor):
            return tensor(x)
        x = self.lowered(x)
        node = x._node
        if node.__class__ is Node and node.stamp < self.began:
            self.read(node, x._data)
            return self.replaced[node][1]
        if edge_of(x) is x:
            self.read(x)
        return x

    def index(self, t: Any) -> IndexArray:
        """Return the values of a Tensor as an index."""
        t = self.lowered(t)
        found = super().index(t)
        self.taken(t)
        return found

    def assigned(self, leaf: Any, value: Any) -> bool:
        """Refuse an assignment to what comes from around the function."""
        if leaf._node.__class__ is not Node or leaf._node.stamp < self.began:
            raise HasEffects
        return super().assigned(leaf, value)

    def accumulated(self, leaf: Any) -> None:
        """Refuse to use `.grad` of a Tensor from around the function."""
        if self.captured(leaf):
            raise HasEffects


def close(what: str, f: Callable[..., Any], args: tuple[Any, ...]) -> Closed:
    """Run a function once on examples of its arguments, so that nothing outside notices, and return it as data.

    Args:
        what: the caller, for messages.
        f: the function.
        args: trees whose leaves are Tensors, arrays or NumPy's numbers.

    Raises:
        HasEffects: if the function changes something outside.
        TraceError: if it asks for a value.
    """
    recording = _Closing(what, f)
    tree: list[Any] = []

    def flat(*values: Tensor) -> list[Any]:
        tree.append(f(*rebuild(args, iter(values))))
        return leaves(tree[0])

    body, captured = _run(recording, flat, [example_of(a) for a in leaves(args)], {})
    return Closed(body, map_leaves(lambda _: 0, tree[0]), captured)


def aligned(parts: Sequence[Closed], n: int) -> tuple[list[Body], list[Tensor]]:
    """Let functions of the same n arguments capture the same Tensors: all that one of them does."""
    captured = list({id(t): t for part in parts for t in part.captured}.values())
    position = {id(t): n + k for k, t in enumerate(captured)}
    examples = [*parts[0].body.examples[:n], *map(example_of, captured)]
    return [
        widened(part.body, [*range(n), *(position[id(t)] for t in part.captured)], examples) for part in parts
    ], captured


def recorded(
    name: str, function: Callable[..., list[Tensor]], examples: Sequence[Any], stands_for: dict[Any, Any] | None = None
) -> Body:
    """Return what a function does as a body.

    Args:
        name: of the body.
        function: of Tensors; it reads nothing else.
        examples: of its arguments.
        stands_for: receives nodes for which others are to be read.
    """
    recording = _Closing(name, function)
    recording.outside = _Nothing()  # whatever has no history is a constant that an op has made
    body, _ = _run(recording, function, examples, {} if stands_for is None else stands_for)
    return body


class _Nothing(dict[int, Tensor]):
    """Forgets."""

    def __setitem__(self, key: int, t: Tensor) -> None:
        """Forget."""


def _run(
    recording: _Closing, function: Callable[..., list[Any]], examples: Sequence[Any], stands_for: dict[Any, Any]
) -> tuple[Body, list[Tensor]]:
    pairs = [slot_of(a) for a in examples]
    with isolated(), rehearse_draws(), np.errstate(all="ignore"), recording.running():
        results = [recording.taken(x) for x in function(*[inner for _, inner in pairs])]
    return body_of(recording, [t for t, _ in pairs], results, stands_for)


def body_of(
    recording: _Closing, slots: Sequence[Tensor], results: Sequence[Tensor], stands_for: dict[Any, Any]
) -> tuple[Body, list[Tensor]]:
    """Return what was recorded as a body, and what it captured, which are its last arguments."""
    wanted = [*results, *recording.effects]
    if recording.hosts.steps or recording.hosts.puts:
        raise HasEffects
    slot_nodes = {edge: edge_of(slot) for edge, (_, slot) in recording.replaced.items() if edge.__class__ is Node}
    _cut(wanted, {**slot_nodes, **stands_for})
    entry = enter_mode(_untaped)
    try:
        made = built(wanted, values=False) if wanted else NOTHING
    finally:
        leave_mode(entry)
    if any(thing.__class__ is Live for thing in made.things.values()):
        raise HasEffects  # a number of the function around, which Python computes
    ids = {id(thing): i for i, thing in made.things.items() if isinstance(thing, Tensor)}
    replaced = [(given, edge_of(slot).params["value"]) for given, slot in recording.replaced.values()]
    own = {id(t) for t in slots} | {id(slot) for _, slot in replaced}
    outside = [(t, t) for t in recording.outside.values() if id(t) in ids and id(t) not in own]
    captured = [pair for pair in [*replaced, *outside] if id(pair[1]) in ids]
    inputs = [*slots, *(slot for _, slot in captured)]
    known = own | {id(t) for _, t in captured}
    fixed = frozenset(i for t, i in ids.items() if t not in known)
    program = replace(PureProgram._of(made, [ids.get(id(t)) for t in inputs], [], []), fixed=fixed)
    # A body may live longer than what it was made from.
    bindings = {
        i: wrap(thing._data, None) if isinstance(thing, Tensor) else thing for i, thing in program.bindings.items()
    }
    for _, _, params in program.calls.values():
        for index in indices_in(params):
            index.edge = None
    program = replace(program, bindings=MappingProxyType(bindings))
    n = len(results)
    body = Body(recording.what, program, made.graph.outputs[:n], made.graph.outputs[n:], [t._data for t in inputs])
    return body, [given for given, _ in captured]


def _untaped(mode: Mode) -> None:
    mode.tape = None


def _cut(results: Sequence[Tensor], replaced: dict[Any, Any]) -> None:
    """Let the slots take the place of edges from before, wherever they are read."""
    for t in results:
        t._node = replaced.get(t._node, t._node) if t._node.__class__ is Node else t._node
    stack = [t._node for t in results if t._node.__class__ is Node]
    seen = set(stack)
    while stack:
        node: Any = stack.pop()
        node.inputs = tuple([replaced.get(e, e) if e.__class__ is Node else e for e in node.inputs])
        for index in indices_in(node.params):
            if index.edge.__class__ is Node:
                index.edge = replaced.get(index.edge, index.edge)
        for edge in edges_of(node):
            if edge.__class__ is Node and edge not in seen:
                seen.add(edge)
                stack.append(edge)
