"""From what a call is given to batches: arrays, checked and cast once, or a stream; for `fit`, `evaluate`, `predict`.

A call describes how it takes data, an `Intake`; that makes `Samples` of arrays, and a `Feed` of batches of either.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array as array_of, asarray_like, is_duck_array, is_lazy, to_numpy

from ..config.arguments import as_array, is_number, is_text, number, positive, refused
from ..data import DataLoader
from ..data.py_dataset import Passes, PyDataset
from ..data.structure import is_structure, leaves, map_structure, unpack

Array = npt.NDArray[Any]


# ---- samples --------------------------------------------------------------------------------------------------------


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
        """Return what `train_step` is given: (x, y, w), (x, y), or x by itself, unless it came in a tuple."""
        if self.w is not None:
            return self.x, self.y, self.w
        if self.y is not None:
            return self.x, self.y
        return (self.x,) if self.packed or isinstance(self.x, (tuple, list)) else self.x


def as_inputs(what: str, x: Any, dtype: np.dtype[Any], name: str = "x") -> Any:
    """Return inputs as an array, or a structure of arrays; floating ones have `dtype`, others are left unchanged.

    A memory map keeps its dtype, since casting would read all of it; each batch is cast when it is used.

    Args:
        what: the call, for error messages.
        x: array-like of shape (N, ...), or a Tensor, or a structure of them.
        dtype: the model's.
        name: the argument's.

    Raises:
        DtypeError: if it is not made of numbers, or of strings that are not targets.
        ShapeError: if it has no samples.
    """
    if x.__class__ is not np.ndarray and is_structure(x):
        parts = map_structure(lambda a: _as_input(what, a, dtype, name), x)
        sizes = {f"{name}{path}": len(a) for path, a in leaves(parts)}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{path}: {n}" for path, n in sizes.items())
            raise ag.ShapeError(f"{what}: expected equally many samples in every part of {name}; received {listed}")
        return parts
    return _as_input(what, x, dtype, name)


def _as_input(what: str, x: Any, dtype: np.dtype[Any], name: str) -> Array:
    if x is None:
        raise TypeError(f"{what}: expected {name} to be an array of shape (N, ...); received {name}=None")
    try:
        array = as_array(x.data if isinstance(x, Tensor) else x)
    except ValueError:
        raise ag.ShapeError(f"{what}: {_ragged(name, x)}") from None
    if array.dtype.kind not in "fiub" and not (name == "x" and is_text(array)):
        holes = sum(value is None for value in array.flat) if array.dtype == object else 0
        fix = "Samples must have the same shape, and labels that are texts must be turned into numbers"
        raise ag.DtypeError(
            f"{what}: expected {name} to be an array of numbers; received {type(x).__name__} of dtype {array.dtype}"
            + (f", with None at {holes} places. Fill them, or drop those samples" if holes else f". {fix}")
        )
    if array.ndim == 0:
        raise ag.ShapeError(f"{what}: expected {name} of shape (N, ...), one row a sample; received a single number")
    if array.size == 0:
        raise ag.ShapeError(f"{what}: expected at least one sample; received an empty {name} of shape {array.shape}")
    if array.dtype.kind != "f" or isinstance(x, np.memmap):
        return array
    return array.astype(dtype, copy=False)


def _ragged(name: str, x: Any) -> str:
    """Say what is wrong with lists that are not of one length."""
    lengths = sorted({len(part) for part in x if isinstance(part, (list, tuple, np.ndarray))})
    received = " and ".join(map(str, lengths)) if len(lengths) < 4 else f"{lengths[0]} to {lengths[-1]}"
    inside = "" if len(lengths) > 1 else ", with lists of several lengths inside"
    return (
        f"expected the lists in {name} to have equal lengths, sample by sample; received lists of length {received}"
        f"{inside}. Pad them, for instance with nn.utils.pad_sequences({name})"
    )


def as_samples(what: str, x: Any, y: Any, dtype: np.dtype[Any], w: Any = None) -> Samples:
    """Return inputs, targets and weights as arrays with the same number of rows.

    Raises:
        ShapeError: also if their numbers differ.
        ValueError: if there are no targets.
    """
    if y is None:
        raise ValueError(f"{what}: expected targets; received y=None. Pass x and y as arrays")
    inputs, targets = as_inputs(what, x, dtype), as_inputs(what, y, dtype, "y")
    size = rows_of(inputs)
    if size != rows_of(targets):
        raise ag.ShapeError(
            f"{what}: expected as many targets as samples; received x {_shapes(inputs)} and y {_shapes(targets)}. "
            "Pair each sample with its own target"
        )
    if is_number(w) or getattr(w, "shape", None) == ():  # one weight for all samples
        w = np.full(size, float(w))
    weights = None if w is None else as_inputs(what, w, dtype, "sample_weight")
    if weights is not None and rows_of(weights) != size:
        raise ag.ShapeError(
            f"{what}: expected one sample_weight for each of {size} samples; received shape {_shapes(weights)}"
        )
    return Samples(inputs, targets, weights, size)


def rows_of(x: Any) -> int:
    """Return the number of rows of an array or Tensor, or of a structure of them."""
    return len(x if x.__class__ is np.ndarray or x.__class__ is Tensor else next(a for _, a in leaves(x)))


def _shapes(x: Any) -> Any:
    return map_structure(lambda a: a.shape, x)


def first_row(x: Any) -> Any:
    """Return the first sample as a batch of one."""
    return map_structure(lambda a: a[:1], x)


def class_weights(what: str, weights: Mapping[int, float], samples: Samples) -> Samples:
    """Return the samples, their weights multiplied by those of their classes.

    Args:
        what: the call, for error messages.
        weights: weight by class; others weigh 1.
        samples: with targets that are class indices (N,) or (N, 1), or one-hot (N, K).

    Raises:
        ValueError: for other targets, or other weights.
    """
    if not isinstance(weights, Mapping):
        raise TypeError(f"{what}: expected class_weight={{class: weight, …}}; received {weights!r:.80}")
    y = samples.y
    y = to_numpy(y) if is_duck_array(y) else y
    if not isinstance(y, np.ndarray) or y.ndim > 2:
        raise ValueError(f"{what}: expected class indices or one-hot targets with class_weight; received {_shapes(y)}")
    classes = y.argmax(axis=-1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    found = np.ones(len(classes), np.float32)
    for label, weight in weights.items():
        if not 0 <= scalar(f"{what}, class_weight", weight) < math.inf:
            raise ValueError(f"{what}: expected class_weight of at least 0; received {weight!r} for class {label!r}")
        found[classes == label] = weight
    if samples.w is not None:
        found = found * to_numpy(samples.w).reshape(len(found), -1)[:, 0]
    return samples._replace(w=found)


def split_last(what: str, samples: Samples, fraction: float) -> tuple[Samples, Samples]:
    """Return the samples without the last part, and that part.

    Args:
        what: the call, for error messages.
        samples: N of them.
        fraction: size of the last part: N - floor(N (1 - fraction)) samples, as in Keras.

    Raises:
        ValueError: if the fraction is not between 0 and 1, or one of the parts is empty.
    """
    fraction = number(above=0, below=1)(what, "validation_split", fraction)
    at = math.floor(samples.size * (1 - fraction))
    if at == 0 or at == samples.size:
        raise ValueError(
            f"{what}: expected validation_split to leave samples on both sides; received {fraction} with "
            f"{samples.size} samples. Choose another fraction, or pass validation_data"
        )
    return samples.rows(0, at), samples.rows(at, samples.size)


def scalar(what: str, value: Any) -> float:
    """Return a value that a step returned, as a float.

    Raises:
        TypeError: if it is not a single number.
    """
    try:
        return float(value.item() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError):
        raise TypeError(f"{what}: expected a single number; received {value!r:.80}") from None


def as_tensors(x: Any, place: Callable[[Any], Any]) -> Any:
    """Return a batch as a Tensor, or a structure of them; strings stay arrays.

    Args:
        x: arrays, Tensors, or structures of them.
        place: puts arrays of NumPy where the model's are.
    """
    if x.__class__ is np.ndarray:
        return x if is_text(x) else ag.tensor(place(x), copy=False)
    if x.__class__ is not Tensor and is_duck_array(x):
        return ag.tensor(x, copy=False)
    return map_structure(lambda a: a if isinstance(a, Tensor) else as_tensors(array_of(a), place), x)


def shapes_with(out: Any, size: int) -> Any:
    """Return the shapes of the outputs for `size` samples, given those for one."""
    if isinstance(out, Tensor):
        return (size, *out.shape[1:])
    if isinstance(out, dict):
        return {key: shapes_with(part, size) for key, part in out.items()}
    return [shapes_with(part, size) for part in out]


def validation_due(what: str, freq: Any) -> Callable[[int], bool]:
    """Return a function that tells whether to validate after an epoch, counted from 1."""
    if isinstance(freq, (int, np.integer)):
        every = positive(what, "validation_freq", freq)
        return lambda epoch: epoch % every == 0
    if isinstance(freq, Iterable) and not isinstance(freq, str):
        chosen = {positive(what, "validation_freq", epoch) for epoch in freq}
        return lambda epoch: epoch in chosen
    raise refused(TypeError, what, "validation_freq", "an integer or a list of epochs", freq)


def validation_parts(what: str, data: Any) -> tuple[Any, Any, Any]:
    """Return x, y and the weights, or None, of `validation_data`."""
    expected = f"{what}: expected validation_data=(x, y), (x, y, sample_weight) or a stream"
    if not isinstance(data, (tuple, list)):
        raise TypeError(f"{expected}; received a {type(data).__name__}")
    if len(data) not in (2, 3):
        raise ValueError(f"{expected}; received {len(data)} entries")
    return (*data, None)[:3]


# From the rows of a batch, and whether they are this rank's alone, to the first of those to take and where they end.
Cut = Callable[[int, bool], tuple[int, int]]


# ---- feeds ----------------------------------------------------------------------------------------------------------


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
        runs_code: whether code of the user's runs to make a batch.
    """

    steps: int | None = None
    once = False
    runs_code = True

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
            take = partial(_taken, slice(start, stop) if order is None else order[start:stop])
            weights = None if w is None else map_structure(take, w)
            if plain:
                yield Samples(take(x), take(y), weights, stop - start)
            else:
                targets = None if y is None else map_structure(take, y)
                yield Samples(map_structure(take, x), targets, weights, stop - start)


