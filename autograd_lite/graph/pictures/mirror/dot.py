"""The mirror in Graphviz's DOT language: the rules of an op have its rank.

The side of the op they are on is left to `dot`, which fails on some graphs if edges within ranks prescribe it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Unpack

from ....ir.node_labels import amount
from ....ir.pure_graph import PureGraph
from ..dot import ThemeName, dot_text, quoted
from ..folding.fold import ViewOptions
from ..style import EDGE_LOOKS, THEMES
from ..view import EdgeKind
from .drawing import mirror_of
from .model import Mirror


def mirror_dot(graph: PureGraph, *, theme: ThemeName = "light", **options: Unpack[ViewOptions]) -> str:
    """Return the mirror of a graph with a backward pass as DOT text, for those who draw with Graphviz.

    Args:
        graph: with a backward pass.
        theme: the colors, "light" or "dark".
        options: see `Graph.to_mirror`.

    Raises:
        ValueError: if the graph has no backward pass.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> w = ag.tensor(2.0, requires_grad=True, name="w")
        >>> dot = mirror_dot(build_graph(w * w, backward=True))
        >>> "{ rank=same; n1; vjp_n1 }" in dot
        True
    """
    mirror = mirror_of(graph, **options)
    view, rules = mirror.view, mirror.rules
    boxes = [*view.nodes, *(replace(rule, id=_rule(mirror, k)) for k, rule in rules.items())]
    text = dot_text(replace(view, nodes=tuple(boxes), caption=mirror.caption), theme)
    return text.removesuffix("}\n") + "".join(f"\t{line}\n" for line in _across(mirror, theme)) + "}\n"


def _rule(mirror: Mirror, cell: int) -> str:
    return f"vjp_{mirror.view.nodes[cell].id}"


def _across(mirror: Mirror, theme: ThemeName) -> Iterator[str]:
    """Yield the lines between the halves, and those of the right half."""
    boxes, rules, colors = mirror.view.nodes, mirror.rules, THEMES[theme]
    for k in rules:
        yield f"{{ rank=same; {boxes[k].id}; {_rule(mirror, k)} }}"
    # Written downwards and drawn upwards, so that ranks and order are those of the forward half.
    gradient = f'{EDGE_LOOKS[EdgeKind.GRADIENT].dot}, dir=back, color="{colors.gradient}", class="gradient"'
    arriving = {g.cell for g in mirror.gradients}
    labels = {g.cell: g.label for g in mirror.gradients}
    for into, op in mirror.flows:
        if into in rules:
            yield f"{_rule(mirror, into)} -> {_rule(mirror, op)} [{gradient}]"
        elif into in arriving:
            # The first of several contributions carries the label of their sum.
            label = labels.pop(into, "")
            said = f', label={quoted(label)}, fontcolor="{colors.gradient}"' if label else ""
            yield f"{boxes[into].id} -> {_rule(mirror, op)} [{gradient}{said}]"
    for seed in mirror.seeds:
        if seed.cell in rules:
            said = f'label={quoted(seed.label)}, fontcolor="{colors.gradient}"'
            turn = gradient.replace("dir=back, ", "")
            yield f"{boxes[seed.cell].id}:s -> {_rule(mirror, seed.cell)}:s [{turn}, {said}]"
    saved = f'style=dotted, dir=none, color="{colors.saved}", class="saved"'
    for kept in mirror.saved:
        for t in kept.readers:
            if t in rules:
                aside = "" if t == kept.cell else ", constraint=false"
                said = f'label="{amount(kept.nbytes, "B")}"'
                yield f"{boxes[kept.cell].id} -> {_rule(mirror, t)} [{saved}, {said}{aside}]"
