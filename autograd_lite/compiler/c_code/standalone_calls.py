"""The calls of a plan as statements in C."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.equivalents import Fill, Loops
from ...core.gathers import Gather, Put, Scatter
from ...core.op import OPS
from ..inner_loops import CASTS, initial, order_axes, reduced_axes
from ..numpy_calls import Call, How, Ref
from .expressions import of_numpy
from .standalone_block import Block, Statement, Whole
from .standalone_functions import PRODUCTS, ROW_FUNCTIONS, portable, typical
from .standalone_names import TYPES, atom
from .standalone_writer import Memory, View, dense

_IDEMPOTENT = frozenset((np.maximum, np.minimum, np.fmax, np.fmin))
_SIGNS = {np.add: "+", np.multiply: "*"}
_TRUTHS = (np.all, np.any, np.argmax, np.argmin, np.count_nonzero)
_METHODS = {method.__name__: method for method in (np.ndarray.astype, np.ndarray.copy, np.ndarray.reshape)}
_SUM = "pairwise"  # of the functions in native/c/standalone.h
_PAIRWISE = 8  # additions from which NumPy adds in several parts
_NUMBERS = {bool: "?", int: "l", float: "d"}


def statements_of(block: Block, call: Call) -> Iterable[Statement]:
    """Return the statements of a call, and note where its value lies.

    Raises:
        UnsupportedError: if it has no counterpart in C.
    """
    row = _ROWS.get(call.how)
    if row is None:
        raise block.refusal(call, "an effect" if call.how is How.EFFECT else "")
    return row(block, call)


# ---- elementwise ----------------------------------------------------------------------------------------------------


def _map(block: Block, call: Call, end: View, operands: Sequence[View], text: Callable[..., str]) -> Statement:
    """Return the statement of an expression for each element."""
    reads = [x.broadcast(end.shape).squeeze() for x in operands]
    return Statement(call, reads, [end.memory], end.squeeze(), lambda texts: text(*texts))


def cast(text: str, start: np.dtype[Any], end: np.dtype[Any]) -> str:
    """Return an operand in another dtype."""
    if start == end:
        return text
    return f"({text} != 0)" if end.kind == "b" else f"({TYPES[end.char]}){text}"


def _ufunc(block: Block, call: Call) -> list[Statement]:
    ufunc: Any = call.function
    if ufunc.signature is not None:
        return _core(block, call, ufunc, call.args, [block.new(call)])
    end = block.new(call)
    if 0 in end.shape:
        return []
    if ufunc in CASTS.values():
        x = block.view(call.args[0], call)
        return [_map(block, call, end, [x], lambda text: cast(text, x.dtype, end.dtype))]
    return [_map(block, call, end, *_expression(block, call, ufunc, end))]


def _expression(block: Block, call: Call, ufunc: Any, end: View) -> tuple[list[View], Callable[..., str]]:
    """Return the operands of a ufunc, and the expression of their texts."""
    specs, kinds = block.plan.specs, list[Any]()
    for x in call.args:
        a = specs[x.value] if x.__class__ is Ref else x
        weak = getattr(a, "weak", None) or (x.__class__ if x.__class__ in _NUMBERS else None)
        kinds.append(np.dtype(bool) if weak is bool else weak or a.dtype)
    try:
        dtypes = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))
    except TypeError:
        raise block.refusal(call) from None
    if ufunc.nout != 1 or call.kwargs or any(d.char not in TYPES for d in dtypes):
        raise block.refusal(call, f"with dtypes {', '.join(map(str, dtypes))}")
    operands = [block.view(x, call, d) for x, d in zip(call.args, dtypes, strict=False)]
    last = call.args[-1]
    exponent = None if last.__class__ is Ref or np.size(last) != 1 else np.asarray(last).item()
    expression = portable(ufunc, dtypes, exponent)
    if expression is None:
        raise block.refusal(call)
    template, of = expression.text, typical(dtypes)
    block.writer.is_exact &= expression.is_exact

    def text(*texts: str) -> str:
        words = [cast(t, x.dtype, d) for t, x, d in zip(texts, operands, dtypes, strict=False)]
        return block.writer.expand(template.format(*words), of)

    return operands, text


# ---- reductions -----------------------------------------------------------------------------------------------------


def _reduce(block: Block, call: Call) -> list[Statement]:
    ufunc: Any = call.function
    x, end, kwargs = block.view(call.args[0], call), block.new(call), call.kwargs
    dtype, own = end.dtype, of_numpy(ufunc)
    plain = kwargs.keys() <= {"axis", "keepdims", "dtype"} and (ufunc.nin, ufunc.nout) == (2, 1)
    begin = None if own in _IDEMPOTENT else initial(ufunc, dtype)
    expression = portable(ufunc, [dtype] * 3) if plain else None
    if expression is None or (begin is None and (own not in _IDEMPOTENT or 0 in x.shape)):
        raise block.refusal(call)
    if 0 in end.shape:
        return []
    axes, steps = reduced_axes(call, len(x.shape)), iter(end.strides)
    all_steps = [next(steps) if k not in axes or kwargs.get("keepdims") else 0 for k in range(len(x.shape))]
    all_steps = [0 if k in axes or n == 1 else s for k, (n, s) in enumerate(zip(x.shape, all_steps, strict=True))]
    block.writer.is_exact &= expression.is_exact

    def lines() -> None:
        writer = block.writer
        if begin is None:
            first = x._replace(shape=tuple([1 if k in axes else n for k, n in enumerate(x.shape)]))
            _fill(block, end, first, dtype)
        else:
            _fill(block, end, begin, dtype)
        if 0 in x.shape:
            return
        dimensions, strides = order_axes(x.shape, [all_steps, [0 if n == 1 else s for n, s in _pairs(x)]])
        source = View(x.memory, x.offset, tuple(dimensions), tuple([s for _, s in strides]))
        target = View(end.memory, end.offset, tuple(dimensions), tuple([s for s, _ in strides]))
        inner = dimensions[-1] if dimensions and strides[-1][0] == 0 else 1
        in_parts = inner >= _PAIRWISE or (inner > 1 and any(step == 0 for step, _ in strides[:-1]))
        if own is np.add and dtype.kind == "f" and in_parts and x.dtype == dtype and not x.memory.is_variable:
            with writer.loops(dimensions[:-1]) as indices:
                pairwise = writer.function(_SUM, dtype)
                start = f"{source.pointer([*indices, '0'])}, {inner}, {source.strides[-1]}"
                writer.line(f"{target.element(indices)} += {pairwise}({start});")
            return
        with writer.loops(dimensions) as indices:
            term, to = cast(source.element(indices), x.dtype, dtype), target.element(indices)
            if own in _SIGNS and dtype.kind != "b":
                writer.line(f"{to} {_SIGNS[own]}= {term};")
            else:
                writer.line(f"{to} = {writer.expand(expression.text.format(to, term), dtype)};")

    return [Statement(call, [x], [end.memory], lines=lines)]


def _pairs(x: View) -> Iterator[tuple[int, int]]:
    return zip(x.shape, x.strides, strict=True)


def _fill(block: Block, end: View, start: Any, dtype: np.dtype[Any]) -> None:
    """Write what fills elements with a number, or with others."""
    if not isinstance(start, View):
        start = dense(Memory(dtype, 1, atom(start, dtype), True), ())
    elif len(start.shape) != len(end.shape):
        start = start.squeeze()
        end = end.squeeze()
    block.copy(start, end)


def _truth_of(block: Block, call: Call) -> Any:
    """Return which of NumPy's functions an op is, of those that reduce to truth values and positions; or None."""
    op = OPS.defined.get(block.program.graph[call.node].op) if call.node in block.program.graph else None
    return None if op is None else next((f for f in op.numpy_functions if f in _TRUTHS), None)


