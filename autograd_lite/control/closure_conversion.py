"""Closure conversion: a function runs once and becomes a `Body`, whose captures are its last arguments.

One that is equal to one from before, by all that it reads, need not run again.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import BuiltinFunctionType, FunctionType, MappingProxyType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..compiler.trace import program_of, run, slot_of
from ..core.bytecode import imports, names_in
from ..core.dynamic_scalars import DynamicScalar
from ..core.forks import fork_safe_lock
from ..core.indices import IndexArray, indices_in
from ..core.mode import MODE, TAPES
from ..core.node import Node
from ..engine.walk import edge_of
from ..functional.vmap_transform import Batched
from ..ir.tape import HasEffects, Outside, Recorder, reconnect
from ..random import Generator
from ..tensors.record import wrap
from ..tensors.tensor import Tensor, tensor
from ..tensors.tracers import TracedTensor, Tracer, wrap_any
from ..tree import leaves, map as map_leaves, rebuild
from .body import Body, widen


class Closed(NamedTuple):
    """A function as data.

    Attributes:
        body: takes the leaves of the arguments, and then the captured Tensors.
        out: what the function returned, with 0 for every array.
        captured: the Tensors from around the function that it reads.
    """

    body: Body
    out: Any
    captured: list[Tensor]


def example_of(a: Any) -> Any:
    """Return plain values of the shape and the dtype of an argument, whatever transformations it belongs to."""
    if isinstance(a, Tensor):
        return example_of(a._data)
    if isinstance(a, Batched):
        every = example_of(a.array)
        return every[0] if len(every) else np.zeros(every.shape[1:], every.dtype)
    return example_of(a.example) if isinstance(a, Tracer) else a


class _Around(Outside):
    """The host state of a function that is closed: numbers whose value is fixed are guarded by a compilation around."""

    def __init__(self, tape: Any) -> None:
        self.tape = tape

    def call(self, f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Return the result of a function of numbers."""
        if self.tape is not None:
            return self.tape.host_state.call(f, args)
        return DynamicScalar(self, f, args, f(*args), "a number")

    def fix(self, number: DynamicScalar) -> Any:
        """Return the value of a number."""
        return number.value


class _Closing(Recorder):
    """The tape of a function, and all that it reads from around it.

    Attributes:
        caller: the caller, for messages.
        replaced: for each edge from before the Tensor around it, the one that stands for it in the program, and the
            slot that takes its place in the function.
    """

    rehearses = True

    def __init__(self, caller: str, f: Callable[..., Any]) -> None:
        super().__init__(f, caller)
        self.replaced: dict[Any, tuple[Tensor, Tensor, Tensor]] = {}
        self.caller = caller
        self.host_state = _Around(MODE.get().tape if TAPES else None)  # type: ignore[assignment]

    def read(self, edge: Any, value: Any = None) -> None:
        """Note that an op reads something, be it from before the function."""
        if edge.__class__ is not Node:
            super().read(edge)
        elif edge.stamp < self.began and edge not in self.replaced:
            self.replaced[edge] = wrap_any(value, edge), *slot_of(example_of(value))

    def lower(self, t: Any) -> Any:
        """Return a slot in place of a Tensor of a transformation around the function."""
        if not isinstance(t, Tensor) or not isinstance(t._data, Tracer) or t._data.level.stamp > self.began:
            return t
        if t not in self.replaced:
            self.replaced[t] = t, *slot_of(example_of(t))
        return self.replaced[t][-1]

    def as_result(self, x: Any) -> Tensor:
        """Return a leaf of the result as a Tensor of this record."""
        if not isinstance(x, (Tensor, np.ndarray, np.generic, bool, int, float, complex)):
            raise TypeError(
                f"{self.caller}: expected {self._name} to return arrays and containers of arrays; received "
                f"{type(x).__name__}"
            )
        if not isinstance(x, Tensor):
            return tensor(x)
        x = self.lower(x)
        self.read(edge_of(x), x._data)
        return self.replaced[x._node][-1] if x._node in self.replaced else x

    def index(self, t: Any) -> IndexArray:
        """Return the values of a Tensor as an index."""
        t = self.lower(t)
        index = super().index(t)
        self.as_result(t)
        return index


class _Deriving(_Closing):
    """The tape of a function that follows from another one."""

    derives = True


