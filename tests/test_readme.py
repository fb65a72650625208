"""The README's code runs as it is, on the embedded digits in place of the full set."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SMALLER = {"load_data": "load_sample", "60000": "6000", "10000": "1000", "epochs=5": "epochs=2, verbose=0"}


def test_the_code_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        for full, small in SMALLER.items():
            block = block.replace(full, small)
        if "loss_fn" in block:
            names["x"], names["y"] = names["x_train"][:32].reshape(32, 784) / 255, np.eye(10)[names["y_train"][:32]]
        exec(block, names)
    claimed = re.search(r"# array\((\[.*?\])\)", BLOCKS[0])
    assert claimed is not None
    gradient = names["ag"].grad(names["f"])(np.array([0.5, 1.0, 2.0]))
    assert np.allclose(gradient, eval(claimed[1]), atol=5e-9)
    assert (
        names["network"].evaluate(names["x_test"].reshape(1000, 784) / 255, np.eye(10)[names["y_test"]], verbose=0)[1]
        > 0.8
    )
    assert (tmp_path / "network.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def missing(page: str) -> list[str]:
    """Return the files, tasks and commands that a page names and that are not there."""
    files = re.findall(
        r"\b((?:tests|autograd_lite|nn|benchmarks|requirements|notebooks)/[\w./]*\w\.(?:py|ipynb|json|txt))\b", page
    )
    modules = [
        m.replace(".", "/") for m in re.findall(r"python3? -m ((?:tests|autograd_lite|nn|benchmarks)[\w.]*)", page)
    ]
    gone = [f for f in files if not (ROOT / f).exists()]
    gone += [m for m in modules if not (ROOT / f"{m}.py").exists() and not (ROOT / m / "__main__.py").exists()]
    tasks = (ROOT / "dev.py").read_text(encoding="utf-8")
    gone += [t for t in re.findall(r"dev\.py (\w+)", page) if f'"{t}"' not in tasks]
    commands = re.findall(r"(?:autograd-lite|-m autograd_lite) (\w+)", page)
    return gone + [c for c in commands if c not in ("draw", "explain", "nan", "help", "does")]


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"]


def test_what_the_pages_name_is_there() -> None:
    found = {path.name: missing(path.read_text(encoding="utf-8")) for path in PAGES if "_build" not in path.parts}
    assert {name: gone for name, gone in found.items() if gone} == {}
    assert missing("`pytest tests/none.py`, `python -m nn.none`, `dev.py none`, `autograd-lite none`") == [
        "tests/none.py",
        "nn/none",
        "none",
        "none",
    ]
