"""The site as its readers get it: a page for each object, links that lead somewhere, axe, search, phones."""

from __future__ import annotations

import html
import importlib
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
objects: Any = importlib.import_module("objects")
pytestmark = pytest.mark.ci
# One page of each kind.
PAGES = [
    "index",
    "start",
    "guides/gradients",
    "reference/nn_layers",
    "reference/api/nn.layers.Dense",
    "explanation/how_it_works",
    "tutorials/03_seeing_the_graph",
    "help/index",
    "source/nn/layers/dense",
    "search",
]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation, with warnings as errors, and return its folder."""
    folder = tmp_path_factory.mktemp("site") / "html"
    options = ["-q", "-E", "-W", "--keep-going", "-j", "auto", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *options, "docs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(re.findall(r'(?:id|name)="([^"]+)"', read(path)))


def test_every_object_has_a_page_with_signature_example_and_source(site: Path) -> None:
    found = objects.entries(ROOT / "docs" / "reference")
    for entry, name in objects.file_names(found).items():
        page = read(site / "reference" / "api" / f"{name}.html")
        head = page.partition('<dt class="sig sig-object py"')[2].partition("</dt>")[0]
        assert f'id="{entry.full_name}"' in head, entry
        assert (where := re.search(r'href="\.\./\.\./(source/[^"#]+)#(line-\d+)"', head)), entry
        assert where[2] in anchors(site / where[1]), (entry, where[0])
        assert "&gt;&gt;&gt;" in page, f"{entry.full_name} has no example"


def test_no_signature_says_nothing(site: Path) -> None:
    pages = sorted((site / "reference").rglob("*.html"))
    assert len(pages) > 1000
    heads = re.compile(r'<dt class="sig sig-object py" id="([^"]+)">(.*?)</dt>', re.DOTALL)
    found = [
        (m[1], html.unescape(re.sub(r"<[^>]+>|\s", "", m[2]))) for page in pages for m in heads.finditer(read(page))
    ]
    assert len(found) > 2000
    # `call` is what a subclass writes, with arguments of its own; what refuses all calls takes any arguments.
    silent = [(name, text) for name, text in found if "(*args:Any,**kwargs:Any" in text]
    nothing = {name for name, text in silent if not name.endswith(".call") and "NoReturn" not in text}
    assert nothing == set()


def test_the_links_within_the_site_lead_somewhere(site: Path) -> None:
    lost = []
    for page in sorted(site.rglob("*.html")):
        for link in set(re.findall(r'<a [^>]*href="([^"]+)"', read(page))):
            target, _, anchor = unquote(html.unescape(link)).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            path = (page.parent / target).resolve() if target else page
            if not path.exists() or (anchor and path.suffix == ".html" and anchor not in anchors(path)):
                lost.append((str(page.relative_to(site)), link))
    assert lost == []


@pytest.mark.parametrize("dark", [False, True])
def test_axe_has_nothing_to_say_and_nothing_is_wider_than_a_phone(
    site: Path, browser: Any, axe: str, dark: bool
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark" if dark else "light", bypass_csp=True
    )
    page = context.new_page()
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        page.evaluate(axe)
        found = page.evaluate("axe.run({exclude: [['iframe']]}, {iframes: false, resultTypes: ['violations']})")
        rules = {(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]}
        assert rules == set(), name
    context.close()


def test_search_puts_guides_first_and_knows_names(site: Path, browser: Any) -> None:
    page = browser.new_page()

    def results(words: str) -> list[str]:
        page.goto(f"{(site / 'search.html').as_uri()}?q={words}")
        page.wait_for_function("document.querySelector('#search-results .search-summary')?.textContent.match(/\\d/)")
        links = "[...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))"
        return list(page.evaluate(links))

    assert results("custom+derivative")[0].startswith("guides/")
    assert "api/nn.layers.Dense.html" in results("Dense")[0]
    page.close()


def test_the_first_page_shows_a_live_graph(site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator("iframe.live").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe.live")
    frame.locator("svg", has_text="matmul").first.wait_for()
    page.close()


def test_the_tutorials_show_the_stored_outputs(site: Path) -> None:
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        page = read(site / "tutorials" / path.relative_to(ROOT / "notebooks").with_suffix(".html"))
        shown = html.unescape(re.sub(r"<[^>]+>", "", page))
        printed = ["".join(o["text"]) for c in cells for o in c.get("outputs", []) if o["output_type"] == "stream"]
        assert [text for text in printed if text.strip().split("\n")[0] not in shown] == [], path.name
        assert page.count("cell_output") >= sum(bool(c.get("outputs")) for c in cells)
