"""Names that load late: the tables say what is so, whoever asks first, and no program sees that it was late."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite
import nn
from autograd_lite import ops
from autograd_lite.extend import ATTACHED, attach
from autograd_lite.native.kernels import KERNELS
from autograd_lite.ops import TABLES

OURS = (autograd_lite, nn)
# Every package with late names, by the text of its source: those that load late themselves are not all loaded here.
PACKAGES = {
    ".".join([package.__name__, *file.relative_to(package.__path__[0]).with_suffix("").parts]).removesuffix(
        ".__init__"
    ): file
    for package in OURS
    for file in sorted(Path(package.__path__[0]).rglob("*.py"))
    if re.search(r" = _?attach\(__name__", file.read_text(encoding="utf-8"))
}


def typed(file: Path) -> dict[str, str]:
    """Return the names that type checkers see in the TYPE_CHECKING block of a package, with their modules."""
    (block,) = (
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    found = {}
    for node in block.body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if alias.asname == alias.name:  # the others are for annotations
                found[alias.name] = "." * node.level + node.module if node.module else ""
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_late_names_are_what_type_checkers_see(package: str) -> None:
    module = import_module(package)
    # `autograd_lite.nn` has no import there: the package imports the engine, and no circle.
    assert dict(ATTACHED[package]) == typed(PACKAGES[package]) | ({"nn": ""} if package == "autograd_lite" else {})
    assert list(vars(module)["__all__"]) == sorted(set(vars(module)["__all__"]))
    assert {name for name in ATTACHED[package] if name[0] != "_"} <= set(vars(module)["__all__"])


@pytest.mark.parametrize("package", PACKAGES)
def test_every_late_name_is_there(package: str) -> None:
    module = import_module(package)
    files = {file.stem for file in PACKAGES[package].parent.glob("*.py")}
    folders = {file.parent.name for file in PACKAGES[package].parent.glob("*/__init__.py")}
    for name, place in ATTACHED[package].items():
        assert name in dir(module)
        # A module of this name would be in the place of what it defines, once it is loaded.
        assert not place or name not in files | folders, f"{package}.{name} is a module, too"
        value = getattr(module, name)
        if not place:
            assert value is sys.modules[f"{package}.{name}"]
        else:
            assert value is getattr(import_module(place, module.__package__), name)


MISSING = """
if TYPE_CHECKING:
    from autograd_lite.none import gone
    from autograd_lite.tree import leaves
else:
    results = attach(__name__)
"""


def test_a_missing_name_is_as_in_any_module() -> None:
    here = sys.modules[__name__]
    late = {"attach": attach, "__name__": __name__, "TYPE_CHECKING": False}
    exec(MISSING, late)
    get, names, _ = late["results"]
    assert {"leaves", "test_a_missing_name_is_as_in_any_module"} <= set(names())
    with pytest.raises(AttributeError, match=rf"module '{__name__}' has no attribute 'leavse'. Did you mean 'leaves'"):
        get("leavse")
    with pytest.raises(ModuleNotFoundError, match=r"autograd_lite\.none"):
        get("gone")
    assert not hasattr(here, "leaves")
    assert get("leaves") is autograd_lite.tree.leaves is vars(here)["leaves"]
    del ATTACHED[__name__]


# ---- programs in processes of their own -----------------------------------------------------------------------------


def run(program: str, *arguments: str) -> Any:
    """Run a program, and return what it prints as JSON."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# The files of ops once more, each with tables that are empty: they run in the order of the table.
DEFINED = """
import json, sys
from pathlib import Path
from autograd_lite import ops
from autograd_lite.core import op as records
tables = records.OPS, records.BY_UFUNC, records.BY_FUNCTION, records.COMPOSED
assert len(records.OPS)  # all of them are loaded
found = {}
for file in sorted(Path(ops.__file__).parent.glob("*.py")):
    if file.stem != "__init__":
        for table in tables:
            table.defined = {}
        code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
        exec(code, {"__name__": f"{ops.__name__}.{file.stem}", "__package__": ops.__name__})
        found[file.stem] = sorted({getattr(key, "__name__", key) for table in tables for key in table.defined})
print(json.dumps(found))
"""


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="the table has functions of NumPy 2.4")
@pytest.mark.skipif(not KERNELS, reason="the table has the kernels")
def test_files_of_ops_define_what_the_table_says() -> None:
    defined = {file: names for file, names in run(DEFINED).items() if names}
    said = {file: names.split() for file, names in TABLES.items()}
    lines = {file: f"ops/__init__.py: {file}: {' '.join(names)}" for file, names in defined.items()}
    assert list(said) == sorted(said)
    assert not [lines.get(file, file) for file in {*said, *defined} if said.get(file) != defined.get(file)]
    files = {file.stem for file in Path(ops.__path__[0]).glob("*.py")} - {"__init__"}
    assert files | {"special"} == set(ATTACHED["autograd_lite.ops"])


