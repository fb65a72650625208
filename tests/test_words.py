"""Functions are verbs, values are nouns, and texts say what a thing is: all but a few names, each with a reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from . import word_rules

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for package in ("autograd_lite", "nn") for path in (ROOT / package).rglob("*.py"))
# By rule, names and lines that stay, and why.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "participle": {
        "checked": "a decorator, as in `@checked def f`",
        "deprecated": "a decorator, as in `warnings.deprecated`",
        "applied": "a partial derivative that is already multiplied with the cotangent",
        "installed": "a context manager",
        "searchsorted": "NumPy's",
        "factorized": "SciPy's",
        "compiled": "Keras's property",
    },
    "variable": {"kept": "the steps whose carries a trajectory keeps"},
    "phrase": {
        "Forward: what was computed on the way": "an explanation",
        'Forward", "", "What was computed on the way:", "")': "an explanation",
        "why        in a product w counts as much as what it is multi": "an explanation",
        "Elman: Finding Structure in Time, 1990, figure 2. Werbos: Ba": "a title",
    },
}
MOST = 50


@cache
def lines() -> dict[str, list[tuple[str, str]]]:
    """Return, for each rule, the places that break it, and the names or texts there."""
    result: dict[str, list[tuple[str, str]]] = {rule: [] for rule in word_rules.RULES}
    for path in FILES:
        for rule, line, text in word_rules.violations(path.read_text(encoding="utf-8")):
            result[rule].append((f"{path.relative_to(ROOT)}:{line}", text))
    return result


@pytest.mark.parametrize("rule", word_rules.RULES)
def test_names_and_texts_follow_the_rules(rule: str) -> None:
    assert [f"{place}: {text}" for place, text in lines()[rule] if text not in EXCEPTIONS[rule]] == []


def test_the_exceptions_are_few_and_in_use() -> None:
    for rule, names in EXCEPTIONS.items():
        assert set(names) <= {text for _, text in lines()[rule]}
    assert sum(map(len, EXCEPTIONS.values())) < MOST


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("participle", "def _told(): pass"),
        ("participle", "class A:\n    def settled(self): pass"),
        ("variable", "found = 1"),
        ("variable", "def f(what): pass"),
        ("variable", "for given in x: pass"),
        ("phrase", '"""Return what is left."""'),
        ("phrase", "x = 1  # What it does."),
    ],
)
def test_a_rule_sees(rule: str, source: str) -> None:
    assert rule in {name for name, _, _ in word_rules.violations(source)}


@pytest.mark.parametrize(
    "source", ["def tell(): pass", "shape = 1", "def feed(): pass", '"""Return the rest."""', 'x = "what is left"']
)
def test_a_rule_lets_pass(source: str) -> None:
    assert list(word_rules.violations(source)) == []
