"""`compile`: a function that is traced once for each kind of arguments, and replayed from then on."""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import warnings
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar, cast
from weakref import finalize, ref

import numpy as np

from ..core.arguments import describe, require_function
from ..core.collector import collector_at_rest
from ..core.depth import DEPTH
from ..core.duck_arrays import is_duck_array
from ..core.dynamic_scalars import DynamicScalar, plain_number
from ..core.errors import AssumptionFailed, CompileWarning, Obstacle, Rejected
from ..core.errstate import DEFAULT, error_state, shows_errors
from ..core.forks import fork_safe_lock
from ..core.hooks import HOOKS
from ..core.mode import MODE
from ..core.node import is_hidden
from ..core.traceback_folding import fold_error
from ..ir.host_record import ARGUMENTS
from ..ir.node_labels import count_of
from ..ir.observing import skipping
from ..ir.pure_graph import PureGraph
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves
from . import eager_run as direct
from .abstract_values import (
    ARRAYS,
    RESULT,
    ArrayKind,
    constant,
    copy_arrays,
    flat,
    kinds_of,
    unflatten_like,
    unhashable,
)
from .aliases import captured_ids, refuse_changes
from .compile_report import argument_kinds, named_arguments
from .execution_plan import Plan
from .exports import Exports
from .host_code import HostStateChanged, Memo
from .scalar_arguments import Number, Numbers, Varying, varying_numbers
from .trace import Recording, clear_slots, difference, leaf_of, merge, slot_of, trace
from .trace_cache import InProgress, Request, Trace, is_branch, is_broken, took_same_path
from .validation import validate_replay

P = ParamSpec("P")
R = TypeVar("R")

# Traces that one function keeps; beyond it, the oldest goes.
_MOST_TRACES = 64
# Kinds of arguments that are remembered then, which are traced if they come again.
_MOST_SEEN = 1000
# The ways that a function may take with arguments of one kind: it may branch on numbers that are read at every call.
_MOST_VARIANTS = 16
# More traces than these are worth a warning: the function is traced where it should be replayed.
_MANY_TRACES = 8
# Functions of which a call does not run the body.
_NOT_AT_ONCE = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction


