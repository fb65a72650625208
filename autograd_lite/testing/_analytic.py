"""The analytic side of a check: run the function on Tensors, pull a cotangent back, and hold the contracts.

A run is kept only as plain arrays, and as weak references that show whether its graph was let go.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..tensors.tensor import Tensor
from ._subject import bare

Array = np.ndarray


class Broken(NamedTuple):
    """A contract that was broken: the verdict, the leaf it concerns if one, what happened in words.

    After a `fatal` one there is no point in comparing gradients.
    """

    verdict: str
    name: str | None
    message: str
    fatal: bool = False


class Run(NamedTuple):
    """What one run gave: results, gradients (None where nothing arrived), and what is left of the leaves."""

    outputs: list[Array]
    grads: list[Array | None]
    recorded: list[bool]
    alive: list[weakref.ref[Tensor]]
    broken: list[Broken]


def cotangents_like(outputs: Sequence[Any], seed: int) -> list[Array]:
    """Return a cotangent for each result: random, no two entries alike and none near zero; 1 for a single number."""
    rng = np.random.default_rng(seed)
    single = sum(out.size for out in outputs) == 1 and all(out.dtype.kind == "f" for out in outputs)
    weights = []
    for out in outputs:
        size = rng.uniform(0.5, 1.5, out.shape) * rng.choice([-1.0, 1.0], out.shape)
        if out.dtype.kind == "c":
            size = size * np.exp(1j * rng.uniform(0, 2 * np.pi, out.shape))
        weights.append(np.asarray(np.ones(out.shape) if single else size, out.dtype))
    return weights


def differentiate(subject: Any, weights: Sequence[Array] | None, seed: int = 0, twice: bool = False) -> Run:
    """Run a subject on Tensors and pull the cotangent back, the way a user would.

    Args:
        subject: the function.
        weights: the cotangent; drawn from `seed` if None.
        twice: pull back a second time, with twice the cotangent, and see that it adds exactly twice as much.
    """
    leaves = subject.variables()
    before = [np.array(t.data) for t in leaves]
    outputs = subject.on_tensors(leaves)
    weights = cotangents_like(outputs, seed) if weights is None else weights
    given = [np.array(w) for w in weights]
    roots = [n for n, out in enumerate(outputs) if isinstance(out, Tensor) and out.requires_grad]
    broken: list[Broken] = []
    for n in roots:
        outputs[n].backward(given[n], retain_graph=twice or n != roots[-1])
    grads = [None if t.grad is None else t.grad.data for t in leaves]
    broken += _forms(subject, leaves, given, weights)
    broken += [
        Broken("contract broken", name, f"the values of the Tensor '{name}' were changed while it was in use")
        for name, old, t in zip(subject.names, before, leaves, strict=True)
        if not _same(old, t.data)
    ]
    kept = [None if g is None else np.array(g) for g in grads]
    if twice and roots:
        for n in roots:
            outputs[n].backward(2 * weights[n], retain_graph=n != roots[-1])
        broken += _linear(subject, leaves, kept)
    recorded = [isinstance(out, Tensor) and out.requires_grad for out in outputs]
    return Run([np.array(bare(out)) for out in outputs], kept, recorded, [weakref.ref(t) for t in leaves], broken)


def _forms(subject: Any, leaves: list[Tensor], given: list[Array], weights: Sequence[Array]) -> list[Broken]:
    """Look at the gradients as arrays: shape, dtype, and whose memory they are."""
    broken = []
    held: list[tuple[str, Array]] = [("the cotangent", g) for g in given]
    held += [(f"the input '{name}'", t.data) for name, t in zip(subject.names, leaves, strict=True)]
    for name, t in zip(subject.names, leaves, strict=True):
        if t.grad is None:
            continue
        g = t.grad.data
        if g.shape != t.shape:
            broken.append(f"the gradient by '{name}' has shape {g.shape}; expected {t.shape}, as the input has")
        if g.dtype != t.dtype:
            broken.append(f"the gradient by '{name}' has dtype {g.dtype}; expected {t.dtype}, as the input has")
        broken += [
            f"the gradient by '{name}' shares its memory with {whose}: changing one changes the other"
            for whose, other in held
            if np.may_share_memory(g, other) and np.shares_memory(g, other)
        ]
        held.append((f"the gradient by '{name}'", g))
    if not all(_same(g, w) for g, w in zip(given, weights, strict=True)):
        broken.append("the cotangent was changed by a derivative rule; rules must not write to `g`")
    return [Broken("contract broken", None, message) for message in broken]


def _linear(subject: Any, leaves: list[Tensor], first: list[Array | None]) -> list[Broken]:
    """After a second backward with twice the cotangent, each gradient must be three times the first."""
    broken = []
    for name, t, g in zip(subject.names, leaves, first, strict=True):
        if g is None or t.grad is None:
            continue
        with np.errstate(all="ignore"):
            expected = g + 2 * g
            close = np.abs(t.grad.data - expected) <= 8 * np.finfo(g.dtype).eps * np.max(np.abs(expected), initial=0)
        if not bool(np.all(close | (t.grad.data == expected) | ~np.isfinite(expected))):
            message = (
                f"a second backward with twice the cotangent did not add twice as much to the gradient by '{name}': "
                "some derivative rule is not linear in its cotangent `g`, or keeps state from the first backward"
            )
            broken.append(Broken("contract broken", name, message))
    return broken


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))


def broken_contracts(subject: Any, first: Run, weights: Sequence[Array], nondet_tol: float) -> list[Broken]:
    """Return every contract that the function breaks, the worst first; `first` is a run of it.

    Looks at: values on plain arrays and on Tensors, two runs alike, inputs and cotangents unchanged, gradients of
    their own memory with the input's shape and dtype, linearity in the cotangent, and graphs that are let go.
    """
    broken = []
    if subject.plain:
        broken += _on_arrays(subject, first, nondet_tol)
    second = differentiate(subject, weights, twice=True)
    broken += _unlike(subject, first, second, nondet_tol)
    broken += [item for item in second.broken if item not in first.broken]
    broken += first.broken
    if not any(item.fatal for item in broken):
        broken += _leaks(subject, first)
    return sorted(broken, key=lambda item: item.verdict != "non-deterministic")


def _on_arrays(subject: Any, first: Run, nondet_tol: float) -> list[Broken]:
    arrays = [np.array(a) for a in subject.leaves]
    with np.errstate(all="ignore"):
        values = subject.on_arrays(*arrays)
    broken = [
        Broken("contract broken", name, f"the plain array given for '{name}' was changed: {subject.title} writes to it")
        for name, old, a in zip(subject.names, subject.leaves, arrays, strict=True)
        if not _same(old, a)
    ]
    if [a.shape for a in values] != [a.shape for a in first.outputs]:
        shapes = f"{[a.shape for a in values]} on plain arrays and {[a.shape for a in first.outputs]} on Tensors"
        return [*broken, Broken("contract broken", None, f"the results have shapes {shapes}", fatal=True)]
    for a, b in zip(values, first.outputs, strict=True):
        with np.errstate(all="ignore"):
            largest = np.max(np.abs(a), initial=0, where=np.isfinite(a))
            eps = max(np.finfo(a.dtype).eps, np.finfo(b.dtype).eps)
            near = (np.abs(a - b) <= 64 * eps * largest + nondet_tol) | (a == b) | ((a != a) & (b != b))
        if not bool(np.all(near)):
            k = tuple(int(n) for n in np.argwhere(~near)[0])
            where = f" at {k}" if k else ""
            message = f"the value{where} is {a[k]!r} on plain arrays and {b[k]!r} on Tensors: two different functions"
            broken.append(Broken("contract broken", None, message))
    return broken


def _unlike(subject: Any, first: Run, second: Run, tol: float) -> list[Broken]:
    pairs = [("the value", a, b) for a, b in zip(first.outputs, second.outputs, strict=False)]
    pairs += [
        (f"the gradient by '{name}'", a, b)
        for name, a, b in zip(subject.names, first.grads, second.grads, strict=True)
        if a is not None and b is not None
    ]
    for what, a, b in pairs:
        if a.shape == b.shape and _same(a, b):
            continue
        with np.errstate(all="ignore"):
            apart = float(np.nanmax(np.abs(a - b))) if a.shape == b.shape else np.inf
        if not apart <= tol:
            return [
                Broken(
                    "non-deterministic",
                    None,
                    f"two runs on the same inputs differ: {what} by {apart:.3g}. A function that draws random numbers "
                    "must draw the same ones in every run: make a Generator(seed) inside it, or pass the noise in as "
                    "an argument",
                    fatal=True,
                )
            ]
    return []


def _leaks(subject: Any, first: Run) -> list[Broken]:
    """Return leaves of a past run that something still holds."""
    if not any(ref() is not None for ref in first.alive):
        return []
    gc.collect()
    held = [name for name, ref in zip(subject.names, first.alive, strict=True) if ref() is not None]
    if not held:
        return []
    message = (
        f"the graph of an earlier run is still held, with '{held[0]}' as its leaf: {subject.title} keeps Tensors "
        "somewhere (a list, a cache, a global). Keep t.detach() or float(t) instead"
    )
    return [Broken("contract broken", held[0], message)]
