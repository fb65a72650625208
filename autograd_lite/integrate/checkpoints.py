"""Carries within a budget of memory: which of them a solve keeps, and the way back, which takes steps again.

Steps come in blocks, of a length that depends on the size of a carry alone. A solve keeps the carries before steps
whose numbers are multiples of a stride: 1 at first, and when these are too many, that of a block, two blocks, four …,
since it cannot know how many steps there will be. The way back takes the steps of a block again, from the carry before
it, and pulls back through them. Of a stride of several blocks the carries between are made and forgotten so that as few
steps as possible are taken again (`control.checkpointed_scan.schedule`, with blocks as units). Sums over steps are sums
over blocks in every case, so that a budget changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..control.checkpointed_scan import Advance, Back, schedule
from .equations import BoundEquations
from .trajectories import Method, Points, Trajectory

# Steps in a block at most, its bytes, bytes of the path a step, and carries at least that the way back makes.
_MOST, _BLOCK_BYTES, _PATH_BYTES, _LEAST = 256, 1 << 20, 16, 8


def block_length(nbytes: int) -> int:
    """Return how many steps are a block, a power of two, for carries of `nbytes` bytes.

    Example:
        >>> block_length(16), block_length(240_000), block_length(1 << 24)
        (256, 4, 1)
    """
    length = _MOST
    while length > 1 and length * nbytes > _BLOCK_BYTES:
        length //= 2
    return length


class Keeper:
    """Keeps carries of a solve, as they come, within a budget.

    Args:
        max_bytes: what the carries may take that are kept, those of a block on the way back, and the path, of 16 bytes
            a step; None for no limit. A few carries are kept in any case.

    Example:
        >>> keeper = Keeper(None)
        >>> keeper.add(0, np.zeros((3, 2)))
        >>> keeper.add(3, np.ones((1, 2)))
        >>> keeper.result()[0].tolist()
        [0, 1, 2, 3]
    """

    def __init__(self, max_bytes: int | None) -> None:
        self._max_bytes, self._stride, self._count, self._steps = max_bytes, 1, 0, -1
        self._store = self._last = np.zeros((0, 0))

    def add(self, step: int, rows: Any) -> None:
        """Keep some of the carries before steps `step`, `step` + 1, …; each comes once, in order.

        Args:
            step: the number of the first step.
            rows: the carries, shape (k, …, n), which are copied.
        """
        if not len(rows):
            return
        if not self._count:
            self._store = np.empty((0, *rows.shape[1:]), rows.dtype)
        self._steps, self._last = step + len(rows) - 1, rows[-1].copy()
        most = room(self._max_bytes, self._steps, self._last.nbytes) * 7 // 8
        while self._max_bytes is not None and self._count + len(rows) // self._stride >= most:
            if self._stride > self._steps:
                break
            self._thin_out()
        self._append(rows[-step % self._stride :: self._stride], most)

    def _append(self, rows: Any, most: int = 0) -> None:
        end = self._count + len(rows)
        if end > len(self._store):
            self._resize(max(end, min(end + end // 4, most) if self._max_bytes is not None else end + end // 4))
        self._store[self._count : end] = rows
        self._count = end

    def _resize(self, count: int) -> None:
        """Let the store have `count` rows, without a copy where the system can."""
        self._store.resize((count, *self._store.shape[1:]), refcheck=False)

    def _thin_out(self) -> None:
        """Keep fewer, in place."""
        factor = 2 if self._stride > 1 else max(2, block_length(self._last.nbytes))
        count = -(-self._count // factor)
        for k in range(0, count, _MOST):
            stop = min(k + _MOST, count)
            self._store[k:stop] = self._store[k * factor : (stop - 1) * factor + 1 : factor]
        self._stride, self._count = self._stride * factor, count

    def result(self) -> tuple[Any, Any]:
        """Return the numbers of the steps before which carries are kept, the last one's too, and these."""
        if self._steps < 0:
            raise ValueError("Keeper.result: expected a carry; received none")
        steps = np.arange(0, self._steps + 1, self._stride)
        if steps[-1] != self._steps:
            steps = np.append(steps, self._steps)
            self._append(self._last[None])
        self._resize(self._count)
        return steps, self._store


