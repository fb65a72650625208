"""A process that times the ten programs with the packages of one folder: `python worker.py FOLDER PROGRAMS`.

It answers each line of standard input with a line of JSON. The lines are `NAME WAY`, upon which a program is made and
warmed up, and `NAME WAY N`, which times N calls of it. The ways are eager, compiled, and slowed, which is compiled and
takes a tenth longer.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

_WARM = 5  # calls after which a function is replayed
_ENOUGH = 0.001  # seconds of a run
_RUNS = 3  # of which the shortest counts
_SLOWED = 0.1  # of the time of a call


def _programs(path: str) -> dict[str, Any]:
    spec: Any = importlib.util.spec_from_file_location("programs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PROGRAMS


def _call(make: Any, way: str) -> Callable[[], Any]:
    import autograd_lite as ag

    f, arguments = make()
    if way == "eager":
        return lambda: f(*arguments)
    compiled = ag.compile(f)
    if way == "compiled":
        return lambda: compiled(*arguments)
    for _ in range(_WARM):
        compiled(*arguments)
    more = _SLOWED * min(_times(lambda: compiled(*arguments), 5)["process"] for _ in range(5))

    def slowed() -> Any:
        out = compiled(*arguments)
        end = time.process_time() + more
        while time.process_time() < end:
            pass
        return out

    return slowed


def _times(call: Callable[[], Any], n: int) -> dict[str, float]:
    """Return the seconds of a call: of the processors that this process had, and on the clock."""
    wall, process = time.perf_counter(), time.process_time()
    for _ in range(n):
        call()
    return {"process": (time.process_time() - process) / n, "wall": (time.perf_counter() - wall) / n}


def _shortest(call: Callable[[], Any], n: int) -> dict[str, float]:
    call()  # whose memory another process has taken from the caches
    runs = [_times(call, n) for _ in range(_RUNS)]
    return {clock: min(run[clock] for run in runs) for clock in runs[0]}


def main(folder: str, programs: str) -> None:
    """Serve the lines of standard input."""
    sys.path.insert(0, folder)
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    makers, calls = _programs(programs), {}
    gc.disable()
    for line in sys.stdin:
        name, way, *numbers = line.split()
        try:
            if numbers:
                answer: dict[str, Any] = _shortest(calls[name, way], int(numbers[0]))
            else:
                calls[name, way] = call = _call(makers[name], way)
                for _ in range(_WARM):
                    call()
                gc.collect()
                answer = {"calls": max(1, round(_ENOUGH / min(_times(call, 1)["wall"] for _ in range(5))))}
        except Exception as error:  # an older version may lack what a program takes
            answer = {"error": f"{type(error).__name__}: {error}".partition("\n")[0][:200]}
        channel.write(json.dumps(answer) + "\n")
        channel.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
