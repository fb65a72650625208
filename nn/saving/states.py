"""States of optimizers, loaders and random streams as plain values, with the arrays among them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arrays import to_numpy

from ..config.codec import decoded, encoded
from .safetensors import SavedFileError


def packed(prefix: str, value: Any, arrays: dict[str, Any]) -> Any:
    """Return a state as plain values, with names in place of its arrays, which go into `arrays`."""

    def named(part: Any, path: str) -> Any:
        if not isinstance(part, (Tensor, np.ndarray)):
            return part  # writing the file will refuse it
        name = next(n for n in (f"{path}{'+' * i}" for i in range(len(arrays) + 1)) if n not in arrays)
        arrays[name] = to_numpy(part.data) if isinstance(part, Tensor) else part
        return {"array": name}

    return encoded(value, named, prefix)


def unpacked(what: str, value: Any, arrays: Mapping[str, Any]) -> Any:
    """Return what `packed` was given.

    Raises:
        SavedFileError: if the values are not what it returns, or an array is missing.
    """
    try:
        return decoded(value, lambda tagged: arrays[tagged["array"]])
    except (KeyError, TypeError, ValueError) as error:
        raise SavedFileError(f"{what}: the file is not a whole checkpoint: {error!r}") from error
