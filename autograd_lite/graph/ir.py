"""The graph: an immutable record of what was computed, for pictures, checks, export and compilation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dot import dot_text
from .labels import summary
from .parts import Flow, GraphNode, Kind, Role
from .svg import svg_text
from .text import listing
from .window import PICTURE_LIMIT

__all__ = ["Graph"]


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """The structure of a computation: operations, their parameters, shapes and dtypes, and what they read.

    It holds no array, and prints, compares and hashes by structure: two runs of the same computation give equal
    graphs, whatever the values and wherever the lines stand. Iterating goes through the nodes in recorded order;
    `graph["n3"]` is one of them.

    Args:
        nodes: in recorded order; node i is called `n{i}` and reads earlier nodes only.
        outputs: the ids of the results.
        flows: with a backward pass, the steps of the chain rule in the order in which they run.

    Raises:
        ValueError: if the nodes are not numbered so, or read what does not come before them.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> graph = build_graph(ag.tensor(2.0, requires_grad=True, name="w") ** 2)
        >>> graph["n1"].op, graph.outputs
        ('square', ('n1',))
    """

    nodes: tuple[GraphNode, ...]
    outputs: tuple[str, ...]
    flows: tuple[Flow, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for i, node in enumerate(self.nodes):
            if node.id != f"n{i}" or not seen.issuperset(node.inputs):
                raise ValueError(
                    f"Graph: expected node {i} to be called n{i} and to read earlier nodes only; received {node}"
                )
            seen.add(node.id)
        if not seen.issuperset(self.outputs):
            raise ValueError(f"Graph: expected outputs among its nodes; received {self.outputs}")

    def __iter__(self) -> Iterator[GraphNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, node_id: str) -> GraphNode:
        number = str(node_id)[1:]
        if number.isdecimal() and int(number) < len(self.nodes) and self.nodes[int(number)].id == node_id:
            return self.nodes[int(number)]
        raise KeyError(f"{node_id!r}: expected an id from 'n0' to 'n{len(self.nodes) - 1}'")

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        operations = sum(node.kind is Kind.OP for node in self.nodes)
        return f"<Graph of {len(self.nodes)} nodes, {operations} of them operations; returns {', '.join(self.outputs)}>"

    # ---- the backward pass ------------------------------------------------------------------------------------------

    @property
    def cotangents(self) -> dict[str, str]:
        """For every forward node that a gradient reaches, the id of its complete cotangent."""
        found = {node.of: node.id for node in self.nodes if node.role is Role.SEED}
        found.update((flow.into, flow.total) for flow in self.flows)
        return {node.id: found[node.id] for node in self.nodes if node.id in found}

    @property
    def gradients(self) -> dict[str, str]:
        """For every parameter that a gradient reaches, the id of its gradient."""
        return {i: c for i, c in self.cotangents.items() if self[i].kind is Kind.PARAMETER}

    @property
    def saved(self) -> dict[str, tuple[str, ...]]:
        """For every forward node that the backward pass reads, the forward ops that saved it for their rules."""
        found: dict[str, dict[str, None]] = {}
        for node in self.nodes:
            if node.backward:
                for i in node.inputs:
                    if not self[i].backward:
                        found.setdefault(i, {})[node.of] = None
        return {i: tuple(found[i]) for i in sorted(found, key=lambda i: int(i[1:]))}

    # ---- faces ------------------------------------------------------------------------------------------------------

    def to_text(self, *, sources: bool = False, max_nodes: int | None = None) -> str:
        """Return a listing with one line for each node; see `autograd_lite.graph.text`.

        Args:
            sources: add the user's file and line, where recorded; without them, equal graphs have equal listings.
            max_nodes: list only so many nodes, those nearest the outputs, and say how many are left out.
        """
        return listing(self, sources=sources, max_nodes=max_nodes)

    def to_dot(self) -> str:
        """Return the whole graph in Graphviz's DOT language."""
        return dot_text(self)

    def to_svg(self, *, max_nodes: int = PICTURE_LIMIT) -> str:
        """Return the picture as SVG, drawn without any other program.

        Args:
            max_nodes: of a larger graph draw only so many nodes, those nearest the outputs, and say how many are left
                out; at most 1,500.

        Raises:
            ValueError: if `max_nodes` is not within 1 to 1,500.
        """
        return svg_text(self, max_nodes=max_nodes)

    def save(self, path: str | Path) -> Path:
        """Write the graph to a file, in the form that the file's ending names: .svg, .dot or .txt.

        Returns:
            The path.

        Raises:
            ValueError: if the ending is another one.
        """
        target = Path(path)
        faces: dict[str, Callable[[], str]] = {
            ".svg": self.to_svg,
            ".dot": self.to_dot,
            ".txt": lambda: self.to_text() + "\n",
        }
        face = faces.get(target.suffix.lower())
        if face is None:
            raise ValueError(f"save: expected a path ending in {', '.join(faces)}; received {str(path)!r}")
        target.write_text(face(), encoding="utf-8", newline="\n")
        return target

    def summary(self) -> str:
        """Return one line that counts the nodes by kind, the parameters' values and the operations' FLOPs."""
        return summary(self.nodes)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        faces: dict[str, Callable[[], str]] = {
            "text/plain": lambda: self.to_text(max_nodes=PICTURE_LIMIT),
            "image/svg+xml": self.to_svg,
        }
        asked = [kind for kind in faces if (not include or kind in include) and kind not in (exclude or ())]
        return {kind: faces[kind]() for kind in asked}
