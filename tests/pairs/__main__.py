"""`python -m tests.pairs [RACE ...] [--base COMMIT] [--runs 1] [--json FILE]`: run the races and print what is slower.

A race is a part of its name, such as `eager` or `this`. With several runs, the table has in how many of them a program
was slower; none should be where nothing has changed.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import machine
from tests.counts.programs import PROGRAMS

from . import base
from .races import races
from .turns import Found, slower


def main() -> None:
    """Run the races."""
    parser = argparse.ArgumentParser(prog="python -m tests.pairs")
    parser.add_argument("races", nargs="*", metavar="RACE")
    parser.add_argument("--base", help=f"a commit, instead of {base.VARIABLE}")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="for all medians and counts, and the machine")
    options = parser.parse_args()
    if options.base:
        os.environ[base.VARIABLE] = options.base
    with tempfile.TemporaryDirectory() as folder:
        try:
            commit = base.commit()
            against = base.checkout(commit, Path(folder))
        except base.NoBase as error:
            print(f"no base: {error}")
            against = commit = None
        table = {
            name: r for name, r in races(against).items() if not options.races or any(map(name.count, options.races))
        }
        rows: list[dict[str, Any]] = []
        for run in range(options.runs):
            for name, race in table.items():
                start = time.perf_counter()
                found = race.run(list(PROGRAMS))
                seconds, red = time.perf_counter() - start, slower(found)
                print(
                    f"\n{run + 1}. {name}, {seconds:.0f} s" + (f": slower in {', '.join(red)}" if red else ""),
                    flush=True,
                )
                for program, each in found.items():
                    print(f"  {program:14} {'; '.join(map(str, each))}", flush=True)
                ratios = {p: [_numbers(one) for one in each] for p, each in found.items()}
                load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
                rows.append({"run": run + 1, "race": name, "slower": list(red), "load": load, "ratios": ratios})
                if options.json:
                    text = json.dumps({"machine": machine(), "base": commit, "races": rows})
                    options.json.write_text(text + "\n", encoding="utf-8")
    print(f"\n{sum(bool(row['slower']) for row in rows)} of {len(rows)} races say that something is slower")


def _numbers(found: Found) -> dict[str, list[float]]:
    """Return for each clock the median, in how many pairs it was slower, and how many there were."""
    return {clock: [round(r.median, 4), r.slower, len(r.values)] for clock, r in found.clocks.items()}


main()
