"""The reads of a function's code from outside, and the instructions that consume each of them: abstract interpretation.

The instructions of a code object are visited in order, with a stack of the values that each one pushes: a name,
followed by attributes and by items with constant keys, or an unknown value. Where the order of instructions does not
determine the stack (after an unconditional jump, or an instruction that is not in the tables), everything on it counts
as read by something unknown. So the analysis may find too much, and never too little.
"""

from __future__ import annotations

import dis
import functools
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import CodeType
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Step(NamedTuple):
    """One step from an object into it: an attribute, an item, a part of an array by slices, or "some" item.

    "some" is an item by a key that the code computes, or every item in turn.
    """

    kind: str
    key: Any


class Use(NamedTuple):
    """One place where code reads something.

    Attributes:
        code: that reads it.
        root: where its name is looked up: "global", "cell", "local", "import", or "unknown" for attributes of a value.
        name: of the variable.
        path: the steps from there.
        taker: its consumer: "call", "argument", "operand", "store", "is", "target" (an attribute of it is set), "write"
            (an item of it is set), "update" (it is the left side of `+= constant`), "option" (`getattr` or `hasattr`
            asks for an attribute, the last step), "iteration", "nothing", or "unknown".
        offsets: the offset of the instruction that consumes it, and of the next one.
        line: the line of that instruction.
        other: the variable that it is stored in, or the use that is called with it.
    """

    code: CodeType
    root: str
    name: str
    path: tuple[Step, ...]
    taker: str
    offsets: tuple[int, int]
    line: int
    other: Any = None


class _Value(NamedTuple):
    """A value on the stack whose origin is known."""

    root: str
    name: str
    path: tuple[Step, ...] = ()


class _Constant(NamedTuple):
    value: Any


class _Iterator(NamedTuple):
    """The iterator of a loop."""

    value: _Value


class _Display(NamedTuple):
    """A tuple, list or dict that the code has just built."""

    parts: tuple[Any, ...]


def _by_name(table: Mapping[T, str]) -> dict[str, T]:
    return {name: value for value, names in table.items() for name in names.split()}


_FASTS = "LOAD_FAST LOAD_FAST_CHECK LOAD_FAST_BORROW LOAD_FAST_AND_CLEAR LOAD_FAST_LOAD_FAST"
_VARIABLES = _by_name(
    {
        "global": "LOAD_GLOBAL LOAD_NAME LOAD_FROM_DICT_OR_GLOBALS",
        "cell": "LOAD_DEREF LOAD_CLASSDEREF LOAD_FROM_DICT_OR_DEREF",
        "local": f"{_FASTS} LOAD_FAST_BORROW_LOAD_FAST_BORROW",
    }
)
_STORES = frozenset(("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL", "STORE_FAST_STORE_FAST"))
# After these, the next instruction is reached only by a jump.
_ENDS = frozenset(("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD")) | (
    frozenset(("JUMP_BACKWARD_NO_INTERRUPT", "JUMP", "JUMP_NO_INTERRUPT"))
)
_FLOW = "RESUME NOP CACHE EXTENDED_ARG PRECALL KW_NAMES NOT_TAKEN JUMP_FORWARD JUMP_BACKWARD RETURN_CONST"
_CELLS = "MAKE_CELL COPY_FREE_VARS SETUP_ANNOTATIONS DELETE_FAST DELETE_NAME DELETE_GLOBAL DELETE_DEREF"
# How many values other instructions take and push, and the name of the taker.
_EFFECTS = _by_name(
    {
        (0, 0, "nothing"): f"{_FLOW} {_CELLS} JUMP_BACKWARD_NO_INTERRUPT TO_BOOL",
        (1, 0, "nothing"): "POP_TOP",
        (2, 1, "operand"): "BINARY_OP COMPARE_OP",
        (1, 1, "operand"): "UNARY_NEGATIVE UNARY_INVERT UNARY_POSITIVE",
        (2, 1, "is"): "IS_OP",
        (1, 0, "target"): "DELETE_ATTR",
        (0, 1, "unknown"): "PUSH_NULL LOAD_CLOSURE LOAD_BUILD_CLASS LOAD_ASSERTION_ERROR LOAD_COMMON_CONSTANT",
        (1, 0, "unknown"): "RETURN_VALUE LIST_EXTEND SET_UPDATE DICT_UPDATE DICT_MERGE LIST_APPEND SET_ADD",
        (1, 1, "unknown"): "UNARY_NOT FORMAT_SIMPLE CONVERT_VALUE LIST_TO_TUPLE CALL_INTRINSIC_1",
        (1, 2, "unknown"): "BEFORE_WITH",
        (2, 0, "unknown"): "MAP_ADD",
        (2, 1, "unknown"): "CONTAINS_OP FORMAT_WITH_SPEC CALL_INTRINSIC_2 SET_FUNCTION_ATTRIBUTE",
    }
)
# The takers of the values that an instruction takes to write into an object, from the uppermost on.
_WRITES = {
    "STORE_ATTR": ("target", "unknown"),
    "STORE_SUBSCR": ("operand", "write", "operand"),
    "STORE_SLICE": ("unknown", "unknown", "write", "operand"),
    "DELETE_SUBSCR": ("operand", "write"),
}
# The same for instructions whose argument decides.
_COUNTS: dict[str, Callable[[int], tuple[int, int]]] = {
    "BUILD_SET": lambda n: (n, 1),
    "BUILD_STRING": lambda n: (n, 1),
    "FORMAT_VALUE": lambda n: (2 if n & 4 else 1, 1),
    "MAKE_FUNCTION": lambda n: (1 + n.bit_count(), 1),
    "UNPACK_EX": lambda n: (1, (n & 0xFF) + (n >> 8) + 1),
}


