"""Batches of samples, epoch by epoch: cut from arrays, or taken from a stream."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite.arrays import asarray_like, is_lazy, to_numpy

from ..data import DataLoader
from ..data.py_dataset import PyDataset
from ..data.structure import map_structure

Array = npt.NDArray[Any]


class Samples(NamedTuple):
    """Inputs, targets and weights with the same number of rows.

    Attributes:
        x: an array, or a structure of them.
        y: the same.
        w: one weight a sample, or None.
        size: the number of rows.
        packed: whether inputs without targets came in a tuple.
    """

    x: Any
    y: Any
    w: Array | None
    size: int
    packed: bool = False

    def rows(self, start: int, stop: int) -> Samples:
        """Return some of the rows."""
        x, y, w = (None if part is None else map_structure(lambda a: a[start:stop], part) for part in self[:3])
        return Samples(x, y, w, stop - start, self.packed)

    def data(self) -> Any:
        """Return the argument of `train_step`: (x, y, w), (x, y), or x by itself, unless it came in a tuple."""
        if self.w is not None:
            return self.x, self.y, self.w
        if self.y is not None:
            return self.x, self.y
        return (self.x,) if self.packed or isinstance(self.x, (tuple, list)) else self.x


# From the rows of a batch, and whether they are this rank's alone, to the first row to take and the end.
Cut = Callable[[int, bool], tuple[int, int]]


class EpochIterator:
    """Batches of samples, epoch by epoch.

    Attributes:
        steps: the number of batches in an epoch, or None if unknown.
        once: whether only one epoch is possible.
        runs_code: whether code of the user's runs to make a batch.
    """

    steps: int | None = None
    once = False
    runs_code = True

    def check_epochs(self, caller: str, epochs: int) -> None:
        """Raise if there are fewer epochs than these."""
        if self.once and epochs > 1:
            raise ValueError(
                f"{caller}: expected data that can be read in each of {epochs} epochs; received an iterator, which can "
                "be read once. Pass steps_per_epoch, or a DataLoader"
            )

    def first(self) -> Samples:
        """Return a batch to try the model on; for arrays, all samples."""
        raise NotImplementedError

    def epoch(self) -> Iterator[Samples]:
        """Yield the batches of the next epoch."""
        raise NotImplementedError


class ArrayIterator(EpochIterator):
    """Cuts arrays into batches, in an order drawn from the default generator anew for each epoch.

    Args:
        samples: to cut.
        batch_size: rows per batch; the last one may be short.
        shuffle: whether to draw an order.

    Attributes:
        cut: if it is not None, which rows to take of each batch.
    """

    runs_code = False
    cut: Cut | None = None

    def __init__(self, samples: Samples, batch_size: int, shuffle: bool = False) -> None:
        self.samples, self.batch_size, self.shuffle = samples, batch_size, shuffle
        self.steps = -(-samples.size // batch_size)

    def first(self) -> Samples:
        """Return all samples."""
        return self.samples

    def epoch(self) -> Iterator[Samples]:
        """Yield the batches of the next epoch."""
        x, y, w, size, _ = self.samples
        order = ag.random.permutation(size).data if self.shuffle else None
        plain = x.__class__ is np.ndarray and y.__class__ is np.ndarray
        for start in range(0, size, self.batch_size):
            stop = min(start + self.batch_size, size)
            if self.cut is not None:
                first, last = self.cut(stop - start, False)
                start, stop = start + first, start + last
            take = partial(_take_rows, slice(start, stop) if order is None else order[start:stop])
            weights = None if w is None else map_structure(take, w)
            if plain:
                yield Samples(take(x), take(y), weights, stop - start)
            else:
                targets = None if y is None else map_structure(take, y)
                yield Samples(map_structure(take, x), targets, weights, stop - start)


def _take_rows(rows: Any, a: Any) -> Any:
    """Return some rows of an array; in memory, if the array computes them on demand, as Dask's do."""
    if a.__class__ is np.ndarray:
        return a[rows] if rows.__class__ is slice else a.take(rows, 0)
    if is_lazy(a):
        return to_numpy(a[rows])
    return a[rows] if rows.__class__ is slice else np.take(a, asarray_like(rows, a), 0)