def _truth(block: Block, call: Call, function: Any) -> list[Statement]:
    """Return the statement of a reduction that is a method of arrays."""
    x, end = block.view(call.args[0], call), block.new(call)
    axis, n = call.kwargs["axis"], len(x.shape)
    axes = range(n) if axis is None else [k % n for k in (axis if axis.__class__ is tuple else (axis,))]
    rest = [k for k in range(n) if k not in axes]
    part = View(x.memory, x.offset, tuple([x.shape[k] for k in axes]), tuple([x.strides[k] for k in axes]))
    outer = tuple([x.shape[k] for k in rest])
    to = View(end.memory, end.offset, outer, dense(end.memory, outer).strides)
    if x.size == 0:
        raise block.refusal(call, "of an empty array")

    def lines() -> None:
        writer = block.writer
        with writer.loops(outer) as indices:
            inner = writer.indices(len(part.shape), len(outer))
            strides = tuple([x.strides[k] for k in (*rest, *axes)])
            whole = View(x.memory, x.offset, x.shape, strides)
            element, out = whole.element([*indices, *inner]), to.element(indices)
            number = View(Memory(x.dtype, 0), 0, part.shape, dense(x.memory, part.shape).strides)
            position = number.element(inner)[1:-1]
            writer.line(f"{out} = {int(function is np.all)};")
            best = writer.names.new("best") if function in (np.argmax, np.argmin) else ""
            if best:
                first = whole.element([*indices, *["0"] * len(inner)])
                writer.line(f"{x.memory.type} {best} = {first};")
            _nest(block, part.shape, inner, _truth_lines(function, x.dtype, element, out, position, best))

    return [Statement(call, [x], [end.memory], lines=lines)]


