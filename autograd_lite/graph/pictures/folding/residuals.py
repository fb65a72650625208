"""Residual blocks: what lies between a value and the sum to which it is added again.

A module that is such a block has a frame already; where its layers stand among others in one module, or in none, the
block gets a name of its own, "residual_1", as if it were a module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ....ir.graph_node import GraphNode, Kind
from ..describe import BACKWARD
from ..scopes import Scope, common_scope

# A block has at least the first number of operations, and at most the second. The shorter branch has at most this part
# of the operations of the longer one.
_LEAST, _MOST, _SHORT = 3, 400, 0.6
# A module that has at most this many blocks, which are at least this part of it, is one block.
_BLOCKS_OF_ONE, _PART_OF_ONE = 2, 0.6


class _Block(NamedTuple):
    """The operations `start` to `stop`, in recorded order, of which the last is the sum; and the module around them."""

    start: int
    stop: int
    around: Scope


def frame_blocks(nodes: Sequence[GraphNode], own: dict[str, Scope]) -> set[Scope]:
    """Put residual blocks into the paths of operations, and return the paths that are blocks.

    Args:
        nodes: of a graph, in recorded order.
        own: the path of each operation, which is changed.
    """
    ops = [node for node in nodes if node.computes and not node.backward]
    paths = [own[node.id] for node in ops]
    regions = [_Block(start, stop, common_scope(paths[start:stop])) for start, stop in _regions(nodes, ops)]
    if not regions:
        return set()
    sizes = Counter(path[:k] for path in paths for k in range(len(path) + 1))
    blocks, unnamed = set(), []
    for around in dict.fromkeys(region.around for region in regions):
        inside = [region for region in regions if region.around == around]
        covered = len({i for region in inside for i in range(region.start, region.stop)})
        if around and len(inside) <= _BLOCKS_OF_ONE and covered >= _PART_OF_ONE * sizes[around]:
            blocks.add(around)
        else:
            unnamed += [region for region in inside if _is_whole(region, paths, sizes)]
    names = _names(unnamed, sizes)
    longer = _with_names(paths, unnamed, names)
    blocks |= {longer[region.start][: longer[region.start].index(name) + 1] for region, name in names.items()}
    new = {node.id: path for node, path in zip(ops, longer, strict=True)}
    for node in nodes:
        if node.kind is Kind.OP:
            home = node.of if node.backward else node.inputs[0] if node.result is not None else node.id
            if (path := new.get(home)) is not None:
                own[node.id] = tuple([part + BACKWARD for part in path]) if node.backward else path
    return blocks


def _regions(nodes: Sequence[GraphNode], ops: Sequence[GraphNode]) -> list[tuple[int, int]]:
    """Return the beginnings and ends of residual blocks."""
    number = {node.id: i for i, node in enumerate(ops)}
    weights = set()
    for node in nodes:
        if node.result is not None and node.inputs[0] in number:
            number[node.id] = number[node.inputs[0]]
        if len(node.shape) > 1 and (node.kind is Kind.PARAMETER or (node.kind is Kind.INPUT and "." in node.name)):
            weights.add(node.id)
        if node.kind is Kind.INPUT:
            number[node.id] = -1 - len(number)  # inputs have negative numbers
    sources = [tuple([number[i] for i in node.inputs if i in number]) for node in ops]
    last = list(range(len(ops)))
    for i, reads in enumerate(sources):
        for source in reads:
            if source >= 0:
                last[source] = i
    regions = []
    for stop, node in enumerate(ops):
        if node.op == "add" and len(set(sources[stop])) == 2:
            fork, start = _fork(stop, sources, last)
            learns = any(not weights.isdisjoint(ops[i].inputs) for i in range(start, stop))
            if learns and stop - start >= _LEAST - 1 and _is_residual(fork, start, stop, sources):
                regions.append((start, stop + 1))
    return regions


def _fork(stop: int, sources: Sequence[tuple[int, ...]], last: Sequence[int]) -> tuple[int, int]:
    """Return from where all comes that a sum is made of, if nothing leaves on the way, and the operation after that.

    Without such a place, that is the sum itself. Further inputs may come from elsewhere, such as a mask.
    """
    aside = min(sources[stop])  # negative if the value that is added again is an input
    pending = {i for i in sources[stop] if i >= 0}
    for i in range(stop - 1, max(stop - _MOST, 0) - 2, -1):
        if aside < 0 and not pending:
            return aside, i + 1
        if aside >= 0 and pending == {i}:
            return i, i + 1
        if i not in pending or last[i] > stop:
            break
        pending.remove(i)
        pending.update([j for j in sources[i] if j >= 0])
    return 0, stop


def _is_residual(fork: int, start: int, stop: int, sources: Sequence[tuple[int, ...]]) -> bool:
    """Return whether one argument of the sum is the value at the fork, or comes of it in a shorter way."""
    branches = []
    for end in set(sources[stop]):
        branch, pending, reaches = set[int](), [end], False
        while pending:
            i = pending.pop()
            reaches |= i == fork
            if i >= start and i not in branch:
                branch.add(i)
                pending += sources[i]
        branches.append(branch)
        if not reaches:
            return False
    short, long = sorted(branches, key=len)
    return short.isdisjoint(long) and len(short) <= _SHORT * len(long)


def _is_whole(block: _Block, paths: Sequence[Scope], sizes: Counter[Scope]) -> bool:
    """Return whether no module lies partly inside of a block."""
    depth = len(block.around) + 1
    parts = Counter(path[:depth] for path in paths[block.start : block.stop] if len(path) >= depth)
    return all(sizes[part] == n for part, n in parts.items())


def _names(blocks: Sequence[_Block], sizes: Counter[Scope]) -> dict[_Block, str]:
    """Number the blocks of each module, in order."""
    names: dict[_Block, str] = {}
    count: Counter[Scope] = Counter()
    for block in sorted(blocks, key=lambda b: (b.start, -b.stop)):
        while True:
            count[block.around] += 1
            name = f"residual_{count[block.around]}"
            if (*block.around, name) not in sizes:
                break
        names[block] = name
    return names


def _with_names(paths: Sequence[Scope], blocks: Sequence[_Block], names: dict[_Block, str]) -> list[Scope]:
    """Return paths with the names of the blocks in them, outer ones first."""
    longer = list(paths)
    # From the inside out, so that the place of a name is as long as the path of the module around it.
    for block in sorted(blocks, key=lambda b: (-len(b.around), b.stop - b.start)):
        depth = len(block.around)
        for i in range(block.start, block.stop):
            longer[i] = (*longer[i][:depth], names[block], *longer[i][depth:])
    return longer
