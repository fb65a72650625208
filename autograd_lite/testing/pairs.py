"""A function of plain arrays with its derivative, written by hand, as the subject of a check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.shape_arithmetic import sum_to_shape
from .lines import entries
from .subject import Arguments, Array, Broken, Run, cotangents_like, name_of, on_plain_arrays, unlike

Call = Callable[[Sequence[Any]], list[Any]]
# (call, leaves, indices of those to differentiate by, cotangents) to the results and the gradients.
Pull = Callable[[Call, Sequence[Any], Sequence[int], Sequence[Any]], tuple[list[Any], list[Any]]]


class PlainSubject:
    """A function of numbered leaves whose gradients are not ours; looks like a `Subject`.

    Args:
        call: the function, of a list of arrays, to the list of its floating results.
        pull: computes the results and the gradients, None where no gradient arrives.
        leaves, names, argnums, title: as a `Subject` has them.
    """

    plain = True
    recorded = False  # there is no graph to find the op in

    def __init__(
        self, call: Call, pull: Pull, leaves: Sequence[Array], names: Sequence[str], argnums: Sequence[int], title: str
    ) -> None:
        self.call, self.pull, self.title = call, pull, title
        self.leaves, self.names, self.argnums = list(leaves), list(names), list(argnums)

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the floating results for plain arrays in place of the leaves."""
        return [np.array(out) for out in self.call(arrays)]

    def differentiate(self, weights: Sequence[Array] | None, seed: int) -> Run:
        """Pull a cotangent back, which is drawn from `seed` if None."""
        leaves = [np.array(a) for a in self.leaves]
        if weights is None:
            weights = cotangents_like(self.on_arrays(*leaves), seed)
        outputs, gradients = self.pull(self.call, leaves, self.argnums, [np.array(w) for w in weights])
        return self.run_of([np.array(out) for out in outputs], gradients)

    def run_of(self, outputs: list[Array], gradients: Sequence[Any]) -> Run:
        """Return a run with these results, and these gradients by the leaves at `argnums`."""
        every: list[Array | None] = [None] * len(self.leaves)
        for i, g in zip(self.argnums, gradients, strict=True):
            every[i] = None if g is None else np.array(g)
        return Run(outputs, every, [], [], [*self._broken_forms(every)])

    def _broken_forms(self, gradients: Sequence[Array | None]) -> list[Broken]:
        broken = []
        for name, x, g in zip(self.names, self.leaves, gradients, strict=True):
            if g is not None and (g.shape != x.shape or g.dtype != x.dtype):
                text = (
                    f"the gradient by '{name}' has shape {g.shape} and dtype {g.dtype}; expected {x.shape}, {x.dtype}"
                )
                broken.append(Broken("contract broken", name, text, fatal=g.shape != x.shape))
        return broken

    def broken_contracts(self, run: Run, weights: Sequence[Array], nondet_tol: float) -> list[Broken]:
        """Return every contract that the function breaks: equal runs, inputs unchanged, gradients like the inputs."""
        second = self.differentiate(weights, 0)
        broken = [*unlike(self, run, second, nondet_tol), *on_plain_arrays(self, run, nondet_tol), *run.broken]
        return sorted(broken, key=lambda item: item.verdict != "non-deterministic")

    def forward_mode(self, run: Run, weights: Sequence[Array], seed: int) -> list[Broken]:
        """Return where forward mode contradicts reverse mode; there is none here."""
        return []

    def gradient(self, weights: Sequence[Array]) -> NoReturn:
        """Refuse to differentiate the gradient again."""
        raise ValueError(
            "check_grads: expected order=1, since a gradient that is given by gradients= cannot be differentiated"
        )


def is_floating(value: Any) -> bool:
    """Return whether a result is an array of floats or complex numbers, of whatever library, traced or not."""
    while hasattr(value, "_value") and hasattr(value, "_node"):  # a box of HIPS autograd
        value = value._value
    if hasattr(value, "is_floating_point"):
        return bool(value.is_floating_point() or value.is_complex())
    dtype = getattr(value, "dtype", None)
    return isinstance(value, (float, complex)) if dtype is None else np.dtype(dtype).kind in "fc"


def results_of(out: Any) -> list[Any]:
    """Return the floating arrays in the result of a function, in order."""
    return [a for a in entries(out) if is_floating(a)]


def subject_of_pair(
    f: Callable[..., Any],
    derivative: Callable[..., Any],
    inputs: Sequence[Any],
    wrt: Any,
    names: Sequence[str] | None,
    kwargs: dict[str, Any] | None,
) -> PlainSubject:
    """Return a function of plain arrays and its derivative as the subject of a check."""
    arguments = Arguments(f, inputs, wrt, names)
    options = kwargs or {}

    def call(leaves: Sequence[Any]) -> list[Any]:
        return results_of(f(*arguments.fill(leaves), **options))

    def pull(
        call: Call, leaves: Sequence[Any], argnums: Sequence[int], weights: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        outs = call(leaves)
        if len(outs) != 1:
            raise ValueError(
                f"check_grads(gradients=): expected a function of one floating array; it returns {len(outs)}"
            )
        result = derivative(*arguments.fill(leaves), **options)
        parts = list(result) if isinstance(result, (tuple, list)) and len(argnums) > 1 else [result]
        if len(parts) != len(argnums):
            by = ", ".join(arguments.names[i] for i in argnums)
            raise ValueError(
                f"check_grads(gradients=): expected {len(argnums)} derivatives, by {by}; received {len(parts)}"
            )
        out, weight = np.asarray(outs[0]), weights[0]
        return outs, [
            None if d is None else _contract(np.asarray(d), weight, out, leaves[i], arguments.names[i])
            for i, d in zip(argnums, parts, strict=True)
        ]

    return PlainSubject(call, pull, arguments.leaves, arguments.names, arguments.argnums, name_of(f))


def _contract(d: Array, weight: Array, out: Array, x: Array, name: str) -> Array:
    """Return the gradient of sum(weight * f) by x, given the Jacobian of f, or its derivative element by element."""
    if d.shape == (*out.shape, *x.shape):
        g = np.tensordot(weight, d, out.ndim)
    elif d.shape == out.shape and np.broadcast_shapes(x.shape, out.shape) == out.shape:
        g = np.asarray(sum_to_shape(weight * d, x.shape))
    else:
        raise ValueError(
            f"check_grads(gradients=): expected the derivative by '{name}' to have the shape "
            f"{(*out.shape, *x.shape)} (the result's and then the input's), or {out.shape} (element by element); "
            f"received {d.shape}"
        )
    return np.asarray(g, np.result_type(x.dtype, d.dtype) if x.dtype.kind == "c" else x.dtype)
