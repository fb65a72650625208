"""Data prepared for training: split, padded, normalized, cut into windows of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import argument_error, checked
from .dataset import Dataset
from .loader import DataLoader
from .structure import map_structure, rows_of, unpack

Array = npt.NDArray[Any]


@checked
def normalize(x: Any, axis: int = -1, order: float = 2) -> Any:
    """Divide vectors by their norm; zero vectors are left unchanged.

    Args:
        x: an array of any shape, whose integers become float64; or a Tensor.
        axis: the axis along which the vectors lie; the last by default.
        order: which norm: 2, the default, for the square root of the sum of squares; 1 for the sum of absolute values;
            np.inf for the largest of them.

    Returns:
        An array of x's shape; a Tensor, with its gradient, for a Tensor.

    Example:
        >>> normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    if isinstance(x, Tensor):
        return x / np.maximum(np.linalg.norm(x, order, axis, keepdims=True), 1e-7)
    values = np.atleast_1d(np.asarray(x))
    norm = np.linalg.norm(values, order, axis, keepdims=True)
    return values / np.where(norm == 0, 1, norm)


@checked
def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: npt.DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> Array:
    """Return sequences of different lengths as one array, padded to the longest or to a given length.

    Args:
        sequences: N of them, each of shape (T, ...); T may differ, the other lengths must not.
        maxlen: the length of the result; by default the longest T.
        dtype: of the result.
        padding: "pre" to put `value` in front, "post" to put it at the end.
        truncating: "pre" to cut off the beginning of sequences longer than `maxlen`, "post" the end.
        value: to pad with; texts need `dtype=object`.

    Returns:
        Shape (N, maxlen, ...).

    Raises:
        ValueError: for another word, or if an entry is not a sequence.
        ShapeError: if the other lengths differ.

    Example:
        >>> pad_sequences([[1], [2, 3, 4]], maxlen=2).tolist()
        [[0, 1], [3, 4]]
    """
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise ValueError(f"pad_sequences: expected {name} to be 'pre' or 'post'; received {name}={word!r}")
    if maxlen is not None and maxlen < 0:
        raise ValueError(f"pad_sequences: expected maxlen to be a non-negative integer, or None; received {maxlen!r}")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(f"pad_sequences: expected a number to pad {dtype} with; received {value=}. Pass dtype=object")
    parts = [np.asarray(s) for s in sequences]
    if any(not part.ndim for part in parts):
        raise ValueError("pad_sequences: expected a list of sequences; received single values. Put them into lists")
    rest = next((part.shape[1:] for part in parts if len(part)), ())
    length = max((len(part) for part in parts), default=0) if maxlen is None else maxlen
    out = np.full((len(parts), length, *rest), value, dtype)
    for row, part in zip(out, parts, strict=True):
        if len(part) and part.shape[1:] != rest:
            raise ag.ShapeError(f"pad_sequences: expected steps of shape {rest}; received {part.shape[1:]}")
        rest_of_row = part[max(0, len(part) - length) :] if truncating == "pre" else part[:length]
        if len(rest_of_row):
            row[slice(-len(rest_of_row), None) if padding == "pre" else slice(len(rest_of_row))] = rest_of_row
    return out


@checked
def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return x, (x, y) or (x, y, sample_weight), as `fit` takes a batch; see `unpack_x_y_sample_weight`.

    Args:
        x: the inputs of a batch: an array, or a list or dict of several.
        y: the targets, or None for none.
        sample_weight: one weight for each sample, shape (N,), or None for none.

    Example:
        >>> pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (tuple, list)) else x


@checked
def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return x, y and sample_weight of a batch x, (x,), (x, y) or (x, y, sample_weight); None for missing ones.

    Args:
        data: a batch: x alone, or a tuple or list of x, y and sample_weight, of which the last may be missing.

    Raises:
        ValueError: for a tuple of another length.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    return unpack(data)


