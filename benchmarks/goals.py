"""The table of goals: `python -m benchmarks.goals FILE` prints it for results that `--json` wrote; runs end with it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cases import BEFORE, CASES, Case
from benchmarks.report import Spread, aligned, short

_COMPILED = "autograd_lite_compiled"
_ROUNDS = 5
_LEFT_OUT = ("mygrad", "autograd", "autograd_lite_np", "jax_scan")  # which one would not take for speed


class Goal(NamedTuple):
    """One bound, and what was measured.

    Attributes:
        case: its name.
        what: "ours / peer", "contender, unit", or the name of a number.
        bound: the most that meets the goal.
        measured: what was found; None if a side of the ratio did not take part.
        beside: what is published beside it.
    """

    case: str
    what: str
    bound: float
    measured: Spread | None
    beside: str

    @property
    def is_met(self) -> bool:
        """Whether the median is within the bound."""
        return self.measured is not None and self.measured.median <= self.bound


def chosen() -> list[str]:
    """The cases that hold the compiler to something, and those that are published beside one."""
    held = [name for name, case in CASES.items() if any(_is_the_compilers(case, goal) for goal in case.goals)]
    return [name for name in CASES if name in held or any(CASES[other].beside == name for other in held)]


def _is_the_compilers(case: Case, goal: str) -> bool:
    if case.mode == "probe":
        return case.contenders == (_COMPILED,)
    return goal.startswith((f"{_COMPILED} / ", f"{_COMPILED}, ")) or goal.endswith(f" / {BEFORE}")


def choice(name: str, options: argparse.Namespace) -> argparse.Namespace:
    """What is measured of a case, as far as the options leave it open: what the compiler is compared with, briefly."""
    case = CASES[name]
    return argparse.Namespace(
        rounds=options.rounds or min(case.rounds, _ROUNDS),
        contenders=options.contenders or [who for who in case.contenders if who not in _LEFT_OUT],
        before=options.before if any(goal.endswith(f"/ {BEFORE}") for goal in case.goals) else None,
    )


def goals_in(results: Mapping[str, Any]) -> Iterator[Goal]:
    """The goals of ratios of ours, and of numbers of probes; those of a peer's name are in the table of the case."""
    for name, case in results["cases"].items():
        for what, bound in case["goals"].items():
            ours, _, peer = what.partition(" / ")
            who, _, unit = what.partition(", ")
            if peer:
                found = _ratio(case, ours, peer)
                other = _ratio(results["cases"].get(case["beside"]), ours, peer)
                yield Goal(name, what, bound, found, f"{other} in {case['beside']}" if other else "")
            elif unit and unit == case["unit"]:
                times = case["contenders"].get(who, {}).get("spread", {}).get("time", {})
                yield Goal(name, what, bound, Spread(**times) if times else None, "")
            elif spreads := [who["spread"][what] for who in case["contenders"].values() if what in who["spread"]]:
                yield Goal(name, what, bound, Spread(**spreads[0]), "")


def _ratio(case: Mapping[str, Any] | None, ours: str, peer: str) -> Spread | None:
    spread = {} if case is None else case["ratios"].get(ours, {}).get(peer, {})
    return Spread(**spread) if spread else None


def table(results: Mapping[str, Any]) -> str:
    """Each goal with what was measured, as text; of a case's goals that are joined by "or", one is enough."""
    goals = list(goals_in(results))
    enough = {goal.case for goal in goals if goal.is_met and results["cases"][goal.case]["either"]}
    rows = [["case", "what", "goal", "measured, median (quartiles)", "", "beside it"]]
    for goal in goals:
        verdict = "met" if goal.is_met else "not measured" if goal.measured is None else "MISSED"
        if verdict != "met" and goal.case in enough:
            verdict = "the other is met"
        rows.append([goal.case, goal.what, short(goal.bound), str(goal.measured or ""), verdict, goal.beside])
    missed = [row for row in rows[1:] if row[4] not in ("met", "the other is met")]
    return "\n".join([*aligned(rows), f"  {len(rows) - 1 - len(missed)} of {len(rows) - 1} goals are met"])


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
