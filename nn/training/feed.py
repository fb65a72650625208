"""Feeds: where `fit`, `evaluate` and `predict` get their batches from, arrays or a stream of batches."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..data import DataLoader
from ..data.structure import map_structure, unpack
from .samples import Samples, as_inputs, as_samples, class_weights, rows_of, split_last, validation_parts


def is_stream(x: Any) -> bool:
    """Return whether x gives batches one after another: a DataLoader, a generator or another iterable, not an array."""
    if isinstance(x, (np.ndarray, Tensor, list, tuple, dict, str, bytes)) or hasattr(x, "__array__"):
        return False
    return isinstance(x, (DataLoader, Iterable))


class Feed:
    """Batches of samples, epoch by epoch.

    Attributes:
        steps: the number of batches in an epoch, or None if unknown.
        once: whether only one epoch is possible.
    """

    steps: int | None = None
    once = False

    def first(self) -> Samples:
        """Return a batch to try the model on; for arrays, all samples."""
        raise NotImplementedError

    def epoch(self) -> Iterator[Samples]:
        """Yield the batches of the next epoch."""
        raise NotImplementedError


class ArrayFeed(Feed):
    """Cuts arrays into batches, in an order drawn from the default generator anew for each epoch.

    Args:
        samples: to cut.
        batch_size: rows per batch; the last one may be short.
        shuffle: whether to draw an order.
    """

    def __init__(self, samples: Samples, batch_size: int, shuffle: bool = False) -> None:
        self.samples, self.batch_size, self.shuffle = samples, batch_size, shuffle
        self.steps = -(-samples.size // batch_size)

    def first(self) -> Samples:
        """Return all samples."""
        return self.samples

    def epoch(self) -> Iterator[Samples]:
        """Yield the batches of the next epoch."""
        x, y, w, size = self.samples
        order = ag.random.permutation(size).data if self.shuffle else None
        plain = x.__class__ is np.ndarray and y.__class__ is np.ndarray
        for start in range(0, size, self.batch_size):
            stop = min(start + self.batch_size, size)
            if order is None:
                rows: Any = slice(start, stop)
                take: Callable[[Any], Any] = lambda a: a[rows]  # noqa: E731, B023
            else:
                rows = order[start:stop]
                take = lambda a: a.take(rows, 0)  # noqa: E731, B023
            weights = None if w is None else map_structure(take, w)
            if plain:
                yield Samples(take(x), take(y), weights, stop - start)
            else:
                targets = None if y is None else map_structure(take, y)
                yield Samples(map_structure(take, x), targets, weights, stop - start)


class StreamFeed(Feed):
    """Takes batches from a DataLoader, a generator, or another iterable.

    Args:
        what: the call, for error messages.
        source: of the batches.
        convert: turns a batch into samples, or raises.
    """

    def __init__(self, what: str, source: Any, convert: Callable[[Any], Samples]) -> None:
        self.what, self.source, self.convert = what, source, convert
        self.steps = _length(source)
        self.once = iter(source) is source if isinstance(source, Iterator) else False
        self._begun: Iterator[Any] | None = None
        self._position: Any = None

    def first(self) -> Samples:
        """Return the first batch, which the next epoch will yield again."""
        batches = iter(self.source)
        batch = next(batches, _END)
        if batch is _END:
            raise ag.ShapeError(f"{self.what}: expected at least one batch; received a source that gives none")
        self._begun, self._position = chain([batch], batches), _position(self.source)
        return self.convert(batch)

    def epoch(self) -> Iterator[Samples]:
        """Yield the batches of the next epoch."""
        begun, self._begun = self._begun, None
        if begun is None or self._position != _position(self.source):  # a loaded state has moved the source
            begun = iter(self.source)
        return map(self.convert, begun)


class _Limited(Feed):
    """Gives `steps` batches an epoch, and goes on in the next where it was; begins anew when the source ends."""

    def __init__(self, what: str, feed: Feed, steps: int) -> None:
        self.what, self.feed, self.steps = what, feed, steps
        self._batches = self._endless()

    def first(self) -> Samples:
        return self.feed.first()

    def _endless(self) -> Iterator[Samples]:
        while True:
            empty = True
            for batch in self.feed.epoch():
                empty = False
                yield batch
            if empty or self.feed.once:
                return

    def epoch(self) -> Iterator[Samples]:
        given = 0
        for batch in islice(self._batches, self.steps):
            given += 1
            yield batch
        if given < (self.steps or 0):
            warnings.warn(
                f"{self.what}: expected {self.steps} batches an epoch; the data ended after {given} of them. "
                "Pass fewer steps, or a function or DataLoader that can be read again",
                stacklevel=2,
            )


def _limited(what: str, feed: Feed, steps: int | None) -> Feed:
    """Return a feed of `steps` batches an epoch, or the feed itself for None."""
    return feed if steps is None else _Limited(what, feed, steps)


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


# ---- what a call is given -------------------------------------------------------------------------------------------

Data = tuple[Any, Any, Any]  # inputs or a stream, targets, sample weights


class Validation(NamedTuple):
    """The data of a validation: a part of the samples, or its own."""

    split: float
    data: Any
    batch_size: int | None
    steps: int | None


class Intake(NamedTuple):
    """How a call of a model takes data.

    Attributes:
        what: the call, for error messages: "Sequential.fit".
        dtype: what floating inputs and targets are cast to.
        targets: whether every sample needs a target.
    """

    what: str
    dtype: np.dtype[Any]
    targets: Literal["required", "optional", "ignored"] = "required"

    def samples(self, x: Any, y: Any = None, w: Any = None) -> Samples:
        """Return arrays as samples."""
        if self.targets == "required" or (self.targets == "optional" and y is not None):
            return as_samples(self.what, x, y, self.dtype, w)
        inputs = as_inputs(self.what, x, self.dtype)
        return Samples(inputs, None, None, rows_of(inputs))

    def feed(
        self,
        data: Data,
        batch_size: int | None,
        steps: int | None,
        *,
        shuffle: bool = False,
        weights: Mapping[int, float] | None = None,
    ) -> Feed:
        """Return the feed of arrays or of a stream."""
        if not is_stream(data[0]):
            return self._batches(self.samples(*data), batch_size, steps, shuffle, weights)
        for name, given in (("y", data[1]), ("sample_weight", data[2]), ("batch_size", batch_size)):
            if given is not None:
                raise ValueError(
                    f"{self.what}: expected no {name} with a stream of batches, which has its own; received one. "
                    "Put (x, y, sample_weight) into the batches"
                )

        def convert(batch: Any) -> Samples:
            return self._weighed(self.samples(*unpack(batch)), weights)

        return _limited(self.what, StreamFeed(self.what, data[0], convert), steps)

    def feeds(
        self,
        data: Data,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool,
        weights: Mapping[int, float] | None,
        validation: Validation,
    ) -> tuple[Feed, Feed | None]:
        """Return the feed of training, and that of validation or None."""
        split, given, size, count = validation
        held_out: Feed | None = None
        if split and is_stream(data[0]):
            raise ValueError(
                f"{self.what}: expected arrays with validation_split; received a stream. Pass validation_data"
            )
        if given is not None:
            own = self._replace(what=f"{self.what}, validation_data")
            parts = (given, None, None) if is_stream(given) else validation_parts(self.what, given)
            held_out = own.feed(parts, None if is_stream(given) else size, count)
        elif split:
            samples, rest = split_last(self.what, self.samples(*data), split)
            own = self._replace(what=f"{self.what}, validation_split")
            return self._batches(samples, batch_size, steps, shuffle, weights), own._batches(rest, size, count)
        return self.feed(data, batch_size, steps, shuffle=shuffle, weights=weights), held_out

    def _batches(
        self,
        samples: Samples,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool = False,
        weights: Mapping[int, float] | None = None,
    ) -> Feed:
        size = 32 if batch_size is None else batch_size
        return _limited(self.what, ArrayFeed(self._weighed(samples, weights), size, shuffle), steps)

    def _weighed(self, samples: Samples, weights: Mapping[int, float] | None) -> Samples:
        return samples if weights is None else class_weights(self.what, weights, samples)
