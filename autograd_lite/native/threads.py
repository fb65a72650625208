"""How many threads share the work of kernels, of large calls of NumPy and of compiled plans, and what is large.

The loops of NumPy's ufuncs on float32 and float64 are replaced by ones that cut a call over many elements into a part
for each thread, and run NumPy's own loop on it. So operators of arrays, derivative rules, optimizers and the user's own
NumPy have it alike, without a line that calls for it; the results are the same to the last bit. It concerns the whole
process, so users can see it (`get_threads`) and refuse it (environment variable AUTOGRAD_LITE_NUM_THREADS=1).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .kernels import INSTRUCTIONS, KERNELS

if INSTRUCTIONS:  # the extension is there, and not switched off
    from . import library

# From how many elements a part on, by what one element costs: about 0.1, 1, and 5 nanoseconds.
LEAST = {
    32768: (
        "absolute add copysign divide equal fabs fmax fmin greater greater_equal isfinite isinf isnan less less_equal "
        "maximum minimum multiply negative not_equal positive reciprocal sign signbit square subtract"
    ),
    8192: (
        "arccos arcsin arctan cbrt ceil exp exp2 expm1 floor log log10 log1p log2 rint sqrt tan tanh trunc"
    ),
    2048: (
        "arccosh arcsinh arctan2 arctanh cos cosh float_power floor_divide fmod heaviside hypot logaddexp logaddexp2 "
        "nextafter power remainder sin sinh"
    ),
}  # fmt: skip
_KERNEL_LEAST = 8192

# The library through which NumPy's OpenBLAS is found, if it has one.
OPENBLAS = sys.modules["numpy._core._multiarray_umath"].__file__ or ""

VARIABLE = "AUTOGRAD_LITE_NUM_THREADS"
_CGROUPS = Path("/sys/fs/cgroup")


def _affinity() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def quota(cgroups: Path = _CGROUPS, memberships: Path = Path("/proc/self/cgroup")) -> float:
    """Return how many processors' time the control groups of this process may use; infinity where there is no limit.

    Args:
        cgroups: where the hierarchies are mounted.
        memberships: the file that names the groups of this process, a line for each hierarchy.
    """
    least = float("inf")
    for line in _read(memberships).splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / controllers if controllers else cgroups
        place = root / group.lstrip("/")
        # A limit of any group above holds too. In a container the path may be the host's, of which only the root shows.
        for here in (place, *place.parents):
            if controllers:
                limit, period = _read(here / "cpu.cfs_quota_us"), _read(here / "cpu.cfs_period_us")
            else:
                limit, _, period = _read(here / "cpu.max").partition(" ")
            if limit.strip().isdigit() and period.strip().isdigit() and int(period) > 0:
                least = min(least, int(limit) / int(period))
            if here == root:
                break
    return least


def default(environment: Mapping[str, str]) -> int:
    """Return how many threads there are unless the user says otherwise."""
    wish = environment.get(VARIABLE, "")
    if wish.strip().isdigit() and int(wish) > 0:
        return int(wish)
    available = min(_affinity(), quota())
    return max(1, -int(-available // 1))  # of two and a half processors' time three threads make most


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
    if INSTRUCTIONS:
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
    return library.get_threads() if INSTRUCTIONS else 1


def share(ufunc: np.ufunc, least: int) -> None:
    """Let large calls of a ufunc on float32 and float64 be shared by threads.

    Args:
        ufunc: NumPy's, or another's; of a generalized one, the loop dimensions are cut.
        least: elements of a part; what has fewer than twice as many stays with the calling thread.
    """
    if INSTRUCTIONS:
        library.share(ufunc, least)


set_threads(default(os.environ))
if get_threads() > 1:
    for _kernel in KERNELS.values():
        share(_kernel, _KERNEL_LEAST)
    library.share_products(np.matmul, OPENBLAS)
