"""The claim of the checker, on a corpus: no false alarm and no miss, where the rules of peers have both."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.checker import BUGS, CHECKERS, FUNCTIONS, SCALES, corpus, our_rule, score


def test_the_corpus_is_what_it_says() -> None:
    problems = list(corpus(range(1)))
    assert len(FUNCTIONS) == 27
    assert len(problems) == sum(scale <= most for _, _, most in FUNCTIONS.values() for scale in SCALES)
    assert all(np.all(np.isfinite(p.gradient)) for p in problems)


def test_no_false_alarm_and_no_miss() -> None:
    mine = score(our_rule, list(corpus(range(1)))[::3])
    assert mine.points > 50
    assert mine.false_alarms == []
    assert all(count > 50 for count in mine.bugs.values())
    assert mine.missed == {bug: [] for bug in BUGS}


@pytest.mark.parametrize("name", ["torch rule", "JAX rule", "HIPS rule"])
def test_the_rules_of_peers_have_both(name: str) -> None:
    """Lest the corpus be too easy: it must tell checkers apart."""
    theirs = score(CHECKERS[name], list(corpus(range(1))))
    assert len(theirs.false_alarms) > 0.03 * theirs.points
    assert len(theirs.missed["all zero"]) > 0.02 * theirs.points
