"""Checks of targets. Good targets cost a comparison or two; only an error message looks closer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite.arrays import as_array
from autograd_lite.extend import is_compiling, more_on

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

_MORE = more_on("targets-of-another-shape")
_ONE_A_SAMPLE = ". For one prediction a sample, put layers.Flatten() or a global pooling before the last layers"


def check_counts(loss: str, y_true: Array, shape: Shape) -> None:
    """Raise if targets and predictions have different numbers of samples, or none."""
    if not shape or y_true.ndim == 0:
        raise ag.ShapeError(
            f"{loss}: expected a batch, shape (N, ...); received y_true {y_true.shape} and y_pred {shape}. "
            "One sample is a batch of shape (1, ...)"
        )
    if y_true.shape[0] != shape[0]:
        raise ag.ShapeError(
            f"{loss}: expected as many targets as predictions; received y_true {y_true.shape} and y_pred {shape}. "
            "Pair each sample with its own target"
        )
    if 0 in shape:
        raise ag.ShapeError(f"{loss}: expected at least one sample; received y_pred of shape {shape}")


def check_same_shape(loss: str, y_true: Array, shape: Shape) -> None:
    """Raise unless targets have the shape of predictions: broadcasting would compare everything with everything."""
    if y_true.shape == shape and y_true.dtype.kind in "fiub" and y_true.size:
        return
    _check_numbers(loss, y_true)
    check_counts(loss, y_true, shape)
    received = f"received y_true {y_true.shape} and y_pred {shape}, which would broadcast or not fit"
    fix = "Give the targets the shape of the model's output" + ", or the last layer 1 unit" * (y_true.size == shape[0])
    if (*y_true.shape, 1) == shape:
        fix = "Write y_true.reshape(-1, 1)" if y_true.ndim == 1 else "Write y_true[..., None]"
    elif y_true.shape == (*shape, 1):
        fix = "Write y_true.reshape(-1)" if len(shape) == 1 else "Write y_true[..., 0]"
    raise ag.ShapeError(f"{loss}: expected y_true and y_pred of the same shape; {received}. {fix}{_MORE}")


def check_no_nan(loss: str, y_true: Array) -> None:
    """Raise if a target is NaN."""
    total = np.vdot(y_true, y_true) if y_true.dtype.kind == "f" else 0  # of squares, in half the time of a minimum
    if total != total:
        _refuse_nan(loss, y_true)


def check_unit_interval(loss: str, y_true: Array) -> None:
    """Raise unless all targets are in [0, 1], or these are not whole numbers, as of labels with noise."""
    if not (y_true.min() >= 0 and y_true.max() <= 1) and _are_whole(loss, y_true):
        raise ValueError(
            f"{loss}: expected targets from 0 to 1; received {y_true.min():g} to {y_true.max():g}. "
            f"Map two classes to 0 and 1: (y_true > {y_true.min():g}).astype('float32')"
        )


def check_distributions(loss: str, y_true: Array, shape: Shape) -> None:
    """Raise unless targets are one-hot or soft distributions of the predictions' shape."""
    if y_true.shape != shape or y_true.dtype.kind not in "fiub" or not y_true.size:
        _check_numbers(loss, y_true)
        check_counts(loss, y_true, shape)
        if shape[-1] != 1 and y_true.shape in (shape[:-1], (*shape[:-1], 1)):
            raise ag.ShapeError(
                f"{loss}: expected one-hot targets, shape {shape}; received class indices, shape {y_true.shape}. "
                f"Use loss='sparse_categorical_crossentropy', or to_categorical(y_true, {shape[-1]}){_MORE}"
            )
        if y_true.shape != shape:
            raise ag.ShapeError(
                f"{loss}: expected one-hot targets of the predictions' shape {shape}; received shape {y_true.shape}. "
                "Give the last layer as many units as there are classes"
            )
    if shape[-1] == 1:
        raise ag.ShapeError(
            f"{loss}: expected a probability for each of at least 2 classes; received y_pred of shape {shape}, one "
            "output, whose softmax is always 1. Use activation='sigmoid' and loss='binary_crossentropy'"
        )
    if not y_true.min() >= 0 and _are_whole(loss, y_true):
        raise ValueError(
            f"{loss}: expected one-hot targets, or probabilities; received negative values, the smallest "
            f"{y_true.min():g}. Make them with to_categorical"
        )


def check_indices(loss: str, y_true: Array, shape: Shape) -> None:
    """Raise unless targets are class indices for predictions of shape (N, ..., K)."""
    if y_true.dtype.kind not in "iub":
        _check_numbers(loss, y_true)
        _refuse_nan(loss, y_true)
        if y_true.shape != shape and (y_true != np.floor(y_true)).any():
            raise ValueError(
                f"{loss}: expected class indices, integers from 0 to {shape[-1] - 1 if shape else 0}; received "
                f"fractions of dtype {y_true.dtype}. A loss takes (y_true, y_pred), in this order"
            )
    check_counts(loss, y_true, shape)
    if y_true.shape != shape[:-1] and y_true.shape != (*shape[:-1], 1):
        if y_true.shape == shape:
            raise ag.ShapeError(
                f"{loss}: expected class indices, shape {shape[:-1]}; received one-hot targets, shape {y_true.shape}. "
                f"Use loss='categorical_crossentropy', or y_true.argmax(-1){_MORE}"
            )
        raise ag.ShapeError(
            f"{loss}: expected class indices of shape {shape[:-1]} for predictions of shape {shape}; received shape "
            f"{y_true.shape}" + _ONE_A_SAMPLE * (y_true.size == shape[0] and len(shape) > 2)
        )
    if shape[-1] == 1 and len(shape) > 1:
        raise ag.ShapeError(
            f"{loss}: expected a probability for each of at least 2 classes; received y_pred of shape {shape}, one "
            "output. Use activation='sigmoid' and loss='binary_crossentropy'"
        )
    low, high = y_true.min(), y_true.max()
    if low < 0 or high >= shape[-1]:
        wrong = low if low < 0 else high
        where = tuple(int(i) for i in np.argwhere(y_true == wrong)[0])
        raise ValueError(
            f"{loss}: expected class indices from 0 to {shape[-1] - 1}, since there are {shape[-1]} outputs; received "
            f"{wrong:g} at index {where}. Give the last layer {int(high) + 1 if low >= 0 else 'enough'} units, or "
            "number the classes from 0"
        )


