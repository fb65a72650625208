"""Detecting that a caller's array has changed since an op read it.

In the backward pass, a rule reads what its op read in the forward pass. The values of Tensors cannot change unnoticed,
but a bare array belongs to the caller, who may write into it. Small arrays are copied. For larger ones a copy would
cost as much as the op, so some of their elements are noted, and compared before the rule reads the array. The places
follow the golden ratio, so that every run of elements longer than a fortieth of the array contains one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Bytes of the largest caller's array that is copied. Noting and comparing elements takes as long as this copy.
COPIED = 1 << 15
SAMPLED = 64  # the number of elements that are noted of a larger one
_GOLDEN = 0.6180339887498949


# The index of an array in a node's `saved`, a function that reads it, and what that returned when the op read it.
Seal = tuple[int, Callable[[Any], bytes], bytes]


@functools.lru_cache(256)
def _places(size: int) -> Any:
    if size <= SAMPLED:
        return np.arange(size)
    return np.sort((np.arange(1, SAMPLED + 1) * _GOLDEN % 1 * size).astype(np.intp))  # in the order of memory


def elements(a: Any) -> Any:
    """Return at most 64 elements of an array of any layout."""
    places = _places(a.size)
    return a.take(places) if a.flags.c_contiguous else a.flat[places]


def sampled(a: Any) -> bytes:
    """Return the bytes of some elements."""
    found: bytes = elements(a).tobytes()
    return found


def whole(a: Any) -> bytes:
    """Return a digest of all elements."""
    import hashlib  # 3 ms, and most programs never ask for it

    return hashlib.blake2b(a.tobytes(), digest_size=16).digest()


def kept(a: Any) -> Any:
    """Return what a record keeps of a caller's array: a copy if it is small."""
    return a.copy("K") if a.nbytes <= COPIED else a


def lent(place: int, a: Any) -> tuple[Any, tuple[Seal] | None]:
    """Return what a record keeps of a caller's array, with a seal if it is too large to copy."""
    return (a.copy("K"), None) if a.nbytes <= COPIED else (a, ((place, sampled, sampled(a)),))


def broken(seals: Sequence[Seal], saved: Sequence[Any]) -> int:
    """Return the index of the first array that has changed, or -1."""
    return next((place for place, read, found in seals if read(saved[place]) != found), -1)
