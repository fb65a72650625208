"""PNG and PDF that we paint: the whole picture, in its size. `browser/test_painted.py` compares the pixels."""

from __future__ import annotations

import html
import io
import math
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from autograd_lite.graph import Picture, build_graph
from autograd_lite.graph.export.paint import _Painter, paint
from autograd_lite.graph.pictures.draw import element
from autograd_lite.graph.pictures.mirror.svg import mirror_scene
from autograd_lite.graph.pictures.sheet import Scene
from autograd_lite.graph.pictures.style import THEMES
from autograd_lite.graph.pictures.svg import graph_scene, view_scene

from ..samples import diamond
from .pictures import every_look, pictures

matplotlib = pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import PathPatch  # noqa: E402

PICTURES = pictures()
SMALL = build_graph(diamond())
SCENE = graph_scene(SMALL)


def pixels(png: bytes) -> np.ndarray:
    from matplotlib import image

    return np.asarray(image.imread(io.BytesIO(png)))


def artists(scene: Scene) -> tuple[list[str], list[Any]]:
    """Return the texts and the shapes that are painted of a scene, in their order."""
    axes = Figure().add_axes((0, 0, 1, 1))
    painter = _Painter(axes, scene.sheet.style.rules(THEMES["light"]), keep_text=True)
    for part in scene.elements:
        painter.paint(part)
    return [text.get_text() for text in axes.texts], [a for a in axes.get_children() if isinstance(a, PathPatch)]


# In "window" are letters that the painter's font may lack, of which matplotlib warns.
@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", PICTURES)
def test_everything_in_the_svg_is_painted(name: str) -> None:
    scene = PICTURES[name]
    body = scene.to_svg().partition("</style>")[2]
    texts = [html.unescape(re.sub(r"<[^>]*>", "", text)) for text in re.findall(r"<text[^>]*>(.*?)</text>", body)]
    shapes = re.findall(r"<(?:rect|path|ellipse|circle) ", body)
    painted, patches = artists(scene)
    assert "".join(painted) == "".join(texts)
    signs = re.findall(r'class="node removed.*?class="head"[^>]*>(<tspan)?', body)  # these are struck through too
    assert len(patches) == len(shapes) + body.count("halo") + sum(1 + bool(sign) for sign in signs)


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "window"])
def test_every_element_has_a_color_of_its_own(name: str) -> None:
    """Black is what a browser gives without a style; the painter raises KeyError."""
    artists(PICTURES[name])
    scene = PICTURES[name]
    stray = scene._replace(elements=(element("rect", "stray", x=0.0, y=0.0, width=1.0, height=1.0),))
    with pytest.raises(KeyError, match="fill"):
        paint(stray, "png", dpi=20)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("dpi", [24, 70.5])
def test_size_colors_and_corners_of_a_png(dpi: float, theme: Literal["light", "dark"]) -> None:
    width, height = SCENE.width, SCENE.height
    picture = pixels(paint(SCENE, "png", dpi=dpi, theme=theme))
    assert picture.shape == (math.ceil(height * dpi / 96), math.ceil(width * dpi / 96), 4)
    page = [int(THEMES[theme].page[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    assert np.allclose(picture[4, 4], [*page, 1], atol=1e-3)
    assert all(picture[y, x, 3] < 1 for x in (0, -1) for y in (0, -1))


def test_a_png_that_would_fill_the_memory_is_refused() -> None:
    large = SCENE._replace(width=5000.0, height=50000.0, elements=())
    with pytest.raises(ValueError, match=r"received one of 7,500 × 75,000\. Pass dpi=85 or less"):
        paint(large, "png")
    assert 5000 * 50000 * (85 / 96) ** 2 < 2e8 < 5000 * 50000 * (86 / 96) ** 2
    assert paint(large, "pdf").startswith(b"%PDF-")


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_the_same_bytes_whatever_is_set_for_plots(form: Literal["png", "pdf"]) -> None:
    first = paint(SCENE, form, dpi=50)
    assert first.startswith({"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}[form])
    wild = {"text.usetex": True, "lines.scale_dashes": False, "pdf.fonttype": 3, "path.sketch": (9, 9, 9)}
    wild |= {"figure.facecolor": "red", "savefig.bbox": "tight", "font.size": 30, "figure.dpi": 20}
    with matplotlib.rc_context(wild):
        assert paint(SCENE, form, dpi=50) == first
        assert matplotlib.rcParams["font.size"] == 30


def test_save_paints(tmp_path: Path) -> None:
    both = build_graph(diamond(), backward=True)
    assert both.save(tmp_path / "a.png", dpi=50).read_bytes() == paint(mirror_scene(both), "png", dpi=50)
    assert SMALL.save(tmp_path / "a.pdf", renderer="builtin").read_bytes().startswith(b"%PDF-")
    picture = Picture(every_look(), "LR")
    mine = picture.save(tmp_path / "b.PNG", theme="dark", dpi=30).read_bytes()
    assert mine == paint(view_scene(every_look(), "LR"), "png", theme="dark", dpi=30)
    for wrong in (0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="save: expected dpi above 0; received"):
            SMALL.save(tmp_path / "c.png", dpi=wrong)
    with pytest.raises(ValueError, match=r"save: expected options of \.svg .*; received theme"):
        SMALL.save(tmp_path / "c.svg", theme="dark")
    with pytest.raises(ValueError, match="save: expected theme to be light or dark; received 'sepia'"):
        SMALL.save(tmp_path / "c.png", theme="sepia")  # type: ignore[arg-type]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pdf", "a.png", "b.PNG"]
