"""What `print(graph)` shows of a graph that is longer than a screen: both ends, and its largest modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from ...ir.graph_node import GraphNode, Kind
from ...ir.listing import BACKWARD_HEADING, listing
from ...ir.node_labels import align_columns, amount, count_of
from ...ir.pen import Pen
from ...ir.pure_graph import PureGraph
from .describe import series

# Up to this many nodes, a graph is shown whole; of a larger one this many lines, half of them at either end, cut at a
# width, and this many modules.
_WHOLE, _ENDS, _WIDTH, _MODULES = 100, 16, 120, 8
# A module with more than this share of the operations is shown by its parts.
_LARGE = 0.5


def screen_text(graph: PureGraph) -> str:
    """Return the listing of a graph, or, of one with more than a hundred nodes, what fits on a screen.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor(1.0, requires_grad=True, name="x")
        >>> for _ in range(500):
        ...     x = x * 0.5
        >>> lines = screen_text(ag.build_graph(x)).splitlines()
        >>> lines[0], len(lines)
        ('# 500 operations, 1 parameter (1 value), 500 constants, 500 FLOP', 19)
    """
    if len(graph) <= _WHOLE:
        return listing(graph)
    head, *body = listing(graph, Pen(width=_WIDTH)).splitlines()
    backward = body.index(BACKWARD_HEADING) if BACKWARD_HEADING in body else len(body)
    passes = [part for part in (body[:backward], body[backward:]) if part]
    excerpts = [_ends(part, _ENDS // len(passes)) for part in passes]
    left_out = len(body) - sum(line is not None for part in excerpts for line in part)
    gap = [f"… {left_out:,} more lines: print(graph.to_text()) shows all", *_contents(graph)]
    texts = [head]
    for part in excerpts:
        texts += [line for text in part for line in ([text] if text is not None else [f"# {about}" for about in gap])]
        gap = ["…"]
    return "\n".join(texts)


def _ends(lines: Sequence[str], most: int) -> list[str | None]:
    """Return lines, with None in place of those between the first and the last."""
    if len(lines) <= most:
        return [*lines]
    return [*lines[: most // 2], None, *lines[-(most - most // 2) :]]


Scope = tuple[str, ...]


class _Row(NamedTuple):
    """A module, or several that are alike but for a number in their names."""

    name: str
    modules: int
    forward: int
    backward: int
    values: int

    def cells(self) -> tuple[str, str, str, str]:
        """Return its cells in the table."""
        times = f"{self.modules} × " if self.modules > 1 else ""
        backward = f"{times}{self.backward:,} backward" if self.backward else ""
        values = f"{amount(self.values, '')} values" if self.values else ""
        return self.name, f"{times}{count_of(self.forward, 'operation')}", backward, values


def _contents(graph: PureGraph) -> Iterator[str]:
    """Yield lines that say what a graph holds: its largest modules, or its most frequent operations."""
    inside: dict[Scope, list[GraphNode]] = {}
    for node in graph:
        # A parameter is in the module after which it is named.
        path = tuple(node.scope.split(".") if node.scope else node.name.split(".")[:-1] if node.name else ())
        for depth in range(1, len(path) + 1):
            inside.setdefault(path[:depth], []).append(node)
    inside = {path: nodes for path, nodes in inside.items() if any(node.computes for node in nodes)}
    operations = sum(node.computes for node in graph)
    rows = [_row(same) for same in _alike(_modules_of(inside, operations), inside)]
    if rows:
        largest = sorted(rows, key=lambda row: -row.modules * (row.forward + row.backward))[:_MODULES]
        top = [row for row in rows if row in largest]
        count = sum(row.modules for row in rows)
        yield "modules:" if len(top) == len(rows) else f"the largest of {count} modules:"
        yield from (f"  {line.rstrip()}" for line in align_columns([row.cells() for row in top], {0}))
    else:
        counts: dict[str, int] = {}
        for node in graph:
            if node.computes:
                counts[node.op] = counts.get(node.op, 0) + 1
        often = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        names = ", ".join(f"{op} ×{n:,}" for op, n in often[:_MODULES])
        yield f"operations: {names}{', …' if len(often) > _MODULES else ''}"


def _modules_of(inside: Mapping[Scope, list[GraphNode]], operations: int) -> list[Scope]:
    """Return the outermost modules, with the parts in place of those that have most of the operations."""
    largest: list[Scope] = []
    pending: list[Scope] = [()]
    while pending:
        path = pending.pop()
        parts = [other for other in inside if other[:-1] == path]
        if not path or (parts and sum(node.computes for node in inside[path]) > _LARGE * operations):
            pending += parts[::-1]
        else:
            largest.append(path)
    return largest


def _alike(paths: list[Scope], inside: Mapping[Scope, list[GraphNode]]) -> Iterator[list[tuple[str, list[GraphNode]]]]:
    """Yield modules with their nodes: neighbors together that differ by a number in their names only."""

    def key(path: Scope) -> object:
        name = ".".join(path).rstrip("0123456789")
        return name, [node.op for node in inside[path]]

    for _, same in groupby(paths, key):
        yield [(".".join(path), inside[path]) for path in same]


def _row(same: list[tuple[str, list[GraphNode]]]) -> _Row:
    nodes = same[0][1]
    ops = [node for node in nodes if node.computes]
    back = sum(node.backward for node in ops)
    values = sum(node.size for _, nodes in same for node in nodes if node.kind is Kind.PARAMETER)
    return _Row(series([name for name, _ in same]), len(same), len(ops) - back, back, values)
