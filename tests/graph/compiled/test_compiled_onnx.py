"""The results of a compiled function, after the passes, as an ONNX model that other runtimes run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn

from ...compiler.test_compile import normal


def network() -> tuple[Callable[..., Any], Any]:
    nn.set_seed(0)
    layers = [nn.layers.Conv2D(3, 3, activation="relu"), nn.layers.BatchNormalization(), nn.layers.Flatten()]
    model = nn.Sequential([*layers, nn.layers.Dense(2, "softmax")]).eval()
    return model, [normal(4, 6, 6, 1).astype(np.float32)]


def twice() -> tuple[Callable[..., Any], Any]:
    w = ag.tensor(normal(3, 2), name="w")

    def f(x: Any, *, y: Any) -> Any:
        h = np.tanh(x @ w)
        w.assign(w * 0.5)  # an effect, which is left out
        return {"h": h + np.tanh(x @ w).sum(), "y": (h * h + h * h) / 2 + y}

    return f, [normal(4, 3), {"y": normal(4, 2)}]


def slopes() -> tuple[Callable[..., Any], Any]:
    return ag.grad(lambda x: (np.exp(-x * x) * x).sum()), [normal(5)]


CASES = {"a network": network, "with effects": twice, "a gradient": slopes}


def compiled_of(name: str) -> tuple[Any, list[Any], dict[str, Any]]:
    f, args = CASES[name]()
    args, kwargs = (args[:-1], args[-1]) if isinstance(args[-1], dict) else (args, {})
    compiled = ag.compile(f)
    for _ in range(3):
        compiled(*args, **kwargs)
    return compiled, args, kwargs


@pytest.mark.ci
@pytest.mark.parametrize("name", CASES)
def test_another_runtime_gives_the_same(name: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    compiled, args, kwargs = compiled_of(name)
    session = runtime.InferenceSession(compiled.to_onnx(), providers=["CPUExecutionProvider"])
    given = dict(zip([i.name for i in session.get_inputs()], [*args, *kwargs.values()], strict=True))
    found = session.run(None, given)
    expected = ag.tree.leaves(compiled(*args, **kwargs))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, np.asarray(b._data if isinstance(b, ag.Tensor) else b), rtol=1e-5, atol=1e-6)


def test_a_model_is_what_the_passes_left(tmp_path: Path) -> None:
    compiled, _, _ = compiled_of("with effects")
    model = compiled.to_onnx(tmp_path / "f.onnx", name="twice")
    assert (tmp_path / "f.onnx").read_bytes() == model
    assert b"twice" in model
    forward = compiled.traces[-1].replay.passes
    assert forward[-1].operations < forward[0].operations
    with pytest.raises(ValueError, match="Compiled.to_onnx: expected the number of a trace"):
        compiled.to_onnx(trace=3)
    spectrum = ag.compile(lambda x: np.abs(np.fft.fft(x)))
    for _ in range(2):
        spectrum(np.ones(4))
    with pytest.raises(ag.UnsupportedError, match="fft"):
        spectrum.to_onnx()
