"""The tape of one run of a function: all that it does with Tensors is recorded, effects included."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn
from weakref import ref

import numpy as np

from ..core.errors import TraceError, more_on
from ..core.indices import IndexArray, edges_of, indices_in
from ..core.mode import MODE, TAPES, Mode, enter_mode, leave_mode, no_grad, restore_mode
from ..core.node import Node, next_stamp, take_note, user_source
from ..core.observers import Trial
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import edge_of
from ..tensors.record import wrap
from ..tensors.tensor import Tensor, tensor
from ..tensors.tracers import TracedTensor
from .captured_arrays import CapturedArrays
from .host_record import HostState
from .observing import see
from .slot_nodes import is_slot

_BOOL = np.dtype(np.bool_)


def _see(*arrays: Any, function: Callable[..., Any]) -> Any:
    see(function, *arrays)
    return np.False_


_INSTEAD = "Compute with Tensors, and with Python's operators on numbers; or before the call, and pass it what is found"


class HasEffects(Exception):
    """Raised where code is about to change something outside of it that must not."""


class Outside:
    """The host state of code that must not change it: any use raises."""

    final = False

    def undo(self) -> None:
        """Do nothing, since nothing was done."""

    def __getattr__(self, name: str) -> NoReturn:
        raise HasEffects


OBSERVE = Op("observe", _see, None, lambda *_, **__: ShapeDtype((), _BOOL))


class Assigned(NamedTuple):
    """An assignment to a leaf: when it was made, and a Tensor of the new values, of the leaf's shape and dtype."""

    stamp: int
    leaf: Tensor
    value: Tensor


