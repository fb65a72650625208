"""Modules are built on shapes alone: nothing is computed, and what comes out is what a run gives."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, ops
from nn.module import abstract, recording

from ..layers.layer_cases import CASES, LayerCase


def symbols_of(case: LayerCase) -> Any:
    """Return the results of a layer on symbols, as shapes and dtypes."""
    nn.set_seed(0)
    layer, made = case.make(), []
    for spec in case.inputs:
        shape = getattr(spec, "shape", spec)
        dtype = np.dtype(getattr(spec, "dtype", "float32"))
        made.append(nn.Input(shape[1:], dtype="str" if dtype.kind == "U" else dtype.name))
    out = layer(made) if case.as_list else layer(*made)
    weights = [(path, t.shape, t.dtype, t.numpy().tobytes()) for path, t in layer._tensors()]
    return ag.tree.map(lambda s: (s.shape, s.dtype.name), out), weights


FEW = [case if i % 8 == 0 else pytest.param(case, marks=pytest.mark.ci) for i, case in enumerate(CASES)]


@pytest.mark.parametrize("case", FEW, ids=[case.name for case in CASES])
def test_a_layer_built_on_shapes_is_the_one_built_on_values(case: LayerCase, monkeypatch: Any) -> None:
    try:
        on_shapes = symbols_of(case)
    except Exception as error:  # a layer that symbols cannot be given: then for the same reason
        with monkeypatch.context() as m:
            m.setattr(recording, "on_shapes", lambda *_: (None, False))
            with pytest.raises(type(error)):
                symbols_of(case)
        return
    monkeypatch.setattr(recording, "on_shapes", lambda *_: (None, False))
    assert symbols_of(case) == on_shapes


class Wide(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Dense(3)

    def call(self, x: Any) -> Any:
        square = ops.sum(ops.eye(20000) + ops.ones((20000, 20000)), axis=0)
        return self.inner(x) @ ops.zeros((3, 20000)) * square


class Asking(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = layers.Dense(2), 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        y = self.inner(x)
        return y if float(y.numpy().sum()) > 1e9 else ops.concatenate([y, y])


class Nested(nn.Model):
    def __init__(self) -> None:
        super().__init__()
        self.wide = Wide()

    def call(self, x: Any) -> Any:
        return self.wide(x)


BUILDS: dict[str, Any] = {
    "on a symbol": lambda: Wide()(nn.Input((4,))),
    "in a Sequential": lambda: nn.Sequential([nn.Input((4,)), Wide()]),
    "by build": lambda: Nested().build((None, 4)),
    "compute_output_shape": lambda: Wide().compute_output_shape((None, 4)),
    "a convolution of a large image": lambda: layers.Conv2D(64, 9)(nn.Input((4096, 4096, 3))),
}


@pytest.mark.parametrize("name", BUILDS)
def test_building_computes_nothing(name: str) -> None:
    BUILDS[name]()  # loads what is loaded late
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    BUILDS[name]()
    assert time.process_time() - begin < 0.1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


@pytest.mark.ci
@pytest.mark.parametrize("name", BUILDS)
def test_building_takes_little_memory(name: str) -> None:
    code = (
        "import resource, sys\nfrom tests.nn.module.test_abstract import BUILDS, Wide, nn\n"
        "nn.layers.Dense(1)(nn.Input((2,)))\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "BUILDS[sys.argv[1]]()\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 50 * 1024


def test_a_call_that_reads_values_is_run_on_some() -> None:
    nn.set_seed(0)
    layer = Asking()
    out = layer(nn.Input((3,)))
    assert out.shape == (None, 2)
    assert layer.calls == 2  # to build its parts, and for the shape: the attempt without values has left nothing
    nn.set_seed(0)
    twin = layers.Dense(2)
    twin.build((None, 3))
    assert np.array_equal(layer.inner.kernel.numpy(), twin.kernel.numpy())  # nor has it drawn


def test_what_is_made_without_values_has_the_shape_and_dtype_of_a_run(monkeypatch: Any) -> None:
    rows: dict[str, Any] = {
        "empty": lambda n: ops.empty((n, 3)),
        "ones": lambda n: ops.ones(n, dtype="int32"),
        "zeros": lambda n: ops.zeros([n, 2], "float16"),
        "full": lambda n: ops.full((2, n), 7.0),
        "eye": lambda n: ops.eye(n, 5, k=1),
        "tri": lambda n: ops.tri(n, dtype="bool"),
        "identity": lambda n: ops.identity(n),
    }
    assert set(rows) == set(abstract._CREATED)
    monkeypatch.setattr(abstract, "_SMALL", 0)
    for make in rows.values():
        made, fits = abstract.on_shapes(nn.Module(), lambda _, make=make: make(70), [])
        with np.errstate(all="ignore"):  # `empty` holds whatever lay there
            expected = make(70)
        assert fits
        assert (made.shape, made.dtype) == (expected.shape, expected.dtype)
        with pytest.raises(TypeError):
            made.numpy()
