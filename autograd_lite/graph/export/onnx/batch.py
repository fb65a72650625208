"""A batch axis of any length: the graph written for several batch sizes, and what differs computed when it runs.

A graph knows the shapes of one run. Here its shapes are worked out for other batch sizes: by the ops' own shape rules,
and where a parameter holds a shape, as that of a reshape does, by asking which of its axes the batch is. Then the nodes
are written for each of the sizes. They come out the same but for a few constants, which must be a multiple of the batch
size, plus a number; and these are computed from the batch axis of an input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ....core.errors import UnsupportedError
from ....core.shape_arithmetic import Shape, ShapeDtype
from ....ir.graph_node import GraphNode, Kind, Role
from .emit import INT64, Emitter, Value
from .indexing import plan_of
from .table import Calls


class Sized(NamedTuple):
    """A graph at some batch size: its nodes, calls and slots."""

    nodes: list[GraphNode]
    calls: Calls
    bound: Mapping[str, Any]


class _Fixed(Exception):
    """The batch size is part of the graph; the message says where."""


def resize(graph: Sized, batched: Sequence[str], old: int, new: int) -> Sized:
    """Work out a graph for another batch size.

    Args:
        graph: at its own shapes.
        batched: the ids of the inputs whose axis 0 is the batch.
        old: the length of that axis.
        new: the length to assume.

    Raises:
        UnsupportedError: if the graph depends on the batch size in some other way.
    """
    resizer = _Resizer(graph, set(batched), old, new)
    nodes = []
    for node in graph.nodes:
        try:
            nodes.append(resizer.node(node))
        except (_Fixed, ValueError, TypeError, IndexError) as error:
            where = f"{node.op or node.kind} ({node.id}{f', {node.source}' if node.source else ''})"
            raise UnsupportedError(
                f"to_onnx(dynamic_batch=True): expected a graph that any batch size fits; received one with the batch "
                f"size {old} baked in at {where}: {error}. Take the size from an input's shape by operations such as "
                "mean and reshape(..., -1), or export without dynamic_batch"
            ) from None
    return Sized(nodes, resizer.calls, resizer.bound)


class _Resizer:
    """The shapes of a graph at another batch size, node by node."""

    def __init__(self, graph: Sized, batched: set[str], old: int, new: int) -> None:
        self.batched, self.old, self.new = batched, old, new
        self.nodes = {node.id: node for node in graph.nodes}
        self.calls: dict[str, Any] = dict(graph.calls)
        self.bound = dict(graph.bound)
        self.shapes: dict[str, Shape] = {}
        self.zeros = _zero_states(graph.calls, graph.bound, old)

    def node(self, node: GraphNode) -> GraphNode:
        """Return a node with its shape at the new size."""
        shape = self._slot(node) if node.kind is not Kind.OP else self._operation(node)
        self.shapes[node.id] = shape
        return node if shape == node.shape else replace(node, shape=shape)

    def _slot(self, node: GraphNode) -> Shape:
        if node.id in self.batched:
            return (self.new, *node.shape[1:])
        if node.role is Role.SEED:
            return self.shapes[node.of]
        if node.id in self.zeros:
            shape = (*node.shape[:-2], self.new, node.shape[-1])
            self.bound[node.id] = np.zeros(shape, node.dtype)
            return shape
        if node.kind is Kind.CONSTANT and not node.shape:
            self._check_number(node)
        return node.shape

    def _check_number(self, node: GraphNode) -> None:
        """Refuse a number that may be the batch size; of a mean's or variance's gradient it is known to be."""
        value = self.bound[node.id]
        number = np.asarray(value).item()
        if node.backward:
            count = self._count_of(node)
            if count and number == count[0]:
                self.bound[node.id] = type(value)(count[1])
                return
        if _may_be(number, self.old):
            raise _Fixed(
                f"the number {number!r} may come from the batch size, or not; trace with a batch of another size, such "
                "as 7 or 11, to tell"
            )

    def _count_of(self, node: GraphNode) -> tuple[float, float] | None:
        """Return how many elements the op of a backward node averages, at the old and the new size."""
        of = self.nodes.get(node.of)
        if of is None or of.op not in ("mean", "var", "std"):
            return None
        _, (x, *_), params = self.calls[of.id]
        less = params.get("ddof", 0)
        axis = params["axis"]
        old, new = (
            math.prod(n for i, n in enumerate(shape) if axis is None or i in axis) - less
            for shape in (self.nodes[x].shape, self.shapes[x])
        )
        return old, new

    def _operation(self, node: GraphNode) -> Shape:
        op, arguments, params = self.calls[node.id]
        before = [self.nodes[a].shape for a in arguments]
        after = [self.shapes[a] for a in arguments]
        old_target = tuple(params.get("shape", ()))
        if "shape" in params:
            params = {**params, "shape": self._target(node, before, after, old_target)}
        piece = self._piece(node, params)
        if piece is not None:
            params = {**params, "index": piece}
        elif "index" in params and node.op != "get_tuple_element":
            shapes = (before[0], after[0]) if node.op != "scatter_add" else (old_target, tuple(params["shape"]))
            _check_index(params["index"], *shapes)
        _check_others(node, after, params)
        self.calls[node.id] = (op, arguments, params)
        specs = [ShapeDtype(s, self.nodes[a].dtype) for a, s in zip(arguments, after, strict=True)]
        out: Any = op.infer(*specs, **params)
        shape = out.shape if op.results is None else tuple([spec.shape for spec in out])
        if len(shape) != len(node.shape):
            raise _Fixed(f"the result has {len(node.shape)} axes at one size and {len(shape)} at another")
        return shape

    def _piece(self, node: GraphNode, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the index of the piece of a cotangent that belongs to one of the arrays that were concatenated."""
        if node.op != "getitem" or not node.backward or node.of not in self.calls or node.toward not in self.shapes:
            return None
        op, parts, of = self.calls[node.of]
        index, axis = params["index"], of.get("axis")
        if op.name != "concatenate" or len(index) != axis + 1 or any(i != slice(None) for i in index[:axis]):
            return None
        start = new = 0
        for part in parts:
            length = self.nodes[part].shape[axis]
            if part == node.toward and index[axis] == slice(start, start + length):
                return (*index[:axis], slice(new, new + self.shapes[part][axis]))
            start, new = start + length, new + self.shapes[part][axis]
        return None

    def _target(self, node: GraphNode, before: Sequence[Shape], after: Sequence[Shape], target: Shape) -> Shape:
        if node.op.startswith("random_"):  # a mask of dropout has the shape of its input
            return (self.new, *target[1:]) if target[:1] == (self.old,) else target
        if node.backward:
            shape = self._forward_twin(node, target)
            if shape is not None and (node.op != "reshape" or math.prod(shape) == math.prod(after[0])):
                return shape
        if before == after:
            return target
        if node.op == "reshape":
            return _resize_target(before[0], after[0], target, self.old)
        if node.op == "broadcast_to":
            front = len(target) - len(after[0])
            pairs = zip(before[0], after[0], strict=True)
            return (*target[:front], *(t if a == b else a for t, (b, a) in zip(target[front:], pairs, strict=True)))
        return target

    def _forward_twin(self, node: GraphNode, target: Shape) -> Shape | None:
        """Return the new shape of a forward value nearby that had this shape, for a node of the backward pass."""
        nearby = [node.toward, node.of, *(self.calls[node.of][1] if node.of in self.calls else ())]
        return next((self.shapes[i] for i in nearby if i in self.shapes and self.nodes[i].shape == target), None)


