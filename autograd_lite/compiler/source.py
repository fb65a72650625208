"""From a plan to Python: straight-line code, one call a line, with the user's lines behind it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .lowering import Call, How, Ref, refs_in
from .plan import Place, Plan
from .updates import Block

# NumPy may give these more than two operands one day, so their result must be named, which costs 20 ns.
_NAMED_OUT = (np.maximum, np.minimum)
_NUMBERS = (int, float, complex)
_ALIGNMENT = 64


class _Buffer(NamedTuple):
    """An array in the arena."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]


class _Named(str):
    """The name of an argument."""

    __slots__ = ()


class Source:
    """The code of a plan.

    Args:
        plan: what it does.
        gradients: the leaves that captured Tensors are gradients of, by the ids of these.

    Attributes:
        text: a function `replay` of the arguments that returns the results, the calls that end the plan, as tuples of a
            function and its arguments, and the values that these find. In it `b0`, `b1`, … are arrays in the
            arena, each of which holds one value after the other; `v1` is the value of that number, elsewhere.
    """

    def __init__(self, plan: Plan, gradients: Mapping[int, Any]) -> None:
        self._plan, self._gradients = plan, gradients
        self._names: dict[str, Any] = {}  # what names stand for, as far as it is the same in all instances
        self._known: dict[int, str] = {}
        self._opaque = {call.value: call for call in plan.calls if call.how is How.OPAQUE}
        self._buffers: dict[_Buffer, str] = {}
        self._cells: dict[tuple[int, Any], str] = {}  # arrays of one element for numbers, which NumPy takes faster
        self._values = self._named()
        self.text = self._written()
        self._code = compile(self.text, "<replay>", "exec")

    def instance(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function, with an arena of its own: one that runs must not be called again meanwhile."""
        memory = np.empty(self._plan.nbytes + _ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % _ALIGNMENT
        names = dict(self._names)
        for (offset, shape, dtype, strides), name in self._buffers.items():
            names[name] = np.ndarray(shape, dtype, memory.data, start + offset, strides)
        for (_, dtype), name in self._cells.items():
            names[name] = np.empty((), dtype)
        exec(self._code, names)
        replay: Callable[..., tuple[Any, ...]] = names["replay"]
        return replay

    def _named(self) -> list[str]:
        """Return the name of every value. What lies in the same way in the same memory is the same array."""
        plan = self._plan
        names = [f"v{number}" for number in range(len(plan.specs))]
        rows = {n: block.rows for block in plan.end.blocks for n in block.scratch}
        for number, (place, thing, _) in enumerate(plan.where):
            spec = plan.specs[number]
            span = plan.where[spec.owner].span
            if place is Place.OVER:
                names[number] = names[thing]
            elif span is not None and place in (Place.ARENA, Place.VIEW):
                buffer = _Buffer(span.start + spec.offset, spec.shape, spec.dtype, spec.strides)
                if number in rows:
                    shape = (rows[number], *spec.shape[1:])
                    buffer = _Buffer(span.start, shape, spec.dtype, np.empty(shape, spec.dtype).strides)
                names[number] = self._buffers.setdefault(buffer, f"b{len(self._buffers)}")
            elif place in (Place.KNOWN, Place.ARRAY):
                self._names[names[number]] = thing
        for call in plan.calls:
            if plan.where[call.value].place is Place.VIEW and plan.where[plan.specs[call.value].owner].span is None:
                args, kwargs = (_filled(x, names, self._names) for x in (call.args, call.kwargs))
                self._names[names[call.value]] = call.function(*args, **kwargs)
        return names

    def _written(self) -> str:
        plan = self._plan
        taken = {thing: n for n, (place, thing, _) in enumerate(plan.where) if place is Place.ARGUMENT}
        parameters = ", ".join(f"v{taken[k]}" if k in taken else f"unused{k}" for k in range(plan.arguments))
        rows: list[str] = []
        line = ""
        let_go = self._let_go()
        for position, call in enumerate(plan.calls[: plan.end.start]):
            if plan.where[call.value].place is not Place.VIEW:
                here = plan.lines.get(call.node, "")
                rows.append(self._call(call) + (f"  # {here}" if here not in ("", line) else ""))
                line = here or line
            if gone := let_go.get(position):
                rows.append(f"del {', '.join(gone)}")
        seen: set[int] = set()
        results = "".join(f"{self._result(number, seen)}, " for number in plan.outputs)
        found = "".join(f"{self._values[n]}, " for n in plan.end.entering)
        rows += [*self._end(), f"return ({results.rstrip()}), end, ({found.rstrip()})"]
        fills = [f"{name}[()] = v{number}" for (number, _), name in self._cells.items()]
        return "\n    ".join([f"def replay({parameters}):", *self._reads(), *fills, *rows]) + "\n"

    def _end(self) -> list[str]:
        """Return the lines that make the list of the calls that end the plan."""
        plan = self._plan
        rows = [f"{self._values[n]} = {self._result(n, set())}" for n in plan.end.entering if n in self._opaque]
        rows.append("end = []")
        position, blocks = plan.end.start, {block.start: block for block in plan.end.blocks}
        while position < len(plan.calls):
            block = blocks.get(position)
            if block is not None:
                rows += self._block(block)
                position = block.stop
                continue
            call = plan.calls[position]
            if plan.where[call.value].place is not Place.VIEW:
                here = plan.lines.get(call.node, "")
                rows.append(f"end.append({self._noted(call, self._values)})" + (f"  # {here}" if here else ""))
            position += 1
        return rows

    def _block(self, block: Block) -> list[str]:
        """Return the lines that note calls for some rows after the other."""
        plan, values, parts = self._plan, list(self._values), {}
        for call in plan.calls[block.start : block.stop]:
            for n in (*refs_in(call.args), call.value):
                if plan.specs[n].shape:
                    values[n] = f"{self._values[n]}_"
                    parts[values[n]] = f"{self._values[n]}[{':n' if n in block.scratch else 'i:j'}]"
        here = dict.fromkeys(plan.lines.get(call.node, "") for call in plan.calls[block.start : block.stop])
        return [
            f"for i in range(0, {block.length}, {block.rows}):  # {', '.join(here)}",
            f"    j = min(i + {block.rows}, {block.length})",
            "    n = j - i",
            *(f"    {name} = {part}" for name, part in parts.items()),
            *(f"    end.append({self._noted(call, values)})" for call in plan.calls[block.start : block.stop]),
        ]

    def _noted(self, call: Call, values: Sequence[str]) -> str:
        """Return a call of a ufunc as a tuple."""
        name = self._name(call.function.__name__, call.function)
        texts = [values[x.value] if isinstance(x, Ref) else self._text(x) for x in self._loop_numbers(call)]
        if call.function not in _NAMED_OUT:
            return f"({', '.join([name, *texts, values[call.value]])})"
        self._names["partial"] = functools.partial
        return f"({', '.join([f'partial({name}, out={values[call.value]})', *texts])})"

    def _reads(self) -> list[str]:
        """Return the lines that read the values of captured Tensors; one that was a gradient is read from its leaf."""
        rows, replaced = [], set(self._plan.end.over.values())
        for number, (place, thing, _) in enumerate(self._plan.where):
            if place is Place.CAPTURED:
                leaf = self._gradients.get(id(thing))
                self._names[f"t{number}"] = thing if leaf is None else leaf
                where = "_writable()" if number in replaced else "_data" if leaf is None else "_grad._data"
                rows.append(f"v{number} = t{number}.{where}")
        return rows

    def _let_go(self) -> dict[int, list[str]]:
        """Return for each position the names of values that are not needed after it, so that their memory is free."""
        plan = self._plan
        found: dict[int, list[str]] = {}
        for call in plan.calls:
            until = plan.last[call.value]
            if plan.where[call.value].place is Place.MADE and 0 <= until < plan.end.start:
                found.setdefault(until, []).append(f"v{call.value}")
        return found

    def _call(self, call: Call) -> str:
        number, function, args = call.value, call.function, call.args
        if call.how is How.UFUNC:
            name = self._name(function.__name__, function)
            args = self._loop_numbers(call)
        elif call.how is How.REDUCE:
            name = self._name(f"{function.__name__}_reduce", function.reduce)  # type: ignore[attr-defined]
        else:
            name = self._name("f", function)
        texts = [self._text(x) for x in args]
        named = [f"{k}={self._text(x)}" for k, x in call.kwargs.items()]
        result = self._values[number]
        if self._plan.where[number].place is not Place.ARENA:
            return f"{result} = {name}({', '.join(texts + named)})"
        positional = call.how is How.UFUNC and function not in _NAMED_OUT
        texts.append(result if positional else f"out={result}")
        return f"{name}({', '.join(texts + named)})"

    def _result(self, number: int, seen: set[int]) -> str:
        """Return a result as text: memory that others know, the caller, the next replay or a result, is copied."""
        owner = self._plan.specs[number].owner
        if self._plan.where[owner].place is not Place.MADE or owner in seen:
            self._names["copied"] = np.array
            return f"copied({self._values[number]})"
        seen.add(owner)
        opaque = self._opaque.get(owner)
        if opaque is None:
            return f"v{number}"
        owners = dict.fromkeys(self._plan.specs[n].owner for n in refs_in((opaque.args, opaque.kwargs)))
        results = {self._plan.specs[n].owner for n in self._plan.outputs}
        known = [self._values[n] for n in owners if n in results or self._plan.where[n].place is not Place.MADE]
        if not known:
            return f"v{number}"
        self._names["own"] = _own
        return f"own(v{number}, {', '.join(known)})"

    def _text(self, x: Any) -> str:
        if x.__class__ is _Named:
            return str(x)
        if isinstance(x, Ref):
            return self._values[x.value]
        if x.__class__ in (tuple, list) and next(refs_in(x), None) is not None:
            inside = "".join(f"{self._text(part)}, " for part in x)
            return f"({inside})" if x.__class__ is tuple else f"[{inside}]"
        return repr(x) if x is None or x.__class__ in (bool, int) else self._name("c", x)

    def _loop_numbers(self, call: Call) -> tuple[Any, ...]:
        """Return the arguments of a ufunc with numbers as arrays of the loop's dtype, which NumPy takes faster."""
        args, specs = call.args, self._plan.specs
        kinds = [specs[x.value].weak if isinstance(x, Ref) else type(x) for x in args]
        if not any(kind in _NUMBERS for kind in kinds):
            return args
        try:
            dtypes = [specs[x.value].dtype if kind is None else kind for x, kind in zip(args, kinds, strict=True)]
            loop = call.function.resolve_dtypes((*dtypes, None))[:-1]  # type: ignore[attr-defined]
            return tuple(map(self._loop_number, args, kinds, loop))
        except (TypeError, OverflowError):  # something else among the arguments, or a number that is too large
            return args

    def _loop_number(self, x: Any, kind: Any, dtype: Any) -> Any:
        if isinstance(x, Ref):
            return _Named(self._cells.setdefault((x.value, dtype), f"k{len(self._cells)}")) if kind is float else x
        return np.array(x, dtype) if kind in _NUMBERS else x

    def _name(self, kind: str, thing: Any) -> str:
        """Return the name of a thing that is the same in all instances."""
        known = self._known.get(id(thing))
        if known is None:
            known = self._known[id(thing)] = (
                kind if kind not in (*self._names, "c", "f") else f"{kind}{len(self._names)}"
            )
            self._names[known] = thing
        return known


def _own(result: Any, *arguments: Any) -> Any:
    """Return a result of an op in memory of its own, even if the op has returned one of its arguments."""
    return np.array(result) if any(np.may_share_memory(result, a) for a in arguments) else result


def _filled(x: Any, names: Sequence[str], things: Mapping[str, Any]) -> Any:
    """Return a value's array in place of each reference."""
    if isinstance(x, Ref):
        return things[names[x.value]]
    if isinstance(x, Mapping):
        return {k: _filled(v, names, things) for k, v in x.items()}
    return x.__class__(_filled(part, names, things) for part in x) if x.__class__ in (tuple, list) else x
