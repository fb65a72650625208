"""The function under test, as a function of its floating leaves: on plain arrays, on Tensors, and pulled back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.mode import no_grad
from ..engine import conjugated, cotangents, edge_of
from ..tensors.tensor import Tensor
from ._arguments import Arguments, name_of

Array = np.ndarray


def outputs_of(out: Any) -> list[Any]:
    """Return the floating arrays and Tensors in a result, in order."""
    if isinstance(out, (tuple, list)):
        return [a for part in out for a in outputs_of(part)]
    if isinstance(out, dict):
        return [a for part in out.values() for a in outputs_of(part)]
    a = out if isinstance(out, Tensor) else np.asarray(out)
    return [a] if a.dtype.kind in "fc" else []


class Subject:
    """A user's function of the leaves of its arguments.

    Args:
        f: the function.
        arguments: what it is called with.
        kwargs: keyword arguments, which are not differentiated by.

    Attributes:
        plain: whether it runs on plain arrays; if not (it calls methods that only Tensors have), the numeric side
            runs it on Tensors without history.
    """

    def __init__(self, f: Callable[..., Any], arguments: Arguments, kwargs: dict[str, Any] | None = None) -> None:
        self.f = f
        self.title = name_of(f)
        self.arguments = arguments
        self.kwargs = kwargs or {}
        self.leaves = arguments.leaves
        self.names = arguments.names
        self.wanted = arguments.wanted
        self.plain = True
        self.recorded = True

    def on_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the floating results for Tensors in place of the leaves."""
        out = self.f(*self.arguments.fill(tensors), **self.kwargs)
        found = outputs_of(out)
        if not found:
            what = "None: did it forget to return?" if out is None else f"{type(out).__name__} without floating arrays"
            raise TypeError(f"check_grads: expected {self.title} to return floating arrays; received {what}")
        return found

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the floating results for plain arrays in place of the leaves."""
        if self.plain:
            found = outputs_of(self.f(*self.arguments.fill(arrays), **self.kwargs))
        else:
            with no_grad():
                found = self.on_tensors([Tensor(a, copy=False) for a in arrays])
        return [np.array(bare(a)) for a in found]

    def settle(self) -> None:
        """Find out whether the function runs on plain arrays."""
        try:
            with np.errstate(all="ignore"):
                self.on_arrays(*(np.array(a) for a in self.leaves))
        except Exception:  # whatever it is, the run on Tensors shows whether it is the function's own fault
            self.plain = False

    def variables(self) -> list[Tensor]:
        """Return fresh Tensors for the leaves; those to differentiate by require a gradient."""
        pairs = enumerate(zip(self.leaves, self.names, strict=True))
        return [Tensor(a, requires_grad=i in self.wanted, name=name) for i, (a, name) in pairs]


def bare(a: Any) -> Array:
    """Return the values of an array or a Tensor."""
    return a.data if isinstance(a, Tensor) else np.asarray(a)


def pull_back(
    outputs: Sequence[Any], weights: Sequence[Any], inputs: Sequence[Tensor], create_graph: bool
) -> list[Any]:
    """Return the gradient of Re sum <weight, output> by each input as a Tensor or array, None where none flows."""
    roots: dict[Any, Any] = {}
    for out, w in zip(outputs, weights, strict=True):
        if isinstance(out, Tensor) and out.requires_grad:
            g = w if create_graph else bare(w)
            g = conjugated(Tensor(g) if create_graph and not isinstance(g, Tensor) else g)
            edge = edge_of(out)
            roots[edge] = roots[edge] + g if edge in roots else g
    targets = {edge_of(x) for x in inputs}
    if not roots:
        return [None] * len(inputs)
    found = cotangents(roots, targets, retain_graph=True, create_graph=create_graph)
    grads = [found.get(edge_of(x)) for x in inputs]
    return [None if g is None else conjugated(g) for g in grads]


class GradientOf:
    """The gradient of <v, f> as a function of f's leaves and of v: what the next order of a check looks at.

    Looks like a `Subject`. The cotangent v is one more leaf for each result of f, since a gradient is linear in it,
    unless it is `fixed`.
    """

    plain = False

    def __init__(self, subject: Any, weights: Sequence[Array], fixed: bool = False) -> None:
        self.subject = subject
        self.title = f"the gradient of {subject.title}"
        self._fixed = [Tensor(w) for w in weights] if fixed else []
        weights = [] if fixed else weights
        self.leaves = [*subject.leaves, *weights]
        extra = ["cotangent"] if len(weights) == 1 else [f"cotangent[{n}]" for n in range(len(weights))]
        self.names = [*subject.names, *extra]
        self.wanted = [*subject.wanted, *range(len(subject.leaves), len(self.leaves))]

    def on_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the gradients by the leaves that are wanted, recorded."""
        return self._gradients(tensors, create_graph=True)

    def _gradients(self, tensors: Sequence[Any], create_graph: bool) -> list[Any]:
        n, wanted = len(self.subject.leaves), self.subject.wanted
        inner = [
            t if t.requires_grad else Tensor(t, requires_grad=i in wanted, copy=False)
            for i, t in enumerate(tensors[:n])
        ]
        by = [inner[i] for i in wanted]
        grads = pull_back(self.subject.on_tensors(inner), self._fixed or tensors[n:], by, create_graph)
        return [np.zeros(x.shape, x.dtype) if g is None else g for g, x in zip(grads, by, strict=True)]

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the gradients as plain arrays."""
        return [np.array(bare(a)) for a in self._gradients([Tensor(a) for a in arrays], create_graph=False)]

    def variables(self) -> list[Tensor]:
        """Return fresh Tensors for the leaves."""
        pairs = enumerate(zip(self.leaves, self.names, strict=True))
        return [Tensor(a, requires_grad=i in self.wanted, name=name) for i, (a, name) in pairs]
