"""CONTRIBUTING.md is true: its examples run, its map has every room, and its paths exist."""

from __future__ import annotations

import re
from pathlib import Path

from .running import printed_by

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ADDED = ("an op", "a kernel", "a layer", "a loss", "a metric", "an optimizer", "a callback", "a form of file")

# In a process of its own, for the examples add an op and a form of file to tables that other tests read.
RUN = """
import doctest, os, sys
from tests.test_docs import FLAGS, blocks

os.chdir({folder!r})
names = {{"__name__": "contributing"}}
for block in blocks({page!r}):
    exec(compile("\\n" * block.line + block.text, "CONTRIBUTING.md", "exec"), names)
examples = 0
for name, value in list(names.items()):
    if getattr(value, "__module__", "") == "contributing" and value.__doc__:
        test = doctest.DocTestParser().get_doctest(value.__doc__, names, name, "CONTRIBUTING.md", 0)
        examples += len(test.examples)
        assert doctest.DocTestRunner(optionflags=FLAGS).run(test, out=sys.stderr.write).failed == 0
print(examples, os.listdir())
"""


def test_the_examples_run(tmp_path: Path) -> None:
    assert all(f"## Adding {what}\n" in PAGE for what in ADDED)
    assert printed_by(RUN.format(folder=str(tmp_path), page=PAGE)) == "5 ['square.edges']\n"


def test_the_map_has_every_room() -> None:
    cells = " ".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))
    rooms = {name.rstrip("/") for name in re.findall(r"`([\w.]+/?)`", cells)}
    for package in ("autograd_lite", "nn"):
        inside = [p for p in (ROOT / package).iterdir() if p.is_dir() and (p / "__init__.py").exists()]
        inside += [p for p in (ROOT / package).glob("*.py") if not p.name.startswith("_")]
        assert {p.name for p in inside} - rooms == set(), f"CONTRIBUTING.md lacks rooms of {package}"


def test_the_flags_of_modules_that_it_explains_are_there() -> None:
    flags = set(re.findall(r"`(_[a-z]\w+)", PAGE))
    sources = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "nn" / "module").glob("*.py"))
    assert {"_carries", "_unnamed", "_makes_masks", "_takes_masks"} <= flags <= set(re.findall(r"\w+", sources))


def test_its_paths_exist() -> None:
    found = {p for p in re.findall(r"`([\w./*]+)`", PAGE) if "/" in p}
    folders = [
        ROOT / folder for folder in ("", "autograd_lite", "autograd_lite/graph", "autograd_lite/graph/pictures", "nn")
    ]
    assert len(found) > 40
    assert [p for p in found if not any([*f.glob(p.rstrip("/")), *f.glob(f"{p}.py")] for f in folders)] == []
