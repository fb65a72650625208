"""`autograd_lite.nn` and `nn` are one package, in either order; a program's own nn.py hides only the shorter name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
THE_SAME = """
import importlib.util, pickle, sys
import autograd_lite.nn.layers as a_layers, nn.layers as b_layers
import nn.datasets.idx as b_idx, autograd_lite.nn.datasets.idx as a_idx, nn.ops as b_ops
from autograd_lite.nn import Sequential, ops as a_ops
from autograd_lite.nn.layers.dense import Dense as ADense
from nn.layers import Dense as BDense
import autograd_lite, nn
assert nn is autograd_lite.nn is sys.modules["nn"] is sys.modules["autograd_lite.nn"]
assert a_layers is b_layers is nn.layers and a_idx is b_idx and a_ops is b_ops and ADense is BDense
from nn import plots
from nn.plots.confusion import worst_mistakes  # a module that a function of the same name hides
assert plots.confusion is autograd_lite.nn.plots.confusion and callable(plots.confusion)
assert importlib.util.find_spec("nn.utils.demo").loader.get_code("nn.utils.demo") is not None  # python -m
assert isinstance(pickle.loads(pickle.dumps(ADense(2))), nn.Layer)
for module in (nn, a_layers, a_idx):
    assert module.__spec__.name == module.__name__, module.__spec__
for name in ("nn.nothing", "autograd_lite.nn.nothing"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert "nothing" in str(error)
    else:
        raise AssertionError(name)
"""
OWN = """
import numpy as np
FIRST
import nn
import autograd_lite.nn.layers
from autograd_lite.nn import layers, models
import autograd_lite as ag
assert nn.mine == 1 and ag.nn is not nn and ag.nn.layers is layers is autograd_lite.nn.layers
class Own(layers.Layer):
    pass
model = ag.nn.Sequential([layers.Dense(1, input_shape=(2,)), layers.BatchNormalization()])
model.compile("adam", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
model.save("m.nn")
again = models.load_model("m.nn")
assert np.array_equal(again.predict(np.ones((1, 2))), model.predict(np.ones((1, 2))))
assert [layer["class_name"] for layer in again.get_config()["layers"]] == ["layers.Dense", "layers.BatchNormalization"]
assert model.get_compile_config()["optimizer"]["class_name"] == "optimizers.Adam"
try:
    import nn.layers
except ModuleNotFoundError as error:
    assert "not a package" in str(error)
else:
    raise AssertionError("nn.layers")
"""


def run(program: str, folder: Path, site: Path = ROOT) -> None:
    """Run a program in a folder, with this checkout or an installation alone at the end of the path."""
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    if site != ROOT:
        program = f"import sys\nsys.path = [p for p in sys.path if p != {str(ROOT)!r}]\n{program}"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.ci
@pytest.mark.parametrize("first", ["nn", "autograd_lite.nn"])
def test_both_names_are_one_package(first: str, tmp_path: Path) -> None:
    run(f"import {first}\n{THE_SAME}", tmp_path)


@pytest.mark.parametrize(
    "first", ["import autograd_lite.nn", pytest.param("import nn", marks=pytest.mark.ci)], ids=["ours", "theirs"]
)
def test_beside_an_nn_of_ones_own(first: str, tmp_path: Path) -> None:
    (tmp_path / "nn.py").write_text("mine = 1\n", encoding="utf-8")
    run(OWN.replace("FIRST", first), tmp_path)
