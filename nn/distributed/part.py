"""The part of a global batch that a rank has in the step that runs, and what follows from it for losses and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import is_compiling

from .. import losses
from ..config.ambient import PART
from .communicator import Array, Communicator
from .ranks import world


class Part:
    """What a step of this rank knows of the global batch.

    Attributes:
        comm: connects the ranks; sums that steps make in their order have it to themselves.
        numbers: "start" and "stop", the rows of the global batch that this rank has, "rows", how many there are, and
            "share", what this rank's mean counts for in the mean over ranks: size * (stop - start) / rows. A rank that
            has no row computes with one that counts for nothing, so that it makes the calls of the others; its "real"
            is 0, otherwise 1.
    """

    def __init__(self, comm: Communicator) -> None:
        self.comm = comm
        self.numbers: dict[str, Any] = {"start": 0, "stop": 0, "rows": 0, "share": 1.0, "real": 1.0}
        self._objective: Any = None
        self._sums: list[Array] = []
        self._place = 0

    def cut(self, rows: int) -> tuple[int, int]:
        """Return where this rank's rows of a global batch begin and end: as many on each, give or take one."""
        rank, size = self.comm.rank, self.comm.size
        return rank * rows // size, (rank + 1) * rows // size

    def begin_step(self, start: int, stop: int, rows: int) -> None:
        """Begin a step with these rows of a global batch."""
        numbers = self.numbers
        numbers["start"], numbers["stop"], numbers["rows"] = start, stop, rows
        numbers["share"], numbers["real"] = self.comm.size * (stop - start) / rows, float(stop > start)
        self._sums, self._place = [], 0

    @property
    def is_empty(self) -> bool:
        """Whether this rank has no row of the batch."""
        return not self.numbers["real"]

    def run_again(self) -> None:
        """Begin the computation of the same step anew: what was summed already is not summed again."""
        self._place, self._objective = 0, None

    def summed(self, a: Array) -> Array:
        """Return the sum of an array over the ranks; what the step has asked for before is known.

        A replay may find that it does not hold, after it has summed some; the function that then runs in its place asks
        for the same sums again, which the other ranks do not.
        """
        if self._place == len(self._sums):
            total = np.array(a, order="C", ndmin=1)
            self.comm.sum(total)
            self._sums.append(total.reshape(np.shape(a)))
        found = self._sums[self._place]
        self._place += 1
        return found

    def add_loss(self, loss: Any, weight: Any, is_sum: bool = False) -> None:
        """Add a loss of this rank's rows to what its step differentiates; see `factor`."""
        term = loss * self.factor(weight, is_sum)
        self._objective = term if self._objective is None else self._objective + term

    def add_penalty(self, penalty: Any, beside_sum: bool) -> Any:
        """Add a penalty, which each rank has, to what its step differentiates; return what to report.

        Args:
            penalty: a mean over this rank's rows, or the same on all ranks.
            beside_sum: whether it is reported together with sums over rows, which will be added up.
        """
        self.add_loss(penalty, 1.0)
        return penalty * (ag.dynamic(self.numbers, "share") / self.comm.size) if beside_sum else penalty

    def objective_of(self, loss: Any, rows: float, is_own: bool) -> Any:
        """Return what to differentiate: what was added; a loss that a function of the user's has computed, by its rows.

        Args:
            loss: of the step.
            rows: how many it is the mean of.
            is_own: whether it is the user's.
        """
        found, self._objective = self._objective, None
        return loss * self.factor(rows, False) if is_own or found is None else found

    def factor(self, weight: Any, is_sum: bool) -> Any:
        """Return what to multiply the loss of this rank by, so that the mean over ranks is the loss of all rows.

        Args:
            weight: of the loss in the mean over several batches.
            is_sum: whether it is a sum over rows, not a mean.
        """
        real = ag.dynamic(self.numbers, "real")
        if is_sum:
            return real * self.comm.size
        if not isinstance(weight, Tensor | losses.loss.Counted):
            return ag.dynamic(self.numbers, "share")
        mine = weight * real
        total: Any = all_reduce(mine)
        if is_compiling():
            safe: Any = np.where(np.equal(total, 0), 1.0, total)
            return mine / safe * self.comm.size
        return float(mine) / (float(total) or 1.0) * self.comm.size


@contextmanager
def taking_part(part: Part | None) -> Iterator[None]:
    """Let all steps inside know their part."""
    around = PART.get()
    try:
        PART.set(part)
        yield
    finally:
        PART.set(around)


def real_rows() -> Any:
    """Return 0.0 in a step of a rank that has no row of the batch, and computes with one that must not count; else 1.0.

    Example:
        >>> real_rows()
        1.0
    """
    part = PART.get()
    return 1.0 if part is None else ag.dynamic(part.numbers, "real")


def all_reduce(x: Any) -> Any:
    """Return the sum over all ranks of an array that each of them has, as an operation with a gradient.

    With x_r on rank r it is y = sum_r x_r on every rank. The gradient of a loss that is itself the sum of the ranks'
    losses is the sum of their cotangents: dL/dx_r = sum_s dL_s/dy.

    Args:
        x: array or Tensor of the same shape and dtype on every rank.

    Example:
        >>> from nn import distributed
        >>> distributed.all_reduce(np.ones(2)).tolist()
        [1.0, 1.0]
    """
    return _ALL_REDUCE(x)


def _summed(x: Any) -> Any:
    part = PART.get()
    return (Part(world()) if part is None else part).summed(np.asarray(x))


_ALL_REDUCE = ag.primitive(_summed, name="all_reduce", placeholder=np.zeros_like)
_ALL_REDUCE.def_vjp(lambda g, out, x: _ALL_REDUCE(g))
_ALL_REDUCE.def_linear(0)


def draw_rows(draw: Callable[[tuple[int, ...]], Tensor], shape: Sequence[int], axis: int | None = 0) -> Tensor:
    """Return random numbers for the rows of a batch: in a step on a part of one, those that its rows have in the whole.

    So ranks with the same random stream draw together what one process would draw.

    Args:
        draw: a function of a shape.
        shape: of what is wanted here.
        axis: along which the rows lie, each of them once or several times in a row; None if they share the numbers.

    Example:
        >>> import autograd_lite as ag
        >>> draw_rows(ag.random.uniform, (2, 3)).shape
        (2, 3)
    """
    part = PART.get()
    if part is None or axis is None:
        return draw(tuple(shape))
    start, stop, rows = (ag.static(part.numbers, name) for name in ("start", "stop", "rows"))
    start = min(start, rows - 1)  # a rank without a row computes with one
    stop = max(stop, start + 1)
    times, rest = divmod(shape[axis], stop - start)
    if rest:
        return draw(tuple(shape))
    whole = draw((*shape[:axis], rows * times, *shape[axis + 1 :]))
    return whole[(*[slice(None)] * axis, slice(start * times, stop * times))]
