"""`signal.dot_convolve` against its definition, written with loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.scipy import signal

from ..rows import for_every

# Shapes, axes that are convolved, axes that are summed over.
SHAPES: list[tuple[Any, ...]] = [
    ((5,), (3,), None, ((), ())),
    ((4, 5), (3, 2), None, ((), ())),
    ((2, 3, 5), (4, 3, 2), ([2], [2]), ([1], [1])),
    ((3, 2), (3, 6), ([1], [1]), ([0], [0])),
    ((4, 3, 5, 2), (2, 2, 3, 3), ([2], [3]), ([3, 1], [0, 2])),
    ((2, 3), (3, 2), ([], []), ([1], [0])),
    ((2, 5), (3,), ([1], [0]), ((), ())),
    ((3,), (5, 2), ([0], [0]), ((), ())),
    ((2, 5), (3, 4), ([1], [1]), ((), ())),
    ((2, 5, 4), (3, 2), ([1, 2], [0, 1]), ((), ())),
]


def defined(A: Any, B: Any, axes: Any, dots: Any) -> Any:
    """Return the full convolution, term by term."""
    axes = axes or (list(range(A.ndim)), list(range(A.ndim)))
    rest = [[i for i in range(x.ndim) if i not in (*axes[k], *dots[k])] for k, x in enumerate((A, B))]
    lengths = [A.shape[i] + B.shape[j] - 1 for i, j in zip(*axes, strict=True)]
    out = np.zeros([*(A.shape[i] for i in rest[0]), *(B.shape[i] for i in rest[1]), *lengths])
    for p in itertools.product(*map(range, A.shape)):
        for q in itertools.product(*map(range, B.shape)):
            if all(p[i] == q[j] for i, j in zip(*dots, strict=True)):
                place = tuple(p[i] + q[j] for i, j in zip(*axes, strict=True))
                out[(*(p[i] for i in rest[0]), *(q[i] for i in rest[1]), *place)] += A[p] * B[q]
    return out


@for_every(SHAPES, name=str)
def test_both_modes_are_what_the_definition_says(row: Any) -> None:
    shape_a, shape_b, axes, dots = row
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=shape_a), rng.normal(size=shape_b)
    expected = defined(A, B, axes, dots)
    np.testing.assert_allclose(signal.dot_convolve(A, B, axes, dots), expected, atol=1e-13)
    along = axes or (list(range(A.ndim)), list(range(A.ndim)))
    cuts = [slice(min(A.shape[i], B.shape[j]) - 1, max(A.shape[i], B.shape[j])) for i, j in zip(*along, strict=True)]
    inside = {A.shape[i] >= B.shape[j] for i, j in zip(*along, strict=True)}
    if len(inside) < 2:
        np.testing.assert_allclose(signal.dot_convolve(A, B, axes, dots, "valid"), expected[(..., *cuts)], atol=1e-13)
    weights = rng.normal(size=expected.shape)
    t = rng.normal(size=shape_b)  # linear in each factor, so that a difference is a derivative
    slope = ag.grad(lambda B: (signal.dot_convolve(A, B, axes, dots) * weights).sum())(B)
    assert (slope * t).sum() == pytest.approx((defined(A, t, axes, dots) * weights).sum(), rel=1e-12)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ag.ShapeError, match=r"expected axes=, since A has shape \(2, 3\) and B \(3,\)"):
        signal.dot_convolve(np.ones((2, 3)), np.ones(3))
    with pytest.raises(ag.ShapeError, match="expected one array inside of the other"):
        signal.dot_convolve(np.ones((2, 3)), np.ones((3, 2)), mode="valid")
