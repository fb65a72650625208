"""`python -m tests.nn.distributed.measured`: the figures of docs/guides/nn/distributed_faults.md, on this machine.

It prints the seconds from a fault of rank 1 to the end of the last process of the job, the least of three runs, and the
processor time that the thread of the watch takes of a training.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from .jobs import FAULTY, MPIEXEC, RUN, done

FAULTS = {
    "raise": "raises",
    "exit": "calls `sys.exit(3)`",
    "kill": "is killed (SIGKILL)",
    "shrink": "its memory map's file is cut short",
    "open": "its data file is gone when it is opened",
    "stop": "is stopped (SIGSTOP)",
}
STEPS = """
import threading, time
import numpy as np
import nn
from nn import distributed

comm = distributed.init()
x, y = np.ones((12800, 784), np.float32), np.zeros(12800)
model = nn.Sequential([nn.layers.Dense(64, "relu", input_shape=(784,)), nn.layers.Dense(10)])
model.compile("adam", "sparse_categorical_crossentropy")
begun, steps = time.perf_counter(), 0
while comm.all_gather(time.perf_counter() - begun < 10)[0]:
    model.fit(x, y, batch_size=256, verbose=0, distributed=True)
    steps += 50
wall = time.perf_counter() - begun
watch = next(t for t in threading.enumerate() if t.name == "nn.distributed: watch")
used = time.clock_gettime(time.pthread_getcpuclockid(watch.ident))
if comm.rank == 0:
    print(wall / steps * 1e6, used / steps * 1e6, used / wall * 100)
"""


def seconds(fault: str, n: int) -> float:
    """Return how long a job goes on after a fault."""
    with tempfile.TemporaryDirectory() as name:
        done([*RUN, "-n", str(n), FAULTY, name, fault], timeout=60)
        return time.time() - float((Path(name) / "met").read_text())


def watch_cost(n: int) -> tuple[float, ...]:
    """Return the microseconds of a step, those of the watch in it, and the percent of a core that it takes."""
    return tuple(map(float, done([MPIEXEC, "-n", str(n), sys.executable, "-c", STEPS], timeout=120).out.split()))


def main() -> None:
    print("| rank 1 … | 2 ranks | 4 ranks |\n|---|---|---|")
    for fault, words in FAULTS.items():
        print(f"| {words} | " + " | ".join(f"{min(seconds(fault, n) for _ in range(3)):.1f} s" for n in (2, 4)) + " |")
    for n in (2, 4):
        step, used, percent = watch_cost(n)
        print(f"{n} ranks: a step {step:.0f} µs, of which the watch {used:.2f} µs, or {percent:.3f} % of a core")


if __name__ == "__main__":
    main()
