"""PNG and PDF of our own pictures, painted with matplotlib: the same boxes, lines and words as in the SVG."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..pictures.dot import ThemeName
from ..pictures.style import FONT
from .shapes import Matrix, Point, Shape, Sheet, Style, Words, sheet_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.transforms import Transform

# The most dots of a PNG: eight hundred megabytes while it is painted.
_MOST_DOTS = 2e8
# Points in a CSS pixel: 96 of these are an inch, 72 of those.
_POINT = 0.75


def painted(svg: str, form: Literal["png", "pdf"], *, dpi: float = 144.0, theme: ThemeName = "light") -> bytes:
    """Return a picture of ours as PNG or PDF.

    Args:
        svg: the picture.
        form: "png" or "pdf"; the text of a PDF can be searched and copied.
        dpi: dots per inch of a PNG; 96 gives a dot for each pixel of the SVG.
        theme: the colors, "light" or "dark".

    Raises:
        ImportError: if there is no matplotlib.
        ValueError: if a PNG would have more than 200 million dots.
    """
    import matplotlib
    from matplotlib.figure import Figure

    sheet = sheet_of(svg, theme)
    if form == "png" and (area := sheet.width * sheet.height) * (dpi / 96) ** 2 > _MOST_DOTS:
        wide, high = (round(size * dpi / 96) for size in (sheet.width, sheet.height))
        raise ValueError(
            f"save: expected a PNG of at most {_MOST_DOTS:,.0f} dots; received one of {wide:,} × {high:,}. Pass "
            f"dpi={math.floor(96 * math.sqrt(_MOST_DOTS / area))} or less, show fewer boxes, or save it as .svg or .pdf"
        )
    with matplotlib.rc_context():  # whatever a reader has set for plots, a picture looks as it does
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"path.snap": False, "pdf.fonttype": 42})
        # A PNG has whole dots: there may be a little more room to the right and below.
        dots = dpi / 96 if form == "png" else 1e6
        width, height = (math.ceil(size * dots - 1e-6) / dots for size in (sheet.width, sheet.height))
        figure = Figure(figsize=(width / 96, height / 96))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        _Painter(axes, letters=form == "pdf").paint(sheet)
        # No date: the same picture is the same file.
        about = {"Title": sheet.title, **({"CreationDate": None} if form == "pdf" else {"Software": None})}
        file = io.BytesIO()
        figure.savefig(file, format=form, dpi=dpi, facecolor="none", metadata=about)
    return file.getvalue()


class _Set(NamedTuple):
    """A run of text as it is set: its font, its width in CSS pixels, its outlines, and how large these are painted."""

    font: FontProperties
    wide: float
    letters: Path
    scale: float


class _Painter:
    """Puts shapes and words on Axes whose units are CSS pixels.

    Args:
        axes: where to.
        letters: write text as text, which some programs then place; False to paint its outlines, to a part of a pixel.
    """

    def __init__(self, axes: Axes, letters: bool) -> None:
        from matplotlib import font_manager

        self._axes, self._letters = axes, letters
        there = {font.name for font in font_manager.fontManager.ttflist}
        self._families = [name for name in FONT.replace("'", "").split(", ") if name in there] or ["DejaVu Sans"]
        self._known: dict[tuple[str, ...], _Set] = {}

    def paint(self, sheet: Sheet) -> None:
        """Paint the whole sheet, each mark over those before it."""
        for mark in sheet.marks:
            if isinstance(mark, Shape):
                self._shape(_path_of(mark), mark.style, self._placed(mark.at))
            else:
                self._words(mark)

    def _placed(self, at: Matrix) -> Transform:
        from matplotlib.transforms import Affine2D

        return Affine2D.from_values(*at) + self._axes.transData

    def _shape(self, path: Path, style: Style, transform: Transform, **more: Any) -> None:
        from matplotlib.colors import to_rgba
        from matplotlib.patches import PathPatch

        fill, stroke, wide = (
            style.get("fill", "black"),
            style.get("stroke", "none"),
            float(style.get("stroke-width", 1)),
        )
        dashes = [float(dash) / wide for dash in style.get("stroke-dasharray", "none").split() if dash != "none"]
        self._axes.add_artist(  # `add_patch` would measure it
            PathPatch(
                path,
                transform=transform,
                facecolor=to_rgba(fill, float(style.get("fill-opacity", 1))) if fill != "none" else "none",
                edgecolor=stroke,
                linewidth=wide * _POINT if stroke != "none" else 0.0,
                linestyle=(0, dashes) if dashes else "solid",
                capstyle=style.get("stroke-linecap", "butt"),
                joinstyle=style.get("stroke-linejoin", "miter"),
                **more,
            )
        )

    def _set(self, text: str, style: Style) -> _Set:
        """Return how a run of text is set; most texts of a picture occur many times."""
        size, weight, slant = (style.get(name, "") for name in ("font-size", "font-weight", "font-style"))
        key = (text, size, weight, slant)
        if key not in self._known:
            from matplotlib.font_manager import FontProperties
            from matplotlib.path import Path
            from matplotlib.textpath import text_to_path

            font = FontProperties(
                family=self._families, style="italic" if slant == "italic" else "normal", weight=weight or "normal"
            )
            font.set_size(float(size) * _POINT)
            wide = text_to_path.get_text_width_height_descent(text, font, False)[0] / _POINT
            corners, codes = text_to_path.get_text_path(font, text)  # `TextPath` would read $ as formulas
            self._known[key] = _Set(font, wide, Path(corners, codes), float(size) / text_to_path.FONT_SCALE)
        return self._known[key]

    def _words(self, words: Words) -> None:
        from matplotlib.path import Path
        from matplotlib.transforms import Affine2D

        runs = [self._set(*run) for run in words.runs]
        x = words.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * sum(run.wide for run in runs)
        placed = self._placed(words.at)
        cut: dict[str, Any] = {}
        if words.window:
            left, top, right, low = words.window
            around = [(left, top), (right, top), (right, low), (left, low), (left, top)]
            cut["clip_path"] = (Path(around, closed=True), self._axes.transData)
        for (text, style), run in zip(words.runs, runs, strict=True):
            here = Affine2D().scale(run.scale, -run.scale).translate(x, words.y) + placed
            if "stroke" in style:  # a halo lies behind the letters
                self._shape(run.letters, {**style, "fill": "none"}, here, **cut)
            if self._letters:
                self._axes.text(
                    x, words.y, text, font=run.font, color=style["fill"], transform=placed, parse_math=False, **cut
                )
            else:
                self._shape(run.letters, {"fill": style["fill"]}, here, **cut)
            if style.get("text-decoration") == "line-through":
                y = words.y - 0.3 * float(style["font-size"])
                self._shape(Path([(x, y), (x + run.wide, y)]), {"fill": "none", "stroke": style["fill"]}, placed)
            x += run.wide


def _path_of(shape: Shape) -> Path:
    from matplotlib.path import Path

    codes = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4, "Z": Path.CLOSEPOLY}
    points: list[Point] = []
    kinds: list[Any] = []
    for letter, given in shape.path:
        points += given or ((0.0, 0.0),)
        kinds += [codes[letter]] * max(len(given), 1)
    return Path(points, kinds)
