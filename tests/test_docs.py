"""Every block of Python in `docs/` runs and prints what the page shows: each page in one namespace, from top to bottom.

A block that begins with three backticks and `python NAME` needs the package NAME. Without it the block is left out, and
those of the peers run under the marker `ci` only. The pictures that a page shows are those that its code saves.
"""

from __future__ import annotations

import doctest
import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from autograd_lite.graph import build_graph
from autograd_lite.native.kernels import KERNELS

from .graph.large import transformer
from .nn import peers

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES, IMAGES = sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts), DOCS / "images"
NAMES = ["/".join(path.relative_to(DOCS).with_suffix("").parts) for path in PAGES]
# Pages whose code takes seconds.
SLOW = {
    "gallery",
    "guides/differential_equations",
    "guides/dask",
    "guides/sparse",
    "guides/nn/plots",
    "guides/nn/sequences",
    "guides/nn/fitting",
}
RUN = [pytest.param(p, id=n, marks=[pytest.mark.ci] * (n in SLOW)) for p, n in zip(PAGES, NAMES, strict=True)]
FENCE = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
PEERS = ("torch", "keras", "jax", "autograd", "mygrad")
# What PyTorch's own transformations call, and what MyGrad does to NumPy.
QUIET = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Block(NamedTuple):
    """One block of code: the package it needs beyond ours, its text, and the line of the page where it begins."""

    needs: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    return [Block(m[1], m[2], page.count("\n", 0, m.start(2))) for m in FENCE.finditer(page)]


def failures(page: str, name: str, peers: bool) -> tuple[int, str]:
    """Run the blocks of a page; return how many ran, and what went wrong."""
    names: dict[str, Any] = {}
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    ran = 0
    for block in blocks(page):
        if (block.needs in PEERS and not peers) or (block.needs and find_spec(block.needs) is None):
            continue
        ran += 1
        if ">>>" not in block.text:
            exec(compile("\n" * block.line + block.text, name, "exec"), names)
            continue
        test = doctest.DocTestParser().get_doctest(block.text, names, name, name, block.line)
        test.globs = names  # the parser copies them, and a page is one namespace
        runner.run(test, out=report.append, clear_globs=False)
    return ran, "".join(report)


# Pictures of plans, which call native kernels where there are any; and of numbers that rounding changes.
WITH_KERNELS = {"arena.svg"}
WITH_ROUNDING = {"gallery_certificate.svg", "gallery_oscillator.svg", "robertson.svg"}


def check_pictures(pictures: dict[str, str]) -> None:
    """Compare pictures with those in `docs/images`, but for the colors of graphs, which `style.THEMES` says alone.

    AUTOGRAD_LITE_WRITE_PICTURES=1 writes them, to be looked at.
    """
    for name, text in pictures.items():
        if name in WITH_KERNELS and not KERNELS:
            continue
        if os.environ.get("AUTOGRAD_LITE_WRITE_PICTURES") == "1":
            (IMAGES / name).write_text(text, encoding="utf-8", newline="\n")
        stored = (IMAGES / name).read_bytes().decode("utf-8")
        if name in WITH_ROUNDING:
            text, stored = (_NUMBER.sub("#", _COLOR.sub("", svg)) for svg in (text, stored))
        same = same_drawing(text, stored) if MATPLOTLIBS in text else _COLOR.sub("", text) == _COLOR.sub("", stored)
        assert same, f"docs/images/{name} shows something else"


MATPLOTLIBS = '<g id="figure_1">'
DRAWN_WITH = re.findall(r"^matplotlib==([\d.]+)", (DOCS.parent / "requirements" / "lock.txt").read_text(), re.M)[0]
_COLOR = re.compile(r"#[0-9A-F]{6}\b")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# Bytes of images and ids made from shapes, of which another processor may round one; and what lies between tags.
_BYTES = re.compile(r'base64,[^"]*|\b(?:m|p|h|image|C\w*_)[0-9a-f]{10}\b')
_TEXTS = re.compile(r">\s*([^<>]*[^<>\s])\s*<")


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    """Close the figures that a page leaves open: matplotlib warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def same_drawing(one: str, other: str) -> bool:
    """Return whether matplotlib has drawn the same, but for what training on another processor change a little.

    Another version of matplotlib may draw it otherwise; then all that counts is what the picture says.
    """
    if metadata.version("matplotlib") != DRAWN_WITH:
        return [_NUMBER.sub("#", t) for t in _TEXTS.findall(one)] == [
            _NUMBER.sub("#", t) for t in _TEXTS.findall(other)
        ]
    one, other = (_BYTES.sub("", text) for text in (one, other))
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=False)
    # Points of 1/72 inch, mostly; parts of digests may look like numbers, even infinite ones.
    near = all(a == b or abs(float(a) - float(b)) <= 2 for a, b in pairs)
    return near and _NUMBER.sub("#", one) == _NUMBER.sub("#", other)


def test_drawings_that_differ_are_seen() -> None:
    stored = (IMAGES / "plots_descent.svg").read_text(encoding="utf-8")
    assert MATPLOTLIBS in stored
    assert same_drawing(stored, stored)
    assert same_drawing(stored.replace("L 2", "L 3"), stored) is (metadata.version("matplotlib") != DRAWN_WITH)
    assert not same_drawing(stored.replace("tangent", "secant"), stored)


@pytest.mark.parametrize("path", RUN)
def test_the_code_of_a_page_prints_what_stands_there(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = path.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOGRAD_LITE_PROFILE", "quick")  # of property tests
    ran, report = failures(page, path.name, peers=False)
    assert not report, report
    assert ran >= sum(not block.needs for block in blocks(page))
    check_pictures({file.name: file.read_text(encoding="utf-8") for file in sorted(tmp_path.glob("*.svg"))})


def test_the_picture_of_the_transformer() -> None:
    check_pictures({"transformer.svg": build_graph(transformer(), backward=True).to_svg()})


def test_every_picture_is_one_that_a_test_makes() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    assert {file.name for file in IMAGES.iterdir()} == set(re.findall(r"images/([\w.]+)", text))


@QUIET
@pytest.mark.ci
@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_and_so_does_the_code_of_the_peers(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = path.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    absent = {block.needs for block in blocks(page) if block.needs and find_spec(block.needs) is None}
    if absent:
        pytest.skip(f"not installed: {', '.join(sorted(absent))}")
    if any(block.needs == "keras" for block in blocks(page)):
        peers.keras()
    _, report = failures(page, path.name, peers=True)
    assert not report, report


def test_the_pages_for_newcomers_are_there() -> None:
    assert {f"guides/coming_from_{other}" for other in ("keras", "pytorch", "jax", "hips_and_mygrad")} <= set(NAMES)


PAGE = """
```python
>>> x = 1
```
```python no_such_package
>>> x = 2
```
text
```python
>>> x + {add}
2
```
```python
assert x == 1
```
"""


def test_a_page_is_one_namespace_and_a_wrong_claim_is_seen() -> None:
    assert failures(PAGE.format(add=1), "page", peers=True) == (3, "")
    ran, report = failures(PAGE.format(add=2), "page", peers=False)
    assert ran == 3
    assert "line 10" in report
    assert "Expected:\n    2\nGot:\n    3" in report


def test_the_links_of_the_pages_lead_somewhere() -> None:
    for path in PAGES:
        text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", text)
        assert [link for link in links if not (path.parent / link).exists()] == []
