"""What `fit`, `evaluate` and `predict` compute for a batch, compiled: it runs as it is at first, and is then replayed.

The rule, which `compile(jit_compile=…)` and `compile(run_eagerly=…)` choose by:

- `jit_compile="auto"`, the default: after 8 batches of one shape have run as they are, two are traced, as `ag.compile`
  does. If the traces agree, all further batches of that shape are replayed, with the results of a run bit for bit. A
  model that cannot be traced runs as before, and one warning says why, and where in the user's code.
- `jit_compile=True`: the second batch is traced already, and what cannot be traced is an error.
- `jit_compile=False` or `run_eagerly=True`: nothing is compiled.

A replay runs no Python: what `call` or a loss prints, counts or appends happens while the model runs, and no longer in
replays. What they read in Python is constant in them: a number that is an attribute of a layer or of the loss, say. It
may change between two epochs, and in callbacks: they are looked through then, and what was traced is dropped if one is
another. A call that changes such an attribute itself, or draws with NumPy, is not replayed. Parameters, variables,
random draws and learning rates are read anew.

A `train_step` of a class's own runs as it is; what it calls of ours, `super().train_step`, is replayed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import ref

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor, tree

from ..config.arguments import is_text, refused
from ..config.config import Configurable
from ..initializers import Initializer
from ..metrics import Metric
from ..module.module import Module
from ..module.penalties import Rules
from ..module.settings import covered
from .outputs import _OutputsLoss

# How many batches of one shape run as they are, by `jit_compile`. Tracing costs about as much as this many.
WARM = {"auto": 8, True: 1}
# The most shapes that are traced of one model.
_MOST = 32
# How often in a row tracing may begin anew since a call has changed an attribute, as the first one of an epoch may.
_PATIENCE = 2
# Attributes that no call reads, or not as Python values.
_UNREAD = frozenset(
    ("_added", "_compiled", "_example", "_name", "_path", "_replays", "history", "output_shape", "stop_training")
)
_VALUES = frozenset((bool, bytes, complex, float, int, str, np.float32, np.float64, np.int64))
_CONTAINERS = frozenset((dict, list, set, tuple))
_LONG = 64  # of longer containers only the length is compared
_OPAQUE = (Initializer, Metric, Module)  # which no call reads, or which are looked through by themselves
# What code may raise that is given Tensors in place of arrays. Whatever else is raised, such as by the handler of a
# signal, is the caller's.
_OF_TENSORS = (ag.GradError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
_NAME = object()  # comes before the name of an attribute


def checked_choice(what: str, value: Any) -> bool | str:
    """Return `jit_compile` if it is one of its values; None is the default."""
    if value is None or (isinstance(value, str) and value == "auto"):
        return "auto"
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise refused(
        ValueError if isinstance(value, str) else TypeError, what, "jit_compile", "'auto', True or False", value
    )


class _Step:
    """One thing that is computed of a model.

    Attributes:
        fast: the compiled function.
        runs: for each shape of a batch, how often it has run.
        why: why it is not compiled, or "".
        failed: what went wrong in a trace, if the eager run has not told yet whether it goes wrong there too.
    """

    def __init__(self, model: Any, compute: Callable[..., Any], flags: tuple[Any, ...]) -> None:
        this: Callable[[], Any] = ref(model)  # the model holds the step

        def run(*batch: Any) -> Any:
            with covered(this()):  # `look` sees to what calls read of it
                return compute(this(), *flags, *batch)

        run.__name__ = type(model).__name__
        self.fast = ag.compile(run)
        self.runs: dict[Any, int] = {}
        self.why = self.failed = ""

    def refusal(self) -> str:
        """Return why the last trace will not be replayed, or ""."""
        last = self.fast.traces[-1]
        return "" if last.replay is not None or last.first is not None else last.why.rpartition("; ")[2]


class Replays:
    """All that is compiled of one model. It is kept on the model; a copy of it is empty."""

    def __init__(self) -> None:
        self.steps: dict[Any, _Step] = {}
        self._compiled: Any = None
        self._settings: list[Any] = []
        self._restarts = 0  # since the last trace
        self._told: set[str] = set()

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return Replays, ()

    def look(self, model: Any, compiled: Any) -> bool:
        """Drop what was traced if the model has been compiled anew, or an attribute has changed since."""
        now = settings_of(model, compiled)
        changed = compiled is not self._compiled or not _same(now, self._settings)
        if changed:
            self.steps, self._compiled, self._settings = {}, compiled, now
        return changed

    def run(
        self, what: str, model: Any, compute: Callable[..., Any], flags: tuple[Any, ...], batch: tuple[Any, ...]
    ) -> Any:
        """Return what `compute(model, *flags, *batch)` returns, if it is replayed; else None, and it must be called.

        Args:
            what: the call, for messages.
            model: whose `jit_compile` counts.
            compute: returns tensors without history, in containers.
            flags: constants.
            batch: arrays, Tensors, containers of them, and None.

        Raises:
            TraceError: with `jit_compile=True`, if it cannot be compiled.
        """
        key = (compute, flags, model.training, tuple([x is None for x in batch]))
        step = self.steps.get(key)
        if step is None:
            step = self.steps[key] = _Step(model, compute, flags)
        strict = model.jit_compile is True
        if step.why:
            self._tell(what, step.why, strict)
            return None
        shape = _shape_of(batch)
        if shape is None or (shape not in step.runs and len(step.runs) >= _MOST):
            return None
        runs, warm = step.runs.get(shape, 0), WARM[model.jit_compile]
        if runs < warm:
            step.runs[shape] = runs + 1
            return None
        try:
            if runs >= warm + 2:
                return step.fast(*batch)
            return self._traced(model, key, shape, batch)
        except ag.TraceError as error:
            step.why = str(error).removeprefix("compile: ").partition(". ")[0]
            if strict:
                raise
        except _OF_TENSORS as error:  # if an eager run raises it too, it will say so itself
            step.runs[shape] = 0
            text = f"{type(error).__name__}: {error}"
            step.why, step.failed = (text if text == step.failed else ""), text
        finally:
            if strict and step.why:
                self._tell(what, step.why, strict)
        return None

    def _traced(self, model: Any, key: Any, shape: Any, batch: tuple[Any, ...]) -> Any:
        step, settings = self.steps[key], self._settings
        if self.look(model, self._compiled):  # since the last look by a call, so it counts from the beginning
            self._restarts += 1
            if self._restarts > _PATIENCE:
                step.why = _changed(settings, self._settings)
                self.steps = {key: step}
            return None
        self._restarts = 0
        found = step.fast(*batch)
        if step.fast.traces:  # else something looks at the operations, and it ran as it is
            step.runs[shape] += 1
            step.why = _changed(self._settings, settings_of(model, self._compiled)) or step.refusal()
        return found

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
                stacklevel=2,
            )


def _shape_of(batch: Sequence[Any]) -> Any:
    """Return the shapes and dtypes of a batch, to tell batches apart; None if there are texts in it."""
    found: list[Any] = []
    for x in batch:
        for part in (x,) if x.__class__ is Tensor or x.__class__ is np.ndarray else tree.leaves(x):
            if is_text(part):
                return None
            found.append((np.shape(part), getattr(part, "dtype", None)))
    return tuple(found)


# ---- what calls read in Python --------------------------------------------------------------------------------------


def settings_of(model: Any, compiled: Any) -> list[Any]:
    """Return the attributes of a model's modules and of its loss, names and values in one list."""
    found: list[Any] = []
    training = model.training
    for _, module in model._walk():
        found.append(module.training is training)  # of the model's own mode there are traces of their own
        _unfold_all(vars(module), found)
    if compiled is not None:
        loss = compiled.loss
        found.append(compiled.optimizer.loss_scale_factor)
        _unfold((loss.parts, loss.weights) if isinstance(loss, _OutputsLoss) else loss, found)
    return found


