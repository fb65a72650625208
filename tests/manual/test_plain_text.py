"""Markdown as text: pages fit the terminal and lose no word; code stays as it is."""

from __future__ import annotations

import re

import pytest

from autograd_lite.manual.pages import Page, pages, sections
from autograd_lite.manual.plain_text import plain_text

WORD = re.compile(r"[^\W_]{3,}")
FENCE = re.compile(r"^(`{3,}).*?\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
# Marks, addresses, heads of tables, and blocks that only a site can show.
LEFT_OUT = re.compile(
    r"^```\{(?:raw|toctree|include)\}.*?^```$|<!--.*?-->|\]\([^)\s]*\)|# doctest: [^\n]*|^(?::::|```)[^\n]*"
    r"|^\|[^\n]*\n(?=\|[-|: ]+$)|\{[\w:]+\}(?=`)",
    re.MULTILINE | re.DOTALL,
)
ROWS = [
    ("# A `b`\n\n## C\n\n### D\n", "A `b`\n=====\n\nC\n-\n\nD"),
    ("- one\n- two\n  three\n\n1. four\n", "- one\n- two three\n1. four"),
    ("a\n- b\n", "a\n\n- b"),
    ("| x | y |\n|---|---|\n| `a|b` | 2 |\n", "x      y\n-----  -\n`a|b`  2"),
    ("| x | y |\n|---|---|\n| term | what a term means here |\n", "term\n    what a term\n    means here"),
    ("| | |\n|---|---|\n| term | x |\n", "term  x"),
    ("| x | y | z |\n|---|---|---|\n| term | means a word | |\n", "term\n    y: means a\n    word"),
    ("```python\nx = 1  # doctest: +SKIP\n\n# y\n```\n", "    x = 1\n\n    # y"),
    ("```{objects} nn\nDense\nConv\n```\n", "nn: Dense, Conv"),
    (":::{container} lead\ntext\n:::\n\n```{toctree}\nstart\n```\n", "text"),
    ("![a picture](x.svg) and [a link](b.md#c)", "[picture: a\npicture] and a\nlink"),
]


@pytest.mark.parametrize(("markdown", "text"), ROWS)
def test_each_kind_of_block(markdown: str, text: str) -> None:
    assert plain_text(markdown, 16) == text


@pytest.mark.parametrize("width", [50, 80])
def test_every_page_fits_and_keeps_its_words(width: int) -> None:
    for page in pages().values():
        text = plain_text(page.text, width)
        code = {f"    {line}" for block in FENCE.finditer(page.text) for line in block[2].splitlines()}
        code |= {re.sub(r" *# doctest: .*", "", line) for line in code}
        titles = {page.title, *(section.heading for section in sections(page))}
        long = [line for line in text.splitlines() if len(line) > width and line not in code | titles]
        assert [line for line in long if " " in line.strip() and not set(line) <= set("-= ")] == [], page.path
        assert set(WORD.findall(LEFT_OUT.sub("", page.text))) <= set(WORD.findall(text))


def test_headings_in_code_are_none() -> None:
    page = Page("a", "# A\n\n```python\n# no heading\n```\n\n## B\n\ntext\n\n### C\n\n## D\n")
    assert [(section.heading, section.text.count("\n")) for section in sections(page)] == [("B", 6), ("C", 2), ("D", 1)]
