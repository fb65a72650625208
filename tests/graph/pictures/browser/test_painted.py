"""PNG and PDF next to what a browser makes of the same SVG: the same pixels; and in the PDF, every word."""

from __future__ import annotations

import html
import io
import re
from typing import Any

import numpy as np
import pytest

from autograd_lite.graph.export.paint import paint

from ....browser import missing
from ...export.pictures import pictures

pytestmark = pytest.mark.ci
# In "window" are letters that the painter's font may lack.
PICTURES = pictures()


def seen(browser: Any, svg: str, theme: str) -> np.ndarray:
    """What the browser shows."""
    width, height = (int(float(size)) + 1 for size in re.findall(r'(?:width|height)="([\d.]+)"', svg)[:2])
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    page = context.new_page()
    page.set_content(f'<body style="margin:0">{svg.replace("max-width:100%;height:auto", "display:block")}</body>')
    shot = page.screenshot(omit_background=True)
    context.close()
    return flat(shot)


def flat(png: bytes) -> np.ndarray:
    """The picture on white paper."""
    image = pytest.importorskip("matplotlib.image", reason="the extra `plot` is not installed")
    pixels = image.imread(io.BytesIO(png))
    return np.asarray(pixels[..., :3] * pixels[..., 3:] + 1 - pixels[..., 3:])


def coarse(pixels: np.ndarray, cell: int = 4) -> np.ndarray:
    """Means over cells, in which it does not matter how the edge of a letter is smoothed."""
    high, wide = (size // cell * cell for size in pixels.shape[:2])
    return pixels[:high, :wide].reshape(high // cell, cell, wide // cell, cell, 3).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("name", "theme"),
    [*((name, "light") for name in PICTURES if name != "window"), ("looks", "dark"), ("mirror", "dark")],
)
def test_a_png_is_what_a_browser_shows(browser: Any, name: str, theme: str) -> None:
    scene = PICTURES[name]
    svg = scene.to_svg()
    mine, its = coarse(flat(paint(scene, "png", dpi=96, theme=theme))), coarse(seen(browser, svg, theme))  # type: ignore[arg-type]
    high, wide = (min(a, b) for a, b in zip(mine.shape[:2], its.shape[:2], strict=True))
    assert max(abs(a - b) for a, b in zip(mine.shape[:2], its.shape[:2], strict=True)) <= 1
    apart = np.abs(mine[:high, :wide] - its[:high, :wide]).max(axis=2)
    assert apart.mean() < 0.006, apart.mean()
    assert apart.max() < 0.35, (apart.max(), np.argwhere(apart == apart.max())[:3] * 4)


@pytest.mark.parametrize("name", ["looks", "mirror", "names"])
def test_every_word_is_in_the_pdf(name: str) -> None:
    try:
        import pypdf
    except ImportError:
        missing("no pypdf found: pip install pypdf")
    scene = PICTURES[name]
    svg = scene.to_svg()
    pdf = pypdf.PdfReader(io.BytesIO(paint(scene, "pdf")))
    assert len(pdf.pages) == 1
    assert pdf.metadata.title == html.unescape(re.findall(r"<title[^>]*>([^<]*)", svg)[0])
    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)"', svg)[:2])
    assert np.allclose(
        [pdf.pages[0].mediabox.width, pdf.pages[0].mediabox.height], [0.75 * width, 0.75 * height], atol=0.1
    )
    said = re.sub(r"\s", "", pdf.pages[0].extract_text())
    texts = [html.unescape(re.sub(r"<[^>]*>", "", text)) for text in re.findall(r"<text[^>]*>(.*?)</text>", svg)]
    assert texts
    assert [text for text in texts if re.sub(r"\s", "", text) not in said] == []
