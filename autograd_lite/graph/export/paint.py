"""PNG and PDF of our own pictures, painted with matplotlib: the same boxes, lines and words as in the SVG."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..pictures.dot import ThemeName
from ..pictures.draw import Element, Path as Outline
from ..pictures.sheet import Scene
from ..pictures.style import FONT, THEMES, Rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.transforms import Transform

# The most dots of a PNG: eight hundred megabytes while it is painted.
_MOST_DOTS = 2e8
# Points in a CSS pixel: 96 of these are an inch, 72 of those.
_POINT = 0.75
# How far the handles of a cubic curve reach that is a quarter of a circle, in radii.
_ROUND = 0.5522847498

Style = dict[str, str]


def paint(scene: Scene, form: Literal["png", "pdf"], *, dpi: float = 144.0, theme: ThemeName = "light") -> bytes:
    """Return a picture of ours as PNG or PDF.

    Args:
        scene: the picture.
        form: "png" or "pdf"; the text of a PDF can be searched and copied.
        dpi: dots per inch of a PNG; 96 gives a dot for each pixel of the SVG.
        theme: the colors, "light" or "dark".

    Raises:
        ImportError: if there is no matplotlib.
        ValueError: if a PNG would have more than 200 million dots.
    """
    import matplotlib
    from matplotlib.figure import Figure

    if form == "png" and (area := scene.width * scene.height) * (dpi / 96) ** 2 > _MOST_DOTS:
        width, height = (round(size * dpi / 96) for size in (scene.width, scene.height))
        raise ValueError(
            f"save: expected a PNG of at most {_MOST_DOTS:,.0f} dots; received one of {width:,} × {height:,}. Pass "
            f"dpi={math.floor(96 * math.sqrt(_MOST_DOTS / area))} or less, show fewer boxes, or save it as .svg or .pdf"
        )
    with matplotlib.rc_context():  # whatever a reader has set for plots, a picture looks as it does
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"path.snap": False, "pdf.fonttype": 42})
        # A PNG has whole dots: there may be a little more room to the right and below.
        dots = dpi / 96 if form == "png" else 1e6
        right, bottom = (math.ceil(size * dots - 1e-6) / dots for size in (scene.width, scene.height))
        figure = Figure(figsize=(right / 96, bottom / 96))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, right), ylim=(bottom, 0))
        axes.set_axis_off()
        painter = _Painter(axes, scene.sheet.style.rules(THEMES[theme]), keep_text=form == "pdf")
        for element in scene.elements:
            painter.paint(element)
        # No date: the same picture is the same file.
        about = {"Title": scene.sheet.title, **({"CreationDate": None} if form == "pdf" else {"Software": None})}
        file = io.BytesIO()
        figure.savefig(file, format=form, dpi=dpi, facecolor="none", metadata=about)
    return file.getvalue()


class _Run(NamedTuple):
    """A run of text in one style: its font, its width in CSS pixels, its outlines, and their scale."""

    font: FontProperties
    width: float
    letters: Path
    scale: float


class _Painter:
    """Paints elements on Axes whose units are CSS pixels.

    Args:
        axes: where to.
        rules: the styles; later ones win.
        keep_text: write text as text, which some programs then place; False to paint its outlines, to a part of a
            pixel.
    """

    def __init__(self, axes: Axes, rules: list[Rule], keep_text: bool) -> None:
        from matplotlib import font_manager

        self._axes, self._rules, self._keep_text = axes, rules, keep_text
        installed = {font.name for font in font_manager.fontManager.ttflist}
        self._families = [name for name in FONT.replace("'", "").split(", ") if name in installed] or ["DejaVu Sans"]
        self._styles: dict[tuple[frozenset[str], frozenset[str]], Style] = {}
        self._runs: dict[tuple[str, ...], _Run] = {}

    def paint(
        self,
        element: Element,
        around: frozenset[str] = frozenset(),
        at: Transform | None = None,
        window: tuple[Path, Transform] | None = None,
    ) -> None:
        """Paint an element and its children, each over those before it.

        Args:
            element: what to paint.
            around: the classes of the elements around it.
            at: from its coordinates to those of the Axes.
            window: the outline that clips text.
        """
        from matplotlib.transforms import Affine2D

        at = at or self._axes.transData
        classes, attrs = frozenset((element.tag, *element.css.split())), element.attributes
        if element.tag in ("g", "svg"):
            if "transform" in attrs:
                at = Affine2D.from_values(*attrs["transform"]) + at
            elif element.tag == "svg":
                at = Affine2D().translate(attrs["x"], attrs["y"]) + at
                rectangle = element._replace(tag="rect", attributes={**attrs, "x": 0.0, "y": 0.0})
                window = _path(_outline(rectangle)), at
            for child in element.children:
                if isinstance(child, Element):
                    self.paint(child, around | classes, at, window)
        elif element.tag == "text":
            self._text(element, classes, around, at, {"clip_path": window} if window else {})
        elif element.tag != "title":
            self._shape(_path(_outline(element)), self._style(classes, around), at)

    def _style(self, classes: frozenset[str], around: frozenset[str]) -> Style:
        key = classes, around
        if key not in self._styles:
            selected = [rule.properties for rule in self._rules if rule.selects(classes, around)]
            self._styles[key] = {name: value for properties in selected for name, value in properties.items()}
        return self._styles[key]

    def _shape(self, path: Path, style: Style, transform: Transform, **more: Any) -> None:
        from matplotlib.colors import to_rgba
        from matplotlib.patches import PathPatch

        fill, stroke, width = style["fill"], style.get("stroke", "none"), float(style.get("stroke-width", 1))
        dashes = [float(dash) / width for dash in style.get("stroke-dasharray", "none").split() if dash != "none"]
        self._axes.add_artist(  # `add_patch` would measure it
            PathPatch(
                path,
                transform=transform,
                facecolor=to_rgba(fill, float(style.get("fill-opacity", 1))) if fill != "none" else "none",
                edgecolor=stroke,
                linewidth=width * _POINT if stroke != "none" else 0.0,
                linestyle=(0, dashes) if dashes else "solid",
                capstyle=style.get("stroke-linecap", "butt"),
                joinstyle=style.get("stroke-linejoin", "miter"),
                **more,
            )
        )

    def _run(self, text: str, size: float, style: Style) -> _Run:
        """Return a run of text; most occur many times in a picture."""
        weight = style.get("font-weight", "normal")
        slant: Any = style.get("font-style", "normal")
        key = (text, str(size), weight, slant)
        if key not in self._runs:
            from matplotlib.font_manager import FontProperties
            from matplotlib.path import Path
            from matplotlib.textpath import text_to_path

            font = FontProperties(family=self._families, style=slant, weight=weight, size=size * _POINT)
            width = text_to_path.get_text_width_height_descent(text, font, False)[0] / _POINT
            corners, codes = text_to_path.get_text_path(font, text)  # `TextPath` would read $ as formulas
            self._runs[key] = _Run(font, width, Path(corners, codes), size / text_to_path.FONT_SCALE)
        return self._runs[key]

    def _text(
        self, element: Element, classes: frozenset[str], around: frozenset[str], at: Transform, clip: dict[str, Any]
    ) -> None:
        from matplotlib.transforms import Affine2D

        style = self._style(classes, around)
        size, x, y = (element.attributes[name] for name in ("font-size", "x", "y"))
        runs: list[tuple[str, Style]] = []
        for child in element.children:
            if isinstance(child, Element):
                own = self._style(frozenset((child.tag, child.css)), around | classes)
                runs.append((str(child.children[0]), style | own))
            elif child:
                runs.append((child, style))
        letters = [self._run(text, size, own) for text, own in runs]
        width = sum(run.width for run in letters)
        x -= {"start": 0.0, "middle": 0.5, "end": 1.0}[element.attributes["text-anchor"]] * width
        for (text, own), run in zip(runs, letters, strict=True):
            here = Affine2D().scale(run.scale, -run.scale).translate(x, y) + at
            if "stroke" in own:  # a halo lies behind the letters
                self._shape(run.letters, {**own, "fill": "none"}, here, **clip)
            if self._keep_text:
                self._axes.text(x, y, text, font=run.font, color=own["fill"], transform=at, parse_math=False, **clip)
            else:
                self._shape(run.letters, {"fill": own["fill"]}, here, **clip)
            if own.get("text-decoration") == "line-through":
                line: Outline = (("M", x, y - 0.3 * size), ("h", run.width))
                self._shape(_path(line), {"fill": "none", "stroke": own["fill"]}, at)
            x += run.width


def _outline(element: Element) -> Outline:
    """Return the outline of a shape."""
    attrs = element.attributes
    if element.tag == "path":
        return attrs["d"]
    if element.tag == "rect":
        r = attrs.get("rx", 0.0)
        across, down, far = attrs["width"] - 2 * r, attrs["height"] - 2 * r, r * _ROUND
        near = r - far
        pieces: Outline = (
            ("M", attrs.get("x", 0.0) + r, attrs.get("y", 0.0)),
            *(("h", across), ("c", far, 0, r, near, r, r), ("v", down), ("c", 0, far, -near, r, -r, r)),
            *(("h", -across), ("c", -far, 0, -r, -near, -r, -r), ("v", -down), ("c", 0, -far, near, -r, r, -r), ("z",)),
        )
        return [piece for piece in pieces if r or piece[0] != "c"]
    x, y = attrs["cx"], attrs["cy"]
    rx, ry = (attrs["rx"], attrs["ry"]) if element.tag == "ellipse" else (attrs["r"], attrs["r"])
    return ("M", x - rx, y), ("A", rx, ry, 0, 0, 1, x + rx, y), ("A", rx, ry, 0, 0, 1, x - rx, y), ("Z",)


def _path(pieces: Outline) -> Path:
    """Return pieces in SVG's letters as matplotlib's path, with absolute points."""
    from matplotlib.path import Path

    codes = {"M": Path.MOVETO, "C": Path.CURVE4, "Q": Path.CURVE3, "Z": Path.CLOSEPOLY}
    points: list[tuple[float, float]] = []
    kinds: list[Any] = []
    x = y = 0.0
    for letter, *numbers in pieces:
        kind = letter.upper()
        dx, dy = (x, y) if letter.islower() else (0.0, 0.0)
        if kind == "H":
            numbers = [*numbers, y - dy]
        elif kind == "V":
            numbers = [x - dx, *numbers]
        elif kind == "A":
            kind, numbers = "C", _half_ellipse(x, numbers)
        new = [(a + dx, b + dy) for a, b in zip(numbers[::2], numbers[1::2], strict=True)] or [(0.0, 0.0)]
        points += new
        kinds += [codes.get(kind, Path.LINETO)] * len(new)
        x, y = new[-1]  # after "Z" only "M" follows
    return Path(points, kinds)


def _half_ellipse(x: float, numbers: list[float]) -> list[float]:
    """Return the curves of an arc whose ends are those of a horizontal axis."""
    _, ry, _, _, sweep, end, y = numbers
    middle, handle, bend = (x + end) / 2, (end - x) / 2 * _ROUND, ry if (sweep > 0) == (end < x) else -ry
    first = [x, y + bend * _ROUND, middle - handle, y + bend, middle, y + bend]
    return [*first, middle + handle, y + bend, end, y + bend * _ROUND, end, y]
