"""Sphinx builds the documentation from the pages here and the docstrings: `python3 dev.py docs`."""

import contextlib
import doctest
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

import autograd_lite as ag
from autograd_lite.core import addresses

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))  # objects, sources

project = "autograd_lite"
author = "the autograd_lite authors"
copyright = author
release = ag.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "myst_nb",
    "links",
    "mathml",
    "object_pages",
    "sources",
]
default_role = "code"  # a single backtick in a docstring is code, as everywhere else
exclude_patterns = ["_build", "_templates"]
nitpicky = False

html_theme = "furo"
html_theme_options = {"top_of_page_buttons": ["edit"]}
html_title = "autograd_lite"
html_logo = html_favicon = "_static/logo.svg"
html_baseurl = f"{addresses.SITE}/" if addresses.SITE else ""
templates_path = ["_templates"]
html_additional_pages = {"404": "404.html"}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "version.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_dark_style = "github-dark"
html_static_path = ["_static"]
html_css_files = ["site.css", "pictures.css"]
html_js_files = ["site.js"]
html_search_scorer = str(DOCS / "_static" / "search.js")
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_math_renderer = "mathml"

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
myst_enable_extensions = ["colon_fence", "dollarmath", "substitution"]
myst_substitutions = {"release": release}
nb_execution_mode = "off"  # the outputs are stored, and a test compares them with fresh ones
nb_merge_streams = True
nb_render_markdown_format = "myst"  # with formulas, as in pages
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"


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


def _no_call(_app: Sphinx, _what: str, _name: str, thing: object, *_more: object) -> tuple[str, str] | None:
    """Leave out the signature of a protocol, which is not to be called."""
    return ("", "") if getattr(thing, "_is_protocol", False) else None


def _skip_theirs(_app: Sphinx, _what: str, _name: str, thing: object, *_more: object) -> bool | None:
    """Leave out what scikit-learn adds to estimators, and describes itself."""
    return True if str(getattr(thing, "__module__", "")).startswith("sklearn") else None


def _bring_notebooks(_app: Sphinx) -> None:
    """Copy the notebooks to where Sphinx looks for pages, with links that hold there."""
    home, tutorials = DOCS.parent / "notebooks", DOCS / "tutorials"
    texts = {
        tutorials / path.relative_to(home): path.read_text(encoding="utf-8").replace("../docs/", "../")
        for path in home.rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    }
    for old in tutorials.rglob("*.ipynb"):
        if old not in texts:
            old.unlink()
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _save_live_graph(app: Sphinx, error: Exception | None) -> None:
    """Run the code of the first page: it saves the page of a graph, which is in a frame below it."""
    if error or app.builder.name != "html":
        return
    code = doctest.script_from_examples((DOCS / "index.md").read_text(encoding="utf-8"))
    with contextlib.chdir(Path(app.outdir) / "_static"):
        exec(code, {})


def setup(app: Sphinx) -> None:
    """Prepare the texts of docstrings, the notebooks, and the live picture of the first page."""
    app.connect("autodoc-process-docstring", _as_text, priority=100)  # before napoleon
    app.connect("autodoc-process-signature", _no_call)
    app.connect("autodoc-skip-member", _skip_theirs)
    app.connect("builder-inited", _bring_notebooks)
    app.connect("build-finished", _save_live_graph)
