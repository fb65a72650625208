"""Groups of operations that become one box: closed modules, and stretches of boxes that repeat.

Everything works on the operations in recorded order, and every group is an interval of that order. So no group reads
from itself through another one, and the boxes can be drawn in that order. A node that takes a result out of a call is a
part of the call.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from heapq import heapify, heappop, heappush
from itertools import groupby
from typing import NamedTuple

from ....ir.graph_node import GraphNode, Kind, Role
from ....ir.pure_graph import PureGraph
from ..describe import beginning, is_anonymous, join_names, series, stem_of, title_in
from ..scopes import Scope
from .plan import Cell
from .repeats import LEAST, runs_in

# A loop without modules is folded if that hides at least this many boxes.
_WORTH = 6
# The largest share of the graph in a box that is neither a module nor a loop; up to how many results and tensors with
# names each have a box.
_MOST, _RESULTS, _NAMED = 0.2, 12, 24

# What only spreads a cotangent.
_SPREADS = frozenset(("broadcast_to", "reshape", "transpose", "copy"))


class Rows:
    """The operations of a graph as rows of numbers, and the structure of any interval of them."""

    def __init__(self, nodes: Sequence[GraphNode], homes: dict[str, Scope]) -> None:
        self.ops = [node for node in nodes if node.computes]
        self.paths = [homes[node.id] for node in self.ops]
        self.number = {node.id: i for i, node in enumerate(self.ops)}
        # A slot is a negative number.
        self.number.update({node.id: -1 - i for i, node in enumerate(nodes) if node.kind is not Kind.OP})
        self._results: dict[int, list[GraphNode]] = {}
        index = {}
        for node in nodes:
            if node.result is not None:
                call = self.number[node.id] = self.number[node.inputs[0]]
                self._results.setdefault(call, []).append(node)
                index[node.id] = node.result
        self.inputs = [tuple([self.number[i] for i in node.inputs]) for node in self.ops]
        kinds: dict[object, int] = {}
        keys = [(_token_key(node), *map(index.get, node.inputs if index else ())) for node in self.ops]
        self.tokens = [kinds.setdefault(key, len(kinds)) for key in keys]
        self._structures: dict[object, int] = {}
        self._known: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}
        self.shares: list[float] = [0.0] * len(self.ops)
        self.alone: set[int] = set()
        self.fixed: set[int] = set()

    def set_weights(self, graph: PureGraph, totals: Mapping[str, float]) -> None:
        """Weigh the operations: by an overlay's numbers, if there are some, and note those that stay visible."""
        whole = sum(value for value in totals.values() if 0 < value < math.inf)
        self.shares = [1 / max(len(self.ops), 1)] * len(self.ops)
        if whole > 0:
            costs = [max(0.0, sum(totals.get(i, 0.0) for i in self._ids(k))) / whole for k in range(len(self.ops))]
            self.shares = [max(share, cost) for share, cost in zip(self.shares, costs, strict=True)]
        results = [k for k in dict.fromkeys(map(self.number.__getitem__, graph.outputs)) if k >= 0]
        if len(results) == 1 and not self.ops[results[0]].name:
            results = []  # the end of the picture
        named = [k for k, node in enumerate(self.ops) if node.name]
        self.alone = set(results if len(results) <= _RESULTS else ())
        self.fixed = self.alone.union(named if len(named) <= _NAMED else ())

    def without_names(self) -> Rows:
        """Return the same rows, of which results and tensors with names are folded like any others."""
        rows = copy(self)
        rows.alone, rows.fixed = set(), set()
        return rows

    def _ids(self, k: int) -> list[str]:
        return [self.ops[k].id, *(node.id for node in self._results.get(k, ()))]

    def cell(self, numbers: Iterable[int], title: str = "", scope: Scope = (), times: int = 1) -> Cell:
        """Return the box of some operations, with their results."""
        ops = [node for i in numbers for node in (self.ops[i], *self._results.get(i, ()))]
        return Cell(tuple(ops), title, scope, times)

    def structure(self, start: int, stop: int) -> tuple[int, tuple[int, ...]]:
        """Return a number that two intervals share if they are alike, and what they read from outside, in order.

        Two are alike if they have the same operations, which read each other in the same way and read from outside at
        the same places; shapes, names and values may differ.
        """
        structure = self._known.get((start, stop))
        if structure is None:
            outside: dict[int, int] = {}
            wiring = [
                tuple([i - start if i >= start else -1 - outside.setdefault(i, len(outside)) for i in inputs])
                for inputs in self.inputs[start:stop]
            ]
            key = (tuple(self.tokens[start:stop]), tuple(wiring))
            structure = self._structures.setdefault(key, len(self._structures)), tuple(outside)
            self._known[start, stop] = structure
        return structure


