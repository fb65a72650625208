"""Keep large freed arrays in the process instead of giving them back to the kernel.

NumPy asks the C library for every array, and glibc maps blocks above 128 KiB from the kernel anew each time: every page
of every large result is then faulted in and zeroed again. Eager code on 512 x 512 arrays is three to five times as slow
for it, a step of a small convolutional network twice; replays of compiled functions, which keep their buffers, are not.
Two settings make glibc keep freed memory. They apply to the whole process, so importing the package leaves them alone.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

KEEP_BYTES = 1 << 30
# From glibc's malloc.h. 32 MiB is the largest threshold it accepts; larger arrays are mapped as before.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD = -1, -3, 32 << 20

_is_set = False


def keeps_freed_memory() -> bool:
    """Return whether freed arrays stay in the process; see `keep_freed_memory`.

    Example:
        >>> keeps_freed_memory() in (True, False)
        True
    """
    return _is_set


def keep_freed_memory(limit: int = KEEP_BYTES) -> bool:
    """Let the C library keep up to `limit` bytes of freed memory for the next array; a setting of the whole process.

    Call it once in programs that compute eagerly with arrays above 128 KiB. `fit` calls it, and nothing else does. The
    environment variable AUTOGRAD_LITE_KEEP_MEMORY=0 refuses it; where the C library is not glibc it does nothing.

    Args:
        limit: bytes at the end of the heap beyond which memory goes back to the kernel.

    Returns:
        Whether the setting took effect.

    Example:
        >>> import autograd_lite as ag
        >>> ag.keep_freed_memory() == ag.extend.keeps_freed_memory()
        True
    """
    global _is_set
    if not sys.platform.startswith("linux") or os.environ.get("AUTOGRAD_LITE_KEEP_MEMORY") == "0":
        return False
    mallopt = _mallopt()
    if mallopt is None:
        return False
    _is_set = bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)) and bool(
        mallopt(_M_TRIM_THRESHOLD, min(limit, 2**31 - 1))
    )
    return _is_set


@functools.cache  # each handle of a library is a class, and so a cycle
def _mallopt() -> Any:
    """Return the function of the C library, or None."""
    try:
        import ctypes  # which some builds of Python lack

        return ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        return None
