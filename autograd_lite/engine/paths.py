"""The paths of gradients, from results to the leaves that these were computed from."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..core.mode import TAPES
from ..core.node import Node
from ..tensors.tensor import Tensor

_stamp = operator.attrgetter("stamp")


class Paths(NamedTuple):
    """The paths of gradients from some results to `targets`.

    Attributes:
        targets: where they end; None for every leaf. What lies behind a target is left out.
        order: the nodes on the paths, last recorded first: consumers before what they consume.
        selects: whether one of their ops may drop values, see `Op.selects`.
        reaches_other_leaves: whether gradients also flow to leaves that are not targets.
        history: whether one of those leaves requires a gradient; the argument that a transformation's variable copies
            does not.
    """

    targets: set[Any] | None
    order: list[Node]
    selects: bool
    reaches_other_leaves: bool
    history: bool


def paths_from(edges: Iterable[Any], targets: set[Any] | None) -> Paths:
    """Find the paths of gradients from the results with these edges."""
    seen = set(targets or ())
    stack: list[Node] = []
    selects = reaches_other_leaves = history = useless = False
    for edge in edges:
        if edge not in seen:
            if edge.__class__ is Node:
                seen.add(edge)
                stack.append(edge)
            else:
                reaches_other_leaves = history = True
    order = []
    while stack:
        node = stack.pop()
        order.append(node)
        if node.op.selects:
            selects = True
        inputs = node.inputs
        if TAPES and not node.needs:  # an argument of a function that is compiled
            reaches_other_leaves = True
        for i in node.needs:
            edge = inputs[i]
            if edge not in seen:
                if edge.__class__ is Node:
                    seen.add(edge)
                    stack.append(edge)
                else:
                    reaches_other_leaves = True
                    if edge._node is None:
                        useless = True
                    else:
                        history = True
    order.sort(key=_stamp, reverse=True)  # a node is older than its consumers
    if useless and targets is None:  # some leaves no longer require a gradient: no work for those
        targets = {e for node in order for i in node.needs if (e := node.inputs[i]).__class__ is Tensor and e._node}
    if reaches_other_leaves and targets is not None:  # some nodes may lead to other leaves only
        order = _towards(order, targets)
    return Paths(targets, order, selects, reaches_other_leaves, history)


def _towards(order: list[Node], targets: set[Any]) -> list[Node]:
    """Keep the nodes from which a target can be reached."""
    useful = set(targets)
    nodes = []
    for node in reversed(order):
        inputs = node.inputs
        for i in node.needs:
            if inputs[i] in useful:
                useful.add(node)
                nodes.append(node)
                break
    nodes.reverse()
    return nodes