class StreamIterator(EpochIterator):
    """Takes batches from a DataLoader, a generator, or another iterable.

    Attributes:
        cut: if it is not None, which rows to take of each batch; asked for those of 0 rows at the end.

    Args:
        caller: who asks for them, for error messages.
        source: of the batches.
        convert: turns a batch into samples, or raises.
    """

    cut: Cut | None = None

    def __init__(self, caller: str, source: Any, convert: Callable[[Any], Samples]) -> None:
        self.caller, self.source, self.convert = caller, source, convert
        self.steps = _length(source)
        self.once = iter(source) is source if isinstance(source, Iterator) else False
        self._stream: Iterator[Any] | None = None  # begun by `first`
        self._position: Any = None

    def first(self) -> Samples:
        """Return the first batch, which the next epoch will yield again."""
        batches = iter(self.source)
        batch = next(batches, _END)
        if batch is _END:
            raise ag.ShapeError(f"{self.caller}: expected at least one batch; received a source that gives none")
        self._stream, self._position = chain([batch], batches), _position(self.source)
        return self.convert(batch)

    def epoch(self) -> Iterator[Samples]:
        """Yield the batches of the next epoch."""
        stream, self._stream = self._stream, None
        if stream is None or self._position != _position(self.source):  # a loaded state has moved the source
            stream = iter(self.source)
        batches = map(self.convert, stream)
        return batches if self.cut is None else self._cut_stream(batches, self.cut)

    def _cut_stream(self, batches: Iterator[Samples], cut: Cut) -> Iterator[Samples]:
        """Yield this rank's rows of each batch."""
        own = getattr(self.source, "shard", None) is not None
        for samples in batches:
            start, stop = cut(samples.size, own)
            yield samples.rows(start, stop)
        cut(0, own)


class LimitedIterator(EpochIterator):
    """Gives `steps` batches an epoch, and goes on in the next where it was; begins anew when the source ends."""

    def __init__(self, caller: str, batches: EpochIterator, steps: int) -> None:
        self.caller, self.batches, self.steps, self.runs_code = caller, batches, steps, batches.runs_code
        self._stream = self._repeat()

    def first(self) -> Samples:
        return self.batches.first()

    def _repeat(self) -> Iterator[Samples]:
        while True:
            empty = True
            for batch in self.batches.epoch():
                empty = False
                yield batch
            if empty or self.batches.once:
                return

    def epoch(self) -> Iterator[Samples]:
        count = 0
        for batch in islice(self._stream, self.steps):
            count += 1
            yield batch
        if count < (self.steps or 0):
            warnings.warn(
                f"{self.caller}: expected {self.steps} batches an epoch; the data ended after {count} of them. "
                "Pass fewer steps, or a function or DataLoader that can be read again",
                stacklevel=2,
            )


class PyDatasetIterator(EpochIterator):
    """Tells a `PyDataset` when the epochs begin and end."""

    def __init__(self, source: PyDataset, batches: EpochIterator) -> None:
        self.source, self.batches, self.steps = source, batches, batches.steps
        self._within = False

    def _begin(self) -> None:
        if not self._within:
            self._within = True
            self.source.on_epoch_begin()

    def first(self) -> Samples:
        self._begin()
        return self.batches.first()

    def epoch(self) -> Iterator[Samples]:
        self._begin()
        yield from self.batches.epoch()
        self._within = False
        self.source.on_epoch_end()


_END = object()


def _position(source: Any) -> Any:
    return source.state_dict() if isinstance(source, DataLoader) else None


def _length(source: Any) -> int | None:
    if isinstance(source, DataLoader):
        return source.steps
    try:
        return len(source)
    except TypeError:
        return None
