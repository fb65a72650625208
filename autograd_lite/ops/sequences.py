"""Shared parts of the recurrent ops, which run all steps of a sequence in one call; h is the state.

Letters: T steps, N rows (the batch), H units. An array of k gates at all steps is (T, N, k H) where it comes in and
where its cotangent goes out, and (T, N, k, H) between.

Forward and first-order backward functions are loops over kernels, on arrays. All other derivatives follow from scans of
the same steps in plain NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace, is_duck_array
from ..core.hooks import HOOKS
from ..core.shape_arithmetic import Shape
from ..native import threaded_functions as fast


def floating(*dtypes: Any) -> np.dtype[Any]:
    """Return the dtype to compute in: float64 for integers."""
    dtype = np.result_type(*dtypes).newbyteorder("=")
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def cast(arrays: Sequence[Any]) -> list[Any]:
    """Return arrays of one floating dtype, each in C order."""
    dtype = floating(*[a.dtype for a in arrays])
    return [array_namespace(a).ascontiguousarray(a, dtype) for a in arrays]


def is_used(first: Any) -> bool:
    """Return whether the first state may have elements other than 0; True on a device, to avoid waiting for it."""
    return is_duck_array(first) or bool(first.any())


def before(a: Any, first: Any) -> Any:
    """Return the states before each step, from those after each step and the first state."""
    return np.concatenate([first[None], a[:-1]], axis=0)


def over_steps(h: Any, a: Any) -> Any:
    """Return the sum over all steps of hᵀ a."""
    return fast.matmul(h.reshape(-1, h.shape[2]).T, a.reshape(-1, a.shape[2]))


def zeros_like(x: Any) -> Any:
    """Return zeros: a Tensor for a Tensor, and an array for anything else."""
    return np.zeros_like(x) if x.__class__ is HOOKS.tensor else array_namespace(x).zeros(x.shape, x.dtype)


def apart(a: Any, parts: int) -> list[Any]:
    """Return the parts of (..., parts, H)."""
    return [a[..., k, :] for k in range(parts)]


def together(parts: Sequence[Any]) -> Any:
    """Return parts (..., H) as (..., parts, H)."""
    joined = np.concatenate(parts, axis=-1)
    return joined.reshape(*joined.shape[:-1], len(parts), joined.shape[-1] // len(parts))


def logistic(a: Any) -> Any:
    """Return s(a) = (1 + tanh(a/2)) / 2, which does not overflow."""
    return fast.tanh(a / 2) / 2 + 0.5


def into(function: Callable[..., tuple[Any, ...]]) -> Callable[..., None]:
    """Return the function with an argument `out`, as kernels of several results have."""

    def write_into(*arrays: Any, out: tuple[Any, ...]) -> None:
        for place, a in zip(out, function(*arrays), strict=True):
            place[...] = a

    return write_into


def cost_of_steps(kernel: int, products: int, each: Callable[..., int]) -> Callable[..., float]:
    """Return the `Op.cost` of all steps: products of matrices, and one for each elementwise op.

    Args:
        kernel: the position of the recurrent kernel among the inputs, which has a row for each unit.
        products: the number of products of h with the recurrent kernel, or of that size, in a step.
        each: the number of elementwise ops in a step for each unit, by the parameters.
    """

    def cost(shapes: Sequence[Shape], out: Any, params: Any) -> float:
        (steps, rows, _), (units, width) = shapes[0], shapes[kernel]
        return steps * rows * units * (each(**params) + products * 2 * width)

    return cost


def from_scan(steps: Callable[..., Sequence[Any]]) -> dict[str, Any]:
    """Return the derivative rules of an op that equals a function with a scan, and saves its inputs."""

    def pull_back(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> Sequence[Any]:
        used = [k for k, x in enumerate(g) if x is not None]

        def used_results(*inputs: Any) -> list[Any]:
            results = steps(*inputs, **params)
            return [results[k] for k in used]

        cotangents = HOOKS.transposing().pull_through(used_results, saved[1:], needs, [g[k] for k in used])
        return [zeros_like(saved[1 + k]) if a is None else a for k, a in zip(needs, cotangents, strict=True)]

    def jvp(tangents: Sequence[Any], out: Any, *inputs: Any, **params: Any) -> Any:
        given_tangents = {k: t for k, t in enumerate(tangents) if t is not None}
        out_tangents = HOOKS.transposing().push_through(partial(steps, **params), inputs, given_tangents)
        return tuple(out_tangents) if isinstance(out_tangents, (tuple, list)) else out_tangents

    return {"asked": pull_back, "jvp": jvp, "batch": batching.one_by_one}


def scan_in_python(
    step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Sequence[Any], reverse: bool = False
) -> Any:
    """Run a `scan` in plain NumPy."""
    rows = [tuple([x[t] for x in xs]) for t in range(xs[0].shape[0])]
    rows_out: list[Any] = []
    for row in reversed(rows) if reverse else rows:
        carry, y = step(carry, row)
        rows_out.append(y)
    return carry, [np.stack(ys) for ys in zip(*(reversed(rows_out) if reverse else rows_out), strict=True)]
