"""Gradients of every op, and NumPy functions that are composed of several: exported, run and compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS
from autograd_lite.graph import Program
from autograd_lite.graph.export.onnx import reason_of
from autograd_lite.tree import leaves

from ...all_cases import COMPOSED_CASES, ComposedCase
from ...laws.samples import DIFFERENTIABLE, Sample
from ...laws.test_composed import arrays_of
from .onnx_tools import assert_same, checked, outputs_of, run

# In units of the last place of the largest element of a result, or of a tenth: they go through sums of several terms.
LIMIT = 200.0
# Their derivatives are of operations that ONNX lacks.
BEYOND = ("complex", "singular", "eigenvalues", "a special function", "terms", "QR")
EXPORTED = [s for s in DIFFERENTIABLE if not reason_of(OPS[s.case.op]) and not any("complex" in d for d in s.domains)]
LAST = list({sample.case.op: sample for sample in EXPORTED}.values())


def compare(program: Program, arrays: list[np.ndarray], gradients: bool) -> bool:
    """Export, check, run and compare; return whether it could be exported."""
    model, error = None, ""
    try:
        model = program.to_onnx(gradients=gradients)
    except ag.UnsupportedError as refusal:
        error = str(refusal)
    if model is None:
        assert any(word in error for word in BEYOND)
        return False
    checked(model)
    expected = [*outputs_of(program, arrays), *(program.gradients(*arrays).values() if gradients else ())]
    # Of a result in float64 that float32 leads to, the units are those of float32.
    floats = [np.dtype(dtype) for node in program.graph for _, dtype in node.kinds if dtype is not None]
    coarsest = max([np.finfo(dtype).eps for dtype in floats if dtype.kind == "f"], default=0)
    for got, want in zip(run(model, arrays), map(np.asarray, expected), strict=True):
        coarser = max(1, coarsest / np.finfo(want.dtype).eps) if want.dtype.kind == "f" else 1
        largest = np.abs(np.nan_to_num(want.astype(np.float64), posinf=0, neginf=0)).max(initial=0.1)
        assert_same(got, want, LIMIT * coarser, largest)
    return True


def check_gradient(sample: Sample, dtype: str) -> bool:
    arrays = sample.arrays(np.dtype(dtype))

    def f(*xs: Any) -> Any:
        out = sample.call(*xs)
        return (out * (out + 1)).sum()

    with np.errstate(all="ignore"):
        return compare(Program.trace(f, *arrays, backward=True), arrays, gradients=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sample", LAST, ids=lambda sample: sample.name)
def test_gradients(sample: Sample) -> None:
    check_gradient(sample, "float64")


@pytest.mark.filterwarnings("ignore")
def test_most_gradients_are_exported() -> None:
    ours = [sample for sample in LAST if not sample.case.op.startswith("special.")]
    refused = {sample.case.op for sample in ours if not check_gradient(sample, "float32")}
    assert refused <= {"cofactor"}
    assert len(ours) >= 90


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sample", EXPORTED, ids=lambda sample: sample.name)
def test_all_gradients(sample: Sample, dtype: str) -> None:
    check_gradient(sample, dtype)


# Functions that look at values, for which a trace has no operation.
OF_VALUES = (
    "allclose argwhere array2string array_equal array_equiv array_repr array_str bincount digitize extract "
    "flatnonzero histogram histogram2d histogram_bin_edges histogramdd intersect1d isin lexsort may_share_memory "
    "min_scalar_type nonzero packbits piecewise polydiv ravel_multi_index real_if_close roots setdiff1d setxor1d "
    "shares_memory trim_zeros union1d unique unique_all unique_counts unique_inverse unique_values unpackbits "
    "unravel_index where"
)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", COMPOSED_CASES, ids=lambda case: case.name)
def test_composed_functions(case: ComposedCase, dtype: str) -> None:
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays_of(case)]
    if any(a.dtype.kind == "c" for a in arrays):
        return

    def f(*xs: Any) -> list[Any]:
        return [part for part in leaves(case.calls[0](*xs)) if isinstance(part, ag.Tensor)]

    with np.errstate(all="ignore"):
        try:
            program = Program.trace(f, *arrays)
        except ag.TraceError:
            assert case.name.partition("-")[0] in OF_VALUES.split()
            return
        except TypeError:  # it returns no Tensor: a shape, or an index
            return
        compare(program, arrays, gradients=False)


def test_the_transpose_of_a_matrix_times_a_vector() -> None:
    """ONNX Runtime 1.32 multiplies wrongly where it fuses the two, if the vector is one to it."""
    x, y = np.arange(6.0).reshape(2, 3), np.array([1.0, -2.0])
    program = Program.trace(lambda x, y: (x.T @ y, y @ x), x, y)
    for got, want in zip(run(program.to_onnx(), [x, y]), (x.T @ y, y @ x), strict=True):
        np.testing.assert_array_equal(got, want)