# Threads that ask for all late names at once, each in its own order, and compute with ops that are not loaded. Packages
# are imported from the outside in: where one thread imports `nn` and another `nn.module` for the first time, Python's
# own locks may meet, as for every package that imports a part of itself (CPython reports a deadlock in one of them).
THREADS = """
import json, random, sys, threading
seed, names, count = int(sys.argv[1]), json.loads(sys.argv[2]), 4
sys.setswitchinterval(1e-6)
import numpy as np
import autograd_lite as ag
from autograd_lite.extend import load
functions = [
    lambda t: np.sum(np.sin(t)), lambda t: np.cumsum(t)[-1], lambda t: np.linalg.norm(t), lambda t: np.fft.fft(t)[0],
    lambda t: np.stack([t, t])[0, 0], lambda t: np.median(t), lambda t: t @ t, lambda t: np.maximum(t, 1.0).mean(),
]
barrier, failed = threading.Barrier(count), []

def use(number):
    order = random.Random(seed * count + number)
    asked = order.sample(names, len(names))
    barrier.wait()
    try:
        for f in order.sample(functions, len(functions)):
            assert np.isfinite(f(ag.tensor([1.0, 2.0], requires_grad=True)).item())
        for package, name in asked:
            assert getattr(load(package, package), name) is not None
    except BaseException as error:
        failed.append(repr(error))

threads = [threading.Thread(target=use, args=(i,)) for i in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
print(json.dumps(failed or [thread.name for thread in threads if thread.is_alive()]))
"""


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.ci) for seed in range(1, 8))])
def test_threads_may_ask_first_at_once(seed: int) -> None:
    packages = ["autograd_lite", "autograd_lite.functional"] if seed == 0 else PACKAGES
    for package in packages:
        import_module(package)
    names = [(package, name) for package in packages for name in ATTACHED[package]]
    if seed == 0:  # SciPy, and what is large, is for `ci`
        names = [(package, name) for package, name in names if ATTACHED[package][name]]
    assert run(THREADS, str(seed), json.dumps(names)) == []


# A package that one module imports whole, and another in part.
SHARED = {
    "__init__": (
        "from typing import TYPE_CHECKING\nfrom autograd_lite.extend import attach\n"
        "if TYPE_CHECKING:\n    from .whole import one\n    from .half import two\n"
        "else:\n    __getattr__, __dir__, __all__ = attach(__name__)\n"
    ),
    "whole": "from .files import number as one",
    "half": "from .files.part import number as two",
    "files/__init__": "from .part import number",
    "files/part": "number = 1",
}


class Slow(SourceFileLoader):
    """Takes its time for the package: another thread begins to import a part of it meanwhile."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the package alone."""
        spec = PathFinder.find_spec(name, path) if name == "shared_late.files" else None
        if spec is not None:
            spec.loader = cls(name, str(spec.origin))
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python, later."""
        time.sleep(0.3)


def test_threads_that_load_what_shares_a_package_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shared_late" / "files").mkdir(parents=True)
    for name, text in SHARED.items():
        (tmp_path / "shared_late" / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [Slow, *sys.meta_path])
    package = import_module("shared_late")
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(getattr, package, "one")
        time.sleep(0.1)
        two = pool.submit(getattr, package, "two")
        assert (one.result(60), two.result(60)) == (1, 1)


def test_a_pickle_is_read_where_nothing_has_been_asked_for() -> None:
    program = """
import json, pickle, sys
import autograd_lite
assert not {"autograd_lite.ops.lstm", "autograd_lite.functional.dense_jacobians"} & sys.modules.keys()
print(json.dumps([str(pickle.loads(bytes.fromhex(text))) for text in sys.argv[1:]]))
"""
    import pickle

    things = [ops.lstm.lstm, autograd_lite.hessian, autograd_lite.core.op.OPS["reshape"]]
    read = run(program, *(pickle.dumps(thing).hex() for thing in things))
    assert read[0] == "<op lstm>"
    assert read[1].startswith("<function hessian")
    assert read[2] == "<op reshape>"


STARS = "import json\nfrom {0} import *\nprint(json.dumps(sorted(name for name in globals() if name[0] != '_')))"


@pytest.mark.parametrize("package", ["autograd_lite", pytest.param("nn", marks=pytest.mark.ci)])
def test_a_star_brings_every_name_without_scipy_too(package: str) -> None:
    names = set(run(f"import sys\nsys.modules['scipy'] = None\n{STARS.format(package)}"))
    assert set(vars(import_module(package))["__all__"]) <= names
