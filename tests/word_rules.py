"""The words of the house as rules about source text: functions are verbs, and values are nouns.

`python -m tests.word_rules autograd_lite/core` lists what these rules find below some paths, with its line.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# Participles without -ed (`put` is a verb as it stands); words in -ed that are not participles; and names of variables
# that say nothing of their value.
_WORDS = """
bent bound broken brought built chosen done drawn dropped fed felt found frozen given gone grown held hidden
kept known laid left lent lost made met paid said seen sent shown sought spent sprung stood taken taught
thrown told torn understood undone unseen woken won worn written

bed bleed breed embed exceed feed need proceed red seed shed speed succeed unneed weed

bare found given kept known made said thing things told wanted weighed what wide
"""
IRREGULAR, NOT_PARTICIPLES, VAGUE = (frozenset(words.split()) for words in _WORDS.split("\n\n"))
PHRASE = re.compile(r"\bwhat (?:is|are|it|was|were)\b", re.IGNORECASE)


def is_participle(name: str) -> bool:
    """Return whether a name is a participle alone, as `_told` is, and `told_to` is not.

    >>> [is_participle(name) for name in ("_told", "settled", "feed", "shape", "settled_by")]
    [True, True, False, False, False]
    """
    word = name.strip("_")
    return word in IRREGULAR or (
        word.endswith("ed") and "_" not in word and word.islower() and word not in NOT_PARTICIPLES
    )


def definitions(nodes: list[ast.AST], source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines and names of functions and classes that are participles."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and is_participle(node.name):
            yield node.lineno, node.name


def variables(nodes: list[ast.AST], source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines where variables and arguments are bound that say nothing of their value, and their names."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id.strip("_") in VAGUE:
            yield node.lineno, node.id
        elif isinstance(node, ast.arg) and node.arg.strip("_") in VAGUE:
            yield node.lineno, node.arg


def phrases(nodes: list[ast.AST], source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of docstrings and comments with "what is" and its kin, for which there is mostly a noun."""
    texts = set[int]()
    if not PHRASE.search(source):
        return
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            texts.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    for number, line in enumerate(source.splitlines(), 1):
        text = line if number in texts else line.partition("# ")[2]
        if PHRASE.search(text) and ">>>" not in text:
            yield number, text.strip()[:60]


Rule = Callable[[list[ast.AST], str], Iterator[tuple[int, str]]]
LOOKED_AT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Name, ast.arg, ast.Expr)
RULES: dict[str, Rule] = {"participle": definitions, "variable": variables, "phrase": phrases}


def violations(source: str) -> Iterator[tuple[str, int, str]]:
    """Yield what the rules find in the text of a module: the rule, the line, and the name or the text.

    >>> list(violations("def _told(): pass"))
    [('participle', 1, '_told')]
    """
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, LOOKED_AT)]
    return ((name, line, text) for name, rule in RULES.items() for line, text in rule(nodes, source))


def main(paths: list[str]) -> None:
    """Print what the rules find in files below some paths, and how many."""
    count = dict.fromkeys(RULES, 0)
    for root in paths:
        for path in sorted(Path(root).rglob("*.py")) if Path(root).is_dir() else [Path(root)]:
            for name, line, text in violations(path.read_text(encoding="utf-8")):
                count[name] += 1
                print(f"{path}:{line} {name}: {text}")
    print(count)


if __name__ == "__main__":
    main(sys.argv[1:])