def _token_key(node: GraphNode) -> object:
    params = tuple([(p.name, p.text) for p in node.params if p.name != "shape"])
    # Names that differ in their digits are alike: those of steps.
    name = re.sub(r"\d+", "", node.name) if node.name else ""
    return node.op, params, node.dtype, len(node.inputs), len(node.shape), name


def kinds_of(rows: Rows, paths: Iterable[Scope]) -> dict[Scope, int]:
    """Return the kinds of modules, by number: those of a kind are all open in a picture, or all closed.

    Their names differ in numbers alone; of those that have a number as a name, the operations must be the same.

    Args:
        rows: the operations.
        paths: of modules, outer ones first.
    """
    operations: dict[Scope, int] = {}
    for path, token in zip(rows.paths, rows.tokens, strict=True):
        for k, name in enumerate(path, 1):
            if stem_of(name).isdigit():
                operations[path[:k]] = hash((operations.get(path[:k]), token))
    numbers: dict[object, int] = {}
    kinds: dict[Scope, int] = {(): 0}
    for path in paths:
        key = kinds[path[:-1]], operations.get(path, stem_of(path[-1]))
        kinds[path] = numbers.setdefault(key, len(numbers) + 1)
    return kinds


class Item(NamedTuple):
    """A future box, or a module whose boxes are separate: an interval of the operations.

    Attributes:
        start, stop: of the interval.
        title: of the closed module, or the repetition; empty for an operation.
        inner: for an open module, its items.
        times: how often it is repeated.
        name: the module, open or closed; empty for an operation.
    """

    start: int
    stop: int
    title: str = ""
    inner: tuple[Item, ...] = ()
    times: int = 1
    name: str = ""


class _Frame:
    """A module while it is being filled."""

    __slots__ = ("items", "path", "start")

    def __init__(self, path: Scope, start: int) -> None:
        self.path, self.start = path, start
        self.items: list[Item] = []


def cells_of(
    rows: Rows, is_closed: Callable[[Scope], bool], is_kept: Callable[[Scope], bool], repeats: bool, most: int = 0
) -> list[Cell]:
    """Return the boxes of a graph.

    Args:
        rows: the operations.
        is_closed: whether a module is one box.
        is_kept: whether a module must be drawn by itself, whatever repeats around it.
        repeats: fold repetitions, among operations and open modules too.
        most: how many boxes and open modules are shown of each open module; 0 for all.
    """

    def inside(scope: Scope, items: Sequence[Item]) -> Iterable[tuple[Scope, Item]]:
        folded = fold_repeats(rows, scope, items, is_kept, repeats)
        return ((scope, item) for item in reversed(_join(rows, scope, folded, most)))

    root = tree_of(rows, is_closed)
    cells: list[Cell] = []
    # The stack holds items in reverse order; open modules are replaced by their items, anything else is done.
    pending = [*inside((), root)]
    while pending:
        scope, item = pending.pop()
        if item.inner:
            pending += inside((*scope, item.name), item.inner)
        else:
            cells.append(rows.cell(range(item.start, item.stop), item.title, scope, item.times))
    return cells


def tree_of(rows: Rows, is_closed: Callable[[Scope], bool]) -> tuple[Item, ...]:
    """Put the operations into their modules: one item each time a module is entered."""
    verdicts: dict[Scope, Scope | None] = {}
    stack = [_Frame((), 0)]
    start = 0
    for path, same in groupby(rows.paths):
        stop = start + sum(1 for _ in same)
        if path not in verdicts:
            verdicts[path] = next((path[:k] for k in range(1, len(path) + 1) if is_closed(path[:k])), None)
        closed = verdicts[path]
        around = path if closed is None else closed[:-1]
        _leave(stack, around, start)
        while len(stack) <= len(around):
            stack.append(_Frame(around[: len(stack)], start))
        items = stack[-1].items
        if closed is None:
            items += [Item(i, i + 1) for i in range(start, stop)]
        elif items and items[-1].name == closed[-1] and items[-1].title and items[-1].stop == start:
            items[-1] = items[-1]._replace(stop=stop)
        else:
            items.append(Item(start, stop, title=title_in(closed), name=closed[-1]))
        start = stop
    _leave(stack, (), start)
    return tuple(stack[0].items)


