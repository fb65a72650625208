"""Checking a state dict against the tensors it is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

__all__ = ["check_state"]


def check_state(
    what: str, tensors: Mapping[str, Tensor], state: Mapping[str, npt.ArrayLike | Tensor]
) -> dict[str, npt.NDArray[Any]]:
    """Return the state's arrays, if they fit.

    Args:
        what: the call, for the error message.
        tensors: what will be assigned to, by path.
        state: the new values, by path.

    Raises:
        ValueError: if paths are missing or unexpected, or shapes or dtypes differ; the message lists them all.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"{what}: expected a dict of arrays by path; received {type(state).__name__}")
    arrays = {path: np.asarray(a.data if isinstance(a, Tensor) else a) for path, a in state.items()}
    problems = [f"  missing: {path} {t.shape} {t.dtype}" for path, t in tensors.items() if path not in arrays]
    problems += [f"  unexpected: {path} {a.shape} {a.dtype}" for path, a in arrays.items() if path not in tensors]
    for path, t in tensors.items():
        a = arrays.get(path, t.data)
        if a.shape != t.shape or not np.can_cast(a.dtype, t.dtype, "same_kind"):
            problems.append(f"  mismatch: {path} expected {t.shape} {t.dtype}; received {a.shape} {a.dtype}")
    if problems:
        lines = "\n".join(problems)
        raise ValueError(
            f"{what}: the state does not fit this module, and nothing was assigned:\n{lines}\n"
            "Load it into the architecture that it was saved from, or rename its entries"
        )
    return arrays