def _unfold_all(attributes: Mapping[Any, Any], found: list[Any]) -> None:
    for name, value in attributes.items():
        if name not in _UNREAD:
            found += (_NAME, name)
            if value.__class__ in _VALUES or value is None or value.__class__ is Tensor:
                found.append(value)
            else:
                _unfold(value, found)


def _unfold(value: Any, found: list[Any]) -> None:
    """Append a value, and if it is a container, or an object that holds numbers for calls, what is in it."""
    found.append(value if (kind := value.__class__) not in _CONTAINERS else kind)
    if isinstance(value, Rules) or (isinstance(value, Configurable) and not isinstance(value, _OPAQUE)):
        _unfold_all(vars(value), found)
    elif kind in _CONTAINERS:
        found.append(len(value))
        if kind is dict and len(value) <= _LONG:
            _unfold_all(value, found)
        elif kind is not set and len(value) <= _LONG:
            for part in value:
                _unfold(part, found)


def _same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(map(_equal, a, b))


def _equal(x: Any, y: Any) -> bool:
    return x is y or (x.__class__ is y.__class__ and x.__class__ in _VALUES and x == y)


def _changed(before: list[Any], after: list[Any]) -> str:
    """Return which attribute a call has changed, "" if none."""
    n = next((i for i, (x, y) in enumerate(zip(before, after, strict=False)) if not _equal(x, y)), None)
    if n is None:
        return "" if len(before) == len(after) else "a call gives a module new attributes, which a replay would not do"
    names = [after[i + 1] for i in range(n + 1) if after[i] is _NAME]
    return f"a call changes the attribute {names[-1]!r} of a module, which a replay would not do"
