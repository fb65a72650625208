"""The findings of an analysis as a file: text, data, or marks on the picture of the graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Unpack

from ...files.json_codec import as_plain
from ...ir.pure_graph import PureGraph
from ...tensors.display import picture_html, text_html
from ..export.render import Renderer, RenderOptions
from ..export.save import ENDINGS, SaveOptions, contents, save_graph, write

_SMALL = 150  # the most nodes of a graph that a notebook shows without being asked


class Report:
    """The base of all analyses: a subclass is a dataclass with `__str__` and, if there is a picture, `_picture`."""

    __slots__ = ()
    _without_graph: ClassVar[str] = ""  # how else to get a picture

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as dicts, lists, strings and numbers, without the graph; NaN and infinities as text."""
        facts: dict[str, Any] = as_plain(self, without=PureGraph)
        return facts

    def save(
        self,
        path: str | Path,
        *,
        renderer: Renderer = "auto",
        dpi: float = 144.0,
        timeout: float = 30.0,
        **options: Unpack[SaveOptions],
    ) -> Path:
        """Write the findings to a file, in the form that the file's ending names.

        .txt has the text that `print` shows, .md the same for a page in Markdown, and .json the facts as data. All
        other endings are those of `Graph.save`, .svg, .png and .html among them: the graph, with the findings marked in
        it. A file is written whole or not at all.

        Args:
            path: the file; one that is there is replaced.
            renderer: who draws, as of `Graph.save`.
            dpi: dots per inch of a PNG, above 0; 96 gives the size of the SVG.
            timeout: seconds after which a program that draws is killed.
            options: of pictures and pages, as of `Graph.save`.

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending, the form does not have one of the options, or there is no graph to
                draw.
            RenderError: if nothing can draw a PNG or a PDF; the message says how to get what can.
        """
        ending, texts = Path(path).suffix.lower(), self._texts()
        if ending in texts:
            if options:
                raise ValueError(f"save: expected no options of {ending}; received {', '.join(options)}")
            return write(path, texts[ending]().encode("utf-8"))
        marked = self._picture(ending)
        if marked is None:
            raise ValueError(
                f"{type(self).__name__}.save: expected a path ending in {', '.join(texts)}; received "
                f"{ending!r}{self._without_graph if ending in ENDINGS else ''}"
            )
        graph, marks = marked
        return save_graph(graph, path, RenderOptions(renderer, dpi, timeout), {**marks, **options})

    def _repr_html_(self) -> str:
        """Return the text, and below it the graph with its marks, if that is small."""
        marked, text = self._picture(".svg"), text_html(str(self))
        if marked is None or len(marked[0]) > _SMALL:
            return text
        svg = contents(marked[0], ".svg", RenderOptions("builtin"), marked[1]).decode("utf-8")
        return f"{text}\n{picture_html(svg, 'The graph, with marks')}"

    def _texts(self) -> dict[str, Callable[[], str]]:
        markdown = getattr(self, "to_markdown", lambda: f"```text\n{self}\n```")
        return {
            ".txt": lambda: f"{self}\n",
            ".md": lambda: markdown() + "\n",
            ".json": lambda: json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n",
        }

    def _picture(self, ending: str) -> tuple[PureGraph, SaveOptions] | None:
        """Return the graph and its marks for a file with this ending; None without a graph."""
        return None
