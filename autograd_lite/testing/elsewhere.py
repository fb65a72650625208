"""Gradients of other libraries, and pairs of a function and its derivative, as subjects of the same check."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.shape_arithmetic import sum_to_shape
from .backends import Arrays, Backend, Call, Pulled, backend_of
from .lines import entries
from .subject import Arguments, Array, Broken, Run, cotangents_like, name_of, on_plain_arrays, unlike

# How far forward and reverse mode may lie apart, in units of the largest term.
_SAME_SLOPE = 1e-7
_CANCELLED = 1e-6


class Elsewhere:
    """A function of numbered leaves that another library differentiates; looks like a `Subject`.

    Args:
        call: the function, of a list of the library's arrays, to the list of its floating results.
        leaves, names, wanted, title: as a `Subject` has them.
        backend: the library.

    Attributes:
        named: the function as code, with the modules that it is in, if that is known.
    """

    plain = True
    recorded = False  # there is no graph to find the op in

    def __init__(
        self, call: Call, leaves: Sequence[Array], names: Sequence[str], wanted: Sequence[int], title: str, backend: Any
    ) -> None:
        self.call, self.title, self.backend = call, title, backend
        self.named = ""
        self.leaves, self.names, self.wanted = list(leaves), list(names), list(wanted)

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the floating results for plain arrays in place of the leaves."""
        with self.backend.setting():
            return [self.backend.numpy(out) for out in self.call([self.backend.array(a) for a in arrays])]

    def differentiate(self, weights: Sequence[Array] | None, seed: int) -> Run:
        """Pull a cotangent back, which is drawn from `seed` if None."""
        backend = self.backend
        if weights is None:
            weights = cotangents_like(self.on_arrays(*(np.array(a) for a in self.leaves)), seed)
        with backend.setting():
            leaves, given = [[backend.array(np.array(a)) for a in arrays] for arrays in (self.leaves, weights)]
            outs, found = backend.pull(self.call, leaves, self.wanted, given)
            grads: list[Array | None] = [None] * len(self.leaves)
            for i, g in zip(self.wanted, found, strict=True):
                grads[i] = None if g is None else backend.numpy(g)
            outputs = [backend.numpy(out) for out in outs]
        return Run(outputs, grads, [], [], [*self._forms(grads)])

    def _forms(self, grads: Sequence[Array | None]) -> list[Broken]:
        broken = []
        for name, x, g in zip(self.names, self.leaves, grads, strict=True):
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
        """Return whether forward mode contradicts reverse mode, which was found right, along a random direction."""
        if self.backend.push is None:
            return []
        rng = np.random.default_rng(seed)
        with self.backend.setting():
            leaves = [self.backend.array(np.array(a)) for a in self.leaves]
            along = [
                np.asarray(rng.choice([-1.0, 1.0], a.shape), a.dtype) for a in (self.leaves[i] for i in self.wanted)
            ]
            try:
                found = self.backend.push(self.call, leaves, self.wanted, [self.backend.array(u) for u in along])
            except (NotImplementedError, RuntimeError, TypeError, AttributeError):  # it has no rule for this one
                return []
            tangents = [self.backend.numpy(t) for t in found]
        forward = [np.real(np.conj(w) * t) for w, t in zip(weights, tangents, strict=True)]
        pairs = zip((run.grads[i] for i in self.wanted), along, strict=True)
        reverse = [np.real(np.conj(g) * u) for g, u in pairs if g is not None]
        size = sum(float(np.sum(np.abs(a))) for a in (*forward, *reverse))
        # Where terms cancel within a rule, what is left is the rounding of the results.
        size += _CANCELLED * sum(float(np.sum(np.abs(w * out))) for w, out in zip(weights, run.outputs, strict=True))
        a, b = (sum(float(np.sum(part)) for part in parts) for parts in (forward, reverse))
        eps = max(float(np.finfo(x.dtype).eps) for x in (*self.leaves, *run.outputs))
        if abs(a - b) <= _SAME_SLOPE * (eps / np.finfo(np.float64).eps) * size or not np.isfinite(b):
            return []
        text = f"forward mode gives {a:.10g} along a direction where reverse mode, which is right, gives {b:.10g}"
        return [Broken("contract broken", None, text)]

    def gradient(self, weights: Sequence[Array]) -> Elsewhere:
        """Return the gradient as a function of the leaves and of the cotangent: what the next order looks at.

        Raises:
            ValueError: if the library cannot differentiate a gradient.
        """
        if not self.backend.again:
            raise ValueError(
                f"check_grads: expected order=1, since {self.backend.name} does not differentiate gradients"
            )
        n = len(self.leaves)

        def call(leaves: Sequence[Any]) -> list[Any]:
            grads = self.backend.pull(self.call, leaves[:n], self.wanted, leaves[n:])[1]
            return [0.0 * leaves[i] if g is None else g for i, g in zip(self.wanted, grads, strict=True)]

        extra = ["cotangent"] if len(weights) == 1 else [f"cotangent[{k}]" for k in range(len(weights))]
        wanted = [*self.wanted, *range(n, n + len(weights))]
        leaves, title = [*self.leaves, *weights], f"the gradient of {self.title}"
        return Elsewhere(call, leaves, [*self.names, *extra], wanted, title, self.backend)


