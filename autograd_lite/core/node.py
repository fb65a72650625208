"""The node: one recorded call of an op. Edges point from a result to its inputs only, so no graph is a cycle."""

from __future__ import annotations

import functools
import itertools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from .module_scopes import path_of
from .shape_arithmetic import size_of

if TYPE_CHECKING:
    from .fingerprints import Fingerprint
    from .op import Op

# One clock for everything that happens to tensors: a node is stamped when it is recorded, a leaf when it is assigned.
# So "was this leaf assigned after that node saved it?" is one comparison and costs the forward pass nothing.
next_stamp: Callable[[], int] = itertools.count(1).__next__

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARIES = os.path.dirname(os.path.dirname(np.__file__))
_HIDDEN = (
    _PACKAGE,
    os.path.join(os.path.dirname(_PACKAGE.rstrip(os.sep)), "nn") + os.sep,
    os.path.dirname(np.__file__),
    *(os.path.join(_LIBRARIES, runner) + os.sep for runner in ("hypothesis", "pytest", "_pytest", "pluggy")),
)


class Source(NamedTuple):
    """A place in the user's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return self._text(self.file)

    @property
    def brief(self) -> str:
        """The place without the folders: "model.py:12 in forward"."""
        return self._text(os.path.basename(self.file))

    def _text(self, file: str) -> str:
        if f"{os.sep}ipykernel_" in self.file:  # a cell's file has a name that means nothing to users
            return f"line {self.line} of a notebook cell"
        return f"{file}:{self.line} in {self.function}"


# What `record_source` adds to a node: the code object and instruction of the user's call, and the module path. The line
# is looked up only on demand, since that would take most of the time of recording.
Note = tuple[CodeType | None, int, str]


_DYING = threading.local()


class _Tail:
    """Holds the inputs of a node, and releases them in a loop when it dies, instead of recursively.

    Python 3.13 frees a chain of objects by a recursion as deep as a stack of 8 MB allows; threads may have far less.
    """

    __slots__ = ("nodes",)

    def __init__(self, nodes: tuple[Any, ...]) -> None:
        self.nodes: Any = nodes

    def __del__(self) -> None:
        queue = getattr(_DYING, "queue", None)
        if queue is not None:  # the loop below is running further up the stack and will get to them
            queue.append(getattr(self, "nodes", ()))  # missing if an interrupt came while this was being made
            return
        try:
            _DYING.queue = queue = [getattr(self, "nodes", ())]
            self.nodes = None
            while queue:
                queue.pop()
        finally:
            _DYING.queue = None


class Node:
    """One call of an op.

    Attributes:
        op: the record of the called op.
        inputs: one edge per array argument: a `Node`; a `Tensor` that has no history; a plain array or Python
            number used as an operand; or a `ShapeDtype`, all that is left of a large array after backward.
        params: the keyword parameters of the call.
        saved: `(out, *inputs)` as the derivative rules read them, with the edge of every input that no rule reads;
            None once backward has freed it.
        needs: the indices of the inputs that a gradient flows to; empty when the op has no derivative.
        shape, dtype: of the result; they outlive the saved arrays, so a graph can be drawn after backward. Of a call
            with several results, the shapes and the dtypes of these.
        stamp: the moment of recording.
        note: where the call was made, when recorded; see `source` and `scope`.
        hooks: functions of the cotangent, called when it is complete.
        results: of a call with several results, references to the nodes that take them out of it.
        fingerprints: of borrowed arrays in `saved`; set only on the few nodes that have any.
        calls: the calls of modules of which it is a result, `(inner calls or None, call)`; set only on such nodes.
        tail: see `_Tail`; set on one node in 32, chosen by a hash so that no loop in a program can miss them all.
            CPython clears slots in alphabetical order, and this one must come after `inputs` and `saved`.
    """

    __slots__ = (
        "__weakref__",
        "calls",
        "dtype",
        "fingerprints",
        "hooks",
        "inputs",
        "needs",
        "note",
        "op",
        "params",
        "results",
        "saved",
        "shape",
        "stamp",
        "tail",
    )
    results: Sequence[Callable[[], Node | None]]
    fingerprints: Sequence[Fingerprint]
    calls: tuple[Any, Any]

    def __init__(
        self,
        op: Op,
        inputs: tuple[Any, ...],
        params: dict[str, Any],
        saved: tuple[Any, ...] | None,
        needs: tuple[int, ...],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        note: Note | None,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.saved = saved
        self.needs = needs
        self.shape = shape
        self.dtype = dtype
        self.stamp = stamp = next_stamp()
        if not stamp * 0x9E3779B1 & 0x1F0000:
            self.tail = _Tail(tuple([e for e in inputs if e.__class__ is Node]))
        self.note = note
        self.hooks: list[Callable[[Any], Any]] | None = None

    @property
    def ndim(self) -> int:
        """Number of dimensions of the result."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements of the result, or of all results."""
        size = 1
        n: Any
        for n in self.shape:
            if n.__class__ is tuple:  # the shape of one of several results
                return size_of(self.shape)
            size *= n
        return size

    @property
    def source(self) -> Source | None:
        """The user's line, when recorded."""
        return source_of(self.note) if self.note else None

    @property
    def scope(self) -> str:
        """The path of the `nn` module that the op ran in, when recorded."""
        return path_of(self.note[2]) if self.note else ""

    @property
    def op_name(self) -> str:
        """The name of the op; if it takes a result out of a call, the name of the result, such as "qr.Q"."""
        if self.op.name != "get_tuple_element":
            return self.op.name
        call = self.inputs[0].op
        name: str = call.result_text(self.params["index"], call.name)
        return name

    def describe(self) -> str:
        """Return `op (shape) dtype`, and the user's line when it was recorded, for error messages."""
        where = f", made at {self.source}" if self.source else ""
        return f"'{self.op_name}' result of shape {self.shape} {self.dtype}{where}"

    def __repr__(self) -> str:
        return f"<Node {self.op.name} {self.shape} {self.dtype}>"


