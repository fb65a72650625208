"""The warning of `fit`, once, if the loss is NaN or infinite because inputs or targets are."""

from __future__ import annotations

import warnings
from itertools import chain
from typing import Any

import numpy as np

from autograd_lite.arrays import to_numpy

from ..data.structure import leaves
from .epoch_iterator import ArrayIterator, EpochIterator, Samples
from .replays import frames_of_ours


def warn_of_data(caller: str, batches: EpochIterator, samples: Samples, loss: float, batch: int) -> bool:
    """Warn if inputs or targets are NaN or infinite, and say where: in all the arrays, or in this batch of a stream.

    Args:
        caller: for the message.
        batches: where the batch comes from.
        samples: its rows.
        loss: theirs.
        batch: its number, from 0.

    Returns:
        Whether there was something to warn of.
    """
    whole = isinstance(batches, ArrayIterator)
    data = batches.samples if isinstance(batches, ArrayIterator) else samples
    inputs = (("x", "inputs", *row) for row in leaves(data.x))
    targets = (("y", "targets", *row) for row in (leaves(data.y) if data.y is not None else ()))
    for name, noun, path, leaf in chain(inputs, targets):
        values = to_numpy(leaf)
        bad = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(0, bool)
        if not bad.any():
            continue
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        columns: Any = np.flatnonzero(bad.any(axis=tuple(range(bad.ndim - 1)))) if bad.ndim > 1 else []
        places = f", all in column {columns[0]} of the last axis" if len(columns) == 1 and bad.shape[-1] > 1 else ""
        rest = "" if whole else " of this batch"
        is_nan = bool(np.isnan(values).any())
        fill = f", or fill them, as by np.nan_to_num({name})" if is_nan else ""
        warnings.warn(
            f"{caller}: the loss of batch {batch} is {'NaN' if loss != loss else 'infinite'}. Expected {noun} that are "
            f"finite numbers; received {f'{name} {path}'.strip()} with {int(bad.sum())} "
            f"{'NaN' if is_nan else 'infinite values'} of {values.size}, the first in row {first[0]}{rest} "
            f"(index {first}){places}. Drop those rows{fill}",
            stacklevel=frames_of_ours(),
        )
        return True
    return False