def _truth_lines(function: Any, dtype: np.dtype[Any], element: str, out: str, position: str, best: str) -> list[str]:
    if best:
        is_nan = f" || ({element} != {element} && {best} == {best})" if dtype.kind == "f" else ""
        return [
            f"if ({element} {'>' if function is np.argmax else '<'} {best}{is_nan}) {{",
            f"    {best} = {element};",
            f"    {out} = {position};",
            "}",
        ]
    if function is np.count_nonzero:
        return [f"{out} += {element} != 0;"]
    return [f"{out} = {out} {'&&' if function is np.all else '||'} {element};"]


def _nest(block: Block, shape: Sequence[int], indices: Sequence[str], lines: Sequence[str]) -> None:
    """Write lines in loops with these indices."""
    if not shape:
        for line in lines:
            block.writer.line(line)
        return
    with block.writer.loop(indices[0], shape[0]):
        _nest(block, shape[1:], indices[1:], lines)


# ---- copies, gathers and scatters -----------------------------------------------------------------------------------


def part_of(view: View, index: Any) -> View:
    """Return the elements that an index of slices and integers selects."""
    size = view.dtype.itemsize
    whole = np.lib.stride_tricks.as_strided(np.empty(1, view.dtype), view.shape, [s * size for s in view.strides])
    index = index if index.__class__ is tuple else (index,)
    part = whole[index if Ellipsis in index else (*index, ...)]
    start = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return View(view.memory, view.offset + start // size, part.shape, tuple([s // size for s in part.strides]))


def _fills(block: Block, call: Call) -> list[Statement]:
    fill: Any = call.function
    end = block.new(call)
    if isinstance(fill, Gather | Scatter | Put):
        return _move(block, call, fill, end)
    if not isinstance(fill, Fill):
        raise block.refusal(call)
    whole = end if fill.seen == end.shape else dense(end.memory, fill.seen)
    statements = []
    for index, source in fill.parts:
        to = part_of(whole, index)
        zero = dense(Memory(end.dtype, 1, atom(0, end.dtype), True), ())
        x = zero if source is None else block.view(call.args[source], call, end.dtype)
        if 0 not in to.shape:
            statements.append(_map(block, call, to, [x], lambda text, x=x: cast(text, x.dtype, end.dtype)))
    return statements


def _move(block: Block, call: Call, move: Any, end: View) -> list[Statement]:
    """Return the statements of a call that takes, adds or puts elements at arrays of indices."""
    places, first = move.places, len(call.args) - move.places.arrays
    arrays = [block.view(x, call) for x in call.args[:first]]
    indices = [block.view(i, call) for i in call.args[first:]]
    if 0 in end.shape:
        return []
    whole = arrays[0] if isinstance(move, Gather) else end
    part = whole if places.along else part_of(whole, places.basic)
    at = places.first
    count, behind = len(indices[0].shape), at + places.arrays
    if places.along:
        shape = (end if isinstance(move, Gather) else arrays[-1]).shape
        strides = [0 if n == 1 or k == at else s for k, (n, s) in enumerate(_pairs(part))]
        tables = [i.broadcast(shape) for i in indices]
    else:
        shape = (*part.shape[:at], *indices[0].shape, *part.shape[behind:])
        strides = [*part.strides[:at], *[0] * count, *part.strides[behind:]]
        tables = [_spread(i, len(shape) - at).broadcast(shape) for i in indices]
    rows = (end if isinstance(move, Gather) else arrays[-1]).broadcast(shape)

    def lines() -> None:
        writer = block.writer
        if not isinstance(move, Gather):
            _fill(block, end, arrays[0] if isinstance(move, Put) else 0, end.dtype)
        if 0 in shape:
            return
        with writer.loops(shape) as loop:
            there, here = View(part.memory, part.offset, shape, tuple(strides)).element(loop), rows.element(loop)
            for k, table in enumerate(tables, at):
                number = _index(block, table, call.args[first + k - at], part.shape[k], loop)
                if part.memory.is_variable and number.isidentifier():
                    writer.line(f"(void){number};")
                step = part.strides[k]
                there = there.removesuffix("]") + f" + {number if step == 1 else f'{step} * {number}'}]"
            there = part.memory.name if part.memory.is_variable else there.replace("[0 + ", "[")
            if isinstance(move, Gather):
                writer.line(f"{here} = {there};")
            else:
                writer.line(f"{there} {'+=' if isinstance(move, Scatter) else '='} {here};")

    return [Statement(call, [*arrays, *tables], [end.memory], lines=lines)]


def _spread(view: View, ndim: int) -> View:
    """Return a view with more dimensions of one element after its own."""
    new = ndim - len(view.shape)
    return view._replace(shape=(*view.shape, *[1] * new), strides=(*view.strides, *[0] * new))


def _index(block: Block, table: View, content: Any, n: int, loop: Sequence[str]) -> str:
    """Return an element of an array of indices as a number that is not negative, and return 1 where there is none."""
    writer = block.writer
    text = table.element(loop)
    if content.__class__ is not Ref and content.min() >= 0:
        return text
    name = writer.names.new("at")
    writer.line(f"const int {name} = (int)({text} < 0 ? {text} + {n} : {text});")
    if content.__class__ is Ref:
        writer.can_fail = True
        writer.line(f"if ({name} < 0 || {name} >= {n}) return 1;")
    return name


# ---- functions along axes -------------------------------------------------------------------------------------------


def _core(block: Block, call: Call, ufunc: Any, args: Sequence[Any], ends: Sequence[View]) -> list[Statement]:
    """Return the statements of a generalized ufunc."""
    end = ends[0]
    if 0 in end.shape:
        return []
    block.writer.is_exact = False
    operands = [block.view(x, call, end.dtype) for x in args]
    kinds = "fiu" if ufunc.__name__ in PRODUCTS else "f"
    if any(x.dtype != end.dtype for x in operands) or end.dtype.kind not in kinds:
        raise block.refusal(call, f"with dtypes {', '.join(str(x.dtype) for x in operands)}")
    if ufunc.__name__ in PRODUCTS:
        return [_product(block, call, operands[0], operands[1], end)]
    function = ROW_FUNCTIONS.get(ufunc.__name__)
    if function is None:
        raise block.refusal(call)
    cores = [part.strip("() ").split(",") if part.strip("() ") else [] for part in _parts(ufunc.signature)]
    statements, dense_operands = [], []
    for x, core in zip(operands, cores, strict=False):
        if core and (0 in x.shape):
            raise block.refusal(call, "of an empty array")
        is_literal = x.memory.is_variable and bool(x.memory.name)
        if core and (is_literal or not View(x.memory, 0, x.shape[-len(core) :], x.strides[-len(core) :]).is_dense):
            whole = dense(Memory(x.dtype, x.size), x.shape)
            statements.append(_map(block, call, whole, [x], str))
            x = whole
        dense_operands.append(x)
    sizes = {
        name: x.shape[k - len(core)] for x, core in zip(operands, cores, strict=False) for k, name in enumerate(core)
    }
    work = [Memory(end.dtype, function.work * next(iter(sizes.values())) ** 2)] if function.work else []

    def lines() -> None:
        writer = block.writer
        outer = end.shape[: len(end.shape) - len(cores[-1])]
        with writer.loops(outer) as indices:
            texts = []
            for x, core in zip((*dense_operands, end), cores, strict=True):
                batch = View(
                    x.memory, x.offset, x.shape[: len(x.shape) - len(core)], x.strides[: len(x.shape) - len(core)]
                )
                batch = batch.broadcast(outer)
                by_value = not core and x is not end
                texts.append(batch.element(indices) if by_value else batch.pointer(indices))
            texts += [*map(str, sizes.values()), *[View(m, 0, (), ()).pointer() for m in work]]
            text = f"{writer.function(function.name, end.dtype)}({', '.join(texts)})"
            if function.fails:
                writer.can_fail = True
                writer.line(f"if ({text}) return 1;")
            else:
                writer.line(f"{text};")

    return [*statements, Statement(call, dense_operands, [end.memory], lines=lines, work=work)]


def _parts(signature: str) -> list[str]:
    return [part for side in signature.replace(" ", "").split("->") for part in side.replace("),(", ")|(").split("|")]


def _product(block: Block, call: Call, x: View, y: View, end: View) -> Statement:
    """Return the statement of a product of matrices or vectors."""
    shape, strides = list(end.shape), list(end.strides)
    if len(x.shape) == 1:
        x = x._replace(shape=(1, *x.shape), strides=(0, *x.strides))
        for part, value in ((shape, 1), (strides, 0)):
            part.insert(len(part) - (len(y.shape) > 1), value)
    if len(y.shape) == 1:
        y = y._replace(shape=(*y.shape, 1), strides=(*y.strides, 0))
        shape.append(1)
        strides.append(0)
    end = end._replace(shape=tuple(shape), strides=tuple(strides))
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    outer = end.shape[:-2]
    a, b = x.broadcast((*outer, m, k)), y.broadcast((*outer, k, n))
    by_rows = n > 1 and b.strides[-1] == 1

    def lines() -> None:
        writer = block.writer
        with writer.loops((*outer, m)) as indices:
            *batch, row = indices
            j, inner = writer.indices(2, len(indices))
            if by_rows:
                to = end.element([*batch, row, j])
                _nest(block, [n], [j], [f"{to} = 0;"])
                term = f"{to} += {a.element([*batch, row, inner])} * {b.element([*batch, inner, j])};"
                _nest(block, [k, n], [inner, j], [term])
                return
            to, column = writer.names.new("total"), j if n > 1 else "0"
            term = f"{to} += {a.element([*batch, row, inner])} * {b.element([*batch, inner, column])};"
            with writer.loop(j, n):
                writer.line(f"{end.memory.type} {to} = 0;")
                _nest(block, [k], [inner], [term])
                writer.line(f"{end.element([*batch, row, column])} = {to};")

    return Statement(call, [x, y], [end.memory], lines=lines)


def _loops(block: Block, call: Call) -> list[Statement]:
    loops: Any = call.function
    assert isinstance(loops, Loops)
    if len(loops.parts) > 1 or loops.axis != -1 or loops.ufunc.nout != 1:
        raise block.refusal(call)
    return _core(block, call, loops.ufunc, (*call.args, *loops.rest), [block.new(call)])


# ---- other functions ------------------------------------------------------------------------------------------------


def _cumulate(block: Block, call: Call) -> list[Statement]:
    x, end = block.view(call.args[0], call), block.new(call)
    axis = call.kwargs.get("axis", call.args[1] if len(call.args) > 1 else None)
    if 0 in end.shape:
        return []
    if axis is None or x.dtype != end.dtype or not x.shape:
        raise block.refusal(call)
    sign = "+" if call.function is np.cumsum else "*"
    axis %= len(x.shape)

    def lines() -> None:
        writer = block.writer
        order = [k for k in range(len(x.shape)) if k != axis] + [axis]
        a, b = (
            v._replace(shape=tuple([v.shape[k] for k in order]), strides=tuple([v.strides[k] for k in order]))
            for v in (x, end)
        )
        with writer.loops(a.shape[:-1]) as indices:
            (i,) = writer.indices(1, len(indices))
            writer.line(f"{b.element([*indices, '0'])} = {a.element([*indices, '0'])};")
            with writer.braces(f"for (int {i} = 1; {i} < {a.shape[-1]}; {i}++)"):
                before = f"({i} - 1)"
                writer.line(
                    f"{b.element([*indices, i])} = {b.element([*indices, before])} {sign} {a.element([*indices, i])};"
                )

    return [Statement(call, [x], [end.memory], lines=lines)]


def _triangle(block: Block, call: Call) -> list[Statement]:
    x, end = block.view(call.args[0], call), block.new(call)
    diagonal = call.kwargs.get("k", call.args[1] if len(call.args) > 1 else 0)
    sign = "<=" if call.function is np.tril else ">="
    if 0 in end.shape:
        return []

    def lines() -> None:
        x_of_all = x.broadcast(end.shape)
        with block.writer.loops(end.shape) as indices:
            *_, i, j = indices
            condition = f"{j} {sign} {i} + {diagonal}" if diagonal else f"{j} {sign} {i}"
            block.writer.line(f"{end.element(indices)} = {condition} ? {x_of_all.element(indices)} : 0;")

    return [Statement(call, [x], [end.memory], lines=lines)]


def _einsum(block: Block, call: Call) -> list[Statement]:
    subscripts, *args = call.args
    operands, end = [block.view(x, call) for x in args], block.new(call)
    sides = str(subscripts).replace(" ", "").split("->")
    if len(sides) != 2 or "." in subscripts or call.kwargs or any(x.dtype != end.dtype for x in operands):
        raise block.refusal(call)
    if 0 in end.shape:
        return []
    labels, out = sides[0].split(","), sides[1]
    order = [*out, *sorted(set("".join(labels)) - set(out))]
    block.writer.is_exact = False
    sizes = {c: n for x, part in zip(operands, labels, strict=True) for c, n in zip(part, x.shape, strict=True)}

    def lines() -> None:
        writer = block.writer
        _fill(block, end, 0, end.dtype)
        with writer.loops([sizes[c] for c in order]) as indices:
            names = dict(zip(order, indices, strict=True))
            factors = [x.element([names[c] for c in part]) for x, part in zip(operands, labels, strict=True)]
            writer.line(f"{end.element([names[c] for c in out])} += {' * '.join(factors)};")

    return [Statement(call, operands, [end.memory], lines=lines)]


def _pow(block: Block, call: Call) -> list[Statement]:
    power = call._replace(function=np.power)
    if block.plan.specs[call.value].dtype.kind != "f":
        raise block.refusal(call)
    return _ufunc(block, power)


def _method(block: Block, call: Call) -> list[Statement] | None:
    """Return the statements of methods that cast or copy."""
    function: Any = call.function
    if function.__class__ is not operator.methodcaller:
        return None
    method = _METHODS.get(str(function).split("'")[1])
    x = block.view(call.args[0], call)
    if method is None or (method is np.ndarray.reshape and not x.is_dense):
        return None
    end = block.new(call)
    if method is np.ndarray.reshape:
        x = x._replace(shape=end.shape, strides=dense(x.memory, end.shape).strides)
    return [_map(block, call, end, [x], lambda text: cast(text, x.dtype, end.dtype))] if x.size else []


_FUNCTIONS: Mapping[Any, Callable[[Block, Call], list[Statement]]] = {
    np.cumsum: _cumulate,
    np.cumprod: _cumulate,
    np.tril: _triangle,
    np.triu: _triangle,
    np.einsum: _einsum,
    operator.pow: _pow,
}


def _call(block: Block, call: Call) -> list[Statement]:
    function = _FUNCTIONS.get(call.function)
    statements = _method(block, call) if function is None else function(block, call)
    if statements is None:
        raise block.refusal(call)
    return statements


def _is_identity(block: Block, call: Call) -> bool:
    """Return whether the result of an op is its input."""
    spec = block.plan.specs[call.value]
    if len(call.args) != 1 or call.args[0].__class__ is not Ref or spec.dtype.hasobject:
        return False
    x = np.zeros(block.plan.specs[call.args[0].value].shape, spec.dtype)
    result = call.function(x, **call.kwargs)
    return isinstance(result, np.ndarray) and result.__array_interface__ == x.__array_interface__


def _opaque(block: Block, call: Call) -> list[Statement]:
    if call.function is operator.getitem and (parts := block.parts.get(call.args[0].value)) is not None:
        block.place(call.value, parts[call.args[1]])
        return []
    if isinstance(call.function, Whole):
        owner = call.function.owner
        inputs = [block.view(x, call) for x in call.args]
        results = [dense(Memory(s.dtype, int(np.prod(s.shape))), s.shape) for s in owner.specs]
        if any(0 in x.shape for x in (*inputs, *results)):
            raise block.refusal(call, "of an empty array")
        block.parts[call.value] = results

        def lines() -> None:
            owner.write_c(block, call, inputs, results)
            for x in results:
                if not block.is_read(x.memory):
                    block.writer.line(f"(void){x.memory.name};")

        return [Statement(call, inputs, [x.memory for x in results], lines=lines)]
    if (function := _truth_of(block, call)) is not None:
        return _truth(block, call, function)
    if _is_identity(block, call):
        block.place(call.value, block.view(call.args[0], call))
        return []
    raise block.refusal(call)


_ROWS: Mapping[How, Callable[[Block, Call], list[Statement]]] = {
    How.UFUNC: _ufunc,
    How.REDUCE: _reduce,
    How.FILL: _fills,
    How.LOOPS: _loops,
    How.CALL: _call,
    How.OPAQUE: _opaque,
}