_RECURRENT = ("lstm", "gru", "simple_rnn")


def _zero_states(calls: Calls, bound: Mapping[str, Any], size: int) -> set[str]:
    """Return the ids of the zeros, a row for each example, that stand for states before the first step."""
    adjoints = [f"{name}_adjoint" for name in _RECURRENT]
    inputs = [i for op, ids, _ in calls.values() if op.name in (*_RECURRENT, *adjoints) for i in ids[3:] + ids[:2]]
    arrays = {i: bound.get(i) for i in inputs}
    return {
        i for i, a in arrays.items() if isinstance(a, np.ndarray) and a.ndim > 1 and a.shape[-2] == size and not a.any()
    }


def _may_be(number: Any, size: int) -> bool:
    """Return whether a number looks like a multiple or a fraction of the batch size."""
    if isinstance(number, bool) or not math.isfinite(number) or not number:
        return False
    if number == int(number):
        return int(number) % size == 0 and abs(number) < 1e6 * size  # a number such as -1e9 stands for infinity
    times = number * size
    # Numbers such as 0.5 or 0.75 are whole multiples of 1/size by chance; but 1/size itself is not let through.
    return abs(times - round(times)) < 1e-6 and (times == 1 or number * 1024 != int(number * 1024))


def _resize_target(before: Shape, after: Shape, target: Shape, size: int) -> Shape:
    """Return the target of a reshape at the new size, given the old batch size.

    The batch is the axis that begins where the batch axis does; or one of several that are joined to an axis; or it is
    what an axis that others were joined to is taken apart into, and then an axis of that length.
    """
    changed = [i for i, (b, a) in enumerate(zip(before, after, strict=True)) if b != a]
    if len(changed) > 1:
        raise _Fixed("two axes of its input depend on the batch size")
    (axis,) = changed
    start, old, new = math.prod(before[:axis]), math.prod(before), math.prod(after)
    end = start * before[axis]
    places = []
    for j, n in enumerate(target):
        begins = math.prod(target[:j])
        inside = begins <= start < begins * n or start <= begins < begins * n <= end
        if inside and n * new % old == 0 and n > 1:
            places.append(j)
    if len(places) > 1:
        places = [j for j in places if target[j] == size]
    if len(places) != 1:
        raise _Fixed(f"no axis, or not just one, of the new shape {target} stands for the batch alone")
    (j,) = places
    return (*target[:j], target[j] * new // old, *target[j + 1 :])


def _check_index(index: tuple[Any, ...], before: Shape, after: Shape) -> None:
    """Refuse an index that names positions along the batch axis, but for the first, the last, and all but those."""
    plan = plan_of(index, before)
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        if plan is None or axis in plan.places:
            raise _Fixed("it takes an array of positions along the batch axis")
        cut = plan.cuts[axis]
        if axis in plan.ints:
            if cut.start not in (0, old - 1):
                raise _Fixed(f"the position {cut.start} along the batch axis may depend on the batch size")
            if cut.start and not _counts_from_the_end(index):
                raise _Fixed(f"the position {cut.start} along the batch axis may be the last")
        elif any(b not in (None, 0, 1, -1) for b in (cut.start, cut.stop)):
            raise _Fixed(f"the slice {cut.start}:{cut.stop} along the batch axis may depend on the batch size")


def _counts_from_the_end(index: tuple[Any, ...]) -> bool:
    return any(isinstance(i, (int, np.integer)) and i == -1 for i in index)


def _check_others(node: GraphNode, after: Sequence[Shape], params: Mapping[str, Any]) -> None:
    """Refuse what the shape rule of an op leaves to its forward."""
    if node.op == "concatenate":
        rest = {tuple(n for i, n in enumerate(shape) if i != params["axis"]) for shape in after}
        if len(rest) > 1:
            raise _Fixed(f"shapes {', '.join(map(str, after))} do not fit together")
    if node.op == "index_update":
        region = np.broadcast_to(np.zeros((), np.bool_), after[0])[params["index"]].shape
        if np.broadcast_shapes(region, after[1][max(len(after[1]) - len(region), 0) :]) != region:
            raise _Fixed(f"values of shape {after[1]} do not fit into {region}")


# ---- one model of several -------------------------------------------------------------------------------------------


def axes_of(shapes: Sequence[Shape], sizes: Sequence[int]) -> tuple[int | str | None, ...]:
    """Return the axes of a value as lengths and, where they depend on the batch size, as words.

    Example:
        >>> axes_of([(4, 3, 8), (5, 3, 10), (7, 3, 14)], [4, 5, 7])
        ('batch', 3, '2*batch')
    """
    axes: list[int | str | None] = []
    for lengths in zip(*shapes, strict=True):
        line = _line(lengths, sizes)
        if line is None:
            axes.append(None)
        else:
            k, b = map(int, line)
            times = "batch" if k == 1 else f"{k}*batch"
            axes.append(b if not k else times if not b else f"{times}{b:+d}")
    return tuple(axes)


def _line(values: Sequence[Any], sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return whole arrays k and b with value = k * size + b, if there are."""
    with np.errstate(all="ignore"):
        first, second, *rest = [np.asarray(value, np.float64) for value in values]
        k = (second - first) / (sizes[1] - sizes[0])
        b = first - k * sizes[0]
        fits = (k == np.rint(k)) & (b == np.rint(b))
        if not all((fits & (value == k * n + b)).all() for value, n in zip(rest, sizes[2:], strict=True)):
            return None
    return k.astype(np.int64), b.astype(np.int64)


def merge(emitters: Sequence[Emitter], sizes: Sequence[int], source: Value) -> None:
    """Make the first of several emitters fit all sizes: constants that differ are computed from `source`'s axis 0.

    Raises:
        UnsupportedError: if more than constants differ, or they are not linear in the batch size.
    """
    first = emitters[0]
    plain = [[(r.op_type, r.inputs, r.outputs, str(r.attributes)) for r in e.nodes] for e in emitters]
    if any(nodes != plain[0] for nodes in plain) or any(e.constants.keys() != first.constants.keys() for e in emitters):
        (op_type, *_) = next((a for a, *rest in zip(*plain, strict=False) if any(a != b for b in rest)), ("",))
        raise UnsupportedError(
            "to_onnx(dynamic_batch=True): expected the same operators for every batch size; received others"
            f"{f' at {op_type}' if op_type else ''}. Export without dynamic_batch"
        )
    users = {name: record for record in first.nodes for name in record.inputs}
    computed: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in [name for name in first.constants if name in users]:
        array, *others = versions = [e.constants[name] for e in emitters]
        if all(v is array or np.array_equal(v, array, equal_nan=v.dtype.kind == "f") for v in others):
            continue
        kinds = {(v.shape, v.dtype) for v in versions}
        line = _line(versions, sizes) if len(kinds) == 1 and array.size <= 64 and array.dtype.kind in "iuf" else None
        if line is None:
            user = users[name]
            raise UnsupportedError(
                "to_onnx(dynamic_batch=True): expected constants that are multiples of the batch size; received others "
                f"at {user.op_type} ({user.name}{f', {user.doc}' if user.doc else ''}). Export without dynamic_batch"
            )
        k, b = line
        if users[name].op_type == "Reshape" and np.count_nonzero(k) == 1:
            first.constants[name] = np.where(k, -1, b)
        else:
            computed[name] = line
    if computed:
        _compute(first, computed, source)


def _compute(emitter: Emitter, lines: Mapping[str, tuple[np.ndarray, np.ndarray]], source: Value) -> None:
    """Put nodes in front that compute constants from the length of an input's axis 0."""
    rest = emitter.nodes[:]
    del emitter.nodes[:]
    emitter.at(None)
    size = emitter.call("Shape", source, dtype=INT64, shape=(1,), start=0, end=1)
    renamed: dict[str, str] = {}
    for name, (k, b) in lines.items():
        dtype = emitter.constants.pop(name).dtype
        value = size if k.ndim else size.reshape(())
        value = value * k if (k != 1).any() or k.size > 1 else value
        value = value + b if b.any() else value
        renamed[name] = value.cast(dtype).name
    for record in rest:
        emitter.nodes.append(record._replace(inputs=tuple(renamed.get(x, x) for x in record.inputs)))
