"""Programs in arithmetic that rounds at random, which shows what rounding does to their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..control.body import Body

AMPLIFIED = 64  # the random errors are as many times as large as those of rounding, so that these do not hide them
_NUMBERS = 1 << 14
_RANDOM: list[Any] = []


def run_rounded(body: Body, inputs: Sequence[Any], sample: int) -> list[Any]:
    """Return the results of a program in which each operation has a random error, `AMPLIFIED` times that of rounding.

    Operations that move numbers are exact; those that add up products have errors in these. The same sample has the
    same errors.

    References:
        Vignes: Discrete Stochastic Arithmetic for Validating Results of Numerical Software, 2004, section 3.
    """
    errors = _Errors(sample)
    values: dict[Any, Any] = {**body.constants, **dict(zip(body.program.inputs, inputs, strict=True))}
    for i in body.order:
        op, arguments, _ = body.program.calls[i]
        if op.cost == 0:
            values[i] = body.program.compute(i, values)
        elif op.is_elementwise:
            values[i] = errors.add(body.program.compute(i, values))
        else:
            changed = {**values, **{k: errors.add(values[k]) for k in arguments}}
            values[i] = errors.add(body.program.compute(i, changed))
    return [values[i] for i in body.outputs]


class _Errors:
    """A stream of random errors."""

    def __init__(self, sample: int) -> None:
        if not _RANDOM:
            _RANDOM.append(np.random.default_rng(0).uniform(-0.5 * AMPLIFIED, 0.5 * AMPLIFIED, _NUMBERS))
        self._at = 997 * sample

    def add(self, x: Any) -> Any:
        """Return numbers with errors; those that are not of a floating dtype stay as they are."""
        if isinstance(x, tuple):
            return tuple([self.add(part) for part in x])
        if not isinstance(x, (np.ndarray, np.inexact)) or x.dtype.kind not in "fc":
            return x
        start = self._at % _NUMBERS
        self._at += x.size
        if start + x.size <= _NUMBERS:
            random = _RANDOM[0][start : start + x.size]
        else:
            random = np.resize(np.roll(_RANDOM[0], -start), x.size)
        return (x + x * (random.reshape(x.shape) * np.finfo(x.dtype).eps)).astype(x.dtype, copy=False)
