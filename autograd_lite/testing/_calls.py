"""Strategies for calls of a user's function: which arrays it is tested with, from a specification of one line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._arrays import arrays_for, broadcastable_shapes, signature_shapes
from ._elements import MATRICES, simplest
from ._hypothesis import composite, st
from ._rows import written

Shape = tuple[int, ...]


class Call:
    """A function with arguments; it prints as the call.

    Example:
        >>> Call("affine", (np.ones((1, 2)), np.array([0.5, 2.0])), {"axis": 0})
        affine([[1., 1.]], [0.5, 2.], axis=0)
    """

    __slots__ = ("args", "kwargs", "name")

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs

    def __repr__(self) -> str:
        parts = [written(a) for a in self.args] + [f"{k}={written(v)}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(parts)})"


class Specification:
    """What `property_test` was told about the arguments of a function.

    Args:
        f: the function.
        inputs: see `property_test`.
        domain: see `property_test`.
        kwargs: see `property_test`.
    """

    def __init__(self, f: Callable[..., Any], inputs: Any, domain: Any, kwargs: Any = None) -> None:
        self.f = f
        self.inputs = _count(f, kwargs) if inputs is None else inputs
        many = isinstance(domain, list)
        self.domains: list[Any] = list(domain) if many else [domain] * (self.count() or 1)
        if self.count() not in (None, len(self.domains)):
            raise ValueError(
                f"property_test: expected one domain, or a list with one for each of {self.count()} arguments; "
                f"received {domain!r}"
            )
        self._loops: list[bool] | None = None

    def count(self) -> int | None:
        """Return how many arrays there are, or None where only the strategy knows."""
        if isinstance(self.inputs, int):
            return self.inputs
        if isinstance(self.inputs, str):
            return self.inputs.partition("->")[0].count("(")
        return None if hasattr(self.inputs, "example") else len(self.inputs)

    def shapes(self, *, loops: bool, min_side: int, kwargs: Mapping[str, Any]) -> Any:
        """Return a strategy for the shapes of all arguments."""
        if isinstance(self.inputs, int):
            return broadcastable_shapes(self.inputs, min_side=min_side, max_dims=3 if self.inputs == 1 else 2)
        if isinstance(self.inputs, str):
            flags = self._probed(kwargs) if loops else [False] * len(self.domains)
            return signature_shapes(self.inputs, loops=flags, min_side=min_side)
        if hasattr(self.inputs, "example"):
            return self.inputs
        return st.just(tuple(self.inputs))

    def _probed(self, kwargs: Mapping[str, Any]) -> list[bool]:
        """Return which arguments may have leading axes: those with which the function then does what it says.

        `x @ w + b` takes batches of x and of w; a batch of b would be added to the rows.
        """
        if self._loops is None:
            self._loops = [self._takes_batches(i, kwargs) for i in range(len(self.domains))]
        return self._loops

    def _takes_batches(self, i: int, kwargs: Mapping[str, Any]) -> bool:
        inputs, arrow, outputs = str(self.inputs).replace(" ", "").partition("->")
        cores, lengths = [], iter((3, 4, 5, 6, 7, 11))
        named: dict[str, int] = {}
        for part in inputs.split("(")[1:]:
            letters = [c.rstrip("?") for c in part.partition(")")[0].split(",") if c]
            cores.append([int(c) if c.isdigit() else named.setdefault(c, next(lengths, 2)) for c in letters])
        arrays = [_example(tuple(core), domain) for core, domain in zip(cores, self.domains, strict=True)]
        if any(a is None for a in arrays) or any(callable(v) or hasattr(v, "example") for v in kwargs.values()):
            return False
        try:
            with np.errstate(all="ignore"):
                alone = np.shape(self.f(*arrays, **kwargs))
                arrays[i] = np.stack([arrays[i]] * 2)
                found = np.shape(self.f(*arrays, **kwargs))
        except Exception:  # whatever a function raises that takes no batches
            return False
        return found == (2, *alone) if arrow and outputs else True


def _count(f: Callable[..., Any], kwargs: Any) -> int:
    """Return how many arguments a function must be given that `kwargs`, which takes the same arrays, does not give."""
    try:
        parameters = inspect.signature(kwargs if callable(kwargs) else f).parameters.values()
    except (TypeError, ValueError):
        return getattr(f, "nin", 1)
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    given = {} if callable(kwargs) else kwargs or {}
    return max(1, sum(p.default is p.empty and p.name not in given for p in needed))


def _example(shape: Shape, domain: Any) -> Any:
    """Return one array of a domain, or None for one that only a strategy knows."""
    if hasattr(domain, "example"):
        return None
    if domain in MATRICES:
        return np.broadcast_to(np.eye((1, *shape)[-2], shape[-1]).reshape(shape[-2:]), shape)
    return np.full(shape, simplest(domain), float)


@composite
def calls(
    draw: Any,
    spec: Specification,
    *,
    name: str,
    dtype: Any,
    kwargs: Any,
    loops: bool,
    min_side: int,
    seek: int,
) -> Call:
    """Draw a call; `seek` of a hundred lie on kinks, ties and zeros."""
    sought = seek > 0 and draw(st.integers(0, 99)) >= 100 - seek
    fixed = {} if callable(kwargs) else dict(kwargs or {})
    shapes: Sequence[Shape] = draw(spec.shapes(loops=loops, min_side=min_side, kwargs=fixed))
    domains = spec.domains if len(spec.domains) == len(shapes) else [spec.domains[0]] * len(shapes)
    drawn = draw(arrays_for(shapes, domains, kinks="seek" if sought else "any"))
    args = tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in drawn)
    found = kwargs(*args) if callable(kwargs) else fixed
    return Call(name, args, {k: draw(v) if hasattr(v, "example") else v for k, v in found.items()})
