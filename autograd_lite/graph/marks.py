"""What an analysis says about the nodes of a graph, for whatever shows the graph: marks, and overlays of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from ..ir.listing import NO_REMARKS, Remark, Remarks
from ..ir.node_labels import count_of
from ..ir.pure_graph import PureGraph

# Looks that say that something is wrong, or differs, the gravest first.
_GRAVE = ("origin", "nan", "exploding", "vanishing", "dead", "unreached", "removed", "added", "changed")
# Of these the looks of the nodes of two graphs that differ.
_DIFFERENCES = _GRAVE[-3:]


@dataclass(frozen=True, slots=True)
class Mark:
    """What an overlay says about one node.

    Attributes:
        look: a look in place of the node's own (a key of `style.LOOKS`, such as "nan", "added", "removed", "changed").
        badge: a few characters at the box's corner, such as "NaN", "+" or "12 %".
        note: one more line in the box.
        tip: more lines for the tooltip and the side panel.
        weight: from 0 to 1, how deeply the box is colored; None for no color.

    Example:
        >>> Mark(badge="NaN", look="nan").badge
        'NaN'
    """

    look: str = ""
    badge: str = ""
    note: str = ""
    tip: tuple[str, ...] = ()
    weight: float | None = None

    @property
    def is_grave(self) -> bool:
        """Whether its look says that something is wrong, or differs."""
        return self.look in _GRAVE

    def and_of(self, others: Iterable[Mark]) -> Mark:
        """Return the gravest of this and others, with the lines for the tooltip of all."""
        marks = [self, *others]
        tip = tuple(dict.fromkeys([line for mark in marks for line in mark.tip]))
        return replace(gravest(marks), tip=tip)


def gravest(marks: Iterable[Mark]) -> Mark:
    """Return the gravest of some marks, the first among equals; one that says nothing if there is none."""
    return min(marks, key=lambda mark: _GRAVE.index(mark.look) if mark.is_grave else len(_GRAVE), default=Mark())


def mark_of_group(marks: Iterable[Mark], size: int) -> Mark:
    """Return the mark of a group: the gravest of its members'.

    Where only a part of the members differs from another graph, the group has no look of theirs, but says how many.

    Args:
        marks: of its members.
        size: how many members it has.

    Example:
        >>> gone = Mark("removed", "− removed")
        >>> mark_of_group([gone] * 26, 26).badge, mark_of_group([gone] * 9, 26).badge
        ('− removed', '− 9 of 26')
        >>> mark_of_group([gone] * 9 + [Mark("changed", "~ changed")], 26).note
        '9 of 26 removed, 1 changed'
    """
    members = list(marks)
    looks, worst = [mark.look for mark in members], gravest(members)
    number = looks.count(worst.look)
    if worst.look not in _DIFFERENCES or number >= size:
        return worst
    counts = {look: n for look in _DIFFERENCES if (n := looks.count(look))}
    note = ", ".join(f"{n:,} {look}" for look, n in counts.items()).replace(" ", f" of {size:,} ", 1)
    return Mark("", f"{worst.badge.partition(' ')[0]} {number:,} of {size:,}".lstrip(), note)


@dataclass(frozen=True, slots=True, repr=False)
class Overlay:
    """Marks for the nodes of a graph, and what the caption says of them.

    Attributes:
        title: of the numbers shown, such as "bytes saved for the backward pass".
        caption: lines for the caption: the totals.
        marks: by node id.
        totals: for a folded group the marks of its members are added up by `total(marks)`: the numbers by node id.
        unit: of `totals`: "FLOP", "B", "s" or "".
        of: the graph it was made for, if that is known; a picture of another one refuses it.

    Example:
        >>> Overlay("bytes", marks={"n1": Mark(badge="8 B")}).title
        'bytes'
    """

    title: str = ""
    caption: tuple[str, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)
    totals: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""
    of: PureGraph | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<Overlay of {count_of(len(self.marks), 'mark')}: {self.title}>"


class HasOverlay(Protocol):
    """What an analysis found, and can be shown on a picture: Cost, Memory, NanReport, Health or GraphDiff."""

    def overlay(self) -> Overlay:
        """Return the marks."""


# What pictures take as `overlay`.
Overlaid = Overlay | HasOverlay | Literal["flops", "bytes", "saved", "time", "values"]


def remarks_of(overlay: Overlay | None) -> Remarks:
    """Return what an overlay adds to the text of a graph."""
    if overlay is None:
        return NO_REMARKS
    heading = tuple(text for text in (overlay.title, *overlay.caption) if text)
    return Remarks(heading, {i: _remark(mark) for i, mark in overlay.marks.items()})


def _remark(mark: Mark) -> Remark:
    badge = f"[{mark.badge}]" if mark.badge else ""
    return Remark(" ".join(filter(None, [badge, mark.note])), mark.look == "nan")
