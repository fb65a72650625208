"""Who may look on while operations are recorded and backward passes run; `Mode.watch` holds a `Watch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .node import Node
    from .op import Op


class Observer(Protocol):
    """Looks on at one backward pass.

    It sees cotangents as the engine passes them on: arrays, or Tensors where the pass is recorded. It must not change
    them.
    """

    def begin(self, node: Node, g: Any) -> None:
        """See the complete cotangent of a node whose rules are about to be read; its hooks have not run yet."""

    def contributed(self, node: Node, argument: int, edge: Any, r: Any, total: Any) -> None:
        """See what the rule for one argument has given, before the node's saved values are freed.

        Args:
            node: the node whose rule it is, the one that `begin` has seen last.
            argument: the index of the input in `node.inputs`.
            edge: that input.
            r: the contribution, with the input's shape and dtype.
            total: the input's cotangent so far, `r` included; `r` itself where it is the first contribution.
        """


class Watch(Protocol):
    """Looks at everything that is recorded, and has an observer for every backward pass."""

    def recorded(self, op: Op, values: Sequence[Any], out: Any, params: dict[str, Any], edges: Sequence[Any]) -> None:
        """See an operation that has been computed and is about to be recorded."""

    def observer(self) -> Observer:
        """Return the observer of a backward pass that begins."""
