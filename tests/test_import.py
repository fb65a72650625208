"""Importing the engine is cheap: it pulls in NumPy and the light part of the standard library, and nothing else."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Each of these costs more than the engine itself, or is an optional dependency.
# fmt: off
FORBIDDEN = {
    "IPython", "asyncio", "autograd", "graphviz", "http", "hypothesis", "jax", "keras", "matplotlib", "mpi4py",
    "multiprocessing", "mygrad", "nn", "numba", "numpy.testing", "onnx", "pandas", "pytest", "safetensors", "scipy",
    "sklearn", "socket", "ssl", "tensorboard", "tkinter", "torch", "tqdm", "unittest", "urllib.request", "xml",
}
# fmt: on

# The goal on a quiet machine is 30 ms; this only catches a gross mistake. Of the processor: others may use it too.
MOST_MILLISECONDS = 150

PROBE = """
import json, sys, time
import numpy
before = set(sys.modules)
start = time.process_time()
import {module}
milliseconds = 1e3 * (time.process_time() - start)
print(json.dumps({{"milliseconds": milliseconds, "modules": sorted(set(sys.modules) - before)}}))
"""


def import_alone(module: str, **environment: str) -> dict[str, Any]:
    """Import a module in a new process, and return its time and what it loaded beyond what `import numpy` loads."""
    command, environment = [sys.executable, "-c", PROBE.format(module=module)], {**os.environ, **environment}
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def forbidden_among(modules: list[str]) -> set[str]:
    """Return the forbidden packages to which these modules belong."""
    return {name for name in FORBIDDEN for module in modules if f"{module}.".startswith(f"{name}.")}


def test_engine_pulls_in_nothing_heavy() -> None:
    modules = import_alone("autograd_lite")["modules"]
    assert "autograd_lite" in modules
    assert forbidden_among(modules) == set()
    assert "autograd_lite.ops.special.special_tables" not in modules  # a fifth of the time


@pytest.mark.parametrize("module", ["urllib.request", "unittest.mock"])
def test_the_check_sees_a_heavy_module(module: str) -> None:
    assert module.partition(".")[0] in {
        name.partition(".")[0] for name in forbidden_among(import_alone(module)["modules"])
    }


def test_import_time_over_numpy(tmp_path: Path) -> None:
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}  # by the first of the imports
    milliseconds = min(import_alone("autograd_lite", **compiled)["milliseconds"] for _ in range(5))
    print(f"import autograd_lite: {milliseconds:.1f} ms of the processor on top of import numpy")
    assert milliseconds < MOST_MILLISECONDS


# Without what only some calls need, everything else works; those calls say what to install.
WITHOUT = """
import sys

MISSING = ("graphviz", "safetensors", "tqdm")

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import autograd_lite as ag
import nn
from autograd_lite.graph import build_graph

model = nn.Sequential([nn.Input((2,)), nn.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit([[1.0, 2.0]], [[3.0]], verbose=2)
graph = build_graph(model(ag.tensor([[1.0, 2.0]])).sum(), backward=True)
assert graph.to_svg() and graph.to_dot() and graph.to_mirror()

sys.stdout.isatty = lambda: True
for package, call in (
    ("graphviz", lambda: graph.to_graphviz()),
    ("safetensors", lambda: nn.saving.save_model(model, "never.nn")),
    ("safetensors", lambda: nn.saving.load_model(sys.executable)),
    ("tqdm", lambda: model.fit([[1.0, 2.0]], [[3.0]], verbose=1)),
):
    try:
        call()
    except ModuleNotFoundError as error:
        assert error.name == package and f"pip install {package}" in str(error), error
    else:
        raise AssertionError(f"{package} was not missed")
print("without", *MISSING)
"""


def test_numpy_alone_is_enough() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, env=os.environ)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "without graphviz safetensors tqdm"


KEEPS = """
import resource
import numpy as np
import autograd_lite as ag
CALL

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        a = [np.ones(40_000) for _ in range(4)]  # beyond what glibc keeps by itself
        del a
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.parametrize(
    ("call", "kept"), [("", False), ("ag.keep_freed_memory()", True), ("assert not ag.keep_freed_memory()", None)]
)
def test_freed_memory_is_kept_only_on_request(call: str, kept: bool | None) -> None:
    """Where it is not kept, the pages of every large array are faulted in anew. An import changes nothing by itself."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        pytest.skip("of glibc alone it is known how freed memory is kept")
    environment = os.environ | ({"AUTOGRAD_LITE_KEEP_MEMORY": "0"} if kept is None else {})
    program = KEEPS.replace("CALL", call) + "print(ag.extend.keeps_freed_memory())"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    count, keeps = run.stdout.split()
    assert (int(count) < 2000) == bool(kept), run.stdout  # 31,000 where it is not kept
    assert keeps == str(bool(kept))