def _join(rows: Rows, scope: Scope, items: list[Item], most: int) -> list[Item]:
    """Join neighbors until few items remain, the lightest first: what has the largest share stays by itself.

    Results and tensors with names are left alone, and so is what lies at the ends; no piece gets above a fifth.
    """
    if not most or len(items) < most + LEAST:
        return items
    weight = [sum(rows.shares[item.start : item.stop]) for item in items]
    ends = 1 + most // 8
    fixed = {k for k, item in enumerate(items) if not rows.fixed.isdisjoint(range(item.start, item.stop))}
    fixed.update((*range(ends), *range(len(items) - ends, len(items))))
    follows = list(range(1, len(items) + 1))
    before = list(range(-1, len(items) - 1))
    pairs = [
        (weight[k] + weight[k + 1], k, k + 1) for k in range(len(items) - 1) if k not in fixed and k + 1 not in fixed
    ]
    heapify(pairs)
    left, gone = len(items), set[int]()
    while pairs and left > most:
        sum_, k, other = heappop(pairs)
        if k in gone or other in gone or follows[k] != other or sum_ != weight[k] + weight[other] or sum_ > _MOST:
            continue
        weight[k], follows[k], left = sum_, follows[other], left - 1
        gone.add(other)
        if follows[k] < len(items):
            before[follows[k]] = k
        for one, two in ((before[k], k), (k, follows[k])):
            if one >= 0 and two < len(items) and one not in fixed and two not in fixed:
                heappush(pairs, (weight[one] + weight[two], one, two))
    pieces = [items[k : follows[k]] for k in range(len(items)) if k not in gone]
    # Where one module is joined with others, those that are called the same are closed too.
    closed = {_kind_of(rows, item) for piece in pieces if len(piece) > 1 for item in piece if item.inner}
    return [
        Item(piece[0].start, piece[-1].stop, contents_of(rows, piece))
        if len(piece) > 1
        else piece[0]._replace(inner=(), title=title_in((*scope, piece[0].name)))
        if piece[0].inner and _kind_of(rows, piece[0]) in closed
        else piece[0]
        for piece in pieces
    ]


def _kind_of(rows: Rows, item: Item) -> object:
    """Return what modules inside of one module share that are treated alike, as in `kinds_of`."""
    stem = stem_of(item.name)
    return rows.structure(item.start, item.stop)[0] if stem.isdigit() else stem


def contents_of(rows: Rows, items: Sequence[Item]) -> str:
    """Return what some items hold, as text: the modules, or how often each operation occurs."""
    names = [item.name or item.title for item in items if item.name or item.title]
    if names:
        return series(names)
    counts = Counter(rows.ops[k].op for item in items for k in range(item.start, item.stop)).most_common()
    words = [f"{op} ×{n}" if n > 1 else op for op, n in counts]
    return beginning([*words[:LEAST], *words[LEAST:][:1]]) if len(words) > LEAST else beginning(words)


def _leave(stack: list[_Frame], around: Scope, stop: int) -> None:
    """Close the modules that are not on a path."""
    while stack[-1].path != around[: len(stack) - 1]:
        done = stack.pop()
        stack[-1].items.append(Item(done.start, stop, inner=tuple(done.items), name=done.path[-1]))


# ---- repetition -----------------------------------------------------------------------------------------------------


