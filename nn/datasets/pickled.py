"""NumPy's pickled arrays of lists of integers, read by a grammar that knows nothing else.

An array of lists, which IMDB and Reuters are, can only be stored as a pickle, and a pickle is a program. Here it is not
run: the few instructions that NumPy writes for such an array are followed with stand-ins, and any other is refused. So
no function of the file's choice is called, and no array is made of a size that the file merely states.

`pickle.Unpickler` with its own `find_class` would be shorter, but it lets a file of a few bytes ask for gigabytes (the
index of a `LONG_BINPUT`); `pickletools.genops` takes three times as long on the ten million numbers of IMDB.
"""

from __future__ import annotations

import pickle
import re
from typing import Any

__all__ = ["parse_lists"]

_INTEGERS = re.compile(rb"(?:K.|M..|J....){1,1000}", re.DOTALL)  # of one, two and four bytes
_RECONSTRUCT = {f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")}
_NAMES = {*_RECONSTRUCT, "numpy.ndarray", "numpy.dtype"}
_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}
_LONGEST_TEXT = 64


class _Name(str):
    """A function or class that the file refers to; one of `_NAMES`, and never looked up."""

    __slots__ = ()


class _Instance:
    """The result of a call: a dtype, or the array, whose rows come with its state."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.rows: list[Any] | None = None


def parse_lists(data: bytes, source: str) -> list[list[int]]:
    """Return the lists of integers that a pickled NumPy array of them holds.

    Args:
        data: the pickle, of protocol 2 to 5, as `numpy.save` writes it.
        source: where it comes from, for error messages.

    Raises:
        ValueError: if it is damaged, or holds or does anything else.

    Example:
        >>> import numpy as np
        >>> ragged = np.array([[1, 2, 300], [70000]], dtype=object)
        >>> parse_lists(pickle.dumps(ragged, 4), "example")
        [[1, 2, 300], [70000]]
        >>> parse_lists(pickle.dumps(print), "example")
        Traceback (most recent call last):
        ValueError: parse_lists: expected example to hold lists of integers; received a pickle that asks for ...
    """
    try:
        rows = _Reader(data).run()
        if not all(type(row) is list and set(map(type, row)) <= {int} for row in rows):
            raise ValueError("received an array with other elements")
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        problem = f"received a damaged pickle ({type(error).__name__})"
    except ValueError as error:
        problem = str(error)
    else:
        return rows
    raise ValueError(
        f"parse_lists: expected {source} to hold lists of integers; {problem}. Nothing of it was run: get the file "
        "again from its source"
    )


class _Reader:
    """The state of following a pickle: its stack, the marks in it, and its numbered entries."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> list[Any]:
        """Return the rows of the array."""
        while True:
            while run := _INTEGERS.match(self.data, self.at):
                # These bytes are integers and nothing else, which Python decodes thirty times as fast as we could.
                self.stack += pickle.loads(b"(" + run[0] + b"l.")
                self.at = run.end()
            op = self.take(1)
            if op == b".":
                (array,) = self.stack
                return list(array.rows)
            if not (self.structure(op) or self.value(op)):
                raise ValueError(f"received a pickle with the instruction {op!r}, which no such array needs")

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError("received a pickle that ends too early")
        self.at += count
        return taken

    def number(self, size: int) -> int:
        """Return the next unsigned number of some bytes."""
        return int.from_bytes(self.take(size), "little")

    def since_mark(self) -> list[Any]:
        """Take everything above the last mark from the stack."""
        mark = self.marks.pop()
        parts = self.stack[mark:]
        del self.stack[mark:]
        return parts

    def structure(self, op: bytes) -> bool:
        """Follow an instruction about lists, tuples and marks, or return False."""
        if op == b"(":
            self.marks.append(len(self.stack))
        elif op == b"]":
            self.stack.append([])
        elif op in (b"e", b"a"):
            parts = self.since_mark() if op == b"e" else [self.stack.pop()]
            if type(self.stack[-1]) is not list:
                raise ValueError("received a pickle that appends to what is not a list")
            self.stack[-1].extend(parts)
        elif op == b"t":
            self.stack.append(tuple(self.since_mark()))
        elif b"\x85" <= op <= b"\x87":
            count = op[0] - 0x84
            self.stack[-count:] = [tuple(self.stack[-count:])]
        elif op in (b"q", b"r", b"\x94"):
            self.memo[len(self.memo) if op == b"\x94" else self.number(1 if op == b"q" else 4)] = self.stack[-1]
        elif op in (b"h", b"j"):
            entry = self.memo[self.number(1 if op == b"h" else 4)]
            if not isinstance(entry, (str, _Instance)):
                raise ValueError("received a pickle in which a list occurs twice")
            self.stack.append(entry)
        else:
            return False
        return True

    def value(self, op: bytes) -> bool:
        """Follow an instruction that pushes a constant, a text or a name, calls or sets a state, or return False."""
        if op in (b"\x80", b"\x95"):  # the protocol's number and a frame's length say nothing that is needed
            self.take(1 if op == b"\x80" else 8)
        elif op in _CONSTANTS:
            self.stack.append(_CONSTANTS[op])
        elif op in (b"C", b"U", b"\x8c", b"X"):
            self.stack.append(self.take(min(self.number(4 if op == b"X" else 1), _LONGEST_TEXT)).decode("latin-1"))
        elif op == b"c":
            end = re.compile(rb"([\w.]{1,64})\n([\w.]{1,64})\n").match(self.data, self.at)
            module, name = (b"", b"") if end is None else end.groups()
            self.at += len(module) + len(name) + 2
            self.stack.append(_check_name(module.decode(), name.decode()))
        elif op == b"\x93":
            module, name = self.stack.pop(-2), self.stack.pop()
            self.stack.append(_check_name(module, name))
        elif op == b"R":
            called, _ = self.stack.pop(-2), self.stack.pop()
            if type(called) is not _Name or called == "numpy.ndarray":
                raise ValueError("received a pickle that calls something else")
            self.stack.append(_Instance("array" if called in _RECONSTRUCT else "dtype"))
        elif op == b"b":
            state, instance = self.stack.pop(), self.stack[-1]
            if instance.kind == "array":
                _, (length,), dtype, _, instance.rows = state
                if dtype.kind != "dtype" or type(instance.rows) is not list or len(instance.rows) != length:
                    raise ValueError("received an array whose length is not that of its list")
        else:
            return False
        return True


def _check_name(module: str, name: str) -> _Name:
    """Return a name of the grammar."""
    if f"{module}.{name}" not in _NAMES:
        raise ValueError(f"received a pickle that asks for {f'{module}.{name}'[:80]!r}")
    return _Name(f"{module}.{name}")
