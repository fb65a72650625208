"""For Sphinx: the directive `objects`, a table of public objects, and a page in docs/reference/api for each of them."""

from __future__ import annotations

import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import related
from docutils import nodes
from objects import Entry, entries, file_names, other_names, page, public, summary
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def write_pages(app: Sphinx) -> None:
    """Write a page for each object, leave those that have not changed, and delete those of objects that are gone."""
    folder = Path(app.srcdir) / "reference"
    found = entries(folder)
    known = {e.thing: e.full_name for e in found if inspect.isclass(e.thing)}
    names = other_names(found)
    others, guides = related.related(found), related.pages(found, Path(app.srcdir))
    pages = {
        f"{name}.rst": page(e, known, names.get(id(e.thing), []), related.see_also(e, others[e], guides[e]))
        for e, name in file_names(found).items()
    }
    for entry in found:  # else a class that is public under another name than its own would be shown as an alias
        if inspect.isclass(entry.thing) and entry.thing.__name__ != entry.name:
            entry.thing.__name__ = entry.name
    (folder / "api").mkdir(exist_ok=True)
    for old in (folder / "api").iterdir():
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / "api" / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# ---- tables ---------------------------------------------------------------------------------------------------------


class Objects(SphinxDirective):
    """The directive `objects`: a table of objects of a module, each with a link and its first sentence."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        module = self.arguments[0]
        body = nodes.tbody()
        for name in " ".join(self.content).split() or public(module):
            body += self._row(Entry(module, name, ""))
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (30, 70)), body, cols=2)
        return [nodes.table("", group, classes=["objects"])]

    def _row(self, entry: Entry) -> nodes.row:
        link = addnodes.pending_xref(
            "",
            nodes.literal("", entry.name, classes=["xref", "py"]),
            refdomain="py",
            reftype="obj",
            reftarget=entry.full_name,
            refexplicit=True,
            refwarn=True,
            refdoc=self.env.docname,
        )
        text, _ = self.parse_inline(summary(entry.thing))
        cells = [nodes.paragraph("", "", link), nodes.paragraph("", "", *text)]
        return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def link_types(app: Sphinx, doctree: nodes.document) -> None:
    """Link the types in signatures that are public classes, by their last names; the others become plain text.

    Sphinx would look for each of them, `int` included, among all objects of the site, which took half of the build.
    """
    known = app.env.autograd_lite_classes  # type: ignore[attr-defined]
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "py" and not node.get("refexplicit") and node["reftype"] in ("class", "obj", "exc"):
            name = node["reftarget"].rpartition(".")[2]
            if name in known:
                node["reftarget"], node["refspecific"] = known[name], False
            else:
                node.replace_self(node.children)


def remember_classes(app: Sphinx) -> None:
    """Note the full names of public classes by their last names, where these are unambiguous."""
    found = [e for e in entries(Path(app.srcdir) / "reference") if inspect.isclass(e.thing)]
    times = Counter(entry.name for entry in found)
    names = {entry.name: entry.full_name for entry in found if times[entry.name] == 1}
    app.env.autograd_lite_classes = names  # type: ignore[attr-defined]


def share_sidebar(_app: Sphinx, name: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Make the sidebar once for all pages of objects, and of sources of one depth: it has none of them."""
    if name.startswith(("reference/api/", "source/")):
        make, place = context["toctree"], (name.partition("/")[0], name.count("/"))
        context["toctree"] = lambda **options: _sidebars.get(place) or _sidebars.setdefault(place, make(**options))


_sidebars: dict[tuple[str, int], str] = {}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it with Sphinx."""
    app.add_directive("objects", Objects)
    app.connect("builder-inited", write_pages)
    app.connect("builder-inited", remember_classes)
    app.connect("doctree-read", link_types)
    app.connect("html-page-context", share_sidebar, priority=100)  # before furo
    return {"parallel_read_safe": True, "parallel_write_safe": True}