class Compiled(Exports, Generic[P, R]):
    """A function that is traced once for each kind of arguments, and replayed from then on; see `compile`.

    Args:
        f: the function to trace. It is called with arrays, Tensors, containers of them, and other arguments, which are
            constants of a trace.
        exact: whether replays give the bits of the function itself; False also allows rewriting that changes the last
            digits.
        max_bytes: how much memory values may take that are kept for a backward pass inside; beyond it they are computed
            again. None, the default, for no bound.
        validate: whether every replay is compared with a run of the function, which raises `ReplayError` where they
            differ.

    Attributes:
        exact, max_bytes, validate: the arguments of these names.
        warn: whether to warn, once, that the function is not replayed because of something that it reads in Python.
        plans_later: whether the third call makes the replay, so that no call takes the time of a trace and of a plan.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> double = ag.compile(lambda x: x * 2)
        >>> double(np.ones(2))
        array([2., 2.])
        >>> isinstance(double, Compiled)
        True
    """

    _has_code = True
    _unguarded = ("_traces", "_seen", "_lock")

    def __init__(
        self, f: Callable[P, R], exact: bool = True, max_bytes: int | None = None, validate: bool = False
    ) -> None:
        functools.update_wrapper(self, f, updated=())
        self._f = f
        self.exact, self.max_bytes, self.validate = exact, max_bytes, validate
        self._name = getattr(f, "__name__", type(f).__name__)
        self._gives_tensors = hasattr(f, "named_parameters")  # as a module does, of arrays too
        self._traces: dict[Any, list[Trace]] = {}
        self.warn, self.plans_later, self._has_warned, self._sees_code = True, False, False, False
        self._numbers: dict[Any, Numbers] = {}
        self._seen: set[int] = set()  # hashes of kinds that came when there were as many traces as are kept
        self._lock = fork_safe_lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_f" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._f, name)

    def __reduce__(self) -> Any:
        """Copy or pickle the function, which is traced anew; of what a module defines, only the name is pickled."""
        home, name = sys.modules.get(self.__dict__.get("__module__", "")), self.__dict__.get("__qualname__", "")
        if name.isidentifier() and getattr(home, name, None) is self:
            return name
        return Compiled, (self._f, self.exact, self.max_bytes, self.validate)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The traces, oldest first."""
        return tuple([trace for variants in list(self._traces.values()) for trace in variants])

    def __repr__(self) -> str:
        return f"<compiled {self._headline()}>"

    def _headline(self) -> str:
        traces = self.traces
        replayed = sum(trace.replay is not None for trace in traces)
        state = f"{count_of(len(traces), 'trace')}, {replayed} replayed" if traces else "not called yet"
        return f"{self._name}: {state}"

    def explain(self, *, diff: bool = False) -> str:
        """Return a report: each trace, why it was made, the guards that it depends on, and its passes and plan.

        Args:
            diff: whether to add, for the last trace that is replayed, the lines in which its operations differ before
                and after the passes; `changes()` draws the same.
        """
        lines = [self._headline()]
        for n, one in enumerate(self.traces, 1):
            lines += ["", f"{n}. {argument_kinds(one.arguments, self._f) or 'no arguments'}", *one.lines()]
        return "\n".join([*lines, "", str(self.changes())] if diff else lines)

    def changes(self, trace: int = -1) -> Any:
        """Return what the passes have made of the operations of a trace: a `GraphDiff`, which can be printed and drawn.

        Args:
            trace: its number among those that are replayed, in order.

        Raises:
            ValueError: if there is none.
        """
        return HOOKS.compiled().changes_of(self._nth_replayed("changes", trace).replay)

    def plan(self, trace: int = -1) -> Plan:
        """Return the plan of a trace: print it, or see where its values lie by `to_svg()`.

        Args:
            trace: as of `changes`.
        """
        return cast(Plan, self._nth_replayed("plan", trace).replay.plan)  # type: ignore[union-attr]

    def _nth_replayed(self, caller: str, trace: int) -> Trace:
        traces = [one for one in self.traces if one.replay is not None]
        if not -len(traces) <= trace < len(traces):
            raise ValueError(
                f"Compiled.{caller}: expected the number of a trace that is replayed, of which there are "
                f"{len(traces)}; received {trace}. Call the function twice first, and see explain()"
            )
        return traces[trace]

    def source(self, trace: int = -1) -> str:
        """Return the code of a trace, as Python.

        Args:
            trace: as of `changes`.
        """
        return str(self._nth_replayed("source", trace).replay.source.text)  # type: ignore[union-attr]

    def c_source(self, trace: int = -1) -> str:
        """Return the C code of a trace, which a compiler makes faster once calls have taken some time; see `explain`.

        Args:
            trace: as of `changes`.
        """
        one = self._nth_replayed("c_source", trace)
        names = [name for name, x in named_arguments(one.arguments, self._f) if isinstance(x, ArrayKind)]
        return one.replay.source.c_text(names)  # type: ignore[union-attr]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what the function does."""
        mode, depth = MODE.get(), DEPTH.get()
        if depth.all > depth.tapes or mode.tape is not None or mode.watch is not None or mode.verify:
            return self._run_eagerly(args, kwargs)  # what runs around it sees the operations themselves
        if error_state() is not DEFAULT and self._has_code and shows_errors():
            return self._run_eagerly(args, kwargs)
        flat_arguments, kind = flat(args, kwargs)
        kinds: list[Any] = [mode.record, kind]
        arguments, arrays, numbers, as_tensors = [], [], [], self._gives_tensors
        for i, x in enumerate(flat_arguments):
            a = x
            if isinstance(x, Tensor):
                as_tensors, a = True, x._data
                if x._node is not None and mode.record and x._node.needs:
                    kinds.append(Tensor)
            if a.__class__ is np.ndarray:
                kinds.append((a.shape, a.dtype, a.strides))
            elif isinstance(a, np.generic):
                kinds.append((a.dtype,))
            elif isinstance(a, np.ndarray) or is_duck_array(a):
                return self._run_eagerly(args, kwargs)  # other arrays have other memory
            else:
                if x.__class__ is float or x.__class__ is int:
                    numbers.append(Number(i, len(kinds), x))
                kinds.append(constant(x))
                continue
            arguments.append(x)
            arrays.append(a)
        key, memo = tuple(kinds), {}
        try:
            traces = self._traces.get(key, ())
        except TypeError:
            raise unhashable(flat_arguments) from None
        plain, varying, why = key, None, ""
        if numbers and not traces and (varying := self._varying(key, kinds, numbers)) is not None:
            key, traces = varying.key, self._traces.get(varying.key, ())
            memo[ARGUMENTS] = varying.values
        for one in traces:
            if one.replay is None or (one.aliases and not one.takes(arguments)):
                if one.first is None:
                    return self._run_eagerly(args, kwargs)
                continue
            captured = one.replay.guards.check()
            if captured is None:
                why = one.replay.guards.why_broken() or why
                continue
            try:
                run = self._validating(one.replay, args, kwargs, memo, varying) if self.validate else one.replay
                values = run(arrays, memo, captured)
            except HostStateChanged as error:
                why = f"it is no longer true that {error}"
            except AssumptionFailed as error:
                with skipping(error.seen):
                    return self._fall_back(args, kwargs)
            else:
                return one.results(values, arguments, as_tensors)
        try:
            return self._run_anew(Request(key, plain, traces, why, memo, args, kwargs, as_tensors, varying))
        except Exception as error:
            raise fold_error(error)  # noqa: B904 it is the error itself

    def _validating(self, replay: Any, *call: Any) -> Any:
        run = functools.partial(self._record, *call)
        return lambda arrays, memo, captured: validate_replay(
            self._name, replay, arrays, memo, captured, run, self.exact
        )

    def _run_anew(self, call: Request) -> Any:
        """Run the function where there is no replay; trace it, unless there were too many kinds of arguments."""
        traces, why, varying = call.traces, call.why, call.varying
        if any(one.pending for one in traces):
            try:
                self._store(call.key, [planned for one in traces for planned in one.finish_pending()])
            except InProgress:
                return self._run_eagerly(call.args, call.kwargs)
            return self(*call.args, **call.kwargs)
        if not traces:
            why = "these arguments are of a new kind" if self._traces else "this was the first call"
            if len(self._traces) >= _MOST_TRACES and not self._comes_again(hash(call.key)):
                return self._run_eagerly(call.args, call.kwargs)
        call = call._replace(why=why or "it went another way with these arguments than before")
        if varying is None:
            return self._trace(call)
        plain = call.with_constants(self._traces.get(call.plain, ()))
        try:
            return self._trace(call)
        except Rejected:
            varying.reject(call.plain)
        except Exception:  # the function may not take what stands for a number
            out = self._trace(plain)
            varying.fix()
            return out
        return self._trace(plain)

    def _varying(self, key: Any, kinds: Sequence[Any], numbers: Sequence[Number]) -> Varying | None:
        return varying_numbers(self._numbers, key, kinds, numbers)

    def _constant_programs(self, varying: Varying) -> list[PureGraph]:
        """Return what the function did with numbers that were constants."""
        traces = (one for key in varying.numbers.keys for one in self._traces.get(key, ()))
        recordings = (one.first if one.replay is None else one.replay.traced for one in traces)
        return [recording.program.graph for recording in recordings if recording is not None]

    def _comes_again(self, kind: int) -> bool:
        """Return whether a kind of arguments has come before, although there were too many then."""
        if kind in self._seen:
            return True
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(kind)
        return False

    def _trace(self, call: Request) -> Any:
        """Run the function and record it, for the first time or to see whether it does the same again."""
        args, kwargs, traces, varying = call.args, call.kwargs, call.traces, call.varying
        kinds = kinds_of(args, kwargs, frozenset() if varying is None else varying.places)
        # A guard has broken: perhaps one of code that the function can reach, and does not run.
        self._sees_code = self._sees_code or any(t.first is not None and is_broken(t.first) for t in traces)
        try:
            with collector_at_rest():  # everything recorded stays until the end
                return self._trace_call(call, kinds)
        except Obstacle as error:
            self._store(call.key, [Trace(f"{call.why}; {error}", None, None, None, None, kinds)])
            return self._run_eagerly(args, kwargs)
        except AssumptionFailed:
            return self._fall_back(args, kwargs)

    def _trace_call(self, call: Request, kinds: Any) -> Any:
        traces, varying = call.traces, call.varying
        recording, slots, arguments = self._record(call.args, call.kwargs, call.memo, varying)
        direct.hand_over(recording, slots, arguments)
        results = [t for t in leaves(recording.out) if isinstance(t, Tensor)]
        out = map_leaves(lambda x: RESULT if isinstance(x, Tensor) else copy_arrays(x), recording.out)
        light = recording._replace(out=out)
        new = Trace(call.why, None, out, light, None, kinds, unflatten_like(out), captured_ids(recording))
        if varying is not None and (
            recording.host_state.by_value or any(x.__class__ is DynamicScalar for x in leaves(recording.out))
        ):
            varying.fix()
            new = new._replace(unflatten=unflatten_like(map_leaves(plain_number, out)))
            clear_slots(slots)
        else:
            self._keep_trace(call.key, traces, new, light, slots)
        if not recording.has_history:
            return new.results([np.array(t._data)[()] for t in results], arguments, call.as_tensors)
        return new.unflatten(direct.with_history(recording, results, slots, arguments, call.as_tensors))

    def _record(
        self, args: Any, kwargs: Any, memo: Memo, varying: Varying | None = None
    ) -> tuple[Recording, list[Tensor], list[Any]]:
        """Run the function and record it; return the recording, its arguments on the tape, and the arguments."""
        arguments: list[Any] = []
        slots: list[Tensor] = []
        inside: list[tuple[Tensor, Any]] = []
        record, places = MODE.get().record, itertools.count()
        number = object()

        def to_slot(leaf: Any) -> Any:
            place = next(places)
            if not isinstance(leaf, ARRAYS):
                return number if varying is not None and place in varying.places else leaf
            if isinstance(leaf, Tensor) and leaf.requires_grad and record:
                slot, inner = leaf_of(leaf)
            else:
                slot, inner = slot_of(leaf)
            arguments.append(leaf)
            slots.append(slot)
            inside.append((inner, inner._node))
            return inner

        inner, keywords = map_leaves(to_slot, (args, kwargs))
        objects = [x for x in leaves((args, kwargs)) if not isinstance(x, ARRAYS)]

        def call(numbers: Sequence[DynamicScalar]) -> Any:
            each = iter(numbers)
            positional, keyword = map_leaves(lambda x: next(each) if x is number else x, (inner, keywords))
            out = self._f(*positional, **keyword)
            refuse_changes(arguments, inside)
            return out

        like = () if varying is None else self._constant_programs(varying)
        if varying is not None and not like:
            raise Rejected
        recording = trace(self._f, slots, call, memo, objects, self._sees_code, like)
        return recording, slots, arguments

    def _keep_trace(
        self, key: Any, traces: Sequence[Trace], new: Trace, recording: Recording, slots: Sequence[Tensor]
    ) -> None:
        """Keep a trace, or the replay of one that has been made before and does the same."""
        before = next((t for t in traces if t.first is not None and took_same_path(t.first, recording)), None)
        others = [t for t in traces if t is not before]
        if recording.obstacle:
            others, new = [], new._replace(first=None, why=f"{new.why}; {recording.obstacle}")
            if recording.unguarded:
                self._warn(f"runs as it is: {recording.unguarded}")
        elif recording.changed and any(t.first is not None and t.first.changed for t in traces):
            why = f"it changes itself what it reads: {recording.changed.removeprefix('it is no longer true that ')}"
            others, new = [], new._replace(first=None, why=f"{new.why}; {why}")
            self._warn(f"runs as it is: {why}")
        elif len(others) == _MOST_VARIANTS and not any(trace.replay for trace in others):
            others, new = [], new._replace(first=None, why=f"{new.why}; it went {len(traces)} ways before")
            self._warn(f"runs as it is: it went {len(traces)} ways before, the last time since {new.why}")
        elif before is not None and before.first is not None:
            if differs := difference(before.first, recording):
                why = f"two calls did not do the same: {differs}"
                others, new = [], before._replace(first=None, why=f"{before.why}; {why}")
                self._warn(f"runs as it is: {why}")
            else:
                both, history = merge(before.first, recording), None
                if recording.has_history:
                    options = {"exact": self.exact, "max_bytes": self.max_bytes}
                    history = HOOKS.histories().History(self._f, both, options)
                    both = history.traced
                arguments = both, self.exact, self.max_bytes
                new = before._replace(history=history).with_replay(arguments, new.aliases, self.plans_later)
        if new.replay is None and new.pending is None and new.first is not None:
            recording.host_state.forget()
            new = new._replace(first=recording._replace(overwritten={}))
        recording.host_state.release_values()
        clear_slots(slots)  # before another thread can plan with them
        self._store(key, [*others[-_MOST_VARIANTS:], new])
        if before is None and not is_branch(traces, recording):
            self._count_traces(traces, new)

    def _count_traces(self, variants: Sequence[Trace], new: Trace) -> None:
        """Warn of a function that is traced again and again, and name what differs."""
        traces = self.traces
        if len(traces) <= _MANY_TRACES or (new.replay is None and new.first is None):
            return
        differs = new.why
        if not variants:
            before, now = (dict(named_arguments(one.arguments, self._f)) for one in traces[-2:])
            names = [name for name, x in now.items() if name not in before or before[name] != x]
            differs = "; ".join(f"{name} is {now[name]!r}, and {before.get(name)!r} before" for name in names[:3])
        self._warn(f"was traced {len(traces)} times, which takes longer than to run it: {differs or new.why}")

    def _warn(self, message: str) -> None:
        """Say once why a function is not replayed."""
        if not self._has_warned and self.warn:
            self._has_warned = True
            text = (
                f"compile: the function '{self._name}' {message}. See explain(), and compile only what stays the same"
            )
            warnings.warn(text, CompileWarning, stacklevel=_frames_of_ours())

    def _store(self, key: Any, traces: list[Trace]) -> None:
        with self._lock:
            is_new = self._traces.pop(key, None) is None
            while len(self._traces) >= _MOST_TRACES:
                del self._traces[next(iter(self._traces))]
            self._traces[key] = traces
        if is_new:
            for _, x in (part for part in key if part.__class__ is tuple and len(part) == 2):
                if isinstance(x, ref):
                    finalize(x(), _forget, ref(self), key).atexit = False

    def _run_eagerly(self, args: Any, kwargs: Any) -> Any:
        return direct.run(self._f, args, kwargs, self._gives_tensors)

    def _fall_back(self, args: Any, kwargs: Any) -> Any:
        """Do what the function does where no replay is right."""
        return self._run_eagerly(args, kwargs)


