"""What tells that an array of somebody else's has changed since an op read it.

A rule reads in the backward pass what its op read in the forward pass. Values of Tensors cannot change unseen; a bare
array is the caller's, who may write into it. A small one is copied. Of a larger one some elements are noted, where a
copy would cost as much as the op, and compared before the rule reads it. The places follow the golden ratio, so that
every run of elements longer than a fortieth of the array has one.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Bytes of the largest array of the caller's that is copied. Noting and comparing elements takes as long as this copy.
COPIED = 1 << 15
SAMPLED = 64  # elements of a larger one that are noted
_GOLDEN = 0.6180339887498949


# The place of an array in a node's `saved`, what reads it, and what that gave when the op read it.
Seal = tuple[int, Callable[[Any], bytes], bytes]


@functools.lru_cache(256)
def _places(size: int) -> Any:
    if size <= SAMPLED:
        return np.arange(size)
    return np.sort((np.arange(1, SAMPLED + 1) * _GOLDEN % 1 * size).astype(np.intp))  # in the order of memory


def elements(a: Any) -> Any:
    """Return some elements of an array of any layout: all of at most 64, else 64."""
    places = _places(a.size)
    return a.take(places) if a.flags.c_contiguous else a.flat[places]


def sampled(a: Any) -> bytes:
    """Return the bytes of some elements."""
    found: bytes = elements(a).tobytes()
    return found


def whole(a: Any) -> bytes:
    """Return a digest of all elements."""
    return hashlib.blake2b(a.tobytes(), digest_size=16).digest()


def kept(a: Any) -> Any:
    """Return what a record keeps of the caller's array: a copy of a small one."""
    return a.copy("K") if a.nbytes <= COPIED else a


def lent(place: int, a: Any) -> tuple[Any, tuple[Seal] | None]:
    """Return what a record keeps of the caller's array, and the seal of one that is too large for a copy."""
    return (a.copy("K"), None) if a.nbytes <= COPIED else (a, ((place, sampled, sampled(a)),))


def broken(seals: Sequence[Seal], saved: Sequence[Any]) -> int:
    """Return the place of the first array that has changed, or -1."""
    return next((place for place, read, found in seals if read(saved[place]) != found), -1)