def _taken(rows: Any, a: Any) -> Any:
    """Return some rows of an array; in memory, if the array computes them on demand, as Dask's do."""
    if a.__class__ is np.ndarray:
        return a[rows] if rows.__class__ is slice else a.take(rows, 0)
    if is_lazy(a):
        return to_numpy(a[rows])
    return a[rows] if rows.__class__ is slice else np.take(a, asarray_like(rows, a), 0)


class StreamFeed(Feed):
    """Takes batches from a DataLoader, a generator, or another iterable.

    Attributes:
        cut: if it is not None, which rows to take of each batch; asked for those of 0 rows at the end.

    Args:
        what: the call, for error messages.
        source: of the batches.
        convert: turns a batch into samples, or raises.
    """

    cut: Cut | None = None

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
        batches = map(self.convert, begun)
        return batches if self.cut is None else self._parts(batches, self.cut)

    def _parts(self, batches: Iterator[Samples], cut: Cut) -> Iterator[Samples]:
        """Yield this rank's rows of each batch."""
        own = getattr(self.source, "shard", None) is not None
        for samples in batches:
            start, stop = cut(samples.size, own)
            yield samples.rows(start, stop)
        cut(0, own)


class _Limited(Feed):
    """Gives `steps` batches an epoch, and goes on in the next where it was; begins anew when the source ends."""

    def __init__(self, what: str, feed: Feed, steps: int) -> None:
        self.what, self.feed, self.steps, self.runs_code = what, feed, steps, feed.runs_code
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


