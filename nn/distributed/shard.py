"""The shard of a global batch on which this rank's step runs: its rows, their weight in the loss, sums over ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.extend import is_compiling

from ..config.ambient import CALL
from .communicator import Array, Communicator
from .ranks import world


class Shard:
    """This rank's rows of a global batch, and the objective of the step on them.

    Attributes:
        comm: connects the ranks; sums that steps make in their order have it to themselves.
        numbers: "start" and "stop", this rank's rows of the global batch; "rows", the number of all rows; "share", the
            weight of this rank's mean in the mean over ranks: size * (stop - start) / rows. A rank that has no row
            computes with one that counts for nothing, so that it makes the calls of the others; its "real" is 0,
            otherwise 1.
    """

    def __init__(self, comm: Communicator) -> None:
        self.comm = comm
        self.numbers: dict[str, Any] = {"start": 0, "stop": 0, "rows": 0, "share": 1.0, "real": 1.0}
        self._objective: Any = None
        self._sums: list[Array] = []  # of the step
        self._next = 0  # the number of the next of them

    def rows_of_rank(self, rows: int) -> tuple[int, int]:
        """Return the first and the end of this rank's rows of a global batch; ranks differ by at most one row."""
        rank, size = self.comm.rank, self.comm.size
        return rank * rows // size, (rank + 1) * rows // size

    def begin_step(self, start: int, stop: int, rows: int) -> None:
        """Begin a step with these rows of a global batch."""
        numbers = self.numbers
        numbers["start"], numbers["stop"], numbers["rows"] = start, stop, rows
        numbers["share"], numbers["real"] = self.comm.size * (stop - start) / rows, float(stop > start)
        self._sums, self._next = [], 0

    @property
    def is_empty(self) -> bool:
        """Whether this rank has no row of the batch."""
        return not self.numbers["real"]

    def restart(self) -> None:
        """Begin the computation of the same step again: its sums so far are not taken again."""
        self._next, self._objective = 0, None

    def all_reduce(self, a: Array) -> Array:
        """Return the sum of an array over the ranks; a sum that the step has asked for before is not taken again.

        The guards of a replay may fail after it has taken some sums. The function that then runs in its place asks for
        the same sums again, which the other ranks do not.
        """
        if self._next == len(self._sums):
            total = np.array(a, order="C", ndmin=1)
            self.comm.sum(total)
            self._sums.append(total.reshape(np.shape(a)))
        self._next += 1
        return self._sums[self._next - 1]

    def add_loss(self, loss: Any, weight: Any, is_sum: bool = False) -> None:
        """Add a loss of this rank's rows to the objective of its step; see `factor`."""
        term = loss * self.factor(weight, is_sum)
        self._objective = term if self._objective is None else self._objective + term

    def add_penalty(self, penalty: Any, with_sum: bool) -> Any:
        """Add a penalty, which each rank has, to the objective of its step; return the value to report.

        Args:
            penalty: a mean over this rank's rows, or the same on all ranks.
            with_sum: whether it is reported together with sums over rows, which will be added up.
        """
        self.add_loss(penalty, 1.0)
        return penalty * (ag.dynamic(self.numbers, "share") / self.comm.size) if with_sum else penalty

    def objective_of(self, loss: Any, rows: float, is_custom: bool) -> Any:
        """Return the objective: the losses that were added, or a loss that a function of the user's has computed.

        Args:
            loss: of the step.
            rows: the number of rows that it is the mean of.
            is_custom: whether it is the user's.
        """
        objective, self._objective = self._objective, None
        return loss * self.factor(rows, False) if is_custom or objective is None else objective

    def factor(self, weight: Any, is_sum: bool) -> Any:
        """Return the factor of this rank's loss by which the mean over ranks is the loss of all rows.

        Args:
            weight: of the loss in the mean over several batches.
            is_sum: whether it is a sum over rows, not a mean.
        """
        real = ag.dynamic(self.numbers, "real")
        if is_sum:
            return real * self.comm.size
        if type(weight) in (float, int):  # a number of rows; a Tensor, or a float of another class, is a sum of weights
            return ag.dynamic(self.numbers, "share")
        local = weight * real
        total: Any = all_reduce(local)
        if is_compiling():
            safe: Any = np.where(np.equal(total, 0), 1.0, total)
            return local / safe * self.comm.size
        return float(local) / (float(total) or 1.0) * self.comm.size


def row_weight() -> Any:
    """Return 0.0 in a step of a rank that has no row of the batch, and computes with one that must not count; else 1.0.

    Example:
        >>> row_weight()
        1.0
    """
    shard = CALL.get().shard
    return 1.0 if shard is None else ag.dynamic(shard.numbers, "real")


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


def _all_reduce(x: Any) -> Any:
    return (CALL.get().shard or Shard(world())).all_reduce(np.asarray(x))


_ALL_REDUCE = ag.primitive(_all_reduce, name="all_reduce", placeholder=np.zeros_like)
_ALL_REDUCE.def_vjp(lambda g, out, x: _ALL_REDUCE(g))
_ALL_REDUCE.def_linear(0)
