"""Detecting that a caller's array has changed since an op read it.

In the backward pass, a rule reads what its op read in the forward pass. The values of Tensors cannot change unnoticed,
but a plain array is borrowed from the caller, who may write into it. Small arrays are copied. For larger ones a copy
would cost as much as the op, so a sample of their elements is stored, and compared before the rule reads the array. The
sampled positions follow the golden ratio, so that every run of elements longer than a fortieth of the array has one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# The largest borrowed array that is copied. Sampling and comparing elements takes as long as a copy of this size.
MAX_COPIED_BYTES = 1 << 15
SAMPLE_SIZE = 64  # elements that are sampled of a larger array
_GOLDEN = 0.6180339887498949


# The index of an array in a node's `saved`, a function that reads it, and what that returned when the op read it.
Fingerprint = tuple[int, Callable[[Any], bytes], bytes]


@functools.lru_cache(256)
def _places(size: int) -> Any:
    if size <= SAMPLE_SIZE:
        return np.arange(size)
    return np.sort((np.arange(1, SAMPLE_SIZE + 1) * _GOLDEN % 1 * size).astype(np.intp))  # in memory order


def sample(a: Any) -> Any:
    """Return at most `SAMPLE_SIZE` elements of an array of any memory layout."""
    places = _places(a.size)
    return a.take(places) if a.flags.c_contiguous else a.flat[places]


def sample_bytes(a: Any) -> bytes:
    """Return the bytes of the sampled elements."""
    data: bytes = sample(a).tobytes()
    return data


def digest(a: Any) -> bytes:
    """Return a digest of all elements."""
    import hashlib  # 3 ms, and most programs never ask for it

    return hashlib.blake2b(a.tobytes(), digest_size=16).digest()


def copy_if_small(a: Any) -> Any:
    """Return a copy of a borrowed array if it is small, otherwise the array."""
    return a.copy("K") if a.nbytes <= MAX_COPIED_BYTES else a


def borrow(place: int, a: Any) -> tuple[Any, tuple[Fingerprint] | None]:
    """Return a copy of a borrowed array, or the array and its fingerprint if it is too large to copy."""
    return (a.copy("K"), None) if a.nbytes <= MAX_COPIED_BYTES else (a, ((place, sample_bytes, sample_bytes(a)),))


def first_changed(fingerprints: Sequence[Fingerprint], saved: Sequence[Any]) -> int:
    """Return the index of the first array that has changed, or -1."""
    return next((place for place, read, stored in fingerprints if read(saved[place]) != stored), -1)
