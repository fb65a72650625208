"""Tracing: a function runs once, while all that it does with Tensors is recorded, effects included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..core.depth import isolated
from ..core.errors import TraceError
from ..core.indices import IndexArray, edges_of, indices_in
from ..core.mode import TAPES, Mode, enter_mode, leave_mode, no_grad
from ..core.node import LEAF, Node, next_stamp, take_note, user_source
from ..core.op import Op
from ..core.shapes import ShapeDtype
from ..engine import edge_of
from ..ir.build import Built, built
from ..ir.graph import PureGraph
from ..ir.node import Kind
from ..ir.program import PureProgram
from ..ir.slots import is_slot, slot_tensor
from ..tensors.record import wrap
from ..tensors.tensor import Tensor, tensor
from ..tree import items, leaves
from .history import Cut, cut_of

_BOOL = np.dtype(np.bool_)


def _see(*arrays: Any, function: Callable[..., Any]) -> Any:
    function(*arrays)
    return np.False_


OBSERVE = Op("observe", _see, None, lambda *_, **__: ShapeDtype((), _BOOL))


class Assigned(NamedTuple):
    """An assignment to a leaf: when it was made, and a Tensor of the new values, of the leaf's shape and dtype."""

    stamp: int
    leaf: Tensor
    value: Tensor


class Recording:
    """The `Tape` of one run of a function.

    Attributes:
        effects: the random draws and what is observed, as Tensors.
        assignments: in order.
        gradients: the leaves whose `.grad` was used, by id, with what it was before.
        roots: the edges that `backward` was called on.
        outside: the Tensors from outside that ops have read, by id.
        overwritten: what the leaves that were assigned to held before, by id.
        backward: whether there was a backward pass.
        masks: whether it might have masked NaN although no operation was invalid.
        older: whether ops have read what an operation from outside made.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.effects: list[Tensor] = []
        self.assignments: list[Assigned] = []
        self.gradients: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.roots: list[Any] = []
        self.outside: dict[int, Tensor] = {}
        self.overwritten: dict[int, Any] = {}
        self.backward = self.masks = self.older = False
        self._began = next_stamp()
        self._inside: dict[int, Tensor] = {}
        self._name = getattr(f, "__name__", "the function")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record in this thread or task."""
        entry = enter_mode(self._begin)
        TAPES.add(self)
        try:
            yield
        finally:
            TAPES.discard(self)
            leave_mode(entry)

    def _begin(self, mode: Mode) -> None:
        mode.source, mode.tape = True, self

    # ---- the tape ---------------------------------------------------------------------------------------------------

    def read(self, edge: Any) -> None:
        """Note that an op reads a Tensor without history, or a leaf, or what a node has made."""
        if isinstance(edge, Node):
            self.older = self.older or self.is_older(edge)
        elif id(edge) not in self._inside:
            self.outside[id(edge)] = edge

    def is_older(self, edge: Any) -> bool:
        """Return whether this is the node of an operation from outside."""
        return isinstance(edge, Node) and edge.stamp < self._began and not is_slot(edge)

    def made(self, t: Any) -> None:
        """Note a Tensor that was made inside."""
        self._inside[id(t)] = t

    def captured(self, t: Any) -> bool:
        """Return whether a Tensor comes from outside."""
        return id(t) not in self._inside

    def drawn(self, node: Node, numbers: Any) -> None:
        """Note a draw."""
        self.effects.append(wrap(numbers, node))

    def observed(self, f: Callable[..., Any], edges: Sequence[Any]) -> None:
        """Note that a function sees values."""
        for edge in edges:
            if isinstance(edge, (Tensor, Node)):
                self.read(edge)
        node = Node(OBSERVE, tuple(edges), {"function": f}, None, (), (), _BOOL, take_note(""))
        self.effects.append(wrap(np.False_, node))

    def index(self, t: Any) -> IndexArray:
        """Return the values of a Tensor as an index that knows where they come from."""
        if t.dtype.kind == "b":
            self.left("t[mask], whose length depends on values")
        return IndexArray.of(np.array(t._data), edge_of(t))

    def left(self, how: str) -> NoReturn:
        """Refuse that a value becomes a Python value or an array."""
        place = user_source()
        where = f" at {place}" if place else ""
        raise TraceError(
            f"compile: expected {self._name} to compute with Tensors alone; received{where} {how}, which asks for a "
            "value. The compiled code would keep this one value for ever. Write np.where(a, b, c) in place of `if a`; "
            "give the function a Python number, a constant of the code, in place of an array that decides what it "
            "does; and compute what must be a Python value outside of it"
        )

    def assigned(self, leaf: Any, value: Any) -> None:
        """Note an assignment."""
        if id(leaf) not in self.overwritten:
            self.overwritten[id(leaf)] = leaf._data.copy("K") if leaf.ndim else leaf._data
        with no_grad():
            new: Any = value if isinstance(value, Tensor) else tensor(value)
            new = new if new.dtype == leaf.dtype else new.astype(leaf.dtype)
            new = new if new.shape == leaf.shape else np.broadcast_to(new, leaf.shape)
        self.assignments.append(Assigned(next_stamp(), leaf, new))

    def accumulated(self, leaf: Any) -> None:
        """Note that `.grad` is used."""
        self.gradients.setdefault(id(leaf), (leaf, getattr(leaf, "_grad", None)))

    def ended(self, root: Any) -> None:
        """Note a call of `backward`."""
        self.roots.append(root)

    def passed_back(self, masks: bool) -> None:
        """Note a backward pass."""
        self.backward, self.masks = True, self.masks or masks


