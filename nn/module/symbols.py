"""Symbolic tensors, on which layers are called to make a model before there is any data.

Calling a module on a `Symbol` records the call and returns symbols for its results. Their shapes are found by running
the module on zeros, so every module can be called this way, without a shape function; this also builds it. An axis of
unknown length is None; running the module on two lengths shows which axes of the result follow it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor, tree

from ..config.ambient import PROBING
from ..config.arguments import is_text
from ..config.limits import room
from .tree import Tree

Shape = tuple[int | None, ...]

_SERIAL = itertools.count()
# The two lengths tried for unknown axes. They are far apart, so that a stride or a pool cannot make them equal.
_LENGTHS = (32, 64)
# What a module returns for a symbol; arrays are of strings.
_VALUES = (Tensor, np.ndarray)


class Hooks:
    """Where symbols call up to a higher layer.

    Attributes:
        operate: `(function's name, args, kwargs) -> symbols`, makes a layer of an operator; from `nn.layers.operation`.
        symbols_of: `(module, "input" or "output") -> symbols`, or NO_PLACE for a module that is in no model; from
            `nn.models.places`.
    """

    __slots__ = ("operate", "symbols_of")

    operate: Callable[[str, tuple[Any, ...], dict[str, Any]], Any]
    symbols_of: Callable[[Any, str], Any]


HOOKS = Hooks()
NO_PLACE = object()


class Spec(NamedTuple):
    """The shape of one sample, and the dtype, of an argument that a module was built with."""

    shape: tuple[int, ...]
    dtype: str


def spec_of(value: Any) -> Spec:
    """Return the shape of one sample, and the dtype, of a Tensor or an array; that of strings is "str"."""
    return Spec(value.shape[1:], "str" if is_text(value) else value.dtype.name)


def made_up(shape: tuple[int, ...], dtype: npt.DTypeLike, words: int = 1) -> Any:
    """Return values of a shape and dtype: a Tensor of zeros, or an array of texts of some words."""
    room(shape)
    kind = np.dtype(dtype)
    return np.full(shape, " ".join("a" * words), object) if kind.kind == "U" else ag.tensor(np.zeros(shape, kind))


class Call:
    """One call of a module on symbols.

    Args:
        module: what was called.
        args: its positional arguments, with symbols for tensors.
        kwargs: its keyword arguments.

    `results` has the shape and dtype of each returned tensor; `nested` is whether they were in a container.
    """

    __slots__ = ("args", "kwargs", "module", "nested", "results", "serial")

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.results: list[tuple[Shape, str]] = []
        self.nested = False
        self.serial = next(_SERIAL)


class Symbol:
    """A tensor that has a shape and a dtype, but no values yet; `nn.Input` makes the first ones.

    Layers and models can be called on it, and so can operators and the NumPy functions that `nn.layers.Operation`
    knows; each returns a symbol.

    Args:
        shape: with None for the batch axis and for unknown lengths.
        dtype: of the values to come.
        call: the call whose result it is.
        index: its place among the results of the call.
        name: what summaries and error messages call it.

    Example:
        >>> import nn
        >>> x = nn.Input((3,))
        >>> nn.layers.Dense(2)(x)
        Symbol(shape=(None, 2), dtype=float32)
        >>> (x + 1).shape, np.tanh(x).shape
        ((None, 3), (None, 3))
    """

    __slots__ = ("call", "dtype", "index", "name", "shape")
    __hash__ = object.__hash__

    def __init__(self, shape: Shape, dtype: npt.DTypeLike, call: Call, index: int, name: str | None = None) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.call = call
        self.index = index
        self.name = name

    @property
    def ndim(self) -> int:
        """The number of axes, the batch axis included."""
        return len(self.shape)

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Symbol(shape={self.shape}, dtype={self.dtype.name}{name})"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"expected an array; received {self!r}, which has no values yet. Make a model of it, "
            "nn.Model(inputs, outputs), and call that on data. Functions of NumPy and of nn.activations take symbols; "
            "write others as a layer"
        )

    def __bool__(self) -> bool:
        raise TypeError(f"expected values to compare; received {self!r}, which has none yet")

    def __len__(self) -> int:
        raise TypeError(f"expected a known length; received {self!r}, whose batch axis is open")

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"expected a known length to iterate over; received {self!r}, whose batch axis is open")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise TypeError(f"np.{ufunc.__name__}.{method}: expected arrays; received {self!r}")
        return operate(ufunc.__name__, *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return operate(func.__name__, *args, **kwargs)

    def __getitem__(self, index: Any) -> Any:
        return operate("getitem", self, _plain_index(index))

    def reshape(self, *shape: Any) -> Any:
        """Return the symbol of the values in another shape, batch axis included; one length may be -1."""
        lengths = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return operate("reshape", self, list(lengths))

    def __add__(self, other: Any) -> Any:
        return operate("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return operate("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return operate("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return operate("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return operate("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return operate("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return operate("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return operate("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return operate("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return operate("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return operate("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return operate("matmul", other, self)

    def __neg__(self) -> Any:
        return operate("negative", self)

    def __gt__(self, other: Any) -> Any:
        return operate("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return operate("greater_equal", self, other)

    def __lt__(self, other: Any) -> Any:
        return operate("less", self, other)

    def __le__(self, other: Any) -> Any:
        return operate("less_equal", self, other)

    def __abs__(self) -> Any:
        return operate("absolute", self)


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
    if index is None or (isinstance(index, (int, np.integer)) and not isinstance(index, bool)):
        return None if index is None else int(index)
    raise TypeError(
        f"Symbol: expected an index of integers, slices, None and ...; received {type(index).__name__}. "
        "Write a layer for another kind"
    )


# ---- nested arguments -----------------------------------------------------------------------------------------------


def replaced(kind: type | tuple[type, ...], f: Callable[[Any], Any], structure: Any) -> Any:
    """Return nested lists, tuples and dicts with every instance of `kind` replaced by f of it.

    Every step of a functional model does this, so it does not go through `tree.map`, which takes twice as long.

    Example:
        >>> replaced(int, lambda n: n + 1, [1, {"a": (2, "b")}])
        [2, {'a': (3, 'b')}]
    """
    if isinstance(structure, kind):
        return f(structure)
    if isinstance(structure, list):
        return [replaced(kind, f, part) for part in structure]
    if isinstance(structure, tuple):
        parts = [replaced(kind, f, part) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    if isinstance(structure, dict):
        return {key: replaced(kind, f, part) for key, part in structure.items()}
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
    if isinstance(structure, dict):
        return any(has_symbols(part) for part in structure.values())
    return isinstance(structure, (list, tuple)) and any(has_symbols(part) for part in structure)


# ---- calls ----------------------------------------------------------------------------------------------------------


def record_call(module: Tree[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return symbols for the results of a module called on symbols, which also builds the module.

    Args:
        module: any module.
        args: its arguments, symbols and others; lists, tuples and dicts are looked into.
        kwargs: the same.

    Raises:
        TypeError: if the module does not return tensors.
        Exception: what the module itself raises for inputs of these shapes.
    """
    given: list[Symbol] = instances(Symbol, [args, kwargs])
    call = Call(module, args, kwargs)
    unknown = any(None in symbol.shape[1:] or symbol.dtype.kind == "U" for symbol in given)
    with ag.no_grad(), module.mode(training=False), np.errstate(all="ignore"), probing():
        results = [_run(call, length) for length in (_LENGTHS if unknown else _LENGTHS[:1])]
    outs = [instances(_VALUES, result) for result in results]
    if not outs[0] or any(isinstance(out, np.ndarray) and not is_text(out) for out in outs[0]):
        raise TypeError(
            f"{module.name}: expected a module that returns Tensors, to be part of a model; received "
            f"{type(results[0]).__name__}"
        )
    if reset := getattr(module, "reset_states", None):
        reset()
    symbols = [
        Symbol(_common(*(out[i].shape for out in outs)), spec_of(first).dtype, call, i)
        for i, first in enumerate(outs[0])
    ]
    call.results = [(symbol.shape, symbol.dtype.name) for symbol in symbols]
    call.nested = not isinstance(results[0], _VALUES)
    if not call.nested:
        module.output_shape = symbols[0].shape
    it = iter(symbols)
    return replaced(_VALUES, lambda _: next(it), results[0])


@contextmanager
def probing() -> Iterator[None]:
    """Let layers know that the values inside are made up, so that none of them is an error."""
    token = PROBING.set(True)
    try:
        yield
    finally:
        PROBING.reset(token)


def _run(call: Call, length: int) -> Any:
    def zeros(symbol: Symbol) -> Any:
        lengths = [length if n is None else n for n in symbol.shape[1:]]
        return made_up((1, *lengths) if symbol.shape else (), symbol.dtype, length)

    return call.module(*replaced(Symbol, zeros, call.args), **replaced(Symbol, zeros, call.kwargs))


def _common(shape: tuple[int, ...], other: tuple[int, ...] | None = None) -> Shape:
    if not shape:
        return ()
    return (None, *(n if m == n else None for n, m in zip(shape[1:], (other or shape)[1:], strict=True)))
