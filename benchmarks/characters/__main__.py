"""The runner: `python -m benchmarks.characters [NETWORK ...]`, with the options that `--help` lists.

Both libraries take the same steps, in blocks, by turns. The exit status is 1 if they do not end at the same bits per
held-out character.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.characters.task import TASKS, Task, counting_bits, read
from benchmarks.load import BUSY, rest
from benchmarks.report import Spread, machine

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = {"ours": "autograd_lite", "pytorch": "PyTorch"}
TOLERANCE = 0.02  # bits per held-out character
PAUSE = 0.1


@dataclass
class Course:
    """One library's training: bits per held-out character before it and after each block, and what each step took."""

    process: subprocess.Popen[str]
    bits: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def hear(self) -> None:
        """Takes the next message in."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"characters: a worker ended with status {self.process.wait()}; its message is above")
        message: dict[str, Any] = json.loads(line)
        self.bits.append(message["bits"])
        self.losses += message.get("losses", [])
        self.seconds += [message["seconds"]] if "seconds" in message else []

    def go(self, steps: int) -> None:
        """Takes this many steps."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        self.hear()


def begin(module: str, task: Task) -> Course:
    """Starts a library's process and waits until it is set up."""
    command = [sys.executable, "-m", "benchmarks.characters.worker", module, json.dumps(asdict(task))]
    course = Course(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT))
    course.hear()
    return course


def run(task: Task, block: int) -> dict[str, Course]:
    """Trains with both libraries, a block of steps each, the first turn moving; prints a line after each block."""
    print(f"\n{task.network}: {task}\nbits per held-out character, and milliseconds a step\n")
    print(f"{'steps':>7}{'ours':>9}{'PyTorch':>9}{'difference':>12}{'ours':>9}{'PyTorch':>9}{'ratio':>7}")
    courses = {module: begin(module, task) for module in LIBRARIES}
    busy = []
    try:
        _line(0, courses)
        for number, first in enumerate(range(0, task.steps, block)):
            for module in sorted(LIBRARIES, reverse=bool(number % 2)):
                busy.append(rest(PAUSE) or 0.0)
                courses[module].go(min(block, task.steps - first))
            _line(min(first + block, task.steps), courses)
    finally:
        for course in courses.values():
            course.process.communicate()
    if np.median(busy) > BUSY:
        print(f"while none of us was working, {np.median(busy):.1f} cores were: do not trust the times")
    return courses


def _line(steps: int, courses: dict[str, Course]) -> None:
    ours, theirs = courses["ours"], courses["pytorch"]
    line = f"{steps:>7}{ours.bits[-1]:>9.4f}{theirs.bits[-1]:>9.4f}{ours.bits[-1] - theirs.bits[-1]:>+12.6f}"
    if ours.seconds:
        a, b = 1e3 * ours.seconds[-1], 1e3 * theirs.seconds[-1]
        line += f"{a:>9.1f}{b:>9.1f}{a / b:>7.2f}"
    print(line, flush=True)


def conclusion(task: Task, courses: dict[str, Course]) -> dict[str, Any]:
    """What the training has shown, as numbers; printed as sentences."""
    ours, theirs = courses["ours"], courses["pytorch"]
    apart = np.abs(np.subtract(ours.losses, theirs.losses)) / np.log(2)
    ratio = Spread.of(a / b for a, b in zip(ours.seconds, theirs.seconds, strict=True))
    found = {
        "task": asdict(task),
        "bits": [ours.bits[-1], theirs.bits[-1]],
        "apart": abs(ours.bits[-1] - theirs.bits[-1]),
        "training_apart": {"median": float(np.median(apart)), "largest": float(apart.max())},
        "ratio": asdict(ratio),
    }
    together = np.flatnonzero(apart > 1e-3)
    print(f"\n  after {task.steps} steps {ours.bits[-1]:.3f} against {theirs.bits[-1]:.3f} bits per held-out character")
    print(
        f"  training curves apart by {np.median(apart):.1e} bits (median), {apart.max():.1e} (largest); "
        f"below 1e-3 for the first {together[0] if together.size else len(apart)} steps"
    )
    print(f"  time of a step, ours / PyTorch's: {ratio}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tasks that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(TASKS)}; by default all")
    parser.add_argument("--steps", type=int, help="steps of training")
    parser.add_argument("--block", type=int, default=50, help="steps of one turn")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the batches")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="of the weights")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    if unknown := set(options.networks) - set(TASKS):
        parser.error(f"expected networks of {', '.join(TASKS)}; received {', '.join(sorted(unknown))}")
    book = read()
    print(f"{len(book.training)} characters, {len(book.held_out)} held out, {len(book.characters)} different ones")
    for order, name in ((1, "single characters"), (2, "pairs"), (3, "threes")):
        print(f"  counting {name}: {counting_bits(book, order):.3f} bits per held-out character")
    results = []
    for name in options.networks or TASKS:
        task = replace(TASKS[name], seed=options.seed, dtype=options.dtype)
        task = task if options.steps is None else replace(task, steps=options.steps)
        results.append(conclusion(task, run(task, options.block)))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    return int(any(found["apart"] > TOLERANCE for found in results))


if __name__ == "__main__":
    sys.exit(main())
