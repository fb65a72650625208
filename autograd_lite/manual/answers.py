"""The texts of the command `help`: the page that a word opens, the list of pages, words near an unknown one."""

from __future__ import annotations

import shlex
import textwrap

from .lookup import entries_of, near, pages_with, word_of
from .pages import pages

_HEADINGS = {
    "": "Begin",
    "guides": "Guides",
    "guides/nn": "Guides to networks",
    "help": "When something goes wrong",
    "explanation": "How it works",
    "reference": "Tables and lists",
}


class UnknownWord(Exception):
    """Raised for words that open nothing."""


def answer(words: str, width: int) -> str:
    """Return the text that words open, and at its end what else they may mean.

    Args:
        words: a name, a word, or a message.
        width: characters of a line.

    Raises:
        UnknownWord: if they open nothing; it names words near them.

    Example:
        >>> print(answer("adjoint", 60))
        Adjoint
        =======
        <BLANKLINE>
        Another word for cotangent.
    """
    entries = entries_of(words)
    if not entries:
        raise UnknownWord(_nothing(words))
    also = [f"    help {shlex.quote(entry.word)}   {entry.kind}" for entry in entries[1:]]
    return "\n".join([entries[0].text(width), *(["", "Also:", *also] if also else [])])


def _nothing(words: str) -> str:
    received = textwrap.shorten(words, 60, placeholder=" …")
    lines = [f"help: expected a function, an error, a subject, a word or a message; received {received!r}"]
    if close := near(words):
        lines.append(f"  near it        {', '.join(close)}")
    if named := pages_with(words):
        lines.append(f"  pages with it  {', '.join(named)}")
    return "\n".join([*lines, "  all pages      help, without a word"])


def contents(width: int) -> str:
    """Return all pages with the words that open them, under headings.

    Args:
        width: characters of a line.

    Example:
        >>> print(contents(80).splitlines()[-1])
        class of errors (ShapeError), a word, or a message in quotes.
    """
    blocks, column = [], max(len(word_of(page)) for page in pages().values())
    for folder, heading in _HEADINGS.items():
        listed = [page for path, page in pages().items() if path.rpartition("/")[0] == folder]
        lines = [f"  {word_of(page):{column}}  {page.title}" for page in listed]
        blocks.append(
            "\n".join([heading, *(line if len(line) <= width else f"{line[: width - 1]}…" for line in lines)])
        )
    ends = "and a function (grad, nn.layers.Dense), a class of errors (ShapeError), a word, or a message in quotes."
    return "\n\n".join([*blocks, textwrap.fill(f"After `help` comes one of these words, {ends}", width)])
