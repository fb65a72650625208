"""The law of zero cotangents as an op: where the cotangent is exactly 0, a rule's result is 0 and never NaN.

A derivative is a linear map, so its value at cotangent 0 is 0 even where the map itself is infinite: the result x of a
rule is 0 where the cotangent y was exactly 0 and the rule said NaN. Only such entries are masked: masking every zero
cotangent would make second derivatives wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import LAZY, compute_by_numpy, is_duck_array, is_lazy
from ..core.equivalents import UFUNCS
from ..core.op import Op, applied, elementwise
from ..core.rewrites import Rewrite, never_zero
from ..native.kernels import library


def _zero_mask(x: Any, y: Any) -> Any:
    if LAZY and is_lazy(x, y):
        return compute_by_numpy(_zero_mask, x, y)  # in one step for each chunk, which looks whether there is any
    bad = np.isnan(x) & (y == 0)
    return np.where(bad, 0, x) if is_duck_array(x) or bad.any() else x  # which spares the wait for a device


if library:
    UFUNCS[_zero_mask] = library.choices()["zero_mask"]


def _batched_mask(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    x, y = inputs  # x alone gives the result its shape
    x = x if batched[0] else np.broadcast_to(x, (y.shape[0], *np.shape(x)))
    return batching.elementwise(op, (x, y), (True, batched[1]), params)


zero_mask: Op = elementwise(
    _zero_mask,
    applied(lambda g, out, x, y: np.where(np.isnan(x) & (y == 0), 0, g)),
    None,
    name="zero_mask",
    saves="xy",
    batch=_batched_mask,
    selects=True,
    view=True,  # nearly always
    rewrites=(
        Rewrite(lambda x: zero_mask(x, x), lambda x: x),
        Rewrite(lambda x, y: zero_mask(x, y), lambda x, y: x if never_zero(y) else None, constants=("y",)),
    ),
    cost=1,
    c={"f": "al_zero_mask_{t}({0}, {1})", "c": "al_complex_zero_mask_{t}({0}, {1})"},
)
