"""A real Chromium, driven by Playwright, and pages of graphs in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd_lite.graph import Graph, Program, build_graph

from ...large import transformer
from ...samples import perceptron

Box = dict[str, float]


class Shown:
    """A page in the browser, and everything that went wrong on it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))

    def open(self, hash: str = "") -> Shown:
        self.page.goto(self.url + hash)
        self.page.wait_for_selector("html[data-ready]")
        return self

    def boxes(self, selector: str = ".node") -> dict[str, Box]:
        """Return the boxes that are seen, by id, in the picture's own pixels."""
        found = self.page.evaluate(
            """(selector) => [...document.querySelectorAll('#picture ' + selector)].map((g) => {

              // Of the two borders of a result the outer one, of the sheets of a folded group the one in front.
              const all = [...g.querySelectorAll('.box, .border')].map((e) => e.getBBox());
              const r = all.reduce((a, b) => (b.width >= a.width ? b : a));
              return [g.dataset.id, {x: r.x, y: r.y, w: r.width, h: r.height}];
            })""",
            selector,
        )
        return dict(found)

    def ids(self) -> list[str]:
        return list(self.page.evaluate("[...document.querySelectorAll('#picture .node')].map((g) => g.dataset.id)"))

    def click(self, box: str) -> None:
        self.page.locator(f'#picture .node[data-id="{box}"]').click(force=True)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def selected(self) -> str:
        return str(self.page.evaluate("document.querySelector('#picture .selected')?.dataset.id || ''"))

    def mode(self, name: str) -> None:
        self.page.click(f'[data-mode="{name}"]')


def serious(page: Shown, axe: str) -> list[str]:
    """Return what axe-core finds serious or critical."""
    page.page.evaluate(axe)
    found = page.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {v['help']}: {[n['html'][:200] for n in v['nodes'][:3]]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


Open = Callable[..., Shown]


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open graphs (or texts) as pages; in the end nothing may have gone wrong or been asked for."""
    opened: list[Shown] = []

    def show(
        graph: Graph | str, size: tuple[int, int] = (1280, 800), dark: bool = False, init: str = "", **options: Any
    ) -> Shown:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            accept_downloads=True,
        )
        if init:
            context.add_init_script(init)
        file = tmp_path / f"page{len(opened)}.html"
        file.write_text(graph if isinstance(graph, str) else graph.to_html(**options), encoding="utf-8")
        opened.append(Shown(context.new_page(), file.as_uri()))
        return opened[-1]

    yield show
    for page in opened:
        asked = [url for url in page.requests if not url.startswith(("file:", "blob:", "data:", "about:"))]
        page.page.context.close()
        assert not asked
        assert sum(url.startswith("file:") for url in page.requests) <= page.requests.count(page.url) + 9
        assert not page.errors


@pytest.fixture(scope="session")
def step() -> Graph:
    """A transformer's training step: thousands of nodes."""
    graph = build_graph(transformer(), backward=True)
    assert len(graph) > 2000
    return graph


@pytest.fixture(scope="session")
def mlp() -> Graph:
    return Program.build(perceptron(), backward=True).measure()
