"""Symbolic tensors, on which layers are called to make a model before there is any data.

Calling a module on a `Symbol` records the call and returns symbols for its results; see `recording`. An axis of unknown
length is None, and so is that of the batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from autograd_lite import tree

from ..config.arguments import is_text
from ..config.hooks import HOOKS

Shape = tuple[int | None, ...]

_SERIAL = itertools.count()

NO_PLACE = object()


class Spec(NamedTuple):
    """The shape of one sample, and the dtype, of an argument that a module was built with."""

    shape: Shape
    dtype: str


def spec_of(value: Any) -> Spec:
    """Return the shape of one sample, and the dtype, of a tensor, an array or a symbol; that of strings is "str"."""
    return Spec(value.shape[1:], "str" if is_text(value) else value.dtype.name)


class Call:
    """One call of a module on symbols.

    Args:
        module: the callee.
        args: its positional arguments, with symbols for tensors.
        kwargs: its keyword arguments.

    `given` are the symbols among the arguments, `results` has the shape and dtype of each returned tensor, and `nested`
    is whether they were in a container, and `reads` whether the module is known to read values.
    """

    __slots__ = ("args", "kwargs", "module", "nested", "reads", "results", "serial", "symbols")

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.results: list[tuple[Shape, str]] = []
        self.nested = self.reads = False
        self.serial = next(_SERIAL)
        self.symbols: list[Symbol] = instances(Symbol, [args, kwargs]) if args or kwargs else []


def _both_ways(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Return the method of a binary operator, and that for a symbol on the right."""
    return lambda self, other: operate(name, self, other), lambda self, other: operate(name, other, self)