def fold_repeats(
    rows: Rows, scope: Scope, items: Sequence[Item], is_kept: Callable[[Scope], bool], repeats: bool
) -> list[Item]:
    """Return the items of a module, with one in place of each stretch of at least three that are alike."""
    if len(items) < LEAST:
        return [_count_times(rows, item) for item in items]
    tokens = []
    for i, item in enumerate(items):
        if (item.inner and not repeats) or (item.name and is_kept((*scope, item.name))):
            tokens.append(-1 - i)  # unique
        elif item.stop - item.start == 1 and item.start in rows.alone:
            tokens.append(-1 - i)
        elif item.stop - item.start == 1:
            tokens.append(2 * rows.tokens[item.start])
        else:
            tokens.append(2 * rows.structure(item.start, item.stop)[0] + 1)
    new: list[Item] = []
    at = 0
    for run in runs_in(tokens):
        stretch = items[run.start : run.stop]
        plain = not any(item.name for item in stretch[: run.period])
        if plain and (not repeats or (run.times - 1) * run.period < _WORTH):
            continue
        if not repeats and run.period > 1:
            continue
        first = run.start + _best_cut(rows, stretch, run.period)
        for begin, times in _alike(rows, items, first, run.stop, run.period):
            if plain and (times - 1) * run.period < _WORTH:
                continue
            end = begin + times * run.period
            new += [_count_times(rows, item) for item in items[at:begin]]
            title = _title(rows, len(scope), items[begin:end], run.period)
            new.append(Item(items[begin].start, items[end - 1].stop, title, times=times))
            at = end
    return [*new, *(_count_times(rows, item) for item in items[at:])]


def _count_times(rows: Rows, item: Item) -> Item:
    """Count how often a closed module is entered in succession."""
    size = item.stop - item.start
    if not item.title or item.times > 1 or size < _WORTH:
        return item
    runs = runs_in(rows.tokens[item.start : item.stop])
    if len(runs) == 1 and runs[0].times * runs[0].period == size:
        period = runs[0].period
        alike = {rows.structure(i, i + period)[0] for i in range(item.start, item.stop, period)}
        return item._replace(times=runs[0].times) if len(alike) == 1 else item
    return item


def _best_cut(rows: Rows, stretch: Sequence[Item], period: int) -> int:
    """Return how many items to leave out at the beginning so that the fewest values cross from one period to the next.

    A loop that was found from the middle of its body is thus cut where its body begins.
    """
    begin, end = stretch[0].start, stretch[LEAST * period - 1].stop
    last: dict[int, int] = {}
    for i in range(begin, end):
        for source in rows.inputs[i]:
            if source >= begin:
                last[source] = i
    changes: dict[int, int] = {}
    for source, reader in last.items():
        changes[source + 1] = changes.get(source + 1, 0) + 1
        changes[reader + 1] = changes.get(reader + 1, 0) - 1
    crossing, level, position = [], 0, begin
    # Leaving out more than is spare at the end would cost a repetition.
    for item in stretch[period : period + min(period, len(stretch) % period + 1)]:
        while position < item.start:
            position += 1
            level += changes.get(position, 0)
        crossing.append(level)
    return crossing.index(min(crossing))


def _alike(rows: Rows, items: Sequence[Item], first: int, stop: int, period: int) -> list[tuple[int, int]]:
    """Return (beginning, times) of the stretches whose periods have the same structure and are joined alike."""
    stretches: list[tuple[int, int]] = []
    begin, times, joint = first, 0, None
    before: tuple[int, tuple[int, ...]] | None = None
    start = 0
    for k in range(first, stop - period + 1, period):
        last, start = start, items[k].start
        now = rows.structure(start, items[k + period - 1].stop)
        how = _joint(now[1], before[1], last, start) if before and before[0] == now[0] else None
        if how is not None and (times == 1 or how == joint):
            times, joint = times + 1, how
        else:
            if times >= LEAST:
                stretches.append((begin, times))
            # The period before may be the first of a new stretch, unless it is the last of one found.
            follows = how is not None and times < LEAST
            begin, times, joint = (k - period, 2, how) if follows else (k, 1, None)
        before = now
    if times >= LEAST:
        stretches.append((begin, times))
    return stretches


def _joint(outside: tuple[int, ...], before: tuple[int, ...], begin: int, start: int) -> tuple[object, ...]:
    """Return where each value read from outside comes from: the previous repetition, the same node, or another."""
    return tuple(
        [
            ("previous", i - begin) if begin <= i < start else "same" if i == old else "else"
            for i, old in zip(outside, before, strict=True)
        ]
    )


