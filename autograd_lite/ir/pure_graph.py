"""The graph as data: an immutable record of a computation, for pictures, checks, export and compilation."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any, Self, TypeVar

from .graph_check import check
from .graph_node import Flow, GraphNode, Kind, Role, number_of
from .listing import listing
from .node_labels import count_of, op_text, summary
from .outline import Outline
from .stats import NOT_MEASURED, Measurement

_Any = TypeVar("_Any", bound="PureGraph")


def _number(node: GraphNode) -> int:
    return number_of(node.id)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PureGraph:
    """The structure of a computation, without faces: what programs and compilers work on.

    `autograd_lite.graph.Graph` is a PureGraph that can be drawn, analyzed and written to files, as a `Path` is a
    `PurePath` that can be opened. Any two are equal if their nodes, outputs and flows are; measurements do not count.

    Args:
        nodes: in recorded order, called `n0`, `n1`, … (a part of a graph keeps the ids, so some are missing); each
            reads earlier nodes only.
        outputs: the ids of the results.
        flows: with a backward pass, the steps of the chain rule in the order in which they run.
        measurements: of nodes, by their ids.

    Raises:
        ValueError: if the nodes are not numbered like this, or read something that does not come before them.

    Example:
        >>> import autograd_lite as ag
        >>> graph = ag.build_graph(ag.tensor(2.0, requires_grad=True) * 3.0)
        >>> len(graph.nodes)
        3
    """

    nodes: tuple[GraphNode, ...]
    outputs: tuple[str, ...]
    flows: tuple[Flow, ...] = ()
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    _outline: Outline | None = field(default=None, init=False)

    @classmethod
    def of_outline(cls, outline: Outline, outputs: tuple[str, ...], flows: tuple[Flow, ...]) -> Self:
        """Return a graph whose nodes are made when something asks for them."""
        return _make_unchecked(cls, outputs=outputs, flows=flows, measurements={}, _outline=outline)

    def __getattr__(self, name: str) -> Any:
        if name != "nodes":
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        outline = self._outline
        if outline is not None:
            object.__setattr__(self, "nodes", outline.nodes())
            object.__setattr__(self, "_outline", None)  # last, since another thread may ask too
        return object.__getattribute__(self, "nodes")

    @classmethod
    def of(cls, graph: PureGraph) -> Self:
        """Return a graph of this class, of the same structure and measurements."""
        return graph if isinstance(graph, cls) else cls(graph.nodes, graph.outputs, graph.flows, graph.measurements)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        number = -1
        for node in self.nodes:
            digits = node.id[1:]
            if node.id != f"n{digits}" or not digits.isdecimal() or int(digits) <= number:
                raise ValueError(
                    f"Graph: expected nodes to be called n0, n1, … in order; received {node.id!r} after {number}"
                )
            number = int(digits)
            if not seen.issuperset(node.inputs):
                raise ValueError(f"Graph: expected nodes to read earlier nodes only; received {node}")
            seen.add(node.id)
        if not seen.issuperset(self.outputs):
            raise ValueError(f"Graph: expected outputs among its nodes; received {self.outputs}")

    def of_part(self, nodes: tuple[GraphNode, ...], outputs: tuple[str, ...]) -> Self:
        """Return a graph of nodes that the caller knows to be right, without a look at them."""
        return _make_unchecked(type(self), nodes=nodes, outputs=outputs, flows=(), measurements={}, _outline=None)

    def __iter__(self) -> Iterator[GraphNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, node: object) -> bool:
        """Return whether the graph has this node, or a node of this id."""
        if isinstance(node, GraphNode):
            return node.id in self and self[node.id] == node
        return isinstance(node, str) and self._position(node) is not None

    def __getitem__(self, node_id: str) -> GraphNode:
        position = self._position(str(node_id))
        if position is None:
            raise KeyError(f"{node_id!r}: expected an id from {self.nodes[0].id!r} to {self.nodes[-1].id!r}")
        return self.nodes[position]

    def _position(self, node_id: str) -> int | None:
        number = node_id[1:]
        if not number.isdecimal() or node_id != f"n{int(number)}":
            return None
        index = int(number)
        if index < len(self.nodes) and self.nodes[index].id == node_id:
            return index
        at = bisect_left(self.nodes, index, hi=min(len(self.nodes), index), key=_number)
        return at if at < len(self.nodes) and self.nodes[at].id == node_id else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PureGraph):
            return NotImplemented
        if (self.outputs, self.flows) != (other.outputs, other.flows):
            return False
        outlines = self._outline, other._outline
        return (None not in outlines and outlines[0] == outlines[1]) or self.nodes == other.nodes

    def __hash__(self) -> int:
        return hash((self.nodes, self.outputs, self.flows))

    def __str__(self) -> str:
        return listing(self)

    def __repr__(self) -> str:
        operations = sum(node.computes for node in self.nodes)
        size = f"{count_of(len(self.nodes), 'node')}, {operations} of them operations"
        return f"<{type(self).__name__} of {size}; returns {', '.join(self.outputs)}>"

    # ---- the backward pass ------------------------------------------------------------------------------------------

    @property
    def cotangents(self) -> dict[str, str]:
        """For every forward node that a gradient reaches, the id of its complete cotangent."""
        totals = {node.of: node.id for node in self.nodes if node.role is Role.SEED}
        totals.update((flow.into, flow.total) for flow in self.flows)
        return {node.id: totals[node.id] for node in self.nodes if node.id in totals}

    @property
    def gradients(self) -> dict[str, str]:
        """For every parameter that a gradient reaches, the id of its gradient."""
        return {i: c for i, c in self.cotangents.items() if self[i].kind is Kind.PARAMETER}

    @property
    def savers(self) -> dict[str, tuple[str, ...]]:
        """For every forward node that the backward pass reads, the forward ops that saved it for their rules."""
        ops: dict[str, dict[str, None]] = {}
        for node in self.nodes:
            if node.backward:
                for i in node.inputs:
                    if not self[i].backward:
                        ops.setdefault(i, {})[node.of] = None
        return {i: tuple(ops[i]) for i in sorted(ops, key=number_of)}

    @property
    def results_of_calls(self) -> dict[str, list[GraphNode]]:
        """For every call with several results, the nodes that take them out of it."""
        results: dict[str, list[GraphNode]] = {}
        for node in self.nodes:
            if node.result is not None:
                results.setdefault(node.inputs[0], []).append(node)
        return results

    def call_of(self, node: GraphNode) -> GraphNode:
        """Return the call that a node takes a result out of, with which it is shown; any other node itself."""
        return node if node.result is None else self[node.inputs[0]]

    def measurement(self, node_id: str) -> Measurement:
        """Return the measurement of a node; all its fields are None if nothing was measured."""
        return self.measurements.get(node_id, NOT_MEASURED)

    def check(self) -> None:
        """Infer the shape and the dtype of every node again from its op, arguments and parameters.

        Operations that are not in the tables are not checked, nor those with arrays as parameters, since a graph does
        not hold their values. Graphs that are recorded, and parts of them, always pass; this is for those who make
        graphs by other means.

        Raises:
            Inconsistent: a ValueError that names the node, if no computation can have this graph.
        """
        check(self.nodes, self.flows)

    def summary(self) -> str:
        """Return one line that counts the nodes by kind, the parameters' values and the operations' FLOPs."""
        return summary(self.nodes)

    # ---- parts ------------------------------------------------------------------------------------------------------

    def forward(self) -> Self:
        """Return the forward pass alone, with its measurements, those of gradients too."""
        nodes = tuple(node for node in self.nodes if not node.backward)
        ids = {node.id for node in nodes}
        results = tuple(i for i in self.outputs if i in ids)
        measured = {i: m for i, m in self.measurements.items() if i in ids}
        return replace(self, nodes=nodes, outputs=results, flows=(), measurements=measured)

    def around(self, node: str | GraphNode, radius: int = 3) -> Self:
        """Return the part that is at most `radius` edges away from a node, forwards and backwards.

        Args:
            node: its id, its name, or its op if no other node has the same; likewise in the methods below.
            radius: in edges.

        Returns:
            A graph with the same ids. An operation that is cut off is an input there, called "… matmul"; slots that an
            operation of the part reads come along.

        Raises:
            ValueError: if there is no such node, or several.
        """
        if radius < 0:
            raise ValueError(f"around: expected radius >= 0; received {radius}")
        center = self._find_node(node, "around")
        readers: dict[str, list[str]] = {}
        for reader in self.nodes:
            for source in dict.fromkeys(reader.inputs):
                readers.setdefault(source, []).append(reader.id)
        distances = {center: 0}
        queue = deque(distances)
        while queue:
            i = queue.popleft()
            if distances[i] < radius:
                for near in (*self[i].inputs, *readers.get(i, ())):
                    if near not in distances:
                        distances[near] = distances[i] + 1
                        queue.append(near)
        return self._part(distances)

    def between(self, a: str | GraphNode, b: str | GraphNode) -> Self:
        """Return the part on the paths between two nodes, in whichever order they are given."""
        start, end = self._find_node(a, "between"), self._find_node(b, "between")
        part = self._after(start) & self._before(end) or self._after(end) & self._before(start)
        if not part:
            raise ValueError(
                f"between: expected two nodes of which one depends on the other; received {start} and {end}. "
                "Take ancestors(…) of both to see what they share"
            )
        return self._part(part)

    def ancestors(self, node: str | GraphNode) -> Self:
        """Return the part of a node and all that it depends on."""
        return self._part(self._before(self._find_node(node, "ancestors")))

    def descendants(self, node: str | GraphNode) -> Self:
        """Return the part of a node and all that depends on it."""
        return self._part(self._after(self._find_node(node, "descendants")))

    def _find_node(self, node: str | GraphNode, caller: str) -> str:
        """Return the id of a node given by its id, its name, or its op if no other node has the same."""
        asked = node.id if isinstance(node, GraphNode) else node
        if asked in self:
            return asked
        named = [n.id for n in self.nodes if n.name == asked]
        same = (named or [n.id for n in self.nodes if n.op == asked]) if asked else []
        if len(same) == 1:
            return same[0]
        expected = (
            f"{caller}: expected the id of a node ('{self.nodes[0].id}' to '{self.nodes[-1].id}'), its name or its op"
        )
        if same:
            some = ", ".join(same[:8]) + (", …" if len(same) > 8 else "")
            raise ValueError(
                f"{expected}; received {asked!r}, which {len(same)} nodes have: {some}. Name one of them by id"
            )
        raise ValueError(f"{expected}; received {asked!r}, which none has")

    def _before(self, i: str) -> set[str]:
        ids, stack = {i}, [i]
        while stack:
            for source in self[stack.pop()].inputs:
                if source not in ids:
                    ids.add(source)
                    stack.append(source)
        return ids

    def _after(self, i: str) -> set[str]:
        ids = {i}
        for node in self.nodes:
            if not ids.isdisjoint(node.inputs):
                ids.add(node.id)
        return ids

    def _part(self, ids: Collection[str]) -> Self:
        """Return the graph of these nodes. Its results are those of the whole, and whatever nothing in it reads."""
        # The results of a call are parts of it, so what has one of them has the call.
        ids = {*ids, *(node.inputs[0] for node in self.nodes if node.id in ids and node.result is not None)}
        read = {i for node in self.nodes if node.id in ids for i in node.inputs}
        chosen = [node for node in self.nodes if node.id in ids or node.id in read]
        stubs = {node.id for node in chosen if node.id not in ids and node.kind is Kind.OP}
        present = {node.id for node in chosen}
        nodes = [
            replace(
                _stub(node, self) if node.id in stubs else node,
                of=node.of if node.of in present else "",
                toward=node.toward if node.toward in present else "",
            )
            for node in chosen
        ]
        results = dict.fromkeys(i for i in self.outputs if i in ids)
        results.update(dict.fromkeys(node.id for node in nodes if node.id not in read))
        flows = tuple(
            flow for flow in self.flows if present.issuperset((flow.op, flow.into, flow.contribution, flow.total))
        )
        measured = {
            i: m._replace(seconds=None) if i in stubs else m for i, m in self.measurements.items() if i in present
        }
        return replace(self, nodes=tuple(nodes), outputs=tuple(results), flows=flows, measurements=measured)


def _make_unchecked(kind: type[_Any], **attributes: Any) -> _Any:
    """Return a graph with these attributes."""
    graph = object.__new__(kind)
    for name, value in attributes.items():
        object.__setattr__(graph, name, value)
    return graph


def _stub(node: GraphNode, graph: PureGraph) -> GraphNode:
    """Return the input that replaces an operation that is cut off."""
    stub = replace(node, kind=Kind.INPUT, op="", glyph="", inputs=(), params=(), needs=(), flops=0, scope="")
    return replace(stub, name=f"… {node.name or op_text(node, graph)}")


def _refuse_change(graph: PureGraph, name: str, value: Any = None) -> None:
    """Refuse to set an attribute, with an error that says what to do: that of a dataclass does not."""
    raise FrozenInstanceError(
        f"{name!r} cannot be set or deleted: a {type(graph).__name__} is immutable. Make another one, "
        "dataclasses.replace(graph, nodes=...), or keep the value beside it"
    )


PureGraph.__setattr__ = PureGraph.__delattr__ = _refuse_change  # type: ignore[method-assign, assignment]
