"""The number of threads that share the work of kernels, of large calls of NumPy and of compiled plans.

Ops compute with kernels of ours and with copies of NumPy's ufuncs (`kernels.FASTEST`). Their loops on float32 and
float64 cut a call over many elements into a part for each thread, and run the former loop on it: the results are the
same to the last bit. Products of matrices, complex ones too, are cut if NumPy has an OpenBLAS, whose own threads would
compete; those of at most 16 rows and columns are a kernel's. Other code that calls NumPy is not affected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import numpy as np

from .kernels import FASTEST, KERNELS, LEAST, library

_KERNEL_LEAST = 8192  # elements of a part of a call of ours

# The library through which NumPy's OpenBLAS is found, if it has one.
OPENBLAS = sys.modules["numpy._core._multiarray_umath"].__file__ or ""

VARIABLE = "AUTOGRAD_LITE_NUM_THREADS"
_CGROUPS = "/sys/fs/cgroup"
_Path = str | os.PathLike[str]


def _affinity() -> int:
    """Return the number of processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(*path: _Path) -> str:
    try:
        with open(os.path.join(*path), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def quota(cgroups: _Path = _CGROUPS, memberships: _Path = "/proc/self/cgroup") -> float:
    """Return the processor time that the control groups of this process may use, in processors; infinity by default.

    Args:
        cgroups: the folder in which the hierarchies are mounted.
        memberships: the file that names the groups of this process, a line for each hierarchy.
    """
    least = float("inf")
    for line in _read(memberships).splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        parts = (cgroups, controllers, *group.strip("/").split("/"))
        # A limit of any group above holds too. In a container the path may be the host's, of which only the root shows.
        for here in (parts[:end] for end in range(2, len(parts) + 1)):
            if controllers:
                limit, period = _read(*here, "cpu.cfs_quota_us"), _read(*here, "cpu.cfs_period_us")
            else:
                limit, _, period = _read(*here, "cpu.max").partition(" ")
            if limit.strip().isdigit() and period.strip().isdigit() and int(period) > 0:
                least = min(least, int(limit) / int(period))
    return least


def default(environment: Mapping[str, str]) -> int:
    """Return the default number of threads."""
    wish = environment.get(VARIABLE, "")
    if wish.strip().isdigit() and int(wish) > 0:
        return int(wish)
    available = min(_affinity(), quota())
    return max(1, -int(-available // 1))  # rounded up: three threads use two and a half processors best


def set_threads(n: int) -> None:
    """Let n threads share the work of kernels, of large calls of NumPy, and of compiled functions.

    They are created when there is work, and sleep when there is none. Results are the same to the last bit whatever
    their number. The default is the number of processors that the process may use, by its affinity and its control
    group, or that of the environment variable AUTOGRAD_LITE_NUM_THREADS. Products of large matrices are the exception:
    their last bits depend on it, as they do on the number of threads of NumPy's BLAS (OPENBLAS_NUM_THREADS), of which
    they use no more.

    Args:
        n: the calling thread included, so that 1 means no others; at most 64, beyond which it is 64. Where the native
            extension is missing it stays 1.

    Raises:
        TypeError: if n is not an integer.
        ValueError: if n is below 1.

    Example:
        >>> import autograd_lite as ag
        >>> before = ag.get_threads()
        >>> ag.set_threads(1)
        >>> ag.get_threads()
        1
        >>> ag.set_threads(before)
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"set_threads: expected a number of threads, an integer; received {n!r}. Pass 1 for no others")
    if (n := n.__index__()) < 1:
        raise ValueError(f"set_threads: expected at least 1 thread, the calling one; received {n}")
    if library:
        library.set_threads(min(n, 64))


def get_threads() -> int:
    """Return how many threads share work; see `set_threads`.

    Returns:
        The number, the calling thread included; 1 where the native extension is missing.

    Example:
        >>> import autograd_lite as ag
        >>> ag.get_threads() >= 1
        True
    """
    return library.get_threads() if library else 1


def share(ufunc: np.ufunc, least: int) -> None:
    """Let large calls of a ufunc on float32 and float64 be shared by threads.

    Args:
        ufunc: any ufunc; of a generalized one, the loop dimensions are cut.
        least: the least number of elements of a part; smaller calls stay in the calling thread.
    """
    if library:
        library.share(ufunc, least)


set_threads(default(os.environ))
for _least, _names in LEAST.items():
    for _name in _names.split() if library else ():
        share(FASTEST[getattr(np, _name)], _least)
if library:
    library.share_products(FASTEST[np.matmul], KERNELS["small_product"], OPENBLAS)
for _kernel in KERNELS.values():
    if "(m)" not in (_kernel.signature or ""):  # over windows, they share images themselves, and raise errors
        share(_kernel, _KERNEL_LEAST)
