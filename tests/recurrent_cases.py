"""The recurrent ops' rows of the table; see `op_cases` for what a row is. The references go element by element."""

from __future__ import annotations

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


def _lstm(z: Any, r: Any, b: Any, h: Any, c: Any) -> Any:
    (steps, rows, _), n = z.shape, len(r)
    states, gates = np.zeros((2, steps, rows, n), z.dtype), np.zeros((steps, rows, 4, n), z.dtype)
    for t, row, k in np.ndindex(steps, rows, n):
        before, c_before = (states[0, t - 1, row], states[1, t - 1, row, k]) if t else (h[row], c[row, k])
        a = [z[t, row, gate * n + k] + b[gate * n + k] + sum(before * r[:, gate * n + k]) for gate in range(4)]
        i, f, g, o = _logistic(a[0]), _logistic(a[1]), math.tanh(a[2]), _logistic(a[3])
        new = f * c_before + i * g
        states[:, t, row, k], gates[t, row, :, k] = (o * math.tanh(new), new), (i, f, g, o)
    return states[0], states[1], gates


def _lstm_adjoint(gh: Any, gc: Any, h: Any, c: Any, gates: Any, r: Any, first_h: Any, first_c: Any) -> Any:
    steps, rows, n = h.shape
    dz, dr, dh, dc = np.zeros((steps, rows, 4 * n), h.dtype), np.zeros_like(r), np.zeros_like(first_h), 0 * first_c
    for row in range(rows):
        for t in reversed(range(steps)):
            (i, f, new, o), before = gates[t, row], c[t - 1, row] if t else first_c[row]
            of_h, tanh_c = gh[t, row] + dh[row], np.tanh(c[t, row])
            of_c = dc[row] + gc[t, row] + of_h * o * (1 - tanh_c**2)
            parts = [of_c * new * i * (1 - i), of_c * before * f * (1 - f), of_c * i * (1 - new**2)]
            dz[t, row] = delta = np.concatenate([*parts, of_h * tanh_c * o * (1 - o)])
            dr += np.outer(h[t - 1, row] if t else first_h[row], delta)
            dh[row], dc[row] = r @ delta, of_c * f
    return dz, dr, dz.sum((0, 1)), dh, dc


def _gru(z: Any, r: Any, b: Any, first: Any, reset_after: bool) -> Any:
    (steps, rows, _), n = z.shape, len(r)
    out, gates = np.zeros((steps, rows, n), z.dtype), np.zeros((steps, rows, 4, n), z.dtype)
    for t, row in np.ndindex(steps, rows):
        h = out[t - 1, row] if t else first[row]

        def product(gate: int, k: int, v: Any) -> Any:
            return sum(v * r[:, gate * n + k])

        def argument(gate: int, k: int, second: bool = True) -> Any:
            return z[t, row, gate * n + k] + b[0, gate * n + k] + second * b[1, gate * n + k]  # noqa: B023

        u = np.array([_logistic(argument(0, k) + product(0, k, h)) for k in range(n)])
        reset = np.array([_logistic(argument(1, k) + product(1, k, h)) for k in range(n)])
        if reset_after:
            q = np.array([product(2, k, h) + b[1, 2 * n + k] for k in range(n)])
            new = np.array([math.tanh(argument(2, k, False) + reset[k] * q[k]) for k in range(n)])
        else:
            q = reset * h
            new = np.array([math.tanh(argument(2, k) + product(2, k, q)) for k in range(n)])
        out[t, row], gates[t, row] = u * h + (1 - u) * new, (u, reset, new, q)
    return out, gates