def close(caller: str, f: Callable[..., Any], args: tuple[Any, ...], otherwise: Exception | None = None) -> Closed:
    """Run a function once on examples of its arguments, so that nothing outside notices, and return it as data.

    Args:
        caller: the caller, for messages.
        f: the function.
        args: trees whose leaves are Tensors, arrays or NumPy's numbers.
        otherwise: what to raise if the function changes something outside; by default `HasEffects`.

    Raises:
        TraceError: if it asks for a value.
    """
    tree: list[Any] = []

    def flat(*values: Tensor) -> list[Any]:
        tree.append(f(*rebuild(args, iter(values))))
        return leaves(tree[0]) or [np.empty(0, np.bool_)]  # so that an op that has effects alone has a result

    try:
        body, captured = _close(_Closing(caller, f), flat, [example_of(a) for a in leaves(args)])
    except HasEffects as error:
        raise otherwise or error from None
    return Closed(body, map_leaves(lambda _: 0, tree[0]), captured)


def align_captures(parts: Sequence[Closed], n: int) -> tuple[list[Body], list[Tensor]]:
    """Let functions of the same n arguments capture the same Tensors: all that one of them does."""
    captured = list({id(t): t for part in parts for t in part.captured}.values())
    position = {id(t): n + k for k, t in enumerate(captured)}
    examples = [*parts[0].body.examples[:n], *map(example_of, captured)]
    return [
        widen(part.body, [*range(n), *(position[id(t)] for t in part.captured)], examples) for part in parts
    ], captured


def record_body(
    name: str,
    function: Callable[..., list[Tensor]],
    examples: Sequence[Any],
    stands_for: Mapping[Any, Any] = MappingProxyType({}),
) -> Body:
    """Return what a function does as a body.

    Args:
        name: of the body.
        function: of Tensors; it reads nothing else, so whatever has no history is a constant that an op has made.
        examples: of its arguments.
        stands_for: receives nodes for which others are to be read.
    """
    return _close(_Deriving(name, function), function, examples, stands_for, captures=False)[0]


def _close(
    tape: _Closing,
    function: Callable[..., list[Any]],
    examples: Sequence[Any],
    stands_for: Mapping[Any, Any] = MappingProxyType({}),
    captures: bool = True,
) -> tuple[Body, list[Tensor]]:
    """Record a function as a body; return it and the Tensors that it captures, which are its last arguments."""
    slots = [slot_of(a) for a in examples]

    def call() -> list[Tensor]:
        with np.errstate(all="ignore"):
            return [tape.as_result(x) for x in function(*[inner for _, inner in slots])]

    results, _ = run(tape, call)
    new = {**{edge: edge_of(slot) for edge, (_, _, slot) in tape.replaced.items()}, **stands_for}
    nodes = [*results, *tape.effects]

    def edge_for(edge: Any, _: Any = None) -> Any:
        return new.get(edge, edge) if edge.__class__ is Node else edge

    for t in nodes:
        t._node = edge_for(t._node)
    reconnect(nodes, edge_for)
    pairs = [(t, stand) for t, stand, _ in tape.replaced.values()]
    slot_ids = {id(stand) for stand, _ in slots}.union([id(stand) for _, stand in pairs])
    pairs += [(t, t) for t in tape.outside.values() if captures and id(t) not in slot_ids]
    program = program_of(tape, nodes, [stand for stand, _ in slots] + [stand for _, stand in pairs])
    if len(program.inputs) > len(slots) + len(pairs):
        raise HasEffects  # it reads a number of the function around, which Python computes
    # A body may outlive the values that it was made from.
    bindings = {i: wrap(x._data, None) if isinstance(x, Tensor) else x for i, x in program.bindings.items()}
    for _, _, params in program.calls.values():
        for index in indices_in(params):
            index.edge = None
    n, m = len(slots), len(results)
    read = [(t, stand, i) for (t, stand), i in zip(pairs, program.inputs[n:], strict=True) if i is not None]
    inputs = (*program.inputs[:n], *[i for *_, i in read])
    program = replace(program, inputs=inputs, bindings=MappingProxyType(bindings))
    outputs = program.graph.outputs
    body = Body(tape.caller, program, outputs[:m], outputs[m:], [*examples, *[stand._data for _, stand, _ in read]])
    return body, [t for t, *_ in read]


# ---- functions that have run before ----------------------------------------------------------------------------------

# A function that is defined inside another one is a new object at every call. It is the same if its code and all that
# it captures are the same, apart from Tensors, which may be others each time.
_PLAIN = (bool, int, str, bytes, type(None), type(Ellipsis), np.dtype)
_AS_THEY_ARE = (BuiltinFunctionType, np.ufunc, Generator)
_LARGE = 1 << 16
_OURS = __name__.partition(".")[0]
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_MOST = 64


class Unfamiliar(Exception):
    """Raised where a function reads something that may change unnoticed."""


