"""The tables of README.md and benchmarks/README.md are what their files of results give."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import history, pages, readme, report

README, LONG = ((readme.ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "benchmarks/README.md"))


def results() -> dict[str, Any]:
    """Two contenders on one case, of which ours takes half the time."""
    spread = {"low": 0.0, "high": 1.0}
    times = {"autograd_lite": 4.0, "autograd_lite_compiled": 1.0, "torch": 2.0}
    contenders = {who: {"version": "2.1+x", "spread": {"time": {"median": t, **spread}}} for who, t in times.items()}
    ratios = {who: {"torch": {"median": times[who] / 2, **spread}} for who in times if who != "torch"}
    case = {"unit": "ms/step", "contenders": contenders, "ratios": ratios}
    machine = {"cores": 2, "cpu": "Abacus", "native kernels": "avx2", "numpy": "2.9", "threads": 2, "commit": "abc"}
    return {"machine": machine | {"date": "2026-12-01T06:00:00+00:00"}, "cases": {"cnn_step": case}}


def test_the_section_has_the_machine_its_instructions_and_a_row_for_each_case() -> None:
    text = readme.section(results(), "some.json")
    assert "**2 cores of an Abacus, AVX2**, NumPy 2.9, PyTorch 2.1, 2 threads, commit abc, 2026-12-01." in text
    assert "(results/some.json)" in text
    (line,) = (line for line in text.splitlines() if line.startswith("| convolutional"))
    assert line == "| convolutional network | 4 ms | 1 |  |  | 2 | **0.5** |  |  |  |"
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {11}
    page = readme.replaced("a\n\n## Results\n\nold\n\n## More\n\nb\n", text)
    assert page == f"a\n\n{text}\n## More\n\nb\n"


def test_the_readme_has_few_rows_and_all_losses() -> None:
    one = results()
    text = readme.brief(one, "some.json", readme.literature([0.5, 3.0, 0.25], "more.json"))
    (line,) = (line for line in text.splitlines() if line.startswith("| convolutional"))
    assert line == "| convolutional network | 4 ms | 1 | 2 | **0.5** |  |"
    assert (
        "3 programs of the literature, for which nothing was tuned, take 0.5 of `jax.jit`'s time in the median" in text
    )
    assert "from\n0.25 to 3 ([the run](benchmarks/results/more.json)" in text
    assert "slower in 0 of 1 comparisons with PyTorch, JAX and CasADi." in text
    one["cases"]["cnn_step"]["ratios"]["autograd_lite_compiled"]["jax"] = {"median": 1.25, "low": 1.2, "high": 1.3}
    assert "slower in 1 of 2 comparisons with PyTorch, JAX and CasADi: 1.25 times JAX's time on `cnn_step`." in (
        readme.losses(one["cases"]).replace("\n", " ")
    )


def section_of(page: str, heading: str) -> str:
    return f"{heading}\n" + page.partition(f"{heading}\n")[2].partition("\n## ")[0]


def test_the_pages_show_the_run_that_they_name() -> None:
    (name,) = re.findall(r"\[one run\]\(benchmarks/results/([\w.-]+)\)", README)
    one, *other = re.findall(r"\[(?:the|that) run\]\(results/([\w.-]+)\)", LONG)
    assert one == name
    texts = [(readme.ROOT / "benchmarks" / "results" / file).read_text(encoding="utf-8") for file in (one, *other)]
    pairs = [x for file, text in zip((one, *other), texts, strict=True) for x in (json.loads(text), file)]
    (programs,) = re.findall(r"\[the run\]\(benchmarks/results/([\w.-]+)\)", README)
    ratios = pages.program_rows(pages.read(pages.RESULTS / programs)["programs"])[1]
    assert section_of(README, "## Speed") == readme.brief(*pairs[:2], readme.literature(ratios, programs))
    assert section_of(LONG, "## Results") == readme.section(*pairs)
    assert README.count("\n") <= 200


def test_figures_of_another_machine_stand_beside() -> None:
    other = results()
    other["machine"] |= {"threads": 1, "native kernels": "avx512"}
    other["cases"]["cnn_step"]["ratios"]["autograd_lite"]["torch"]["median"] = 0.7
    text = readme.section(results(), "some.json", other, "other.json")
    assert "| convolutional network | 4 ms | 1 |  |  | 2 (**0.7**) | **0.5** (**0.5**) |  |  |  |" in text
    said = "the same with AVX-512, 1 thread, commit abc, 2026-12-01\n([that run](results/other.json))."
    assert f"In parentheses: {said}" in text


def test_what_became_slower_on_the_same_processor_is_told(tmp_path: Path) -> None:
    then, now = results(), results()
    for one, date in ((then, "2026-11"), (now, "2026-12")):
        one["machine"] |= {"date": date, "usable cores": 2, "instruction set": "x", "thread variables": {}}
        for ratio in one["cases"]["cnn_step"]["ratios"].values():
            ratio["torch"] |= {"low": 0.4, "high": 2.1}
    (tmp_path / "then.json").write_text(json.dumps(then))
    assert "0 of 2 numbers are larger" in history.table(now, tmp_path)
    now["cases"]["cnn_step"]["ratios"]["autograd_lite"]["torch"] = {"median": 3.0, "low": 2.9, "high": 3.1}
    (row,) = (line.split() for line in history.table(now, tmp_path).splitlines() if "cnn_step" in line)
    assert row[1:4] == ["autograd_lite", "/", "torch"]
    assert row[-2:] == ["1.5", "abc"]
    now["machine"]["cpu"] = "Slide rule"
    assert "no committed results" in history.table(now, tmp_path)
    (tmp_path / "then.json").write_text(json.dumps([]))
    assert "no committed results" in history.table(then, tmp_path)


def test_results_name_their_commit() -> None:
    assert re.fullmatch(r"([0-9a-f]{10,}\+?)?", report.machine()["commit"])