class _Reader:
    """Goes through the instructions of one code object."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.uses: list[Use] = []
        self.stack: list[Any] = []
        self.line, self.offsets, self.own = code.co_firstlineno, (0, 0), set(code.co_cellvars)

    def read(self) -> None:
        before, start = "", 0
        instructions = list(dis.get_instructions(self.code))
        ends = [*(at.offset for at in instructions[1:]), len(self.code.co_code)]
        for at, end in zip(instructions, ends, strict=True):
            name = at.opname
            self.line = (at.positions.lineno if at.positions else None) or self.line
            start = start if before == "PRECALL" else at.offset
            self.offsets = start, end  # a frame that has called another is after the instruction's caches
            if at.is_jump_target and before in _ENDS:
                self.flush()
            before = name
            self.step(name, at)
        self.flush()

    def push(self, *values: Any) -> None:
        self.stack += values

    def pop(self) -> Any:
        return self.stack.pop() if self.stack else None

    def take(self, taker: str, n: int = 1, other: Any = None) -> None:
        """Let an instruction take the uppermost values."""
        for _ in range(n):
            self.took(self.pop(), taker, other)

    def took(self, x: Any, taker: str, other: Any) -> None:
        if isinstance(x, _Value):
            self.uses.append(Use(self.code, *x, taker, self.offsets, self.line, other))
        elif isinstance(x, _Iterator):
            self.took(x.value, "unknown", other)
        elif isinstance(x, _Display):
            for part in x.parts:  # a function that is called with the container receives its parts
                self.took(part, taker if taker == "argument" else "unknown", other)

    def flush(self) -> None:
        """Count everything on the stack as taken by something unknown."""
        self.take("unknown", len(self.stack))

    def step(self, name: str, at: dis.Instruction) -> None:
        argument = at.arg or 0
        if (root := _VARIABLES.get(name)) is not None:
            for variable in at.argval if isinstance(at.argval, tuple) else (at.argval,):
                self.push(_Value("local" if variable in self.own else root, variable))
            if name == "LOAD_GLOBAL" and argument & 1:
                self.push(None)
                self.stack[-2:] = reversed(self.stack[-2:])
        elif name in ("LOAD_CONST", "LOAD_SMALL_INT"):
            self.push(_Constant(at.argval))
        elif name in ("LOAD_ATTR", "LOAD_METHOD"):
            self.attribute(str(at.argval), name == "LOAD_METHOD" or "|self" in at.argrepr)
        elif name == "LOAD_SUPER_ATTR":
            self.take("nothing", 2)
            self.attribute(str(at.argval), bool(argument & 1))
        elif name == "BINARY_SUBSCR" or (name == "BINARY_OP" and at.argrepr == "[]"):
            self.item()
        elif name == "BINARY_SLICE":
            bounds = self.stack[-2:]
            if len(bounds) == 2 and all(isinstance(x, _Constant) for x in bounds):
                self.stack[-2:] = [_Constant(slice(*(x.value for x in bounds)))]
            else:
                self.take("unknown", 2)
                self.push(None)
            self.item()
        elif name in ("GET_ITER", "FOR_ITER"):
            self.iterate(name)
        elif name in _STORES:
            for variable in at.argval if isinstance(at.argval, tuple) else (at.argval,):
                self.take("store", other=variable)
        elif name == "STORE_FAST_LOAD_FAST":
            self.take("store", other=at.argval[0])
            self.push(_Value("local", at.argval[1]))
        elif name in ("CALL", "CALL_KW", "CALL_FUNCTION_EX"):
            self.call(name, argument)
        elif name in ("BUILD_TUPLE", "BUILD_LIST", "BUILD_SLICE"):
            self.build(name, argument)
        elif name in _COUNTS:
            n, pushed = _COUNTS[name](argument)
            self.take("unknown", n)
            self.push(*[None] * pushed)
        elif name in _EFFECTS:
            n, pushed, taker = _EFFECTS[name]
            if name == "BINARY_OP" and at.argrepr.endswith("="):
                self.update()
            self.take(taker, n)
            self.push(*[None] * pushed)
        else:
            self.rarer(name, at, argument)

    def rarer(self, name: str, at: dis.Instruction, argument: int) -> None:
        if name in _WRITES:
            for taker in _WRITES[name]:
                self.take(taker)
        elif name == "COPY":
            self.push(self.stack[-argument] if argument <= len(self.stack) else None)
        elif name == "SWAP":
            if argument > len(self.stack):
                self.flush()
            else:
                self.stack[-1], self.stack[-argument] = self.stack[-argument], self.stack[-1]
        elif name.startswith(("POP_JUMP", "JUMP_IF")):
            self.take("is" if "NONE" in name else "unknown")
        elif name == "IMPORT_NAME":
            self.take("nothing", 2)
            self.push(_Value("import", str(at.argval)))
        elif name == "IMPORT_FROM":
            x = self.stack[-1] if self.stack else None
            self.push(x._replace(path=(*x.path, Step("attribute", at.argval))) if isinstance(x, _Value) else None)
        elif name in ("BUILD_MAP", "BUILD_CONST_KEY_MAP"):
            self.display(2 * argument if name == "BUILD_MAP" else argument + 1)
        elif name == "UNPACK_SEQUENCE":
            x = self.pop()
            self.took(_some(x) or x, "iteration", None)
            self.push(*[_some(x)] * argument)
        else:
            self.flush()

    def update(self) -> None:
        """Treat `x += constant` of an outside variable as a write only: a counter takes no part in the computation."""
        if len(self.stack) > 1 and isinstance(self.stack[-1], _Constant) and isinstance(self.stack[-2], _Value):
            x = self.stack[-2]
            if x.path or x.root in ("global", "cell"):
                self.took(x, "update", None)
                self.stack[-2] = None

    def attribute(self, name: str, is_method: bool) -> None:
        x = self.pop()
        if isinstance(x, _Value):
            x = x._replace(path=(*x.path, Step("attribute", name)))
        else:
            x = _Value("unknown", "", (Step("attribute", name),))
        self.push(*[None] * is_method, x)

    def item(self) -> None:
        key, x = self.pop(), self.pop()
        if isinstance(x, _Value) and isinstance(key, _Constant) and isinstance(key.value, Hashable | slice):
            parts = key.value if isinstance(key.value, tuple) else (key.value,)
            kind = "part" if any(isinstance(part, slice) for part in parts) else "item"
            self.push(x._replace(path=(*x.path, Step(kind, key.value))))
            return
        self.took(key, "unknown", None)
        self.push(_some(x))

    def iterate(self, name: str) -> None:
        """Begin a loop, which takes one item after the other."""
        x = self.pop()
        if name == "GET_ITER" and isinstance(x, _Value):
            self.push(_Iterator(x))
        elif name == "GET_ITER":
            self.took(x, "unknown", None)
            self.push(None)
        elif isinstance(x, _Iterator):
            self.took(_some(x.value), "iteration", None)
            self.push(None, _some(x.value))
        else:
            self.push(x, None)

    def call(self, name: str, argument: int) -> None:
        if name == "CALL_FUNCTION_EX":  # a place for NULL, the function, its arguments, and perhaps keywords
            self.take("unknown", 2 if argument & 1 or sys.version_info >= (3, 14) else 1)
            n = 0
        else:
            n = argument
            if name == "CALL_KW":
                self.pop()
        arguments = self.stack[len(self.stack) - n :] if n else []
        del self.stack[len(self.stack) - len(arguments) :]
        two = [self.pop(), self.pop()]
        f = next((x for x in two if isinstance(x, _Value)), None)
        taker = "call"
        if f and f.name in ("getattr", "hasattr") and len(arguments) > 1 and isinstance(arguments[1], _Constant):
            taker = "option"
            self.push(arguments[0])
            self.attribute(str(arguments[1].value), False)
            self.take(taker)
        self.push(*arguments)
        self.take("argument", len(arguments), f)
        for x in two:
            self.push(x)
            self.take(taker)
        self.push(None)

    def build(self, name: str, n: int) -> None:
        parts = self.stack[len(self.stack) - n :] if n else []
        if name in ("BUILD_TUPLE", "BUILD_SLICE") and n and all(isinstance(x, _Constant) for x in parts):
            values = tuple([x.value for x in parts])
            del self.stack[-n:]
            self.push(_Constant(slice(*values) if name == "BUILD_SLICE" else values))
        elif name == "BUILD_SLICE":
            self.take("unknown", n)
            self.push(None)
        else:
            self.display(n)

    def display(self, n: int) -> None:
        parts = tuple(self.stack[len(self.stack) - n :]) if n else ()
        del self.stack[len(self.stack) - len(parts) :]
        self.push(_Display(parts))


def _some(x: Any) -> _Value | None:
    """Return the value of an item by an unknown key; None if the container is unknown."""
    return x._replace(path=(*x.path, Step("some", None))) if isinstance(x, _Value) else None


@functools.lru_cache(maxsize=4096)
def uses_in(code: CodeType) -> tuple[Use, ...]:
    """Return the reads of variables in a code object, without those of nested ones.

    Example:
        >>> settings = {"rate": 0.5}
        >>> def scaled(x):
        ...     return x * settings["rate"]
        >>> [(use.root, use.name, use.path[0].key, use.taker) for use in uses_in(scaled.__code__) if use.path]
        [('global', 'settings', 'rate', 'operand')]
    """
    reader = _Reader(code)
    reader.read()
    return tuple(reader.uses)


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all nested ones: of the functions and classes that it defines."""
    stack = [code]
    while stack:
        yield (one := stack.pop())
        stack += [x for x in one.co_consts if isinstance(x, CodeType)]


@functools.lru_cache(maxsize=4096)
def names_in(code: CodeType) -> tuple[str, ...]:
    """Return the names of globals and attributes in a code object and those in it."""
    return tuple(dict.fromkeys(name for one in codes_in(code) for name in one.co_names))


@functools.lru_cache(maxsize=4096)
def imports(code: CodeType) -> bool:
    """Return whether a code object or one in it has an import."""
    return any(use.root == "import" for one in codes_in(code) for use in uses_in(one))
