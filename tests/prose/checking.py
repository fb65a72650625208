"""The spelling of all prose, and the grammar of pages; each word, rule or sentence that is let pass has a reason."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .extraction import texts, without_code

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = Path(__file__).with_name("vocabulary.toml")
FOLDERS = ("autograd_lite", "docs", "nn")
# Rules of Harper that have shown real faults in these pages. Of its other rules most are about informal speech, or take
# names of functions and mathematics for words: of 600 remarks on 2 MB of text none was a fault.
GRAMMAR = ("AnA", "CommaFixes", "MassNouns", "QuantifierNumeralConflict", "RepeatedWords")
# Remarks on pages that are wrong: the words, what is around them, and why they stay.
RIGHT = {
    ("a", "= a + ib"): "a number",
    ("a", "number a + ib"): "a number",
    ("a", "pinv(a)"): "an array",
    ("a", "a ufunc"): "spoken with a consonant",
    ("A", "A x"): "a matrix",
    ("A", "A X"): "a matrix",
    ("A", "X A"): "a matrix",
    ("an", "an nn.py"): "spoken with a vowel",
    ("a patience", "choose a patience"): "a number: the argument `patience`",
    ("an ending", "an ending"): "of a name of a file",
    ("an equilibrium", "an equilibrium"): "countable in mathematics",
    ("every spelling", "every spelling"): "of a name",
    ("colorings", "colorings"): "countable in graph theory",
    ("covariances", "covariances"): "countable in statistics",
    ("multiple shooting", "multiple shooting"): "the name of a method",
    ("Each finding", "finding"): "a single result of a search",
    ("a finding", "a finding"): "a single result of a search",
    ("truncations", "truncations"): "of files",
    ("a listing", "a listing"): "of a program",
    ("nodes nodes", "max_nodes nodes"): "the first is an argument",
}
SKIPPED = {
    "docs/_build": "what Sphinx has made",
    "nn/datasets/embedded/README.md": "a license, as its authors wrote it",
}
# Modules whose names occur in texts.
MODULES = (
    *("numpy", "numpy.linalg", "numpy.fft", "numpy.random", "numpy.ma", "scipy", "scipy.linalg", "scipy.special"),
    *("scipy.sparse", "scipy.sparse.linalg", "scipy.stats", "scipy.optimize", "scipy.signal", "scipy.integrate"),
    *("scipy.ndimage", "autograd_lite", "nn", "nn.layers", "nn.ops", "nn.activations"),
)
_WORD = re.compile(r"(?<![\w`'’.-])(?:[a-z]{4,}|[A-Z][a-z]{3,})(?![\w`])")


def files(root: Path = ROOT) -> list[Path]:
    """Return the pages, and the sources of the packages."""
    inside = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))]
    pages = [*sorted(root.glob("*.md")), root / "benchmarks" / "README.md", *inside]
    skipped = {root / name for name in SKIPPED}
    return [path for path in pages if path.suffix in (".md", ".py") and not skipped & {path, *path.parents}]


def sections() -> dict[str, str]:
    """Return the words of the vocabulary by the reason why they are right."""
    return tomllib.loads(VOCABULARY.read_text(encoding="utf-8"))


@cache
def vocabulary() -> frozenset[str]:
    """Return the words that need no dictionary."""
    words = {word for section in sections().values() for word in section.split()}
    return frozenset(words.union(*(map(str.lower, dir(importlib.import_module(name))) for name in MODULES)))


def is_known(word: str, words: Iterable[str]) -> bool:
    """Return whether a word, or its singular, is one of these."""
    word = word.lower()
    return word in words or (word.endswith("s") and word[:-1] in words)


def linter(rules: Iterable[str]) -> Any:
    """Return Harper's checker with these rules alone; American spelling, as NumPy's and Keras's."""
    from harper import Dialect, Linter

    harper = Linter(Dialect.AMERICAN)
    harper.set_lint_config(dict.fromkeys(harper.get_default_lint_config(), False) | dict.fromkeys(rules, True))
    return harper


def misspelled(places: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield a sentence for each word, with its places, that neither Harper nor the vocabulary knows.

    All words are checked as one text, each once, which takes a tenth of the time of checking the texts.
    """
    text = ". ".join(sorted(places))
    for lint in linter(["SpellCheck"]).lint(text):
        word = lint.problem_text
        if word in places and not is_known(word, vocabulary()):
            instead = ", ".join(suggestion.replacement_text for suggestion in lint.suggestions[:3])
            yield f"{places[word][0]}: {word!r} ({len(places[word])} times); {instead or 'no suggestion'}"


def faulty(where: str, text: str, harper: Any) -> Iterator[str]:
    """Yield a sentence for each fault of grammar on a page."""
    for lint in harper.lint(text):
        span, words = lint.span, " ".join(lint.problem_text.split())
        around = " ".join(text[max(0, span.start - 30) : span.end + 30].split())
        if not any(words == right and context in around for right, context in RIGHT):
            yield f"{where}:{text.count(chr(10), 0, span.start) + 1}: {words!r} in {around!r}: {lint.message}"


def problems(paths: Iterable[Path], root: Path = ROOT) -> list[str]:
    """Return all faults in files."""
    harper, places, result = linter(GRAMMAR), {}, []
    for path in paths:
        name = path.relative_to(root).as_posix()
        for line, text in texts(path):
            if path.suffix == ".md":
                result += faulty(name, text, harper)
            for match in _WORD.finditer(re.sub(r"`[^`]*`", " ", without_code(text))):
                places.setdefault(match[0], []).append(f"{name}:{line + text.count(chr(10), 0, match.start())}")
    return [*result, *misspelled(places)]


def main() -> int:
    """Check the files that are named, by default all; the status is 1 if there are faults."""
    lines = problems([Path(name).resolve() for name in sys.argv[1:]] or files())
    print("\n".join([*lines, f"{len(lines)} faults"]))
    return min(len(lines), 1)
