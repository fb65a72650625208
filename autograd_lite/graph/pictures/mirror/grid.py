"""The rows of a mirror from top to bottom, with the lines between the halves.

A line from one half to the other runs straight if no box is in its way, and otherwise in a separate track above or
below the row; the farther its box is from the middle, the farther the track is from the row, so tracks do not cross.
The aisle between the halves has a strip for labels and, to its right, lanes for lines that run down to a lower row.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..boxes import SMALL
from ..layout.geometry import Point
from ..layout.layered import extents
from ..widths import text_width
from .frames import bands
from .model import Mirror
from .place import Placed, boxes_beside

# The font size of the number of bytes saved.
CHIP = 10.5
# Heights of tracks; the width of a lane; the space around the strip and the lanes; room for a label between tracks.
_TRACK, _SINK, _LANE, _PAD, _WORDS = 17.0, 9.0, 10.0, 16.0, 10.0
# Between rows; above and below a row of slots; and for a sum sign under a box.
_GAP, _OVER, _UNDER, _SUM = 34.0, 18.0, 26.0, 24.0
_SLOPE, _STEEP = 0.06, 26.0
# This many lanes nest without crossings; beyond them any free one will do.
_NESTED = 5

Key = tuple[str, int, int]


class Grid:
    """Heights of the rows and tracks, and places of strip and lanes.

    Args:
        mirror: the boxes.
        where: its boxes along the rows.
        words: for each saved value, the label of its line.

    Attributes:
        tracks: by key: `("gradient", i, 0)`, `("saved", i, 0)` and `("seed", i, 0)` by number, and `("sink", i, cell)`
            where a saved value must pass other boxes on its way to the rules of a cell.
        lanes: by number of a saved value, the x of its way down.
        ceil, top, bottom, floor: of the rows: with tracks, without, without, with.
        strip: the middle of the strip for labels.
        bands: the frames.
    """

    def __init__(self, mirror: Mirror, where: Placed, words: Sequence[str]) -> None:
        self.mirror, self.where = mirror, where
        self._above: dict[int, list[tuple[int, int, Key]]] = {}
        self._below: dict[int, list[tuple[int, int, Key]]] = {}
        self._reserve_tracks()
        nested = self._nested_lanes()
        widths = [text_width(g.label, SMALL) for g in mirror.gradients] + [text_width(w, CHIP) + 14 for w in words]
        widths += [text_width(s.label, SMALL) for s in mirror.seeds]
        strip = max([*widths, 40.0])
        self.strip = where.left.right_end + _PAD + strip / 2
        first = self.strip + strip / 2 + 12
        self.lanes = {i: first + lane * _LANE for i, lane in nested.items()}
        shift = max([first - _LANE, *self.lanes.values()]) + _PAD + 8
        where.right.x = [shift + x for x in where.right.x]
        self.bands = bands(mirror, where)
        self.tracks: dict[Key, float] = {}
        self._stack_rows()
        self._set_halves()

    def middle(self, row: int) -> float:
        """Return the height at which a row's boxes are centered."""
        return (self.top[row] + self.bottom[row]) / 2

    # ---- tracks and lanes -------------------------------------------------------------------------------------------

    def _reserve_tracks(self) -> None:
        left, right, partner = self.where.left, self.where.right, self.where.partner
        for i, gradient in enumerate(self.mirror.gradients):
            if away := boxes_beside(left, gradient.cell, right=True):
                self._reserve(self._above, left.layers[gradient.cell], away, ("gradient", i, 0))
        for i, saved in enumerate(self.mirror.saved):
            blocked = {t: boxes_beside(right, partner[t], right=False) for t in saved.readers if t in partner}
            away = max(boxes_beside(left, saved.cell, right=True), blocked.pop(saved.cell, 0))
            if away:
                self._reserve(self._below, left.layers[saved.cell], away, ("saved", i, 0))
            for t, others in blocked.items():
                if others:
                    self._reserve(self._above, left.layers[t], others, ("sink", i, t))
        for i, seed in enumerate(self.mirror.seeds):
            if seed.cell in partner:
                # Below everything saved in the row, since the turn is the end of the picture.
                away = len(left.boxes) + boxes_beside(left, seed.cell, right=True)
                self._reserve(self._below, left.layers[seed.cell], away, ("seed", i, 0))

    @staticmethod
    def _reserve(tracks: dict[int, list[tuple[int, int, Key]]], row: int, away: int, key: Key) -> None:
        tracks.setdefault(row, []).append((away, len(tracks.get(row, ())), key))

    def _nested_lanes(self) -> dict[int, int]:
        """Return the lanes of saved values that lead to lower rows.

        A lane that begins later is to the left of those still running, so they do not cross.
        """
        row, spans = self.where.left.layers, []
        for i, saved in enumerate(self.mirror.saved):
            lower = [row[t] for t in saved.readers if t != saved.cell and t in self.where.partner]
            if lower:
                spans.append((row[saved.cell], boxes_beside(self.where.left, saved.cell, right=True), max(lower), i))
        taken: list[tuple[int, int, int]] = []
        lanes: dict[int, int] = {}
        for first, _, last, i in sorted(spans, reverse=True):
            used = {lane for a, b, lane in taken if a <= last and first <= b}
            lane = 1 + max(used, default=-1)
            if lane > _NESTED:
                lane = next(k for k in range(len(used) + 1) if k not in used)
            lanes[i] = lane
            taken.append((first, last, lane))
        return lanes

    # ---- from top to bottom -----------------------------------------------------------------------------------------

    def _stack_rows(self) -> None:
        left, slots = self.where.left, self.where.slot_rows
        rows = len(left.rows)
        over, under = self._track_room(rows)
        halves = [extents(half)[:2] for half in (self.where.left, self.where.right)]
        height, run = ([max(pair) for pair in zip(*both, strict=True)] for both in zip(*halves, strict=True))
        self.ceil, self.top, self.bottom, self.floor = [0.0] * rows, [0.0] * rows, [0.0] * rows, [0.0] * rows
        y = 0.0
        for row in range(rows):
            gap = _OVER if row in slots else _UNDER if row - 1 in slots else _GAP
            gap += min(_SLOPE * run[row], _STEEP)
            begins = max([0.0, *(b.room_above for b in self.bands if b.first == row)])
            ends = max([0.0, *(b.room_below for b in self.bands if b.last == row - 1)])
            # Two frames, or a frame and a curved line, need a little air.
            y += max(gap, begins + ends + (8.0 if begins and ends else 14.0 if begins or ends else 0.0)) if row else 0.0
            self.ceil[row] = y
            self.top[row] = y + over[row]
            self.bottom[row] = self.top[row] + height[row]
            y = self.floor[row] = self.bottom[row] + under[row]
        for tracks, up in ((self._above, True), (self._below, False)):
            for row, keys in tracks.items():
                for _, _, key in keys:
                    self.tracks[key] += self.top[row] if up else self.bottom[row]

    def _track_room(self, rows: int) -> tuple[list[float], list[float]]:
        """Return the room above and below each row, and note how far each track is from its row."""
        over, under = [0.0] * rows, [0.0] * rows
        for k in self.mirror.uses:
            if k in self.mirror.rules:
                under[self.where.left.layers[k]] = _SUM
        for room, tracks, sign in ((over, self._above, -1), (under, self._below, 1)):
            for row, keys in tracks.items():
                for rank, (_, _, key) in enumerate(sorted(keys)):
                    room[row] += _SINK if key[0] == "sink" else _TRACK
                    room[row] += _WORDS if key[0] == "seed" and rank else 0.0
                    self.tracks[key] = sign * room[row]
                room[row] += 3
        return over, under

    def _set_halves(self) -> None:
        """Give the halves the heights of their rows and boxes, for their lines to be drawn."""
        left, right = self.where.left, self.where.right
        left.bounds = right.bounds = list(zip(self.ceil, self.floor, strict=True))
        left.centers = [Point(left.x[i], self.middle(row)) for i, row in enumerate(left.layers)]
        # A flow up to a place where a gradient turns ends where the line to its parameter begins.
        right.centers = [
            Point(right.x[v], self.middle(row) if right.boxes[v].height else self.floor[row])
            for v, row in enumerate(right.layers)
        ]
