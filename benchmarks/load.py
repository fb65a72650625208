"""How busy the rest of the machine is: sampled between rounds, when every contender rests."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
BUSY = 0.3  # cores in use by others above which results are not to be trusted


def rest(seconds: float) -> float | None:
    """Sleeps, and returns how many cores were in use during the second half, or None where the system does not tell."""
    time.sleep(seconds / 2)  # threads of the last contender may spin for a while before they sleep
    before, start = used(), time.perf_counter()
    time.sleep(seconds / 2)
    after, end = used(), time.perf_counter()
    return None if before is None or after is None else (after - before) / (end - start)


def used() -> float | None:
    """CPU seconds that all cores together have worked since the system started, on Linux."""
    if not STAT.exists():
        return None
    user, nice, system, _idle, _iowait, *interrupts = STAT.read_text().splitlines()[0].split()[1:9]
    return sum(map(int, (user, nice, system, *interrupts))) / os.sysconf("SC_CLK_TCK")
