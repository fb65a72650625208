"""The saved values of nodes: wrapped with a history for rules, checked for changes, and freed."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..core.errors import GradError, more_on
from ..core.fingerprints import first_changed
from ..core.mode import TAPES
from ..core.multi_result import Several, result_nodes
from ..core.node import LEAF, Node
from ..core.shape_arithmetic import ShapeDtype
from .record import wrap
from .tensor import Tensor
from .tracers import Level, unwrap, wrap_any

_NUMPYS = frozenset({np.ndarray, np.float64, np.float32})
# Constants up to this many bytes stay readable in the record after backward; larger arrays are freed.
_KEEP_BYTES = 1024


def as_tensors(node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the saved arrays as Tensors with their history, so that a rule that reads them is recorded."""
    out = saved[0]
    opened = [out if out is None else wrap(out, node) if out.__class__ in _NUMPYS else _with_history(out, node)]
    for edge, value in zip(node.inputs, saved[1:], strict=True):
        if edge.__class__ is Node and value is not edge:
            opened.append(wrap(value, edge) if value.__class__ in _NUMPYS else wrap_any(value, edge))
        elif isinstance(edge, Tensor) and edge._node is LEAF:
            if value is not edge and edge._stamp > node.stamp:
                refuse_changed_leaf(node.op.name, edge, named=node.note is not None)
            opened.append(edge)
        elif TAPES and isinstance(edge, Tensor) and getattr(edge, "_stamp", 0) < node.stamp:
            opened.append(edge)  # on a tape a constant is known by its Tensor
        else:
            opened.append(value)
    return tuple(opened)


def _with_history(out: Any, node: Node) -> Any:
    """Return the result of a call with its history, or each of several results."""
    if node.op.results is None:
        return wrap_any(out, node)
    return tuple([wrap_any(a, n) for a, n in zip(out, result_nodes(node), strict=True)])


def without_level(level: Level, _: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Unwrap the saved values of a level that has ended: inside a newer one they would pass for its constants."""
    return tuple([tuple([unwrap(a, level) for a in v]) if v.__class__ is Several else unwrap(v, level) for v in saved])


def free_saved(node: Node) -> tuple[Any, ...] | None:
    """Replace large constants by their shapes, and return the new `saved` of a node: None."""
    for e in node.inputs:
        if e.__class__ is np.ndarray and e.nbytes > _KEEP_BYTES:
            node.inputs = tuple(map(_without_values, node.inputs))
            break
    return None


def _without_values(edge: Any) -> Any:
    large = edge.__class__ is np.ndarray and edge.nbytes > _KEEP_BYTES
    return ShapeDtype(edge.shape, edge.dtype) if large else edge


def freed_error(node: Node) -> GradError:
    """Return the error of a second backward pass."""
    return GradError(
        f"backward: the saved values of the {node.describe()} were freed by an earlier backward. "
        "Compute the result again, or call backward(retain_graph=True) the first time" + more_on("freed-values")
    )


def refuse_changed_leaf(op: str, leaf: Tensor, *, named: bool) -> NoReturn:
    """Raise because a leaf was assigned to after an op had read it; `named` if the line is known."""
    name = f"'{leaf.name}' " if leaf.name else ""
    raise GradError(
        f"backward: the leaf {name}of shape {leaf.shape} was assigned a new value after the op '{op}' saved "
        "the old one, so the gradient would be of a function that was never computed. "
        "Call backward before you change the parameters (before optimizer.step())"
        + ("" if named else "; record_source() names the line")
        + more_on("changed-before-backward")
    )


def check_fingerprints(node: Node, saved: tuple[Any, ...]) -> None:
    """Raise if an array that a rule is about to read has changed since its op read it."""
    fingerprints = getattr(node, "fingerprints", None)
    if fingerprints and (place := first_changed(fingerprints, saved)) >= 0:
        a, subject = saved[place], f"input {place - 1} of" if place else "the values of"
        raise GradError(
            f"backward: {subject} the {node.describe()}, an array of shape {a.shape} {a.dtype}, was changed after the "
            "op read it, so the gradient would be of a function that was never computed. "
            "Fix: write into another array, or use a copy: x.copy(), or tensor(x)"
            + ("" if node.note else "; record_source() names the line")
            + more_on("changed-before-backward")
        )


def check_leaf(node: Node, i: int, saved: tuple[Any, ...]) -> None:
    """Raise if input i is a leaf that was assigned to after the op saved its value."""
    edge = node.inputs[i]
    if edge.__class__ is not Node and edge._stamp > node.stamp and saved[i + 1] is not edge:
        refuse_changed_leaf(node.op.name, edge, named=node.note is not None)


def check_constants(node: Node, saved: tuple[Any, ...]) -> None:
    """Raise if a Tensor that no gradient flows to was assigned to after the op saved its value."""
    for i, edge in enumerate(node.inputs):
        if not isinstance(edge, Tensor) or i in node.needs or saved[i + 1] is edge:
            continue
        if getattr(edge, "_stamp", 0) > node.stamp:
            refuse_changed_leaf(node.op.name, edge, named=node.note is not None)
