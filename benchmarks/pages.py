"""The pages and pictures that show results: `python -m benchmarks.pages` writes them, from the newest files."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import plots, readme
from benchmarks.history import RESULTS
from benchmarks.report import ROOT, short

SPEED = ROOT / "docs" / "explanation" / "speed.md"
COMPILE = ROOT / "docs" / "guides" / "compile.md"
WHICH = ROOT / "docs" / "guides" / "which_tool.md"
# The rows of the guide to `compile`: where most of the time is Python's come first.
GUIDE = ("logistic", "rosenbrock_100", "lotka_volterra", "kalman_filter", "tiny_mlp", "mlp_step", "cnn_step")
HEAD = "| work | eager, ms | compiled, ms | times as fast |"
RULE = "|---|---:|---:|---:|"
SLOWER = "| slower than a peer | peer | time, ours / theirs | quartiles |"
PAGE = """\
# Speed

This page compares the speed of `autograd_lite` with that of other libraries, and tells how regressions are caught.
[Native kernels](native.md), [fused code](fused_code.md) and [threads](threads.md) explain where the speed comes from,
[compile](../guides/compile.md) what to do about slow code, and [which tool for what](../guides/which_tool.md) when
another library is the better choice.

## Networks and scientific computing

A bar that ends left of 1 means that we are faster. The numbers, the method and the commands are in
`benchmarks/README.md`.

![Bars: networks, optimizers and scientific computing beside PyTorch, JAX and CasADi](../images/speed.svg)

## Programs of the literature

{of_programs}

## How to see it

What a compiled function will do is text, a call a line, with the lines of yours that asked for it:

```python
import numpy as np
import autograd_lite as ag

slope = ag.compile(ag.grad(lambda x: np.sum(x**3 * np.sin(x))))
for _ in range(2):
    slope(np.linspace(0.0, 1.0, 5))
assert "multiply" in slope.source()
```

## What keeps it

{of_pairs}
"""
OF_PROGRAMS = """\
![Bars: programs of the literature beside jax.jit and beside eager code](../images/programs.svg)

Nothing was tuned for these programs. Each is written once, as the literature writes it, with NumPy's names, and runs
here under `ag.compile` and in JAX under `jit`, in double precision: `python -m benchmarks.programs`. Ratios are of
times, ours / theirs, with quartiles over the rounds. The machine of
[the run](../../benchmarks/results/{name}):
{machine}.

| program | kind | compiled, ms | / JAX | quartiles | / eager | first call, ms | / JAX's |
|---|---|---:|---:|---|---:|---:|---:|
{rows}

The median is {median} of JAX's time, and {first} of the time of its first call."""
OF_PAIRS = """\
- **Counts**: calls of functions in a backward pass or a replay, modules that an import loads, operations and memory
  of plans, instructions of kernels. They are the same in every run, so a test compares them with a table.
- **Pairs**: short runs of two ways to compute take turns. Who is slower in 30 of 40, with a median ratio above 1.03,
  and is so in three sets of new processes, is slower. So are compared compiled and eager code, with one thread and
  two, kernels and none, and a commit and the one before it.
{measured}"""
MEASURED = """\

That pairs do not accuse the innocent was tried where other programs used the same processors
([all ratios](../../benchmarks/results/{name})), on
{machine}:
in {races} races of ten programs each, {slower} of {verdicts} verdicts were "slower"; {same} of the races were of a
commit against itself. With a tenth more of the time in each call, all verdicts were."""


def newest(part: str, folder: Path = RESULTS) -> Path | None:
    """Return the newest file of results of a kind, by its name."""
    found = [path for path in folder.glob("*.json") if re.fullmatch(rf"\d{{4}}-\d\d{part}", path.stem)]
    return max(found, key=lambda path: path.stem, default=None)


def read(path: Path) -> Any:
    """Return what a file has."""
    return json.loads(path.read_text(encoding="utf-8"))


def program_rows(programs: Mapping[str, Any]) -> tuple[list[str], list[float], list[float]]:
    """Return a line for each program, and the ratios to JAX of times and of first calls."""
    lines, ratios, firsts = [], [], []
    for name, row in programs.items():
        times = row.get("times", {})
        mine, eager, jax = (times.get(key, []) for key in ("ours compiled", "ours eager", "jax compiled"))
        if row.get("error") or not mine:
            lines.append(f"| {name} | {row['kind']} | {row.get('error', '')} | | | | | |")
            continue
        first = row["ours first"]["seconds"]
        beside = ["", "", ""]
        if jax:
            each = [a / b for a, b in zip(mine, jax, strict=True)]
            low, middle, high = statistics.quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3
            ratios.append(middle)
            firsts.append(first / row["jax first"]["seconds"])
            beside = [short(middle), f"{short(low)} to {short(high)}", short(firsts[-1])]
        of_eager = statistics.median(a / b for a, b in zip(mine, eager, strict=True))
        cells = [
            short(1e3 * statistics.median(mine)),
            beside[0],
            beside[1],
            short(of_eager),
            short(1e3 * first),
            beside[2],
        ]
        lines.append("| " + " | ".join([name.replace("_", " "), row["kind"], *cells]) + " |")
    return lines, ratios, firsts


