"""Results with a history: what a compiled function computed is one node of the caller's record, a composite.

A trace knows which operations lie between the results and what gradients flow to, and what their rules read. A replay
hands these values out beside the results, in memory of their own. A backward pass from outside is then a second
program, compiled for the results that have cotangents: the engine's walk over the operations, traced. Where it cannot
run (hooks on results, derivatives of derivatives, NaN that the engine masks, values that have changed or are freed),
the composite is opened: the operations are recorded after all, with what their rules read, and the engine walks them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..core.composite import COMPOSITE
from ..core.indices import IndexArray
from ..core.live import Live
from ..core.node import LEAF, Node, next_stamp
from ..core.op import Op
from ..core.seals import Seal
from ..core.several import Several, result_nodes
from ..core.shapes import ShapeDtype
from ..engine import edge_of
from ..ir.slots import is_slot, slot_tensor, stands_for
from ..tensors.record import keep_of, wrap
from ..tensors.tensor import Tensor


class Inner(NamedTuple):
    """The operation at a position, in place of an edge to its node."""

    position: int


class Outer(NamedTuple):
    """What gradients flow to, by its position, in place of an edge to it."""

    position: int


class Kept(NamedTuple):
    """A value that a rule reads, by its position."""

    position: int


class Argument(NamedTuple):
    """The argument at a position: where a value comes from."""

    position: int


class Output(NamedTuple):
    """What the program computes beside the results, by its position there: where a value comes from."""

    position: int


class Operation(NamedTuple):
    """A node to be.

    Attributes:
        op, needs, shape, dtype, note: of the node.
        inputs: for each an `Inner`, an `Outer`, a `Kept`, a number, or the shape and dtype of what no rule reads.
        params: with a `Kept` in place of indices that are read anew.
        saved: for the result and each input the `Kept` that the rules read, or None; several for several results.
    """

    op: Op
    inputs: tuple[Any, ...]
    params: Mapping[str, Any]
    saved: tuple[Any, ...]
    needs: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    note: Any


class Below(NamedTuple):
    """What gradients from some operations reach: operations, what is outside, and whether one of them selects."""

    inner: frozenset[int]
    outer: tuple[int, ...]
    selects: bool


class Cut(NamedTuple):
    """What gradients flow through on their way from the results of a trace.

    Attributes:
        operations: in the order in which they ran.
        outer: what the gradients flow to: captured leaves, and arguments.
        origins: where each value that a rule reads comes from: an `Argument`, an `Output`, a captured leaf, an array.
        outputs: the Tensors of the trace that the program must compute beside the results.
        results: for each result an `Inner`, an `Outer`, or None if it has no history.
        indices: the values that are parameters, by position.
        known: what `below` and `reached` have found, by the positions.
        obstacle: the reason why this is not the same for all calls, or "".
    """

    operations: tuple[Operation, ...]
    outer: tuple[Tensor | Argument, ...]
    origins: tuple[Any, ...]
    outputs: tuple[Tensor, ...]
    results: tuple[Inner | Outer | None, ...]
    indices: frozenset[int]
    known: dict[Any, Any]
    obstacle: str

    def below(self, positions: tuple[int, ...]) -> Below:
        """Return what gradients from some operations reach."""
        known: Below | None = self.known.get(positions)
        if known is None:
            known = self.known[positions] = self._below(positions)
        return known

    def reached(self, position: int) -> tuple[int, ...]:
        """Return what is outside and is reached by gradients from one operation: `outer` of what is below it."""
        reached: dict[int, tuple[int, ...]] | None = self.known.get("reached")
        if reached is None:
            reached = self.known["reached"] = self._reached()
        return reached[position]

    def _reached(self) -> dict[int, tuple[int, ...]]:
        """Return it for all results at once, in one walk: of each operation, as the bits of a number."""
        bits: list[int] = []
        for operation in self.operations:
            found = 0
            for i in operation.needs:
                edge = operation.inputs[i]
                found |= 1 << edge.position if edge.__class__ is Outer else bits[edge.position]
            bits.append(found)
        positions = {way.position for way in self.results if way.__class__ is Inner}
        known = {found: tuple(_places(found)) for found in {bits[k] for k in positions}}
        return {k: known[bits[k]] for k in positions}

    def _below(self, positions: tuple[int, ...]) -> Below:
        stack = list(positions)
        inner: set[int] = set(stack)
        outer: set[int] = set()
        while stack:
            operation = self.operations[stack.pop()]
            for i in operation.needs:
                edge = operation.inputs[i]
                if edge.__class__ is Outer:
                    outer.add(edge.position)
                elif edge.position not in inner:
                    inner.add(edge.position)
                    stack.append(edge.position)
        selects = any(self.operations[k].op.selects for k in inner)
        return Below(frozenset(inner), tuple(sorted(outer)), selects)

    def nodes(
        self, outer: Sequence[Any], values: Sequence[Any], tensors: Mapping[int, Tensor] = MappingProxyType({})
    ) -> list[Node]:
        """Make the nodes.

        Args:
            outer: the edges that gradients flow to.
            values: what the rules read: arrays, or Tensors that stand for them.
            tensors: of which some of these arrays are the values, by position.
        """
        nodes: list[Node] = []

        def edge_to(x: Any) -> Any:
            if x.__class__ is Inner:
                return nodes[x.position]
            if x.__class__ is Outer:
                return outer[x.position]
            if x.__class__ is Kept:
                value = values[x.position]
                if x.position in tensors:
                    return tensors[x.position]
                return ShapeDtype(value.shape, value.dtype) if isinstance(value, Tensor) else value
            return x

        for op, inputs, params, saved, needs, shape, dtype, note in self.operations:
            edges = tuple(map(edge_to, inputs))
            out, *kept = (_values_of(k, values) for k in saved)
            read = [e if k is None else v for k, v, e in zip(saved[1:], kept, edges, strict=True)]
            filled = {k: _with_values(v, values) for k, v in params.items()} if params else {}
            nodes.append(Node(op, edges, filled, (out, *read), needs, shape, dtype, note))
        return nodes


def _values_of(kept: Any, values: Sequence[Any]) -> Any:
    if kept.__class__ is tuple:
        return Several.of([values[k.position] for k in kept])
    return None if kept is None else values[kept.position]


def _places(bits: int) -> Iterator[int]:
    """Yield where a number has bits that are set, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _with_values(x: Any, values: Sequence[Any]) -> Any:
    """Return a parameter with the values of indices, which know their Tensors if there are any."""
    if x.__class__ is tuple:
        return tuple([_with_values(part, values) for part in x])
    if x.__class__ is not Kept:
        return x
    value = values[x.position]
    return IndexArray.of(np.array(value._data), edge_of(value)) if isinstance(value, Tensor) else value


