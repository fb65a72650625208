"""The text of the boxes of a picture: of a single node, and of a folded group."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple

from ...ir.graph_node import GraphNode, Kind
from ...ir.listing import place
from ...ir.node_labels import (
    amount,
    brief_params,
    clip,
    count_of,
    exact,
    loop_of,
    name_of_result,
    result_types,
    type_text,
    visible,
)
from ...ir.stats import NOT_MEASURED, Measurement, single
from ..marks import Mark, mark_of_group
from .scopes import Scope
from .view import ViewNode

# Appended to a module's name where its backward pass is meant.
BACKWARD = " ∇"
_NAME, _PARAMS, _TIP = 36, 30, 200
# Of a call with more results, some are only counted. How many lines of names a group has.
_RESULTS, _LINES = 6, 3


class Facts(NamedTuple):
    """Facts about nodes that the nodes themselves do not hold.

    Attributes:
        outputs: ids of the results.
        gradients: for the complete cotangent of a parameter, by its id, the name of that parameter.
        frozen: ids of inputs that are a module's own weights.
        measurements: measured numbers of nodes, by their ids.
    """

    outputs: Collection[str]
    gradients: Mapping[str, str]
    frozen: Collection[str]
    measurements: Mapping[str, Measurement]


class Sums(NamedTuple):
    """Sums of an overlay's numbers: over the members of a group, and over the graph; and the unit."""

    own: float
    whole: float
    unit: str


# ---- one node -------------------------------------------------------------------------------------------------------


def node_box(
    node: GraphNode, facts: Facts, scope: Scope, marks: Mapping[str, Mark], *,
    results: Sequence[GraphNode] = (), badge: str = "",
) -> ViewNode:  # fmt: skip
    """Return the box of one node: at most three lines and a note, and one for each result of a call.

    Everything else is in the tooltip.

    Args:
        node: the node.
        facts: about the graph.
        scope: the modules around it.
        marks: what an overlay says about nodes, by their ids.
        results: of a call, the nodes that take its results out of it.
        badge: how often it is used, unless a mark has another badge.
    """
    parts = (node, *results)
    is_output = any(part.id in facts.outputs or part.id in facts.gradients for part in parts)
    own = marks.get(node.id, Mark())
    mark = own.and_of([marks[part.id] for part in results if part.id in marks])
    badge = mark.badge or badge
    lines, sign = _lines(node, facts, _name_within(node, scope))
    lines += tuple(_result_lines(node, results, facts, marks))
    if own.note:
        lines = (*lines, visible(clip(own.note, _NAME)))
    tip_lines = (*_tip(node, facts), *[line for part in results for line in _result_tip(node, part, facts)], *mark.tip)
    tip = tuple(visible(clip(line, _TIP)) for line in tip_lines if line)
    look = mark.look or _look(node, facts)
    if look == "op" and is_output:
        look = "output"
    ids = tuple([part.id for part in results])
    return ViewNode(node.id, look, lines, sign, is_output, scope, tip, visible(badge), (), mark.weight, ids)


def _result_lines(
    call: GraphNode, results: Sequence[GraphNode], facts: Facts, marks: Mapping[str, Mark]
) -> Iterator[str]:
    """Yield a line for each result of a call: its name or number, its type or its value."""
    taken, types = {part.result: part for part in reversed(results)}, result_types(call)
    for index, text in enumerate(types[:_RESULTS]):
        part = taken.get(index)
        name = name_of_result(call, index)
        if part is not None:
            name = f"{part.name} = {name}" if part.name else name
            text = number_text(part, facts.measurements.get(part.id, NOT_MEASURED)) or text
            text += f" · {marks[part.id].note}" if part.id in marks and marks[part.id].note else ""
        yield visible(f"{clip(name, _NAME)} {text}")
    if len(types) > _RESULTS:
        yield f"and {len(types) - _RESULTS} more"