class Traced(NamedTuple):
    """What one run of a function did.

    Attributes:
        program: what it computed.
        out: what it returned.
        results: the ids of the Tensors in that.
        cut: what a later backward pass would go through, if it could reach an argument or a captured Tensor.
        saved: the ids of what that would read.
        obstacle: the reason why the function cannot be replayed, or "".
        assigned: the leaves that were assigned to, each with the id of what it holds in the end.
        gradients: the leaves whose `.grad` changed, each with the id of the gradient, or None.
        before: the leaves whose `.grad` was used, each with what it was before.
        captured: the Tensors from outside that ops have read.
        overwritten: what the leaves held that were assigned to, by id.
        effects: the ids of the random draws and of what is observed.
        fixed: the ids of slots that will always hold what they hold.
        backward: whether there was a backward pass.
        masks: whether it might have masked NaN although no operation was invalid.
    """

    program: PureProgram
    out: Any
    results: tuple[str, ...]
    cut: Cut | None
    saved: tuple[str, ...]
    obstacle: str
    assigned: tuple[tuple[Tensor, str], ...]
    gradients: tuple[tuple[Tensor, str | None], ...]
    before: tuple[tuple[Tensor, Tensor | None], ...]
    captured: tuple[Tensor, ...]
    overwritten: dict[int, Any]
    effects: tuple[str, ...]
    fixed: frozenset[str]
    backward: bool
    masks: bool


def difference(first: Traced, second: Traced) -> str:
    """Return what two runs on arguments of one kind did differently, apart from their data; "" if nothing."""
    if (a := first.program.graph) != (b := second.program.graph):
        pairs = zip(a.nodes, b.nodes, strict=False)
        place = next(
            (n for n, m in pairs if n != m), (a.nodes if len(a) > len(b) else b.nodes)[min(len(a), len(b)) - 1]
        )
        where = f" at {place.source}" if place.source else ""
        return f"{place.op or 'a constant'}{where} is another computation, or has another number in it"
    for i in a:
        x, y = (p.bindings.get(i.id) for p in (first.program, second.program))
        if i.kind is Kind.OP or i.weak or x is y or i.id in first.program.inputs:
            continue  # of a weak number the graph holds the value
        x, y = (t._data if isinstance(t, Tensor) else t for t in (x, y))
        if not (isinstance(x, (np.ndarray, np.generic)) and isinstance(y, (np.ndarray, np.generic))):
            return f"{i.name or 'a captured value'} is another object"
        if x.tobytes() != y.tobytes():
            return f"{i.name or 'an array'} of shape {x.shape}, made inside, has other values"
    return "" if _plain(first.out) == _plain(second.out) else "it returned something else than Tensors, which differs"


def _plain(out: Any) -> Any:
    """Return what a function returned that is not a Tensor."""
    return [(path, None if isinstance(x, Tensor) else x) for path, x in items(out)]


def slot_of(a: Any) -> tuple[Tensor, Tensor]:
    """Return the Tensor that stands for an argument in the program, and the one that the function is given."""
    t = wrap(a._data if isinstance(a, Tensor) else a, None)
    return t, slot_tensor(t, t._data)


def leaf_of(a: Tensor) -> tuple[Tensor, Tensor]:
    """As `slot_of` for an argument that requires a gradient: a leaf is both."""
    t = wrap(a._data, LEAF)
    t._name, t._stamp, t._shared = a.name, 0, True
    t._grad = getattr(a, "_grad", None) if a._node is LEAF else None
    return t, t


