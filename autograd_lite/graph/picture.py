"""A picture of boxes and lines that need not be a computation: drawn from a View, in the forms that pictures have."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path

from .export.render import Format, Renderer, RenderError, rendered
from .export.save import written
from .pictures.dot import ThemeName, dot_text
from .pictures.svg import svg_text
from .pictures.view import DIRECTIONS, Direction, View

__all__ = ["Picture"]

_RENDERED: dict[str, Format] = {".png": "png", ".pdf": "pdf"}


class Picture:
    """A picture of boxes and lines; a notebook shows it.

    Args:
        view: what is drawn.
        direction: where lines lead: "TB" from top to bottom, "BT" upwards, "LR" from left to right, "RL" to the left.

    Raises:
        ValueError: if the direction is another word.

    Example:
        >>> from autograd_lite.graph import View, ViewEdge, ViewNode
        >>> boxes = (ViewNode("a", "op", ("first",)), ViewNode("b", "output", ("second",)))
        >>> picture = Picture(View(boxes, (ViewEdge("a", "b"),)), "LR")
        >>> picture.to_svg().startswith("<svg")
        True
    """

    def __init__(self, view: View, direction: Direction = "TB") -> None:
        if direction not in DIRECTIONS:
            raise ValueError(
                f"Picture: expected direction to be one of {', '.join(DIRECTIONS)}; received {direction!r}"
            )
        self.view, self.direction = view, direction

    def __repr__(self) -> str:
        return f"<Picture of {len(self.view.nodes)} boxes: {self.view.title}>"

    def to_svg(self) -> str:
        """Return the picture as SVG, drawn without any other program."""
        return svg_text(self.view, self.direction)

    def to_dot(self, *, theme: ThemeName = "light") -> str:
        """Return the picture in Graphviz's DOT language.

        Args:
            theme: the colors, "light" or "dark".
        """
        return dot_text(self.view, theme, self.direction)

    def save(self, path: str | Path, *, renderer: Renderer = "auto", dpi: float = 144.0, timeout: float = 30.0) -> Path:
        """Write the picture to a file, whole or not at all, in the form that its ending names.

        Args:
            path: of the file, which ends in .svg, .dot, .png or .pdf; the last two are drawn by Graphviz.
            renderer: who draws those: "auto" for whatever is there, "dot" or "graphviz-pure" for that one alone.
            dpi: dots per inch of a PNG.
            timeout: seconds after which a program that draws is killed.

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending or renderer.
            RenderError: if nothing can draw a PNG or a PDF; the message says how to get what can.
        """
        ending = Path(path).suffix.lower()
        if ending in _RENDERED:
            return written(path, self._drawn(_RENDERED[ending], renderer, dpi, timeout))
        forms: dict[str, Callable[[], str]] = {".svg": self.to_svg, ".dot": self.to_dot}
        if ending not in forms:
            known = ", ".join([*forms, *_RENDERED])
            raise ValueError(f"save: expected a path ending in {known}; received {ending!r}")
        return written(path, forms[ending]().encode("utf-8"))

    def _drawn(self, form: Format, renderer: Renderer, dpi: float, timeout: float) -> bytes:
        """Draw with bold heads if Graphviz's own `dot` is there, else as any program can."""
        if renderer in ("auto", "dot"):
            with contextlib.suppress(RenderError):
                rich = dot_text(self.view, "light", self.direction, rich=True)
                return rendered(rich, form, renderer="dot", dpi=dpi, timeout=timeout)
        return rendered(self.to_dot(), form, renderer=renderer, dpi=dpi, timeout=timeout)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        faces: dict[str, Callable[[], str]] = {"text/plain": lambda: repr(self), "image/svg+xml": self.to_svg}
        wanted = (kind for kind in faces if (not include or kind in include) and kind not in (exclude or ()))
        return {kind: faces[kind]() for kind in wanted}
