"""A mirror with everything in its place: the first of those to choose from that fits."""

from __future__ import annotations

from typing import NamedTuple, Unpack

from ....ir.node_labels import amount
from ....ir.pure_graph import PureGraph
from ..boxes import Label, label_of
from ..drawing import first_that_fits
from ..folding.fold import ViewOptions
from ..view import ViewNode
from .model import Mirror, mirrors_of
from .place import place_boxes
from .route import Plan, plan_lines

# The size of the text of a rule.
_RULE = 12.0


class Drawing(NamedTuple):
    """A mirror; the labels of its boxes, by cell of its rules, and of its saved values; and where all that goes."""

    mirror: Mirror
    labels: list[Label]
    rules: dict[int, Label]
    words: list[str]
    plan: Plan

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        plan = self.plan
        return plan.right_end - plan.left_end, plan.low_end


def drawing_of(graph: PureGraph, **options: Unpack[ViewOptions]) -> Drawing:
    """Lay out the mirror of a graph with a backward pass; see `Graph.to_mirror`."""
    return first_that_fits(map(_lay_out, mirrors_of(graph, **options)), lambda drawing: drawing.size)


def _lay_out(mirror: Mirror) -> Drawing:
    labels = [_label(box) for box in mirror.view.nodes]
    rules = {k: _label(box) for k, box in mirror.rules.items()}
    words = [amount(saved.nbytes, "B") for saved in mirror.saved]
    where = place_boxes(mirror, [label.box for label in labels], {k: label.box for k, label in rules.items()})
    return Drawing(mirror, labels, rules, words, plan_lines(mirror, where, words))


def _label(box: ViewNode) -> Label:
    label = label_of(box)
    if box.look != "backward" or box.members:
        return label
    # What a rule does is not small print.
    head, *rules = label.lines
    return label._replace(lines=(head, *(line._replace(size=_RULE, style="") for line in rules)))
