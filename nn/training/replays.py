"""The computations of `fit`, `evaluate` and `predict` on a batch, compiled: eager at first, and then replayed.

The rule, which `compile(jit_compile=…)` and `compile(run_eagerly=…)` choose by:

- `jit_compile="auto"`, the default: after 32 batches of one shape have run as they are, two are traced, as `ag.compile`
  does. If the traces agree, all further batches of that shape are replayed, with the results of a run bit for bit. A
  model that cannot be traced runs as before, and one warning says why, and where in the user's code. No batch waits for
  more than one trace or plan: first for those of what leads to the gradients, then for those of the update.
- `jit_compile=True`: the second batch is traced already, and a model that cannot be traced is an error.
- `jit_compile=False` or `run_eagerly=True`: nothing is compiled.

A replay runs no Python: calls and losses print, count or append while the model runs eagerly, and not in replays.
The values that they read in Python (a weight of a loss, an attribute of a layer) are guards, checked before every
replay: a batch that would read another value is traced again. A call that changes the values that it reads, or draws
with NumPy, is not replayed, and nothing is while parameters have hooks. Parameters, variables, random draws and
learning rates are read anew.

A custom `train_step` runs as it is; its call of `super().train_step` is replayed.

A loop asks for its functions before the first batch, as `ReplayedFunction`s for the state that the model is in, and
again after code of the user's (callbacks, generators of batches) has run, which may have changed the model.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import ref

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor, tree
from autograd_lite.extend import is_compiling

from ..config.ambient import CALL
from ..config.arguments import argument_error
from ..module.settings import Settings, cover, settings_of

# How many batches of one shape run as they are, by `jit_compile`. Tracing takes about as long as 50 steps of a small
# model, so a training run of a few steps must not begin with it.
WARM = {"auto": 32, True: 1}
# The calls after these that take longer: two traces, and a plan.
_SLOW = 3
# The most shapes of a batch that are traced.
_MAX_SHAPES = 32
# The most computations that are kept of one model: gradients, update, evaluation and prediction, in three states.
_MAX_COMPUTATIONS = 12
_ARRAYS = (Tensor, np.ndarray)
_OURS = ("autograd_lite", "contextlib")


def check_choice(caller: str, value: Any) -> bool | str:
    """Return `jit_compile` if it is one of its values; None is the default."""
    if value is None or (isinstance(value, str) and value == "auto"):
        return "auto"
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    error = ValueError if isinstance(value, str) else TypeError
    raise argument_error(error, caller, "jit_compile", "'auto', True or False", value)


class _Changed(Exception):
    """Raised at the end of a trace that has changed an attribute; the changes are undone."""


# What code may raise that receives Tensors in place of arrays. Whatever else is raised, such as by the handler of a
# signal, is the caller's.
_OF_TENSORS = (
    _Changed,
    ag.GradError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)


class _Computation:
    """A computation on a model in one state, compiled; all threads share it.

    Args:
        compute: the computation; the model is its first argument.
        strict: whether it must be compiled: `jit_compile=True`.

    Attributes:
        compiled: the compiled function of a batch.
        warm: how many batches of a shape run as they are.
        runs: for each shape of a batch, how often it has run.
        why: why it is not compiled, or "".
        failure: the error of the last trace, while the eager run has not shown whether it fails there too.
    """

    def __init__(self, compute: partial[Any], strict: bool) -> None:
        function, constants = compute.func, compute.args[1:]
        model_of: Callable[[], Any] = ref(compute.args[0])  # the model holds its replays

        def run(*batch: Any) -> Any:
            model = model_of()
            with cover(model):  # whose state `Replays.check` guards
                if not is_compiling():
                    return function(model, *constants, *batch)
                with _refuse_changes(model):
                    return function(model, *constants, *batch)

        run.__name__ = type(compute.args[0]).__name__
        self.compiled = ag.compile(run)
        self.compiled.warn = False  # `fit` says it
        self.warm, self.strict = WARM[True if strict else "auto"], strict
        self.runs: dict[Any, int] = {}
        self.why = self.failure = ""

    def run(self, here: _Here, shape: Any, batch: tuple[Any, ...]) -> Any:
        """Return the result for a batch that is traced or replayed; None if it must run as it is.

        Raises:
            TraceError: if it must be compiled, and cannot be.
        """
        runs = self.runs[shape]
        is_slow, self.compiled.plans_later = runs < self.warm + _SLOW, not self.strict
        if is_slow and not self.strict:  # no batch waits for traces of two computations
            if here.slow not in (None, self):
                here.slow = None
                return None
            here.slow = self
        try:
            result = self.compiled(*batch)
            if is_slow and self.compiled.traces:  # else something looks at the operations, and it ran as it is
                self.runs[shape] += 1
                self.why = self._refusal()
            return result
        except ag.TraceError as error:
            self.why = str(error).removeprefix("compile: ").partition(". ")[0]
            if self.strict:
                raise
        except _OF_TENSORS as error:  # if an eager run raises it too, it will say so itself
            self.runs[shape] = 0
            text = str(error) if isinstance(error, _Changed) else f"{type(error).__name__}: {error}"
            self.why, self.failure = (text if text == self.failure else ""), text
        return None

    def _refusal(self) -> str:
        """Return why the last trace will not be replayed, or ""."""
        last = self.compiled.traces[-1]
        return "" if last.replay is not None or last.first is not None else last.why.rpartition("; ")[2]


@contextmanager
def _refuse_changes(model: Any) -> Iterator[None]:
    """Refuse that the attributes of modules change inside; those that have changed are put back."""
    settings = settings_of(model)
    before, attributes = settings.number(model), [vars(part) for _, part in model._walk()]
    copies = [dict(own) for own in attributes]
    yield
    after = settings.number(model)
    if after != before:
        for own, values in zip(attributes, copies, strict=True):
            own.clear()
            own.update(values)
        raise _Changed(_message(settings.difference(before, after)))


def _message(name: str) -> str:
    return f"a call changes the attribute {name!r}, which a replay would not do"


class _Here(threading.local):
    """The state of the model in this thread.

    Attributes:
        state: the numbers of the states of the model and the loss; see `Replays.check`.
        has_hooks: whether there are hooks on parameters, which see each gradient.
        eager: the computation that has run as it is since the check, its function, and the shape of the batch.
        slow: the last computation that was traced or planned.
    """

    state: tuple[Any, ...] = ()
    has_hooks: bool = False
    eager: tuple[_Computation, Callable[..., Any], Any] | None = None
    slow: _Computation | None = None


class ReplayedFunction:
    """A computation on a model as a function of a batch: it runs as it is at first, and is then replayed.

    It is one thread's, and right for the state that `Replays.check` has found. What the model's own Python code changes
    while a batch runs as it is, it sees by itself.

    Args:
        replays: the model's.
        caller: who asks for it, for messages.
        compute: the computation, whose first argument is the model; it returns tensors without history, in containers.
    """

    def __init__(self, replays: Replays, caller: str, compute: partial[Any]) -> None:
        self._replays, self._caller, self._compute = replays, caller, compute
        self._model = compute.args[0]
        self._computation = replays.computation(compute)

    def __call__(self, *batch: Any) -> Any:
        """Return the result for a batch: arrays, containers of them, and None.

        Raises:
            TraceError: with `jit_compile=True`, if it cannot be compiled.
        """
        replays, eager = self._replays, self._compute
        here = replays.here
        if here.has_hooks:
            return eager(*batch)
        if here.eager is not None and not replays.why:
            replays.check_run(self._model)
            self._computation = replays.computation(eager)
        computation = self._computation
        if why := replays.why or computation.why:
            replays.warn(self._caller, why, computation.strict)
            return eager(*batch)
        arrays = batch
        while (
            arrays and arrays[-1] is None
        ):  # targets and weights that are missing; compiled functions take None slowly
            arrays = arrays[:-1]
        if arrays:  # Tensors, for which results are Tensors too
            arrays = (self._model._as_tensors(arrays[0]), *arrays[1:])
        shape = _shape_of(arrays)
        runs = computation.runs.get(shape)
        if shape is None or (runs is None and len(computation.runs) >= _MAX_SHAPES):
            return eager(*batch)
        if runs is None or runs < computation.warm:
            computation.runs[shape] = (runs or 0) + 1
            here.eager = computation, eager.func, shape
            return eager(*batch)
        try:
            result = computation.run(here, shape, arrays)
        finally:
            if computation.strict and computation.why:
                replays.warn(self._caller, computation.why, True)
        return eager(*batch) if result is None else result


class Replays:
    """All that is compiled of one model. It is kept on the model; a copy of it is empty.

    Attributes:
        computations: by state, function, constants and shard.
        here: the state of the model in this thread.
        why: why nothing is compiled, or "".
    """

    def __init__(self) -> None:
        self.computations: dict[Any, _Computation] = {}
        self.here = _Here()
        self.why = ""
        self._compiled: Any = None
        self._losses = Settings()
        # By computation, how many runs of it, one after the other, have changed an attribute.
        self._changes: dict[Callable[..., Any], int] = {}
        self._warned: set[str] = set()

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return Replays, ()

    def check(self, model: Any, compiled: Any) -> None:
        """Note in which state the model and the loss are: a trace holds for the state in which it was made."""
        here = self.here
        if compiled is not self._compiled:
            self.computations, self._compiled, self._losses, self.why, here.slow = {}, compiled, Settings(), "", None
        number, loss, scale = settings_of(model).number(model), None, None
        if compiled is not None:
            loss = None if compiled.loss is None else self._losses.number(compiled.loss)
            scale = compiled.optimizer.loss_scale_factor
            hooks = (h for p in compiled.optimizer.parameters for h in getattr(p, "_hooks", ()))
            here.has_hooks = any(not getattr(h.function, "replayable", False) for h in hooks)
        here.state, here.eager = (number, loss, scale), None

    def check_run(self, model: Any) -> None:
        """Check after an eager run: one that has changed the state that it ran in, as the first may, does not count."""
        here = self.here
        before, eager = here.state, here.eager
        self.check(model, self._compiled)
        if eager is None:
            return
        computation, function, shape = eager
        if here.state == before:
            self._changes[function] = 0
            return
        computation.runs[shape] = 0
        self._changes[function] = self._changes.get(function, 0) + 1
        if self._changes[function] > computation.warm:
            self.why = _message(settings_of(model).difference(before[0], here.state[0]))

    def computation(self, compute: partial[Any]) -> _Computation:
        """Return a computation in the state that the model is in."""
        model, *constants = compute.args
        key = (self.here.state, compute.func, *constants, CALL.get().shard)
        computation = self.computations.get(key)
        if computation is None:
            while len(self.computations) >= _MAX_COMPUTATIONS:
                self.computations.pop(next(iter(self.computations)), None)
            computation = self.computations[key] = _Computation(compute, model.jit_compile is True)
        return computation

    def warn(self, caller: str, why: str, strict: bool) -> None:
        """Say once why a model is not compiled, or refuse to go on."""
        if strict:
            raise ag.TraceError(
                f"{caller}: expected a model that can be compiled, because of jit_compile=True; {why}. Compile it with "
                "jit_compile='auto', which runs it as it is"
            )
        if why not in self._warned:
            self._warned.add(why)
            warnings.warn(
                f"{caller}: the model is not compiled, and runs as before: {why}. If this is meant to be, compile it "
                "with jit_compile=False",
                stacklevel=frames_of_ours(),
            )


def frames_of_ours() -> int:
    """Return how many frames lie between a warning and the user's call."""
    frame, count = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame, count = frame.f_back, count + 1
    return count


def _shape_of(batch: Sequence[Any]) -> Any:
    """Return the shapes and dtypes of a batch, to tell batches apart; None if not all are numbers."""
    shapes: list[Any] = []
    for x in batch:
        for part in (x,) if x.__class__ in _ARRAYS else tree.leaves(x):
            dtype = part.dtype if part.__class__ in _ARRAYS else np.asarray(part).dtype
            if dtype.kind not in "fiub":
                return None
            shapes += (part.shape if part.__class__ in _ARRAYS else np.shape(part), dtype)
    return tuple(shapes)
