"""Several operations that ran as one: one node of the record, until something must see the operations themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .op import Kind, Op, Rule
from .shapes import ShapeDtype

if TYPE_CHECKING:
    from .node import Node


class Composite(Protocol):
    """What runs as one; the parameter "composite" of the nodes of its results, as long as they are not opened."""

    def selects(self, node: Node) -> bool:
        """Return whether one of the operations that led to a result may drop values; see `Op.selects`."""

    def open(self, node: Node) -> None:
        """Let the node of a result read the operation that made it, as an identity without parameters."""

    def pull_back(
        self, given: dict[Node, Any], pending: dict[Any, Any], wanted: set[Any] | None, masks: bool, retain: bool
    ) -> bool:
        """Add to the cotangents of what the operations were computed from, in the order in which the engine would.

        Args:
            given: the nodes of results with their cotangents.
            pending: the cotangents so far, by edge.
            wanted: the edges to which gradients are to flow; None for all.
            masks: whether NaN is masked where a cotangent is 0.
            retain: whether there may be another backward pass.

        Returns:
            Whether that was done; otherwise nothing has changed, and the operations must do it.
        """


def _same(x: Any) -> Any:
    return x


def _infer(x: ShapeDtype) -> ShapeDtype:
    return x


# In the table of no module: nothing is computed by it.
COMPOSITE = Op("compiled", _same, (Rule(Kind.UNIT, 1),), _infer, selects=True, linear=True)


def opened(node: Node) -> Node:
    """Return a node, and if it is of a composite, see to it that it leads to the operations."""
    if node.op is COMPOSITE and node.params:
        node.params["composite"].open(node)
    return node


def maker(node: Any) -> Any:
    """Return the node of the operation that made what a node, if it is one, is of."""
    return opened(node).inputs[0] if getattr(node, "op", None) is COMPOSITE else node
