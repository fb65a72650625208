"""PNG and PDF that we paint: the whole picture, in its size. `browser/test_painted.py` compares the pixels."""

from __future__ import annotations

import html
import io
import math
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from autograd_lite.graph import Picture, build_graph
from autograd_lite.graph.export.paint import painted
from autograd_lite.graph.export.shapes import Shape, Words, sheet_of
from autograd_lite.graph.pictures.style import THEMES

from ..samples import diamond
from .pictures import every_look, pictures

matplotlib = pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")

PICTURES = pictures()
SMALL = build_graph(diamond())
IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
DOCUMENTED = sorted(f.name for f in IMAGES.glob("*.svg") if "autograd-graph" in f.read_text(encoding="utf-8"))


def pixels(png: bytes) -> np.ndarray:
    from matplotlib import image

    return np.asarray(image.imread(io.BytesIO(png)))


@pytest.mark.parametrize("name", [*PICTURES, *DOCUMENTED])
def test_everything_in_the_svg_is_painted(name: str) -> None:
    svg = PICTURES.get(name) or (IMAGES / name).read_text(encoding="utf-8")
    body = svg.partition("</style>")[2]
    texts = [html.unescape(re.sub(r"<[^>]*>", "", text)) for text in re.findall(r"<text[^>]*>(.*?)</text>", body)]
    shapes = re.findall(r"<(?:rect|path|ellipse|circle) ", body)
    sheet = sheet_of(svg)
    assert ["".join(text for text, _ in w.runs) for w in sheet.marks if isinstance(w, Words)] == texts
    painted = [mark for mark in sheet.marks if isinstance(mark, Shape)]
    assert len(painted) == len(shapes)
    # Everything but the page is meant to have a color of its own: black is what a style that was not found gives.
    assert all("fill" in mark.style for mark in painted)
    assert all("fill" in style for mark in sheet.marks if isinstance(mark, Words) for _, style in mark.runs)


@pytest.mark.parametrize(
    ("svg", "received"),
    [
        ("<polygon/>", "<polygon>"),
        ('<path d="M0 0S1 1 2 2"/>', "'S'"),
        ("<style>.a > .b { fill: red }</style>", "'.a > .b'"),
    ],
)
def test_what_our_pictures_do_not_use_is_refused(svg: str, received: str) -> None:
    with pytest.raises(ValueError, match=f"received {re.escape(received)}"):
        sheet_of(f'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1">{svg}</svg>')


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("dpi", [24, 70.5])
def test_size_colors_and_corners_of_a_png(dpi: float, theme: Literal["light", "dark"]) -> None:
    svg = SMALL.to_svg()
    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)"', svg)[:2])
    picture = pixels(painted(svg, "png", dpi=dpi, theme=theme))
    assert picture.shape == (math.ceil(height * dpi / 96), math.ceil(width * dpi / 96), 4)
    page = [int(THEMES[theme].page[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    assert np.allclose(picture[4, 4], [*page, 1], atol=1e-3)
    assert all(picture[y, x, 3] < 1 for x in (0, -1) for y in (0, -1))


def test_a_png_that_would_fill_the_memory_is_refused() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="5000" height="50000"></svg>'
    with pytest.raises(ValueError, match=r"received one of 7,500 × 75,000\. Pass dpi=85 or less"):
        painted(svg, "png")
    assert 5000 * 50000 * (85 / 96) ** 2 < 2e8 < 5000 * 50000 * (86 / 96) ** 2
    assert painted(svg, "pdf").startswith(b"%PDF-")


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_the_same_bytes_whatever_is_set_for_plots(form: Literal["png", "pdf"]) -> None:
    svg = SMALL.to_svg()
    first = painted(svg, form, dpi=50)
    assert first.startswith({"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}[form])
    wild = {"text.usetex": True, "lines.scale_dashes": False, "pdf.fonttype": 3, "path.sketch": (9, 9, 9)}
    wild |= {"figure.facecolor": "red", "savefig.bbox": "tight", "font.size": 30, "figure.dpi": 20}
    with matplotlib.rc_context(wild):
        assert painted(svg, form, dpi=50) == first
        assert matplotlib.rcParams["font.size"] == 30


def test_save_paints(tmp_path: Path) -> None:
    both = build_graph(diamond(), backward=True)
    assert both.save(tmp_path / "a.png", dpi=50).read_bytes() == painted(both.to_mirror(), "png", dpi=50)
    assert SMALL.save(tmp_path / "a.pdf", renderer="builtin").read_bytes().startswith(b"%PDF-")
    picture = Picture(every_look(), "LR")
    mine = picture.save(tmp_path / "b.PNG", theme="dark", dpi=30).read_bytes()
    assert mine == painted(picture.to_svg(), "png", theme="dark", dpi=30)
    for wrong in (0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="save: expected dpi above 0; received"):
            SMALL.save(tmp_path / "c.png", dpi=wrong)
    with pytest.raises(ValueError, match=r"save: expected options of \.svg .*; received theme"):
        SMALL.save(tmp_path / "c.svg", theme="dark")
    with pytest.raises(ValueError, match="save: expected theme to be light or dark; received 'sepia'"):
        SMALL.save(tmp_path / "c.png", theme="sepia")  # type: ignore[arg-type]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pdf", "a.png", "b.PNG"]
