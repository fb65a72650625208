"""The modules around the boxes of a picture, as a tree of groups that can be framed.

A module whose result returns to it through another module (because it is called twice, say) is several groups: only
a convex set of boxes can be framed, with everything else above, below or next to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from ..scopes import Scope


class Modules(NamedTuple):
    """Nested groups of boxes.

    Attributes:
        scopes: the module path of each group; two groups may have the same.
        parents: the group around each, -1 for none; it has a lower number.
        homes: the innermost group around each box, -1 for none.
    """

    scopes: tuple[Scope, ...]
    parents: tuple[int, ...]
    homes: tuple[int, ...]

    def chain(self, group: int) -> tuple[int, ...]:
        """Return a group and all around it, the outermost first."""
        around = []
        while group >= 0:
            around.append(group)
            group = self.parents[group]
        return tuple(reversed(around))


def common(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Return the common beginning of two chains of groups."""
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def modules_of(scopes: Sequence[Scope], reads: Sequence[Sequence[int]]) -> Modules:
    """Return the groups.

    Args:
        scopes: the module path of each box.
        reads: the boxes that each reads, all of them with lower numbers. Boxes that read nothing, such as parameters,
            belong to the group of those that read them, at most as deep as their own path goes.
    """
    n = len(scopes)
    names: list[Scope] = []
    parents: list[int] = []
    homes = [-1] * n
    waiting = [i for i in range(n) if scopes[i] and reads[i]]
    depth = 1
    while waiting:
        buckets: dict[tuple[int, str], list[int]] = {}
        for i in waiting:
            buckets.setdefault((homes[i], scopes[i][depth - 1]), []).append(i)
        for (around, _), members in buckets.items():
            first = len(names)
            for i, part in zip(members, _convex_parts(members, reads), strict=True):
                while first + part >= len(names):
                    names.append(scopes[i][:depth])
                    parents.append(around)
                homes[i] = first + part
        waiting = [i for i in waiting if len(scopes[i]) > depth]
        depth += 1
    modules = Modules(tuple(names), tuple(parents), tuple(homes))
    return modules._replace(homes=_with_slots(modules, scopes, reads)) if names else modules


def _convex_parts(members: Sequence[int], reads: Sequence[Sequence[int]]) -> list[int]:
    """Number the parts of a module: a box that reads from part k through another module is in part k + 1 at least.

    All numbers from 0 to the largest occur.
    """
    own = set(members)
    reached: dict[int, int] = {}
    for i in range(members[0], members[-1] + 1):
        inside = i in own
        part = 0 if inside else -1
        for u in reads[i]:
            if u in reached:
                part = max(part, reached[u] + (inside and u not in own))
        if part >= 0:
            reached[i] = part
    return [reached[i] for i in members]


def _with_slots(modules: Modules, scopes: Sequence[Scope], reads: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Put every box that reads nothing into the group that holds all its readers within its own module."""
    readers: dict[int, list[int]] = {}
    for i, sources in enumerate(reads):
        for u in sources:
            # The backward pass also reads parameters, but they belong where the module itself is.
            if not reads[u] and scopes[u] and scopes[i][: len(scopes[u])] == scopes[u]:
                readers.setdefault(u, []).append(i)
    homes = list(modules.homes)
    for u, inside in readers.items():
        shared = modules.chain(homes[inside[0]])
        for i in inside[1:]:
            shared = common(shared, modules.chain(homes[i]))
        shared = shared[: len(scopes[u])]
        homes[u] = shared[-1] if shared else -1
    return tuple(homes)