def _title(rows: Rows, depth: int, items: Sequence[Item], period: int) -> str:
    """Name a repetition, inside of `depth` modules, by the modules or the operations in it.

    Of modules whose names do not fit, those with the largest shares are named.
    """
    if period == 1 and items[0].name:
        return series([item.name for item in items])
    # The number of the first module says nothing of the others.
    names = [stem_of(item.name) or rows.ops[item.start].op for item in items[:period]]
    whole = join_names(names)
    if "…" not in whole or not all(item.name for item in items[:period]):
        return whole
    shares: dict[str, float] = {}
    for k in range(items[0].start, items[period - 1].stop):
        path = rows.paths[k][depth:]
        # What a residual block has inside says more than its name.
        inside = path[1:] if path[0].startswith("residual") else ()
        name = stem_of(inside[0] if inside and not is_anonymous(inside[0]) else path[0])
        shares[name] = shares.get(name, 0.0) + rows.shares[k]
    return beginning(sorted(shares, key=lambda name: (name == "residual", -shares[name])))


# ---- chains ---------------------------------------------------------------------------------------------------------


def chains_of(rows: Rows, cells: Sequence[Cell], outputs: Sequence[str]) -> list[Cell]:
    """Join chains of operations: each is the only reader of the one before, and keeps its shape."""
    number = rows.number
    alone = {number[cell.ops[0].id]: cell for cell in cells if not cell.title}
    readers: dict[int, list[int]] = {}
    for i, inputs in enumerate(rows.inputs):
        for source in dict.fromkeys(inputs):
            readers.setdefault(source, []).append(i)
    follows: dict[int, int] = {}
    results = rows.fixed.union(number[i] for i in outputs if i in number)
    for i, cell in alone.items():
        flowing = [source for source in dict.fromkeys(rows.inputs[i]) if source >= 0]
        if len(flowing) == 1 and flowing[0] in alone and readers[flowing[0]] == [i] and flowing[0] not in results:
            before = alone[flowing[0]]
            if i not in rows.fixed and before.scope == cell.scope and before.ops[0].shape == cell.ops[0].shape:
                follows[i] = flowing[0]
    inside = set(follows.values())
    new = []
    for cell in cells:
        i = -1 if cell.title else number[cell.ops[0].id]
        if i in inside:
            continue
        chain = [i]
        while chain[-1] in follows:
            chain.append(follows[chain[-1]])
        if len(chain) < LEAST:
            new += [alone[j] for j in reversed(chain)] if i >= 0 else [cell]
            continue
        for numbers in _parts(rows, chain[::-1]):
            new.append(rows.cell(numbers, join_names([rows.ops[j].op for j in numbers]), cell.scope))
    return new


def _parts(rows: Rows, chain: Sequence[int]) -> Iterator[list[int]]:
    """Cut a chain into parts of at most a fifth of the graph."""
    part: list[int] = []
    share = 0.0
    for k in chain:
        if len(part) >= LEAST and share + rows.shares[k] > _MOST:
            yield part
            part, share = [], 0.0
        part.append(k)
        share += rows.shares[k]
    yield part


# ---- cotangents of recorded backward passes -------------------------------------------------------------------------


def _is_cotangent(slot: GraphNode) -> bool:
    """Return whether a slot is the cotangent of a recorded backward pass; the engine gives it this name."""
    forward = slot.kind is Kind.INPUT and slot.role is Role.FORWARD  # that of a pass which the graph shows stays a box
    return forward and f"{slot.name} ".startswith("cotangent ")


def fold_cotangents(rows: Rows, nodes: Sequence[GraphNode], cells: Sequence[Cell]) -> list[Cell]:
    """Join the boxes of operations that only spread a cotangent, each the only reader of the one before."""
    readers: dict[str, list[int]] = {}
    for i, node in enumerate(rows.ops):
        for source in dict.fromkeys(node.inputs):
            readers.setdefault(source, []).append(i)
    chains: dict[int, tuple[list[int], str]] = {}
    for slot in filter(_is_cotangent, nodes):
        chain: list[int] = []
        following = readers.get(slot.id, [])
        while len(following) == 1 and rows.ops[following[0]].op in _SPREADS:
            chain += following
            following = readers.get(rows.ops[chain[-1]].id, [])
        if chain:
            chains[chain[-1]] = chain, slot.name
    if not chains:
        return [*cells]
    single = {rows.number[cell.ops[0].id] for cell in cells if not cell.title}
    chains = {end: pair for end, pair in chains.items() if single.issuperset(pair[0])}
    inside = {i for chain, _ in chains.values() for i in chain}
    new = []
    for cell in cells:
        i = -1 if cell.title else rows.number[cell.ops[0].id]
        if i in chains:
            chain, name = chains[i]
            new.append(rows.cell(chain, name, cell.scope))
        elif i not in inside:
            new.append(cell)
    return new
