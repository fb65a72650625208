"""`compile`: a function that is traced once for each kind of arguments, and replayed from then on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import numpy as np

from ..core.arguments import described, function_given
from ..core.depth import DEPTH
from ..core.forks import fork_safe_lock
from ..core.mode import MODE
from ..observing import AssumptionFailed
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tree import items, leaves, map as map_leaves
from .backward import History, hand_over
from .replay import Replay
from .trace import Traced, difference, leaf_of, slot_of, trace

P = ParamSpec("P")
R = TypeVar("R")

# What one function keeps; beyond it, what was made first goes first.
_MOST_TRACES = 64
_ARRAYS = (Tensor, np.ndarray, np.generic)


class Trace(NamedTuple):
    """What is kept for one kind of arguments.

    Attributes:
        arguments: of what kind they are, as text.
        why: the reason why the function was traced.
        replay: what runs, or None if the function itself runs.
        out: what it returned, with `_RESULT` in place of Tensors.
        first: what the first of two runs did, until a second one has done the same.
        history: how results with a history are made, if there are any.
    """

    arguments: str
    why: str
    replay: Replay | None
    out: Any
    first: Traced | None
    history: History | None

    def __str__(self) -> str:
        rows = [f"for {self.arguments or 'no arguments'}", f"traced because {self.why}"]
        if self.first is not None:
            rows.append("has been called once, and is traced again at the second call")
        elif self.replay is None:
            rows.append("runs as it is")
        else:
            rows += self.replay.facts()
            rows += [] if self.history is None else self.history.facts()
        return "\n  ".join(rows)


class Compiled(Generic[P, R]):
    """A function that is traced once for each kind of arguments, and replayed from then on; see `compile`.

    Attributes:
        traces: what was traced, in the order in which it was.
    """

    def __init__(self, f: Callable[P, R]) -> None:
        functools.update_wrapper(self, f, updated=())
        self._f = f
        self._gives_tensors = hasattr(f, "named_parameters")  # as a module does, of arrays too
        self._traces: dict[Any, Trace] = {}
        self._lock = fork_safe_lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_f" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._f, name)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """What was traced, in the order in which it was."""
        return tuple(self._traces.values())

    def explain(self) -> str:
        """Return what was traced and why, what must stay as it is for that to be true, and what was made of it."""
        name = getattr(self._f, "__name__", "function")
        return "\n".join([f"{name}: {len(self._traces)} traces", *map(str, self._traces.values())])

    def source(self) -> str:
        """Return the code of the last trace, as Python."""
        found = [trace.replay.source.text for trace in self._traces.values() if trace.replay is not None]
        if not found:
            raise ValueError("Compiled.source: expected a trace; received none so far. Call the function first")
        return found[-1]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what the function does."""
        mode = MODE.get()
        depth = DEPTH.get()
        if depth.all > depth.tapes or mode.tape is not None or mode.watch is not None or mode.verify:
            return self._f(*args, **kwargs)  # what runs around it sees the operations themselves
        kinds: list[Any] = [mode.record]
        given: list[Any] = []
        arrays: list[Any] = []
        as_tensors = self._gives_tensors
        for x in _flat(args, kwargs):
            a = x
            if isinstance(x, Tensor):
                as_tensors, a = True, x._data
                if x._node is not None and x._node.needs and mode.record:
                    kinds.append(Tensor)
            if a.__class__ is np.ndarray:
                kinds.append((a.shape, a.dtype, a.strides))
            elif isinstance(a, np.generic):
                kinds.append((a.dtype,))
            elif isinstance(a, np.ndarray):
                return self._f(*args, **kwargs)  # a subclass, which has a meaning of its own
            else:
                kinds.append((x.__class__, x))
                continue
            given.append(x)
            arrays.append(a)
        key = tuple(kinds)
        try:
            known = self._traces.get(key)
        except TypeError:
            wrong = next(x for x in _flat(args, kwargs) if not isinstance(x, _ARRAYS) and x.__class__.__hash__ is None)
            raise TypeError(
                f"compile: expected arguments that are arrays, Tensors, containers of them, or values that can be "
                f"hashed, which are constants of the code; received {described(wrong)}. Make it a tuple, or capture it"
            ) from None
        why = "these arguments are of a new kind" if self._traces else "this was the first call"
        if known is not None and known.replay is not None:
            why = known.replay.broken()
            if not why:
                try:
                    values = known.replay(arrays)
                except AssumptionFailed:
                    return self._as_it_is(args, kwargs, as_tensors)
                if known.history is not None:
                    values = known.history.results(values, given, as_tensors)
                elif as_tensors:
                    values = [wrap(a, None) for a in values]
                return _given_back(known.out, values)
            known = None
        if known is not None and known.first is None:
            return self._f(*args, **kwargs)
        return self._traced(key, known, why, args, kwargs, as_tensors)

    def _traced(self, key: Any, known: Trace | None, why: str, args: Any, kwargs: Any, as_tensors: bool) -> Any:
        """Run the function and record it, for the first time or to see whether it does the same again."""
        given: list[Any] = []
        slots: list[Tensor] = []
        record = MODE.get().record

        def opened(leaf: Any) -> Any:
            if not isinstance(leaf, _ARRAYS):
                return leaf
            if isinstance(leaf, Tensor) and leaf.requires_grad and record:
                slot, inner = leaf_of(leaf)
            else:
                slot, inner = slot_of(leaf)
            given.append(leaf)
            slots.append(slot)
            return inner

        inner, keywords = map_leaves(opened, (args, kwargs))
        try:
            done = trace(self._f, slots, lambda: self._f(*inner, **keywords))
        except AssumptionFailed:
            return self._as_it_is(args, kwargs, as_tensors)
        hand_over(done, slots, given)
        results = [t for t in leaves(done.out) if isinstance(t, Tensor)]
        out = map_leaves(lambda x: _RESULT if isinstance(x, Tensor) else x, done.out)
        history = None if done.cut is None else History(self._f, done.cut)
        if done.obstacle:
            made = Trace(_kinds_of(args, kwargs), f"{why}; {done.obstacle}", None, out, None, None)
        elif known is None or known.first is None:
            made = Trace(_kinds_of(args, kwargs), why, None, out, done, None)
        elif differs := difference(known.first, done):
            made = known._replace(first=None, why=f"{known.why}; two calls did not do the same: {differs}")
        else:
            made = known._replace(first=None, replay=Replay(done), history=history)
        with self._lock:
            self._traces.pop(key, None)
            while len(self._traces) >= _MOST_TRACES:
                del self._traces[next(iter(self._traces))]
            self._traces[key] = made
        if history is None:
            values = [np.array(t._data)[()] for t in results]
            return _given_back(out, [wrap(a, None) for a in values] if as_tensors else values)
        if done.obstacle and not any(t.requires_grad for t in slots):
            return done.out  # with the history that was recorded
        return _given_back(out, history.of_trace(done, results, given, as_tensors))

    def _as_it_is(self, args: Any, kwargs: Any, as_tensors: bool) -> Any:
        """Run the function itself, on Tensors as when it was traced."""
        inner, keywords = map_leaves(_as_tensor, (args, kwargs))
        out = self._f(*inner, **keywords)
        if as_tensors:
            return out
        return map_leaves(lambda x: x._data if isinstance(x, Tensor) and not x.requires_grad else x, out)


