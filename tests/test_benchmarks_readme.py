"""The README's section on speed is what its file of results gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import readme

PAGE = (readme.ROOT / "README.md").read_text(encoding="utf-8")


def results() -> dict[str, Any]:
    """Two contenders on one case, of which ours takes half the time."""
    spread = {"low": 0.0, "high": 1.0}
    times = {"autograd_lite": 4.0, "autograd_lite_compiled": 1.0, "torch": 2.0}
    contenders = {who: {"version": "2.1+x", "spread": {"time": {"median": t, **spread}}} for who, t in times.items()}
    ratios = {who: {"torch": {"median": times[who] / 2, **spread}} for who in times if who != "torch"}
    case = {"unit": "ms/step", "contenders": contenders, "ratios": ratios}
    machine = {"cores": 2, "cpu": "Abacus", "native kernels": "avx2", "numpy": "2.9"}
    return {"machine": machine, "cases": {"cnn_step": case}}


def test_the_section_has_the_machine_its_instructions_and_a_row_for_each_case() -> None:
    text = readme.section(results(), "some.json")
    assert "**2 cores of an Abacus, AVX2**, NumPy 2.9, PyTorch 2.1." in text
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
    (name,) = re.findall(r"\[the run\]\(benchmarks/results/([\w.-]+)\)", speed)
    path = Path(readme.ROOT / "benchmarks" / "results" / name)
    assert f"## Speed\n{speed}" == readme.section(json.loads(path.read_text(encoding="utf-8")), name)
