"""The pages that show results are what their files give."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import cases, pages, plots, publish, readme, run
from benchmarks.report import Spread

from .test_docs import same_drawing


def names_in(page: str, part: str) -> list[str]:
    return re.findall(rf"benchmarks/results/([\d-]+{part}\.json)", page)


def test_the_page_on_speed_shows_the_runs_that_it_names() -> None:
    page = pages.SPEED.read_text(encoding="utf-8")
    (programs,), pairs = names_in(page, "-programs"), names_in(page, "-pairs")
    assert page == pages.speed(pages.RESULTS / programs, pages.RESULTS / pairs[0] if pairs else None)
    results = pages.read(pages.RESULTS / programs)
    assert {"commit", "cpu", "date", "thread variables"} <= results["machine"].keys()
    assert results["threads"] == 1


def results_of_the_readme() -> Any:
    text = (readme.ROOT / "README.md").read_text(encoding="utf-8")
    return pages.read(pages.RESULTS / re.findall(r"\[one run\]\(benchmarks/results/([\w.-]+)\)", text)[0])


def test_the_guide_to_compile_shows_rows_of_the_readme() -> None:
    guide = pages.COMPILE.read_text(encoding="utf-8")
    assert pages.with_rows(guide, pages.guide_rows(results_of_the_readme())) == guide


def test_the_page_on_tools_shows_all_that_is_slower() -> None:
    page = pages.WHICH.read_text(encoding="utf-8")
    (name,) = names_in(pages.SPEED.read_text(encoding="utf-8"), "-programs")
    table = pages.slower_rows(results_of_the_readme(), pages.read(pages.RESULTS / name))
    assert pages.with_rows(page, table) == page
    figures = (readme.ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"\b\d+\.\d+\b", page.partition("Further, from")[2].partition("\n## ")[0])
    assert len(told) > 5
    assert [number for number in told if number not in figures] == []


def pictures() -> list[plots.Plot]:
    (name,) = names_in(pages.SPEED.read_text(encoding="utf-8"), "-programs")
    return [plots.speed(results_of_the_readme()), plots.programs(pages.read(pages.RESULTS / name))]


def test_the_pictures_show_the_results() -> None:
    for plot in pictures():
        svg = (plots.IMAGES / f"{plot.name}.svg").read_text(encoding="utf-8")
        assert plots.described("<style>", plot).removesuffix("<style>") in svg, plot.name
        machine = plot.caption.partition(".\n")[0]
        assert machine in svg
        assert "commit" in machine


@pytest.mark.ci
def test_the_pictures_are_drawn_so() -> None:
    for plot in pictures():
        assert same_drawing(plots.svg(plot), (plots.IMAGES / f"{plot.name}.svg").read_text(encoding="utf-8"))


def test_a_digest_is_of_every_number() -> None:
    ratio = Spread(0.5, 0.4, 0.6)
    panels = (("beside", (plots.Series("eager", (ratio, None)),)),)
    plot = plots.Plot("a", "b", ("one", "two"), panels, "")
    for other in (None, replace(ratio, high=0.7)):
        changed = (("beside", (plots.Series("eager", (other, None)),)),)
        assert plot._replace(panels=changed).digest() != plot.digest()


def test_labels_are_complete() -> None:
    rows = ["chain `a * b`, 1 element", "… 16 × 16", "process: likelihood", "… by `scan`"]
    assert plots.labels(rows) == ("chain a * b, 1 element", "chain a * b, 16 × 16", "process", "process, by scan")


def test_rows_of_programs() -> None:
    times = {"ours compiled": [0.002, 0.004], "ours eager": [0.004, 0.008], "jax compiled": [0.001, 0.002]}
    row = {"kind": "pairs", "times": times, "ours first": {"seconds": 0.1}, "jax first": {"seconds": 0.2}}
    alone = {"kind": "scan", "times": {**times, "jax compiled": []}, "ours first": {"seconds": 0.1}}
    lines, ratios, firsts = pages.program_rows({"a_b": row, "c": alone, "d": {"kind": "x", "error": "none"}})
    assert lines == [
        "| a b | pairs | 3 | 2 | 2 to 2 | 0.5 | 100 | 0.5 |",
        "| c | scan | 3 |  |  | 0.5 | 100 |  |",
        "| d | x | none | | | | | |",
    ]
    assert (ratios, firsts) == ([2.0], [0.5])


def test_the_newest_results_are_shown(tmp_path) -> None:
    for name in ("2026-11-pairs", "2026-12-pairs", "2026-12", "2026-12-rows", "older-pairs"):
        (tmp_path / f"{name}.json").write_text(json.dumps({}))
    assert pages.newest("-pairs", tmp_path) == tmp_path / "2026-12-pairs.json"
    assert pages.newest("-rows", tmp_path) == tmp_path / "2026-12-rows.json"
    assert pages.newest("-second", tmp_path) is None


@pytest.mark.parametrize("part", ["rows", "second"])
def test_what_is_published_can_be_asked_for(part: str) -> None:
    (module, *arguments), _ = publish.commands("2026-12")[part]
    options = run.arguments(arguments)
    assert module == "benchmarks"
    assert set(options.cases) <= cases.CASES.keys()
    assert options.rounds >= 3
    assert {"torch", "jax", "numpy", readme.COMPILED} <= set(options.contenders)
