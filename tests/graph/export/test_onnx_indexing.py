"""Any index that NumPy takes: read, added back in the gradient, and written."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st

from autograd_lite.graph import Program
from autograd_lite.ops.index import index_update
from autograd_lite.testing import strategies as gst

from .onnx_tools import checked, run

SHAPES = st.sampled_from([(4,), (2, 3), (3, 2, 4), (2, 1, 3, 2)])


@settings(max_examples=150)
@given(st.data())
def test_reading_and_its_gradient(data: st.DataObject) -> None:
    x = np.arange(1.0, 1.0 + np.prod(shape := data.draw(SHAPES))).reshape(shape)
    index = data.draw(gst.indices(shape))
    # Cubed, so that every element has a gradient of its own.
    program = Program.trace(lambda x: (x[index] ** 3).sum(), x, backward=True)
    model = program.to_onnx(gradients=True)
    checked(model)
    value, gradient = run(model, [x])
    np.testing.assert_allclose(value, program(x))
    np.testing.assert_allclose(gradient, program.gradients(x)["x"])
    read = Program.trace(lambda x: x[index] * 1.0, x).to_onnx()
    np.testing.assert_array_equal(run(read, [x])[0], x[index])


@settings(max_examples=75)
@given(st.data())
def test_writing(data: st.DataObject) -> None:
    x = np.arange(np.prod(shape := data.draw(SHAPES)), dtype="float32").reshape(shape)
    index = data.draw(gst.indices(shape))
    y = -np.arange(1.0, 1.0 + x[index].size, dtype="float32").reshape(x[index].shape)
    parts = index if isinstance(index, tuple) else (index,)

    def f(x: Any, y: Any) -> Any:
        return index_update(x, y, index=parts) + 1

    (got,) = run(Program.trace(f, x, y).to_onnx(), [x, y])
    want = x.copy()
    want[index] = y
    np.testing.assert_array_equal(got, want + 1)
