"""Hypothesis strategies for what gradients are tested with; `from autograd_lite.testing import strategies as gst`.

All numbers lie on a grid of eighths: they are exact, they shrink to round numbers, and no two that differ are so near
that a finite difference could step over a kink between them. Shapes shrink to few and short axes.

Domains, for `arrays` and `property_test`:

    real        -8 … 8                           distinct    no value twice, over all arrays of a call
    positive    above 0                          spd         symmetric positive definite, (..., n, n)
    nonzero     all but 0                        invertible  diagonally dominant, (..., n, n)
    unit        inside -1 … 1                    onehot      one 1 along the last axis, (..., K)
    above one   above 1                          int, bool   of those dtypes
    (lo, hi)    a range, ends included           a strategy  whatever it draws

Needs Hypothesis: `pip install "autograd-lite[testing]"`; it is imported when the first strategy is made.

Example:
    >>> from hypothesis import find
    >>> from autograd_lite.testing import strategies as gst
    >>> find(gst.arrays(domain="positive"), lambda a: a.ndim == 1 and a.sum() > 2.3)
    array([3.])
"""

from __future__ import annotations

from ._arrays import (
    arrays as arrays,
    broadcastable_shapes as broadcastable_shapes,
    dtypes as dtypes,
    layouts as layouts,
    shapes as shapes,
    signature_shapes as signature_shapes,
    tensors as tensors,
)
from ._elements import elements as elements
from ._indices import axes as axes, axis as axis, indices as indices
from ._op_arguments import arguments as arguments
from ._random_functions import functions as functions, modules as modules
