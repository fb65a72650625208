"""Links out of the site: to the repository, to the file that a page is made of, and to the sites of other versions.

There are none as long as the addresses in `autograd_lite.core.addresses` are empty.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import objects
import sources

from autograd_lite.core import addresses

if TYPE_CHECKING:
    from sphinx.application import Sphinx  # the tests read this module where Sphinx is not installed

BRANCH = "main"


@functools.cache
def _objects(reference: Path) -> dict[str, objects.Entry]:
    """Return the objects by the names of their pages."""
    return {name: entry for entry, name in objects.file_names(objects.entries(reference)).items()}


def source_of(page: str, docs: Path) -> str | None:
    """Return the path in the repository of the file that a page is made of; None where there is none.

    The page of an object is made of its docstring, and a tutorial of a notebook.
    """
    if page == "changelog":
        return "CHANGELOG.md"
    if page.startswith("reference/api/"):
        entry = _objects(docs / "reference")[page.rpartition("/")[2]]
        place = sources.place(entry.module, entry.name)
        return place[0].as_posix() if place else None
    if page.startswith("tutorials/") and page != "tutorials/index":
        return f"notebooks/{page.removeprefix('tutorials/')}.ipynb"
    return f"docs/{page}.md" if (docs / f"{page}.md").exists() else None


def editor(repository: str, path: str) -> str:
    """Return where a file is edited on the site of a repository.

    >>> editor("https://example.org/me/it", "docs/start.md")
    'https://example.org/me/it/edit/main/docs/start.md'
    """
    between = "/-/edit/" if "gitlab" in repository else "/edit/"
    return f"{repository}{between}{BRANCH}/{path}"


def add_links(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Give a page the addresses that its template asks for."""
    context["repository"], context["site"] = addresses.REPOSITORY, addresses.SITE
    path = source_of(page, Path(app.srcdir)) if addresses.REPOSITORY else None
    context["theme_source_edit_link"] = editor(addresses.REPOSITORY, path) if path else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it with Sphinx."""
    app.connect("html-page-context", add_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
