"""From the arguments of `fit`, `evaluate` and `predict` to batches: arrays, checked and cast once, or a stream.

A `DataAdapter` knows how a call takes data; it makes `Samples` of arrays, and an `EpochIterator` of either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import is_duck_array, to_numpy

from ..config.arguments import argument_error, as_array, as_scalar, is_number, is_text, number, positive
from ..data import DataLoader
from ..data.py_dataset import Passes, PyDataset
from ..data.structure import batch_size_of, is_structure, leaves, map_structure, unpack
from .epoch_iterator import (
    Array,
    ArrayIterator,
    EpochIterator,
    LimitedIterator,
    PyDatasetIterator,
    Samples,
    StreamIterator,
)

# ---- arrays ---------------------------------------------------------------------------------------------------------


def as_inputs(caller: str, x: Any, dtype: np.dtype[Any], name: str = "x") -> Any:
    """Return inputs as an array, or a structure of arrays; floating ones have `dtype`, others are left unchanged.

    A memory map keeps its dtype, since casting would read all of it; each batch is cast when it is used.

    Args:
        caller: who takes the data, for error messages.
        x: array-like of shape (N, ...), or a Tensor, or a structure of them.
        dtype: the model's.
        name: the argument's.

    Raises:
        DtypeError: if it is not made of numbers, or of strings that are not targets.
        ShapeError: if it has no samples.
    """
    if x.__class__ is not np.ndarray and is_structure(x):
        parts = map_structure(lambda a: _as_input(caller, a, dtype, name), x)
        sizes = {f"{name}{path}": len(a) for path, a in leaves(parts)}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{path}: {n}" for path, n in sizes.items())
            raise ag.ShapeError(f"{caller}: expected equally many samples in every part of {name}; received {listed}")
        return parts
    return _as_input(caller, x, dtype, name)


def _as_input(caller: str, x: Any, dtype: np.dtype[Any], name: str) -> Array:
    if x is None:
        raise TypeError(f"{caller}: expected {name} to be an array of shape (N, ...); received {name}=None")
    try:
        array = as_array(x.data if isinstance(x, Tensor) else x)
    except ValueError:
        raise ag.ShapeError(f"{caller}: {_ragged_message(name, x)}") from None
    if array.ndim == 0:
        raise ag.ShapeError(
            f"{caller}: expected {name} of shape (N, ...), one row a sample; received {_single(x, array.dtype.kind)}"
        )
    if array.dtype.kind not in "fiub" and not (name == "x" and is_text(array)):
        holes = sum(value is None for value in array.flat) if array.dtype == object else 0
        fix = _NUMBERS_OF.get(array.dtype.kind, _NUMBERS_OF["O"])
        raise ag.DtypeError(
            f"{caller}: expected {name} to be an array of numbers; received {type(x).__name__} of dtype {array.dtype}"
            + (f", with None at {holes} places. Fill them, or drop those samples" if holes else f". {fix}")
        )
    if array.size == 0:
        raise ag.ShapeError(f"{caller}: expected at least one sample; received an empty {name} of shape {array.shape}")
    if array.dtype.kind != "f" or isinstance(x, np.memmap):
        return array
    return array.astype(dtype, copy=False)


# How arrays of other kinds become numbers.
_NUMBERS_OF = {
    "O": "Samples must have the same shape, and labels that are texts must be turned into numbers",
    "c": "Make two features of real and imaginary parts: np.stack([x.real, x.imag], axis=-1)",
    "M": "Make numbers of dates, such as days since the first: (x - x.min()) / np.timedelta64(1, 'D')",
    "m": "Make numbers of durations, such as days: x / np.timedelta64(1, 'D')",
}


def _single(x: Any, kind: str) -> str:
    """Return the words for a value that is in the place of samples, and a fix."""
    if isinstance(x, (str, bytes)):
        return f"the text {x!r:.80}. Read a file first; one text is a batch of one, a list"
    if callable(x):
        name = getattr(x, "__name__", "it")
        return f"the function {name}. Call it, {name}(), or give it to nn.data.DataLoader"
    return "a single number" if kind in "fiub" else f"{x!r:.80}. Make an array of it, or a list of rows"


def _ragged_message(name: str, x: Any) -> str:
    """Return the message for lists of different lengths."""
    lengths = sorted({len(part) for part in x if isinstance(part, (list, tuple, np.ndarray))})
    received = " and ".join(map(str, lengths)) if len(lengths) < 4 else f"{lengths[0]} to {lengths[-1]}"
    inside = "" if len(lengths) > 1 else ", with lists of several lengths inside"
    return (
        f"expected the lists in {name} to have equal lengths, sample by sample; received lists of length {received}"
        f"{inside}. Pad them, for instance with nn.utils.pad_sequences({name})"
    )


def as_samples(caller: str, x: Any, y: Any, dtype: np.dtype[Any], w: Any = None) -> Samples:
    """Return inputs, targets and weights as arrays with the same number of rows.

    Raises:
        ShapeError: also if their numbers differ.
        ValueError: if there are no targets, or a weight is NaN or infinite.
    """
    if y is None:
        if callable(x):
            _as_input(caller, x, dtype, "x")  # which refuses it
        raise ValueError(f"{caller}: expected targets; received y=None. Pass x and y as arrays, or batches of (x, y)")
    inputs, targets = as_inputs(caller, x, dtype), as_inputs(caller, y, dtype, "y")
    size = batch_size_of(inputs)
    if size != batch_size_of(targets):
        raise ag.ShapeError(
            f"{caller}: expected as many targets as samples; received x {_shapes(inputs)} and y {_shapes(targets)}. "
            + _fix_of_list(x, batch_size_of(targets))
        )
    if is_number(w) or getattr(w, "shape", None) == ():  # one weight for all samples
        w = np.full(size, float(w))
    weights = None if w is None else as_inputs(caller, w, dtype, "sample_weight")
    if weights is not None and batch_size_of(weights) != size:
        raise ag.ShapeError(
            f"{caller}: expected one sample_weight for each of {size} samples; received shape {_shapes(weights)}"
        )
    for _, leaf in leaves(weights) if weights is not None else ():
        if not (finite := np.isfinite(values := to_numpy(leaf))).all():
            place = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueError(
                f"{caller}: expected sample_weight of finite numbers; received {values[place]} at index {place}. Give "
                "samples that are not to count the weight 0"
            )
    return Samples(inputs, targets, weights, size)


def _fix_of_list(x: Any, size: int) -> str:
    """Return how to pair samples with targets, also where a list of arrays was meant as samples."""
    if isinstance(x, (list, tuple)) and len(x) == size:
        return "Arrays in a list are several inputs; samples of one input are one array: np.stack(x)"
    return "Pair each sample with its own target"


def _shapes(x: Any) -> Any:
    return map_structure(lambda a: a.shape, x)


def first_row(x: Any) -> Any:
    """Return the first sample as a batch of one."""
    return map_structure(lambda a: a[:1], x)


def shapes_with(out: Any, size: int) -> Any:
    """Return the shapes of the outputs for `size` samples, given those for one."""
    if isinstance(out, Tensor):
        return (size, *out.shape[1:])
    if isinstance(out, dict):
        return {key: shapes_with(part, size) for key, part in out.items()}
    return [shapes_with(part, size) for part in out]


def class_weights(caller: str, weights: Mapping[int, float], samples: Samples) -> Samples:
    """Return the samples, their weights multiplied by those of their classes.

    Args:
        caller: who takes the data, for error messages.
        weights: weight by class; others weigh 1.
        samples: with targets that are class indices (N,) or (N, 1), or one-hot (N, K).

    Raises:
        ValueError: for other targets, or other weights.
    """
    if not isinstance(weights, Mapping):
        listed = isinstance(weights, (list, tuple, np.ndarray))
        fix = f"dict(enumerate({list(weights)!r:.40}))" if listed else "a dict, such as {0: 1.0, 1: 5.0}"
        raise TypeError(f"{caller}: expected class_weight={{class: weight, …}}; received {weights!r:.80}. Write {fix}")
    y = samples.y
    y = to_numpy(y) if is_duck_array(y) else y
    if not isinstance(y, np.ndarray) or y.ndim > 2:
        raise ValueError(
            f"{caller}: expected class indices or one-hot targets with class_weight; received {_shapes(y)}"
        )
    classes = y.argmax(axis=-1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    w = np.ones(len(classes), np.float32)
    for label, weight in weights.items():
        if not 0 <= as_scalar(f"{caller}, class_weight", weight) < math.inf:
            raise ValueError(f"{caller}: expected class_weight of at least 0; received {weight!r} for class {label!r}")
        w[classes == label] = weight
    if samples.w is not None:
        w = w * to_numpy(samples.w).reshape(len(w), -1)[:, 0]
    return samples._replace(w=w)


def split_last(caller: str, samples: Samples, fraction: float) -> tuple[Samples, Samples]:
    """Return the samples without the last part, and that part.

    Args:
        caller: who takes the data, for error messages.
        samples: N of them.
        fraction: size of the last part: N - floor(N (1 - fraction)) samples, as in Keras.

    Raises:
        ValueError: if the fraction is not between 0 and 1, or one of the parts is empty.
    """
    fraction = number(above=0, below=1)(caller, "validation_split", fraction)
    at = math.floor(samples.size * (1 - fraction))
    if at == 0 or at == samples.size:
        raise ValueError(
            f"{caller}: expected validation_split to leave samples on both sides; received {fraction} with "
            f"{samples.size} samples. Choose another fraction, or pass validation_data"
        )
    return samples.rows(0, at), samples.rows(at, samples.size)


def validation_due(caller: str, freq: Any) -> Callable[[int], bool]:
    """Return a function that tells whether to validate after an epoch, counted from 1."""
    if isinstance(freq, (int, np.integer)):
        every = positive(caller, "validation_freq", freq)
        return lambda epoch: epoch % every == 0
    if isinstance(freq, Iterable) and not isinstance(freq, str):
        chosen = {positive(caller, "validation_freq", epoch) for epoch in freq}
        return lambda epoch: epoch in chosen
    raise argument_error(TypeError, caller, "validation_freq", "an integer or a list of epochs", freq)


def validation_parts(caller: str, data: Any) -> tuple[Any, Any, Any]:
    """Return x, and y and the weights or None, of `validation_data`."""
    expected = f"{caller}: expected validation_data=(x, y), (x, y, sample_weight), (x,) or a stream"
    if not isinstance(data, (tuple, list)):
        received = f"an array of shape {data.shape}" if hasattr(data, "shape") else f"{data!r:.80}"
        raise TypeError(f"{expected}; received {received}. Write validation_data=(x_val, y_val)")
    if len(data) not in (1, 2, 3):
        raise ValueError(f"{expected}; received {len(data)} of them. Write validation_data=(x_val, y_val)")
    return (*data, None, None)[:3]


# ---- arguments ------------------------------------------------------------------------------------------------------


def is_stream(x: Any) -> bool:
    """Return whether x gives batches one after another: a DataLoader, a generator or another iterable, not an array."""
    if isinstance(x, (np.ndarray, Tensor, list, tuple, dict, str, bytes)) or hasattr(x, "__array__"):
        return False
    return isinstance(x, (DataLoader, Iterable))


def _limit(caller: str, batches: EpochIterator, steps: int | None) -> EpochIterator:
    """Return an iterator of `steps` batches an epoch, or the same one for None."""
    return batches if steps is None else LimitedIterator(caller, batches, steps)


Data = tuple[Any, Any, Any]  # inputs or a stream, targets, sample weights


class Validation(NamedTuple):
    """The data of a validation: a part of the samples, or its own."""

    split: float
    data: Any
    batch_size: int | None
    steps: int | None


class DataAdapter(NamedTuple):
    """Turns the arguments of a call into batches.

    Attributes:
        caller: the name of the call, for error messages: "Sequential.fit".
        dtype: of floating inputs and targets, which are cast to it.
        targets: whether every sample needs a target.
    """

    caller: str
    dtype: np.dtype[Any]
    targets: Literal["required", "optional", "ignored"] = "required"

    def samples(self, x: Any, y: Any = None, w: Any = None) -> Samples:
        """Return arrays as samples."""
        if self.targets == "required" or (self.targets == "optional" and y is not None):
            return as_samples(self.caller, x, y, self.dtype, w)
        inputs = as_inputs(self.caller, x, self.dtype)
        return Samples(inputs, None, None, batch_size_of(inputs))

    def batches(
        self,
        data: Data,
        batch_size: int | None,
        steps: int | None,
        *,
        shuffle: bool = False,
        weights: Mapping[int, float] | None = None,
    ) -> EpochIterator:
        """Return the batches of arrays or of a stream."""
        if not is_stream(data[0]):
            return self._of_arrays(self.samples(*data), batch_size, steps, shuffle, weights)
        for name, value in (("y", data[1]), ("sample_weight", data[2])):
            if value is not None:
                raise ValueError(
                    f"{self.caller}: expected no {name} with a stream of batches, which has its own; received one. "
                    "Put (x, y, sample_weight) into the batches"
                )

        def convert(batch: Any) -> Samples:
            samples = self.samples(*unpack(batch))
            if samples.y is None and isinstance(batch, (tuple, list)):
                samples = samples._replace(packed=True)
            return self._apply_class_weights(samples, weights)

        if isinstance(data[0], PyDataset):
            batches = StreamIterator(self.caller, Passes(data[0], shuffle), convert)
            return PyDatasetIterator(data[0], _limit(self.caller, batches, steps))
        return _limit(self.caller, StreamIterator(self.caller, data[0], convert), steps)

    def training_data(
        self,
        data: Data,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool,
        weights: Mapping[int, float] | None,
        validation: Validation,
    ) -> tuple[EpochIterator, EpochIterator | None]:
        """Return the batches of training, and those of validation or None."""
        split, held_out_data, size, count = validation
        held_out: EpochIterator | None = None
        if split and is_stream(data[0]):
            raise ValueError(
                f"{self.caller}: expected arrays with validation_split; received a stream. Pass validation_data"
            )
        if held_out_data is not None:
            local = self._replace(caller=f"{self.caller}, validation_data")
            parts = (
                (held_out_data, None, None)
                if is_stream(held_out_data)
                else validation_parts(self.caller, held_out_data)
            )
            held_out = local.batches(parts, None if is_stream(held_out_data) else size, count)
        elif split:
            samples, rest = split_last(self.caller, self.samples(*data), split)
            local = self._replace(caller=f"{self.caller}, validation_split")
            return self._of_arrays(samples, batch_size, steps, shuffle, weights), local._of_arrays(rest, size, count)
        return self.batches(data, batch_size, steps, shuffle=shuffle, weights=weights), held_out

    def _of_arrays(
        self,
        samples: Samples,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool = False,
        weights: Mapping[int, float] | None = None,
    ) -> EpochIterator:
        size = 32 if batch_size is None else batch_size
        return _limit(self.caller, ArrayIterator(self._apply_class_weights(samples, weights), size, shuffle), steps)

    def _apply_class_weights(self, samples: Samples, weights: Mapping[int, float] | None) -> Samples:
        return samples if weights is None else class_weights(self.caller, weights, samples)
