"""Functions are verbs, values are nouns, and texts say what a thing is: all but a few names, each with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import word_rules

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for package in ("autograd_lite", "nn") for path in (ROOT / package).rglob("*.py"))
# By rule, names that stay. They are others', or a noun that happens to be a participle.
EXCEPTIONS: dict[str, dict[str, str]] = {"participle": {}, "variable": {}, "phrase": {}}
MOST = 50


@pytest.mark.parametrize("rule", word_rules.RULES)
def test_names_and_texts_follow_the_rules(rule: str) -> None:
    violations = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in FILES
        for line, text in word_rules.RULES[rule](path.read_text(encoding="utf-8"))
        if text not in EXCEPTIONS[rule]
    ]
    assert violations == []


def test_the_exceptions_are_few_and_in_use() -> None:
    names = {text for path in FILES for rule in word_rules.RULES.values() for _, text in rule(path.read_text("utf-8"))}
    listed = [name for names in EXCEPTIONS.values() for name in names]
    assert len(listed) < MOST
    assert set(listed) <= names


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
    assert [line for line, _ in word_rules.RULES[rule](source)]


@pytest.mark.parametrize(
    "source", ["def tell(): pass", "shape = 1", "def feed(): pass", '"""Return the rest."""', 'x = "what is left"']
)
def test_a_rule_lets_pass(source: str) -> None:
    assert [text for rule in word_rules.RULES.values() for _, text in rule(source)] == []
