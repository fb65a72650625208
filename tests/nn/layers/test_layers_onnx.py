"""Every layer of the table, in evaluation mode, computes in ONNX Runtime what it computes here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.graph import Program

from .layer_cases import LayerCase, all_cases

pytestmark = pytest.mark.ci


def flat(out: Any) -> list[ag.Tensor]:
    """Return the tensors of a nested result."""
    if isinstance(out, ag.Tensor):
        return [out]
    return [tensor for part in (out.values() if isinstance(out, dict) else out) for tensor in flat(part)]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in all_cases()])
def test_a_layer_runs_in_onnx_runtime(case: LayerCase) -> None:
    runtime = pytest.importorskip("onnxruntime")
    nn.set_seed(0)
    layer = case.make().eval()
    arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in case.draw()]
    with ag.no_grad():
        wanted = [t.numpy() for t in flat(layer(*case.args(arrays)))]
    program = Program.trace(lambda *inputs: flat(layer(*case.args(list(inputs)))), *arrays)
    session = runtime.InferenceSession(program.to_onnx(), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    assert len(names) == len(arrays), "an input has become a constant"
    for got, value in zip(session.run(None, dict(zip(names, arrays, strict=True))), wanted, strict=True):
        assert got.dtype == value.dtype
        np.testing.assert_allclose(got, value, rtol=1e-4, atol=1e-5)
