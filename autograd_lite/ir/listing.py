"""The listing: one line for each node, `n2 : (4, 5) float64 = matmul n0 n1`, and the results at the end.

Numbers are written where they are used: Python numbers as `2.0`, those with a dtype as `2.0:float32`. The backward pass
follows the forward pass under its own heading. Each of its nodes states its purpose: `d n4, rule of add n5` is the
complete cotangent of n4, which the rule of n5 gave; `for d n4` is a step on the way there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeGuard

from .graph_node import GraphNode, Kind, Role, number_of
from .node_labels import Nodes, brief_params, result_text, summary, type_text, visible
from .pen import PLAIN, Line, Pen, columns, ink_of, pad_texts
from .stats import Measurement, Stats

# Remarks are aligned in one column, but a single long line moves it no farther right than this.
_REMARKS_AT = 96
# The line between the passes.
BACKWARD_HEADING = "# the backward pass"


class Listed(Protocol):
    """The part of a `PureGraph` that its text shows: the graph imports this module to print itself."""

    @property
    def nodes(self) -> tuple[GraphNode, ...]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def cotangents(self) -> dict[str, str]: ...
    @property
    def gradients(self) -> dict[str, str]: ...
    def measurement(self, node_id: str) -> Measurement: ...
    def __getitem__(self, node_id: str) -> GraphNode: ...
    def __contains__(self, node: object) -> bool: ...
    def __iter__(self) -> Iterator[GraphNode]: ...
    def __len__(self) -> int: ...


class Remark(NamedTuple):
    """A remark at the end of a node's line, and whether it is an alarm."""

    text: str = ""
    alarm: bool = False


class Remarks(NamedTuple):
    """Additions to the text of a graph: lines to its head, and remarks to its nodes, by id."""

    heading: tuple[str, ...] = ()
    of: Mapping[str, Remark] = {}


NO_REMARKS, _NO_REMARK = Remarks(), Remark()


def listing(
    graph: Listed, pen: Pen = PLAIN, *, remarks: Remarks = NO_REMARKS, sources: bool = False,
    max_nodes: int | None = None,
) -> str:  # fmt: skip
    """Return the graph as text, deterministic and without values other than single numbers.

    Args:
        graph: what to list.
        pen: how to write it.
        remarks: what to add to it.
        sources: add the user's file and line, where recorded.
        max_nodes: list at most this many nodes, those nearest the outputs and gradients, and say how many are left out.
    """
    window = text_window(graph, max_nodes)
    literals = literals_of(graph, remarks)
    nodes = [node for node in window if node.id not in literals]
    nodes = [n for n in nodes if not n.backward] + [n for n in nodes if n.backward]
    purpose_texts = purposes(graph)
    body = _body(graph, nodes, literals, pen)
    measured = [graph.measurement(node.id) for node in nodes]
    titles, rows = _measure_columns(measured, pen)
    tails = [
        (
            "  ".join(filter(None, [row, remark_text(node, purpose_texts, sources, remarks, pen)])),
            alarming(m, remarks.of.get(node.id)),
        )
        for row, m, node in zip(rows, measured, nodes, strict=True)
    ]
    widths = [sum(columns(text) for text, _ in line) for line in body]
    at = min(max((w for w, (tail, _) in zip(widths, tails, strict=True) if tail), default=0), _REMARKS_AT)
    lines: list[Line] = caption_lines(graph, len(window), remarks, pen)
    if titles:
        lines.append([(f"{'#':<{at}}  # {titles}", "soft")])
    first_backward = next((i for i, node in enumerate(nodes) if node.backward), None)
    for i, (line, width, (tail, alarm)) in enumerate(zip(body, widths, tails, strict=True)):
        if i == first_backward:
            lines.append([(BACKWARD_HEADING, "head")])
        end = [(f"{' ' * (at - width)}  # {tail}", "alarm" if alarm else "soft")] if tail else []
        lines.append([*line, *end])
    lines.append([(f"return {', '.join(graph.outputs)}", "head")])
    if gradients := named_gradients(graph, pen):
        lines.append([(f"gradients {', '.join(f'{name}: {i}' for name, i in gradients)}", "head")])
    return pen.write(lines)


