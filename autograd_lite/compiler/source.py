"""Generated Python of a plan: straight-line code, one call a line, with the user's lines in comments."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from ..native.blockwise import NAMED_OUT
from ..native.instructions import aligned_memory
from .buffer_assignment import LARGE, Place
from .c_code.fused_segment import FusedSegment
from .execution_plan import Plan, argument_text
from .native_segments import Segment, find_segments
from .numpy_calls import Call, Format, How, Ref, Spec, refs_in, substitute
from .tiling import Block

_NUMBERS = (int, float, complex)
_OWN = (Place.ALLOCATED, Place.OVER)


class _Name(str):
    """The name of an argument."""

    __slots__ = ()


class _Parts(NamedTuple):
    """The parts of an array in the arena, as a block goes through them.

    Attributes:
        offset: of the array.
        dtype: of its elements.
        block: which splits it.
        same: whether all parts are the same memory.
    """

    offset: int
    dtype: np.dtype[Any]
    block: Block
    same: bool


class Source:
    """The code of a plan.

    Args:
        plan: the calls, and where their values lie.
        moving: whether buffers may be exchanged for others; see `movable`.
        num_returned: results returned to a caller, the first ones: as NumPy's scalars, if they have no axes.
        exact: whether fused code rounds each product and sum by itself.

    Attributes:
        text: a function `replay` of the arguments and the captured arrays that returns the results, the calls that end
            the plan, as tuples of a function and its arguments, and the values that these read. In it `b0`, `b1`, …
            are buffers in the arena, each of which holds one value after the other; `v1` is the value of that number,
            elsewhere.
    """

    def __init__(self, plan: Plan, moving: bool = False, num_returned: int = 0, exact: bool = True) -> None:
        self.plan, self._handed = plan, num_returned
        self._names: dict[str, Any] = {}  # what names stand for, as far as it is the same in all instances
        self._known: dict[int, str] = {}
        self._opaque = {call.value: call for call in plan.calls if call.how is How.OPAQUE}
        self._buffers: dict[tuple[int, Format], str] = {}  # by where they lie in the arena, and how
        self._parts: dict[_Parts, str] = {}
        self._cells: dict[tuple[int, Any], str] = {}  # arrays of one element for numbers, which NumPy takes faster
        # The values of which a run must make sure that no one else holds their memory, since that or theirs is reused.
        self._as_fresh = {w.content for w in plan.where if w.place is Place.OVER}
        self._as_fresh |= {n for n, call in self._opaque.items() if self._reads_large(call)}
        self._values = self._name_values()
        moved = set(self.movable().values()) if moving else ()
        self._segments = find_segments(plan, {n for n, name in enumerate(self._values) if name in moved})
        self.fused = [FusedSegment(plan, segment, exact) for segment in self._segments]
        self._read = self._read_in_python()
        self._code = compile(self._generate(), "<replay>", "exec")

    @functools.cached_property
    def text(self) -> str:
        """The code with what segments do, for people."""
        return self._generate(comments=True)

    def c_text(self, names: Sequence[str]) -> str:
        """Return the C code of the segments.

        Args:
            names: of the arrays among the arguments.
        """
        places = [(n, k) for n, (place, k, _) in enumerate(self.plan.where) if place is Place.ARGUMENT]
        rows = [f"/* v{n}: {names[k]} */\n" for n, k in places if k < len(names)]
        return "".join(rows) + "\n".join([fused.text() for fused in self.fused])

    def instance(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function with a new arena: one that runs must not be called again meanwhile."""
        memory = aligned_memory(self.plan.nbytes)
        names = dict(self._names)
        for (offset, a), name in self._buffers.items():
            names[name] = np.ndarray(a.shape, a.dtype, memory.data, offset, a.strides)
        for (_, dtype), name in self._cells.items():
            names[name] = np.empty((), dtype)
        for (offset, dtype, block, same), name in self._parts.items():
            shape = block.part if same else (block.rows, *block.part[1:])
            names[name] = _parts_in_block(np.ndarray(shape, dtype, memory.data, offset), block, same)
        for k, fused in enumerate(self.fused):
            names[f"s{k}"] = fused.instance(memory)
        exec(self._code, names)
        replay: Callable[..., tuple[Any, ...]] = names.pop("replay")  # else it would hold itself
        return replay

    def _reads_large(self, call: Call) -> bool:
        specs = self.plan.specs
        if specs[call.value].dtype.hasobject:  # several results, which are taken out of it
            return False
        return specs[call.value].owner == call.value and any(specs[specs[n].owner].nbytes >= LARGE for n in call.reads)

    def movable(self) -> dict[int, str]:
        """Return the results that lie in a buffer of their own, of which nothing else is a view, by their positions.

        In an instance, which is a function, such a buffer is a global of that name: an array that lies alike in other
        memory may take its place between two calls.
        """
        plan, names = self.plan, self._values
        viewed = {
            names[spec.owner] for n, spec in enumerate(plan.specs) if spec.owner != n and names[n] != names[spec.owner]
        }
        starts = {part.offset for part in self._parts}
        places: dict[str, list[int]] = {}
        for k, n in enumerate(plan.outputs):
            if plan.specs[n].owner == n:
                places.setdefault(names[n], []).append(k)
        movable = {}
        for (offset, _), name in self._buffers.items():
            positions = places.get(name, ())
            if len(positions) == 1 and name not in viewed and offset not in starts and positions[0] in plan.borrowed:
                movable[positions[0]] = name
        return movable

    def _name_values(self) -> list[str]:
        """Return the name of every value. What lies in the same way in the same memory is the same array."""
        plan = self.plan
        names = [f"v{number}" for number in range(len(plan.specs))]
        constants, buffers = self._names, self._buffers
        for number, (place, content, _) in enumerate(plan.where):
            if place is Place.ARENA or place is Place.VIEW:
                spec = plan.specs[number]
                span = plan.where[spec.owner].span
                if span is not None and spec.offset is not None:
                    buffer = span.start + spec.offset, spec.format
                    name = buffers.get(buffer)
                    names[number] = buffers.setdefault(buffer, f"b{len(buffers)}") if name is None else name
            elif place is Place.CONSTANT or place is Place.ARRAY:
                constants[names[number]] = content
            elif place is Place.OVER or place is Place.REPLACES:
                names[number] = names[content]
        for call in plan.calls:
            if plan.where[call.value].place is Place.VIEW and plan.where[plan.specs[call.value].owner].span is None:
                args, kwargs = (substitute(x, lambda n: constants[names[n]]) for x in (call.args, call.kwargs))
                self._names[names[call.value]] = call.function(*args, **kwargs)
        return names

    def _generate(self, comments: bool = False) -> str:
        """Return the code.

        Args:
            comments: whether to say, in comments, what segments do and which lines of the user's calls belong to.
        """
        plan = self.plan
        arguments = {content: n for n, (place, content, _) in enumerate(plan.where) if place is Place.ARGUMENT}
        parameters = [f"v{arguments[k]}" if k in arguments else f"unused{k}" for k in range(plan.arguments)]
        parameters += [f"v{n}" for n, (place, _, _) in enumerate(plan.where) if place is Place.CAPTURED]
        rows: list[str] = []
        line = ""
        dead_names = self._dead_names()
        blocks = {block.first: block for block in plan.blocks}
        segments = {segment.first: (k, segment) for k, segment in enumerate(self._segments)}
        runs: list[Any] = [*plan.blocks, *self._segments]
        inside = {p for run in runs for p in range(run.first, run.stop)}
        for position, call in enumerate(plan.calls):
            if position == plan.end.start:
                rows += self._begin_end()
            if position in segments:
                rows += self._segment(*segments[position], comments)
            elif position in blocks and position not in self._native:
                rows += self._block(blocks[position])
            elif position not in inside and call.value in self._read:
                here = plan.line_of(call) if comments else ""
                rows.append(self._line(position, call, {}) + (f"  # {here}" if here not in ("", line) else ""))
                line = here or line
            if dead := dead_names.get(position):
                rows.append(f"del {', '.join(dead)}")
        if plan.end.start == len(plan.calls):
            rows += self._begin_end()
        copied: set[str] = set()
        results = "".join(f"{self._result(k, number, copied)}, " for k, number in enumerate(plan.outputs))
        entering = "".join(f"{self._values[n]}, " for n in plan.end.entering)
        rows.append(f"return ({results.rstrip()}), end, ({entering.rstrip()})")
        fills = [f"{name}[()] = v{number}" for (number, _), name in self._cells.items()]
        return "\n    ".join([f"def replay({', '.join(parameters)}):", *fills, *rows]) + "\n"

    def _begin_end(self) -> list[str]:
        """Return the lines before the end of the plan, of which the calls are listed, to be made together."""
        plan = self.plan
        owned = [(self._values[n], self._result(-1, n, set())) for n in plan.end.entering if n in self._opaque]
        return [*(f"{name} = {copy}" for name, copy in owned if copy != name), "end = []"]

    def _read_in_python(self) -> set[int]:
        """Return the numbers of the values that lines of Python make or need, and those of the segments."""
        plan, numbers = self.plan, {*self.plan.outputs, *self.plan.end.entering}
        numbers.update(n for segment in self._segments for n in segment.input_values)
        self._native = {p for segment in self._segments for p in range(segment.first, segment.stop)}
        for position in reversed(range(len(plan.calls))):
            call = plan.calls[position]
            if call.how is How.VIEW and (call.value not in numbers or plan.where[call.value].place is Place.VIEW):
                numbers.discard(call.value)
            elif call.how is How.VIEW or position not in self._native:
                numbers.update((call.value, *call.reads))
        return numbers

    def _segment(self, k: int, segment: Segment, comments: bool) -> list[str]:
        """Return the lines of a segment: its call, and comments on what that does, with the user's lines."""
        plan = self.plan
        rows: list[str] = []  # of views that others read, before the call, and after it
        later: list[str] = []
        for position in range(segment.first, segment.stop):
            call = plan.calls[position]
            if call.how is How.VIEW and call.value in self._read:
                is_output = plan.specs[call.value].owner in segment.output_values
                (later if is_output else rows).append(self._line(position, call, {}))
        inputs = ", ".join(f"v{n}" if plan.specs[n].weak else self._values[n] for n in segment.input_values)
        outputs = "".join(f"{self._values[n]}, " for n in segment.output_values)
        if segment.first >= plan.end.start:
            call_of = f"end.append((s{k}, {inputs}))" if inputs else f"end.append((s{k},))"
        else:
            call_of = f"{outputs.removesuffix(', ')}{' = ' if outputs else ''}s{k}({inputs})"
        return [*rows, call_of, *(self._comments(segment) if comments else ()), *later]

    def _comments(self, segment: Segment) -> list[str]:
        """Return what the calls of a segment do, with the user's lines."""
        plan, line = self.plan, ""
        blocks = {block.first: block for block in plan.blocks}
        rows = []
        for position in range(segment.first, segment.stop):
            call = plan.calls[position]
            if call.how is not How.VIEW:
                here = plan.line_of(call)
                rows += [f"#   part by part, {blocks[position]}:"] if position in blocks else []
                rows.append(f"#   {self._describe(call)}" + (f"  # {here}" if here not in ("", line) else ""))
                line = here or line
        return rows

    def _describe(self, call: Call) -> str:
        """Return what a call does, for people."""
        args = [self._values[x.value] if isinstance(x, Ref) else argument_text(x) for x in call.args]
        args += [f"{name}={argument_text(x)}" for name, x in call.kwargs.items()]
        return f"{self._values[call.value]} = {call.name}({', '.join(args)})"

    def _line(self, position: int, call: Call, local: Mapping[Any, str]) -> str:
        """Return the line of a call: one that makes it, or lists it."""
        if position < self.plan.end.start:
            return self._call(call, local)
        result = local.get(call.value, self._values[call.value])
        name = self._name(call.function.__name__, call.function)
        if call.function in NAMED_OUT:
            self._names["partial"] = functools.partial
            name, results = f"partial({name}, out={result})", []
        else:
            results = [result]
        texts = [self._text(x, local) for x in self._loop_numbers(call)]
        return f"end.append(({', '.join([name, *texts, *results])}))"

    def _dead_names(self) -> dict[int, list[str]]:
        """Return for each position the names of values that are not needed after it, so that their memory is free."""
        plan = self.plan
        bound = {self._values[n] for segment in self._segments for n in segment.output_values}
        for position, call in enumerate(plan.calls):
            if call.value in self._read and (call.how is How.VIEW or position not in self._native):
                bound.add(self._values[call.value])
        until: dict[str, int] = {}
        for call in plan.calls:
            name = self._values[call.value]
            if plan.where[call.value].place in _OWN and name in bound:
                until[name] = max(until.get(name, -1), plan.last[call.value])
        runs: list[Any] = [*plan.blocks, *self._segments]
        ends = {position: run.stop - 1 for run in runs for position in range(run.first, run.stop)}
        names_at: dict[int, list[str]] = {}
        for name, position in until.items():
            if 0 <= position < plan.end.start:
                names_at.setdefault(ends.get(position, position), []).append(name)
        return names_at

    def _block(self, block: Block) -> list[str]:
        """Return the lines of a block: a loop over the parts of its arrays."""
        plan = self.plan
        rows: list[str] = []
        array_names: dict[
            str, tuple[str, str]
        ] = {}  # by the array: what a part of it is called, and the list of all parts
        local: dict[Any, str] = {}  # what values and constants are called in the loop
        split_names: list[str] = []
        for call in plan.calls[block.first : block.stop]:
            place = plan.where[call.value].place
            if place is Place.ALLOCATED:
                spec, self._names["empty"] = plan.specs[call.value], np.empty
                rows.append(f"v{call.value} = empty({spec.shape}, {self._name('c', spec.dtype)})")
            for x in (*self._loop_numbers(call), Ref(call.value)):
                key = x.value if isinstance(x, Ref) else id(x)
                a = plan.specs[x.value] if isinstance(x, Ref) else x
                if key in local or not isinstance(a, (Spec, np.ndarray)):
                    continue
                if a.shape != block.shape:
                    local[key] = whole = self._text(x, {})
                    one = math.prod(a.shape) == 1
                    if len(a.shape) > len(block.part) or not (one or a.shape[-1] == block.row):
                        local[key] = f"w{key}"
                        rows.append(f"w{key} = {whole}.reshape({() if one else block.row})")
                    continue
                array, parts = self._parts_of(x, block)
                if array not in array_names:
                    array_names[array] = f"p{len(array_names)}", parts
                    if parts.startswith("split("):
                        split_names.append(array_names[array][0])
                local[key] = array_names[array][0]
        names, lists = zip(*array_names.values(), strict=True)
        here = plan.line_of(plan.calls[block.first])
        each = f"{names[0]}," if len(names) == 1 else ", ".join(names)
        comment = f"{here}, {block}" if here else f"{block}"
        rows.append(f"for {each} in zip({', '.join(lists)}):  # {comment}")
        for position in range(block.first, block.stop):
            rows.append(f"    {self._line(position, plan.calls[position], local)}")
        return [*rows, f"del {', '.join(split_names)}"] if split_names else rows

    def _parts_of(self, x: Any, block: Block) -> tuple[str, str]:
        """Return the name of an array and an expression for the list of its parts."""
        if isinstance(x, Ref):
            spec = self.plan.specs[x.value]
            place, _, _ = self.plan.where[x.value]
            span = self.plan.where[spec.owner].span
            if span is not None and place in (Place.ARENA, Place.VIEW, Place.PART) and spec.offset is not None:
                key = _Parts(span.start + spec.offset, spec.dtype, block, place is Place.PART)
                name = self._parts.setdefault(key, f"parts{len(self._parts)}")
                return name, name
        name = self._text(x, {})
        if name in self._names:
            self._names[f"{name}_parts{block.first}"] = _parts_in_block(self._names[name], block)
            return name, f"{name}_parts{block.first}"
        self._names["split"] = _parts_in_block
        return name, f"split({name}, {self._name('c', block)})"

    def _call(self, call: Call, local: Mapping[Any, str]) -> str:
        """Return the line of a call.

        Args:
            call: what to call.
            local: other names of values and constants.
        """
        number, function, args = call.value, call.function, call.args
        if call.how is How.UFUNC:
            name = self._name(function.__name__, function)
            args = self._loop_numbers(call)
        elif call.how is How.REDUCE:
            reduce = function.reduce  # type: ignore[attr-defined]
            name = self._name(f"{function.__name__}_reduce", reduce, (id(function), "reduce"))
        else:
            name = self._name("f", function)
        texts = [self._text(x, local) for x in args]
        keywords = [f"{k}={self._text(x, local)}" for k, x in call.kwargs.items()]
        result = local.get(number, self._values[number])
        if self.plan.where[number].place is Place.ALLOCATED and not local:
            value = f"{name}({', '.join(texts + keywords)})"
            if number in self._as_fresh:
                self._names["fresh"] = _as_fresh
                value = f"fresh({value})"
            return f"{result} = {value}"
        positional = call.how is How.UFUNC and function not in NAMED_OUT
        texts.append(result if positional else f"out={result}")
        return f"{name}({', '.join(texts + keywords)})"

    def _result(self, k: int, number: int, returned: set[str]) -> str:
        """Return a result as text: memory that others know (the caller, the next replay, a result) is copied.

        So is a view that repeats elements, which cannot be written into.
        """
        name = self._values[number]
        if k >= len(self.plan.outputs) - self.plan.num_checks:
            return name
        spec = self.plan.specs[number]
        owner = spec.owner
        place, whose = self.plan.where[owner].place, self._values[owner]
        if 0 <= k < self._handed and spec.shape == () and spec.weak is None:
            return name if spec.is_scalar and place in _OWN else f"{name}[()]"
        if k in self.plan.borrowed and (place is Place.ARENA or (place in _OWN and owner not in self._opaque)):
            return name
        if place not in _OWN or whose in returned or self.plan.specs[number].repeats:
            self._names["copied"] = np.array
            return f"copied({name})"
        returned.add(whose)
        opaque = self._opaque.get(owner)
        if opaque is None or owner in self._as_fresh:
            return name
        results = {self.plan.specs[n].owner for n in self.plan.outputs}
        owners = dict.fromkeys(self.plan.specs[n].owner for n in opaque.reads)
        others = [self._values[n] for n in owners if n in results or self.plan.where[n].place not in _OWN]
        if not others:
            return name
        self._names["own_copy"] = _own_copy
        return f"own_copy({name}, {', '.join(others)})"

    def _text(self, x: Any, local: Mapping[Any, str]) -> str:
        if x.__class__ is _Name:
            return str(x)
        if isinstance(x, Ref):
            return local.get(x.value, self._values[x.value])
        if local and id(x) in local:
            return local[id(x)]
        if x.__class__ in (tuple, list) and next(refs_in(x), None) is not None:
            inside = "".join(f"{self._text(part, local)}, " for part in x)
            return f"({inside})" if x.__class__ is tuple else f"[{inside}]"
        if x.__class__ is tuple and all(part.__class__ is int for part in x):
            return repr(x)
        return repr(x) if x is None or x.__class__ in (bool, int) else self._name("c", x)

    def _loop_numbers(self, call: Call) -> tuple[Any, ...]:
        """Return the arguments of a ufunc with numbers as arrays of the loop's dtype, which NumPy takes faster."""
        args, specs = call.args, self.plan.specs
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
            return _Name(self._cells.setdefault((x.value, dtype), f"k{len(self._cells)}")) if kind is float else x
        return np.array(x, dtype) if kind in _NUMBERS else x

    def _name(self, kind: str, value: Any, key: Any = None) -> str:
        """Return the name of a thing that is the same in all instances.

        Args:
            kind: its name, or "c" for a constant and "f" for a function without a name.
            content: the object.
            key: by which it is known, if another object may stand for the same.
        """
        key = id(value) if key is None else key
        name = self._known.get(key)
        if name is None:
            free = kind not in self._names and kind not in ("c", "f")
            name = self._known[key] = kind if free else f"{kind}{len(self._names)}"
            self._names[name] = value
        return name