# ---- from a trace ---------------------------------------------------------------------------------------------------


class _Cutter:
    """Collects what a `Cut` has."""

    def __init__(
        self, slots: Sequence[Tensor], is_fixed: Callable[[Tensor], bool], is_older: Callable[[Any], bool]
    ) -> None:
        self.positions: dict[Any, int] = {}
        self.outer: dict[int, tuple[int, Any]] = {}
        self.origins: list[Any] = []
        self.outputs: list[Tensor] = []
        self.indices: set[int] = set()
        self.obstacle = ""
        self._kept: dict[int, Kept] = {}
        self._arguments = {id(t): Argument(k) for k, t in enumerate(slots)}
        self._is_fixed, self._is_older = is_fixed, is_older

    def operation(self, node: Node) -> Operation:
        """Return what a node is to become."""
        keep = keep_of(node.op, len(node.inputs), node.needs)
        out, *values = node.saved or (None, *node.inputs)
        saved: list[Any] = [self._keep_out(node, out) if keep[0] else None]
        inputs: list[Any] = []
        for i, edge in enumerate(node.inputs):
            number = not isinstance(edge, (Node, Tensor, np.ndarray))
            kept = None if number or not keep[i + 1] else self._keep(edge, values[i])
            saved.append(kept)
            if i in node.needs:
                inputs.append(self._way_to(edge))
            elif edge.__class__ is Live:
                self.obstacle = "a gradient depends on a number that is read at every call"
                inputs.append(edge.value)
            elif number:
                inputs.append(edge)
            else:
                inputs.append(ShapeDtype(tuple(edge.shape), edge.dtype) if kept is None else kept)
        params = {k: self._param(v) for k, v in node.params.items()}
        self.positions[node] = len(self.positions)
        return Operation(
            node.op, tuple(inputs), params, tuple(saved), tuple(node.needs), node.shape, node.dtype, node.note
        )

    def _way_to(self, edge: Any) -> Inner | Outer:
        return Inner(self.positions[edge]) if edge in self.positions else self.outer_at(edge)

    def outer_at(self, edge: Any) -> Outer:
        """Return the position of what gradients flow to."""
        found = self.outer.setdefault(id(edge), (len(self.outer), self._arguments.get(id(edge), edge)))
        return Outer(found[0])

    def _param(self, x: Any) -> Any:
        if x.__class__ is tuple:
            return tuple(map(self._param, x))
        if x.__class__ is not IndexArray:
            return x
        kept = self._keep(x.edge, np.asarray(x))
        self.indices.add(kept.position)
        return kept

    def _keep_out(self, node: Node, out: Any) -> Kept | tuple[Kept, ...]:
        if node.op.results is None:
            return self._keep(node, out)
        return tuple([self._keep(*pair) for pair in zip(result_nodes(node), out, strict=True)])

    def _keep(self, edge: Any, value: Any) -> Kept:
        thing = stands_for(edge) if is_slot(edge) else edge
        known = self._kept.get(id(thing))
        if known is None:
            known = self._kept[id(thing)] = Kept(len(self.origins))
            self.origins.append(self._origin(thing, value))
        return known

    def _origin(self, thing: Any, value: Any) -> Any:
        if id(thing) in self._arguments:
            return self._arguments[id(thing)]
        if isinstance(thing, Tensor):
            if thing._node is LEAF:
                return thing
            if self._is_fixed(thing):
                return thing._data
            self.outputs.append(thing)
        elif self._is_older(thing):
            return value
        else:  # an operation, or an array from outside
            self.outputs.append(wrap(value, thing) if isinstance(thing, Node) else slot_tensor(thing, thing))
        return Output(len(self.outputs) - 1)


