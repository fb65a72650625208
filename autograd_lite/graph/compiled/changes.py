"""What passes have made of a program: the difference of two graphs."""

from __future__ import annotations

from ...compiler.replay import Replay
from ..analysis.differences import GraphDiff, diff
from ..graph import Graph


def changes_of(replay: Replay) -> GraphDiff:
    """Return the difference between what was traced and what is planned."""
    before, after = (Graph.of(replay.passes[k].program.graph) for k in (0, -1))
    return diff(before, after)
