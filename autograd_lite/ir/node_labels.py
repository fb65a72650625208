"""Labels of nodes in pictures and texts: types, parameters, counts, numbers with units; and text made safe to show."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..core.op import OPS
from .graph_node import GraphNode, Kind, Param


class Nodes(Protocol):
    """A graph, or a mapping: nodes by their ids."""

    def __getitem__(self, node_id: str, /) -> GraphNode: ...


_BREAKS = "[\t-\r\x1c-\x1f\x85\u2028\u2029]"
# Patterns are compiled at their first use, which `re` remembers: not everyone who imports this draws.
# What no picture can show: control characters, direction overrides (which would turn the rest of the line round),
# halves of surrogate pairs, and the two code points that no XML may contain.
_UNSHOWABLE = "[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
# A tuple of one number, as the canonical axis=(1,), or of one array, as index=(int64(2, 7),): shown without the tuple.
_LONE = r"^\((-?\d+|\w+\([\d, ]*\)),\)$"
# An array in a parameter ends in a digest of its values, by which graphs are compared; it tells a reader nothing.
DIGEST = "#[0-9a-f]{8}"
# Of functions, such as those of `cond`, the number of operations is said: "<2 operations>#2f1a…".
_FUNCTION = f"(?:<(\\d+ operations?)>)?{DIGEST}"


def _inner(match: re.Match[str]) -> str:
    return match[1] or ""


def visible(text: str) -> str:
    """Return a text from outside on one line, with "\ufffd" in place of every character that cannot be shown.

    Example:
        >>> visible("two\\nlines")
        'two lines'
    """
    return re.sub(_UNSHOWABLE, "\ufffd", re.sub(_BREAKS, " ", text))


def clip(text: str, length: int) -> str:
    """Return the text, or its beginning and "…" if it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def type_text(node: GraphNode) -> str:
    """Return shape and dtype in NumPy's words, such as "(128, 784) float32"; those of a few results, one by one."""
    if node.has_several:
        types = result_types(node)
        return ", ".join(types) if len(types) <= _FEW else f"{len(types)} results"
    if node.dtype.hasobject:
        return "generator"
    return (
        {"f": "float", "i": "int", "b": "bool", "c": "complex"}[node.dtype.kind]
        if node.weak
        else (f"{node.shape} {node.dtype}")
    )


def result_types(call: GraphNode) -> list[str]:
    """Return shape and dtype of each result of a call; nothing for other nodes."""
    return [f"{shape} {dtype}" for shape, dtype in call.kinds] if call.has_several else []


def result_text(op: str, index: int, whose: str = "") -> str:
    """Return what a result of an op is called, see `Op.result_text`; of one that is not in the tables, its number."""
    known_op = OPS.get(op)
    return f"{whose}[{index}]" if known_op is None else known_op.result_text(index, whose)


def op_text(node: GraphNode, nodes: Nodes) -> str:
    """Return the name of a node's op: "qr"; of what takes a result out of a call, "qr.Q" or "polar[0]"."""
    if node.result is None:
        return node.op
    call = nodes[node.inputs[0]]
    return result_text(call.op, node.result, call.op or call.name)


# Types of this many results are said together.
_FEW = 3
# For these, one number (or pair) for all axes says as much as one for each axis.
_EACH_AXIS = ("dilation", "kernel", "padding", "stride", "window")
# Parameters that say nothing when they have these values; `batch` is an axis of the result.
_SILENT = {"batch": None, "dilation": "1", "groups": "1", "padding": "0", "stride": "1"}


def brief_values(params: Sequence[Param], elsewhere: Mapping[str, str]) -> dict[str, str]:
    """Return names and texts of the parameters that say more than defaults do.

    Args:
        params: of an op.
        elsewhere: texts of parameters that the reader sees in other places.

    Example:
        >>> from autograd_lite.ir.graph_node import make_param
        >>> window, stride = make_param("window", (3, 3)), make_param("stride", (3, 3))
        >>> brief_values([make_param("padding", ((1, 1), (1, 1))), stride, window], {})
        {'padding': '1', 'window': '3'}
    """
    telling = [p for p in params if p.text not in ("None", "False", elsewhere.get(p.name))]
    texts = {p.name: re.sub(_LONE, _inner, re.sub(_FUNCTION, _inner, _for_all_axes(p))) for p in telling}
    silent = {**_SILENT, "stride": texts.get("window", "1")}
    return {name: text for name, text in texts.items() if name not in silent or silent[name] not in (None, text)}


def _for_all_axes(p: Param) -> str:
    """Return the text of a parameter; if it has an entry for each axis and all are equal, that of one entry."""
    value = p.value
    while p.name in _EACH_AXIS and isinstance(value, tuple) and value and all(v == value[0] for v in value):
        value = value[0]
    return str(value) if isinstance(value, int) and p.name in _EACH_AXIS else p.text


