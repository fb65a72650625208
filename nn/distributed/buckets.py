"""Gradients of all ranks reduced to their means in flat buffers, while the backward pass still runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import is_compiling

from .communicator import Array, Communicator, Request

#: Bytes of gradients that are sent at once, unless one parameter has more.
BUCKET = 1 << 22
# Of half precision; if the largest gradient is below the least, small ones would lose digits.
_LARGEST, _LEAST = float(np.finfo(np.float16).max), 1.0


class _Bucket:
    """Parameters of one dtype, whose gradients lie one after another in a buffer; after them 1 for each that has one.

    Args:
        members: the parameters with their numbers.
        comm: connects the ranks.
        halved: whether gradients travel in half precision.
    """

    def __init__(self, members: Sequence[tuple[int, Tensor]], comm: Communicator, halved: bool) -> None:
        self.members, self.comm = list(members), comm
        ends = np.cumsum([0, *(p.size for _, p in members)]).tolist()
        dtype = members[0][1].dtype
        self.buffer = np.zeros(ends[-1] + len(members), dtype)
        self.flags = self.buffer[ends[-1] :]
        parts = zip(ends, ends[1:], members, strict=False)
        self.views = [self.buffer[start:stop].reshape(p.shape) for start, stop, (_, p) in parts]
        self.wire = np.zeros(self.buffer.size, np.float16) if halved and dtype.kind == "f" else None
        self.scale = 0.0  # of what travels in half precision; 0 while it is unknown
        self.waiting = len(members)
        self.request: Request | None = None
        self.is_known = False  # whether a computation that now runs again has started it
        self.whole = ag.primitive(self._whole, opaque=True, name="mean_gradients", placeholder=self._like_whole)

    def start(self, gradients: Sequence[Array | None], factor: float) -> None:
        """Take the gradients of this rank, and begin to reduce them."""
        if self.is_known:
            self.is_known = False
            return
        if self.request is not None:  # of a pass whose gradients this one's were added to
            self.request.wait()
        for view, g in zip(self.views, gradients, strict=True):
            if g is None or not factor:
                view[...] = 0
            else:
                np.multiply(g, factor, out=view)
        self.flags[...] = [g is not None for g in gradients]
        if self.wire is None or not self.scale:
            self.request = self.comm.start_sum(self.buffer)
        else:
            with np.errstate(over="ignore"):
                np.multiply(self.buffer, self.scale, out=self.wire, casting="same_kind")
            self.wire[-len(self.flags) :] = self.flags
            self.request = self.comm.start_sum(self.wire)

    def finish(self) -> list[Array | None]:
        """Return the reduced gradients, None where no rank has one; they lie in the buffer."""
        assert self.request is not None
        self.request.wait()
        self.request, self.is_known = None, False
        if self.wire is not None:
            self._unpack(self.wire)
        return self.means()

    def means(self) -> list[Array | None]:
        """Return the last reduced gradients."""
        return [view if flag else None for view, flag in zip(self.views, self.flags, strict=True)]

    def reduce_traced(self, gradients: Sequence[Any]) -> list[Any]:
        """Return the mean gradients as Tensors, in a function that is compiled; None for those that are None here."""
        present = [g for g in gradients if g is not None]
        if not present:
            return list(gradients)
        flat, sizes = self.whole(*present), [view.size for view in self.views]
        ends = np.cumsum(sizes).tolist()
        parts = zip(ends, sizes, self.views, gradients, strict=True)
        return [None if g is None else flat[end - n : end].reshape(view.shape) for end, n, view, g in parts]

    def _whole(self, *gradients: Array) -> Array:
        """Wait for the mean gradients; a function that runs again after its replay has finds them in the buffer."""
        if self.request is not None:
            self.finish()
        return self.buffer[: self.buffer.size - len(self.flags)].copy()

    def _like_whole(self, *gradients: Array) -> Array:
        return np.zeros(self.buffer.size - len(self.flags), self.buffer.dtype)

    def _unpack(self, wire: Array) -> None:
        """Take sums that came in half precision; if they were too large or too small for it, reduce again in full."""
        n = self.buffer.size - len(self.flags)
        if self.scale:
            if _LEAST <= float(np.abs(wire[:n]).max(initial=0)) < np.inf:
                np.divide(wire, self.scale, out=self.buffer, dtype=self.buffer.dtype)
                self.flags[...] = wire[n:]
            else:
                self.comm.sum(self.buffer)
        largest = float(np.abs(self.buffer[:n]).max(initial=0))
        # All ranks see the same numbers, so they choose the same scale: a power of two, with room to grow 16-fold.
        self.scale = 2.0 ** np.floor(np.log2(_LARGEST / 16 / largest)) if 0 < largest < np.inf else 0.0


class Reducer:
    """Replaces the gradients of some parameters by their means over the ranks.

    While it is attached, a backward pass starts to reduce each bucket as soon as its last gradient is there, in an
    order that is the same on all ranks; `finish` waits for the running reductions. Replays of compiled functions start
    them at the same places.

    Args:
        comm: connects the ranks; nothing else may use it.
        parameters: in the same order on every rank.
        bucket_bytes: of the gradients that are reduced at once; 64 MB at most.
        compression: None, or "float16": gradients travel in half precision, scaled so that they fit.

    Example:
        >>> from nn.distributed import Local
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> reducer = Reducer(Local(), [w])
        >>> reducer.attach()
        >>> (w * w).sum().backward()
        >>> reducer.finish()[0].tolist()
        [2.0, 4.0]
    """

    def __init__(
        self,
        comm: Communicator,
        parameters: Sequence[Tensor],
        bucket_bytes: int = BUCKET,
        compression: str | None = None,
    ) -> None:
        self.comm, self.parameters = comm, list(parameters)
        self.halved = compression == "float16"
        self.share = 1.0  # of this rank's gradients in the mean
        self._buckets = [_Bucket(members, comm, self.halved) for members in _group(self.parameters, bucket_bytes)]
        self._at = {i: bucket for bucket in self._buckets for i, _ in bucket.members}
        self._started = 0  # buckets, in this pass
        self.waited = 0.0  # seconds, since the beginning
        self._arrivals = [_Arrival(self, i) for i in range(len(self.parameters))]
        self._handles: list[Any] = []

    @property
    def buckets(self) -> int:
        """The number of buckets."""
        return len(self._buckets)

    @property
    def nbytes(self) -> int:
        """The bytes that a rank sends for a step, before the engine divides them among its messages."""
        return sum((b.buffer if b.wire is None else b.wire).nbytes for b in self._buckets)

    def attach(self) -> None:
        """Let backward passes start reductions."""
        if not self._handles:
            pairs = zip(self.parameters, self._arrivals, strict=True)
            self._handles = [p.register_post_accumulate_grad_hook(a) for p, a in pairs if p.requires_grad]

    def detach(self) -> None:
        """Let backward passes be as they were."""
        while self._handles:
            self._handles.pop().remove()

    def note_arrival(self, i: int) -> None:
        """Note that a gradient is whole; start the buckets that have all of theirs, in their order.

        Args:
            i: number of the parameter.
        """
        bucket = self._at[i]
        bucket.waiting -= 1
        if bucket.waiting < 0:  # another pass, whose gradients are added to those of the last one
            self._begin()
            bucket.waiting -= 1
        while self._started < len(self._buckets) and not self._buckets[self._started].waiting:
            bucket = self._buckets[self._started]
            self._started += 1
            ag.observe(_Start(self, bucket), *(p.grad for _, p in bucket.members))
        if not is_compiling():
            self.poll()

    def poll(self) -> None:
        """Let the reductions that are under way go on."""
        for bucket in self._buckets:
            if bucket.request is not None:
                bucket.request.is_done()

    def restart(self) -> None:
        """Begin the same pass again: its reductions so far are not started again."""
        self._begin()
        for bucket in self._buckets:
            bucket.is_known = bucket.request is not None

    @property
    def is_waiting(self) -> bool:
        """Whether gradients have come since the last `finish`."""
        return any(b.request is not None or b.waiting < len(b.members) for b in self._buckets)

    def _begin(self) -> None:
        self._started = 0
        for bucket in self._buckets:
            bucket.waiting = len(bucket.members)

    def finish(self) -> list[Array | None]:
        """Return the mean gradient of each parameter over the ranks, read-only, None where no rank has one.

        They lie in buffers that the next pass writes into.
        """
        means: list[Array | None] = [None] * len(self.parameters)
        for bucket in self._buckets:
            if bucket.request is None:
                _Start(self, bucket).begin([None if p.grad is None else p.grad.data for _, p in bucket.members])
        began = time.perf_counter()
        for bucket in self._buckets:
            for (i, _), g in zip(bucket.members, bucket.finish(), strict=True):
                if g is not None:
                    means[i] = g = g.view()
                    g.flags.writeable = False
        self.waited += time.perf_counter() - began
        self._begin()
        return means

    def leave_on_parameters(self) -> None:
        """Put the mean gradients where the backward pass has left those of this rank."""
        if is_compiling():
            for bucket in self._buckets:
                members = [p for _, p in bucket.members]
                for p, g in zip(members, bucket.reduce_traced([p.grad for p in members]), strict=True):
                    p.grad = g
            self._begin()
            return
        for p, g in zip(self.parameters, self.finish(), strict=True):
            p.grad = None if g is None else ag.tensor(g, copy=False)


class _Arrival:
    """The hook of one parameter; a replay need not call it, since its effects are recorded."""

    replayable = True
    __slots__ = ("number", "reducer")

    def __init__(self, reducer: Reducer, number: int) -> None:
        self.reducer, self.number = reducer, number

    def __call__(self, p: Tensor) -> None:
        self.reducer.note_arrival(self.number)


class _Start:
    """Starts one bucket, with the gradients that a replay or a backward pass has computed."""

    __slots__ = ("bucket", "reducer")

    def __init__(self, reducer: Reducer, bucket: _Bucket) -> None:
        self.reducer, self.bucket = reducer, bucket

    def __call__(self, *gradients: Array) -> None:
        self.begin(gradients)
        self.reducer.poll()

    def begin(self, gradients: Sequence[Array | None]) -> None:
        """Start the bucket."""
        self.bucket.start(gradients, self.reducer.share / self.reducer.comm.size)


def _group(parameters: Sequence[Tensor], nbytes: int) -> list[list[tuple[int, Tensor]]]:
    """Return numbered parameters in groups of one dtype, the last ones first: their gradients come first."""
    groups: list[list[tuple[int, Tensor]]] = []
    open_groups: dict[Any, list[tuple[int, Tensor]]] = {}
    for i in range(len(parameters) - 1, -1, -1):
        p = parameters[i]
        group = open_groups.get(p.dtype)
        if group is None or sum(q.data.nbytes for _, q in group) + p.data.nbytes > nbytes:
            group = open_groups[p.dtype] = []
            groups.append(group)
        group.append((i, p))
    return groups
