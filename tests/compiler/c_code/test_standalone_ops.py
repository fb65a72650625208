"""C files that stand alone, over the table of ops: the same bits, or within a few units; the rest is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.errors import UnsupportedError

from ...laws.samples import SAMPLES, Sample
from .stand_alone import build, call, distance, in_c

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")

# Products, sums in another order, and what cancels: in units of the largest result.
SUMS = {
    "cholesky": 20, "cholesky_pullback": 40, "contract": 10, "det": 20, "gelu_pullback": 4, "gelu_slope": 4, "inv": 20,
    "inverse_or_limit": 20, "log_softmax_pullback": 4, "matmul": 10, "solve": 20, "standardize": 10,
    "standardize_pullback": 10, "softmax_pullback": 4, "triangle_inverse": 20,
}  # fmt: skip
# Ops that no file has: what sorts, decomposes, goes over windows, has several results, or is rare.
_REFUSED = """
    argpartition argsort bessel_i bitwise_count cofactor convolution convolution_input convolution_kernel
    cross cross_entropy cross_entropy_pullback direction divide_by_gaps divmod eigenvector_change eigh eigvalsh frexp
    full_convolution full_svd gcd gru gru_adjoint hfft imag irfft lcm lstm lstm_adjoint lstsq matrix_rank modf
    nanargmax nanargmin pinv qr qr_r real recurrence rotate_pairs round running_extreme searchsorted
    second_cofactor simple_rnn simple_rnn_adjoint sinc slogdet spacing svd svdvals turning valid_convolution
    window_max window_put window_spread window_sum window_take
"""
REFUSED = set(_REFUSED.split())
# Ops of which some rows are refused: an index of masks or of arrays apart, other values than 0, both axes at once.
PARTLY = {"gather", "gather_adjoint", "getitem", "index_update", "on_diagonal", "pad", "scatter_add", "vector_norm"}


def _plain(sample: Sample, dtype: Any) -> list[Any] | None:
    """Return arrays for a row, or None if they are complex or empty."""
    arrays = sample.arrays(dtype)
    with np.errstate(all="ignore"):
        out = np.asarray(sample.call(*arrays))
    return arrays if all(a.dtype.kind in "fiub" and a.dtype != np.float16 and a.size for a in (*arrays, out)) else None


def _check(samples: list[Sample], dtype: Any, folder: Path) -> tuple[set[str], list[str]]:
    """Return the ops that were refused, and the rows whose results are wrong."""
    functions, refused, wrong = [], set[str](), list[str]()
    for k, sample in enumerate(samples):
        if (arrays := _plain(sample, dtype)) is None:
            continue
        try:
            with np.errstate(all="ignore"):
                functions.append((sample, in_c(f"f{k}", ag.compile(sample.call), *arrays)))
        except UnsupportedError as error:
            wrong += [] if "to_c: expected" in str(error) and "samples.py" in str(error) else [str(error)]
            refused.add(sample.case.op)
    library = build([f for _, f in functions], folder, "-O0")
    for sample, f in functions:
        failed, results = call(library, f)
        for result, r in zip(results, f.results, strict=True):
            most = SUMS.get(sample.case.op)
            gap = distance(result, r.value) if most is None else distance(result, r.value, scaled=True)
            if failed or gap > (0 if f.writer.is_exact else most or 4):
                wrong.append(f"{sample.name}: {gap:g} units, {result.reshape(-1)[:4]} for {r.value.reshape(-1)[:4]}")
    return refused, wrong


def test_some_rows_of_each_op_give_the_results_of_python(tmp_path: Path) -> None:
    samples = {sample.case.op: sample for sample in SAMPLES if not sample.case.op.startswith("special.")}
    assert _check(list(samples.values()), np.float64, tmp_path)[1] == []


@pytest.mark.ci
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_rows_give_the_results_of_python(dtype: Any, tmp_path: Path) -> None:
    refused, wrong = _check(SAMPLES, dtype, tmp_path)
    assert wrong == []
    if dtype is np.float64:
        assert {op for op in refused if not op.startswith("special.")} == REFUSED | PARTLY