def _gru_adjoint(gh: Any, out: Any, gates: Any, r: Any, first: Any, reset_after: bool) -> Any:
    steps, rows, n = out.shape
    dz, through = np.zeros((2, steps, rows, 3 * n), out.dtype)
    dr, dh = np.zeros_like(r), np.zeros_like(first)
    for row in range(rows):
        for t in reversed(range(steps)):
            (u, reset, new, q), h = gates[t, row], out[t - 1, row] if t else first[row]
            of_h = gh[t, row] + dh[row]
            an, au = (1 - u) * of_h * (1 - new**2), (h - new) * of_h * u * (1 - u)
            of_q = reset * an if reset_after else r[:, 2 * n :] @ an
            ar = (q * an if reset_after else h * of_q) * reset * (1 - reset)
            last = of_q if reset_after else an
            dz[t, row], through[t, row] = np.concatenate([au, ar, an]), np.concatenate([au, ar, last])
            dr[:, : 2 * n] += np.outer(h, through[t, row, : 2 * n])
            dr[:, 2 * n :] += np.outer(h if reset_after else q, last)
            dh[row] = u * of_h + r[:, :n] @ au + r[:, n : 2 * n] @ ar
            dh[row] += r[:, 2 * n :] @ of_q if reset_after else reset * of_q
    return dz, dr, np.stack([dz.sum((0, 1)), through.sum((0, 1))]), dh


def _simple_rnn(z: Any, r: Any, b: Any, first: Any, activation: str) -> Any:
    out = np.zeros(z.shape, z.dtype)
    for t, row, k in np.ndindex(*z.shape):
        a = z[t, row, k] + b[k] + sum((out[t - 1] if t else first)[row] * r[:, k])
        out[t, row, k] = max(a, 0) if activation == "relu" else math.tanh(a)
    return out


def _simple_rnn_adjoint(g: Any, out: Any, r: Any, first: Any, activation: str) -> Any:
    dz, dr, dh = np.zeros_like(out), np.zeros_like(r), np.zeros_like(first)
    for row in range(out.shape[1]):
        for t in reversed(range(len(out))):
            h = out[t, row]
            dz[t, row] = (g[t, row] + dh[row]) * ((h > 0) if activation == "relu" else 1 - h**2)
            dr += np.outer((out[t - 1] if t else first)[row], dz[t, row])
            dh[row] = r @ dz[t, row]
    return dz, dr, dz.sum((0, 1)), dh


_ENGINE = "the engine finds it by a function in plain NumPy, as it does those of `first` and of the op itself"
_BY_SCANS = dict.fromkeys(("strict", "tangent"), "its derivatives are those of scans, which run on Tensors")


def _rows(name: str, ref: Any, adjoint: Any, gates: int, *params: dict[str, Any]) -> Iterator[OpCase]:
    """Return the rows of an op for some lengths H, N and T, and those of its adjoint for the first of these."""
    rest: dict[str, Any] = {"params": params or ({},)}
    for h, n, t in ((2, 2, 2), (1, 1, 1), (2, 1, 3)):
        bias = (2, gates * h) if gates == 3 else (gates * h,)
        states = [(n, h)] * (2 if gates == 4 else 1)
        r, every = (h, gates * h), (t, n, h)
        yield OpCase(name, ref, (((t, n, gates * h), r, bias, *states),), exempt=_BY_SCANS, **rest)
        if t == 2:
            results = [every] * len(states) + ([(t, n, 4, h)] if gates > 1 else [])
            shapes = (*[every] * len(states), *results, r, *states)
            yield OpCase(f"{name}_adjoint", adjoint, (shapes,), exempt={**_BY_SCANS, "second": _ENGINE}, **rest)


_AFTER = [{"reset_after": after} for after in (True, False)]
_ACTIVATIONS = [{"activation": activation} for activation in ("tanh", "relu")]
CASES = [
    *_rows("lstm", _lstm, _lstm_adjoint, 4),
    *_rows("gru", _gru, _gru_adjoint, 3, *_AFTER),
    *_rows("simple_rnn", _simple_rnn, _simple_rnn_adjoint, 1, *_ACTIVATIONS),
]
COMPOSED_CASES: list[ComposedCase] = []
SPECIAL: list[Special] = []