def cut_of(
    results: Sequence[Tensor],
    slots: Sequence[Tensor],
    is_fixed: Callable[[Tensor], bool],
    is_older: Callable[[Any], bool],
    drawing: Collection[Any],
    reached: Collection[Any],
) -> Cut:
    """Return what gradients flow through on their way from the results of a trace.

    Args:
        results: the results, on the tape.
        slots: what stands for the arguments.
        is_fixed: whether a Tensor always holds what it holds.
        is_older: whether an edge is to an operation from outside.
        drawing: the edges of operations that do more than to compute.
        reached: the edges that gradients reach from the results, which are included.
    """
    cutter = _Cutter(slots, is_fixed, is_older)
    found = {edge for edge in reached if edge.__class__ is Node and not is_older(edge)}
    if not found.isdisjoint(drawing):
        cutter.obstacle = "gradients flow through an operation that draws, whose rule may draw the same again"
    operations = tuple([cutter.operation(node) for node in sorted(found, key=lambda node: node.stamp)])

    def way(t: Tensor) -> Inner | Outer | None:
        if not t.requires_grad:
            return None
        edge = edge_of(t)
        return Inner(cutter.positions[edge]) if edge in cutter.positions else cutter.outer_at(edge)

    ways = tuple(map(way, results))
    outer = tuple([thing for _, thing in cutter.outer.values()])
    return Cut(
        operations,
        outer,
        tuple(cutter.origins),
        tuple(cutter.outputs),
        ways,
        frozenset(cutter.indices),
        {},
        cutter.obstacle,
    )


# Arrays up to this many bytes stay readable after a backward pass, as in the engine.
_KEEP_BYTES = 1024