class Recorder:
    """The `Tape` of one run of a function.

    Args:
        f: the function, for its name.
        speaker: what runs it, for errors.

    Attributes:
        effects: the random draws and observations, as Tensors.
        assignments: in order.
        written: the Tensors from outside that were written in place, which NumPy's views of them see, once each time.
        gradients: the leaves whose `.grad` was used, by id, with their `.grad` before.
        roots: the edges that `backward` was called on.
        outside: the Tensors from outside that ops have read, by id.
        host_state: everything read and put back outside of Tensors.
        operands: where ops take arrays that are not Tensors, if that is noted.
        overwritten: what the leaves that were assigned to held before, by id.
        backward: whether there was a backward pass.
        returned: the moment when the last one ended.
        masks: whether it might have masked NaN although no operation was invalid.
        older: whether ops have read what an operation from outside made.
        trial: see `Tape`.
        is_pure: whether nothing outside may change.
        seeds: whether it sets a stream of random numbers to another place.
    """

    rehearses = derives = False

    def __init__(self, f: Callable[..., Any], speaker: str = "compile", memo: dict[Any, Any] | None = None) -> None:
        self.effects: list[Tensor] = []
        self.assignments: list[Assigned] = []
        self.written: list[Tensor] = []
        self.gradients: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.roots: list[Any] = []
        self.outside: dict[int, Tensor] = {}
        self.overwritten: dict[int, Any] = {}
        this = ref(self)  # the host state outlives the tape
        self.host_state = HostState(lambda how, instead: this().refuse_exit(how, instead), memo)  # type: ignore[union-attr]
        self.operands: CapturedArrays | None = None
        self.backward = self.masks = self.older = False
        self.returned = 0
        self.trial: Trial | None = None
        self.is_pure, self.seeds = self.rehearses, False
        self.began = next_stamp()
        self._inside: dict[int, Tensor] = {}
        self._name, self._speaker = getattr(f, "__name__", "the function"), speaker

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record in this thread or task."""
        around = MODE.get()
        entry = enter_mode(self._begin)
        try:
            try:
                TAPES.add(self)
                yield
            finally:
                TAPES.discard(self)
                leave_mode(entry)
        except BaseException:  # an interrupt may keep a block inside from ending
            restore_mode(around)
            raise

    def _begin(self, mode: Mode) -> None:
        mode.source, mode.tape = True, self

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Run a part of the function that changes nothing outside, and forget it if it raises."""
        before: dict[str, Any] = {
            name: x.copy() if isinstance(x, (list, dict)) else x for name, x in vars(self).items()
        }
        try:
            self.trial, self.is_pure, self.host_state = Trial(next_stamp(), MODE.get().note), True, Outside()  # type: ignore[assignment]
            yield
        except BaseException:
            vars(self).update(before)
            raise
        finally:
            self.trial, self.is_pure, self.host_state = before["trial"], before["is_pure"], before["host_state"]

    def lower(self, t: Any) -> Any:
        """Return a Tensor as it is."""
        return t

    # ---- the tape ---------------------------------------------------------------------------------------------------

    def read(self, edge: Any, value: Any = None) -> None:
        """Note that an op reads a Tensor without history, or a leaf, or what a node has made."""
        if isinstance(edge, Node):
            self.older = self.older or self.is_older(edge)
        elif id(edge) not in self._inside:
            self.outside[id(edge)] = edge

    def note_borrowed(self, a: Any) -> None:
        """Note that an op takes an array that is not a Tensor's."""
        if self.operands is not None:
            self.operands.took(a)

    def is_older(self, edge: Any) -> bool:
        """Return whether this is the node of an operation from outside."""
        return isinstance(edge, Node) and edge.stamp < self.began and not is_slot(edge)

    def note_tensor(self, t: Any) -> None:
        """Note a Tensor that was made inside."""
        self._inside[id(t)] = t

    def is_captured(self, t: Any) -> bool:
        """Return whether a Tensor comes from outside; one of a transformation that runs inside does not."""
        if isinstance(t, TracedTensor):
            return bool(t._data.level.stamp < self.began)
        return id(t) not in self._inside

    def note_draw(self, node: Node, numbers: Any) -> None:
        """Note a draw."""
        if self.trial is not None:  # whose numbers would be others
            raise HasEffects
        self.effects.append(wrap(numbers, node))

    def does_more(self, t: Tensor) -> None:
        """Note the result of an op that has effects."""
        self.effects.append(t)

    def note_observer(self, f: Callable[..., Any], edges: Sequence[Any]) -> None:
        """Note that a function sees values."""
        for edge in edges:
            if isinstance(edge, (Tensor, Node)):
                self.read(edge)
        node = Node(OBSERVE, tuple(edges), {"function": f}, None, (), (), _BOOL, take_note(""))
        self.effects.append(wrap(np.False_, node))

    def index(self, t: Any) -> IndexArray:
        """Return the values of a Tensor as an index that knows where they come from."""
        if t.dtype.kind == "b":
            self.refuse_exit(
                "t[mask], whose length depends on values",
                "Write np.where(mask, t, 0), which keeps the shape, and divide a sum by mask.sum() for a mean",
            )
        return IndexArray.of(np.array(t._data), edge_of(t))

    def refuse_exit(self, how: str, instead: str = "") -> NoReturn:
        """Refuse that a value becomes a Python value or an array."""
        place = user_source()
        where = f" at {place}" if place else ""
        raise TraceError(
            f"{self._speaker}: expected {self._name} to compute with Tensors alone; received {how}{where}, which asks "
            f"for a value: later calls would use the one of this call. {instead or _INSTEAD}"
            + more_on("value-in-a-compiled-function")
        )

    def note_assignment(self, leaf: Any, value: Any) -> bool:
        """Note an assignment; one to a Tensor made here binds it to the new values."""
        is_made = leaf._node.__class__ is Node
        if self.is_pure and not (is_made and leaf._node.stamp > (self.trial or self).began):
            raise HasEffects
        if not is_made and id(leaf) not in self.overwritten:
            held = leaf._data
            self.overwritten[id(leaf)] = held.copy("K") if held.__class__ is np.ndarray else held
        with no_grad():
            new: Any = value if isinstance(value, Tensor) else tensor(value)
            new = new if new._node.__class__ is Node else new.copy()  # the values that a leaf has now
            new = new if new.dtype == leaf.dtype else new.astype(leaf.dtype)
            new = new if new.shape == leaf.shape else np.broadcast_to(new, leaf.shape)
            new = new.detach() if is_made and new.requires_grad else new
        if is_made:
            leaf._data, leaf._node, leaf._shared = new._data, new._node, True
        else:
            self.assignments.append(Assigned(next_stamp(), leaf, new))
        return is_made

    def note_seed(self) -> None:
        """Note that a stream of random numbers is set to another place."""
        if self.is_pure:
            raise HasEffects
        self.seeds = True

    def writes(self, t: Any) -> None:
        """Note that the next assignment is a write in place."""
        self.written.append(t)

    def note_gradient(self, leaf: Any) -> None:
        """Note that `.grad` is used."""
        if self.is_pure and self.is_captured(leaf):
            raise HasEffects
        self.gradients.setdefault(id(leaf), (leaf, getattr(leaf, "_grad", None)))

    def note_backward(self, root: Any) -> None:
        """Note a call of `backward`."""
        self.roots.append(root)

    def passed_back(self, masks: bool) -> None:
        """Note a backward pass."""
        self.backward, self.masks, self.returned = True, self.masks or masks, next_stamp()

    # ---- afterward -------------------------------------------------------------------------------------------------

    def settle(self, results: Iterable[Tensor]) -> list[Tensor]:
        """Return Tensors with the final values of results; reads after an assignment get its value."""
        last = {id(a.leaf): a for a in self.assignments}
        settled_results = [_at_the_end(t, last) for t in results]
        if last:
            reconnect(settled_results, _latest(self.assignments))
        return settled_results

    def release_values(self) -> None:
        """Take the history from the gradients that were left on leaves: an eager run leaves none."""
        for leaf, before in self.gradients.values():
            g = getattr(leaf, "_grad", None)
            if g is not None and g is not before:
                leaf._grad = wrap(np.array(g._data)[()], None)

    def forget(self) -> None:
        """Let go of all that was recorded: modes of generators that are suspended, say, may hold the tape."""
        for noted in vars(self).values():
            if noted.__class__ in (list, dict):
                noted.clear()
        self.operands = None
        self.host_state.settle()

    def undo(self) -> None:
        """Give all leaves the values and gradients that they had before."""
        for leaf in {id(a.leaf): a.leaf for a in self.assignments}.values():
            leaf._writable()[...] = self.overwritten[id(leaf)]  # not by `assign`, which a transaction would undo
            leaf._stamp = next_stamp()
        for leaf, g in self.gradients.values():
            leaf._grad = g
        self.host_state.undo()