def place(node: GraphNode) -> str:
    """Return the user's line as "model.py:12 in forward", without the folders; empty if it was not recorded."""
    return visible(node.source.brief) if node.source else ""


# ---- what listing and tree share ------------------------------------------------------------------------------------


def text_window(graph: Listed, limit: int | None) -> list[GraphNode]:
    """Return at most `limit` nodes: breadth first from the outputs and gradients, so that there are no gaps.

    Raises:
        ValueError: if the limit is not positive.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"to_text: expected max_nodes of 1 or more, or None for all; received {limit}")
    if limit is None or len(graph) <= limit:
        return list(graph.nodes)
    ends = dict.fromkeys(i for i in (*graph.outputs, *graph.gradients.values()) if i in graph)
    queue = list(ends)
    for node_id in queue:
        if len(queue) >= limit:
            break
        new = [i for i in graph[node_id].inputs if i not in ends]
        ends.update(dict.fromkeys(new))
        queue += dict.fromkeys(new)
    return [graph[i] for i in sorted(queue[:limit], key=number_of)]


def literals_of(graph: Listed, remarks: Remarks) -> dict[str, str]:
    """Return the text of each constant that is written where it is used."""
    apart = {*graph.outputs, *graph.gradients.values(), *remarks.of}
    return {
        node.id: visible(node.value if node.weak else f"{node.value}:{node.dtype}")
        for node in graph
        if node.value and node.id not in apart
    }


def caption_lines(graph: Listed, ends: int, remarks: Remarks, pen: Pen) -> list[Line]:
    """Return the head: what the graph holds, the remarks on it, and how much is left out."""
    lines = [summary(graph), *remarks.heading]
    if ends < len(graph):
        lines.append(f"{len(graph) - ends:,} of {len(graph):,} nodes are not shown: those farthest from the results")
    return [[(f"# {pen.safe(line)}", "head" if i == 0 else "soft")] for i, line in enumerate(lines)]


def call_text(node: GraphNode, nodes: Nodes, literals: Mapping[str, str], pen: Pen, *, brief: bool = False) -> str:
    """Return what the node is, in one line: `matmul n0 n1`, `parameter 'w'`, `constant 2.0`, `n3.Q`.

    Args:
        node: of the graph.
        nodes: those of the graph.
        literals: texts in place of ids.
        pen: how to write it.
        brief: leave out the parameters that say nothing new, such as defaults.
    """
    if node.kind is not Kind.OP:
        text = f" {node.name!r}" if node.name else f" {node.value}" if node.value else ""
        return pen.safe(f"{node.kind}{text}")
    if node.result is not None:
        return result_text(nodes[node.inputs[0]].op, node.result, node.inputs[0])
    text = brief_params(node) if brief else ", ".join(map(str, node.params))
    params = f"[{text}]" if text else ""
    return pen.safe(f"{node.op}{params}") + "".join(f" {literals.get(i, i)}" for i in node.inputs)


def purposes(graph: Listed) -> dict[str, str]:
    """Return the purpose of each node of the backward pass, as text."""
    complete: dict[str, list[str]] = {}
    for into, total in graph.cotangents.items():
        complete.setdefault(total, []).append(f"d {into}")
    texts = {}
    for node in graph:
        if node.backward:
            whose = " = ".join(reversed(complete.get(node.id, []))) or f"for d {node.toward}"
            texts[node.id] = f"{whose}, {_part(graph, node)}"
    return texts


def _part(graph: Listed, node: GraphNode) -> str:
    # In a part of a graph the forward operation may be missing.
    of = f"{graph[node.of].op} {node.of}" if node.of in graph else node.of
    return _PARTS[node.role].format(of)


_PARTS = {
    Role.SEED: "the seed",
    Role.RULE: "rule of {}",
    Role.UNBROADCAST: "summed where {} broadcast",
    Role.CAST: "cast back to its dtype",
    Role.ACCUMULATE: "uses added up",
}


def named_gradients(graph: Listed, pen: Pen) -> list[tuple[str, str]]:
    """Return the gradients as (parameter, id of its gradient): by name where the name is one word and unique."""
    counts = Counter(node.name for node in graph if node.kind is Kind.PARAMETER)
    plain = {name for name, n in counts.items() if name.replace(".", "_").isidentifier() and n == 1}
    return [
        (pen.safe(graph[leaf].name) if graph[leaf].name in plain else leaf, total)
        for leaf, total in graph.gradients.items()
        if total in graph
    ]


def remark_text(
    node: GraphNode, purpose_texts: Mapping[str, str], sources: bool, remarks: Remarks, pen: Pen, inside: str = ""
) -> str:
    """Return what follows the number sign; the module too, unless it is the one that we are inside."""
    name = repr(node.name) if node.name and node.kind is Kind.OP else ""
    parts = [
        remarks.of.get(node.id, _NO_REMARK).text,
        name,
        purpose_texts.get(node.id, ""),
        "" if node.scope == inside else node.scope,
        place(node) if sources else "",
    ]
    return "  ".join(pen.safe(part) for part in parts if part)


def alarming(measured: Measurement, remark: Remark | None) -> bool:
    """Return whether something here is not finite."""
    stats = (measured.values, measured.gradient)
    return (remark is not None and remark.alarm) or any(s is not None and not s.finite for s in stats)


# ---- the body -------------------------------------------------------------------------------------------------------


def _body(graph: Listed, nodes: Sequence[GraphNode], literals: Mapping[str, str], pen: Pen) -> list[Line]:
    ids, types = pad_texts([node.id for node in nodes]), _types(nodes)
    calls = [(call_text(node, graph, literals, pen), ink_of(node, graph.outputs)) for node in nodes]
    return [
        [(i, ""), (" : ", "soft"), (t, "soft"), (" = ", "soft"), call]
        for i, t, call in zip(ids, types, calls, strict=True)
    ]


def _types(nodes: Sequence[GraphNode]) -> list[str]:
    """Return shapes and dtypes in a column each; the list of those of a call's results is as long as it is."""
    arrays = [not (node.weak or node.dtype.hasobject or node.has_several) for node in nodes]
    shapes = pad_texts([str(node.shape) if array else "" for node, array in zip(nodes, arrays, strict=True)])
    texts = [f"{s} {n.dtype}" if array else type_text(n) for n, s, array in zip(nodes, shapes, arrays, strict=True)]
    column = pad_texts(["" if node.has_several else text for node, text in zip(nodes, texts, strict=True)])
    return [text.ljust(len(cell)) for text, cell in zip(texts, column, strict=True)]


