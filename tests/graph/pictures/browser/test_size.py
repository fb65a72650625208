"""What a page shows first fits, every node can be reached by clicks, saved lines go around boxes, zooming is quick."""

from __future__ import annotations

from typing import Any

import pytest

from autograd_lite.graph import build_graph

from ...hard import HARD
from ...large import irregular
from ...samples import SAMPLES
from .conftest import Open, Shown

pytestmark = pytest.mark.ci

# Their first views were too wide or too tall before anything was folded; the others are in test_size.py as SVG.
WIDE = ("resnet", "leaves", "adam_step", "irregular_120")


@pytest.mark.parametrize("name", WIDE)
def test_the_first_view_fits_on_three_screens(shown: Open, name: str) -> None:
    page = shown(build_graph(HARD[name](), backward=True), (1600, 1000)).open()
    for mode in ("both", "forward"):
        page.mode(mode)
        boxes = page.boxes().values()
        assert max(b["x"] + b["w"] for b in boxes) - min(b["x"] for b in boxes) <= 1600
        assert max(b["y"] + b["h"] for b in boxes) - min(b["y"] for b in boxes) <= 3000


def test_one_click_on_the_plus_opens(shown: Open) -> None:
    graph = build_graph(HARD["irregular_120"]())
    page = shown(graph, (1600, 1000)).open()
    while folded := [i for i in page.ids() if i.startswith("m")]:
        page.page.locator(f'#picture .node[data-id="{folded[0]}"] .opens').dispatch_event("click")
        assert folded[0] not in page.ids()
    assert sorted(page.ids(), key=lambda i: int(i[1:])) == [node.id for node in graph]


_THROUGH = """() => {
  const boxOf = (g) => [g.dataset.id, g.querySelector('.box').getBBox()];
  const boxes = [...document.querySelectorAll('#picture .node')].map(boxOf);
  const inside = (p, b) => p.x > b.x + 1 && p.x < b.x + b.width - 1 && p.y > b.y + 1 && p.y < b.y + b.height - 1;
  const found = [];
  for (const line of document.querySelectorAll('#picture .line.saved')) {
    const way = line.querySelector('.way'), length = way.getTotalLength(), ends = [line.dataset.from, line.dataset.to];
    for (let at = 0; at <= length; at += 3) {
      const p = way.getPointAtLength(at);
      for (const [id, b] of boxes) if (!ends.includes(id) && inside(p, b)) found.push([...ends, id].join(' '));
    }
  }
  return [document.querySelectorAll('#picture .line.saved').length, [...new Set(found)]];
}"""


@pytest.mark.parametrize("name", ["diamond", "regularized", "irregular_120"])
def test_saved_lines_go_around_boxes(shown: Open, name: str) -> None:
    page = shown(build_graph((SAMPLES.get(name) or HARD[name])(), backward=True), (1600, 1000)).open()  # type: ignore[arg-type]
    lines, through = page.page.evaluate(_THROUGH)
    assert lines > 3
    assert through == []


def zoomed(page: Shown) -> Any:
    """Turn the wheel; return the milliseconds until each of several turns is painted."""
    return page.page.evaluate(
        """async () => {
          const took = [], picture = document.getElementById('picture');
          for (let i = 0; i < 9; i++) {
            const begin = performance.now();
            const turn = { deltaY: -60, clientX: 700, clientY: 500, bubbles: true, cancelable: true };
            picture.dispatchEvent(new WheelEvent('wheel', turn));
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            took.push(performance.now() - begin);
          }
          return took;
        }"""
    )


def test_two_thousand_open_boxes_zoom_quickly(shown: Open) -> None:
    page = shown(build_graph(irregular(3600)), (1600, 1000)).open()
    page.press("a")
    page.page.wait_for_selector("#picture .node >> nth=1999", state="attached")
    zoomed(page)  # the first frames after a change are those of the change
    took = zoomed(page)
    assert sorted(took)[len(took) // 2] < 200
