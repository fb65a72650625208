"""Files: what a path's ending asks for, written whole or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...files.atomic_writes import write_file
from ...ir.pure_graph import PureGraph
from ..pictures.dot import ThemeName, dot_text
from ..pictures.folding.fold import ViewOptions, view_of
from ..pictures.mermaid import graph_mermaid
from ..pictures.mirror.svg import mirror_scene
from ..pictures.page import html_text
from ..pictures.sheet import Scene
from ..pictures.svg import graph_scene
from ..pictures.tree_text import graph_text
from ..pictures.view import PICTURE_LIMIT
from .json_format import json_text
from .render import RenderError, RenderOptions, render, render_dot


class SaveOptions(ViewOptions, total=False):
    """The keywords of `Graph.save`: those of pictures, of a page, and the colors of forms that have only one."""

    explain: Any
    diff: Any
    title: str | None
    theme: ThemeName


def save_graph(
    graph: PureGraph, path: str | Path, rendering: RenderOptions, options: SaveOptions, more: Collection[str] = ()
) -> Path:
    """Write a graph to a file; see `Graph.save`.

    Args:
        graph: what to write.
        path: whose ending names the form.
        rendering: who draws, and how.
        options: of the picture.
        more: further endings, for the error.
    """
    return write(path, contents(graph, Path(path).suffix, rendering, options, more))


def contents(
    graph: PureGraph, ending: str, rendering: RenderOptions, options: SaveOptions, more: Collection[str] = ()
) -> bytes:
    """Return what a file with an ending such as ".svg" holds.

    Raises:
        ValueError: if there is no such ending, or the form does not have one of the options.
        RenderError: if no program gives a PNG or a PDF.
    """
    ending = ending.lower()
    if ending == ".onnx":
        raise ValueError(
            'save: a Graph holds no values, which an .onnx file needs. Use Program.build(loss).save("x.onnx")'
        )
    if ending not in ENDINGS:
        endings = ", ".join([*ENDINGS, *more])
        raise ValueError(f"save: expected a path ending in {endings}; received {ending!r}")
    form = ENDINGS[ending]
    stated = {name: value for name, value in options.items() if value not in (None, ())}
    for name in stated:
        if name not in form.options:
            takes = ", ".join(sorted(form.options)) or "none"
            raise ValueError(f"save: expected options of {ending} ({takes}); received {name}")
    text = form.make(graph, rendering, stated)
    return text if isinstance(text, bytes) else text.encode("utf-8")


# ---- forms ----------------------------------------------------------------------------------------------------------


class Form(NamedTuple):
    """A form of file: how it is made, and which of a picture's options it has."""

    make: Callable[[Any, RenderOptions, Any], str | bytes]
    options: frozenset[str]


def _svg(graph: PureGraph, rendering: RenderOptions, options: Any) -> str | bytes:
    if rendering.renderer in ("dot", "graphviz-pure"):
        try:
            return render_dot(_dot(graph, **options), "svg", rendering)
        except RenderError as error:
            reason = str(error).partition(", and ")[2].partition(". ")[0].partition(": pip")[0]
            warnings.warn(f"save: {reason}; the built-in renderer drew the picture", RuntimeWarning, stacklevel=5)
    return _scene(graph, options).to_svg()


def _scene(graph: PureGraph, options: Any) -> Scene:
    """Return our own picture."""
    if graph.flows:  # the two passes side by side
        return mirror_scene(graph, **options)
    options = dict(options)
    most = {"max_nodes": options.pop("limit")} if "limit" in options else {}
    return graph_scene(graph, **options, **most)


def _dot(graph: PureGraph, theme: ThemeName = "light", **options: Any) -> str:
    """Return the picture for Graphviz: every node in one layout, without a mirror."""
    return dot_text(view_of(graph, **options), theme)


def _image(form: Literal["png", "pdf"]) -> Callable[[Any, RenderOptions, Any], bytes]:
    def draw(graph: PureGraph, rendering: RenderOptions, options: Any) -> bytes:
        theme = options.pop("theme", "light")
        return render(form, rendering, lambda: _scene(graph, options), lambda: _dot(graph, theme, **options), theme)

    return draw


def _markdown(graph: PureGraph, options: Any) -> str:
    """Return a diagram that GitHub draws, and the listing."""
    fence = "`" * 3
    listing = graph_text(graph, overlay=options.get("overlay"), max_nodes=PICTURE_LIMIT)
    while fence in listing:
        fence += "`"
    diagram = graph_mermaid(graph, **options).rstrip("\n")
    return f"{fence}mermaid\n{diagram}\n{fence}\n\n{fence}text\n{listing}\n{fence}\n"


_PICTURE = frozenset(ViewOptions.__annotations__)
_THEMED = _PICTURE | {"theme"}
_MARKS = frozenset(("overlay",))
_PAGE = frozenset(("overlay", "explain", "diff", "title"))

ENDINGS: dict[str, Form] = {
    ".svg": Form(_svg, _PICTURE),
    ".png": Form(_image("png"), _THEMED),
    ".pdf": Form(_image("pdf"), _THEMED),
    ".html": Form(lambda graph, _, options: html_text(graph, **options), _PAGE),
    ".dot": Form(lambda graph, _, options: _dot(graph, **options), _THEMED),
    ".mmd": Form(lambda graph, _, options: graph_mermaid(graph, **options), _THEMED),
    ".md": Form(lambda graph, _, options: _markdown(graph, options), _PICTURE),
    ".txt": Form(lambda graph, _, options: graph_text(graph, **options) + "\n", _MARKS),
    ".json": Form(lambda graph, _, options: json_text(graph, indent=1) + "\n", frozenset()),
}


# ---- the file -------------------------------------------------------------------------------------------------------


def write(path: str | Path, data: bytes) -> Path:
    """Write a file whole or not at all, or into a pipe or a device; return its path.

    Raises:
        OSError: if the path cannot be that of a file, or its folder does not exist.
    """
    write_file(path, data, caller="save", into_pipes=True)
    return Path(path)
