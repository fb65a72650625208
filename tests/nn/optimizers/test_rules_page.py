"""docs/reference/optimizers.md shows the formulas of all update rules, as their docstrings have them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nn import optimizers
from nn.optimizers import Optimizer, rules
from nn.optimizers.names import REGISTRY

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "optimizers.md"
MARK = "## All rules\n"


def every_rule() -> list[Callable[..., Any]]:
    """Return the rules of all optimizers that have names, then what any of them may have around it."""
    made: list[Optimizer] = [kind() for kind in REGISTRY.names.values()]
    made.insert(1, optimizers.SGD(nesterov=True))
    found = [optimizer.rule() for optimizer in made] + [rules.with_decay, rules.with_average]
    return list(dict.fromkeys(getattr(rule, "func", rule) for rule in found))


def shown(rule: Callable[..., Any]) -> list[str]:
    """Return a rule's name, sentence, formula and references as lines of Markdown."""
    sentence, *rest = (inspect.getdoc(rule) or "").split("\n\n")
    lines = [f"### {rule.__name__}", "", sentence]
    for part in rest:
        if part.startswith("References:"):
            lines += ["", *(line.strip() for line in part.splitlines()[1:])]
        elif not part.startswith(("Args:", "Example:")):
            lines += ["", "```text", *part.splitlines(), "```"]
    return lines


def test_the_page_has_the_rule_of_every_optimizer() -> None:
    lines = [PAGE.read_text(encoding="utf-8").partition(MARK)[0] + MARK.rstrip()]
    for rule in every_rule():
        lines += ["", *shown(rule)]
    text = "\n".join(lines) + "\n"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"