def machine_of(results: Mapping[str, Any]) -> str:
    """Return what was measured where, as a sentence without its stop."""
    machine = results["machine"] | ({"threads": results["threads"]} if "threads" in results else {})
    return f"{machine['cpu']}, {readme.kernels(machine)}, NumPy {machine['numpy']}{readme.where(machine)}"


def speed(programs: Path, pairs: Path | None) -> str:
    """Return the page on speed."""
    results = read(programs)
    rows, ratios, firsts = program_rows(results["programs"])
    of_programs = OF_PROGRAMS.format(
        machine=machine_of(results),
        name=programs.name,
        rows="\n".join(rows),
        median=short(statistics.median(ratios)),
        first=short(statistics.median(firsts)),
    )
    return PAGE.format(of_programs=of_programs, of_pairs=OF_PAIRS.format(measured=measured(pairs)).rstrip("\n"))


def measured(pairs: Path | None) -> str:
    """Return what runs of pairs have shown, if there is a file of them."""
    if pairs is None:
        return ""
    results = read(pairs)
    rows: Sequence[Mapping[str, Any]] = results["races"]
    return MEASURED.format(
        name=pairs.name,
        machine=machine_of(results),
        races=len(rows),
        same=sum(row["race"].startswith("this") for row in rows),
        slower=sum(len(row["slower"]) for row in rows) or "none",
        verdicts=sum(len(row["ratios"]) for row in rows),
    )


def guide_rows(results: Mapping[str, Any]) -> str:
    """Return the table of the guide to `compile`."""
    lines = [HEAD, RULE]
    for name in GUIDE:
        case = results["cases"][name]
        eager, compiled = (
            case["contenders"][who]["spread"]["time"]["median"] for who in (readme.EAGER, readme.COMPILED)
        )
        times = float(f"{eager / compiled:.2g}")
        lines.append(f"| {readme.ROWS[name]} | {short(eager)} | {short(compiled)} | {short(times)} |")
    return "\n".join(lines)


def slower_rows(results: Mapping[str, Any], programs: Mapping[str, Any]) -> str:
    """Return the table of the benchmarks and programs in which compiled code takes longer than a peer."""
    speed, literature = plots.speed(results), plots.programs(programs)
    compiled = [("PyTorch", speed, speed.panels[0][1][1]), *((one.name, speed, one) for one in speed.panels[1][1])]
    compiled += [("JAX, jit", literature, literature.panels[0][1][0])]
    rows = [
        (ratio, label if plot is speed else f"{label}, a program of the literature", peer)
        for peer, plot, series in compiled
        for label, ratio in zip(plot.labels, series.ratios, strict=True)
        if ratio
    ]
    slower = sorted((row for row in rows if row[0].median > 1), key=lambda row: -row[0].median)
    lines = [f"| {text} | {peer} | {short(r.median)} | {short(r.low)} to {short(r.high)} |" for r, text, peer in slower]
    return "\n".join(
        [SLOWER, "|---|---|---:|---|", *lines, f"| {len(rows) - len(slower)} other comparisons | | below 1 | |"]
    )


def with_rows(page: str, table: str) -> str:
    """Return a guide with another table in the place of the one with this head."""
    head = table.partition("\n")[0]
    before, _, rest = page.partition(head)
    return before + table + "\n\n" + rest.partition("\n\n")[2]


def write(rows: Path, second: Path, programs: Path, pairs: Path | None) -> None:
    """Write all pages and pictures, from files of results."""
    results, of_programs = read(rows), read(programs)
    literature = readme.literature(program_rows(of_programs["programs"])[1], programs.name)
    long = readme.section(results, rows.name, read(second), second.name)
    readme.write(readme.brief(results, rows.name, literature), long)
    for page, table in ((COMPILE, guide_rows(results)), (WHICH, slower_rows(results, of_programs))):
        page.write_text(with_rows(page.read_text(encoding="utf-8"), table), encoding="utf-8")
    SPEED.write_text(speed(programs, pairs), encoding="utf-8")
    plots.write([plots.speed(results), plots.programs(of_programs)])


def main() -> None:
    """Write them from the newest files."""
    rows, second, programs = (newest(f"-{part}") for part in ("rows", "second", "programs"))
    if rows is None or second is None or programs is None:
        raise FileNotFoundError("python -m benchmarks.pages: expected results of `python -m benchmarks.publish`")
    write(rows, second, programs, newest("-pairs"))


if __name__ == "__main__":
    main()
