"""Training by one and by two ranks, measured by turns: `python -m benchmarks.distributed [CASE ...] [--rounds 3]`.

On one machine the ranks share its memory; `--gigabits 1 10` makes two hosts of it, joined by links of these speeds (as
the superuser, on Linux). Each rank computes with one thread. Strong scaling divides one batch among the ranks, weak
scaling gives each rank as many rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.distributed.hosts import Hosts, NoHosts, two_hosts
from benchmarks.distributed.model import Link, fastest, network, step
from benchmarks.distributed.worker import Case
from benchmarks.load import rest

MPIEXEC = os.fspath(Path(sys.executable).with_name("mpiexec"))
CASES = {"mlp": Case("mlp", 256, 40), "cnn": Case("cnn", 64, 20), "large": Case("large", 256, 5)}
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "AUTOGRAD_LITE_NUM_THREADS"), "1")


def run(case: Case, ranks: int, hosts: Hosts | None = None) -> dict[str, Any]:
    """Measure one case."""
    start = [MPIEXEC, "-n", str(ranks)] if hosts is None else hosts.command(MPIEXEC)
    settings = {**os.environ, **_ONE_THREAD, **({} if hosts is None else hosts.environment)}
    command = [*start, sys.executable, "-m", "benchmarks.distributed.worker", json.dumps(case._asdict())]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"{case} on {ranks} ranks: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def variants(case: Case, gigabits: list[float]) -> Iterator[tuple[str, Case, int, float]]:
    """Yield what is compared: a name, what is trained, the ranks, the link, which is 0 for memory."""
    if not gigabits:
        yield "one rank", case, 1, 0
        yield "one rank, half the batch", case._replace(batch=case.batch // 2), 1, 0
        yield "two ranks, strong", case, 2, 0
        yield "two ranks, strong, sent after the pass", case._replace(overlaps=False), 2, 0
        yield "two ranks, weak", case._replace(batch=case.batch * 2), 2, 0
    for speed in gigabits:
        yield f"{speed:g} Gbit/s", case, 2, speed
        yield f"{speed:g} Gbit/s, sent after the pass", case._replace(overlaps=False), 2, speed
        yield f"{speed:g} Gbit/s, float16", case._replace(compression="float16"), 2, speed


@contextmanager
def _hosts(gigabits: list[float]) -> Iterator[Hosts | None]:
    if not gigabits:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, two_hosts(Path(folder)) as hosts:
        yield hosts


def measure(names: list[str], gigabits: list[float], rounds: int) -> list[dict[str, Any]]:
    """Run all variants by turns, and return for each the medians over the rounds."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with _hosts(gigabits) as hosts:
        for _ in range(rounds):
            for name in names:
                for variant, case, ranks, speed in variants(CASES[name], gigabits):
                    if hosts is not None:
                        hosts.limit(speed)
                    busy = rest(0.4)
                    result = run(case, ranks, hosts)
                    found.setdefault((name, variant), []).append({**result, "busy": busy})
    rows = []
    for (name, variant), results in found.items():
        steps = sorted(r["step_ms"] for r in results)
        medians = {key: median(r[key] for r in results) for key in ("step_ms", "wait_ms")}
        spread = {"from_ms": steps[0], "to_ms": steps[-1], "busy": max(r["busy"] or 0.0 for r in results)}
        rows.append({**results[0], **medians, **spread, "case": name, "variant": variant})
    return rows


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| model | how | MB a step | ms a step (from - to) | waiting | rows a second, of one rank |"
    yield "|---|---|---|---|---|---|"
    alone = {row["case"]: row["batch"] / row["step_ms"] for row in rows if row["variant"] == "one rank"}
    for row in rows:
        share, batches = row["wait_ms"] / row["step_ms"], row["batch"] / row["step_ms"]
        speed = f"{batches / alone[row['case']]:.2f}" if row["case"] in alone else ""
        times = f"{row['step_ms']:.1f} ({row['from_ms']:.1f} - {row['to_ms']:.1f})"
        yield f"| {row['case']} | {row['variant']} | {row['megabytes']:.1f} | {times} | {share:.0%} | {speed} |"


def predicted(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what the model says of larger clusters, from one rank's arithmetic; see `benchmarks.distributed.model`."""
    yield "| model | link | ranks | ms a step | sending | waiting | efficiency, weak |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        if row["variant"] != "one rank":
            continue
        two = next(r for r in rows if r["case"] == row["case"] and r["ranks"] == 2)
        buckets = [two["megabytes"] * 1e6 / two["buckets"]] * two["buckets"]
        for gigabits in (10, 100):
            for ranks in (64, 1024):
                whole, sending, waiting = step(row["step_ms"] / 1e3, buckets, ranks, network(gigabits))
                yield (
                    f"| {row['case']} | {gigabits} Gbit/s | {ranks:,} | {whole * 1e3:.1f} | {sending * 1e3:.1f} ms | "
                    f"{waiting / whole:.0%} | {row['step_ms'] / 1e3 / whole:.0%} |"
                )
            good, best = fastest(64 * row["step_ms"] / 1e3, buckets, network(gigabits))
            pays = f"64 such batches as one: pays to {good:,}, fastest at {best:,}"
            yield f"| {row['case']} | {gigabits} Gbit/s | {pays} | | | | |"


def checked(rows: list[dict[str, Any]], compute: dict[str, float]) -> Iterator[str]:
    """Yield what the model says of the measured links, beside what was measured."""
    yield "| model | link | measured | the model, without overlap | the model, with all of it |"
    yield "|---|---|---|---|---|"
    for row in rows:
        gigabits = float(row["variant"].partition(" ")[0])
        buckets = [row["megabytes"] * 1e6 / row["buckets"]] * row["buckets"]
        link = Link(latency=60e-6, bandwidth=gigabits * 1e9 / 8, addition=2e9)
        never, always = (step(compute[row["case"]], buckets, 2, link, overlap).whole for overlap in (0.0, 1.0))
        yield (f"| {row['case']} | {row['variant']} | {row['step_ms']:.1f} | {never * 1e3:.1f} | {always * 1e3:.1f} |")


def main() -> int:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distributed")
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="CASE")
    parser.add_argument("--gigabits", type=float, nargs="+", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    names = given.cases or list(CASES)
    try:
        rows = measure(names, [], given.rounds)
        linked = measure(names, given.gigabits, given.rounds) if given.gigabits else []
    except NoHosts as error:
        sys.exit(f"benchmarks.distributed: {error}")
    halves = {row["case"]: row["step_ms"] / 1e3 for row in rows if row["variant"] == "one rank, half the batch"}
    print(*table(rows + linked), "", *predicted(rows), "", *checked(linked, halves), sep="\n")
    if given.json:
        given.json.write_text(json.dumps(rows + linked, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
