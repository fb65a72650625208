"""Importing the engine is cheap: it pulls in NumPy and the light part of the standard library, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


def import_alone(module: str) -> dict[str, Any]:
    """Import a module in a new process, and return its time and what it loaded beyond what `import numpy` loads."""
    command = [sys.executable, "-c", PROBE.format(module=module)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout)


def forbidden_among(modules: list[str]) -> set[str]:
    """Return the forbidden packages to which these modules belong."""
    return {name for name in FORBIDDEN for module in modules if f"{module}.".startswith(f"{name}.")}


def test_engine_pulls_in_nothing_heavy() -> None:
    modules = import_alone("autograd_lite")["modules"]
    assert "autograd_lite" in modules
    assert forbidden_among(modules) == set()


@pytest.mark.parametrize("module", ["urllib.request", "unittest.mock"])
def test_the_check_sees_a_heavy_module(module: str) -> None:
    assert module.partition(".")[0] in {
        name.partition(".")[0] for name in forbidden_among(import_alone(module)["modules"])
    }


def test_import_time_over_numpy() -> None:
    milliseconds = min(import_alone("autograd_lite")["milliseconds"] for _ in range(5))
    print(f"import autograd_lite: {milliseconds:.1f} ms of the processor on top of import numpy")
    assert milliseconds < MOST_MILLISECONDS


NUMPY_ALONE = """
import sys
sys.modules.update(dict.fromkeys(["graphviz", "safetensors", "tqdm"]))  # to import one of them raises
import numpy as np
import autograd_lite as ag, nn
from nn import layers, models

model = models.Sequential([layers.Dense(1, input_shape=(2,))])
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=2)
assert ag.graph.build_graph(model(np.ones((4, 2)))).to_svg().startswith("<svg")
assert ag.grad(np.sin)(0.0) == 1
"""


def test_numpy_alone_is_enough_to_differentiate_train_and_draw() -> None:
    done = subprocess.run([sys.executable, "-c", NUMPY_ALONE], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
