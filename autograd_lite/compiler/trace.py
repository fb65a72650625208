"""Tracing: a function runs once while everything it does with Tensors is recorded, effects included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import TraceError
from ..core.indices import IndexArray
from ..core.mode import TAPES, Mode, enter_mode, leave_mode, no_grad
from ..core.node import LEAF, Node, next_stamp, user_source
from ..engine import edge_of
from ..ir.build import Built, built
from ..ir.graph import PureGraph
from ..ir.program import PureProgram
from ..ir.slots import slot_tensor
from ..tensors.record import wrap
from ..tensors.tensor import Tensor, tensor
from ..tree import leaves


class Assigned(NamedTuple):
    """An assignment to a leaf: when it was made, and the Tensor of the new values, of the leaf's shape and dtype."""

    stamp: int
    leaf: Tensor
    value: Tensor


class Recording:
    """The `Tape` of one run of a function.

    Attributes:
        began: the moment when it began.
        draws: the random draws, as Tensors.
        assigned: the assignments, in order.
        gradients: the leaves whose `.grad` was used, by id, with what it was before.
        seen: the Tensors without history and the leaves that ops have read, by id.
        masks: whether the backward pass of an eager run may have to mask NaN.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = next_stamp()
        self.draws: list[Tensor] = []
        self.assignments: list[Assigned] = []
        self.gradients: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.seen: dict[int, Tensor] = {}
        self.backward = self.masks = False
        self.roots: list[Any] = []
        self._made: dict[int, Tensor] = {}

    def drawn(self, node: Node, numbers: Any) -> None:
        """Note a random draw."""
        self.draws.append(wrap(numbers, node))

    def left(self, how: str) -> None:
        """Refuse that a value leaves."""
        place = user_source()
        where = f" at {place}" if place else ""
        raise TraceError(
            f"compile: {self.name} asked for the value of a Tensor{where}: {how}. The compiled code would keep this one "
            "value for ever. Use operations on Tensors: np.where(condition, a, b) in place of `if`; pass a number that "
            "decides which code runs as an argument of its own, as a Python number; compute what must be a Python "
            "value outside of the function"
        )

    def assigned(self, leaf: Any, value: Any) -> None:
        """Note an assignment."""
        with no_grad():
            new = value if isinstance(value, Tensor) else tensor(value)
            if new.dtype != leaf.dtype:
                new = new.astype(leaf.dtype)
            if new.shape != leaf.shape:
                new = np.broadcast_to(new, leaf.shape)
        self.assignments.append(Assigned(next_stamp(), leaf, new))

    def read(self, t: Any) -> None:
        """Note a Tensor from outside."""
        self.seen[id(t)] = t

    def accumulated(self, leaf: Any) -> None:
        """Note that `.grad` is used; what it was at first is read again at every replay."""
        if id(leaf) not in self.gradients:
            self.gradients[id(leaf)] = leaf, getattr(leaf, "_grad", None)

    def made(self, t: Any) -> None:
        """Note a Tensor that does not come from outside."""
        self._made[id(t)] = t

    def captured(self, t: Any) -> bool:
        """Return whether a Tensor without history comes from outside."""
        return id(t) not in self._made

    def ended(self, root: Any) -> None:
        """Note a call of `backward`, with the edge of its root."""
        self.roots.append(root)

    def passed_back(self, masks: bool) -> None:
        """Note a backward pass."""
        self.backward = True
        self.masks = self.masks or masks

    def index(self, t: Any) -> Any:
        """Return an array that tells which Tensor it is."""
        if t.dtype.kind == "b":
            self.left("t[mask], whose length depends on values")
        array = np.array(t._data).view(IndexArray)
        array.edge = edge_of(t)
        return array

    def _begin(self, mode: Mode) -> None:
        mode.source, mode.tape = True, self

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record in this thread, or task."""
        entry = enter_mode(self._begin)
        TAPES.add(self)
        try:
            yield
        finally:
            TAPES.discard(self)
            leave_mode(entry)


class Traced(NamedTuple):
    """What one run of a function did.

    Attributes:
        program: what it computed.
        out: what it returned.
        results: the ids of the Tensors in it.
        assigned: the leaves that were given new values, with the ids of the last ones.
        history: whether a result has a history that a later backward pass may follow.
        gradients: the leaves whose `.grad` changed, with the id of the gradient, or None.
        before: the leaves whose `.grad` was used, with what it was before.
        captured: the Tensors from outside that ops have read.
        draws: the ids of the random draws.
        backward: whether there was a backward pass.
        masks: whether NaN in it may have to be masked although nothing was invalid.
    """

    program: PureProgram
    out: Any
    results: tuple[str, ...]
    history: bool
    assigned: tuple[tuple[Tensor, str], ...]
    gradients: tuple[tuple[Tensor, str | None], ...]
    before: tuple[tuple[Tensor, Tensor | None], ...]
    captured: tuple[Tensor, ...]
    draws: tuple[str, ...]
    backward: bool
    masks: bool