# ---- functions of another library -----------------------------------------------------------------------------------


def is_floating(value: Any) -> bool:
    """Return whether a result is an array of floats or complex numbers, of whatever library, traced or not."""
    while hasattr(value, "_value") and hasattr(value, "_node"):  # a box of HIPS autograd
        value = value._value
    if hasattr(value, "is_floating_point"):
        return bool(value.is_floating_point() or value.is_complex())
    dtype = getattr(value, "dtype", None)
    return isinstance(value, (float, complex)) if dtype is None else np.dtype(dtype).kind in "fc"


def results_of(out: Any) -> list[Any]:
    """Return the floating arrays in a result of another library, in order."""
    return [a for a in entries(out) if is_floating(a)]


def in_numpy(backend: Backend, value: Any) -> Any:
    """Return an argument with NumPy's arrays where they are floating, and the library's where they are not."""
    if isinstance(value, dict):
        return {key: in_numpy(backend, part) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(in_numpy(backend, part) for part in value)
    if isinstance(value, backend.kind) and is_floating(value):
        return backend.numpy(value)
    if isinstance(value, np.ndarray) and value.dtype.kind not in "fc":
        return backend.array(value)
    return value


def subject_elsewhere(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    wrt: Any,
    names: Sequence[str] | None,
    kwargs: dict[str, Any] | None,
    backend: str,
) -> Elsewhere:
    """Return a function of another library as the subject of a check."""
    row = backend_of(backend)
    with row.setting():
        given = [in_numpy(row, value) for value in inputs]
    if names is None:  # wrappers have *args alone
        called = Arguments(f, given, may_be_none=True).called
        names = [name if name.isidentifier() else f"x{n}" for n, name in enumerate(called)]
    arguments = Arguments(f, given, wrt, names)

    def call(leaves: Sequence[Any]) -> list[Any]:
        out = f(*arguments.fill(leaves), **(kwargs or {}))
        found = results_of(out)
        if not found:
            what = "None: did it forget to return?" if out is None else f"{type(out).__name__} without floating arrays"
            raise TypeError(f"check_grads: expected {name_of(f)} to return floating arrays; received {what}")
        return found

    return Elsewhere(call, arguments.leaves, arguments.names, arguments.wanted, name_of(f), row)


# ---- pairs of a function and its derivative -------------------------------------------------------------------------


def subject_of_pair(
    f: Callable[..., Any],
    derivative: Callable[..., Any],
    inputs: Sequence[Any],
    wrt: Any,
    names: Sequence[str] | None,
    kwargs: dict[str, Any] | None,
) -> Elsewhere:
    """Return a function of plain arrays and its derivative as the subject of a check."""
    arguments = Arguments(f, inputs, wrt, names)
    options = kwargs or {}

    def call(leaves: Sequence[Any]) -> list[Any]:
        return results_of(f(*arguments.fill(leaves), **options))

    def pull(call: Call, leaves: Arrays, wanted: Sequence[int], weights: Arrays) -> Pulled:
        outs = call(leaves)
        if len(outs) != 1:
            raise ValueError(f"check_grads(grad=): expected a function of one floating array; it returns {len(outs)}")
        found = derivative(*arguments.fill(leaves), **options)
        parts = list(found) if isinstance(found, (tuple, list)) and len(wanted) > 1 else [found]
        if len(parts) != len(wanted):
            called = ", ".join(arguments.names[i] for i in wanted)
            raise ValueError(
                f"check_grads(grad=): expected {len(wanted)} derivatives, by {called}; received {len(parts)}"
            )
        out, weight = np.asarray(outs[0]), weights[0]
        return outs, [
            None if d is None else _contracted(np.asarray(d), weight, out, leaves[i], arguments.names[i])
            for i, d in zip(wanted, parts, strict=True)
        ]

    row = Backend("NumPy", np.ndarray, np.asarray, pull, None, False, contextlib.nullcontext, (), repr, "")
    return Elsewhere(call, arguments.leaves, arguments.names, arguments.wanted, name_of(f), row)


def _contracted(d: Array, weight: Array, out: Array, x: Array, name: str) -> Array:
    """Return the gradient of sum(weight * f) by x, given the Jacobian of f, or its derivative element by element."""
    if d.shape == (*out.shape, *x.shape):
        g = np.tensordot(weight, d, out.ndim)
    elif d.shape == out.shape and np.broadcast_shapes(x.shape, out.shape) == out.shape:
        g = np.asarray(sum_to_shape(weight * d, x.shape))
    else:
        raise ValueError(
            f"check_grads(grad=): expected the derivative by '{name}' to have the shape {(*out.shape, *x.shape)} (the "
            f"result's and then the input's), or {out.shape} (element by element); received {d.shape}"
        )
    return np.asarray(g, np.result_type(x.dtype, d.dtype) if x.dtype.kind == "c" else x.dtype)