# The names that users give to results; a node outlives the Tensor.
NAMES: WeakKeyDictionary[Node, str | None] = WeakKeyDictionary()


class _Leaf:
    """Takes the place of a node on a leaf that requires a gradient."""

    __slots__ = ()
    needs = (0,)

    def __repr__(self) -> str:
        return "<leaf>"


LEAF: Any = _Leaf()


# Whether a file's code is hidden from users, by file name.
_IS_HIDDEN: dict[str, bool] = {}
# The file of backward passes: the frames below one in the stack were examined when it began.
_ENGINE = os.path.join(_PACKAGE, "engine", "walk.py")


def take_note(scope: str, skip: int = 3, within: Note | None = None) -> Note:
    """Note the innermost frame outside this package, `nn`, NumPy and test runners.

    Args:
        scope: the path of the module that runs.
        skip: the number of frames to skip: this one, the recording function's and the operator's.
        within: the note from the beginning of the backward pass that runs now.
    """
    frame = sys._getframe(skip)
    lookup = _IS_HIDDEN.get
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        hidden = lookup(file)
        if hidden is None:
            hidden = is_hidden(code)
        if not hidden:
            return code, frame.f_lasti, scope
        if within is not None and file == _ENGINE:
            return within
        frame = frame.f_back  # type: ignore[assignment]
    return None, 0, scope


def is_hidden(code: CodeType) -> bool:
    """Return whether code belongs to this project, NumPy or a test runner, so that it is not the user's."""
    file = code.co_filename
    hidden = _IS_HIDDEN.get(file)
    if hidden is None:
        hidden = _IS_HIDDEN[file] = file.startswith(_HIDDEN)
    return hidden


def user_source() -> Source | None:
    """Return the user's line that is running now; see `take_note`."""
    return source_of(take_note(""))


def source_of(note: Note) -> Source | None:
    """Return the place of a note."""
    code, instruction, _ = note
    return None if code is None else _source(code, instruction)


@functools.lru_cache(maxsize=1024)  # a compiled function is traced twice, and its passes ask again
def _source(code: CodeType, instruction: int) -> Source:
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line is not None)
    return Source(code.co_filename, next(lines, code.co_firstlineno), code.co_name)
