"""Sphinx builds the documentation from the pages here and the docstrings: `python3 dev.py docs`."""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

import autograd_lite

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))  # objects, sources

project = "autograd_lite"
author = "the autograd_lite authors"
copyright = author
release = autograd_lite.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "myst_nb",
    "objects",
    "sources",
]
default_role = "code"  # a single backtick in a docstring is code, as everywhere else
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "furo"
html_title = f"autograd_lite {release}"
html_static_path = ["_static"]
html_css_files = ["site.css", "pictures.css"]
html_search_scorer = str(DOCS / "_static" / "scorer.js")
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_type_aliases = {"Axis": "Axis"}
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes in a list: those with a text of their own are described below it
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"  # the outputs are stored, and a test compares them with fresh ones
nb_merge_streams = True


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return where the source of an object is, from a page of the reference."""
    from sources import address

    return address(info["module"], info["fullname"]) if domain == "py" and info["module"] else None


# A star before a word, as in (N, *S, C), outside of code, emphasis and bold type.
_STAR = re.compile(r"(`[^`]*`|\*\*|\*\w[^*`]*\w\*(?!\w))|(?<![\w*])\*(?=\w)")


def _as_text(_app: Sphinx, _what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Keep the stars of shapes in docstrings from being taken for emphasis."""
    code = (">>>", "...")
    lines[:] = [
        line if line.lstrip().startswith(code) else _STAR.sub(lambda found: found[1] or r"\*", line) for line in lines
    ]


def setup(app: Sphinx) -> None:
    """Prepare the texts of docstrings."""
    app.connect("autodoc-process-docstring", _as_text, priority=100)  # before napoleon
