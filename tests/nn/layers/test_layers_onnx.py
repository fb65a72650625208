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


# Arrays of strings are not recorded, and these operations have no counterpart in ONNX.
OF_STRINGS = {case.name for case in all_cases() if any(a.dtype.kind == "U" for a in case.draw())}
WITHOUT_ONNX = {
    "ContrastLimitedAdaptiveHistogramEqualization": "equalize_locally",
    "FixedPoint": "fixed_point",
    "FixedPoint, another state": "fixed_point",
    "Hashing, integers": "hashed_digits",
    "IntegerLookup, hashed": "hashed_digits",
}
HERE = [case for case in all_cases() if case.name not in OF_STRINGS | WITHOUT_ONNX.keys()]


@pytest.mark.parametrize("name", WITHOUT_ONNX)
def test_what_onnx_lacks_is_refused_and_traced(name: str) -> None:
    (case,) = (case for case in all_cases() if case.name == name)
    layer = case.make().eval()
    program = Program.trace(lambda *inputs: flat(layer(*case.args(list(inputs)))), *case.draw())
    others = case.draw(5)
    np.testing.assert_array_equal(program(*others), flat(layer(*case.args(others)))[0].numpy())
    with pytest.raises(Exception, match=WITHOUT_ONNX[name]):
        program.to_onnx()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in HERE])
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
