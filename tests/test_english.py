"""Comments, docstrings, messages and pages avoid the oddest forms of a glossary, so that they do not come back.

The glossary is the short half of good style: what a native speaker would not write, and what they would write instead.
A form that is right where it stands goes into `RIGHT`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

# What not to write, as a regular expression in which a space also matches the end of a line; and what to write.
GLOSSARY = {
    r"(?<!there )(?:is|are|was) no (?!longer|more|such|less|fewer|good|match)": "is not a",
    r"(?<!there )(?:is|are|was) (?-i:none)(?=[.,;:)])": "is not one, does not count",
    r"says? whether": "return whether, True if",
    r"(?<!not )so many(?! that)": "n, this many, a number of",
    r"of (?:one's|(?:the|a) user's|users') own": "custom, user-defined",
    r"on the mean(?! squared)": "on average",
    r"(?:nobody|somebody)": "no one, someone, nothing, the caller",
    r"shall": "must, should, will",
    r"in words": "as text",
    r"that is all(?=[.:;])": "nothing; the sentence before is enough",
    r"for ever": "forever, indefinitely",
    r"trainings": "training runs",
    r"what is given": "the input",
    r"less than nothing": "negative",
    r"stands? (?:beside|there|first|last|before|behind|between|in(?! for)|at|on)": "is, comes, lies",
}

# Paths, and the forms in them that are right: quotations, names, or plain English.
RIGHT: dict[str, set[str]] = {
    "nn/datasets/embedded/README.md": {r"shall"},  # a license
}

FOLDERS = ("autograd_lite", "nn", "tests", "benchmarks", "docs", "requirements", "notebooks")

FORMS = {form: re.compile(rf"\b(?:{form})\b".replace(" ", r"\s"), re.IGNORECASE) for form in GLOSSARY}
# Comments and strings, as `tokenize` finds them, in a tenth of the time.
TOKENS = re.compile(
    r"""#[^\n]*|(?<![^\W_])[frbu]{0,2}(?:\"{3}(?:\\.|[^\\])*?\"{3}|\'{3}(?:\\.|[^\\])*?\'{3}|"""
    r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.IGNORECASE | re.DOTALL,
)
QUOTES = re.compile(r"^[frbu]*[\"']+|[\"']+$", re.IGNORECASE)


class Hit(NamedTuple):
    """One form found: the line where it begins, the form, and the words."""

    line: int
    form: str
    found: str


def prose(path: Path) -> str:
    """Return a file's lines without indentation; of a Python file only the comments and strings, without quotes."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return "\n".join(line.strip() for line in text.split("\n"))
    lines = [""] * (text.count("\n") + 2)
    at = row = 0
    for token in TOKENS.finditer(text):
        row += text.count("\n", at, token.start())
        at = token.start()
        words = token[0].lstrip("#") if token[0][0] == "#" else QUOTES.sub("", token[0])
        for i, line in enumerate(words.split("\n"), row):
            lines[i] = f"{lines[i]} {line.strip()}".strip()
    return "\n".join(lines)


def hits(text: str) -> Iterator[Hit]:
    """Yield the odd forms in a text."""
    for form, pattern in FORMS.items():
        for match in pattern.finditer(text):
            yield Hit(text.count("\n", 0, match.start()) + 1, form, " ".join(match[0].split()))


def files() -> Iterator[Path]:
    """Yield the sources and pages of the project, but for this one."""
    inside = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")))
    for path in (*sorted(ROOT.iterdir()), *inside):
        if path.suffix in (".py", ".md", ".js", ".toml") and "_build" not in path.parts and path != Path(__file__):
            yield path


def found_in(path: Path) -> list[str]:
    """Return a sentence for each odd form in a file."""
    where = path.relative_to(ROOT).as_posix()
    right = RIGHT.get(where, set())
    return [
        f"{where}:{hit.line}: {hit.found!r}; write {GLOSSARY[hit.form]}"
        for hit in hits(prose(path))
        if hit.form not in right
    ]


def test_the_odd_forms_of_the_glossary_do_not_come_back() -> None:
    assert len(list(files())) > 500
    assert [line for path in files() for line in found_in(path)] == []


def long_lines(page: str) -> list[str]:
    """Return the lines of a page over 120 columns, but for tables and blocks of code, which do not wrap."""
    text = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    return [line for line in text.split("\n") if len(line) > 120 and not line.startswith("|")]


def test_the_lines_of_pages_fit() -> None:
    pages = [path for path in files() if path.suffix == ".md" and not path.is_relative_to(ROOT / "benchmarks")]
    assert [(path.name, line) for path in pages for line in long_lines(path.read_text(encoding="utf-8"))] == []
    assert long_lines(f"```\n{'a ' * 61}\n```\n| {'b ' * 61} |\n{'c ' * 61}") == ["c " * 61]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("# A bool is\n# no number.", ["is no"]),
        ('def f():\n    """Say whether\n    it is odd."""', ["Say whether"]),
        ('raise E(\n    f"expected so "\n    f"many values"\n)', ["so many"]),
        ('n = [f(w) for w in words]  # There is no other; it is no longer so\n"on the mean squared error"', []),
    ],
)
def test_a_form_is_found_across_lines_and_in_comments_and_strings_alone(
    source: str, found: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    assert [hit.found.strip() for hit in hits(prose(tmp_path / "a.py"))] == found


def test_every_exception_is_still_needed() -> None:
    for where, forms in RIGHT.items():
        assert {hit.form for hit in hits(prose(ROOT / where))} == forms, where
