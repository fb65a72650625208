"""What the runner knows about numbers: medians with their spread, paired ratios, tables, the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.native.kernels import INSTRUCTIONS, REASON
from autograd_lite.native.threads import get_threads
from benchmarks.cases import BEFORE, CONTENDERS, Case
from benchmarks.load import BUSY

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = (
    "AUTOGRAD_LITE_NATIVE",
    "AUTOGRAD_LITE_FUSED",
    "NPY_DISABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
    "OPENBLAS_CORETYPE",
)
THREAD_VARIABLES = (*SETTINGS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS")


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of at least one value; quartiles are interpolated between the values."""
        values = list(values)
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)} to {short(self.high)})"


@dataclass
class Record:
    """All rounds of one contender on one case.

    Attributes:
        numbers: Per round, in the unit of the case; for a probe, under the name of each number.
        values: What the last round computed, as digests or plain numbers.
        info: Version of the package and thread pools of the worker.
        wrong: Names of values that differ from the reference.
    """

    numbers: dict[str, list[float]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def times(self) -> list[float]:
        """The numbers of a case that has one per round."""
        return self.numbers.get("time", [])


@dataclass
class Outcome:
    """One case after all rounds: a record per contender, a reason per missing one, cores busy between rounds."""

    case: Case
    records: dict[str, Record] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    busy: list[float] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """True if nothing failed and all values agree."""
        return not self.failed and not any(record.wrong for record in self.records.values())

    @property
    def elsewhere(self) -> float:
        """Cores that others had in use, on average over the pauses between rounds; 0 where the system does not tell."""
        return statistics.fmean(self.busy) if self.busy else 0.0


def ratio(ours: Sequence[float], peer: Sequence[float]) -> Spread:
    """The spread of ours / peer, round by round, so that a slow moment of the machine cancels."""
    return Spread.of(a / b for a, b in zip(ours, peer, strict=True))


def goal_of(case: Case, ours: str, peer: str) -> float | None:
    """The upper bound of the ratio of one of ours to a peer, or None."""
    return case.goals.get(f"{ours} / {peer}", case.goals.get(peer))


def ratios(records: Mapping[str, Record]) -> dict[str, dict[str, Spread]]:
    """For each contender of ours, its ratio to everybody else."""
    timed = {name: record.times for name, record in records.items() if record.times}
    return {
        name: {peer: ratio(times, other) for peer, other in timed.items() if peer != name}
        for name, times in timed.items()
        if CONTENDERS[name].ours
    }


def table(name: str, outcome: Outcome) -> str:
    """The results of one case as text."""
    case = outcome.case
    records = outcome.records.values()
    rounds = max((len(v) for r in records for v in r.numbers.values()), default=0)
    rows = {f", {r.info['rows']} rows" for r in records if r.info.get("rows")}
    unit = case.unit or "own numbers"
    lines = [
        f"{name}: {case.about}",
        f"  {unit}{''.join(rows)}, {rounds} round{'s' * (rounds != 1)}, median (quartiles)",
    ]
    lines += _probe_lines(outcome) if case.mode == "probe" else _time_lines(outcome)
    for who, record in outcome.records.items():
        if record.wrong:
            lines.append(f"  ! {who} DISAGREES with the reference in: {', '.join(record.wrong)}")
    lines += [f"  - {who}: {reason}" for who, reason in outcome.skipped.items()]
    lines += [f"  ! {who} FAILED: {reason}" for who, reason in outcome.failed.items()]
    if outcome.elsewhere > BUSY:
        lines.append(
            f"  ! others used {outcome.elsewhere:.1f} cores meanwhile: measure again when the machine is quiet"
        )
    return "\n".join(lines)


def _time_lines(outcome: Outcome) -> list[str]:
    case = outcome.case
    own = case.mode == "imports"  # its goals are of the numbers themselves
    against = _against(outcome)
    what = "memory" if case.mode == "peak" else "time"
    rows = [["", what, *(f"{ours} / it" for ours in against)]]
    for who, record in outcome.records.items():
        spread = Spread.of(record.times)
        bound = case.goals.get(who) if own else case.goals.get(f"{who}, {case.unit}")
        row = [who, f"{spread}{_verdict(spread.median, bound)}"]
        for ours in against:
            value = against[ours].get(who)
            row.append("" if value is None else f"{value}{_verdict(value.median, goal_of(case, ours, who))}")
        rows.append(row)
    return aligned(rows)


def _against(outcome: Outcome) -> dict[str, dict[str, Spread]]:
    """The ratios that mean something: imports of different packages are not compared."""
    found = ratios(outcome.records)
    if outcome.case.mode == "imports":
        found = {ours: {peer: s for peer, s in row.items() if peer == BEFORE} for ours, row in found.items()}
    return {ours: row for ours, row in found.items() if row}


def _probe_lines(outcome: Outcome) -> list[str]:
    rows = []
    for who, record in outcome.records.items():
        for key, values in record.numbers.items():
            spread = Spread.of(values)
            rows.append([f"{who} {key}", f"{spread}{_verdict(spread.median, outcome.case.goals.get(key))}"])
    return aligned(rows)


def _verdict(number: float, goal: float | None) -> str:
    if goal is None:
        return ""
    return f"  {'ok' if number <= goal else 'OVER'}: goal {goal:g}"


def aligned(rows: list[list[str]]) -> list[str]:
    """Lines with the cells of each column below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def short(number: float) -> str:
    """Three digits, without an exponent."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def machine() -> dict[str, Any]:
    """What the numbers depend on, without anything that names a person, a host or a path."""
    config = np.show_config(mode="dicts")
    blas, simd = config["Build Dependencies"]["blas"], config["SIMD Extensions"]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "usable cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "instruction set": [*simd["baseline"], *simd["found"]][-1],
        "native kernels": INSTRUCTIONS or f"none, {REASON}",
        "threads": get_threads(),
        "blas": {"name": blas["name"], "version": blas["version"]},
        "thread variables": {key: os.environ[key] for key in THREAD_VARIABLES if key in os.environ},
    }


def commit() -> str:
    """Return the commit whose packages are measured, with a plus if they were changed since; empty without a clone."""

    def git(*arguments: str) -> str:
        try:
            run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        except OSError:
            return ""
        return run.stdout.strip() if run.returncode == 0 else ""

    found = git("rev-parse", "--short=10", "HEAD") if (ROOT / ".git").exists() else ""
    return f"{found}+" if found and git("status", "--porcelain", "--", "autograd_lite", "nn") else found


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def as_json(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Everything that was measured, ready for `json.dump`."""
    return {"machine": machine(), "cases": {name: _case_json(outcome) for name, outcome in outcomes.items()}}


def _case_json(outcome: Outcome) -> dict[str, Any]:
    case, against = outcome.case, _against(outcome)
    return {
        "about": case.about,
        "unit": case.unit,
        "goals": dict(case.goals),
        "either": case.either,
        "beside": case.beside,
        "cores busy elsewhere": outcome.elsewhere,
        "contenders": {
            who: {
                "numbers": record.numbers,
                "spread": {key: vars(Spread.of(values)) for key, values in record.numbers.items()},
                "values": record.values,
                "wrong": record.wrong,
                **record.info,
            }
            for who, record in outcome.records.items()
        },
        "ratios": {ours: {peer: vars(s) for peer, s in row.items()} for ours, row in against.items()},
        "skipped": outcome.skipped,
        "failed": outcome.failed,
    }
