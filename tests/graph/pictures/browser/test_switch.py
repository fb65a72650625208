"""The switch of a site's theme reaches pictures and pages in it, whatever the system prefers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import build_graph

from ....browser import missing

pytestmark = pytest.mark.ci

DOCS = Path(__file__).resolve().parents[4] / "docs"


def site(folder: Path, switch: str) -> str:
    """A page as Furo makes it, with a picture and a page in a frame; return its address."""
    graph = build_graph(ag.tensor(2.0, requires_grad=True, name="w") ** 2)
    graph.save(folder / "picture.svg")
    graph.save(folder / "page.html")
    graph.save(folder / "dots.png")
    css = (DOCS / "_static" / "pictures.css").read_text(encoding="utf-8")
    (folder / "index.html").write_text(
        f'<!doctype html><style>{css}</style><body data-theme="{switch}" style="margin:0"><img src="picture.svg">'
        '<iframe src="page.html" style="border:0;display:block" width="600" height="500"></iframe>'
        '<div class="cell_output"><img src="dots.png"></div>',
        encoding="utf-8",
    )
    return (folder / "index.html").as_uri()


@pytest.mark.parametrize("system", ["light", "dark"])
@pytest.mark.parametrize("switch", ["auto", "light", "dark"])
def test_the_switch_reaches_pictures(browser: Any, tmp_path: Path, system: str, switch: str) -> None:
    image = pytest.importorskip("matplotlib.image", reason="the extra `plot` is not installed")
    context = browser.new_context(color_scheme=system, viewport={"width": 700, "height": 300})
    page = context.new_page()
    page.goto(site(tmp_path, switch))
    for selector in ("img[src$=svg]", "img[src$=png]"):
        pixels = np.asarray(image.imread(io.BytesIO(page.locator(selector).screenshot())))
        seen = "light" if pixels[14, 14, :3].mean() > 0.5 else "dark"
        assert seen == (system if switch == "auto" else switch), selector
    context.close()


@pytest.mark.parametrize("switch", ["light", "dark"])
def test_the_switch_reaches_pages_in_frames(browser: Any, tmp_path: Path, switch: str) -> None:
    # Playwright's own preference would hold inside of frames too, which no reader's does.
    context = browser.new_context(color_scheme="no-preference")
    page = context.new_page()
    page.goto(site(tmp_path, switch))
    page.frames[1].wait_for_selector("html[data-ready]")
    assert page.frames[1].evaluate("document.documentElement.dataset.theme") == switch
    context.close()


@pytest.mark.parametrize("switch", ["light", "dark"])
def test_the_switch_reaches_movies(browser: Any, tmp_path: Path, switch: str) -> None:
    plots = pytest.importorskip("nn.plots", reason="the extra `plot` is not installed")
    address = site(tmp_path, switch)
    index = tmp_path / "index.html"
    movie = plots.gradient_descent_movie(np.square, 1.0, steps=2)
    index.write_text(index.read_text(encoding="utf-8").partition("<img")[0] + movie._repr_html_(), encoding="utf-8")
    context = browser.new_context(color_scheme="no-preference")
    page = context.new_page()
    page.goto(address)
    page.frames[1].wait_for_selector("html[data-ready]")
    paper = page.frames[1].evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 23, 42)"}[switch]
    context.close()


def test_the_documentation_has_these_styles() -> None:
    assert '"pictures.css"' in (DOCS / "conf.py").read_text(encoding="utf-8")


def test_furo_turns_the_switch_on_the_body() -> None:
    try:
        import furo
    except ImportError:
        missing("no Furo found: pip install furo")
    scripts = Path(furo.__file__).parent.rglob("furo.js")
    assert any("document.body.dataset.theme" in script.read_text(encoding="utf-8") for script in scripts)
