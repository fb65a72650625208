"""The recurrent ops' rows of the table; see `op_cases` for what a row is. The references go element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .composed_cases import ComposedCase
from .op_cases import OpCase
from .special_values import Special

__all__ = ["CASES", "COMPOSED_CASES", "SPECIAL"]


def _logistic(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def _lstm(x: Any, batch: int) -> Any:
    n = x.shape[1] // 4
    top = 1 + n + batch
    b, r, z = x[0], x[1 : 1 + n], x[top:].reshape(-1, batch, 4, n)
    out = np.zeros((len(z), batch, 6, n), x.dtype)
    for t, row, k in np.ndindex(len(z), batch, n):
        h = out[t - 1, row, 4] if t else np.zeros(n)
        c = out[t - 1, row, 5, k] if t else x[1 + n + row, k]
        a = [z[t, row, gate, k] + b[gate * n + k] + sum(h * r[:, gate * n + k]) for gate in range(4)]
        i, f, g, o = _logistic(a[0]), _logistic(a[1]), math.tanh(a[2]), _logistic(a[3])
        c = f * c + i * g
        out[t, row, :, k] = i, f, g, o, o * math.tanh(c), c
    return out.swapaxes(1, 2)


def _adjoint(g: Any, out: Any, x: Any, batch: int) -> Any:
    n = x.shape[1] // 4
    top = 1 + n + batch
    r, steps = x[1 : 1 + n], len(out)
    g, out = g.swapaxes(1, 2), out.swapaxes(1, 2)
    result = np.zeros(x.shape, x.dtype)
    for row in range(batch):
        later, dc = np.zeros(n), np.zeros(n)
        for t in reversed(range(steps)):
            i, f, new, o, _, c = out[t, row]
            before = out[t - 1, row, 5] if t else x[1 + n + row, :n]
            dh = g[t, row, 4] + later
            dc = dc + g[t, row, 5] + dh * o * (1 - np.tanh(c) ** 2)
            delta = np.concatenate(
                [
                    (g[t, row, 0] + dc * new) * i * (1 - i),
                    (g[t, row, 1] + dc * before) * f * (1 - f),
                    (g[t, row, 2] + dc * i) * (1 - new**2),
                    (g[t, row, 3] + dh * np.tanh(c)) * o * (1 - o),
                ]
            )
            result[top + t * batch + row] = delta
            result[0] += delta
            if t:
                result[1 : 1 + n] += np.outer(out[t - 1, row, 4], delta)
            later, dc = r @ delta, dc * f
        result[1 + n + row, :n] = dc
    return result


# H, N and T.
_SIZES = ((1, 1, 1), (2, 1, 3), (1, 2, 2), (2, 3, 2))


def _x(h: int, n: int, t: int) -> tuple[int, int]:
    return (1 + h + n + t * n, 4 * h)


CASES = [
    *(OpCase("lstm", _lstm, ((_x(h, n, t),),), params=({"batch": n},)) for h, n, t in _SIZES),
    *(
        OpCase("lstm_adjoint", _adjoint, (((t, 6, n, h), (t, 6, n, h), _x(h, n, t)),), params=({"batch": n},))
        for h, n, t in _SIZES
    ),
]
COMPOSED_CASES: list[ComposedCase] = []
SPECIAL: list[Special] = []
