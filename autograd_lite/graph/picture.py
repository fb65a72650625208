"""Pictures that need not be of a computation, in the forms that pictures have: of boxes and lines, or any drawing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Literal

from .export.render import Renderer, RenderOptions, render
from .export.save import write
from .pictures.dot import ThemeName, dot_text
from .pictures.sheet import Scene
from .pictures.svg import view_scene
from .pictures.view import DIRECTIONS, Direction, View

__all__ = ["DrawnPicture", "Picture"]

_PAINTED: dict[str, Literal["png", "pdf"]] = {".png": "png", ".pdf": "pdf"}


class DrawnPicture:
    """A picture that has been drawn, such as of a sparsity pattern; a notebook shows it.

    Args:
        scene: the drawing.
        words: the same as text, if there is one.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> picture = ag.sparse.jacobian(np.sin).picture(np.ones(3))
        >>> picture
        <DrawnPicture: Jacobian of sin>
        >>> picture.to_svg().startswith("<svg")
        True
    """

    def __init__(self, scene: Scene, words: str = "") -> None:
        self._drawn, self._words = scene, words

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._drawn.sheet.title}>"

    def _scene(self) -> Scene:
        return self._drawn

    def to_svg(self) -> str:
        """Return the picture as SVG, drawn without any other program."""
        return self._scene().to_svg()

    def save(self, path: str | Path, *, dpi: float = 144.0, theme: ThemeName = "light") -> Path:
        """Write the picture to a file, whole or not at all, in the form that its ending names.

        Args:
            path: of the file, which ends in .svg, .png or .pdf, or .txt if there are words. matplotlib paints .png and
                .pdf.
            dpi: dots per inch of a PNG, above 0; 96 gives the size of the SVG.
            theme: the colors, "light" or "dark", of all but .svg, which has both.

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending or theme, or the dots per inch are not above 0.
            RenderError: if there is no matplotlib for a PNG or a PDF.
        """
        forms = {".svg": self.to_svg}
        if self._words:
            forms[".txt"] = lambda: f"{self._words}\n"
        return self._write(path, RenderOptions("builtin", dpi), theme, forms, str)

    def _write(
        self,
        path: str | Path,
        options: RenderOptions,
        theme: ThemeName,
        forms: dict[str, Callable[[], str]],
        dot: Callable[[], str],
    ) -> Path:
        ending = Path(path).suffix.lower()
        if ending in _PAINTED:
            return write(path, render(_PAINTED[ending], options, self._scene, dot, theme))
        if ending not in forms:
            endings = ", ".join([*forms, *_PAINTED])
            raise ValueError(f"save: expected a path ending in {endings}; received {ending!r}")
        return write(path, forms[ending]().encode("utf-8"))

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        faces: dict[str, Callable[[], str]] = {"text/plain": lambda: repr(self), "image/svg+xml": self.to_svg}
        kinds = (kind for kind in faces if (not include or kind in include) and kind not in (exclude or ()))
        return {kind: faces[kind]() for kind in kinds}


class Picture(DrawnPicture):
    """A picture of boxes and lines; a notebook shows it.

    Args:
        view: the boxes and lines.
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

    def _scene(self) -> Scene:
        return view_scene(self.view, self.direction)

    def to_dot(self, *, theme: ThemeName = "light") -> str:
        """Return the picture in Graphviz's DOT language.

        Args:
            theme: the colors, "light" or "dark".
        """
        return dot_text(self.view, theme, self.direction)

    def save(
        self,
        path: str | Path,
        *,
        renderer: Renderer = "auto",
        dpi: float = 144.0,
        timeout: float = 30.0,
        theme: ThemeName = "light",
    ) -> Path:
        """Write the picture to a file, whole or not at all, in the form that its ending names.

        Args:
            path: of the file, which ends in .svg, .dot, .png or .pdf. The last two are the picture of .svg, painted
                with matplotlib, or Graphviz's for want of that.
            renderer: who draws PNG and PDF: "auto" for whatever is there; "builtin" for ourselves, "dot" or
                "graphviz-pure" for that one alone.
            dpi: dots per inch of a PNG, above 0; 96 gives the size of the SVG.
            timeout: seconds after which a program that draws is killed.
            theme: the colors, "light" or "dark", of all but .svg, which has both.

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending, renderer or theme, or the dots per inch are not above 0.
            RenderError: if nothing can draw a PNG or a PDF; the message says how to get what can.
        """
        rich = renderer == "dot"  # bold heads, which graphviz-pure does not read
        forms = {".svg": self.to_svg, ".dot": lambda: self.to_dot(theme=theme)}
        dot = partial(dot_text, self.view, theme, self.direction, rich=rich)
        return self._write(path, RenderOptions(renderer, dpi, timeout), theme, forms, dot)
