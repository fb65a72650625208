"""The table of races: what must not be slower than what."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from .turns import Race, Worker


def races(base: Path | None) -> Mapping[str, Race]:
    """Return the races, by name.

    Args:
        base: the folder of another commit; None leaves out what is compared with it.
    """
    one, two, plain = partial(Worker, threads=1), partial(Worker, threads=2), partial(Worker, native="off")
    found = {
        "compiled / eager": Race((one, "compiled"), (None, "eager")),
        "compiled / eager, two threads": Race((two, "compiled"), (None, "eager"), threads=2),
        "kernels / none, eager": Race((one, "eager"), (plain, "eager")),
        "kernels / none, compiled": Race((one, "compiled"), (plain, "compiled")),
    }
    if base is not None:
        older = partial(Worker, base)
        found |= {
            "this / base, eager": Race((one, "eager"), (older, "eager")),
            "this / base, compiled": Race((one, "compiled"), (older, "compiled")),
            "this / base, compiled, two threads": Race(
                (two, "compiled"), (partial(older, threads=2), "compiled"), threads=2
            ),
        }
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {name: race for name, race in found.items() if race.threads <= processors}
