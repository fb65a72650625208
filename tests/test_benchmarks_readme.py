"""The README's section on speed is what its file of results gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import history, readme, report

PAGE = (readme.ROOT / "README.md").read_text(encoding="utf-8")


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
    assert "benchmarks/results/some.json" in text
    (line,) = (line for line in text.splitlines() if line.startswith("| convolutional"))
    assert line == "| convolutional network | 4 ms | 1 |  |  | 2 | **0.5** |  |  |  |"
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {11}
    page = readme.replaced("a\n\n## Speed\n\nold\n\n## More\n\nb\n", text)
    assert page == f"a\n\n{text}\n## More\n\nb\n"


def test_the_readme_shows_the_run_that_it_names() -> None:
    """Once the section was made by the generator: a file of results, and its table."""
    speed = PAGE.partition("## Speed\n")[2].partition("\n## More\n")[0]
    if "no kernels" not in speed:
        return  # a section of before
    names = re.findall(r"\[(?:the|that) run\]\(benchmarks/results/([\w.-]+)\)", speed)
    texts = [(readme.ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8") for name in names]
    pairs = [x for name, text in zip(names, texts, strict=True) for x in (json.loads(text), name)]
    assert f"## Speed\n{speed}" == readme.section(*pairs)


def test_figures_of_another_machine_stand_beside() -> None:
    other = results()
    other["machine"] |= {"threads": 1, "native kernels": "avx512"}
    other["cases"]["cnn_step"]["ratios"]["autograd_lite"]["torch"]["median"] = 0.7
    text = readme.section(results(), "some.json", other, "other.json")
    assert "| convolutional network | 4 ms | 1 |  |  | 2 (**0.7**) | **0.5** (**0.5**) |  |  |  |" in text
    said = "the same with AVX-512, 1 thread, commit abc, 2026-12-01\n([that run](benchmarks/results/other.json))."
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
