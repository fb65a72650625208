"""The arguments of a function under test as numbered leaves with names: arrays, numbers, and small trees of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tensors.tensor import Tensor


class Arguments:
    """What a function is called with: floating leaves that can be replaced, and everything else as it was given.

    Args:
        f: the function, whose parameter names the leaves are called after.
        inputs: positional arguments: arrays, Tensors, numbers, nested lists of numbers, and dicts, lists, tuples and
            dataclasses of them.
        wrt: names or positions of the arguments to differentiate by; all if None.
        names: what the arguments shall be called instead.
        may_be_none: whether there may be nothing to differentiate by.

    Attributes:
        leaves: the floating and complex arrays, each a copy.
        names: what each is called, as `params['w']`.
        wanted: which of them to differentiate by.
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
        chosen = _chosen(wrt, self.called)
        self.leaves: list[np.ndarray] = []
        self.names: list[str] = []
        self.wanted: list[int] = []
        self._tree = []
        for n, (value, name) in enumerate(zip(inputs, self.called, strict=True)):
            before = len(self.leaves)
            self._tree.append(self._split(value, name))
            if chosen is None or n in chosen:
                self.wanted += range(before, len(self.leaves))
                if chosen is not None and before == len(self.leaves):
                    raise ValueError(
                        f"check_grads: expected wrt to name floating inputs; '{name}' has no floating array"
                    )
        if not self.wanted and not may_be_none:
            raise ValueError(
                "check_grads: expected at least one floating input to differentiate by; received "
                f"{', '.join(type(x).__name__ for x in inputs) or 'none'}. Pass 2.0 instead of 2, or .astype(float)"
            )

    def _split(self, value: Any, name: str) -> Any:
        if isinstance(value, Tensor):
            return self._hole(value.numpy(), name) if value.dtype.kind in "fc" else value
        if isinstance(value, (np.ndarray, np.generic, float, complex)) and not isinstance(value, bool):
            array = np.array(value)
            return self._hole(array, name) if array.dtype.kind in "fc" else value
        if isinstance(value, dict):
            return {key: self._split(part, f"{name}[{key!r}]") for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            if _is_numbers(value):
                return self._split(np.array(value), name)
            parts = [self._split(part, f"{name}[{n}]") for n, part in enumerate(value)]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [field.name for field in dataclasses.fields(value) if field.init]
            parts_by_name = {key: self._split(getattr(value, key), f"{name}.{key}") for key in fields}
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
    """Say whether a list holds Python numbers alone, at any depth: then it is an array, as NumPy would make of it."""
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


def _chosen(wrt: str | int | Sequence[str | int] | None, names: Sequence[str]) -> set[int] | None:
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
