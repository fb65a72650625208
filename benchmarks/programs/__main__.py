"""The race: `python -m benchmarks.programs [NAME ...] [--rounds 7] [--threads 1] [--json FILE]`.

Each library has a process of its own, and they take turns. A table has, for each program, the median time of a call
compiled by us and its ratio to `jax.jit`'s with quartiles, the ratio to our eager call, the first call beside JAX's,
and the memory that the first call took beyond what the process had.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import machine

from . import PROGRAMS

_MEDIAN, _MOST, _FIRST = 1.0, 2.0, 0.3  # of JAX's times: in the median, at most, and of first calls
_ROOT = Path(__file__).resolve().parents[2]


class Library:
    """A process that serves one library."""

    def __init__(self, name: str, threads: int) -> None:
        numbers = {f"{kind}_NUM_THREADS": str(threads) for kind in ("OPENBLAS", "OMP", "MKL", "AUTOGRAD_LITE")}
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" if threads == 1 else ""
        command = [sys.executable, "-m", "benchmarks.programs.worker", name]
        env = {**os.environ, **numbers, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=_ROOT, env=env
        )

    def ask(self, name: str, what: str) -> dict[str, Any]:
        """Return the answer to one line."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{name} {what}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process ended"}
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def race(names: list[str], rounds: int, threads: int) -> dict[str, dict[str, Any]]:
    """Return what was measured of each program."""
    sides = {name: Library(name, threads) for name in ("ours", "jax") if name == "ours" or find_spec("jax")}
    rows: dict[str, dict[str, Any]] = {}
    try:
        for name in names:
            row: dict[str, Any] = {"kind": PROGRAMS[name].kind}
            rows[name] = row
            for side, library in sides.items():
                row[f"{side} first"] = answer = library.ask(name, "first")
                if "error" in answer:
                    row["error"] = f"{side}: {answer['error']}"
            if "error" in row:
                continue
            values = {side: library.ask(name, "values") for side, library in sides.items()}
            row["differs"] = _difference(values)
            ways = [(side, "compiled") for side in sides] + [("ours", "eager")]
            times: dict[str, list[float]] = {f"{side} {what}": [] for side, what in ways}
            for k in range(rounds):
                for side, what in ways[k % len(ways) :] + ways[: k % len(ways)]:
                    answer = sides[side].ask(name, what)
                    if "error" in answer:
                        row["error"] = f"{side}, {what}: {answer['error']}"
                    else:
                        times[f"{side} {what}"].append(answer["seconds"])
            row["times"] = times
    finally:
        for library in sides.values():
            library.close()
    return rows


def _difference(values: dict[str, Any]) -> str:
    """Return how far both results are from each other, relative to their scale; or an error."""
    for side, answer in values.items():
        if "error" in answer:
            return f"{side}: {answer['error']}"
    if len(values) < 2:
        return ""
    gaps = []
    for a, b in zip(values["ours"]["values"], values["jax"]["values"], strict=True):
        x, y = np.asarray(a), np.asarray(b)
        gaps.append(float(np.max(np.abs(x - y)) / max(1e-12, float(np.max(np.abs(y))))))
    return f"{max(gaps):.0e}" if max(gaps) > 1e-6 else ""


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return the table as text."""
    heads = {"ours, ms": 10, "/ JAX": 8, "quartiles": 14, "/ eager": 9, "first, ms": 11, "of JAX": 8, "MB": 6}
    lines = [f"{'program':18}" + "".join([f"{head:>{width}}" for head, width in heads.items()])]
    ratios, firsts = [], []
    for name, row in rows.items():
        times = row.get("times", {})
        mine, theirs, eager = (times.get(key, []) for key in ("ours compiled", "jax compiled", "ours eager"))
        if row.get("error") or not mine:
            lines.append(f"{name:18} {row.get('error') or row['differs']}")
            continue
        text = f"{name:18}{statistics.median(mine) * 1e3:10.3f}"
        first = row["ours first"]
        if theirs:
            each = sorted(a / b for a, b in zip(mine, theirs, strict=False))
            ratios.append(statistics.median(each))
            low, high = each[len(each) // 4], each[-1 - len(each) // 4]
            text += f"{ratios[-1]:8.2f}{f'{low:.2f} to {high:.2f}':>14}"
            firsts.append(first["seconds"] / row["jax first"]["seconds"])
        else:
            text += f"{'':22}"
        text += f"{statistics.median(a / b for a, b in zip(mine, eager, strict=False)):9.2f}"
        text += f"{first['seconds'] * 1e3:11.1f}" + (f"{firsts[-1]:8.2f}" if theirs else f"{'':8}")
        note = f"  differs by {row['differs']}" if row["differs"] else ""
        lines.append(f"{text}{first['kilobytes'] / 1024:6.0f}{note}")
    if ratios:
        lines.append(
            f"median of JAX's time: {statistics.median(ratios):.2f} (goal {_MEDIAN}), at most {max(ratios):.1f} "
            f"(goal {_MOST}); of its first call: {statistics.median(firsts):.2f} (goal {_FIRST})"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the race and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.programs")
    parser.add_argument("names", nargs="*", choices=[[], *PROGRAMS])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    about = machine()
    print(", ".join(f"{key}: {about[key]}" for key in ("cpu", "instruction set") if key in about), flush=True)
    rows = race(options.names or list(PROGRAMS), options.rounds, options.threads)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({"machine": about, "threads": options.threads, "programs": rows}, indent=1))


main()