def _look(node: GraphNode, facts: Facts) -> str:
    if node.kind is Kind.OP:
        return "backward" if node.backward else "output" if node.id in facts.outputs else "op"
    return "frozen" if node.id in facts.frozen else str(node.kind)


def _name_within(node: GraphNode, scope: Scope) -> str:
    """Return the name of a slot without the modules that have a frame around its box, but for the innermost."""
    *path, name = node.name.split(".")
    frames = [part.removesuffix(BACKWARD) for part in scope]
    around = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(path, frames, strict=False)))
    return ".".join([*path[max(around - 1, 0) :], name])


def _lines(node: GraphNode, facts: Facts, name_within: str) -> tuple[tuple[str, ...], str]:
    """Return the lines, and the sign in front of the first."""
    kind = number_text(node, facts.measurements.get(node.id, NOT_MEASURED)) or type_text(node)
    if node.has_several:  # each result has its own line
        kind = ""
    if node.kind is Kind.CONSTANT:
        return (visible(node.value) or type_text(node),), ""
    name = visible(clip(node.name, _NAME))
    if node.kind is not Kind.OP:
        return (_tail(visible(name_within)) or str(node.kind), kind), ""
    if node.id in facts.gradients:
        name = _tail(visible(facts.gradients[node.id]) + ".grad")
    op = visible(clip(node.op, _NAME))
    # Longer glyphs, such as |x| and mod, would be a second word next to the name.
    sign = visible(node.glyph) if len(node.glyph) == 1 and not name else ""
    params = clip(brief_params(node), _PARAMS)
    if loop := loop_of(node):  # the carry is among the results
        op, params = f"{op} {loop.times}".rstrip(), f"body {loop.body}"
    return tuple(line for line in (f"{name} = {op}" if name else op, params, kind) if line), sign


def number_text(node: GraphNode, measured: Measurement) -> str:
    """Return the value of a measured scalar and its gradient, as "value 2 · grad -3"; nothing for other nodes."""
    value, gradient = (single(stats, node.dtype) for stats in measured[:2])
    if node.shape or not value:
        return ""
    return f"value {value} · grad {gradient}" if gradient else f"value {value}"


def _numbers(node: GraphNode, measured: Measurement) -> list[str]:
    """Return the value of a measured scalar and its gradient, with all digits."""
    if not number_text(node, measured):
        return []
    numbers = {"value": measured.values, "gradient": measured.gradient}
    return [f"{name} {stats.low!r}" for name, stats in numbers.items() if stats and stats.finite]


def _tail(name: str) -> str:
    """Return the end of a name that is too long; in a dotted path the end says most, from a whole part on if it can."""
    if len(name) <= _NAME or "." not in name[-_NAME:]:
        return clip(name, _NAME)
    end = name[1 - _NAME :]
    whole = end.partition(".")[2]
    return "…" + (whole if "." in whole else end)


def _result_tip(call: GraphNode, part: GraphNode, facts: Facts) -> list[str]:
    name = f"{part.name} = " if part.name else ""
    size = f"{type_text(part)}, {count_of(part.nbytes, 'byte')}"
    numbers = _numbers(part, facts.measurements.get(part.id, NOT_MEASURED))
    return [f"{part.id} = {name}{name_of_result(call, part.result or 0, call.id)}, {size}", *numbers]


def _tip(node: GraphNode, facts: Facts) -> list[str]:
    words = [str(node.kind), node.name] if node.kind is not Kind.OP else [node.op, *node.inputs]
    size = f"{type_text(node)}, {count_of(node.nbytes, 'byte')}" if node.nbytes and not node.weak else type_text(node)
    return [
        " ".join(filter(None, [node.id, "=", *words, node.value])),
        *map(str, node.params),
        size,
        *_numbers(node, facts.measurements.get(node.id, NOT_MEASURED)),
        f"{node.flops:,} FLOP" if node.flops else "",
        f"gradient of {facts.gradients[node.id]}" if node.id in facts.gradients else "",
        f"backward of {node.of}, toward {node.toward}" if node.of else "",
        node.scope,
        place(node),
    ]


