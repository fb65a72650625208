"""A real Chromium, driven by Playwright, and pages of graphs in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from autograd_lite.graph import Graph, Program, build_graph

from ...large import transformer
from ...samples import perceptron

Box = dict[str, float]


def missing(reason: str) -> NoReturn:
    """Skip and say why; fail where the run promised that everything is there."""
    if os.environ.get("AUTOGRAD_LITE_REQUIRE_PEERS") == "1":
        pytest.fail(f"AUTOGRAD_LITE_REQUIRE_PEERS=1 promises a browser, yet: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing("no Chromium found: install the package `chromium`, or let CHROMIUM say where it is")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("no Playwright found: pip install playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, from npm."""
    if shutil.which("npm") is None:
        missing("no npm found, which axe-core comes from")
    folder = tmp_path_factory.mktemp("axe")
    packed = subprocess.run(["npm", "pack", "axe-core@4"], cwd=folder, capture_output=True, text=True, timeout=120)
    if packed.returncode:
        missing(f"npm pack axe-core: {packed.stderr[-300:]}")
    subprocess.run(["tar", "xzf", packed.stdout.split()[-1]], cwd=folder, check=True)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


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
    return Program.build(perceptron(), backward=True).measured()