def trace(f: Callable[..., Any], slots: Sequence[Tensor], call: Callable[[], Any]) -> Traced:
    """Run a function once, and return what it did.

    Args:
        f: the function, for its name.
        slots: the Tensors that stand for the arguments; see `slot_of` and `leaf_of`.
        call: runs the function.
    """
    recording = Recording(f)
    with recording.running(), isolated():
        out = call()
    results = [t for t in leaves(out) if isinstance(t, Tensor)]
    before = tuple(recording.gradients.values())
    gradients = [(leaf, leaf.grad) for leaf, g in before if leaf.grad is not g]
    last = {id(a.leaf): a for a in recording.assignments}
    obstacle = _obstacle(recording, results, slots)
    wanted = [*results, *(a.value for a in last.values()), *(g for _, g in gradients if g is not None)]
    wanted = [_at_the_end(t, last) for t in [*wanted, *recording.effects]]
    if not obstacle:
        _read_latest(wanted, recording.assignments)
    cut = None
    if _lead_out(results, recording.roots):
        cut = cut_of(results, slots, lambda t: _is_fixed(t, recording, last), recording.is_older)
        wanted += cut.outputs
    made = built(wanted) if wanted and not obstacle else Built(PureGraph((), ()), {}, {})
    for leaf, g in gradients:
        leaf._grad = None if g is None else wrap(g._data, None)
    ids = iter(made.graph.outputs)
    slot_ids = {id(thing): i for i, thing in made.things.items() if isinstance(thing, Tensor)}
    given = {id(t) for t in slots}

    def some(n: int) -> tuple[str, ...]:
        return tuple(islice(ids, n))

    return Traced(
        program=PureProgram._of(made, [slot_ids.get(id(t)) for t in slots], [], []),
        out=out,
        results=some(len(results)),
        assigned=tuple((a.leaf, next(ids, "")) for a in last.values()),
        gradients=tuple((leaf, None if g is None else next(ids, "")) for leaf, g in gradients),
        effects=some(len(recording.effects)),
        saved=() if cut is None else some(len(cut.outputs)),
        cut=cut,
        obstacle=obstacle,
        before=before,
        captured=tuple(t for i, t in recording.outside.items() if i not in given),
        overwritten=recording.overwritten,
        fixed=frozenset(i for i, t in made.things.items() if _is_fixed(t, recording, last)),
        backward=recording.backward,
        masks=recording.masks,
    )


def _obstacle(recording: Recording, results: Sequence[Tensor], slots: Sequence[Tensor]) -> str:
    """Return the reason why a function cannot be replayed, or ""."""
    if recording.older:
        return (
            "it reads a captured tensor that has a history, which would be computed once and for all. Pass that as an "
            "argument"
        )
    leaves_of = {id(t) for t in slots if t._node is LEAF}
    if leaves_of & recording.gradients.keys() or any(id(a.leaf) in leaves_of for a in recording.assignments):
        return "it changes an argument that requires a gradient, or its .grad. Capture that in place of passing it"
    if not _lead_out(results, recording.roots):
        return ""
    if any(a.leaf._node is LEAF for a in recording.assignments):
        return (
            "a result has a history that leads to a captured tensor, and the function changes one. Call backward inside"
        )
    ended = _reached(recording.roots, set())
    if ended and not ended.isdisjoint(_reached([edge_of(t) for t in results if t.requires_grad], set())):
        return "a result has a history of which the function's own call of backward has freed a part"
    return ""


def _is_fixed(thing: Any, recording: Recording, last: dict[int, Assigned]) -> bool:
    """Return whether a slot was filled inside, and not changed afterwards."""
    return isinstance(thing, Tensor) and thing._node is None and not recording.captured(thing) and id(thing) not in last


def _at_the_end(t: Tensor, last: dict[int, Assigned]) -> Tensor:
    """Return a Tensor that holds what `t` holds in the end."""
    while (assigned := last.get(id(t))) is not None:
        t = assigned.value
    return t


def _read_latest(results: Iterable[Tensor], assignments: Iterable[Assigned]) -> None:
    """Let every node that read a leaf after an assignment read what was assigned."""
    by_leaf: dict[int, list[Assigned]] = {}
    for assigned in assignments:
        by_leaf.setdefault(id(assigned.leaf), []).insert(0, assigned)
    if not by_leaf:
        return

    def latest(edge: Any, stamp: int) -> Any:
        while isinstance(edge, Tensor):
            value = next((a.value for a in by_leaf.get(id(edge), ()) if a.stamp < stamp), None)
            if value is None:
                break
            edge = edge_of(value)
        return edge

    stack = [edge for t in results if (edge := edge_of(t)).__class__ is Node]
    seen = set(stack)
    while stack:
        node: Any = stack.pop()
        node.inputs = tuple([latest(edge, node.stamp) for edge in node.inputs])
        for index in indices_in(node.params):
            index.edge = latest(index.edge, node.stamp)
        for edge in edges_of(node):
            if edge.__class__ is Node and edge not in seen:
                seen.add(edge)
                stack.append(edge)


def _lead_out(results: Sequence[Tensor], roots: Sequence[Any]) -> bool:
    """Return whether gradients flow from results to leaves from outside, on a way that no `backward` has ended."""
    ended = _reached(roots, set())
    found = _reached([edge_of(t) for t in results if t.requires_grad], ended)
    return any(isinstance(edge, Tensor) and edge._node is LEAF for edge in found)


def _reached(edges: Iterable[Any], ended: set[Any]) -> set[Any]:
    """Return the edges that gradients reach from these, which are included, without those where a way ends."""
    stack = [edge for edge in edges if edge not in ended]
    found = set(stack)
    while stack:
        node = stack.pop()
        for i in node.needs if node.__class__ is Node else ():
            edge = node.inputs[i]
            if edge not in found and edge not in ended:
                found.add(edge)
                stack.append(edge)
    return found