# ---- a group --------------------------------------------------------------------------------------------------------


def group_box(
    group_id: str,
    title: str,
    members: Sequence[GraphNode],
    facts: Facts,
    *,
    scope: Scope = (),
    times: int = 1,
    marks: Mapping[str, Mark],
    sums: Sums | None = None,
    names: Sequence[str] = (),
    parts: str = "",
) -> ViewNode:
    """Return the box of a folded group, or of several slots.

    Args:
        group_id: of the box.
        title: its head: the module, or its operations.
        members: the nodes in it, in recorded order.
        facts: about the graph.
        scope: the modules around it.
        times: how often the same structure is repeated in it.
        marks: what an overlay says about nodes, by their ids.
        sums: of an overlay's numbers.
        names: of members, to be shown.
        parts: the modules in it.
    """
    ops = [node for node in members if node.computes]
    lines = [clip(visible(title), _NAME), _content(members, ops, times)]
    lines += [clip(visible(parts), _NAME)] if parts else []
    lines += _name_lines([name for name in names if name != title])
    lines += [text for text in (_range(ops, times), exact(sums.own, sums.unit) if sums else "") if text]
    worst = _mark_of(ops, marks) or _mark_of(members, marks) or Mark()
    look = _look(members[0], facts)
    if ops:
        look = "backward_group" if all(node.backward for node in ops) else "group"
    badges = [f"×{times:,}"] if times > 1 else []
    if sums and sums.own > 0.005 * sums.whole > 0:
        badges.append(f"{100 * sums.own / sums.whole:.{0 if sums.own > 0.0995 * sums.whole else 1}f} %")
    look = worst.look or look
    badges += [worst.badge] if worst.badge else []
    lines += [visible(clip(worst.note, _NAME))] if worst.note else []
    counts = {op: len(list(same)) for op, same in groupby(sorted(node.op for node in ops))}
    often = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    tipped = [marks[node.id] for node in members if node.id in marks and marks[node.id].is_grave]
    tip = [
        f"{group_id} = {count_of(len(members), 'node')}, {members[0].id} to {members[-1].id}",
        ", ".join(f"{op} ×{n}" if n > 1 else op for op, n in often[:8]) + (", …" if len(often) > 8 else ""),
        f"{sum(node.flops for node in ops):,} FLOP",
        *(line for mark in tipped[:20] for line in mark.tip),
    ]
    is_output = any(node.id in facts.outputs for node in members)
    tips = tuple(visible(clip(line, _TIP)) for line in tip if line)
    ids = tuple(node.id for node in members)
    return ViewNode(group_id, look, tuple(lines), "", is_output, scope, tips, visible(" · ".join(badges)), ids)


def _mark_of(members: Sequence[GraphNode], marks: Mapping[str, Mark]) -> Mark | None:
    """Return the mark of some members together, if one of them has a grave one."""
    grave = [mark for node in members if (mark := marks.get(node.id)) and mark.is_grave]
    return mark_of_group(grave, len(members)) if grave else None


def _content(members: Sequence[GraphNode], ops: Sequence[GraphNode], times: int) -> str:
    """Return the contents of a group as text: operations and parameters, or slots of a kind."""
    if not ops:
        types = list(dict.fromkeys(map(type_text, members)))
        return types[0] if len(types) == 1 else f"{amount(sum(node.size for node in members), '')} values"
    values = sum(node.size for node in members if node.kind is Kind.PARAMETER)
    content = f"{times:,} × {count_of(len(ops) // times, 'op')}" if times > 1 else count_of(len(ops), "op")
    return content + (f", {amount(values, '')} param{'' if values == 1 else 's'}" if values else "")


