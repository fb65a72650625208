"""Shared by the recurrent ops, which run all steps of a sequence in one call: h, the state, goes from step to step.

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
    found = np.result_type(*dtypes).newbyteorder("=")
    return found if found.kind in "fc" else np.dtype(np.float64)


def cast(arrays: Sequence[Any]) -> list[Any]:
    """Return arrays of one floating dtype, each in C order."""
    dtype = floating(*[a.dtype for a in arrays])
    return [array_namespace(a).ascontiguousarray(a, dtype) for a in arrays]


def is_used(first: Any) -> bool:
    """Return whether the first state may have other elements than 0; a device is not waited for to know that."""
    return is_duck_array(first) or bool(first.any())


def before(a: Any, first: Any) -> Any:
    """Return what was there before each step, for what is there behind it, and before the first step."""
    return np.concatenate([first[None], a[:-1]], axis=0)


def over_steps(h: Any, a: Any) -> Any:
    """Return the sum over all steps of hᵀ a."""
    return fast.matmul(h.reshape(-1, h.shape[2]).T, a.reshape(-1, a.shape[2]))


def zeros_like(x: Any) -> Any:
    """Return zeros: a Tensor for a Tensor, and an array for what else stands for one."""
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
    """Return the same with `out`, as kernels of several results have it."""

    def filled(*arrays: Any, out: tuple[Any, ...]) -> None:
        for place, a in zip(out, function(*arrays), strict=True):
            place[...] = a

    return filled


def cost_of_steps(kernel: int, products: int, each: Callable[..., int]) -> Callable[..., float]:
    """Return the `Op.cost` of all steps: products of matrices, and one for each elementwise op.

    Args:
        kernel: which of the inputs is the recurrent kernel, of as many rows as there are units.
        products: how many products of h with the recurrent kernel, or of that size, a step has.
        each: how many elementwise ops a step has for each unit, by the parameters.
    """

    def cost(shapes: Sequence[Shape], out: Any, params: Any) -> float:
        (steps, rows, _), (units, width) = shapes[0], shapes[kernel]
        return steps * rows * units * (each(**params) + products * 2 * width)

    return cost


def from_scan(steps: Callable[..., Sequence[Any]]) -> dict[str, Any]:
    """Return the derivative rules of an op that computes what a function with a scan does, and saves its inputs."""

    def asked(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> Sequence[Any]:
        there = [k for k, x in enumerate(g) if x is not None]

        def seen(*inputs: Any) -> list[Any]:
            found = steps(*inputs, **params)
            return [found[k] for k in there]

        found = HOOKS.transposing().pull_through(seen, saved[1:], needs, [g[k] for k in there])
        return [zeros_like(saved[1 + k]) if a is None else a for k, a in zip(needs, found, strict=True)]

    def jvp(tangents: Sequence[Any], out: Any, *inputs: Any, **params: Any) -> Any:
        moved = {k: t for k, t in enumerate(tangents) if t is not None}
        found = HOOKS.transposing().push_through(partial(steps, **params), inputs, moved)
        return tuple(found) if isinstance(found, (tuple, list)) else found

    return {"asked": asked, "jvp": jvp, "batch": batching.one_by_one}


def scanned(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Sequence[Any], reverse: bool = False) -> Any:
    """Do what `scan` does, in plain NumPy."""
    rows = [tuple([x[t] for x in xs]) for t in range(xs[0].shape[0])]
    made: list[Any] = []
    for row in reversed(rows) if reverse else rows:
        carry, y = step(carry, row)
        made.append(y)
    return carry, [np.stack(ys) for ys in zip(*(reversed(made) if reverse else made), strict=True)]