def room(max_bytes: int | None, steps: int, nbytes: int) -> int:
    """Return how many carries of `nbytes` bytes there may be beside the path and a block."""
    if max_bytes is None:
        return steps + 1
    return max(_LEAST, (max_bytes - _PATH_BYTES * steps) // max(nbytes, 1) - block_length(nbytes))


def read(method: Method, equations: BoundEquations, trajectory: Trajectory, points: Points) -> Any:
    """Return the solution at points, shape (m, n); steps between carries that are kept are taken again."""
    path, carries = trajectory.path, trajectory.carries
    if len(carries) == len(path) + 1:
        return method.between(equations, path, carries, 0, points)
    out = np.empty((len(points.t), equations.n), carries.dtype)
    places = {int(step): k for k, step in enumerate(trajectory.kept)}
    length, edge, carry = block_length(carries[0].nbytes), 0, carries[0]
    for start, stop in _blocks(len(path), length):
        here = _points_of(points, start, stop, len(path))
        if here.stop == here.start:
            continue
        nearest = int(trajectory.kept[np.searchsorted(trajectory.kept, start, "right") - 1])
        if nearest >= edge:
            edge, carry = nearest, carries[places[nearest]]
        carry = _advance(method, equations, trajectory, carry, edge, start)
        rows = method.follow(equations, path, carry, start, stop)
        out[here] = method.between(equations, path, rows, start, Points(points.step[here], points.t[here]))
        edge, carry = stop, rows[-1].copy()
    return out


def pull_through(
    method: Method,
    equations: BoundEquations,
    trajectory: Trajectory,
    g: Any,
    points: Points,
    gy: Any,
    max_bytes: int | None = None,
) -> tuple[Any, list[Any]]:
    """Return the pullback through all steps: cotangents of y0 and of each floating theta.

    Args:
        method, equations, trajectory: of the solve.
        g: the cotangent of the last carry, or None if it is zero.
        points, gy: points at which the solution is read, and the cotangents there, shape (m, n).
        max_bytes: the budget, as of `Keeper`; without it, as many carries are made on the way as are kept.
    """
    path, carries = trajectory.path, trajectory.carries
    way = _WayBack(method, equations, trajectory, np.zeros_like(carries[0]) if g is None else g, points, gy)
    count = len(path)
    if len(carries) == count + 1:
        for start, stop in reversed(list(_blocks(count, way.length))):
            way.pull(carries[start : stop + 1], start)
    else:
        spare = len(carries) if max_bytes is None else room(max_bytes, count, carries[0].nbytes) - len(carries)
        edges = [int(step) for step in trajectory.kept if step % way.length == 0 and step < count] + [count]
        for start, stop in reversed(list(pairwise(edges))):
            way.take(start, stop, 1 + max(_LEAST, spare))
    gy0, gtheta = method.pull_begin(equations, path, method.read(carries[0]), way.g)
    return gy0, way.add(gtheta)


# ---- parts -----------------------------------------------------------------------------------------------------------


class _WayBack:
    """The way back through the steps of a trajectory, block by block.

    Attributes:
        g: the cotangent of the carry that was reached.
        length: of a block.
    """

    def __init__(
        self, method: Method, equations: BoundEquations, trajectory: Trajectory, g: Any, points: Points, gy: Any
    ) -> None:
        self._method, self._equations, self._trajectory = method, equations, trajectory
        self.g, self._points, self._gy = g, points, gy
        self.length = block_length(trajectory.carries[0].nbytes)
        self._theta: list[Any] = []

    def add(self, gtheta: list[Any]) -> list[Any]:
        """Add to the cotangents of theta, and return the sums."""
        if not self._theta:
            self._theta = [np.array(x) for x in gtheta]
        else:
            for total, x in zip(self._theta, gtheta, strict=True):
                total += x
        return self._theta

    def pull(self, carries: Any, start: int) -> None:
        """Pull back through one block."""
        path = self._trajectory.path
        here = _points_of(self._points, start, start + len(carries) - 1, len(path))
        points = Points(self._points.step[here], self._points.t[here])
        self.g, gtheta = self._method.pull(
            self._equations, path, carries, start, self.g, points, np.asarray(self._gy)[here]
        )
        self.add(gtheta)

    def take(self, start: int, stop: int, num_states: int) -> None:
        """Take the steps from one carry that is kept to the next one again, and pull back through them."""
        trajectory = self._trajectory
        first = trajectory.carries[int(np.searchsorted(trajectory.kept, start))]
        edges = [*range(start, stop, self.length), stop]
        states = {0: first}
        for action in schedule(len(edges) - 1, num_states):
            if isinstance(action, Advance):
                states[action.stop] = self._advance(states[action.start], edges[action.start], edges[action.stop])
            elif isinstance(action, Back):
                carry = self._advance(states[action.start], edges[action.start], edges[action.step])
                block = edges[action.step], edges[action.step + 1]
                self.pull(self._method.follow(self._equations, trajectory.path, carry, *block), block[0])
            else:
                del states[action.step]

    def _advance(self, carry: Any, start: int, stop: int) -> Any:
        return _advance(self._method, self._equations, self._trajectory, carry, start, stop)


def _advance(
    method: Method, equations: BoundEquations, trajectory: Trajectory, carry: Any, start: int, stop: int
) -> Any:
    """Return the carry before step `stop` from the one before step `start`, with a block in memory at a time."""
    length = block_length(carry.nbytes)
    while start < stop:
        edge = min(stop, start + length)
        carry = method.follow(equations, trajectory.path, carry, start, edge)[-1].copy()
        start = edge
    return carry


def _blocks(count: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield where blocks of steps begin and end; without a step there is one block of none."""
    for start in range(0, max(count, 1), length):
        yield start, min(start + length, count)


def _points_of(points: Points, start: int, stop: int, count: int) -> slice:
    """Return which points lie in a block; those after the last step belong to the last one."""
    first, last = np.searchsorted(points.step, (start, stop)).tolist()
    return slice(first, len(points.step) if stop == count else last)