class FunctionKey:
    """The identity of a function, apart from the Tensors that it reads.

    Attributes:
        key: equal for functions that do the same.
        tensors: what they do it with, in order.
        referents: whatever must stay alive as long as the key is kept, since its id is in it.

    Raises:
        Unfamiliar: if the function reads something that may change unnoticed, such as an attribute of an object.
    """

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self.tensors: list[Tensor] = []
        self.referents: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self.key = tuple([self._of(f) for f in functions])

    def _of(self, x: Any) -> Any:
        kind = x.__class__
        if isinstance(x, Tensor):
            if isinstance(x, TracedTensor):
                raise Unfamiliar
            number = self._numbers.setdefault(id(x), len(self.tensors))
            if number == len(self.tensors):
                self.tensors.append(x)
            return "tensor", number, x.shape, x.dtype
        if isinstance(x, _PLAIN):
            return kind, x
        if isinstance(x, (float, complex, np.generic)):
            return kind, repr(x)
        if kind in (tuple, list):
            return kind, tuple([self._of(y) for y in x])
        if kind is dict:
            return kind, tuple([(self._of(k), self._of(y)) for k, y in x.items()])
        if kind is FunctionType and ("<locals>" in x.__qualname__ or not _is_of_a_library(x.__module__)):
            return self._function(x)
        if kind is partial:
            return kind, self._of(x.func), self._of(x.args), self._of(x.keywords)
        if kind is np.ndarray and x.nbytes <= _LARGE and not x.dtype.hasobject:
            return self._itself(x), x.shape, x.dtype, x.tobytes()  # NumPy may read it before an operation does
        if kind is BuiltinFunctionType and not isinstance(x.__self__, ModuleType | None):
            raise Unfamiliar  # a method of something that has a state
        if isinstance(x, (*_AS_THEY_ARE, FunctionType)):
            return self._itself(x)
        if isinstance(x, ModuleType) and _is_of_a_library(x.__name__):
            return self._itself(x)
        if isinstance(x, type) and _is_of_a_library(x.__module__):
            return self._itself(x)
        raise Unfamiliar

    def _itself(self, x: Any) -> Any:
        self.referents.append(x)
        return id(x)

    def _function(self, f: FunctionType) -> Any:
        if id(f) in self._seen:  # it calls itself
            return "again", self._seen[id(f)]
        if vars(f) or imports(f.__code__):
            raise Unfamiliar
        self._seen[id(f)] = len(self._seen)
        self.referents.append(f.__code__)
        try:
            cells = [cell.cell_contents for cell in f.__closure__ or ()]
        except ValueError:  # not yet filled
            raise Unfamiliar from None
        names = [name for name in names_in(f.__code__) if name in f.__globals__]
        read = [f.__globals__[name] for name in names]
        values = [*cells, *read, f.__defaults__, f.__kwdefaults__]
        return f.__code__, tuple(names), tuple([self._of(x) for x in values])


def _is_of_a_library(module: Any) -> bool:
    name = str(module).partition(".")[0]
    if name == _OURS or name in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and file.startswith(_LIBRARIES)


class BodyCache:
    """Caches what functions do, as data; beyond a limit, the oldest entries go."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, list[int] | None, list[Any]]] = {}
        self._lock = fork_safe_lock()

    def recall(
        self, users: Sequence[Any], kinds: Any, record: Callable[[], tuple[Any, list[Tensor]]]
    ) -> tuple[Any, list[Tensor]] | None:
        """Return functions as data, and the Tensors that these capture; recorded twice, and then known.

        None if the functions read something that may change unnoticed, or do something else each time.

        Args:
            users: the functions, and whatever else the data depend on.
            kinds: equal for arguments of the same kinds.
            record: runs the functions; returns the data and the Tensors.
        """
        try:
            reading = FunctionKey(*users)
        except Unfamiliar:
            return None
        key = reading.key, kinds, MODE.get().record
        entry = self._known.get(key)
        if entry is not None:
            value, places, _ = entry
            return None if places is None else (value, [reading.tensors[k] for k in places])
        value, captured = record()
        does_the_same = repr(value) == repr(record()[0])
        position = {id(edge_of(t)): k for k, t in enumerate(reading.tensors)}
        places = [position.get(id(edge_of(t)), -1) for t in captured]
        is_known = does_the_same and -1 not in places
        self._keep(key, (value, places, reading.referents) if is_known else (None, None, reading.referents))
        return (value, captured) if is_known else None

    def _keep(self, key: Any, entry: tuple[Any, list[int] | None, list[Any]]) -> None:
        with self._lock:
            self._known.pop(key, None)
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = entry
