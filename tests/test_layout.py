"""The source keeps the layers, the sizes and the names that layout_rules states; and each rule sees a violation."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from . import layout_rules as rules

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("autograd_lite", "nn", "tests", "benchmarks")


def read_sources() -> dict[str, str]:
    """Return the text of every Python file that is ours, by its path from the root."""
    files = [*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))]
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in sorted(files)}


SOURCES = read_sources()


def test_there_is_something_to_check() -> None:
    assert {"dev.py", "autograd_lite/__init__.py", "nn/__init__.py", "tests/test_layout.py"} <= SOURCES.keys()


@pytest.mark.parametrize(
    "rule",
    [
        rules.layering_violations,
        rules.hook_violations,
        rules.circle_violations,
        rules.room_violations,
        rules.arrow_violations,
        rules.size_violations,
        rules.name_violations,
        rules.underscore_violations,
    ],
    ids=lambda rule: rule.__name__,
)
def test_layout(rule) -> None:
    violations = rule(SOURCES)
    assert not violations, "\n".join(violations)


def test_rooms_and_arrows_are_counted() -> None:
    """`pytest -s` shows the table."""
    table = rules.rooms_and_arrows(SOURCES)
    total = tuple(map(sum, zip(*table.values(), strict=True)))
    print("\n" + "\n".join(f"{f:40}{n:6} rooms{m:6} arrows" for f, (n, m) in [*table.items(), ("all", total)]))
    assert set(table) == {
        "autograd_lite",
        "nn",
        *(f"{p}/{f}" for p in ("autograd_lite", "nn") for f in folders(p, deep=9)),
    }


def test_bootstrap() -> None:
    violations = rules.bootstrap_violations(SOURCES["dev.py"])
    assert not violations, "\n".join(violations)


# What is not tested in the folder of its name: ops by the laws that all of them keep, Tensors with the engine, SciPy's
# modules by the laws of one table.
TESTED_IN = {"ops": "laws", "functions": "laws", "tensors": "engine"}
TESTED_IN |= {f"scipy/{room}": "scipy" for room in ("integrate", "interpolate", "linalg", "ndimage", "signal")}
TESTED_IN |= dict.fromkeys(("hips/misc", "hips/numpy", "hips/scipy"), "hips")
# Tests of no folder: of input that is damaged, of the notebooks, and of the long runs that want no surprise.
OF_THE_WHOLE = {"counts", "fuzz", "laws", "notebooks", "packages", "pairs", "prose", "reliability"}


def imported(prefix: str) -> list[tuple[str, rules.Import]]:
    """Return the files of nn outside a folder, and what they import of the modules below a name."""
    modules = frozenset(map(rules.module_name, SOURCES))
    paths = [path for path in SOURCES if path.startswith("nn/")]
    items = [(path, item) for path in paths for item in rules.imports(path, SOURCES[path], modules)]
    return [(path, item) for path, item in items if f"{item.module}.".startswith(f"{prefix}.")]


def test_nn_imports_public_names_alone() -> None:
    """What it takes of the engine is in the `__all__` of a module; the two share `files`, which is not a user's."""
    names = {(item.module, item.name) for _, item in imported("autograd_lite")} - {("autograd_lite", "__version__")}
    public = {(m, n) for m, n in names if n and m != "autograd_lite.files"}
    modules = {(m, n) for m, n in public if m == f"autograd_lite.{n}"}
    assert len(public) > 50
    assert sorted(f"{m}.{n}" for m, n in public - modules if n not in importlib.import_module(m).__all__) == []


def test_nothing_imports_the_plots() -> None:
    assert {path for path, _ in imported("nn.plots") if not path.startswith("nn/plots/")} == {"nn/__init__.py"}


def folders(*roots: str, deep: int) -> set[str]:
    """Return the folders with Python files below some roots, by their path from it, to a depth."""
    paths = [Path(path).parent.relative_to(root) for root in roots for path in SOURCES if path.startswith(f"{root}/")]
    return {"/".join(path.parts[:deep]) for path in paths if path.parts}