class Symbol:
    """A tensor that has a shape and a dtype, but no values yet; `nn.Input` makes the first ones.

    Layers and models can be called on it, and so can operators and the NumPy functions that `nn.layers.Operation`
    knows; each returns a symbol.

    Args:
        shape: with None for the batch axis and for unknown lengths.
        dtype: of the values to come.
        call: the call whose result it is; None for a shape and a dtype alone, as `compute_output_spec` returns them.
        index: its place among the results of the call.
        name: in summaries and error messages.

    `mask_ndim` is the number of axes of its mask, 0 if it has none.

    Example:
        >>> import nn
        >>> x = nn.Input((3,))
        >>> nn.layers.Dense(2)(x)
        Symbol(shape=(None, 2), dtype=float32)
        >>> (x + 1).shape, np.tanh(x).shape
        ((None, 3), (None, 3))
    """

    __slots__ = ("__weakref__", "call", "dtype", "index", "mask_ndim", "name", "shape")
    __hash__ = object.__hash__

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: npt.DTypeLike = "float32",
        call: Call | None = None,
        index: int = 0,
        name: str | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.call = Call(None, (), {}) if call is None else call
        self.index = index
        self.name = name
        self.mask_ndim = 0

    @property
    def ndim(self) -> int:
        """The number of axes, the batch axis included."""
        return len(self.shape)

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Symbol(shape={self.shape}, dtype={self.dtype.name}{name})"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._without_values(
            "an array",
            "Make a model of it, nn.Model(inputs, outputs), and call that on data. Functions of NumPy, nn.ops and "
            "nn.activations take symbols; write others as a layer",
        )

    def __bool__(self) -> bool:
        raise self._without_values("values to decide by", "Choose inside the model: nn.ops.where(condition, a, b)")

    def __float__(self) -> float:
        raise self._without_values("a number", "nn.Model(inputs, outputs) computes it from data")

    __int__ = __index__ = __complex__ = __float__

    def __len__(self) -> int:
        raise self._without_values("a known length", "The shape has None for lengths that are not known")

    def __iter__(self) -> Iterator[Any]:
        raise self._without_values("a known length to iterate over", "nn.ops.unstack(x, axis=1) splits another axis")

    def _without_values(self, expected: str, advice: str) -> TypeError:
        return TypeError(f"expected {expected}; received {self!r}, which has no values yet. {advice}")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise TypeError(f"np.{ufunc.__name__}.{method}: expected arrays; received {self!r}")
        return operate(ufunc.__name__, *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return operate(func.__name__, *args, **kwargs)

    def __getitem__(self, index: Any) -> Any:
        return operate("getitem", self, _plain_index(index))

    def reshape(self, *shape: Any) -> Any:
        """Return the symbol of the values in another shape, batch axis included; one length may be -1.

        Args:
            shape: of the result, such as (-1, 4).
        """
        lengths = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return operate("reshape", self, list(lengths))

    def squeeze(self, axis: Any = None) -> Any:
        """Return the symbol of the values without axes of length 1.

        Args:
            axis: one of them, or several; None for all.
        """
        return operate("squeeze", self, axis=axis)

    __add__, __radd__ = _both_ways("add")
    __sub__, __rsub__ = _both_ways("subtract")
    __mul__, __rmul__ = _both_ways("multiply")
    __truediv__, __rtruediv__ = _both_ways("divide")
    __floordiv__, __rfloordiv__ = _both_ways("floor_divide")
    __mod__, __rmod__ = _both_ways("mod")
    __pow__, __rpow__ = _both_ways("power")
    __matmul__, __rmatmul__ = _both_ways("matmul")
    __and__, __rand__ = _both_ways("logical_and")
    __or__, __ror__ = _both_ways("logical_or")
    __xor__, __rxor__ = _both_ways("logical_xor")
    __gt__, __lt__ = _both_ways("greater")[0], _both_ways("less")[0]
    __ge__, __le__ = _both_ways("greater_equal")[0], _both_ways("less_equal")[0]

    def __ne__(self, other: object) -> Any:
        return operate("not_equal", self, other)

    def __neg__(self) -> Any:
        return operate("negative", self)

    def __abs__(self) -> Any:
        return operate("absolute", self)

    def __invert__(self) -> Any:
        return operate("logical_not", self)

    def __round__(self, decimals: int = 0) -> Any:
        return operate("round", self, decimals)


KerasTensor = Symbol  # Keras's name


def operate(name: str, *args: Any, **kwargs: Any) -> Any:
    """Return the symbol of the result of the function with this name; see `nn.layers.Operation`."""
    return HOOKS.operate(name, args, kwargs)


def _plain_index(index: Any) -> Any:
    """Return an index as plain values: a slice as {"slice": [start, stop, step]}, an ellipsis as "..."."""
    if isinstance(index, tuple):
        return [_plain_index(part) for part in index]
    if isinstance(index, slice):
        return {"slice": [index.start, index.stop, index.step]}
    if index is Ellipsis:
        return "..."
    if isinstance(index, (list, np.ndarray)) and np.asarray(index).dtype.kind in "iu":
        return np.asarray(index)
    if index is None or isinstance(index, Symbol) or (isinstance(index, (int, np.integer)) and index is not True):
        return None if index is None else index if isinstance(index, Symbol) else int(index)
    raise TypeError(
        f"Symbol: expected an index of integers, slices, None, ..., arrays and symbols; received "
        f"{type(index).__name__}. Write a layer for another kind"
    )


# ---- nested arguments -----------------------------------------------------------------------------------------------


def replace_leaves(kind: type | tuple[type, ...], f: Callable[[Any], Any], structure: Any) -> Any:
    """Return nested lists, tuples and dicts with every instance of `kind` replaced by f of it.

    Every step of a functional model does this, so it does not go through `tree.map`, which takes twice as long.

    Example:
        >>> replace_leaves(int, lambda n: n + 1, [1, {"a": (2, "b")}])
        [2, {'a': (3, 'b')}]
    """
    if isinstance(structure, kind):
        return f(structure)
    if isinstance(structure, list):
        return [replace_leaves(kind, f, part) for part in structure]
    if isinstance(structure, tuple):
        parts = [replace_leaves(kind, f, part) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    if isinstance(structure, dict):
        return {key: replace_leaves(kind, f, part) for key, part in structure.items()}
    return structure


def instances(kind: type | tuple[type, ...], structure: Any) -> list[Any]:
    """Return the instances of `kind` in nested containers, in order.

    Example:
        >>> instances(int, [1, {"a": (2, "b")}])
        [1, 2]
    """
    return [x for x in tree.leaves(structure, leaf=lambda x: isinstance(x, kind)) if isinstance(x, kind)]


def has_symbols(structure: Any) -> bool:
    """Return whether a symbol is among the arguments; lists, tuples and dicts are looked into."""
    if structure.__class__ is Symbol:
        return True
    try:
        if isinstance(structure, dict):
            return any(has_symbols(part) for part in structure.values())
        return isinstance(structure, (list, tuple)) and any(has_symbols(part) for part in structure)
    except RecursionError:
        tree.leaves(structure)  # which says so, if it contains itself
        raise
