"""Sphinx builds the documentation from the pages here and the docstrings: `python3 dev.py docs`."""

from sphinx.application import Sphinx

import autograd_lite

project = "autograd_lite"
author = "the autograd_lite authors"
copyright = author
release = autograd_lite.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"]
default_role = "code"  # a single backtick in a docstring is code, as everywhere else
html_theme = "furo"
html_title = "autograd_lite"
html_static_path = ["_static"]
html_css_files = ["pictures.css"]
exclude_patterns = ["_build"]
nitpicky = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "inherited-members": "Exception"}
autodoc_type_aliases = {"Axis": "Axis"}
python_maximum_signature_line_length = 100
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
myst_heading_anchors = 3


def setup(app: Sphinx) -> None:
    """Leave out what packages such as nn.losses import for their own use; what they offer is nn's and described."""
    app.connect("autodoc-skip-member", _for_own_use)


def _for_own_use(_app: Sphinx, what: str, _name: str, thing: object, _skip: bool, _options: object) -> bool | None:
    home = str(getattr(thing, "__module__", ""))
    return True if what == "module" and home.startswith(("typing", "nn.config")) else None
