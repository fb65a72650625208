"""Reasons why a tensor has no gradient: its own state, or the place where its path to the loss was cut."""

from __future__ import annotations

from typing import Any

from ..core.arguments import describe
from ..core.messages import checked
from ..core.node import LEAF, Node
from ..engine.walk import edge_of
from ..tensors.tensor import Tensor


@checked
def why_no_grad(t: Tensor, loss: Tensor | None = None) -> str:
    """Return the state that the gradient of a tensor is in, and what to do about it.

    The states are: it has one; none yet; not required; not kept (the tensor is not a leaf); not reached. If the loss is
    given, the result names the edge where the path from the loss to the tensor was cut, and the user's line if the loss
    was computed in `record_source()`.

    Args:
        t: the tensor whose `.grad` is None.
        loss: the tensor that `backward` was, or would be, called on.

    Returns:
        One or two sentences.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
        >>> loss = (x > 1.5).astype(float).sum()
        >>> print(why_no_grad(x, loss))
        not reached: 'x' leads to the loss only through 'greater', which has no derivative.
    """
    value: Any
    for argument, value in (("t", t), ("loss", loss)):
        if not isinstance(value, Tensor) and (argument == "t" or value is not None):
            raise TypeError(f"why_no_grad: expected {argument} to be a Tensor; received {argument}={describe(value)}")
    name = f"'{t.name}'" if t.name else f"the tensor of shape {t.shape}"
    if t.grad is not None:
        return f"has one: {name} has a gradient; see .grad."
    if not t.requires_grad:
        return _not_required(t, name)
    if not t.is_leaf:
        reason = "it is not a leaf, and .grad is kept for leaves. Call retain_grad() on it before backward()"
        return f"not kept: {name} is the {t._node.describe()}; {reason}."
    if loss is None:
        return (
            f"none yet: no backward() has reached {name}. Call loss.backward(); if that was done, "
            "why_no_grad(t, loss) finds where the path was cut."
        )
    return _from_loss(t, name, loss)


def _not_required(t: Tensor, name: str) -> str:
    if isinstance(t._node, Node):
        cut = _first_cut(t._node, None)
        if cut is not None:
            return f"not required: {name} depends on its inputs only through {_cut_sentence(*cut)}."
        return f"not required: nothing that {name} was computed from requires a gradient."
    if t.dtype.kind not in "fc":
        return (
            f"not required: {name} is {t.dtype}, and only floating tensors can require a gradient; use .astype(float)."
        )
    return (
        f"not required: {name} was made without requires_grad=True, or detached, or computed in no_grad(). "
        "Make it with tensor(a, requires_grad=True), or compute it outside no_grad()."
    )


def _from_loss(t: Tensor, name: str, loss: Tensor) -> str:
    edge, start = edge_of(t), edge_of(loss)
    if start is edge:
        return f"none yet: {name} is the loss itself; call backward() on it."
    if not isinstance(start, Node):
        return "not reached: the loss has no record: it was detached, made from numbers, or computed in no_grad()."
    if _reaches(start, edge):
        return f"none yet: the loss depends on {name}; call loss.backward(), after the last zero_grad()."
    cut = _first_cut(start, edge)
    if cut is not None:
        return f"not reached: {name} leads to the loss only through {_cut_sentence(*cut)}."
    return (
        f"not reached: the loss was not computed from {name}, or only through its bare values (.data, .numpy(), "
        "float()), detach() or no_grad(). Compute the loss in record_source() to have detach() named."
    )


def _reaches(start: Node, target: Any) -> bool:
    """Return whether a gradient flows from `start` to `target`."""
    stack: list[Any] = [start]
    seen: set[int] = set()
    while stack:
        edge = stack.pop()
        if edge is target:
            return True
        if isinstance(edge, Node) and id(edge) not in seen:
            seen.add(id(edge))
            stack += [edge.inputs[i] for i in edge.needs if edge.op.rule(i) is not None]
    return False


def _first_cut(start: Node, target: Any) -> tuple[Node, int] | None:
    """Return the edge nearest to `start`, as a node and an input, that cuts the gradient and leads on to `target`.

    Without a target, it leads on if anything behind it requires a gradient.
    """
    stack: list[Node] = [start]
    seen = {id(start)}
    while stack:
        node = stack.pop()
        for i, edge in enumerate(node.inputs):
            if (i not in node.needs or node.op.rule(i) is None) and _leads_to(edge, target):
                deeper = _first_cut(edge, target) if isinstance(edge, Node) and not _has_no_rule(node, i) else None
                return deeper or (node, i)
            if isinstance(edge, Node) and id(edge) not in seen:
                seen.add(id(edge))
                stack.append(edge)
    return None


def _has_no_rule(node: Node, i: int) -> bool:
    return node.op.rules is None or node.op.rule(i) is None or node.dtype.kind not in "fc"


def _leads_to(edge: Any, target: Any) -> bool:
    stack, seen = [edge], set()
    while stack:
        e = stack.pop()
        if e is target or (target is None and isinstance(e, Tensor) and e._node is LEAF):
            return True
        if isinstance(e, Node) and id(e) not in seen:
            seen.add(id(e))
            stack += e.inputs
    return False


def _cut_sentence(node: Node, i: int) -> str:
    if node.op.name == "stop_gradient":
        why = "which cuts the gradient on purpose (detach() or stop_gradient)"
    elif node.op.rules is None:
        why = "which has no derivative"
    elif node.dtype.kind not in "fc":
        why = f"whose result is {node.dtype}"
    else:
        why = f"which has no derivative by its input {i}"
    source = node.source
    return f"'{node.op_name}', {why}" + (f", at {source}" if source else "")
