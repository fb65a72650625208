"""What a call of a function with rules of its own has besides arrays: containers, keywords, several results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.foreign import as_array, copied, home, is_foreign
from ..core.live import Live
from ..core.ownership import SMALL, unshared
from ..core.shapes import ShapeDtype
from ..tensors.lifted import Lifted, LiftedTensor
from ..tensors.record import owned
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild


def arrays_in(out: Any) -> list[Any]:
    """Return the bare arrays of what a function returned."""
    return [as_array(a._data if isinstance(a, Tensor) else a) for a in leaves(out)]


def taken(held: Any, key: Any) -> Any:
    """Return what a user's function gave so that nothing else can change it; only `held` may hold it here."""
    if held[key].__class__ is np.ndarray:
        return held[key] if held[key].size > SMALL and unshared(held, key) else np.array(held[key])
    return owned(held[key])


class Packing:
    """Several outputs as one array and back, since an op has one output."""

    def __init__(self, held: dict[int, Any]) -> None:
        """`held[0]` is the result of a user's function; the caller has no other name for it."""
        self.tree: Any = 0  # only the structure: the outputs keep their whole record alive
        self.single = held[0].__class__ is np.ndarray
        if self.single:
            self.data = data = taken(held, 0)
            self.specs = [ShapeDtype(data.shape, data.dtype)]
            return
        self.tree = map_leaves(lambda _: 0, held[0])
        arrays = arrays_in(held[0])
        if not arrays:
            raise TypeError(f"expected the function to return an array or a container of arrays; received {held[0]!r}")
        self.specs = [ShapeDtype(a.shape, a.dtype) for a in arrays]
        self.single = len(arrays) == 1
        self.data = copied(arrays[0]) if self.single else np.concatenate([a.reshape(-1) for a in arrays])

    @property
    def spec(self) -> ShapeDtype:
        """Of the one array."""
        if self.single:
            return self.specs[0]
        return ShapeDtype((sum(spec.size for spec in self.specs),), np.result_type(*[s.dtype for s in self.specs]))

    def parts(self, packed: Any) -> Iterator[Any]:
        """Yield the outputs that a packed array contains."""
        if self.single:
            yield packed
            return
        start = 0
        for spec in self.specs:
            part = packed[start : start + spec.size].reshape(spec.shape)
            if part.dtype.kind == "c" and spec.dtype.kind != "c":
                part = part.real  # beside complex outputs it became complex
            yield part if part.dtype == spec.dtype else part.astype(spec.dtype)
            start += spec.size

    def unpack(self, packed: Any) -> Any:
        """Return the outputs in the structure that the function returned."""
        return packed if self.tree.__class__ is int else rebuild(self.tree, self.parts(packed))

    def tangent(self, t: Any) -> Any:
        """Return tangents of the outputs, of any kind of arrays, as one array: those of integers are zero."""
        parts = leaves(t)
        if self.single:
            return parts[0]
        if len(parts) == len(self.specs):  # otherwise the shapes tell
            parts = [
                p if s.dtype.kind in "fc" else home(p).zeros(s.shape) for p, s in zip(parts, self.specs, strict=True)
            ]
        return np.concatenate([np.reshape(part, -1) for part in parts])


# Classes of what is certainly no Tensor; and of what is an input on its own.
BARE = frozenset({np.ndarray, float, int, bool, complex, np.float64, np.float32, np.complex128, np.int64, np.bool_})
_INPUTS = frozenset({Tensor, LiftedTensor, float, complex, np.float64, np.float32, np.complex128, np.complex64})
_FIXED = frozenset({int, bool, str, type(None)})


def are_inputs(args: tuple[Any, ...]) -> bool:
    """Return whether each argument is an array or a number that may be differentiated by."""
    for x in args:
        if x.__class__ not in _INPUTS and (x.__class__ is not np.ndarray or x.dtype.kind not in "biufc"):
            return False
    return True


def is_input(a: Any) -> bool:
    """Return whether an argument is an array, or a number, that a gradient may flow to."""
    if isinstance(a, np.ndarray | np.generic) or is_foreign(a):
        return a.dtype.kind in "biufc"
    return isinstance(a, (Tensor, Lifted, float, complex, Live))


def is_tensor(a: Any) -> bool:
    """Return whether something is a Tensor, or of a transformation."""
    return isinstance(a, (Tensor, Lifted))


def are_bare(*trees: Any) -> bool:
    """Return whether there is neither a Tensor nor a value of a transformation."""
    for tree in trees:
        if tree.__class__ in BARE or tree.__class__ in _FIXED:
            continue
        if isinstance(tree, (Tensor, Lifted)):
            return False
        if tree.__class__ is tuple:
            if not are_bare(*tree):
                return False
        elif any(map(is_tensor, leaves(tree))):
            return False
    return True


_FIRST = [0]


class Call:
    """What a call has besides arrays.

    Args:
        args, kwargs: of the function. The inputs are all numbers among `args` that may be differentiated by, and the
            Tensors among `kwargs`.

    Attributes:
        kwargs: the keywords; of a plain call, with what they were given.
        plain: whether each positional argument is an input and no keyword has any.
        owners: the argument that each input belongs to; those that keywords name come last.
        packing: of the result, once it is known.
    """

    __slots__ = ("_args", "_fixed", "_trees", "kwargs", "owners", "packing", "plain")
    packing: Packing

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: list[Any]) -> None:
        """Add the inputs to the list `inputs`."""
        self._args, self.kwargs = len(args), kwargs
        self.plain = are_bare(*kwargs.values()) and are_inputs(args)
        self.owners: Sequence[int] = range(len(args))
        if self.plain:
            inputs += args
            return
        self._fixed: list[Any] = [*args, *kwargs.values()]
        self.kwargs = dict.fromkeys(kwargs)  # what they were given may have a history
        self._trees: list[tuple[int, Any, list[Any], list[int]]] = []
        self.owners = owners = []
        for i, arg in enumerate(self._fixed):
            found = [arg] if arg.__class__ in _INPUTS else () if arg.__class__ in _FIXED else leaves(arg)
            wanted = is_input if i < len(args) else is_tensor
            chosen = list(map(wanted, found))
            places = [k for k, yes in enumerate(chosen) if yes]
            if places:
                inputs += [found[k] for k in places]
                owners += [i] * len(places)
                rest = [0 if yes else a for yes, a in zip(chosen, found, strict=True)]
                self._trees.append((i, map_leaves(lambda _: 0, arg), rest, places))
                self._fixed[i] = None

    def packed(self, held: dict[int, Any]) -> Any:
        """Return what the function returned as one array, and note its structure."""
        self.packing = Packing(held)
        data, self.packing.data = self.packing.data, None
        return data

    def arguments(self, values: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments and the keywords with other inputs."""
        if self.plain:
            return tuple(values), self.kwargs
        each = iter(values)
        given = list(self._fixed)
        for i, tree, rest, places in self._trees:
            found = list(rest)
            for k in places:
                found[k] = next(each)
            given[i] = found[0] if tree.__class__ is int else rebuild(tree, found)
        return tuple(given[: self._args]), dict(zip(self.kwargs, given[self._args :], strict=True))

    def inputs_of(self, i: int) -> list[int]:
        """Return which leaves of an argument are inputs."""
        if self.plain:
            return _FIRST if i < self._args else []
        return next((places for k, _, _, places in self._trees if k == i), [])

    def __repr__(self) -> str:
        args, kwargs = self.arguments(["·"] * len(self.owners))
        return f"({', '.join([*map(str, args), *(f'{k}={v}' for k, v in kwargs.items())])})"
