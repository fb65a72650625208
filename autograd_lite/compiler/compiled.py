"""`compile`: a function that is traced once for each kind of arguments, and replayed from then on."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import numpy as np

from ..core.arguments import described, function_given
from ..core.depth import DEPTH
from ..core.forks import fork_safe_lock
from ..core.hooks import HOOKS
from ..core.mode import MODE
from ..observing import AssumptionFailed
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tree import items, leaves, map as map_leaves
from .hosts import Changed, Memo
from .kinds import RESULT, ArrayKind
from .replay import Replay
from .trace import Traced, difference, settled, slot_of, trace

P = ParamSpec("P")
R = TypeVar("R")

# What one function keeps; beyond it, what was made first goes first.
_MOST_TRACES = 64
# The ways that a function may take with arguments of one kind: it may branch on numbers that are read at every call.
_MOST_VARIANTS = 16
ARRAYS = (Tensor, np.ndarray, np.generic)


class Trace(NamedTuple):
    """What is kept for one kind of arguments.

    Attributes:
        arguments: of what kind they are, as text.
        why: the reason why the function was traced.
        replay: what runs, or None if the function itself runs.
        out: what it returned, with `RESULT` in place of Tensors.
        first: what the first of two runs did, until a second one has done the same.
        given: the arguments, with an `ArrayKind` in place of each array.
    """

    arguments: str
    why: str
    replay: Replay | None
    out: Any
    first: Traced | None
    given: Any

    def __str__(self) -> str:
        rows = [f"for {self.arguments or 'no arguments'}", f"traced because {self.why}"]
        if self.first is not None:
            rows.append("has been called once, and is traced again at the second call")
        elif self.replay is None:
            rows.append("runs as it is")
        else:
            rows += self.replay.facts()
        return "\n  ".join(rows)


_HAS_HISTORY = (
    "a result has a history that leads to a captured tensor. Call backward inside the function, or differentiate it "
    "inside, ag.compile(ag.grad(f))"
)


class Compiled(Generic[P, R]):
    """A function that is traced once for each kind of arguments, and replayed from then on; see `compile`.

    Attributes:
        traces: what was traced, in the order in which it was.
    """

    def __init__(self, f: Callable[P, R]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._traces: dict[Any, list[Trace]] = {}
        self._lock = fork_safe_lock()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """What was traced, in the order in which it was."""
        return tuple([trace for variants in list(self._traces.values()) for trace in variants])

    def explain(self) -> str:
        """Return what was traced and why, what must stay as it is for that to be true, and what was made of it."""
        name = getattr(self._f, "__name__", "function")
        return "\n".join([f"{name}: {len(self.traces)} traces", *map(str, self.traces)])

    def source(self) -> str:
        """Return the code of the last trace, as Python."""
        found = [trace.replay.source.text for trace in self.traces if trace.replay is not None]
        if not found:
            raise ValueError("Compiled.source: expected a trace; received none so far. Call the function first")
        return found[-1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was traced to a file, with all that it captures; `load_compiled` reads it.

        The file holds the operations, the parameters, states and constants that they read, `.grad` where that is read,
        and the states of random generators; no code. Checks of values, as those of the labels that a loss is given,
        are left out. The plans are made anew where it is loaded.

        Args:
            path: of the file, in the form of safetensors with a description in its metadata, whatever its ending is.

        Raises:
            ValueError: if nothing is replayed so far.
            TypeError: if it holds something that has no form in a file, such as a custom op, or a function that
                `observe` calls; the message says where.

        Example:
            >>> import os, tempfile
            >>> import numpy as np, autograd_lite as ag
            >>> w = ag.tensor([1.0, 2.0], name="w")
            >>> scaled = ag.compile(lambda x: w * x)
            >>> for _ in range(2):
            ...     _ = scaled(np.ones(2))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = os.path.join(folder, "scaled.safetensors")
            ...     scaled.save(path)
            ...     loaded = ag.load_compiled(path)
            >>> loaded.captured["w"].assign([3.0, 4.0])
            >>> loaded(np.ones(2))
            array([3., 4.])
        """
        HOOKS.compiled().save_compiled(self, path)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what the function does."""
        mode = MODE.get()
        if DEPTH.get().all or mode.tape is not None or mode.watch is not None:
            return self._f(*args, **kwargs)  # what runs around it sees the operations themselves
        kinds: list[Any] = [mode.record]
        arrays: list[Any] = []
        as_tensors = False
        for x in _flat(args, kwargs):
            a = x
            if isinstance(x, Tensor):
                if x._node is not None:
                    return self._f(*args, **kwargs)
                as_tensors, a = True, x._data
            if a.__class__ is np.ndarray:
                arrays.append(a)
                kinds.append((a.shape, a.dtype, a.strides))
            elif isinstance(a, np.generic):
                arrays.append(a)
                kinds.append((a.dtype,))
            elif isinstance(a, np.ndarray):
                return self._f(*args, **kwargs)  # a subclass, which has a meaning of its own
            else:
                kinds.append((x.__class__, x))
        key = tuple(kinds)
        try:
            known = self._traces.get(key, ())
        except TypeError:
            wrong = next(x for x in _flat(args, kwargs) if not isinstance(x, ARRAYS) and x.__class__.__hash__ is None)
            raise TypeError(
                f"compile: expected arguments that are arrays, Tensors, containers of them, or values that can be "
                f"hashed, which are constants of the code; received {described(wrong)}. Make it a tuple, or capture it"
            ) from None
        why = "these arguments are of a new kind" if self._traces else "this was the first call"
        memo: Memo = {}
        for one in known:
            if one.replay is None:
                if one.first is None:
                    return self._f(*args, **kwargs)
                continue
            why = one.replay.broken()
            if not why:
                try:
                    return given_back(one.out, one.replay(arrays, memo), as_tensors)
                except Changed as error:
                    why = f"it is no longer true that {error}"
                except AssumptionFailed:
                    return self._as_it_is(args, kwargs, as_tensors)
        return self._traced(key, known, why, memo, args, kwargs, as_tensors)

    def _traced(
        self, key: Any, known: Sequence[Trace], why: str, memo: Memo, args: Any, kwargs: Any, as_tensors: bool
    ) -> Any:
        """Run the function and record it, for the first time or to see whether it does the same again."""
        slots: list[Tensor] = []

        def opened(leaf: Any) -> Any:
            if not isinstance(leaf, ARRAYS):
                return leaf
            slot, given = slot_of(leaf)
            slots.append(slot)
            return given

        inner, keywords = map_leaves(opened, (args, kwargs))
        try:
            done = trace(self._f, slots, lambda: self._f(*inner, **keywords), memo)
        except AssumptionFailed:
            return self._as_it_is(args, kwargs, as_tensors)
        results = [t for t in leaves(done.out) if isinstance(t, Tensor)]
        out = map_leaves(lambda x: RESULT if isinstance(x, Tensor) else x, done.out)
        given = map_leaves(lambda x: ArrayKind.of(x) if isinstance(x, ARRAYS) else x, (args, kwargs))
        self._keep(key, known, Trace(kinds_of(given), why, None, out, done, given), done)
        if done.history:
            return done.out
        return given_back(out, [np.array(t._data)[()] for t in results], as_tensors)

    def _keep(self, key: Any, known: Sequence[Trace], new: Trace, done: Traced) -> None:
        """Keep a trace, or the replay of one that has been made before and does the same."""
        before = next((t for t in known if t.first is not None and t.first.way == done.way), None)
        others = [t for t in known if t is not before]
        if done.history:
            others, new = [], new._replace(first=None, why=f"{new.why}; {_HAS_HISTORY}")
        elif len(others) == _MOST_VARIANTS and not any(trace.replay for trace in others):
            others, new = [], new._replace(first=None, why=f"{new.why}; it went {len(known)} ways before")
        elif before is not None and before.first is not None:
            if differs := difference(before.first, done):
                why = f"{before.why}; two calls did not do the same: {differs}"
                others, new = [], before._replace(first=None, why=why)
            else:
                new = before._replace(first=None, replay=Replay(settled(before.first, done)))
        with self._lock:
            self._traces.pop(key, None)
            while len(self._traces) >= _MOST_TRACES:
                del self._traces[next(iter(self._traces))]
            self._traces[key] = [*others[-_MOST_VARIANTS:], new]

    def _as_it_is(self, args: Any, kwargs: Any, as_tensors: bool) -> Any:
        """Run the function itself, on Tensors as when it was traced."""
        inner, keywords = map_leaves(lambda x: slot_of(x)[0] if isinstance(x, ARRAYS) else x, (args, kwargs))
        out = self._f(*inner, **keywords)
        return out if as_tensors else map_leaves(lambda x: x._data if isinstance(x, Tensor) else x, out)


def given_back(out: Any, values: Sequence[Any], as_tensors: bool) -> Any:
    """Return what the function returns, with these values."""
    if out is RESULT:
        return wrap(values[0], None) if as_tensors else values[0]
    each = iter(values)

    def filled(x: Any) -> Any:
        if x is not RESULT:
            return x
        return wrap(next(each), None) if as_tensors else next(each)

    return map_leaves(filled, out)


def _flat(args: Any, kwargs: Any) -> Any:
    """Return the leaves of arguments; quickly, if none is a container."""
    if kwargs:
        return leaves((args, kwargs))
    for x in args:
        if x.__class__ is not np.ndarray and x.__class__ is not Tensor:
            return leaves(args)
    return args


def kinds_of(given: Any) -> str:
    """Return the kinds of arguments as text."""
    found = []
    for path, x in items(given):
        name = path.removeprefix("[0]" if path.startswith("[0]") else "[1]")
        found.append(f"{name} {x!r:.40}")
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

    Inside a transformation, and on Tensors that have a history or require a gradient, the function itself runs. A
    replay issues no warnings of NumPy's.

    Args:
        f: a function of arrays, Tensors, and containers of them; whatever else it takes must be hashable and is a
            constant of the code.

    Returns:
        A `Compiled`: call it like `f`. Its results are arrays, and Tensors if one of the arguments is a Tensor; they
        have no history. `explain()` and `source()` tell what it does.

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
