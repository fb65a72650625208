"""Gradients of other libraries as subjects of the same check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.testing.pairs import PlainSubject, is_floating, results_of
from autograd_lite.testing.subject import Arguments, Array, Broken, Run, cotangents_like, name_of

from .backends import Backend, Call, backend_of

# How far forward and reverse mode may lie apart, in units of the largest term.
_SAME_SLOPE = 1e-7
_CANCELLED = 1e-6


class Elsewhere(PlainSubject):
    """A function of numbered leaves that another library differentiates.

    Args:
        call: the function, of a list of the library's arrays, to the list of its floating results.
        leaves, names, argnums, title: as a `Subject` has them.
        backend: the library.

    Attributes:
        path: the function as code, with the modules that it is in, if that is known.
    """

    def __init__(
        self,
        call: Call,
        leaves: Sequence[Array],
        names: Sequence[str],
        argnums: Sequence[int],
        title: str,
        backend: Any,
    ) -> None:
        super().__init__(call, backend.pull, leaves, names, argnums, title)
        self.backend = backend
        self.path = ""

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
            leaves, cotangents = [[backend.array(np.array(a)) for a in arrays] for arrays in (self.leaves, weights)]
            outs, grads = self.pull(self.call, leaves, self.argnums, cotangents)
            grads = [None if g is None else backend.numpy(g) for g in grads]
            return self.run_of([backend.numpy(out) for out in outs], grads)

    def forward_mode(self, run: Run, weights: Sequence[Array], seed: int) -> list[Broken]:
        """Return whether forward mode contradicts reverse mode, which was found right, along a random direction."""
        if self.backend.push is None:
            return []
        rng = np.random.default_rng(seed)
        with self.backend.setting():
            leaves = [self.backend.array(np.array(a)) for a in self.leaves]
            along = [
                np.asarray(rng.choice([-1.0, 1.0], a.shape), a.dtype) for a in (self.leaves[i] for i in self.argnums)
            ]
            try:
                found = self.backend.push(self.call, leaves, self.argnums, [self.backend.array(u) for u in along])
            except (NotImplementedError, RuntimeError, TypeError, AttributeError):  # it has no rule for this one
                return []
            tangents = [self.backend.numpy(t) for t in found]
        forward = [np.real(np.conj(w) * t) for w, t in zip(weights, tangents, strict=True)]
        pairs = zip((run.grads[i] for i in self.argnums), along, strict=True)
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
                f"check_elsewhere: expected order=1, since {self.backend.name} does not differentiate gradients"
            )
        n = len(self.leaves)

        def call(leaves: Sequence[Any]) -> list[Any]:
            grads = self.backend.pull(self.call, leaves[:n], self.argnums, leaves[n:])[1]
            return [0.0 * leaves[i] if g is None else g for i, g in zip(self.argnums, grads, strict=True)]

        extra = ["cotangent"] if len(weights) == 1 else [f"cotangent[{k}]" for k in range(len(weights))]
        argnums = [*self.argnums, *range(n, n + len(weights))]
        leaves, title = [*self.leaves, *weights], f"the gradient of {self.title}"
        return Elsewhere(call, leaves, [*self.names, *extra], argnums, title, self.backend)


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
            raise TypeError(f"check_elsewhere: expected {name_of(f)} to return floating arrays; received {what}")
        return found

    return Elsewhere(call, arguments.leaves, arguments.names, arguments.argnums, name_of(f), row)
