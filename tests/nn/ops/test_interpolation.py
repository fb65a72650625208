"""Interpolation of arrays, which reads few samples, equals the product with the whole matrix, which Tensors use."""

from __future__ import annotations

import numpy as np

import autograd_lite as ag
from nn.ops.interpolation import INTERPOLATIONS, interpolate


def test_arrays_and_tensors_give_the_same(rng: np.random.Generator) -> None:
    for n, m in ((7, 3), (3, 7), (1, 5), (5, 1), (40, 11), (4, 4), (60, 7)):
        x = rng.normal(size=(2, n, 6, 3))
        for interpolation in INTERPOLATIONS:
            for antialias in (False, True):
                arguments = ((m, 5), (1, 2), interpolation, antialias)
                expected = interpolate(ag.tensor(x), *arguments).data
                np.testing.assert_allclose(interpolate(x, *arguments), expected, atol=1e-12)
