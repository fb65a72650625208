"""Calls of modules on symbols: the call is recorded, and the module is built and run to find its results' shapes.

It is run on shapes alone, which costs nothing, or, where it reads values, on zeros. Every module can be called this
way, without a shape function. Unknown axes get lengths that the module takes; which axes of the results follow them,
the module says itself if it has a shape function, or a run at other lengths shows. Weights are made for the shapes of
the symbols, in which unknown lengths are None.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import ShapeError, Tensor

from ..config.ambient import during
from ..config.arguments import is_text
from ..config.limits import room
from .abstract import blank, on_shapes
from .building import RestoreOnError
from .masks import mask_of, set_mask
from .state import preserve_state
from .symbols import Call, Shape, Symbol, instances, replace_leaves

# The lengths that unknown axes get, in the order in which they are tried: first two far apart, so that no stride or
# pool makes them equal, then some with other divisors, and at last all small ones and a few large ones.
_FIRST = (32, 64, 24, 48, 16, 60, 8, 4, 128)
_LENGTHS = (*_FIRST, *(n for n in range(1, 51) if n not in _FIRST), 70, 80, 84, 90, 96, 100, 120, 256, 512)
# Tried before them where three axes or more are open: volumes at which no network is slow.
_SHORT = (8, 16)
# The sizes of a batch that go with them, for functions that may join the batch with other axes, or drop axes of one.
_BATCHES = (2, 4, 12, 3, 6, 8, 16, 5, 10, 7, 14, 9, 18, 24, 11, 22, 13, 26, 15, 30, 20, 32, 64, 1)
# Batch and length of the run whose error is shown, so unusual that they can be told from other numbers.
_ODD_LENGTHS = (31, 89)
_SHAPE = re.compile(r"\(\d+(?:,|(?:, \d+)+)\)")

# The results of a module for symbols; arrays are of strings.
_VALUES = (Tensor, np.ndarray)

ShapeOf = Callable[[Any], Any]
Lengths = tuple[int, int]
Fill = Callable[[tuple[int, ...], np.dtype[Any]], Any]


@ag.no_grad()  # as a decorator, which restores the mode wherever an interrupt comes
def record_call(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], shape_of: ShapeOf | None = None) -> Any:
    """Return symbols for the results of a module called on symbols, which also builds the module.

    Args:
        module: any module.
        args: its arguments, symbols and others; lists, tuples and dicts are looked into.
        kwargs: the same.
        shape_of: returns the shape of the result for the shape of the first argument; None if a run must show it.

    Raises:
        TypeError: if the module does not return tensors.
        ShapeError: if the weights or the number of results follow an unknown length.
        Exception: of the module itself for inputs of these shapes.
    """
    call = Call(module, args, kwargs)
    open_axes = _open_axes(call)
    is_open = any(open_axes)
    before = RestoreOnError(module) if is_open and not module.built else None
    with module.mode(training=False), preserve_state(module), np.errstate(all="ignore"):
        runs = _runs(call, open_axes)
        lengths, result = next(runs)
        outs = instances(_VALUES, result)
        if not outs or any(isinstance(out, np.ndarray) and not is_text(out) for out in outs):
            raise TypeError(
                f"{module.name}: expected a module that returns Tensors, to be part of a model; received "
                f"{type(result).__name__}"
            )
        shapes: list[Shape] = [out.shape for out in outs]
        if is_open:
            asked = None if shape_of is None else _stated_shapes(call, shape_of, shapes)
            shapes = asked or _shapes_that_vary(call, shapes, lengths, runs, before)
    if module._keeps_batch and any(None in symbol.shape[:1] for symbol in call.symbols):
        shapes = [(None, *shape[1:]) if shape else () for shape in shapes]
    if reset := getattr(module, "reset_states", None):
        reset()
    symbols = [
        Symbol(shape, out.dtype if isinstance(out, Tensor) else "str", call, i)
        for i, (shape, out) in enumerate(zip(shapes, outs, strict=True))
    ]
    for symbol, out in zip(symbols, outs, strict=True):
        if (mask := mask_of(out)) is not None:
            symbol.mask_ndim = mask.ndim
    call.results = [(symbol.shape, symbol.dtype.name) for symbol in symbols]
    call.nested = not isinstance(result, _VALUES)
    if not call.nested:
        module.output_shape = symbols[0].shape
    it = iter(symbols)
    return replace_leaves(_VALUES, lambda _: next(it), result)


def _open_axes(call: Call) -> tuple[bool, bool]:
    """Return whether the batch, and whether other axes, have lengths that are unknown and may change the results."""
    shapes = [symbol.shape for symbol in call.symbols]
    batch = not call.module._keeps_batch and any(None in shape[:1] for shape in shapes)
    texts = any(symbol.dtype.kind == "U" for symbol in call.symbols)  # of how many words?
    return batch, texts or any(None in shape[1:] for shape in shapes)


def _runs(call: Call, open_axes: tuple[bool, bool]) -> Iterator[tuple[Lengths, Any]]:
    """Yield lengths that the module takes, and its results for them; at least one pair, or raise its error."""
    batch, others = open_axes
    tried: tuple[int, ...] = (1,)
    if others:
        most = max(symbol.shape[1:].count(None) for symbol in call.symbols)
        tried = _LENGTHS if most < 3 else (*_SHORT, *_LENGTHS)
    count = len(tried) if others else len(_BATCHES) if batch else 1
    error, fits = None, False
    for i in range(count):
        lengths = (_BATCHES[i % len(_BATCHES)] if batch else 1, tried[i] if others else 1)
        try:
            result = _run_on_some(call, lengths, (np.zeros, _identities)[:: -1 if i % 2 else 1])
        except Exception as problem:  # whatever a length that does not suit may lead to
            error = error or problem
            continue
        fits = True
        yield lengths, result
    if not fits and error is not None:
        raise _error_with_open_lengths(call, error)


def _run_on_some(call: Call, lengths: Lengths, fills: tuple[Fill, ...]) -> Any:
    """Run a call on the first values, or, where they lead to a matrix that does not suit, on the others."""
    try:
        return _run(call, lengths, fills[0])
    except np.linalg.LinAlgError:
        return _run(call, lengths, fills[1])


def _identities(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return identity matrices along the last two axes: they can be inverted, and have elements other than 0."""
    last = (1, *shape)[-2:]
    return np.broadcast_to(np.eye(last[0], last[-1], dtype=dtype)[0 if len(shape) < 2 else ...], shape)