def _own_copy(result: Any, *arguments: Any) -> Any:
    """Copy a result of an op if it may share memory with one of its arguments."""
    return np.array(result) if any(np.may_share_memory(result, a) for a in arguments) else result


def _as_fresh(result: Any) -> Any:
    """Return a result of an op that may be overwritten, or several: nothing else refers to its memory."""
    if isinstance(result, tuple):
        return tuple([a if a.base is None and getrefcount(a) <= _ALONE_AMONG else a.copy("K") for a in result])
    owner = result if result.base is None else result.base
    alone = owner.__class__ is np.ndarray and owner.base is None and getrefcount(owner) <= _ALONE[owner is result]
    return result if alone else result.copy("K")


def _references(result: Any) -> int:
    owner = result if result.base is None else result.base
    return getrefcount(owner)


# How many references are counted to a new array whose view is given, and to one that is given itself.
_ALONE = (_references(np.empty(2).reshape(1, 2)), _references(np.empty(2)))
_ALONE_AMONG = max([getrefcount(a) for a in (np.empty(2), np.empty(2))])  # to one of several


def _parts_in_block(a: Any, block: Block, same: bool = False) -> list[Any]:
    """Return the parts of an array.

    Args:
        a: the array, or one part.
        block: how to split it.
        same: whether all parts are that one.
    """
    if same:
        short = block.rows % block.step
        parts = [a] * (block.rows // block.step)
        return [*parts, a[:short]] if short else parts
    a = a.reshape(block.rows, *block.part[1:])
    return [a[start : start + block.step] for start in block.starts]
