"""What has become slower than the committed results: `python -m benchmarks.history FILE`; runs of goals end with it.

Results are comparable if they are of the same processor, instructions and numbers of threads. Each case is compared
with the newest file that has it, by the ratio to a contender that is not ours, so that the machine's own pace cancels:
the frozen code in NumPy where it takes part, else another library of the same version, else by the time alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cases import CONTENDERS, OURS
from benchmarks.report import ROOT, Spread, aligned, short

RESULTS = ROOT / "benchmarks" / "results"
_SAME = ("cpu", "usable cores", "instruction set", "native kernels", "threads", "thread variables")
_FLOORS = ("numpy", "torch", "jax", "casadi")
_SLOWER = 1.05  # the median, and the quartiles are apart


class Change(NamedTuple):
    """A number of a case, then and now.

    Attributes:
        case, who: the case, and which of ours.
        beside: the contender that both are divided by; empty if they are times.
        then, now: the numbers.
        commit: of then.
    """

    case: str
    who: str
    beside: str
    then: Spread
    now: Spread
    commit: str

    @property
    def is_slower(self) -> bool:
        """Whether it is more than chance and a twentieth."""
        return self.now.median > _SLOWER * self.then.median and self.now.low > self.then.high


def comparable(results: Mapping[str, Any], folder: Path = RESULTS) -> Iterator[Mapping[str, Any]]:
    """Yield the committed results of the same machine, the newest first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    machine = results["machine"]
    same = [
        one
        for one in found
        if isinstance(one, dict) and "cases" in one and all(one["machine"].get(k) == machine[k] for k in _SAME)
    ]
    yield from sorted(same, key=lambda one: one["machine"]["date"], reverse=True)


def changes(results: Mapping[str, Any], folder: Path = RESULTS) -> Iterator[Change]:
    """Yield what was measured then as well."""
    older = [one for one in comparable(results, folder) if one["machine"]["date"] != results["machine"]["date"]]
    for name, case in results["cases"].items():
        then = next((one for one in older if name in one["cases"]), None)
        if then is None:
            continue
        before = then["cases"][name]
        for who in OURS:
            beside = next((peer for peer in _FLOORS if _is_same(before, case, peer)), "")
            a, b = (_number(one, who, beside) for one in (before, case))
            if a and b:
                yield Change(name, who, beside, a, b, then["machine"].get("commit", "") or then["machine"]["date"][:10])


def _is_same(before: Mapping[str, Any], now: Mapping[str, Any], peer: str) -> bool:
    a, b = (case["contenders"].get(peer) for case in (before, now))
    return a is not None and b is not None and a.get("version") == b.get("version")


def _number(case: Mapping[str, Any], who: str, beside: str) -> Spread | None:
    if beside:
        spread = case["ratios"].get(who, {}).get(beside)
    else:
        spread = case["contenders"].get(who, {}).get("spread", {}).get("time")
    return Spread(**spread) if spread else None


def table(results: Mapping[str, Any], folder: Path = RESULTS) -> str:
    """Return what became slower, as text."""
    found = list(changes(results, folder))
    if not found:
        return "There are no committed results of this processor, these instructions and threads to compare with."
    slower = [one for one in found if one.is_slower]
    rows = [["slower than committed", "what", "then", "now", "now / then", "then was"]]
    for one in slower:
        what = f"{one.who} / {one.beside}" if one.beside else f"{one.who}, time"
        ratio = short(one.now.median / one.then.median)
        rows.append([one.case, what, str(one.then), str(one.now), ratio, one.commit])
    said = f"  {len(slower)} of {len(found)} numbers are larger than in the committed results"
    return "\n".join([*(aligned(rows) if slower else []), said])


assert set(_FLOORS) <= CONTENDERS.keys()

if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
