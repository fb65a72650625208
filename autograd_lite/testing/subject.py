"""The function under test: its arguments as numbered leaves, its values, its gradients, and the contracts it holds."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.mode import no_grad
from ..engine.walk import conjugate, cotangents, edge_of
from ..tensors.tensor import Tensor
from .lines import entries

# ---- arguments ------------------------------------------------------------------------------------------------------


class Arguments:
    """What a function is called with: floating leaves that can be replaced, and everything else as it was given.

    Args:
        f: the function, whose parameter names the leaves are called after.
        inputs: positional arguments: arrays, Tensors, numbers, nested lists of numbers, and dicts, lists, tuples and
            dataclasses of them.
        wrt: names or positions of the arguments to differentiate by; all if None.
        names: what to call the arguments instead.
        may_be_none: whether there may be nothing to differentiate by.

    Attributes:
        leaves: the floating and complex arrays, each a copy.
        names: what each is called, as `params['w']`.
        argnums: the positions of those to differentiate by.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: Sequence[Any],
        wrt: str | int | Sequence[str | int] | None = None,
        names: Sequence[str] | None = None,
        may_be_none: bool = False,
    ) -> None:
        self.inputs = tuple(inputs)
        self.called = list(names) if names is not None else _parameter_names(f, len(inputs))
        if len(self.called) != len(inputs):
            raise ValueError(f"check_grads: expected {len(inputs)} names, one per input; received {len(self.called)}")
        chosen = _choose(wrt, self.called)
        self.leaves: list[np.ndarray] = []
        self.names: list[str] = []
        self.argnums: list[int] = []
        self._tree = []
        for n, (value, name) in enumerate(zip(inputs, self.called, strict=True)):
            before = len(self.leaves)
            self._tree.append(self._separate(value, name))
            if chosen is None or n in chosen:
                self.argnums += range(before, len(self.leaves))
                if chosen is not None and before == len(self.leaves):
                    raise ValueError(
                        f"check_grads: expected wrt to name floating inputs; '{name}' has no floating array"
                    )
        if not self.argnums and not may_be_none:
            raise ValueError(
                "check_grads: expected at least one floating input to differentiate by; received "
                f"{', '.join(type(x).__name__ for x in inputs) or 'none'}. Pass 2.0 instead of 2, or .astype(float)"
            )

    def _separate(self, value: Any, name: str) -> Any:
        if isinstance(value, Tensor):
            return self._hole(value.numpy(), name) if value.dtype.kind in "fc" else value
        if isinstance(value, (np.ndarray, np.generic, float, complex)) and not isinstance(value, bool):
            array = np.array(value)
            return self._hole(array, name) if array.dtype.kind in "fc" else value
        if isinstance(value, dict):
            return {key: self._separate(part, f"{name}[{key!r}]") for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            if _is_numbers(value):
                return self._separate(np.array(value), name)
            parts = [self._separate(part, f"{name}[{n}]") for n, part in enumerate(value)]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [field.name for field in dataclasses.fields(value) if field.init]
            parts_by_name = {key: self._separate(getattr(value, key), f"{name}.{key}") for key in fields}
            return dataclasses.replace(value, **parts_by_name)
        return value

    def _hole(self, array: np.ndarray, name: str) -> _Hole:
        self.leaves.append(array)
        self.names.append(name)
        return _Hole(len(self.leaves) - 1)

    def fill(self, values: Sequence[Any]) -> list[Any]:
        """Return the positional arguments with these values in place of the leaves."""
        return [_fill(part, values) for part in self._tree]


@dataclasses.dataclass(frozen=True)
class _Hole:
    """Where a leaf was."""

    n: int


def _fill(tree: Any, values: Sequence[Any]) -> Any:
    if isinstance(tree, _Hole):
        return values[tree.n]
    if isinstance(tree, dict):
        return {key: _fill(part, values) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [_fill(part, values) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fields = [field.name for field in dataclasses.fields(tree) if field.init]
        return dataclasses.replace(tree, **{key: _fill(getattr(tree, key), values) for key in fields})
    return tree


def _is_numbers(value: Any) -> bool:
    """Return whether a list holds only Python numbers, at any depth: then NumPy would make it an array."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_is_numbers(part) for part in value) and not hasattr(value, "_fields")
    return isinstance(value, (int, float, complex))


def _parameter_names(f: Callable[..., Any], n: int) -> list[str]:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}[{k}]" for k in range(n - len(names))]
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
    return (names + [f"x{k}" for k in range(len(names), n)])[:n]


def _choose(wrt: str | int | Sequence[str | int] | None, names: Sequence[str]) -> set[int] | None:
    if wrt is None:
        return None
    chosen = set()
    for item in (wrt,) if isinstance(wrt, (str, int)) else wrt:
        n = names.index(item) if isinstance(item, str) and item in names else item
        if not isinstance(n, int) or not -len(names) <= n < len(names):
            raise ValueError(f"check_grads: expected wrt among {', '.join(names)} or positions; received {item!r}")
        chosen.add(n % len(names))
    return chosen


def element_name(name: str, index: tuple[int, ...] | None) -> str:
    """Return how an element is written.

    Example:
        >>> element_name("params['w']", (0, 2)), element_name("x", ()), element_name("x", None)
        ("params['w'][0, 2]", 'x', 'x')
    """
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def name_of(f: Callable[..., Any]) -> str:
    """Return what messages call a function."""
    name = getattr(f, "__name__", None) or getattr(f, "name", None) or type(f).__name__
    return "f" if name == "<lambda>" else str(name)


# ---- the function ---------------------------------------------------------------------------------------------------


Array = np.ndarray


def outputs_of(out: Any) -> list[Any]:
    """Return the floating arrays and Tensors in a result, in order."""
    arrays = [a if isinstance(a, Tensor) else np.asarray(a) for a in entries(out)]
    return [a for a in arrays if a.dtype.kind in "fc"]


class Subject:
    """A user's function of the leaves of its arguments.

    Args:
        f: the function.
        arguments: its arguments.
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
        self.argnums = arguments.argnums
        self.plain = True
        self.recorded = True

    def on_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the floating results for Tensors in place of the leaves."""
        out = self.f(*self.arguments.fill(tensors), **self.kwargs)
        outputs = outputs_of(out)
        if not outputs:
            description = (
                "None: did it forget to return?" if out is None else f"{type(out).__name__} without floating arrays"
            )
            raise TypeError(f"check_grads: expected {self.title} to return floating arrays; received {description}")
        return outputs

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the floating results for plain arrays in place of the leaves."""
        if self.plain:
            outputs = outputs_of(self.f(*self.arguments.fill(arrays), **self.kwargs))
        else:
            with no_grad():
                outputs = self.on_tensors([Tensor(a, copy=False) for a in arrays])
        return [np.array(bare(a)) for a in outputs]

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
        return [Tensor(a, requires_grad=i in self.argnums, name=name) for i, (a, name) in pairs]


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
            g = conjugate(Tensor(g) if create_graph and not isinstance(g, Tensor) else g)
            edge = edge_of(out)
            roots[edge] = roots[edge] + g if edge in roots else g
    targets = {edge_of(x) for x in inputs}
    if not roots:
        return [None] * len(inputs)
    gradients = cotangents(roots, targets, retain_graph=True, create_graph=create_graph)
    grads = [gradients.get(edge_of(x)) for x in inputs]
    return [None if g is None else conjugate(g) for g in grads]


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
        self.argnums = [*subject.argnums, *range(len(subject.leaves), len(self.leaves))]

    def on_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the gradients by the leaves at `argnums`, recorded."""
        return self._gradients(tensors, create_graph=True)

    def _gradients(self, tensors: Sequence[Any], create_graph: bool) -> list[Any]:
        n, argnums = len(self.subject.leaves), self.subject.argnums
        inner = [
            t if t.requires_grad else Tensor(t, requires_grad=i in argnums, copy=False)
            for i, t in enumerate(tensors[:n])
        ]
        by = [inner[i] for i in argnums]
        grads = pull_back(self.subject.on_tensors(inner), self._fixed or tensors[n:], by, create_graph)
        return [np.zeros(x.shape, x.dtype) if g is None else g for g, x in zip(grads, by, strict=True)]

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the gradients as plain arrays."""
        return [np.array(bare(a)) for a in self._gradients([Tensor(a) for a in arrays], create_graph=False)]

    def variables(self) -> list[Tensor]:
        """Return fresh Tensors for the leaves."""
        pairs = enumerate(zip(self.leaves, self.names, strict=True))
        return [Tensor(a, requires_grad=i in self.argnums, name=name) for i, (a, name) in pairs]


# ---- its derivative, and its contracts ------------------------------------------------------------------------------


class Broken(NamedTuple):
    """A contract that was broken: the verdict, the leaf it concerns (if one), and what happened as text.

    After a `fatal` one it is pointless to compare gradients.
    """

    verdict: str
    name: str | None
    message: str
    fatal: bool = False


class Run(NamedTuple):
    """One run: results, gradients (None where nothing arrived), and weak references to the leaves."""

    outputs: list[Array]
    grads: list[Array | None]
    recorded: list[bool]
    alive: list[weakref.ref[Tensor]]
    broken: list[Broken]


def cotangents_like(outputs: Sequence[Any], seed: int) -> list[Array]:
    """Return a cotangent for each result: random, no two entries alike and none near zero; 1 for a single number."""
    rng = np.random.default_rng(seed)
    single = sum(out.size for out in outputs) == 1 and all(out.dtype.kind == "f" for out in outputs)
    return [np.ones(out.shape, out.dtype) if single else direction_like(out, rng) for out in outputs]


def direction_like(x: Any, rng: np.random.Generator) -> Array:
    """Return random numbers of the shape and dtype of x, no two alike and none near zero."""
    u = rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    if x.dtype.kind == "c":
        u = u * np.exp(1j * rng.uniform(0, 2 * np.pi, x.shape))
    return np.asarray(u, x.dtype)


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
    copies = [np.array(w) for w in weights]
    roots = [n for n, out in enumerate(outputs) if isinstance(out, Tensor) and out.requires_grad]
    broken: list[Broken] = []
    for n in roots:
        outputs[n].backward(copies[n], retain_graph=twice or n != roots[-1])
    grads = [None if t.grad is None else t.grad.data for t in leaves]
    broken += _forms(subject, leaves, copies, weights)
    broken += [
        Broken("contract broken", name, f"the values of the Tensor '{name}' were changed while it was in use")
        for name, old, t in zip(subject.names, before, leaves, strict=True)
        if not _same(old, t.data)
    ]
    first = [None if g is None else np.array(g) for g in grads]
    if twice and roots:
        for n in roots:
            outputs[n].backward(2 * weights[n], retain_graph=n != roots[-1])
        broken += _linear(subject, leaves, first)
    recorded = [isinstance(out, Tensor) and out.requires_grad for out in outputs]
    return Run([np.array(bare(out)) for out in outputs], first, recorded, [weakref.ref(t) for t in leaves], broken)


def _forms(subject: Any, leaves: list[Tensor], copies: list[Array], weights: Sequence[Array]) -> list[Broken]:
    """Look at the gradients as arrays: shape, dtype, and whose memory they are."""
    broken = []
    held: list[tuple[str, Array]] = [("the cotangent", g) for g in copies]
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
    if not all(_same(g, w) for g, w in zip(copies, weights, strict=True)):
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
        broken += on_plain_arrays(subject, first, nondet_tol)
    second = differentiate(subject, weights, twice=True)
    broken += unlike(subject, first, second, nondet_tol)
    broken += [item for item in second.broken if item not in first.broken]
    broken += first.broken
    if not any(item.fatal for item in broken):
        broken += _leaks(subject, first)
    return sorted(broken, key=lambda item: item.verdict != "non-deterministic")


def on_plain_arrays(subject: Any, first: Run, nondet_tol: float) -> list[Broken]:
    """Return whether plain arrays are changed, or give other values than those that gradients were taken of."""
    arrays = [np.array(a) for a in subject.leaves]
    with np.errstate(all="ignore"):
        values = subject.on_arrays(*arrays)
    broken = [
        Broken("contract broken", name, f"the plain array given for '{name}' was changed: {subject.title} writes to it")
        for name, old, a in zip(subject.names, subject.leaves, arrays, strict=True)
        if not _same(old, a)
    ]
    if [a.shape for a in values] != [a.shape for a in first.outputs]:
        shapes = f"{[a.shape for a in values]} on plain arrays and {[a.shape for a in first.outputs]} with gradients"
        return [*broken, Broken("contract broken", None, f"the results have shapes {shapes}", fatal=True)]
    for a, b in zip(values, first.outputs, strict=True):
        with np.errstate(all="ignore"):
            largest = np.max(np.abs(a), initial=0, where=np.isfinite(a))
            eps = max(np.finfo(a.dtype).eps, np.finfo(b.dtype).eps)
            near = (np.abs(a - b) <= 64 * eps * largest + nondet_tol) | (a == b) | ((a != a) & (b != b))
        if not bool(np.all(near)):
            k = tuple(int(n) for n in np.argwhere(~near)[0])
            where = f" at {k}" if k else ""
            other = "on Tensors" if subject.recorded else "when it is differentiated"
            message = f"the value{where} is {a[k]!r} on plain arrays and {b[k]!r} {other}: two different functions"
            broken.append(Broken("contract broken", None, message))
    return broken


def unlike(subject: Any, first: Run, second: Run, tol: float) -> list[Broken]:
    """Return whether two runs on the same inputs gave different values or gradients."""
    pairs = [("the value", a, b) for a, b in zip(first.outputs, second.outputs, strict=False)]
    pairs += [
        (f"the gradient by '{name}'", a, b)
        for name, a, b in zip(subject.names, first.grads, second.grads, strict=True)
        if a is not None and b is not None
    ]
    for quantity, a, b in pairs:
        if a.shape == b.shape and _same(a, b):
            continue
        with np.errstate(all="ignore"):
            apart = float(np.nanmax(np.abs(a - b))) if a.shape == b.shape else np.inf
        if not apart <= tol:
            return [
                Broken(
                    "non-deterministic",
                    None,
                    f"two runs on the same inputs differ: {quantity} by {apart:.3g}. A function that draws random "
                    "numbers must draw the same ones in every run: make a Generator(seed) inside it, or pass the noise "
                    "in as an argument",
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