def _name_lines(names: Sequence[str]) -> list[str]:
    """Return names as lines: those that differ in their digits as a series, and the number of those without room."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(re.sub(r"\d+", "", name), []).append(name)
    words = [text for same in alike.values() for text in ([series(same)] if len(same) > 2 else same)]
    lines: list[str] = []
    for k, word in enumerate(words):
        word = _tail(visible(word))
        if lines and len(f"{lines[-1]}, {word}") <= _NAME:
            lines[-1] = f"{lines[-1]}, {word}"
        elif len(lines) < _LINES:
            lines.append(word)
        else:
            return [*lines, f"and {len(words) - k} more"]
    return lines


def _range(ops: Sequence[GraphNode], times: int) -> str:
    """Return how the shape of the result varies over repetitions that differ in their shapes only."""
    if times < 2 or not ops:
        return ""
    step = len(ops) // times
    shapes = list(dict.fromkeys(node.shape for node in ops[step - 1 :: step]))
    return f"{shapes[0]} to {shapes[-1]}" if len(shapes) > 1 else ""


def join_names(names: Sequence[str]) -> str:
    """Join consecutive names into one title, with "…" for those that do not fit.

    Example:
        >>> join_names(["matmul", "add", "tanh"]), join_names(["multiply"] * 9)
        ('matmul › add › tanh', 'multiply › multiply › … › multiply')
    """
    whole = " › ".join(names[:9])
    if len(names) < 10 and len(whole) <= _NAME:
        return whole
    count = len(names) - 2
    while count > 1 and len(" › ".join([*names[:count], "…", names[-1]])) > _NAME:
        count = min(count - 1, 8)
    return " › ".join([*names[:count], "…", names[-1]])


def series(names: Sequence[str]) -> str:
    """Name modules that are alike: by their common name, by the first and last of a numbered series, or by all names.

    Example:
        >>> series(["block_0", "block_1", "block_2"]), series(["cell"] * 3), series(["query", "key", "value"])
        ('block_0 … block_2', 'cell', 'query, key, value')
    """
    if len(set(names)) == 1:
        return names[0]
    numbered = len({re.sub(r"\d+", "", name) for name in names}) == 1
    if not numbered and len(names) < 10 and len(whole := ", ".join(names)) <= _NAME:
        return whole
    ends = f"{names[0]} … {names[-1]}"
    return ends if numbered or len(ends) <= _NAME else f"{names[0]}, {len(names) - 1} more"


def beginning(names: Sequence[str]) -> str:
    """Join the names that fit into a line, at least the first, with "…" for the others.

    Example:
        >>> beginning(["dense", "activation"]), beginning(["multi_head_attention", "layer_normalization", "dense"])
        ('dense, activation', 'multi_head_attention, dense, …')
    """
    whole = ", ".join(names)
    if len(whole) <= _NAME:
        return whole
    line = names[0]
    for name in names[1:]:
        if len(f"{line}, {name}, …") <= _NAME:
            line = f"{line}, {name}"
    return f"{line}, …"


def stem_of(name: str) -> str:
    """Return the name of a module without its number and without "∇"."""
    return re.sub(r"_\d+$", "", name.removesuffix(BACKWARD))


def is_anonymous(name: str) -> bool:
    """Return whether the name of a module says nothing without that of the module around it: "layers", "0"."""
    name = name.removesuffix(BACKWARD)
    return name == "layers" or name.isdigit()


def title_in(path: Scope) -> str:
    """Return what a module is called: its name, after those around it where it says nothing by itself.

    Example:
        >>> title_in(("net", "block", "layers")), title_in(("net", "head")), title_in(("net ∇", "0 ∇"))
        ('block.layers', 'head', 'net.0 ∇')
    """
    first = len(path) - 1
    while first > 0 and is_anonymous(path[first]):
        first -= 1
    names = [part.removesuffix(BACKWARD) for part in path[first:-1]]
    return ".".join([*names, path[-1]])