def trace(f: Callable[..., Any], slots: Sequence[Tensor], call: Callable[[], Any]) -> Traced:
    """Run a function once, and return what it did.

    Args:
        f: the function, for its name.
        slots: the Tensors that stand for the arguments, see `slot_of`.
        call: runs the function on what stands for them.
    """
    recording = Recording(getattr(f, "__name__", "the function"))
    with recording.running():
        out = call()
    results = [t for t in leaves(out) if isinstance(t, Tensor)]
    last = {id(a.leaf): a for a in recording.assignments}
    gradients = [(leaf, leaf.grad) for leaf, before in recording.gradients.values() if leaf.grad is not before]
    wanted = [
        *results,
        *(a.value for a in last.values()),
        *(g for _, g in gradients if g is not None),
        *recording.draws,
    ]
    wanted = [_now(t, last) for t in wanted]
    _read_latest(wanted, recording)
    made = built(wanted) if wanted else Built(PureGraph((), ()), {}, {})
    for leaf, g in gradients:
        if g is not None:
            leaf._grad = wrap(g._data, None)
    outputs = iter(made.graph.outputs)
    ids = {id(thing): i for i, thing in made.things.items() if isinstance(thing, Tensor)}
    program = PureProgram._of(made, [ids.get(id(t)) for t in slots], [], [])
    return Traced(
        program,
        out,
        tuple(next(outputs) for _ in results),
        _lead_out(results, recording.roots),
        tuple((a.leaf, next(outputs)) for a in last.values()),
        tuple((leaf, None if g is None else next(outputs)) for leaf, g in gradients),
        tuple((leaf, before) for leaf, before in recording.gradients.values()),
        tuple(t for t in recording.seen.values() if recording.captured(t) and not any(t is slot for slot in slots)),
        tuple(next(outputs) for _ in recording.draws),
        recording.backward,
        recording.masks,
    )


def _lead_out(results: Sequence[Tensor], roots: Sequence[Any]) -> bool:
    """Return whether a gradient flows from results to a leaf from outside, by a way that no `backward` has ended."""
    seen = _reached([edge for edge in roots], set())
    found = _reached([edge_of(t) for t in results if t.requires_grad], seen)
    return any(isinstance(e, Tensor) and e._node is LEAF for e in found)


def _reached(edges: Iterable[Any], seen: set[Any]) -> set[Any]:
    """Return the edges that gradients reach, those given included, without those already seen."""
    stack = [e for e in edges if e not in seen]
    found = set(stack)
    while stack:
        edge = stack.pop()
        for i in edge.needs if edge.__class__ is Node else ():
            e = edge.inputs[i]
            if e not in found and e not in seen:
                found.add(e)
                stack.append(e)
    return found


def slot_of(a: Any) -> tuple[Tensor, Tensor]:
    """Return the Tensor that stands for an argument, and the one that the function is given."""
    t = wrap(a._data if isinstance(a, Tensor) else a, None)
    return t, slot_tensor(t, t._data)


def _now(t: Tensor, last: dict[int, Assigned]) -> Tensor:
    """Return the Tensor that holds what `t` holds at the end."""
    while (a := last.get(id(t))) is not None:
        t = a.value
    return t


def _read_latest(results: Iterable[Tensor], recording: Recording) -> None:
    """Let every node that read a leaf after an assignment read what was assigned."""
    by_leaf: dict[int, list[Assigned]] = {}
    for a in recording.assignments:
        by_leaf.setdefault(id(a.leaf), []).append(a)
    if not by_leaf:
        return

    def at(edge: Any, stamp: int) -> Any:
        while isinstance(edge, Tensor):
            value = next((a.value for a in reversed(by_leaf.get(id(edge), ())) if a.stamp < stamp), None)
            if value is None:
                break
            edge = edge_of(value)
        return edge

    stack = [e for t in results if (e := edge_of(t)).__class__ is Node]
    seen = set(stack)
    while stack:
        node = stack.pop()
        node.inputs = tuple(at(e, node.stamp) for e in node.inputs)
        for e in node.inputs:
            if e.__class__ is Node and e not in seen:
                seen.add(e)
                stack.append(e)
