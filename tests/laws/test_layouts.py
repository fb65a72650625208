"""How an array lies in memory changes no derivative: gapped, backwards, transposed, read-only, in both precisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag

from ..rows import for_every
from .samples import DIFFERENTIABLE, Sample, differentiable_inputs, op_name


def locked(a: np.ndarray) -> np.ndarray:
    """Return the array, which can no longer be written to."""
    a.flags.writeable = False
    return a


def gapped(a: np.ndarray) -> np.ndarray:
    """Return a copy every second element of whose memory belongs to another array."""
    wide = np.full((*a.shape, 2), 7, a.dtype)
    wide[..., 0] = a
    return wide[..., 0]


def backwards(a: np.ndarray) -> np.ndarray:
    """Return a copy whose memory runs the other way, along every axis."""
    turn = (..., *(slice(None, None, -1),) * a.ndim)
    return np.array(a[turn])[turn]


# All of them are read-only too: a rule that writes raises in any.
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gapped": lambda a: locked(gapped(a)),
    "backwards": lambda a: locked(backwards(a)),
    "Fortran": lambda a: locked(np.array(a, order="F")),
}


def test_the_layouts_are_what_they_say() -> None:
    a = np.arange(6.0).reshape(2, 3)
    for name, strides in (("gapped", (48, 16)), ("backwards", (-24, -8)), ("Fortran", (8, 16))):
        laid = LAYOUTS[name](a)
        np.testing.assert_array_equal(laid, a, err_msg=name)
        assert laid.strides == strides
        assert not laid.flags.writeable
    assert a.flags.writeable


def derivatives(sample: Sample, arrays: list[Any], wanted: list[int]) -> list[np.ndarray]:
    """Return the gradients of a loss that is quadratic in the result, and one product with its Hessian."""
    v = sample.cotangent(np.shape(sample.call(*arrays)))

    def loss(*xs: Any) -> Any:
        # Borrowed, so that the op sees the layout.
        tensors = [x if isinstance(x, ag.Tensor) else ag.tensor(x, copy=False) for x in xs]
        out = sample.call(*tensors)
        squares = np.real(out * np.conjugate(out)) if out.dtype.kind == "c" else out * out
        return (squares * v.astype(squares.dtype)).sum()

    with np.errstate(all="ignore"):
        tensors = [ag.tensor(a, requires_grad=i in wanted, copy=False) for i, a in enumerate(arrays)]
        loss(*tensors).backward()
        first = [tensors[i].grad.numpy() for i in wanted]
        # Not ones: along them a variance does not change, and what is left is rounding.
        along = sample.cotangent(arrays[wanted[0]].shape, arrays[wanted[0]].dtype, salt=9)
        return [*first, ag.hvp(loss, wanted[0])(*arrays, along)]


@for_every(DIFFERENTIABLE, by=op_name, stride=3)
def test_no_layout_changes_a_derivative(sample: Sample) -> None:
    wanted = differentiable_inputs(sample)
    for dtype, digits in ((np.float64, 1e-9), (np.float32, 2e-3)):
        arrays = sample.arrays(dtype)
        expected = derivatives(sample, arrays, wanted)
        for name, lay in LAYOUTS.items():
            if name == "Fortran" and all(a.ndim < 2 for a in arrays):
                continue  # the order of axes is that of C
            found = derivatives(sample, [lay(a) for a in arrays], wanted)
            for got, wish in zip(found, expected, strict=True):
                assert got.dtype == wish.dtype
                scale = np.max(np.abs(wish), initial=1e-30, where=np.isfinite(wish))
                np.testing.assert_allclose(got, wish, rtol=digits, atol=digits * scale, err_msg=f"{dtype} {name}")
