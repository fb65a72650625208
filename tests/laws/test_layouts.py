"""How an array lies in memory changes no derivative: gapped, backwards, transposed, read-only, in both precisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from .samples import DIFFERENTIABLE, Sample, differentiable_inputs


def gapped(a: np.ndarray) -> np.ndarray:
    """Return a copy every second element of whose memory belongs to another array."""
    wide = np.full((*a.shape, 2), 7, a.dtype)
    wide[..., 0] = a
    return wide[..., 0]


def backwards(a: np.ndarray) -> np.ndarray:
    """Return a copy whose memory runs the other way, along every axis."""
    turn = (slice(None, None, -1),) * a.ndim
    return np.array(a[turn])[turn]


def read_only(a: np.ndarray) -> np.ndarray:
    """Return a copy that cannot be written to."""
    copy = np.array(a)
    copy.flags.writeable = False
    return copy


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gapped": gapped,
    "backwards": backwards,
    "Fortran": lambda a: np.array(a, order="F"),
    "read-only": read_only,
}


def test_the_layouts_are_what_they_say() -> None:
    a = np.arange(6.0).reshape(2, 3)
    for name, lay in LAYOUTS.items():
        np.testing.assert_array_equal(lay(a), a, err_msg=name)
    assert gapped(a).strides == (48, 16)
    assert backwards(a).strides == (-24, -8)
    assert LAYOUTS["Fortran"](a).strides == (8, 16)
    assert not read_only(a).flags.writeable


def derivatives(sample: Sample, arrays: list[Any], wanted: list[int]) -> list[np.ndarray]:
    """Return the gradients of a loss that is quadratic in the result, and one product with its Hessian."""
    v = sample.cotangent(np.shape(sample.op.forward(*arrays, **sample.params)))

    def loss(*xs: Any) -> Any:
        # Borrowed, so that the op sees the layout.
        tensors = [x if isinstance(x, ag.Tensor) else ag.tensor(x, copy=False) for x in xs]
        out = sample.op(*tensors, **sample.params)
        squares = np.real(out * np.conjugate(out)) if out.dtype.kind == "c" else out * out
        return (squares * v.astype(squares.dtype)).sum()

    with np.errstate(all="ignore"):
        tensors = [ag.tensor(a, requires_grad=i in wanted, copy=False) for i, a in enumerate(arrays)]
        loss(*tensors).backward()
        first = [tensors[i].grad.numpy() for i in wanted]
        # Not ones: along them a variance does not change, and what is left is rounding.
        along = sample.cotangent(arrays[wanted[0]].shape, arrays[wanted[0]].dtype, salt=9)
        return [*first, ag.hvp(loss, wanted[0])(*arrays, along)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=lambda s: s.name)
def test_no_layout_changes_a_derivative(sample: Sample, dtype: Any) -> None:
    arrays, wanted = sample.arrays(dtype), differentiable_inputs(sample)
    expected = derivatives(sample, arrays, wanted)
    digits = 1e-9 if dtype is np.float64 else 2e-3
    for name, lay in LAYOUTS.items():
        found = derivatives(sample, [lay(a) for a in arrays], wanted)
        for got, wish in zip(found, expected, strict=True):
            assert got.dtype == wish.dtype
            scale = np.max(np.abs(wish), initial=1e-30, where=np.isfinite(wish))
            np.testing.assert_allclose(got, wish, rtol=digits, atol=digits * scale, err_msg=name)