# ---- one call -------------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of backward pass through a region.

    Attributes:
        given: the operations whose results have cotangents.
        before: what is outside and has a cotangent already, by position.
        to: what gradients are to flow to, by position.
        specs: of the cotangents.
    """

    given: tuple[int, ...]
    before: tuple[int, ...]
    to: tuple[int, ...]
    specs: tuple[Any, ...]


class Ends(NamedTuple):
    """What is outside of a region, once for all of its results.

    Attributes:
        outer: the edges.
        saved: None, and these again, as nodes have it.
        nodes: those of them that are nodes.
    """

    outer: tuple[Any, ...]
    saved: tuple[Any, ...]
    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, outer: Sequence[Any]) -> Ends:
        """Return it for these edges."""
        return cls(tuple(outer), (None, *outer), tuple([edge for edge in outer if edge.__class__ is Node]))


class Region:
    """What one call of a compiled function computed, as a `Composite`.

    Args:
        cut: the same for all calls of a trace.
        values: what the rules read.
        watched: the Tensors among that which may be assigned to, by the positions of the values.
        seals: of the caller's arrays, by the positions of the values.
        pull: computes the cotangents of what is outside, by position, from the edges there, the arrays that a kind of
            backward pass reads, and whether NaN is masked; returns None if it cannot.
    """

    def __init__(
        self,
        cut: Cut,
        values: list[Any],
        watched: Mapping[int, Tensor],
        seals: Mapping[int, Seal],
        pull: Callable[[Cut, Kind, Sequence[Any], Sequence[Any], bool], dict[int, Any] | None],
    ) -> None:
        self._cut, self._values, self._watched, self._seals, self._pull = cut, values, watched, seals, pull
        self._stamp = next_stamp()
        self._hooks: dict[int, list[Any]] = {}
        self._nodes: list[Node] | None = None
        self._freed: set[int] = set()

    def node(self, position: int, ends: Ends) -> Node:
        """Make the node of the result of an operation, after which nothing can come in between."""
        operation, needs = self._cut.operations[position], self._cut.reached(position)
        params = {"composite": self, "operation": position}
        # With fewer inputs at first, since some nodes look at all that they begin with; see `Node.tail`.
        node = Node(COMPOSITE, ends.nodes, params, ends.saved, needs, operation.shape, operation.dtype, operation.note)
        node.inputs = ends.outer
        node.stamp = self._stamp + 1 - 2**-8  # type: ignore[assignment]
        node.hooks = self._hooks[position] = []
        return node

    def selects(self, node: Node) -> bool:
        """As the protocol says; likewise below."""
        return self._cut.below((node.params["operation"],)).selects

    def open(self, node: Node) -> None:
        """As the protocol says."""
        if self._nodes is None:
            self._nodes = self._cut.nodes(node.inputs, self._values, self._watched)
            self._note_all(self._nodes)
            self._values = []
        made = self._nodes[node.params["operation"]]
        node.inputs, node.needs, node.saved, node.params = (made,), (0,), (None, made), {}

    def _note_all(self, nodes: Sequence[Node]) -> None:
        """Give nodes that are made late their places in time, hooks and seals, and free what was freed."""
        for k, (node, operation) in enumerate(zip(nodes, self._cut.operations, strict=True)):
            node.stamp = self._stamp + (k + 1) / (len(nodes) + 2) * (1 - 2**-7)  # type: ignore[assignment]
            node.hooks = self._hooks.get(k)
            if k in self._freed:
                node.saved = None
                continue
            seals = [
                (place, *self._seals[kept.position][1:])
                for place, kept in enumerate(operation.saved)
                if kept.__class__ is Kept and kept.position in self._seals
            ]
            if seals:
                node.seals = seals
                node.hooks = [] if node.hooks is None else node.hooks  # see `record`

    def pull_back(
        self, given: dict[Node, Any], pending: dict[Any, Any], wanted: set[Any] | None, masks: bool, retain: bool
    ) -> bool:
        """As the protocol says."""
        outer = next(iter(given)).inputs
        if self._nodes is not None or any(self._hooks.values()) or len(set(map(id, outer))) < len(outer):
            return False
        positions = tuple([node.params["operation"] for node in given])
        inner, to, _ = self._cut.below(positions)
        if not self._is_whole(inner):
            return False
        if wanted is not None:
            to = tuple([k for k in to if outer[k] in wanted])
        before = tuple([k for k in to if outer[k] in pending])
        arrays = [*given.values(), *[pending[outer[k]] for k in before]]
        kind = Kind(positions, before, to, tuple([(a.shape, a.dtype, getattr(a, "strides", None)) for a in arrays]))
        found = self._pull(self._cut, kind, outer, [*arrays, *self._values], masks)
        if found is None:
            return False
        for k, total in found.items():
            pending[outer[k]] = total
        if not retain:
            self._free(inner)
        return True

    def _free(self, inner: frozenset[int]) -> None:
        """Let the values go, once no operation may read them."""
        self._freed |= inner
        if len(self._freed) == len(self._cut.operations):
            indices = self._cut.indices
            for k, a in enumerate(self._values):
                if k not in indices and a.nbytes > _KEEP_BYTES:
                    self._values[k] = ShapeDtype(a.shape, a.dtype)

    def _is_whole(self, inner: frozenset[int]) -> bool:
        """Return whether what the rules of some operations read is what it was."""
        if not self._freed.isdisjoint(inner):
            return False
        if any(getattr(t, "_stamp", 0) > self._stamp for t in self._watched.values()):
            return False
        return all(read(self._values[k]) == found for k, (_, read, found) in self._seals.items())
