"""The law of quantiles: whatever the method, the levels and the dtypes, the values and their dtype are NumPy's."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.ops.quantiles import _CONTINUOUS, _MEANS, _ONE

METHODS = [*_CONTINUOUS, *_ONE, *_MEANS]
FUNCTIONS = [np.quantile, np.percentile, np.nanquantile, np.nanpercentile]
# A Python number promotes nothing, a NumPy scalar or array does.
LEVELS: list[Any] = [0.5, 0.3, 1, np.float16(0.25), np.float32(0.6), np.float64(0.6), [0.3, 0.7], np.float32([0.2, 1])]
NEW_NUMPY = np.lib.NumpyVersion(np.__version__) >= "2.4.0"


@pytest.mark.skipif(not NEW_NUMPY, reason="the promotion of levels is compared with that of NumPy 2.4")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_dtypes_are_numpys(function: Any, method: str) -> None:
    for dtype, level in itertools.product("efdilB", LEVELS):
        scale = 100 if function in (np.percentile, np.nanpercentile) else 1
        a, q = np.array([1, 2, 4, 8, 9]).astype(dtype), type(level)(level * scale) if np.ndim(level) == 0 else level
        expected = np.asarray(function(a, q, method=method))
        found = function(ag.tensor(a, requires_grad=dtype in "efd"), q, method=method)
        assert found.dtype == expected.dtype, (dtype, level)
        np.testing.assert_allclose(found.detach(), expected, rtol=4 * np.finfo(np.result_type(expected, "e")).eps)
