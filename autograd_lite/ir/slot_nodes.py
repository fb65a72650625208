"""Nodes that stand for inputs and constants, so that whatever is computed from them is recorded.

Without one, an operation on tensors of which none requires a gradient leaves no trace.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..core.node import Node
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..tensors.record import wrap
from ..tensors.tensor import Tensor


def _never(*_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError("a slot is filled, never computed")


SLOT = Op("slot", _never, None, _never)
# The cotangent of a result that is not a scalar is bound to this; that of a scalar is the number 1.
SEED = Op("seed", _never, None, _never)


def slot_node(value: Any, op: Op = SLOT) -> Node:
    """Make the slot of a tensor or an array."""
    return Node(op, (), {"value": value}, (None,), (), tuple(value.shape), value.dtype, None)


def slot_tensor(value: Any, data: Any, op: Op = SLOT) -> Tensor:
    """Make a tensor with these data, whose node is the slot of `value`."""
    return wrap(data, slot_node(value, op))


def stands_for(node: Node) -> Tensor | Any | ShapeDtype:
    """Return the content of a slot: a tensor, an array, or the shape and dtype of a freed one."""
    return node.params["value"]


def is_slot(edge: Any) -> bool:
    """Return whether an edge is the node of an input, a constant or a seed."""
    return edge.__class__ is Node and (edge.op is SLOT or edge.op is SEED)