def check_two_classes(loss: str, y_true: Array) -> None:
    """Raise unless all targets are -1 or 1, or all are 0 or 1, or they are not whole numbers."""
    two = (np.abs(y_true) == 1).all() or ((y_true == 0) | (y_true == 1)).all()
    if not two and _are_whole(loss, y_true):
        raise ValueError(
            f"{loss}: expected targets -1 and 1, or 0 and 1; received values from {y_true.min():g} to {y_true.max():g}"
        )


def with_axis_last(loss: str, axis: int, y_true: Array, shape: Shape) -> tuple[Array, Shape]:
    """Return targets and the predictions' shape as they are with the axis of the classes moved to the end."""
    check_has_axis(loss, axis, shape)
    at = axis % len(shape)
    moved = (*shape[:at], *shape[at + 1 :], shape[at])
    return (np.moveaxis(y_true, at, -1) if y_true.ndim == len(shape) else y_true), moved


def check_has_axis(loss: str, axis: int, shape: Shape) -> None:
    """Raise unless predictions of this shape have the axis, and it is not that of the batch."""
    if not -len(shape) <= axis < len(shape) or (axis % len(shape) == 0 and len(shape) > 1):
        raise ag.ShapeError(
            f"{loss}: expected predictions with axis={axis}, other than the batch's; received y_pred of shape {shape}"
        )


def _values(x: Any) -> Any:
    """Return an array; in a traced program a Tensor as it is."""
    if isinstance(x, ag.Tensor):
        return x if is_compiling() else x.data
    return as_array(x)


def check_weights(loss: str, weights: npt.ArrayLike, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """Return sample weights in the shape of the samples' losses.

    Raises:
        ShapeError: if there is not one for each sample.
    """
    values = _values(weights)
    if not shape:
        raise ag.ShapeError(
            f"{loss}: expected no sample_weight, since this loss is one number a batch; received shape {values.shape}. "
            "Give the loss an axis"
        )
    spread = _along_first_axes(values if values.ndim else np.full(shape[0], values), shape)
    if spread is None:
        each = f", or {shape}" if len(shape) > 1 else ""
        raise ag.ShapeError(
            f"{loss}: expected sample_weight of shape {shape[:1]}, one a sample{each}; received shape {values.shape}"
        )
    return spread.astype(dtype, copy=False)


def _along_first_axes(values: Array, shape: Shape) -> Array | None:
    """Return weights of the first axes of a shape with as many axes as it has; None if they are not of them.

    One axis of length 1 more than there are is left out, as in (N, 1) for losses (N,).
    """
    if values.ndim == len(shape) + 1 and values.shape[-1] == 1:
        values = values[..., 0]
    rows = values.shape[:1] == shape[:1] and values.ndim <= len(shape)
    if not rows or any(n not in (1, m) for n, m in zip(values.shape[1:], shape[1:], strict=False)):
        return None
    return values.reshape(values.shape + (1,) * (len(shape) - values.ndim))


def check_mask(loss: str, mask: npt.ArrayLike, shape: Shape) -> Any:
    """Return a mask as booleans in the shape of the samples' losses.

    Raises:
        ShapeError: if there is not one for each sample.
    """
    flags = _values(mask)
    spread = _along_first_axes(flags, shape)
    if spread is None:
        raise ag.ShapeError(
            f"{loss}: expected mask of shape {shape[:1]}, one a sample, or {shape}; received shape {flags.shape}"
        )
    return np.broadcast_to(spread.astype(bool, copy=False), shape)


def _check_numbers(loss: str, y_true: Array) -> None:
    if y_true.dtype.kind not in "fiub":
        raise ag.DtypeError(
            f"{loss}: expected numbers as targets; received dtype {y_true.dtype}. Number the classes with "
            "np.unique(names, return_inverse=True)[1]"
        )


def _are_whole(loss: str, y_true: Array) -> bool:
    """Return whether all targets are whole numbers, as those of classes are; raise if one is NaN."""
    _refuse_nan(loss, y_true)
    return bool((y_true == np.floor(y_true)).all())


def _refuse_nan(loss: str, y_true: Array) -> None:
    missing = np.isnan(y_true)
    if missing.any():
        first = tuple(int(i) for i in np.argwhere(missing)[0])
        raise ValueError(
            f"{loss}: expected targets without NaN; received {int(missing.sum())} NaN of {y_true.size}, the first at "
            f"index {first}. Drop or fill those samples"
        )
