"""Where the project is found: the one place that says it, for messages, the metadata of a wheel and the site.

Both constants are read from the text of this file where nothing can be imported yet, as by setup.py.
"""

from __future__ import annotations

SITE = ""  # of the documentation, as "https://…", without a slash at the end; empty as long as there is none
REPOSITORY = ""  # of the source, likewise


def manual(page: str) -> str:
    """Return where to read a page of the manual, for messages: its address, or the command that prints it.

    Args:
        page: its path in the manual, with an anchor or without one.

    Example:
        >>> manual("guides/compile.md")
        '`python -m autograd_lite help compile`'
        >>> manual("help/errors.md#freed-values")
        '`python -m autograd_lite help freed-values`'
    """
    path, _, anchor = page.removesuffix(".md").replace(".md#", "#").partition("#")
    if SITE:
        return f"{SITE}/{path}.html{anchor and f'#{anchor}'}"
    return f"`python -m autograd_lite help {anchor or path.rpartition('/')[2]}`"
