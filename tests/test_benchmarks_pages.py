"""The pages that show results are what their files give."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks import cases, pages, publish, readme, run


def names_in(page: str, part: str) -> list[str]:
    return re.findall(rf"benchmarks/results/([\d-]+{part}\.json)", page)


def test_the_page_on_speed_shows_the_runs_that_it_names() -> None:
    page = pages.SPEED.read_text(encoding="utf-8")
    (programs,), pairs = names_in(page, "-programs"), names_in(page, "-pairs")
    assert page == pages.speed(pages.RESULTS / programs, pages.RESULTS / pairs[0] if pairs else None)
    results = pages.read(pages.RESULTS / programs)
    assert {"commit", "cpu", "date", "thread variables"} <= results["machine"].keys()
    assert results["threads"] == 1


def test_the_guide_to_compile_shows_rows_of_the_readme() -> None:
    text = (readme.ROOT / "README.md").read_text(encoding="utf-8")
    name = re.findall(r"\[the run\]\(benchmarks/results/([\w.-]+)\)", text)[0]
    guide = pages.COMPILE.read_text(encoding="utf-8")
    assert pages.with_rows(guide, pages.guide_rows(pages.read(pages.RESULTS / name))) == guide


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
