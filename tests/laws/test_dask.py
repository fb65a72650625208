"""Dask's arrays under the laws of arrays: they stay lazy, in the values and the derivatives of every op that runs.

A scheduler that raises makes sure of that: values are computed by the tests alone. The arrays have two chunks an axis.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS

from ..array_kinds import Kind
from .samples import DIFFERENTIABLE, SAMPLES, Sample
from .test_arrays import derivatives, first_rows, function_of, hold, same, value

pytestmark = [
    pytest.mark.ci,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(importlib.util.find_spec("dask") is None, reason="Dask is not installed: pip install dask"),
]


def _names(text: str) -> list[str]:
    return text.split()


_WRITES = "it writes into parts of an array, which of a Dask array are copies"
_ROWS = "it goes from row to row, or from step to step, through memory"
_LACKS = "Dask has no such function: it warns, and computes with NumPy"
_LINALG = "the factorizations of Dask take less than those of NumPy: chunks that are square, no batches, fewer options"
_CHUNKED = "Dask needs the axis in one chunk: rechunk({axis: -1})"
# The ops that do not run on Dask's arrays, with the reason. A case of the others may fail for what it asks.
REFUSED: dict[str, str] = {
    **dict.fromkeys(_names("window_sum window_spread window_max window_take window_put"), _WRITES),
    **dict.fromkeys(
        _names("convolution convolution_input convolution_kernel full_convolution valid_convolution"), _WRITES
    ),
    **dict.fromkeys(_names("standardize standardize_pullback divide_by_gaps"), _ROWS),
    **dict.fromkeys(_names("lstm lstm_adjoint gru gru_adjoint simple_rnn simple_rnn_adjoint"), _ROWS),
    **dict.fromkeys(_names("cross take_along_axis add_along_axis gather gather_adjoint argsort argpartition"), _LACKS),
    **dict.fromkeys(_names("det slogdet second_cofactor eigh eigenvector_change eigvalsh eig eigvals pinv"), _LACKS),
    "matrix_rank": _LACKS,
    **dict.fromkeys(_names("cholesky cholesky_pullback lstsq svdvals solve"), _LINALG),
    **dict.fromkeys(_names("fft ifft rfft irfft hfft ihfft"), _CHUNKED),
    "on_diagonal": "Dask assigns at one array of indices at a time",
}
# Those whose value is there for some chunks, and whose derivative is not.
VALUE_ALONE: dict[str, str] = {
    "diagonal": "its derivative is on_diagonal",
    **dict.fromkeys(_names("cofactor inv inverse_or_limit triangle_inverse qr qr_r svd"), _LINALG),
}
# The cases that an op runs without, with the reason.
CASES: dict[str, str] = {
    "getitem": "an array of indices along one axis, of one dimension",
    "scatter_add": "an array of indices along one axis, of one dimension",
    "index_update": "slices, integers and masks of one axis",
    "reshape": "axes merge and split evenly",
    "searchsorted": "arrays without axes",
    "tril": "matrices",
    "triu": "matrices",
    **dict.fromkeys(_names("max min vector_norm"), "arrays that are not empty"),
}


def _to_dask(a: np.ndarray) -> Any:
    import dask.array as da

    return da.from_array(a, chunks=tuple(max(1, -(-n // 2)) for n in np.shape(a)))


def _is_dask(x: Any) -> bool:
    import dask.array as da

    return isinstance(x, da.Array)


DASK = Kind("dask", _to_dask, lambda x: x.compute(scheduler="synchronous"), _is_dask)


@pytest.fixture(autouse=True)
def nothing_is_computed_unasked() -> Iterator[None]:
    import dask

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("a value was computed")

    with dask.config.set(scheduler=refuse):
        yield


# One of a kind stands for the many functions of SciPy, since all take the same way.
_SPECIAL = {f"special.{name}" for name in _names("erf gammaln psi betainc xlogy jv airy zeta_by_s expit logit")}


def _representative(rows: list[Sample]) -> list[Sample]:
    return [s for s in rows if not s.case.op.startswith("special.") or s.case.op in _SPECIAL]


def _first_order(s: Sample, to_kind: Callable[[np.ndarray], Any]) -> list[Any]:
    bare = s.arrays()
    f, wanted = function_of(s, [to_kind(a) for a in bare])
    out = s.call(*bare)
    v = to_kind(s.cotangent(out.shape, out.dtype))
    return list(ag.vjp(f, range(len(wanted)))(*(to_kind(bare[i]) for i in wanted))[1](v))


def _gradients(s: Sample, kind: Kind) -> None:
    """Compare the gradients of <v, op> with those of NumPy's arrays."""
    with np.errstate(all="ignore"):
        for found, expected in zip(_first_order(s, kind.to_kind), _first_order(s, lambda a: a), strict=True):
            same(kind, found, expected)


def test_values() -> None:
    rows = [s for s in SAMPLES if s.case.op in OPS]
    hold(value, first_rows(_representative(rows)), DASK, set(REFUSED))


def test_values_of_the_cases_of_ops_that_run_for_some() -> None:
    hold(value, [s for s in SAMPLES if s.case.op in CASES], DASK, set(CASES))


def test_gradients() -> None:
    hold(_gradients, first_rows(_representative(DIFFERENTIABLE)), DASK, {*REFUSED, *VALUE_ALONE})


def test_second_derivatives() -> None:
    wanted = _names("tanh multiply power sum mean max matmul contract softmax logsumexp getitem where special.gammaln")
    hold(derivatives, [s for s in first_rows(DIFFERENTIABLE) if s.case.op in wanted], DASK, set())