def _as_tensor(x: Any) -> Any:
    return wrap(x, None) if isinstance(x, (np.ndarray, np.generic)) else x


class _Result:
    """Stands for a Tensor in what a function returned."""


_RESULT = _Result()


def _given_back(out: Any, values: Sequence[Any]) -> Any:
    """Return what the function returns, with these values."""
    if out is _RESULT:
        return values[0]
    each = iter(values)
    return map_leaves(lambda x: next(each) if x is _RESULT else x, out)


def _flat(args: Any, kwargs: Any) -> Any:
    """Return the leaves of arguments; quickly, if none is a container."""
    if kwargs:
        return leaves((args, kwargs))
    for x in args:
        if x.__class__ is not np.ndarray and x.__class__ is not Tensor:
            return leaves(args)
    return args


def _kinds_of(args: Any, kwargs: Any) -> str:
    found = []
    for path, x in items((args, kwargs)):
        name = path.removeprefix("[0]" if path.startswith("[0]") else "[1]")
        found.append(f"{name} {x.shape} {x.dtype}" if isinstance(x, _ARRAYS) else f"{name} {x!r:.40}")
    return ", ".join(found)


def compile(f: Callable[P, R]) -> Compiled[P, R]:
    """Return a function that does what `f` does, faster: it is traced once, and replayed from then on.

    At the first two calls with arguments of some kind (their shapes, dtypes and strides, the containers that they are
    in, and the values of everything else) the function runs, and all that it does with Tensors is recorded: operations,
    `backward`, assignments, draws. From then on a plan of that record is carried out: calls of NumPy into memory that
    is laid out in advance, with no Tensor and no bookkeeping. The results are those of `f`, bit for bit.

    If the two calls do not do the same, since `f` draws numbers with NumPy or counts its calls, say, `f` itself runs
    from then on, and `explain()` says what differed.

    Tensors and arrays that the function finds elsewhere, such as parameters, are read anew at every call. If one has
    another shape, or no longer requires a gradient, the function is traced again. Python code runs only when it is
    traced: what it prints or appends happens then and not later; see `observe` and `debug_print`.

    Results through which gradients flow to captured Tensors or to arguments have a history: `backward` from outside
    runs a second compiled program, and so do `grad` and `value_and_grad` of a compiled function. Where something must
    see the operations themselves, such as a hook or `create_graph`, they are recorded after all. In `jvp` and `vmap`
    the function itself runs. A replay issues no warnings of NumPy's.

    Args:
        f: a function of arrays, Tensors, and containers of them; whatever else it takes must be hashable and is a
            constant of the code.

    Returns:
        A `Compiled`: call it like `f`. Its results are Tensors if they have a history, if one of the arguments is a
        Tensor, or if `f` is a module; otherwise arrays. `explain()` and `source()` tell what it does.

    Raises:
        TraceError: when called, if `f` asks for the value of a Tensor, as `if t > 0`, `float(t)` or `t.numpy()` do.
        TypeError: when called, if an argument can be neither an array nor a constant.

    Example:
        >>> import numpy as np, autograd_lite as ag
        >>> slope = ag.compile(ag.grad(lambda x: np.sin(x) * x))
        >>> slope(0.0), float(slope(np.float64(1.0)))
        (np.float64(0.0), 1.3817732906760363)
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> @ag.compile
        ... def step(x):
        ...     ((w * x).sum() ** 2).backward()
        ...     with ag.no_grad():
        ...         w.assign(w - 0.1 * w.grad)
        ...     w.grad = None
        >>> for _ in range(3):
        ...     step(np.ones(2))
        >>> w
        Tensor([-0.176,  0.824], requires_grad=True)
    """
    function_given("compile", f)
    return Compiled(f)
