"""The warning of `fit`, once, if the loss is NaN because the inputs are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from autograd_lite.arrays import to_numpy

from ..data.structure import leaves
from .epoch_iterator import ArrayIterator, EpochIterator
from .replays import frames_of_ours


def warn_of_nan(caller: str, batches: EpochIterator, x: Any, batch: int) -> None:
    """Warn if inputs are NaN or infinite, and say where: in all the arrays, or in this batch of a stream.

    Args:
        caller: for the message.
        batches: where the batch comes from.
        x: its inputs.
        batch: its number, from 0.
    """
    whole = isinstance(batches, ArrayIterator)
    for path, leaf in leaves(batches.samples.x if isinstance(batches, ArrayIterator) else x):
        values = to_numpy(leaf)
        bad = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(0, bool)
        if not bad.any():
            continue
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        columns: Any = np.flatnonzero(bad.any(axis=tuple(range(bad.ndim - 1)))) if bad.ndim > 1 else []
        places = f", all in column {columns[0]} of the last axis" if len(columns) == 1 and bad.shape[-1] > 1 else ""
        rest = "" if whole else " of this batch"
        kind = "NaN" if np.isnan(values).any() else "infinite values"
        warnings.warn(
            f"{caller}: the loss of batch {batch} is NaN. Expected inputs that are finite numbers; received "
            f"{_name(path)} with {int(bad.sum())} {kind} of {values.size}, the first in row {first[0]}{rest} "
            f"(index {first}){places}. Drop those rows, or fill them, as by np.nan_to_num(x)",
            stacklevel=frames_of_ours(),
        )
        return


def _name(path: str) -> str:
    return f"x {path}" if path else "x"
