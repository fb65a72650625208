"""The recurrent ops' rows of the table; see `op_cases` for what a row is. The references go element by element."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
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


def _gru(x: Any, batch: int, reset_after: bool) -> Any:
    n = x.shape[1] // 3
    top = 2 + n + batch
    b, r, z = x[:2], x[2 : 2 + n], x[top:].reshape(-1, batch, 3, n)
    out = np.zeros((len(z), batch, 5, n), x.dtype)
    for t, row in np.ndindex(len(z), batch):
        h = out[t - 1, row, 4] if t else x[2 + n + row, :n]

        def product(gate: int, k: int, v: Any) -> Any:
            return sum(v * r[:, gate * n + k])

        def argument(gate: int, k: int, second: bool = True) -> Any:
            return z[t, row, gate, k] + b[0, gate * n + k] + second * b[1, gate * n + k]  # noqa: B023

        u = np.array([_logistic(argument(0, k) + product(0, k, h)) for k in range(n)])
        reset = np.array([_logistic(argument(1, k) + product(1, k, h)) for k in range(n)])
        if reset_after:
            q = np.array([product(2, k, h) + b[1, 2 * n + k] for k in range(n)])
            new = np.array([math.tanh(argument(2, k, False) + reset[k] * q[k]) for k in range(n)])
        else:
            q = reset * h
            new = np.array([math.tanh(argument(2, k) + product(2, k, q)) for k in range(n)])
        out[t, row] = u, reset, new, q, u * h + (1 - u) * new
    return out.swapaxes(1, 2)


def _gru_adjoint(g: Any, out: Any, x: Any, batch: int, reset_after: bool) -> Any:
    n = x.shape[1] // 3
    top = 2 + n + batch
    r, result = x[2 : 2 + n], np.zeros(x.shape, x.dtype)
    for row in range(batch):
        later = np.zeros(n)
        for t in reversed(range(len(out))):
            u, reset, new, q, _ = out[t, :, row]
            h = out[t - 1, 4, row] if t else x[2 + n + row, :n]
            of_u, of_reset, of_new, of_q, of_h = g[t, :, row]
            of_h = of_h + later
            an = (of_new + (1 - u) * of_h) * (1 - new**2)
            au = (of_u + (h - new) * of_h) * u * (1 - u)
            later = u * of_h
            if reset_after:
                of_q = of_q + reset * an
                ar = (of_reset + q * an) * reset * (1 - reset)
                later, through = later + r[:, 2 * n :] @ of_q, of_q
                result[2 : 2 + n, 2 * n :] += np.outer(h, of_q)
            else:
                of_q = of_q + r[:, 2 * n :] @ an
                ar = (of_reset + h * of_q) * reset * (1 - reset)
                later, through = later + reset * of_q, an
                result[2 : 2 + n, 2 * n :] += np.outer(q, an)
            later = later + r[:, :n] @ au + r[:, n : 2 * n] @ ar
            result[2 : 2 + n, : 2 * n] += np.outer(h, np.concatenate([au, ar]))
            result[top + t * batch + row] = np.concatenate([au, ar, an])
            result[0] += result[top + t * batch + row]
            result[1] += np.concatenate([au, ar, through])
        result[2 + n + row, :n] = later
    return result


def _simple_rnn(x: Any, batch: int, activation: str) -> Any:
    n = x.shape[1]
    b, r, z = x[0], x[1 : 1 + n], x[1 + n :].reshape(-1, batch, n)
    out = np.zeros(z.shape, x.dtype)
    for t, row, k in np.ndindex(*z.shape):
        a = z[t, row, k] + b[k] + (sum(out[t - 1, row] * r[:, k]) if t else 0)
        out[t, row, k] = max(a, 0) if activation == "relu" else math.tanh(a)
    return out


def _simple_rnn_adjoint(g: Any, out: Any, x: Any, batch: int, activation: str) -> Any:
    n = x.shape[1]
    r, result = x[1 : 1 + n], np.zeros(x.shape, x.dtype)
    for row in range(batch):
        later = np.zeros(n)
        for t in reversed(range(len(out))):
            h = out[t, row]
            delta = (g[t, row] + later) * ((h > 0) if activation == "relu" else 1 - h**2)
            result[1 + n + t * batch + row] = delta
            result[0] += delta
            if t:
                result[1 : 1 + n] += np.outer(out[t - 1, row], delta)
            later = r @ delta
    return result


# H, N and T.
_SIZES = ((1, 1, 1), (2, 1, 3), (1, 2, 2), (2, 3, 2))


def _x(h: int, n: int, t: int) -> tuple[int, int]:
    return (1 + h + n + t * n, 4 * h)


def _gru_rows() -> Iterator[OpCase]:
    for (h, n, t), after in itertools.product(_SIZES, (True, False)):
        x, out, params = (2 + h + n + t * n, 3 * h), (t, 5, n, h), ({"batch": n, "reset_after": after},)
        yield OpCase("gru", _gru, ((x,),), params=params)
        yield OpCase("gru_adjoint", _gru_adjoint, ((out, out, x),), params=params)


def _simple_rnn_rows() -> Iterator[OpCase]:
    for (h, n, t), activation in itertools.product(_SIZES, ("tanh", "relu")):
        x, out, params = (1 + h + t * n, h), (t, n, h), ({"batch": n, "activation": activation},)
        yield OpCase("simple_rnn", _simple_rnn, ((x,),), params=params)
        yield OpCase("simple_rnn_adjoint", _simple_rnn_adjoint, ((out, out, x),), params=params)


CASES = [
    *(OpCase("lstm", _lstm, ((_x(h, n, t),),), params=({"batch": n},)) for h, n, t in _SIZES),
    *(
        OpCase("lstm_adjoint", _adjoint, (((t, 6, n, h), (t, 6, n, h), _x(h, n, t)),), params=({"batch": n},))
        for h, n, t in _SIZES
    ),
    *_gru_rows(),
    *_simple_rnn_rows(),
]
COMPOSED_CASES: list[ComposedCase] = []
SPECIAL: list[Special] = []