def _run(call: Call, lengths: Lengths, fill: Fill = np.zeros) -> Any:
    """Return the result of a call on Tensors of these shapes without values, or, if it reads values, with some."""
    if fill is np.zeros and not call.reads:
        out, fits = on_shapes(call.module, lambda tensors: _call_on(call, tensors), _arrays(call, lengths, blank))
        if fits:
            return out
    out = _call_on(call, [a if a.dtype == object else ag.tensor(a) for a in _arrays(call, lengths, fill)])
    call.reads = True
    return out


def _arrays(call: Call, lengths: Lengths, fill: Fill) -> list[Any]:
    """Return an array for each symbol that a call was given."""
    arrays = []
    for symbol in call.symbols:
        shape = tuple([lengths[axis > 0] if n is None else n for axis, n in enumerate(symbol.shape)])
        room(shape)
        is_words = symbol.dtype.kind == "U"
        arrays.append(np.full(shape, " ".join("a" * lengths[1]), object) if is_words else fill(shape, symbol.dtype))
    return arrays


def _call_on(call: Call, values: list[Any]) -> Any:
    """Return the result of a call on values in the places of its symbols."""
    by_symbol = dict(zip(map(id, call.symbols), values, strict=True))

    def value_of(symbol: Symbol) -> Any:
        value = by_symbol[id(symbol)]
        if symbol.mask_ndim:
            set_mask(value, np.ones(value.shape[: symbol.mask_ndim], bool))
        return value

    with during(probed=(call.module, call.args)):
        args, kwargs = replace_leaves(Symbol, value_of, call.args), replace_leaves(Symbol, value_of, call.kwargs)
        if not any(symbol.mask_ndim for symbol in call.symbols):
            return call.module(*args, **kwargs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a mask that is lost, a run on data warns
            return call.module(*args, **kwargs)


def _stated_shapes(call: Call, shape_of: ShapeOf, shapes: list[Shape]) -> list[Shape] | None:
    """Return the shapes that a module states; None if it does not, or they are not those of a run."""
    argument = call.args[0] if len(call.args) == 1 else None
    if isinstance(argument, (list, tuple)) and all(isinstance(part, Symbol) for part in argument):
        shape: Any = [part.shape for part in argument]
    elif isinstance(argument, Symbol):
        shape = argument.shape
    else:
        return None
    try:
        stated = shape_of(shape)
        stated_shapes = [tuple(stated)] if len(shapes) == 1 and None in stated[:1] else [tuple(part) for part in stated]
        fits = [
            len(a) == len(b) and all(m is None or m == n for m, n in zip(a[1:], b[1:], strict=True))
            for a, b in zip(stated_shapes, shapes, strict=True)
        ]
    except Exception:  # a shape function of the user's that does not take None
        return None
    return stated_shapes if all(fits) else None


def _shapes_that_vary(
    call: Call,
    shapes: list[Shape],
    lengths: Lengths,
    runs: Iterator[tuple[Lengths, Any]],
    before: RestoreOnError | None,
) -> list[Shape]:
    """Return the shapes with None where those of a run at other lengths differ."""
    _, again = next(runs, (None, None))
    if again is None:
        if before is not None:
            _refuse_own_length(call, lengths, before)
        return [(None if shape[:1] == lengths[:1] else shape[0], *shape[1:]) if shape else () for shape in shapes]
    others = [out.shape for out in instances(_VALUES, again)]
    if list(map(len, others)) != list(map(len, shapes)):
        raise ShapeError(
            f"{call.module._call_name}: expected results of one number and rank whatever the unknown lengths are; "
            f"received results of {len(shapes)} and {len(others)} tensors, of the ranks {list(map(len, shapes))} and "
            f"{list(map(len, others))}. Give Input all lengths"
        )
    return [
        tuple(m if m == n else None for m, n in zip(a, b, strict=True)) for a, b in zip(shapes, others, strict=True)
    ]


def _refuse_own_length(call: Call, lengths: Lengths, before: RestoreOnError) -> None:
    """Raise if the module takes one length alone because its weights have been made for it."""
    before.restore()
    for pair, _ in _runs(call, _open_axes(call)):
        before.restore()
        if pair != lengths:
            raise ShapeError(
                f"{call.module._call_name}: expected weights that do not follow an unknown length; received "
                f"{', '.join(str(symbol.shape) for symbol in call.symbols)}. Give Input the length, or pool before"
            )
    _run(call, lengths)


def _error_with_open_lengths(call: Call, error: Exception) -> Exception:
    """Return the error of a call with None in the shapes, where it has the made-up lengths of a run."""
    try:
        _run(call, _ODD_LENGTHS)
    except Exception as again:
        if again.args and isinstance(again.args[0], str):
            message = _SHAPE.sub(_open_lengths, again.args[0]).replace("Tensor of shape", "Symbol of shape")
            again.args = (message, *again.args[1:])
        return again
    return error


def _open_lengths(match: re.Match[str]) -> str:
    batch, length = map(str, _ODD_LENGTHS)
    numbers = match[0][1:-1].rstrip(",").split(", ")
    opened = ["None" if n == (length if axis else batch) or n == length else n for axis, n in enumerate(numbers)]
    return f"({', '.join(opened)}{',' if len(opened) == 1 else ''})"
