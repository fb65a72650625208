"""Markdown as text for a terminal: paragraphs fit its width, code stays as it is."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from .pages import table_rows, without_links

_FENCE = re.compile(r"^(`{3,})(?:\{(\w+)\})?(.*)$")
_DIRECTIVE = re.compile(r"^:{3,}")
_HEADING = re.compile(r"^(#{1,4}) (.*)$")
_ITEM = re.compile(r"^( *)([-*]|\d+\.) +")
_INDENT = "    "  # of code
_UNDERLINES = {1: "=", 2: "-"}
_TEST_OPTION = re.compile(r" *# doctest: .*$", re.MULTILINE)
_DROPPED = {"raw", "include", "toctree"}


def plain_text(markdown: str, width: int) -> str:
    """Return Markdown as text.

    Args:
        markdown: of a page of the manual.
        width: characters of a line; code and words may be longer.

    Example:
        >>> print(plain_text("# Title\\n\\nA [link](a.md) and **more**.\\n\\n```python\\nx = 1\\n```\\n", 16))
        Title
        =====
        <BLANKLINE>
        A link and more.
        <BLANKLINE>
            x = 1
    """
    text, after_item = "", False
    for block in filter(None, _blocks(iter(markdown.splitlines()), width)):
        is_item = bool(_ITEM.match(block)) and not block.startswith(_INDENT)
        text += ("" if not text else "\n" if is_item and after_item else "\n\n") + block
        after_item = is_item
    return text


def _blocks(lines: Iterator[str], width: int) -> Iterator[str]:
    """Yield each heading, paragraph, item of a list, table and block of code."""
    block: list[str] = []
    for line in lines:
        fence, heading = _FENCE.match(line), _HEADING.match(line)
        if fence or heading or not line.strip() or _DIRECTIVE.match(line) or (block and _begins(line, block)):
            yield _paragraph(block, width)
            block = []
        if fence:
            yield _code(fence, lines, width)
        elif heading:
            title = _inline(heading[2])
            yield f"{title}\n{_UNDERLINES.get(len(heading[1]), '') * len(title)}".rstrip()
        elif line.strip() and not _DIRECTIVE.match(line):
            block.append(line)
    yield _paragraph(block, width)


def _begins(line: str, block: list[str]) -> bool:
    """Return whether a line begins another block than the one that it follows."""
    return bool(_ITEM.match(line)) or line.startswith("|") != block[0].startswith("|")


def _code(fence: re.Match[str], lines: Iterator[str], width: int) -> str:
    code = []
    for line in lines:
        if line.startswith(fence[1]):
            break
        code.append(line)
    if fence[2] in _DROPPED:
        return ""
    if fence[2] == "objects":  # names of a module
        names = ", ".join(code) or "all names"
        return textwrap.fill(f"{fence[3].strip()}: {names}", width, subsequent_indent="    ")
    return textwrap.indent(_TEST_OPTION.sub("", "\n".join(code).rstrip()), _INDENT)


def _paragraph(block: list[str], width: int) -> str:
    if not block or block[0].startswith("<!--"):
        return ""
    if block[0].startswith("|"):
        return _table(block, width)
    item = _ITEM.match(block[0])
    first = item[0] if item else ""
    text = _inline(" ".join(line.strip() for line in (block[0][len(first) :], *block[1:])))
    return textwrap.fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(block: Iterable[str], width: int) -> str:
    """Return a table in columns if it fits, and otherwise each row as a term with its texts below."""
    header, *rows = [[_inline(cell) for cell in row] for row in table_rows("\n".join(block))]
    columns = [max(map(len, column)) for column in zip(header, *rows, strict=False)]
    if sum(columns) + 2 * len(columns) <= width:
        lines = [
            "  ".join(f"{cell:{n}}" for cell, n in zip(row, columns, strict=False)).rstrip() for row in (header, *rows)
        ]
        rule = "  ".join("-" * n for n in columns)
        return "\n".join([lines[0], rule, *lines[1:]] if any(header) else lines[1:])
    entries = []
    for term, *cells in rows:
        named = zip(header[1:], cells, strict=False)
        texts = [f"{name}: {cell}" if len(header) > 2 and name else cell for name, cell in named if cell]
        paragraphs = [textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    ") for text in texts]
        entries.append("\n".join([textwrap.fill(term or "(the same)", width, subsequent_indent="  "), *paragraphs]))
    return "\n".join(entries)


def _inline(text: str) -> str:
    """Return a line without the marks of emphasis, links and escapes."""
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"[picture: \1]", text)
    text = re.sub(r"\{[\w:]+\}(?=`)", "", without_links(text))
    text = re.sub(r"\*\*([^*]+)\*\*", r"\1", text)
    return re.sub(r"\\([|*_\[\]])", r"\1", text)