@checked
def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Split data into two parts, such as rows for training and rows for testing.

    Args:
        dataset: an array of shape (N, ...), or a tuple, list or dict of them, nested in any way; or a `Dataset`, whose
            elements are then read once.
        left_size: number of rows of the first part, or a share of N between 0 and 1; by default the rest.
        right_size: the same for the second part. At least one of the two must be given.
        shuffle: whether to draw which rows go where.
        seed: of the draw; None to draw from the default generator, which `nn.set_seed` sets.
        preferred_backend: taken, and changes nothing.

    Returns:
        Two parts of the same structure, or two `Dataset`s. Without `shuffle` they are views.

    Raises:
        ValueError: if neither size is given, or a part would be empty, or both exceed the number of rows.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.7)
        >>> left.tolist(), right.tolist()
        ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    """
    if isinstance(dataset, Dataset):
        elements = list(dataset)
        places = split_dataset(np.arange(len(elements)), left_size, right_size, shuffle, seed)
        first, second = (Dataset([elements[i] for i in part]) for part in places)
        return first, second
    n = rows_of("split_dataset", dataset)
    left, right = (_rows(name, size, n) for name, size in (("left_size", left_size), ("right_size", right_size)))
    if left is None:
        left = None if right is None else n - right
    right = n - left if left is not None and right is None else right
    if left is None or right is None or left < 1 or right < 1 or left + right > n:
        raise ValueError(
            f"split_dataset: expected left_size or right_size that leave both parts rows, of {n} together; received "
            f"left_size={left_size!r} and right_size={right_size!r}"
        )
    order: Any = None
    if shuffle:
        generator = None if seed is None else ag.Generator(seed)
        order = ag.random.permutation(n, generator=generator).data
    places = (slice(0, left), slice(n - right, n)) if order is None else (order[:left], order[n - right :])
    first, second = (map_structure(lambda part, at=at: part[at], dataset) for at in places)
    return first, second


def _rows(name: str, size: Any, n: int) -> int | None:
    if size is None:
        return None
    good = not isinstance(size, bool) and isinstance(size, (int, float, np.integer, np.floating))
    if not good or not (0 < size < 1 if isinstance(size, (float, np.floating)) else size > 0):
        raise ValueError(
            f"split_dataset: expected {name} to be a number of rows, or a share between 0 and 1; received "
            f"{name}={size!r}"
        )
    return int(size) if isinstance(size, (int, np.integer)) else round(size * n)


class _Windows(NamedTuple):
    """The places where windows of time begin, as samples for a DataLoader."""

    data: Array
    targets: Array | None
    starts: Array
    offsets: Array

    def batch(self, at: Array) -> Any:
        """Return the windows (N, T, ...) that begin at some places, and their targets."""
        windows = self.data[at[:, None] + self.offsets]
        return windows if self.targets is None else (windows, self.targets[at])


@checked
def timeseries_dataset_from_array(
    data: npt.ArrayLike,
    targets: npt.ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Return a Dataset of windows of a series: window i is data[s], data[s + rate], …, with s = start + i stride.

    Args:
        data: the series, shape (T, ...).
        targets: the target of the window that begins at step s is targets[s]; None for windows alone.
        sequence_length: steps in a window.
        sequence_stride: distance between the beginnings of windows.
        sampling_rate: distance between the steps of a window.
        batch_size: windows in a batch; None for single ones.
        shuffle: whether to draw a new order of the windows for each epoch.
        seed: of the order, an int, together with the number of the epoch; None draws one from the default generator.
        start_index, end_index: the part of the series to use, without the end; by default all of it.
        format: "tf" or "grain"; both give the `Dataset` of this library.

    Returns:
        Batches of shape (N, sequence_length, ...), with targets (N, ...) as (windows, targets).

    Raises:
        ValueError: for an argument out of range, or if not even one window fits.

    Example:
        >>> ds = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, 3, batch_size=2)
        >>> [(x.tolist(), y.tolist()) for x, y in ds]
        [([[0, 1, 2], [1, 2, 3]], [0, 10]), ([[2, 3, 4], [3, 4, 5]], [20, 30])]
    """
    caller = "timeseries_dataset_from_array"
    if format not in ("tf", "grain"):
        raise argument_error(ValueError, caller, "format", "'tf' or 'grain', which mean the same here", format)
    arguments: dict[str, Any] = {
        "sequence_length": sequence_length,
        "sequence_stride": sequence_stride,
        "sampling_rate": sampling_rate,
    }
    for name, n in arguments.items():
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"{caller}: expected {name} to be a positive integer; received {name}={n!r}")
    series, labels = np.asarray(data), None if targets is None else np.asarray(targets)
    steps = len(series)
    first, end = 0 if start_index is None else start_index, steps if end_index is None else end_index
    if not 0 <= first < end <= steps:
        raise ValueError(
            f"{caller}: expected 0 <= start_index < end_index <= {steps}, the length of the data; received "
            f"start_index={start_index!r} and end_index={end_index!r}"
        )
    last = end - (sequence_length - 1) * sampling_rate
    if labels is not None:
        last = min(last, len(labels))
    starts = np.arange(first, last, sequence_stride)
    if not starts.size:
        raise ValueError(
            f"{caller}: expected a series that holds a window of {sequence_length} steps, {sampling_rate} apart; "
            f"received {end - first} steps"
        )
    windows = _Windows(series, labels, starts, np.arange(sequence_length) * sampling_rate)
    loader = DataLoader(starts, batch_size=batch_size or 1, shuffle=shuffle, seed=seed, transform=windows.batch)
    return Dataset(loader) if batch_size else Dataset(Dataset(loader).unbatch(), len(starts))