def _at_the_end(t: Tensor, last: dict[int, Assigned]) -> Tensor:
    """Return a Tensor that holds what `t` holds in the end."""
    while (assigned := last.get(id(t))) is not None:
        t = assigned.value
    return t


def _latest(assignments: Iterable[Assigned]) -> Callable[[Any, int], Any]:
    """Return a function of an edge and a moment, which returns the edge of the value that it had then."""
    by_leaf: dict[int, tuple[list[int], list[Tensor]]] = {}
    for stamp, leaf, value in assignments:  # in order
        stamps, values = by_leaf.setdefault(id(leaf), ([], []))
        stamps.append(stamp)
        values.append(value)

    def latest(edge: Any, stamp: int) -> Any:
        while edge.__class__ is not Node and id(edge) in by_leaf:
            stamps, values = by_leaf[id(edge)]
            before = bisect_left(stamps, stamp)
            if not before:
                break
            edge = edge_of(values[before - 1])
        return edge

    return latest


def reconnect(results: Iterable[Tensor], edge_for: Callable[[Any, int], Any]) -> None:
    """Let all nodes that some results come from read other edges.

    Args:
        results: the results.
        edge_for: returns the edge to read in place of one that a node read, and of the moment when it did.
    """
    stack = [edge for t in results if (edge := edge_of(t)).__class__ is Node]
    seen = set(stack)
    while stack:
        node: Any = stack.pop()
        node.inputs = tuple([edge_for(edge, node.stamp) for edge in node.inputs])
        for index in indices_in(node.params) if node.params else ():
            index.edge = edge_for(index.edge, node.stamp)
        for edge in edges_of(node):
            if edge.__class__ is Node and edge not in seen:
                seen.add(edge)
                stack.append(edge)
