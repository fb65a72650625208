"""The text of a C function as it grows: its lines, its arrays, and the functions that it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np

from .standalone_functions import HELPERS
from .standalone_names import TYPES, Names, literal

_WIDTH = 110
_LOCAL, _MOST = 64, 1 << 12  # elements of an array, and bytes of all, that are variables and not in the work memory
_INDICES = "ijklmnpqrs"


class Memory:
    """A variable or an array in C.

    Attributes:
        dtype, size: of its elements.
        name: in C, once it is declared.
        is_variable: whether it is a variable of one element, and not an array.
        wish: the name that it should have.
        place: where it lies in the work memory, if it does.
    """

    def __init__(self, dtype: np.dtype[Any], size: int, name: str = "", is_variable: bool = False) -> None:
        self.dtype, self.size, self.name, self.is_variable = dtype, size, name, is_variable
        self.wish, self.place = "", -1

    @property
    def type(self) -> str:
        """The type of its elements."""
        return TYPES[self.dtype.char]


class View(NamedTuple):
    """Elements of an array: the first one's number, and a stride for each dimension, in elements."""

    memory: Memory
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the elements."""
        return self.memory.dtype

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))

    @property
    def is_dense(self) -> bool:
        """Whether the elements lie side by side in C order."""
        short = self.squeeze()
        return short.strides == dense_strides(short.shape)

    def squeeze(self) -> View:
        """Return it without the dimensions of one element."""
        pairs = [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n != 1]
        return self._replace(shape=tuple([n for n, _ in pairs]), strides=tuple([s for _, s in pairs]))

    def broadcast(self, shape: Sequence[int]) -> View:
        """Return it with a larger shape."""
        new = len(shape) - len(self.shape)
        steps = [0 if n == 1 else s for n, s in zip(self.shape, self.strides, strict=True)]
        return self._replace(shape=tuple(shape), strides=(*[0] * new, *steps))

    def element(self, indices: Sequence[str] = ()) -> str:
        """Return an element as an operand in C.

        Args:
            indices: an expression for each dimension.
        """
        if self.memory.is_variable:
            return self.memory.name
        terms = [
            i if step == 1 else f"{step} * {i}"
            for i, step in zip(indices, self.strides, strict=False)
            if step != 0 and i != "0"
        ]
        terms += [str(self.offset)] if self.offset or not terms else []
        return f"{self.memory.name}[{' + '.join(terms).replace('+ -', '- ')}]"

    def pointer(self, indices: Sequence[str] = ()) -> str:
        """Return the address of an element."""
        text = self.element(indices)
        return text.removesuffix("[0]") if text.endswith("[0]") else f"&{text}"


def dense_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of an array in C order, in elements."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def dense(memory: Memory, shape: Sequence[int]) -> View:
    """Return all elements of an array in C order."""
    return View(memory, 0, tuple(shape), dense_strides(shape))


class Writer:
    """Collects the text of a function.

    Args:
        names: that are in use.
        caller: the file and the line for which there are no comments.

    Attributes:
        lines: of the function.
        tables: the definitions of constants, by name.
        functions: that it calls, by name; texts in order.
        sizes: for each type the elements of work memory that it needs.
        can_fail: whether it may return 1.
        is_exact: whether all machines give the same bits.
    """

    def __init__(self, names: Names, caller: tuple[str, int]) -> None:
        self.names, self.caller, self.lines = names, caller, list[str]()
        self.tables: dict[str, list[str]] = {}
        self.functions: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.can_fail, self.is_exact = False, True
        self._indices: list[str] = []
        self._free: dict[str, list[tuple[int, int]]] = {}
        self._depth, self._local = 1, 0
        self._constants: dict[Any, Memory] = {}

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def braces(self, head: str) -> Iterator[None]:
        """Add lines in braces after a head."""
        self.line(f"{head} {{")
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    def indices(self, count: int, after: int = 0) -> list[str]:
        """Return the names of the indices of nested loops, which are those of all loops."""
        while len(self._indices) < after + count:
            letter = next((c for c in _INDICES if self.names.is_new(c)), "i")
            self._indices.append(self.names.new(letter))
        return self._indices[after : after + count]

    @contextmanager
    def loop(self, i: str, n: int) -> Iterator[None]:
        """Add lines in a loop."""
        with self.braces(f"for (int {i} = 0; {i} < {n}; {i}++)"):
            yield

    @contextmanager
    def loops(self, shape: Sequence[int]) -> Iterator[list[str]]:
        """Add lines in loops, and give their indices: 0 where there is one step, and no loop."""
        indices = [i if n > 1 else "0" for i, n in zip(self.indices(len(shape)), shape, strict=True)]
        with ExitStack() as stack:
            for i, n in zip(indices, shape, strict=True):
                if n > 1:
                    stack.enter_context(self.loop(i, n))
            yield indices

    def function(self, name: str, dtype: np.dtype[Any]) -> str:
        """Return the name in C of a helper for one type."""
        own = f"{name}_{TYPES[dtype.char].removesuffix('_t')}"
        if own not in self.functions:
            self.functions[own] = ""
            text = self.expand(HELPERS[name], dtype)
            del self.functions[own]  # after those that it calls
            self.functions[own] = text
        return own

    def expand(self, text: str, dtype: np.dtype[Any]) -> str:
        """Return a text for one type; see `standalone_functions`."""
        suffix = "f" if dtype.char == "f" else ""
        text = re.sub(r"\bLIB\((\w+)\)", rf"\1{suffix}", text)
        text = re.sub(r"\bFN\((\w+)\)", lambda match: self.function(match[1], dtype), text)
        text = re.sub(r"\breal\b", TYPES[dtype.char], text)
        return text.replace("LARGEST", "FLT_MAX" if suffix else "DBL_MAX")

    # ---- memory -----------------------------------------------------------------------------------------------------

    def declare(self, memory: Memory) -> None:
        """Declare a variable or an array that is written later."""
        memory.name = self.names.new(memory.wish or "v")
        nbytes = memory.size * memory.dtype.itemsize
        if memory.size == 1:
            memory.is_variable = True
            self.line(f"{memory.type} {memory.name};")
        elif memory.size <= _LOCAL and self._local + nbytes <= _MOST:
            self._local += nbytes
            self.line(f"{memory.type} {memory.name}[{memory.size}];")
        else:
            memory.place = self._allocate(memory.type, memory.size)
            self.line(f"{memory.type} *const {memory.name} = work->{member(memory.type)} + {memory.place};")

    def release(self, memory: Memory) -> None:
        """Let other arrays lie where one was."""
        if memory.place >= 0:
            free = sorted([*self._free[memory.type], (memory.place, memory.size)])
            joined: list[tuple[int, int]] = []
            for start, size in free:
                if joined and sum(joined[-1]) == start:
                    joined[-1] = joined[-1][0], joined[-1][1] + size
                else:
                    joined.append((start, size))
            self._free[memory.type], memory.place = joined, -1

    def _allocate(self, type: str, size: int) -> int:
        free = self._free.setdefault(type, [])
        for k, (start, room) in enumerate(free):
            if room >= size:
                free[k : k + 1] = [(start + size, room - size)] if room > size else []
                return start
        start = self.sizes.get(type, 0)
        if free and sum(free[-1]) == start:
            start = free.pop()[0]
        self.sizes[type] = start + size
        return start

    def table(self, array: Any, wish: str) -> Memory:
        """Return a table of constants."""
        key = array.dtype.char, array.tobytes()
        if key not in self._constants:
            memory = Memory(array.dtype, array.size, self.names.new(wish or "table"))
            self.tables[memory.name] = table_lines(f"static const {memory.type} {memory.name}[{array.size}]", array)
            self._constants[key] = memory
        return self._constants[key]


def member(type: str) -> str:
    """Return the name of the work memory of a type."""
    return f"of_{type.removesuffix('_t')}"


def table_lines(head: str, array: Any) -> list[str]:
    """Return the definition of an array with these elements."""
    texts = [literal(x, array.dtype) for x in array.reshape(-1)]
    lines, now = [f"{head} = {{"], "   "
    for text in texts:
        if len(now) + len(text) + 2 > _WIDTH:
            lines.append(now)
            now = "   "
        now += f" {text},"
    return [*lines, now, "};"]
