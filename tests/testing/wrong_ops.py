"""Ops with mistakes in them, which the checker has to find; none of them is in the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.core.op import Kind, Op, Rule
from autograd_lite.core.shape_arithmetic import ShapeDtype


def op_with(name: str, forward: Callable[..., Any], *vjps: Callable[..., Any], **facts: Any) -> Op:
    """Return an op whose rules may read everything: `vjp(g, out, *inputs)`."""
    n = len(vjps)
    rules = tuple(Rule(Kind.VJP, vjp, frozenset(range(n + 1))) for vjp in vjps)

    def infer(*specs: ShapeDtype, **_: Any) -> ShapeDtype:
        out = np.asarray(forward(*(np.ones(s.shape, s.dtype) for s in specs)))
        return ShapeDtype(out.shape, out.dtype)

    keeps = tuple((True,) * (n + 1) for _ in range(1 << n))
    return Op(name, forward, rules, infer, keeps=keeps, **facts)


double_square = op_with("double_square", np.square, lambda g, out, x: 4 * g * x)
negated = op_with("negated", np.sin, lambda g, out, x: -g * np.cos(x))
flipped = op_with("flipped", lambda x: x[::-1] * 2, lambda g, out, x: 2 * g)
matmul_t = op_with("matmul_t", np.matmul, lambda g, out, x, y: g @ y.T, lambda g, out, x, y: (x.T @ g).T)
first_only = op_with("first_only", lambda x: 3.0 * x, lambda g, out, x: 3.0 * g * (np.arange(x.shape[0]) != 1))
averaged = op_with("averaged", lambda x: x.sum(axis=0), lambda g, out, x: np.broadcast_to(g, x.shape) / x.shape[0])
writes = op_with("writes", lambda x: x * 1.0, lambda g, out, x: np.negative(g, out=g))
clipped = op_with("clipped", lambda x: x * 1.0, lambda g, out, x: np.clip(g, -1, 1))
