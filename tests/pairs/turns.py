"""Two sides that take turns, and the verdict.

A pair is a short run of one side and one of the other; which comes first changes from pair to pair. Noise of other
programs falls on both sides alike: each is the slower one in half of the pairs. So one side is slower if it is in 30 of
40 pairs, which chance brings once in 900 times, and if the median of the ratios is above 1.03. What makes a process
slow for its whole life, such as where its memory lies, falls on one side alone: so a side that is slower is measured
again in new processes, and has to be so each time.

The time is that of the processors, which other programs take no part in but by the caches; it has what a thread of BLAS
takes that turns and waits, too. With two threads that of the clock counts as well, and one of both is enough to be
slower: work that is no longer shared takes no more of the processors, and users wait for it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "counts" / "programs.py"
PAIRS = 40
SLOWER = 30  # of the pairs
MEDIAN = 1.03
TIMES = 3  # that a side has to be slower, each in processes of its own


class Failure(Exception):
    """What a worker says that cannot do what it is asked for."""


class Worker:
    """A process with the packages of a folder, and a number of threads."""

    def __init__(self, folder: Path = ROOT, threads: int = 1, native: str = "") -> None:
        numbers = {f"{kind}_NUM_THREADS": str(threads) for kind in ("OPENBLAS", "OMP", "AUTOGRAD_LITE")}
        left = {k: v for k, v in os.environ.items() if k not in ("AUTOGRAD_LITE_NATIVE", "PYTHONPATH")}
        env = left | numbers | ({"AUTOGRAD_LITE_NATIVE": native} if native else {})
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder), str(PROGRAMS)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()
        self._process.wait()

    def ask(self, line: str) -> dict[str, Any]:
        """Return the answer to a line."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(said) if said else {"error": "the process ended"}
        if "error" in answer:
            raise Failure(f"{line}: {answer['error']}")
        return answer


class Side(NamedTuple):
    """A way to run a program, in a worker."""

    worker: Worker
    way: str

    def prepare(self, name: str) -> int:
        """Warm the program up, and return how many calls make a run."""
        return int(self.worker.ask(f"{name} {self.way}")["calls"])

    def seconds(self, name: str, n: int) -> dict[str, float]:
        """Return the time of a call, of n in a run, by clock."""
        return self.worker.ask(f"{name} {self.way} {n}")


class Ratios(NamedTuple):
    """The ratios of pairs, of the side that must not be slower to the other."""

    values: Sequence[float]

    @property
    def slower(self) -> int:
        """In how many pairs it was slower."""
        return sum(ratio > 1 for ratio in self.values)

    @property
    def median(self) -> float:
        """The median of all."""
        return statistics.median(self.values)

    @property
    def is_slower(self) -> bool:
        """The verdict."""
        return self.slower >= SLOWER and self.median > MEDIAN

    @property
    def is_open(self) -> bool:
        """Whether further pairs can change the verdict."""
        return len(self.values) < PAIRS and len(self.values) - self.slower <= PAIRS - SLOWER

    def __str__(self) -> str:
        return f"{self.median:.2f}, slower in {self.slower} of {len(self.values)}"


class Found(NamedTuple):
    """What pairs have shown, for each clock."""

    clocks: Mapping[str, Ratios]

    @property
    def is_slower(self) -> bool:
        """Whether one clock says so."""
        return any(ratios.is_slower for ratios in self.clocks.values())

    def __str__(self) -> str:
        return " and ".join(f"{ratios} by {clock} time" for clock, ratios in self.clocks.items())


def pairs(name: str, ours: Side, other: Side, clocks: Sequence[str]) -> Found:
    """Let two sides take turns until the verdict is certain."""
    n = max(side.prepare(name) for side in (ours, other))
    values: dict[str, list[float]] = {clock: [] for clock in clocks}
    for k in range(PAIRS):
        turn = (ours, other) if k % 2 else (other, ours)
        seconds = {side: side.seconds(name, n) for side in turn}
        for clock, ratios in values.items():
            ratios.append(seconds[ours][clock] / seconds[other][clock])
        found = Found({clock: Ratios(tuple(ratios)) for clock, ratios in values.items()})
        if not any(ratios.is_open for ratios in found.clocks.values()):
            break
    return found


class Race(NamedTuple):
    """What must not be slower than what.

    Attributes:
        ours, other: what makes the worker of each side, and its way; one worker serves both if `other` has none.
        threads: of both.
    """

    ours: tuple[Callable[[], Worker], str]
    other: tuple[Callable[[], Worker] | None, str]
    threads: int = 1

    @property
    def clocks(self) -> tuple[str, ...]:
        """What is compared: see above."""
        return ("process",) if self.threads == 1 else ("process", "wall")

    @contextmanager
    def sides(self) -> Iterator[tuple[Side, Side]]:
        """Start new workers."""
        with ExitStack() as stack:
            worker = stack.enter_context(self.ours[0]())
            make = self.other[0]
            against = worker if make is None else stack.enter_context(make())
            yield Side(worker, self.ours[1]), Side(against, self.other[1])

    def run(self, names: Sequence[str]) -> Mapping[str, list[Found]]:
        """Return what pairs have shown of each program; several if the first said that it is slower."""
        found: dict[str, list[Found]] = {}
        for _ in range(TIMES):
            again = [name for name in names if all(one.is_slower for one in found.get(name, []))]
            if not again:
                break
            with self.sides() as (ours, other):
                for name in again:
                    found.setdefault(name, []).append(pairs(name, ours, other, self.clocks))
        return found


def slower(found: Mapping[str, list[Found]]) -> dict[str, str]:
    """Return the programs that are slower, each time."""
    return {
        name: "; ".join(map(str, each)) for name, each in found.items() if len(each) == TIMES and each[-1].is_slower
    }