def test_the_tests_mirror_the_source() -> None:
    """Each folder has one of its name in `tests`; topics below a second level share that of the folder above."""
    source = folders("autograd_lite", deep=2) | {f"nn/{folder}" for folder in folders("nn", deep=1)} | {"nn"}
    tests = {
        str(Path(path).parent.relative_to("tests").as_posix())
        for path in SOURCES
        if path.startswith("tests/") and "/test_" in path
    }
    lacking = {folder for folder in source if TESTED_IN.get(folder, folder) not in tests}
    assert not lacking, f"no tests in tests/{', tests/'.join(sorted(lacking))}"
    assert set(TESTED_IN) <= source
    modules = {Path(path).stem for path in SOURCES if path.count("/") == 1}
    own = folders("tests", deep=1) - OF_THE_WHOLE
    assert own <= source | modules, (
        f"tests/{', tests/'.join(sorted(own - source - modules))} is the test folder of nothing"
    )


GOOD = {
    "autograd_lite/__init__.py": "from . import random\nfrom .tensors.tensor import Tensor\nfrom .core.op import Op\n"
    "def __getattr__(name):\n    return import_module('.graph', __name__)\n",
    "autograd_lite/__main__.py": "from . import random\nfrom .graph import Graph\nfrom .engine import f\n",
    "autograd_lite/core/__init__.py": "",
    "autograd_lite/core/op.py": "import numpy as np\nfrom .node import Node\n",
    "autograd_lite/core/node.py": "",
    "autograd_lite/ops/trig.py": "from ..core.op import Op\nfrom autograd_lite.core import node\n",
    "autograd_lite/random.py": "from .tensors.tensor import Tensor\nfrom .ops import trig\n",
    "autograd_lite/tensors/tensor.py": "from ..ops import trig\n",
    "autograd_lite/engine/__init__.py": "",
    "autograd_lite/engine/walk.py": "def f():\n    import torch\n    from scipy import special\n",
    "autograd_lite/testing/cases.py": "import hypothesis\nfrom ..engine import f\n",
    "nn/__init__.py": "from . import losses\nfrom autograd_lite import Tensor, random, __version__\n",
    "nn/losses.py": "import autograd_lite as ag\nimport autograd_lite.graph\nfrom .utils import one_hot\n",
    "nn/utils.py": "import autograd_lite.tree\n",
    "tests/test_x.py": "def test():\n    from autograd_lite.core.op import Op\n",
}


def test_good_sources_pass_every_rule() -> None:
    assert rules.layering_violations(GOOD) == []
    assert rules.size_violations(GOOD) == []
    assert rules.name_violations(GOOD) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("autograd_lite/core/bad.py", "from ..ops import trig", "ops.trig: that is a higher layer than"),
        ("autograd_lite/core/bad.py", "from .. import engine", "imports autograd_lite.engine: that is a higher"),
        ("autograd_lite/core/bad.py", "import autograd_lite.ops.trig as t", "a higher layer than autograd_lite.core"),
        (
            "autograd_lite/core/bad.py",
            "from autograd_lite import engine",
            "imports autograd_lite.engine: that is a",
        ),
        ("autograd_lite/core/bad.py", "if True:\n    from ..ops import trig", "bad.py:2 imports"),
        (
            "autograd_lite/core/bad.py",
            "from ..tensors.tensor import T",
            "imports autograd_lite.tensors.tensor: that",
        ),
        ("autograd_lite/core/__init__.py", "from ..ops import trig", "that is a higher layer than autograd_lite.core;"),
        (
            "autograd_lite/tensors/bad.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..engine import f",
            "bad.py:3 imports autograd_lite.engine: that is a higher layer than autograd_lite.tensors.bad",
        ),
        ("autograd_lite/_new.py", "from .core import op", "autograd_lite._new has no layer"),
        ("autograd_lite/testing/bad.py", "from .. import Tensor", "imports autograd_lite: that is a higher layer"),
        ("autograd_lite/engine/walk.py", "import nn", "nn builds on autograd_lite"),
        ("autograd_lite/engine/walk.py", "from nn import losses", "nn builds on autograd_lite"),
        ("autograd_lite/engine/walk.py", "def f():\n    from ..core import op", "core.op inside a function"),
        ("autograd_lite/engine/walk.py", "f = lambda: __import__('autograd_lite.graph')", "graph inside a function"),
        (
            "autograd_lite/engine/walk.py",
            "f = lambda: import_module('autograd_lite.graph')",
            "lite.graph inside a function",
        ),
        (
            "autograd_lite/engine/walk.py",
            "f = lambda: _import_module('autograd_lite.graph')",
            "a higher layer than autograd",
        ),
        ("autograd_lite/testing/bad.py", "from .. import __main__", "imports autograd_lite.__main__: that is a higher"),
        ("autograd_lite/engine/walk.py", "async def f():\n    import autograd_lite", "autograd_lite inside a function"),
        ("autograd_lite/newpart.py", "from .core import op", "autograd_lite.newpart has no layer"),
        ("autograd_lite/engine/walk.py", "from ..newpart import f", "autograd_lite.newpart has no layer"),
        ("nn/bad.py", "from autograd_lite.core.op import Op", "nn is built from the public API only"),
        ("nn/bad.py", "from autograd_lite.engine.walk import backward", "nn is built from the public API only"),
        ("nn/bad.py", "from autograd_lite import engine", "nn is built from the public API only"),
        ("nn/bad.py", "from autograd_lite import _private", "nn is built from the public API only"),
        ("nn/bad.py", "import autograd_lite.tensors.tensor", "nn is built from the public API only"),
        ("nn/bad.py", "class A:\n    def f(self):\n        from .losses import mse", "nn.losses inside a function"),
        ("nn/bad.py", "import importlib\nimportlib.import_module('nn.losses')", "nn.losses inside a function"),
    ],
)
def test_layering_rule_sees(path: str, source: str, complaint: str) -> None:
    violations = rules.layering_violations({**GOOD, path: source})
    assert any(complaint in violation for violation in violations), violations
    assert all(violation.startswith(f"{path}:") for violation in violations), violations