# ---- measurements ---------------------------------------------------------------------------------------------------


def _measure_columns(nodes: Sequence[Measurement], pen: Pen) -> tuple[str, list[str]]:
    """Return the titles and the rows of the columns of numbers; empty texts where nothing was measured."""
    table: list[tuple[str, list[str]]] = []
    if any(m.values for m in nodes):
        table.append(("low", [number(m.values.low) if has_range(m.values) else "" for m in nodes]))
        table.append(("high", [number(m.values.high) if has_range(m.values) else "" for m in nodes]))
    if any(m.gradient for m in nodes):
        table.append(("|d|", [number(m.gradient.norm) if m.gradient else "" for m in nodes]))
    if any(unfit(m) for m in nodes):
        table.append(("not finite", [unfit(m) for m in nodes]))
    if any(m.seconds is not None for m in nodes):
        table.append(("time", ["" if m.seconds is None else pen.safe(duration(m.seconds)) for m in nodes]))
    cells = [pad_texts([title, *column], right=True) for title, column in table]
    titles, *rows = ["  ".join(row) for row in zip(*cells, strict=True)] or [""] * (len(nodes) + 1)
    return titles, [row if row.strip() else "" for row in rows]


def has_range(stats: Stats | None) -> TypeGuard[Stats]:
    """Return whether there is a smallest and a largest finite element."""
    return stats is not None and stats.nans + stats.infs < stats.size


def unfit(measured: Measurement) -> str:
    """Return how many elements of the value and of its cotangent are not finite, or nothing."""
    counts = {"": measured.values, "d ": measured.gradient}
    return ", ".join(
        f"{whose}{n} {kind}"
        for whose, stats in counts.items()
        if stats
        for n, kind in ((stats.nans, "NaN"), (stats.infs, "inf"))
        if n
    )


def number(x: float) -> str:
    """Return a number in three digits."""
    return f"{x:.3g}"


def duration(seconds: float) -> str:
    """Return a time in a suitable unit, such as "12.5 µs"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