def _frames_of_ours() -> int:
    """Return how many frames lie between a warning and the user's call."""
    frame, count = sys._getframe(1), 1
    while frame.f_back is not None and is_hidden(frame.f_code):
        frame, count = frame.f_back, count + 1
    return count


def _forget(this: ref[Compiled[..., Any]], key: Any) -> None:
    """Drop the traces made for an argument that no longer exists."""
    if (compiled := this()) is not None:
        compiled._traces.pop(key, None)


def compile(
    f: Callable[P, R], *, exact: bool = True, max_bytes: int | None = None, validate: bool = False
) -> Compiled[P, R]:
    """Return a function that does what `f` does, faster: it is traced once, and replayed from then on.

    At the first two calls with arguments of some kind (their shapes, dtypes and strides, the containers that they are
    in, and the values of everything else) the function runs, and all that it does with Tensors is recorded: operations,
    `backward`, assignments, draws. From then on a plan of that record is carried out: calls of NumPy into memory that
    is laid out in advance, with no Tensor and no bookkeeping. The results are those of `f`, bit for bit.

    If the two calls do not do the same, since `f` draws numbers with NumPy or counts its calls, say, `f` itself runs
    from then on, and `explain()` says what differed.

    Tensors and arrays that the function finds elsewhere, such as parameters, are read anew at every call. If one has
    another shape, or no longer requires a gradient, the function is traced again. Python code runs only when it is
    traced: it prints or appends then, and not later; see `observe` and `debug_print`.

    Results through which gradients flow to captured Tensors or to arguments have a history: `backward` from outside
    runs a second compiled program, and so do `grad` and `value_and_grad` of a compiled function. In the record the
    call is one operation; the backward pass is another, so that derivatives of derivatives are compiled too. Inside
    `jvp` and `vmap` the function itself runs. A replay issues no warnings of NumPy's; where `np.errstate` asks for
    errors, calls, or warnings of all kinds, the function itself runs.

    Args:
        f: a function of arrays, Tensors, and containers of them; whatever else it takes must be hashable and is a
            constant of the code.
        exact: whether every result must be the same bit for bit. If not, arithmetic may be done in another order or by
            another formula (x / 3 as x * (1 / 3), x**3 as a product, a sum of products by BLAS); each such change stays
            within 4 units in the last place of its result's scale. Of `eigh` and `svd` only the values are computed
            where only they are read: n values stay within 8 sqrt(n) units.
        max_bytes: results of cheap operations are computed again where they are needed rather than kept, as far as it
            takes for arrays that are alive at a time to need at most this many bytes together; arguments, captured
            arrays and results of the function count. More than it can save is not an error; `explain()` shows the bytes
            needed.
        validate: whether to run `f` beside its replay at every call, and to compare results and effects. The effects
            are made once; what `f` itself prints or appends happens at every call. For finding faults: it takes longer
            than `f` alone.

    Returns:
        A `Compiled`: call it like `f`. Its results are Tensors if they have a history, if one of the arguments is a
        Tensor, or if `f` is a module; otherwise arrays. `explain()` and `source()` show the compiled code.

    Raises:
        TraceError: when called, if `f` asks for the value of a Tensor, as `if t > 0`, `float(t)` or `t.numpy()` do.
        TypeError: when called, if an argument can be neither an array nor a constant.
        ReplayError: when called with `validate`, if a replay gives something else than `f`; the message names the first
            operation that differs.

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
    require_function("compile", f)
    if any(asks(f) for asks in _NOT_AT_ONCE):
        raise TypeError(
            f"compile: expected a function that returns its results; received {getattr(f, '__name__', f)}, a coroutine "
            "or a generator function, whose body runs later. Compile the part of it that computes"
        )
    for name, value in (("exact", exact), ("validate", validate)):
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"compile: expected {name} to be True or False; received {describe(value)}")
    if max_bytes is not None and (isinstance(max_bytes, bool) or not isinstance(max_bytes, int)):
        raise TypeError(f"compile: expected max_bytes to be an int, or None; received {describe(max_bytes)}")
    if max_bytes is not None and max_bytes < 0:
        raise ValueError(f"compile: expected max_bytes of at least 0, or None for no limit; received {max_bytes}")
    return Compiled(f, exact, max_bytes, validate)