@pytest.mark.parametrize(
    ("sources", "complaints"),
    [
        (GOOD, []),
        (
            {
                "nn/a.py": "from . import b",
                "nn/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import f",
            },
            ["2 files import each other: nn/a.py -> nn/b.py (line 1, at run time) -> nn/a.py (line 3, for typing)"],
        ),
        (
            {"nn/a.py": "import nn.b", "nn/b.py": "from .c import f", "nn/c.py": "def f():\n    from .a import g"},
            [
                "3 files import each other: nn/a.py -> nn/b.py (line 1, at run time) -> nn/c.py (line 1, at run time)"
                " -> nn/a.py (line 2, late)"
            ],
        ),
        (
            {"nn/a.py": "from . import b, c", "nn/b.py": "from . import a", "nn/c.py": "from . import a"},
            [
                "3 files import each other: nn/a.py -> nn/b.py (line 1, at run time) -> nn/a.py (line 1, at run time);"
                " and nn/c.py"
            ],
        ),
        (
            {"nn/x/__init__.py": "from .a import f", "nn/x/a.py": "from . import f"},
            [
                "2 files import each other: nn/x/__init__.py -> nn/x/a.py (line 1, at run time)"
                " -> nn/x/__init__.py (line 1, at run time)"
            ],
        ),
        (
            {f"nn/{m}.py": f"from .{'abcd'[i ^ 1]} import f" for i, m in enumerate("abcd")},
            [
                f"2 files import each other: nn/{m}.py -> nn/{n}.py (line 1, at run time)"
                f" -> nn/{m}.py (line 1, at run time)"
                for m, n in ("ab", "cd")
            ],
        ),
    ],
    ids=["good", "typing", "late", "three", "package", "two circles"],
)
def test_circle_rule_sees(sources: dict[str, str], complaints: list[str]) -> None:
    assert rules.circle_violations(sources) == complaints


HOOKS = {
    "nn/hooks.py": "class Hooks:\n    draw: int\nHOOKS = Hooks()\n",
    "nn/b.py": "from . import a\na.HOOKS.draw = 1\n",
}


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("nn/b.py", "", "nn/hooks.py:1 declares nn: draw, which is filled 0 times: []"),
        (
            "nn/c.py",
            "_HOOKS.draw = 2",
            "nn/hooks.py:1 declares nn: draw, which is filled 2 times: ['nn/b.py:2', 'nn/c.py:1']",
        ),
        ("nn/c.py", "HOOKS.paint = 2", "nn/c.py:1 fills nn: paint, which no class Hooks declares"),
        ("nn/c.py", "globals()['draw'] = 2", "nn/c.py:1 writes into globals(): declare a slot in a class Hooks"),
    ],
)
def test_hook_rule_sees(path: str, source: str, complaint: str) -> None:
    assert rules.hook_violations(HOOKS) == []
    assert rules.hook_violations({**HOOKS, path: source}) == [complaint]