class Loop(NamedTuple):
    """The repetition of a `scan` or a `while_loop`, as text.

    Attributes:
        times: how often, such as "×10"; empty if that is decided on the way.
        carry: the shape of what a step hands to the next one: "(3,)", "((3,), ())", or "5 arrays"; empty for nothing.
        body: how many operations a step has: "14 operations".
    """

    times: str
    carry: str
    body: str

    def __str__(self) -> str:
        parts = [f"carry {self.carry}", f"body {self.body}"] if self.carry else [f"body {self.body}"]
        return f"{self.times}: {', '.join(parts)}" if self.times else ", ".join(parts)


def loop_of(node: GraphNode) -> Loop | None:
    """Return the repetition of a node; None of other nodes."""
    params = {p.name: p.value for p in node.params}
    if not isinstance(params.get("body"), str) or not isinstance(params.get("num_carry"), int):
        return None
    shapes = [str(shape) for shape, _ in node.kinds[: params["num_carry"]]]
    carry = ", ".join(shapes) if len(shapes) <= _FEW else f"{len(shapes)} arrays"
    carry = f"({carry})" if 1 < len(shapes) <= _FEW else carry
    times = f"×{params['length']:,}" if "length" in params else ""
    times = f"{times} in reverse" if params.get("reverse") else times
    return Loop(times, carry, re.sub(f"[<>]|{DIGEST}", "", params["body"]))


def name_of_result(call: GraphNode, index: int, whose: str = "") -> str:
    """Return the name of a result in pictures, that of `result_text`; of what a loop carries "carry"."""
    carries = next((p.value for p in call.params if p.name == "num_carry"), 0) if loop_of(call) else 0
    if not index < carries:
        return result_text(call.op, index, whose)
    name = f"carry[{index}]" if carries > 1 else "carry"
    return f"{whose}.{name}" if whose else name


def brief_params(node: GraphNode) -> str:
    """Return the parameters that tell more than the result's type and the defaults: "axis=1", "index=(0, 1:)"."""
    if loop := loop_of(node):
        return str(loop)
    texts = brief_values(node.params, {"shape": str(node.shape), "dtype": str(node.dtype)})
    return visible(", ".join(f"{name}={text}" for name, text in texts.items()))


def count_of(n: int, word: str) -> str:
    """Return "1 input" or "2 inputs"."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def summary(nodes: Iterable[GraphNode]) -> str:
    """Count the nodes by kind, the values of the parameters, and the operations.

    Example:
        >>> from autograd_lite.graph import build_graph
        >>> import autograd_lite as ag
        >>> build_graph(ag.tensor([1.0, 2.0], requires_grad=True).sum()).summary()
        '1 operation, 1 parameter (2 values), 2 FLOP'
    """
    counts, values, flops = dict.fromkeys(Kind, 0), 0, 0
    for node in nodes:
        counts[node.kind] += node.result is None
        flops += node.flops
        if node.kind is Kind.PARAMETER:
            values += node.size
    words = {Kind.OP: "operation", Kind.STATE: "generator"}
    order = (Kind.OP, Kind.INPUT, Kind.PARAMETER, Kind.CONSTANT, Kind.STATE)
    parts = [
        count_of(counts[kind], words.get(kind, kind))
        + (f" ({count_of(values, 'value')})" if kind is Kind.PARAMETER else "")
        for kind in order
        if counts[kind]
    ]
    return ", ".join([*parts, _flops(flops)] if flops else parts)


def _flops(n: int) -> str:
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if n >= size:
            return f"{n / size:.3g} {unit}FLOP"
    return f"{n} FLOP"


def exact(value: float, unit: str) -> str:
    """Return a sum with its unit, to the last digit if it is a count, so that the numbers shown add up.

    Example:
        >>> exact(1234567.0, "FLOP"), exact(0.00042, "s")
        ('1,234,567 FLOP', '420 µs')
    """
    return f"{value:,.0f} {unit}".rstrip() if unit != "s" and value % 1 == 0 else amount(value, unit)


def amount(value: float, unit: str) -> str:
    """Return a number with its unit, scaled by a prefix such as k or µ.

    Example:
        >>> amount(1_234_567, "FLOP"), amount(2048, "B"), amount(0.00042, "s"), amount(1234, "")
        ('1.23 MFLOP', '2.05 kB', '420 µs', '1.23 k')
    """
    sizes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
    if unit == "s":
        sizes = [(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")]
    for size, prefix in sizes:
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g} {prefix}{unit}".rstrip()
    return f"{value:.3g} {unit}".rstrip()


def align_columns(rows: Sequence[Sequence[str]], left: Collection[int]) -> list[str]:
    """Return the lines of a table: the columns with these numbers begin at the left, the others end at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            c.ljust(w) if k in left else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
