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

from autograd_lite.core import addresses

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
links: Any = importlib.import_module("links")
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
    "gallery",
    "search",
    "404",
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


def text_of(page: str) -> str:
    """Return what a page says, without code, formulas and what is not shown."""
    page = re.sub(r"<(pre|code|script|style|math|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def test_no_page_shows_formulas_as_latex(site: Path) -> None:
    latex = re.compile(r"\$\$|\\(?:frac|partial|sum|cdot|mathb?[a-z]+|left|begin)\b")
    pages = [path for path in sorted(site.rglob("*.html")) if path.parts[len(site.parts)] not in ("source", "_static")]
    assert [str(path.relative_to(site)) for path in pages if latex.search(text_of(read(path)))] == []


def test_every_page_has_a_title_and_one_heading_of_the_first_rank(site: Path) -> None:
    pages = [
        path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts and path.name != "search.html"
    ]
    titles = {str(path.relative_to(site)): re.findall(r"<title>(.*?)</title>", read(path))[0] for path in pages}
    assert [name for name, title in titles.items() if title.removesuffix(" - autograd_lite").strip() == ""] == []
    assert [path.name for path in pages if len(re.findall(r"<h1\b", read(path))) != 1] == []


def test_a_download_is_one_file(site: Path) -> None:
    downloads = sorted((site / "_downloads").rglob("*.html"))
    assert [path.name for path in downloads] == ["browser.html"]
    for path in downloads:
        assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', read(path)) == []


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


# What readers look for, and pages of which one must be among the first three.
QUERIES = """
gradient of my function     guides/gradients
parallel                    guides/nn/distributed
scheduler                   reference/api/nn.callbacks.LearningRateScheduler
plot training history       reference/api/nn.plots.overfitting reference/api/nn.callbacks.History guides/nn/plots
install                     start
where does nan come from    tutorials/03_seeing_the_graph guides/seeing_the_graph
save a model                guides/nn/saving
load keras weights          guides/nn/saving
pytorch                     guides/coming_from_pytorch
keras                       guides/coming_from_keras reference/keras_coverage
hessian                     reference/api/autograd_lite.hessian
sparse jacobian             guides/sparse
custom derivative           guides/own_operations guides/nn/own_layers reference/autograd_lite
Dense                       reference/api/nn.layers.Dense
nn.layers.Dense             reference/api/nn.layers.Dense
compile                     guides/compile
jit                         guides/compile
ode                         guides/differential_equations
gpu                         guides/nn/devices
onnx                        reference/onnx
learning rate               reference/api/nn.callbacks.LearningRateScheduler
early stopping              reference/api/nn.callbacks.EarlyStopping
random seed                 reference/api/nn.utils.set_random_seed reference/api/autograd_lite.set_seed
dropout                     reference/api/nn.layers.Dropout
batch normalization         reference/api/nn.layers.BatchNormalization
check my gradients          guides/testing_gradients
finite differences          guides/testing_gradients
visualize the graph         guides/seeing_the_graph
memory                      explanation/memory_and_numbers
broadcasting                reference/api/nn.plots.broadcasting
adam optimizer              reference/api/nn.optimizers.Adam
fit a curve                 reference/api/autograd_lite.optimize.curve_fit
lstm                        reference/api/nn.layers.LSTM
attention                   reference/api/nn.layers.Attention
vmap                        reference/api/autograd_lite.vmap
for loop                    guides/control_flow
error message               help/errors
cotangent                   help/glossary
pyodide                     guides/browser
implicit differentiation    guides/solutions
dask                        guides/dask
confusion matrix            reference/api/nn.metrics.ConfusionMatrix
environment variable        reference/environment
threads                     explanation/threads
hyperparameters             guides/bilevel
slow                        explanation/speed guides/compile
data loader                 reference/api/nn.data.DataLoader
text generation             guides/nn/sequences
"""
# How the search page ranks pages, without the list that it writes: their names, the best first.
RANK = "query => Search._performSearch(query).map(result => result[0]).reverse()"


def test_search_has_what_readers_look_for_among_the_first_three(site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((site / "search.html").as_uri())
    page.wait_for_function("Search.hasIndex()")
    rows = [re.split(r"  +", line) for line in QUERIES.strip().split("\n")]
    assert len(rows) >= 40
    found = {query: page.evaluate(RANK, query) for query, _ in rows}
    page.close()
    assert [(query, found[query][:3]) for query, wanted in rows if not {*wanted.split()} & {*found[query][:3]}] == []
    assert [query for query, names in found.items() if len({*names}) < len(names)] == []  # one hit a page


def test_the_list_of_results_is_in_that_order(site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{(site / 'search.html').as_uri()}?q=Dense")
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.textContent.match(/\\d/)")
    links = page.locator("#search-results li a")
    assert links.first.get_attribute("href") == "reference/api/nn.layers.Dense.html"
    assert links.first.text_content() == "Reference › nn.layers.Dense"
    assert links.count() <= 50
    page.goto(f"{(site / 'search.html').as_uri()}?q=qqqqq")
    page.wait_for_function("document.body.textContent.includes('did not match any documents')")
    page.close()


def test_the_first_page_shows_what_its_code_saves(site: Path) -> None:
    text = read(ROOT / "docs" / "index.md")
    assert set(re.findall(r"(?:images|_static)/([\w.]+)", text)) == set(re.findall(r'save\("([\w.]+)"\)', text))
    assert (site / "_static" / "network.html").exists()


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


# A small site of the same extension and templates, with the addresses set.
CONF = """
import sys
sys.path.insert(0, {docs!r})
from autograd_lite.core import addresses
addresses.SITE, addresses.REPOSITORY = {site!r}, {repository!r}
extensions = ["links"]
html_theme, html_theme_options = "furo", {{"top_of_page_buttons": ["edit"]}}
templates_path, html_additional_pages = [{docs!r} + "/_templates"], {{"404": "404.html"}}
html_sidebars = {{"**": ["version.html"]}}
html_js_files, html_static_path = ["site.js"], [{docs!r} + "/_static"]
release = "0.2.0"
"""


def small_site(folder: Path, site: str, repository: str) -> Path:
    docs = folder / "docs"
    for name in ("index", "start", "changelog", "reference/index", "help/index", "tutorials/01_first_look"):
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / f"{name}.rst").write_text(":orphan:\n\nTitle\n=====\n", encoding="utf-8")
    conf = CONF.format(docs=str(ROOT / "docs"), site=site, repository=repository)
    (docs / "conf.py").write_text(conf, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(docs), str(folder / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_pages_link_to_the_repository_and_other_versions_once_there_are_addresses(tmp_path: Path, browser: Any) -> None:
    built = small_site(tmp_path, "https://docs.example/it", "https://git.example/me/it")
    start = read(built / "tutorials" / "01_first_look.html")
    assert 'href="https://git.example/me/it/edit/main/notebooks/01_first_look.ipynb"' in start
    assert '<a href="https://git.example/me/it">Source code</a>' in start
    lost = read(built / "404.html")
    assert lost.index('<base href="https://docs.example/it/">') < lost.index("href=", lost.index("<base") + 20)
    page = browser.new_page()
    page.route("**/versions.json", lambda route: route.fulfill(json=["0.2.0", "0.1.0"]))
    page.route("https://docs.example/it/0.1.0/**", lambda route: route.fulfill(body="old"))
    page.goto((built / "start.html").as_uri())
    select = page.get_by_label("Version")
    select.wait_for()
    assert select.input_value() == "0.2.0"
    select.select_option("0.1.0")
    page.wait_for_url("https://docs.example/it/0.1.0/start.html")
    page.close()


def test_pages_say_nothing_of_addresses_that_are_not_set(site: Path) -> None:
    assert (addresses.SITE, addresses.REPOSITORY) == ("", "")  # what follows holds until there is one
    for name in ("index", "404", "reference/api/autograd_lite.grad"):
        page = read(site / f"{name}.html")
        assert "Edit this page" not in page
        assert "Source code" not in page
        assert "<base" not in page
        assert '<select aria-label="Version"' not in page


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ("start", "docs/start.md"),
        ("changelog", "CHANGELOG.md"),
        ("tutorials/index", "docs/tutorials/index.md"),
        ("tutorials/course/01_a_slope", "notebooks/course/01_a_slope.ipynb"),
        ("reference/api/nn.layers.Dense", "nn/layers/dense.py"),
        ("search", None),
    ],
)
def test_a_page_is_edited_where_its_text_is(page: str, path: str | None) -> None:
    assert links.source_of(page, ROOT / "docs") == path
    assert path is None or (ROOT / path).exists()
