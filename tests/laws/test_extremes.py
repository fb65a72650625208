"""Elementwise ops at the ends of the numbers: a silent backward pass, gradients finite wherever the true ones are.

The truth is the same op in the next wider dtype, where nothing that is finite here over- or underflows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS, Kind, Op

from ..all_cases import CASES
from ..rows import for_every

PARAMS = {case.op: case.params[0] for case in CASES}

POINTS = {
    "e": [6e-8, 1e-3, 0.5, 1.5, 300.0, 6e4],
    "f": [1e-45, 1e-38, 1e-20, 1e-3, 0.5, 1.5, 90.0, 1e4, 1e20, 1e30, 3e38],
    "d": [5e-324, 1e-308, 1e-170, 1e-3, 0.5, 1.5, 720.0, 1e4, 1e30, 1e170, 1e308],
}
WIDER = {"e": "d", "f": "d", "d": "g"}


LEFT_OUT = {
    "bessel_i": "np.i0, which it is, overflows in single precision at 89, where the value is 2e37",
    "ldexp": "its second input is an integer",
    "where": "its first input is a condition",
    "zero_mask": "it changes cotangents",
    **dict.fromkeys(
        ("power", "float_power"), "y x**(y - 1) of subnormal x: the power is beyond numbers, times y it is not"
    ),
    **dict.fromkeys(("gelu_pullback", "direction", "turning"), "derivatives themselves, used by rules"),
}


def elementwise() -> list[Op]:
    kinds = (Kind.UNIT, Kind.CONSTANT, Kind.PARTIAL, Kind.GATE, Kind.APPLIED)
    return [
        op
        for op in OPS.values()
        if isinstance(op.rules, tuple)
        and all(r is None or r.kind in kinds for r in op.rules)
        and any(r is not None for r in op.rules)
        and not op.name.startswith("special.")
        and op.name in PARAMS
        and op.name not in LEFT_OUT
    ]


def pulled(op: Op, arrays: list[np.ndarray], params: Any) -> list[np.ndarray]:
    tensors = [ag.tensor(a, requires_grad=True) for a in arrays]
    with np.errstate(all="ignore"):
        out = OPS[op.name](*tensors, **params)
    out.backward(np.ones(out.shape, out.dtype))  # warnings are errors
    return [out.detach().numpy(), *(np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors)]


@for_every(((op, dtype) for op in elementwise() for dtype in "efd"), name=lambda row: f"{row[0].name} {row[1]}")
def test_a_gradient_is_finite_where_the_true_one_is(row: tuple[Op, str]) -> None:
    op, dtype = row
    assert isinstance(op.rules, tuple)
    points = np.array([0.0, *POINTS[dtype], *(-v for v in POINTS[dtype])]).astype(dtype)
    n = len(op.rules)
    arrays = list(np.meshgrid(*[points] * n)) if n < 3 else [points, points[::-1] * 0 - 1, *[points * 0 + 2] * (n - 2)]
    found = pulled(op, arrays, PARAMS[op.name])
    with np.errstate(all="ignore"):
        true = pulled(op, [a.astype(WIDER[dtype]) for a in arrays], PARAMS[op.name])
        rounded = [t.astype(dtype) for t in true]
    for mine, theirs in zip(found[1:], rounded[1:], strict=True):
        known = np.isfinite(theirs) & np.isfinite(rounded[0]) & np.isfinite(found[0])
        assert np.isfinite(mine[known]).all(), [(a[known & ~np.isfinite(mine)]) for a in arrays]


# ---- functions of a length: nothing changes with the scale ----------------------------------------------------------

# A function of two numbers, and its gradient at (3 s, 4 s) for s = 1; the power of s that the gradient has.
OF_LENGTHS: list[tuple[str, Any, tuple[float, float], int]] = [
    ("hypot", np.hypot, (0.6, 0.8), 0),
    ("arctan2", np.arctan2, (4 / 25, -3 / 25), -1),
    ("abs", lambda x, y: np.abs(x + 1j * y), (0.6, 0.8), 0),
    ("angle", lambda x, y: np.angle(y + 1j * x), (4 / 25, -3 / 25), -1),
    ("sign", lambda x, y: np.real(np.sign(x + 1j * y)), (16 / 125, -12 / 125), -1),
    ("logaddexp", lambda x, y: np.logaddexp(x - x, y - y) + x * 0.6 + y * 0.8, (0.6, 0.8), 0),
]


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
@pytest.mark.parametrize(("f", "at_one", "power"), [row[1:] for row in OF_LENGTHS], ids=[row[0] for row in OF_LENGTHS])
def test_a_gradient_of_a_length_scales(f: Any, at_one: tuple[float, float], power: int, dtype: str) -> None:
    """Over all exponents of the dtype for which numbers and gradient are normal, to a few units in the last place."""
    limits = np.finfo(dtype)
    k = np.arange(limits.minexp + limits.nmant, limits.maxexp - 3)
    k = k[np.abs(k) < limits.maxexp - 4] if power else k
    scale = np.ldexp(np.ones(k.size), k).astype(dtype)
    x, y = (ag.tensor(v * scale, requires_grad=True) for v in (np.array(3, dtype), np.array(4, dtype)))
    with np.errstate(all="ignore"):
        out = f(x, y)
    out.backward(np.ones(out.shape, out.dtype))
    for t, slope in zip((x, y), at_one, strict=True):
        true = slope * scale.astype("g") ** power
        assert t.dtype == dtype
        assert (np.abs(t.grad.numpy().astype("g") - true) <= 8 * limits.eps * np.abs(true)).all(), (f, k)
