"""One eigenpair of a Hermitian matrix, or of two, by SciPy: its derivatives do not read the other pairs.

For (a - w b) v = 0 with vᴴ b v = 1, the change of the pair solves one system that is regular if w is simple,

    [a - w b   σ b v] [  dv ]   [-(da - w db) v]
    [σ (b v)ᴴ    0  ] [-dw/σ] = [-σ vᴴ db v / 2]

for any σ > 0, whose matrix is Hermitian: the same solves for cotangents. It is made of Tensors, so that every further
derivative follows.

References:
    Nelson: Simplified calculation of eigenvector derivatives, 1976.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg as original

from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functional.derivative_rules import KeepSame
from ...functions.custom_ops import structural
from ...ops.adjoints import hermitian_part, real_part, user
from ...ops.barrier import stop_gradient
from ...ops.solve import in_lapack, lapack_dtype, real_dtype
from ...solutions.batches import one_after_another
from ...solutions.linear_solve import solve_for_derivative

_ADVICE = (
    "The eigenvalue is multiple, or nearly: its vector can be any of a subspace, and what is differentiable is the sum "
    "of its equal values, of eigvalsh"
)
_ERRORS = 20.0  # those of w and v are as large as that of the system


def _solve_bordered(w: Any, v: Any, a: Any, b: Any, top: Any, last: Any) -> tuple[Any, Any]:
    """Return x and σ y with (a - w b) x + σ b v y = top and (b v)ᴴ x = last."""
    side = v if b is None else np.matmul(b, v)
    sizes = [np.maximum(np.abs(stop_gradient(x)).max(), np.finfo(w.dtype).tiny) for x in (a, side)]
    sigma = sizes[0] / sizes[1]
    block = a - w * (np.eye(len(v), dtype=w.dtype) if b is None else b)
    whole = np.concatenate([block, sigma * side[:, None]], axis=1)
    below = np.concatenate([sigma * user(side), np.zeros(1, side.dtype)])[None, :]
    right = np.concatenate([top, np.reshape(sigma * last, (1,))])
    out = solve_for_derivative("eigh", np.concatenate([whole, below]), right, _ADVICE, _ERRORS)
    return out[:-1], sigma * out[-1]


def _pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
    ((w,), v), a, *more = _one(saved[0]), *saved[1:]
    by_w, by_v = g
    by_w = np.zeros((), w.dtype) if by_w is None else by_w[0]
    by_v = np.zeros(v.shape, v.dtype) if by_v is None else user(by_v[:, 0])
    b = more[0] if more else None
    s, y = _solve_bordered(w, v, a, b, by_v, -by_w)
    pair = hermitian_part(np.outer(s, user(v)))
    cotangents = [-pair] if b is None else [-pair, w * pair - 0.5 * real_part(y) * np.outer(v, user(v))]
    return [user(cotangents[k]) for k in needs]


def _push(tangents: Sequence[Any], out: Any, a: Any, *more: Any, index: int) -> Any:
    (w,), v = _one(out)
    b = more[0] if more else None
    moved = _product(tangents[0], v)
    last = np.zeros((), w.dtype)
    if more:
        by_b = _product(tangents[1], v)
        moved, last = moved - w * by_b, -0.5 * real_part(np.sum(user(v) * by_b))
    x, y = _solve_bordered(w, v, a, b, -moved, last)
    return np.reshape(-real_part(y), (1,)), x[:, None]


def _product(da: Any, v: Any) -> Any:
    return np.zeros(v.shape, v.dtype) if da is None else np.matmul(hermitian_part(da), v)


def _one(out: Any) -> tuple[Any, Any]:
    w, v = out
    return w, v[:, 0]


def _find(*matrices: Any, index: int) -> Any:
    return tuple(original.eigh(*matrices, subset_by_index=[index, index]))


@functools.cache
def eigenpair(n: int) -> Op:
    """Return the op of n Hermitian matrices, one or two, that finds the pair of an index: w of shape (1,), v (n, 1)."""
    return structural(
        "eigenpair",
        in_lapack(_find),
        asked=_pull,
        infer=lambda *matrices, index: (
            ShapeDtype((1,), real_dtype(*(m.dtype for m in matrices))),
            ShapeDtype((matrices[0].shape[0], 1), lapack_dtype(*(m.dtype for m in matrices))),
        ),
        jvp=_push,
        batch=one_after_another,
        keeps=KeepSame((True,) * (n + 1)),
        results=2,
        result_names=("eigenvalues", "eigenvectors"),
        holomorphic=False,
    )
