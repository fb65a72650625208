"""Patterns against dense arrays and SciPy's matrices."""

from __future__ import annotations

import numpy as np
import pytest

from autograd_lite.sparse.pattern import pattern_of_array

SHAPES = [(0, 0), (0, 3), (3, 0), (1, 1), (4, 7), (9, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_patterns_are_those_of_scipy(shape: tuple[int, int]) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.random.default_rng(sum(shape)).random(shape) < 0.4
    pattern = pattern_of_array(dense)
    np.testing.assert_array_equal(pattern.toarray(), dense)
    for ours, theirs in ((pattern, sparse.csr_array(dense)), (pattern.transpose(), sparse.csr_array(dense.T))):
        np.testing.assert_array_equal(ours.indptr, theirs.indptr)
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours.to_scipy().toarray(), theirs.toarray())
