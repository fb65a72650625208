"""What `fit`, `evaluate` and `predict` compute for a batch, compiled: it runs as it is at first, and is then replayed.

The rule, which `compile(jit_compile=…)` and `compile(run_eagerly=…)` choose by:

- `jit_compile="auto"`, the default: after 32 batches of one shape have run as they are, two are traced, as `ag.compile`
  does. If the traces agree, all further batches of that shape are replayed, with the results of a run bit for bit. A
  model that cannot be traced runs as before, and one warning says why, and where in the user's code. No batch waits for
  more than one trace or plan: first for those of what leads to the gradients, then for those of the update.
- `jit_compile=True`: the second batch is traced already, and what cannot be traced is an error.
- `jit_compile=False` or `run_eagerly=True`: nothing is compiled.

A replay runs no Python: what `call` or a loss prints, counts or appends happens while the model runs, and no longer in
replays. What they read in Python (a weight of a loss, an attribute of a layer) is compared before every replay, and a
batch that would read something else is traced anew. A call that itself changes what it reads, or draws with NumPy, is
not replayed, and nothing is while parameters have hooks. Parameters, variables, random draws and learning rates are
read anew.

A `train_step` of a class's own runs as it is; what it calls of ours, `super().train_step`, is replayed.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import ref

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor, tree

from ..config.ambient import PART
from ..config.arguments import refused
from ..module.settings import Settings, covered, settings_of

# How many batches of one shape run as they are, by `jit_compile`. Tracing takes about as long as 50 steps of a small
# model, so a training of a few steps must not begin with it.
WARM = {"auto": 32, True: 1}
# The calls after these that take longer: two traces, and a plan.
_LONG = 3
# The most shapes of a batch that are traced.
_MOST = 32
# The most things that are kept of one model: training, its steps, evaluation and prediction, in three states.
_MOST_STEPS = 12
_ARRAYS = (Tensor, np.ndarray)
_OURS = ("nn", "autograd_lite", "contextlib")


def checked_choice(what: str, value: Any) -> bool | str:
    """Return `jit_compile` if it is one of its values; None is the default."""
    if value is None or (isinstance(value, str) and value == "auto"):
        return "auto"
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise refused(
        ValueError if isinstance(value, str) else TypeError, what, "jit_compile", "'auto', True or False", value
    )


class _Changed(Exception):
    """Raised at the end of a trace that has changed an attribute; what was traced is undone."""


# What code may raise that is given Tensors in place of arrays. Whatever else is raised, such as by the handler of a
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


class _Step:
    """One thing that is computed of a model.

    Attributes:
        fast: the compiled function.
        runs: for each shape of a batch, how often it has run.
        why: why it is not compiled, or "".
        failed: what went wrong in a trace, if the eager run has not told yet whether it goes wrong there too.
    """

    def __init__(
        self, model: Any, compute: Callable[..., Any], flags: tuple[Any, ...], missing: tuple[bool, ...]
    ) -> None:
        this: Callable[[], Any] = ref(model)  # the model holds the step

        def run(*given: Any) -> Any:
            model, each = this(), iter(given)
            batch = [None if left_out else next(each) for left_out in missing]
            with covered(model):  # `look` sees to what calls read of it
                if not ag.is_compiling():
                    return compute(model, *flags, *batch)
                with _unchanged(model):
                    return compute(model, *flags, *batch)

        run.__name__ = type(model).__name__
        self.fast = ag.compile(run)
        self.fast.warn = False  # `fit` says it
        self.runs: dict[Any, int] = {}
        self.why = self.failed = ""

    def refusal(self) -> str:
        """Return why the last trace will not be replayed, or ""."""
        last = self.fast.traces[-1]
        return "" if last.replay is not None or last.first is not None else last.why.rpartition("; ")[2]


@contextmanager
def _unchanged(model: Any) -> Iterator[None]:
    """Refuse that the attributes of modules change inside; those that have changed are put back."""
    settings = settings_of(model)
    before, held = settings.number(model), [(own, dict(own)) for own in (vars(part) for _, part in model._walk())]
    yield
    after = settings.number(model)
    if after != before:
        for own, values in held:
            own.clear()
            own.update(values)
        raise _Changed(_words(settings.difference(before, after)))


def _words(name: str) -> str:
    return f"a call changes the attribute {name!r}, which a replay would not do"


class _Here(threading.local):
    """What this thread knows of the model.

    Attributes:
        state: in which it has found the model and the loss; see `Replays.look`.
        hooked: whether there are hooks on parameters, which see each gradient.
        last: what has run as it is since then, for which shape, and what that computes.
        long: what was traced or planned last.
    """

    state: tuple[Any, ...] = ()
    hooked: bool = False
    last: tuple[_Step, Any, Callable[..., Any]] | None = None
    long: _Step | None = None


class Replays:
    """All that is compiled of one model. It is kept on the model; a copy of it is empty."""

    def __init__(self) -> None:
        self.steps: dict[Any, _Step] = {}
        self._compiled: Any = None
        self._losses = Settings()
        self._here = _Here()
        # By what is computed, how many runs of it, one after the other, have changed an attribute.
        self._changes: dict[Callable[..., Any], int] = {}
        self._unsteady = ""  # why nothing is compiled
        self._told: set[str] = set()

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return Replays, ()

    def look(self, model: Any, compiled: Any) -> None:
        """Note in what state the model and the loss are: what is traced holds for the state that it is traced in."""
        here = self._here
        if compiled is not self._compiled:
            self.steps, self._compiled, self._losses, self._unsteady, here.long = {}, compiled, Settings(), "", None
        number, loss, scale = settings_of(model).number(model), None, None
        if compiled is not None:
            loss = None if compiled.loss is None else self._losses.number(compiled.loss)
            scale = compiled.optimizer.loss_scale_factor
            hooks = (h for p in compiled.optimizer.parameters for h in getattr(p, "_hooks", ()))
            here.hooked = any(not getattr(h.function, "replayable", False) for h in hooks)
        here.state, here.last = (number, loss, scale), None

    def _look_again(self, model: Any, warm: int) -> None:
        """Look after a run: one that has changed the state that it ran in, as the first one may, does not count."""
        here = self._here
        before, last = here.state, here.last
        self.look(model, self._compiled)
        if last is None:
            return
        step, shape, compute = last
        if here.state == before:
            self._changes[compute] = 0
            return
        step.runs[shape] = 0
        self._changes[compute] = self._changes.get(compute, 0) + 1
        if self._changes[compute] > warm:
            self._unsteady = _words(settings_of(model).difference(before[0], here.state[0]))

    def run(
        self, what: str, model: Any, compute: Callable[..., Any], flags: tuple[Any, ...], batch: tuple[Any, ...]
    ) -> Any:
        """Return what `compute(model, *flags, *batch)` returns, if it is replayed; else None, and it must be called.

        Args:
            what: the call, for messages.
            model: whose `jit_compile` counts, and which `look` has seen since code of the user's has run.
            compute: returns tensors without history, in containers.
            flags: constants.
            batch: arrays, Tensors, containers of them, and None.

        Raises:
            TraceError: with `jit_compile=True`, if it cannot be compiled.
        """
        here, strict, warm = self._here, model.jit_compile is True, WARM[model.jit_compile]
        if here.hooked:
            return None
        if here.last is not None and not self._unsteady:
            self._look_again(model, warm)
        step = self._step(model, compute, flags, tuple([x is None for x in batch]))
        batch = tuple([x for x in batch if x is not None])
        if why := self._unsteady or step.why:
            self._tell(what, why, strict)
            return None
        shape = _shape_of(batch)
        if shape is None or (shape not in step.runs and len(step.runs) >= _MOST):
            return None
        runs = step.runs.get(shape, 0)
        if runs < warm:
            step.runs[shape] = runs + 1
            here.last = step, shape, compute
            return None
        is_long, step.fast.plans_later = runs < warm + _LONG, not strict
        if is_long and not strict:
            if here.long not in (None, step):
                here.long = None
                return None
            here.long = step
        try:
            found = step.fast(*batch)
            if is_long and step.fast.traces:  # else something looks at the operations, and it ran as it is
                step.runs[shape] += 1
                step.why = step.refusal()
            return found
        except ag.TraceError as error:
            step.why = str(error).removeprefix("compile: ").partition(". ")[0]
            if strict:
                raise
        except _OF_TENSORS as error:  # if an eager run raises it too, it will say so itself
            step.runs[shape] = 0
            text = str(error) if isinstance(error, _Changed) else f"{type(error).__name__}: {error}"
            step.why, step.failed = (text if text == step.failed else ""), text
        finally:
            if strict and step.why:
                self._tell(what, step.why, strict)
        return None

    def _step(
        self, model: Any, compute: Callable[..., Any], flags: tuple[Any, ...], missing: tuple[bool, ...]
    ) -> _Step:
        """Return what is known of one thing that is computed, in the state that the model is in."""
        key = (self._here.state, compute, flags, missing, PART.get())
        step = self.steps.get(key)
        if step is None:
            while len(self.steps) >= _MOST_STEPS:
                self.steps.pop(next(iter(self.steps)), None)
            step = self.steps[key] = _Step(model, compute, flags, missing)
        return step

    def _tell(self, what: str, why: str, strict: bool) -> None:
        """Say once why a model is not compiled, or refuse to go on."""
        if strict:
            raise ag.TraceError(
                f"{what}: expected a model that can be compiled, because of jit_compile=True; {why}. Compile it with "
                "jit_compile='auto', which runs it as it is"
            )
        if why not in self._told:
            self._told.add(why)
            warnings.warn(
                f"{what}: the model is not compiled, and runs as before: {why}. If this is meant to be, compile it "
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
    found: list[Any] = []
    for x in batch:
        for part in (x,) if x.__class__ in _ARRAYS else tree.leaves(x):
            dtype = part.dtype if part.__class__ in _ARRAYS else np.asarray(part).dtype
            if dtype.kind not in "fiub":
                return None
            found += (part.shape if part.__class__ in _ARRAYS else np.shape(part), dtype)
    return tuple(found)