def test_room_rule_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {"nn/x/a.py": "from ..y import c", "nn/y/c.py": "", "nn/y/d.py": "from ..x import b", "nn/x/b.py": ""}
    assert rules.circle_violations(sources) == []
    assert rules.room_violations(sources) == [
        "nn: 2 rooms lean on each other: x -> y (nn/x/a.py, line 1, at run time) -> x (nn/y/d.py, line 1, at run time)"
    ]
    assert rules.room_violations(GOOD) == []
    assert rules.rooms_and_arrows(sources) == {"nn": (2, 2), "nn/x": (2, 0), "nn/y": (2, 0)}
    assert rules.arrow_violations(sources) == []
    monkeypatch.setattr(rules, "MAX_ARROWS", 1)
    assert rules.arrow_violations(sources) == ["2 arrows between rooms, more than 1"]


@pytest.mark.parametrize("path", ["nn/_a.py", "autograd_lite/_new/a.py", "nn/data/_a.py"])
def test_underscore_rule_sees(path: str) -> None:
    assert len(rules.underscore_violations({path: ""})) == 1
    assert rules.underscore_violations({f"tests/{path}": "", "nn/__init__.py": "", "nn/__main__.py": ""}) == []


def function(lines: int, docstring: int = 0) -> str:
    """Return a function of `lines` lines, plus a docstring of this many lines."""
    text = ['    """Doc.', *["    more"] * (docstring - 2), '    """'] if docstring else []
    return "\n".join(["def f():", *text, *["    x = 1"] * (lines - 1)]) + "\n"


def test_size_rule_sees_long_files() -> None:
    assert rules.size_violations({"tests/a.py": "x = 1\n" * 600}) == []
    assert rules.size_violations({"tests/a.py": "x = 1\n" * 601}) == ["tests/a.py has 601 lines, more than 600"]


def test_size_rule_sees_long_functions() -> None:
    assert rules.size_violations({"benchmarks/a.py": function(60)}) == []
    assert rules.size_violations({"benchmarks/a.py": function(60, docstring=40)}) == []
    assert rules.size_violations({"benchmarks/a.py": function(61)}) == [
        "benchmarks/a.py:1 f has 61 lines, more than 60"
    ]
    assert rules.size_violations({"nn/a.py": "class A:\n    " + function(61).replace("\n", "\n    ")}) != []


def test_size_rule_sees_a_high_median() -> None:
    files = {"nn/a.py": "x = 1\n" * 250, "nn/b.py": "x = 1\n" * 220, "nn/c.py": "", "autograd_lite/d.py": ""}
    assert rules.size_violations(files) == ["the median file of nn has 220 lines, not under 200"]
    assert len(rules.size_violations({**files, "nn/b.py": "x = 1\n" * 200})) == 1
    assert rules.size_violations({**files, "nn/b.py": "x = 1\n" * 199}) == []


@pytest.mark.parametrize(
    "path", ["autograd_lite/utils.py", "autograd_lite/misc/a.py", "autograd_lite/core/_helpers.py"]
)
def test_name_rule_sees(path: str) -> None:
    assert len(rules.name_violations({path: ""})) == 1
    assert rules.name_violations({path.replace("autograd_lite", "nn"): ""}) == []


def test_bootstrap_rule_sees() -> None:
    assert rules.bootstrap_violations("import os\nfrom pathlib import Path\n" + "\n" * 97) == []
    assert "has 100 lines" in rules.bootstrap_violations("\n" * 100)[0]
    assert "numpy" in rules.bootstrap_violations("import numpy.linalg\n")[0]
    assert "tqdm" in rules.bootstrap_violations("def f():\n    from tqdm import tqdm\n")[0]
