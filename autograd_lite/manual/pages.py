"""The pages of the manual and their sections, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_INSTALLED = Path(__file__).parent / "pages"  # where setup.py copies them for a wheel
_CHECKOUT = Path(__file__).parents[2] / "docs"
# The order in which pages of one name are asked; reference/ has lists and tables.
_FOLDERS = ("", "help", "guides", "guides/nn", "explanation", "reference")
_LISTS = ("index", "changelog")  # of other pages, or of what another file has
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#{1,4}) (.*)$", re.MULTILINE)
_ROW = re.compile(r"^\| *(.*?) *\|$", re.MULTILINE)
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|(?=(?:[^`]*`[^`]*`)*[^`]*$)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")


class Page(NamedTuple):
    """A page: its path below docs/ without its ending, and its text."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """The last part of the path, by which one asks for a page."""
        return self.path.rpartition("/")[2]

    @property
    def title(self) -> str:
        """The first heading."""
        heading = _HEADING.search(self.text)
        return heading[2] if heading else self.name


class Section(NamedTuple):
    """A section of a page, which ends where the next of its level or above begins."""

    page: Page
    heading: str
    text: str

    @property
    def anchor(self) -> str:
        """What an address of the section has after its #."""
        return anchor(self.heading)


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets on a page.

    Example:
        >>> anchor("`nan_to_num` and a mask")
        'nan_to_num-and-a-mask'
    """
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@cache
def pages() -> dict[str, Page]:
    """Return all pages by their paths, without the lists of pages, those of guides before those of the reference."""
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    files = [file for part in _FOLDERS for file in sorted((folder / part).glob("*.md")) if file.stem not in _LISTS]
    paths = [file.relative_to(folder).with_suffix("").as_posix() for file in files]
    return {path: Page(path, file.read_text(encoding="utf-8")) for path, file in zip(paths, files, strict=True)}


def sections(page: Page) -> Iterator[Section]:
    """Yield the sections of a page, but for the page itself.

    Example:
        >>> [section.anchor for section in sections(Page("a", "# A\\n\\n## B c\\n\\ntext\\n\\n## D\\n"))]
        ['b-c', 'd']
    """
    blank = _CODE.sub(lambda code: " " * len(code[0]), page.text)  # comments in code look like headings
    headings = list(_HEADING.finditer(blank))
    for i, heading in enumerate(headings):
        level = len(heading[1])
        end = next((later.start() for later in headings[i + 1 :] if len(later[1]) <= level), len(page.text))
        if level > 1:
            yield Section(page, heading[2], page.text[heading.start() : end])


def table_rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of all rows of tables, the heads included.

    Example:
        >>> list(table_rows("| a | b |\\n|---|---|\\n| `x|y` | 2 |"))
        [['a', 'b'], ['`x|y`', '2']]
    """
    for row in _ROW.finditer(text):
        if "--" not in row[1] or not set(row[1]) <= set("|-: "):
            yield [cell.strip() for cell in _BETWEEN_CELLS.split(row[1])]


def without_links(text: str) -> str:
    """Return a text with the words of its links alone.

    Example:
        >>> without_links("see [the guide](../guides/sparse.md#colors)")
        'see the guide'
    """
    return _LINK.sub(r"\1", text)