class _Epochs(Feed):
    """Tells a `PyDataset` when the epochs of a feed of its batches begin and end."""

    def __init__(self, source: PyDataset, feed: Feed) -> None:
        self.source, self.feed, self.steps = source, feed, feed.steps
        self._within = False

    def _begin(self) -> None:
        if not self._within:
            self._within = True
            self.source.on_epoch_begin()

    def first(self) -> Samples:
        self._begin()
        return self.feed.first()

    def epoch(self) -> Iterator[Samples]:
        self._begin()
        yield from self.feed.epoch()
        self._within = False
        self.source.on_epoch_end()


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
        for name, given in (("y", data[1]), ("sample_weight", data[2])):
            if given is not None:
                raise ValueError(
                    f"{self.what}: expected no {name} with a stream of batches, which has its own; received one. "
                    "Put (x, y, sample_weight) into the batches"
                )

        def convert(batch: Any) -> Samples:
            samples = self.samples(*unpack(batch))
            if samples.y is None and isinstance(batch, (tuple, list)):
                samples = samples._replace(packed=True)
            return self._weighed(samples, weights)

        if isinstance(data[0], PyDataset):
            batches = StreamFeed(self.what, Passes(data[0], shuffle), convert)
            return _Epochs(data[0], _limited(self.what, batches, steps))
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
