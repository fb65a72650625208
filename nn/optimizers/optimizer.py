"""The base class of the optimizers: which parameters, which step, which state; the arithmetic is in `rules`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypedDict

import numpy as np
import numpy.typing as npt

from autograd_lite import DtypeError, GradError, ShapeError, Tensor, no_grad

from .blocks import Block, partition
from .hyper import Number, OptionalNumber
from .rules import Rule, clip_to_norm, decayed

__all__ = ["Common", "CommonButDecay", "Optimizer"]

Array = npt.NDArray[Any]
Parameters = Iterable[Tensor] | Iterable[tuple[str, Tensor]]


class CommonButDecay(TypedDict, total=False):
    """The keyword arguments that every optimizer takes, but for `weight_decay`; see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    name: str | None
    parameters: Parameters | None


class Common(CommonButDecay, total=False):
    """The keyword arguments that every optimizer takes; see `Optimizer`."""

    weight_decay: float | None


class Optimizer(ABC):
    """Changes parameters by their gradients, one step at a time.

    A subclass states three things: its hyperparameters, as class attributes of type `Number` or `OptionalNumber`; its
    `rule`; and the `slots` that the rule's state has. All numbers may be changed between any two steps.

    Args:
        learning_rate: the size of a step, at least 0.
        weight_decay: None, or at least 0: every step also takes learning_rate * weight_decay of a parameter off it.
        clipnorm: None, or above 0: each parameter's gradient is scaled down to at most this Euclidean norm.
        clipvalue: None, or above 0: each element of a gradient is clipped to [-clipvalue, clipvalue].
        global_clipnorm: None, or above 0: all gradients are scaled by one factor, down to at most this Euclidean norm
            of them all together. Of the three ways of clipping, one may be given.
        name: the name in the config; by default the class's, in lower case.
        parameters: the tensors to train, or (name, tensor) pairs; may be given later, to `bind`.

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if a number is out of its range, or two ways of clipping are given.
        GradError: if a parameter cannot be trained; see `bind`.
    """

    learning_rate = Number(0)
    weight_decay = OptionalNumber(0)
    clipnorm = OptionalNumber(0, open_low=True)
    clipvalue = OptionalNumber(0, open_low=True)
    global_clipnorm = OptionalNumber(0, open_low=True)

    #: Whether the rule reads p. Where it does not, the values of small parameters need not be gathered.
    reads_values: bool = True

    def __init__(
        self,
        learning_rate: float,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        parameters: Parameters | None = None,
    ) -> None:
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if len(given := [f"{k}={v}" for k, v in clips.items() if v is not None]) > 1:
            raise ValueError(f"{type(self).__name__}: expected one way of clipping; received {' and '.join(given)}")
        self._hyper: dict[str, float] = {}
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.name = name or type(self).__name__.lower()
        self._iterations = 0
        self._parameters: list[Tensor] = []
        self._names: list[str] = []
        self._blocks: list[Block] = []
        if parameters is not None:
            self.bind(parameters)

    # ---- what a subclass states -------------------------------------------------------------------------------------

    @abstractmethod
    def rule(self) -> Rule:
        """Return the pure update rule; see `nn.optimizers.rules`."""

    def slots(self) -> dict[str, float]:
        """Return the names of the arrays in the rule's state, with the number that fills each at the start."""
        return {}

    # ---- the parameters ---------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> list[Tensor]:
        """The bound parameters, in the order in which they were given."""
        return list(self._parameters)

    @property
    def iterations(self) -> int:
        """The number of steps taken."""
        return self._iterations

    def bind(self, parameters: Parameters) -> None:
        """Say which parameters to train; the same ones again change nothing.

        Args:
            parameters: the tensors, or (name, tensor) pairs; each a leaf that requires a gradient.

        Raises:
            TypeError: if something else than a Tensor is among them.
            GradError: if one cannot be trained.
            ValueError: if there is none, one comes twice, or steps were already taken on others.
        """
        found, names = _named(type(self).__name__, parameters)
        if self._iterations and [id(p) for p in found] != [id(p) for p in self._parameters]:
            raise ValueError(
                f"{type(self).__name__}.bind: this optimizer has taken {self._iterations} steps on "
                f"{len(self._parameters)} parameters, and its state belongs to them; received {len(found)} parameters "
                "that are not the same. Make a new optimizer for them"
            )
        if not self._iterations:
            self._parameters, self._names, self._blocks = found, names, partition(found)

    def zero_grad(self) -> None:
        """Set `.grad` of every parameter to None."""
        for p in self._bound("zero_grad"):
            p.grad = None

    def step(self) -> None:
        """Apply the rule to every parameter that has a gradient; the others are left alone, state included.

        Raises:
            GradError: if there are no parameters, none has a gradient, or one is no longer a leaf; nothing has
                changed then.
        """
        gradients = self._gradients()
        rule, slots = self.rule(), self.slots()
        if self.weight_decay is not None:
            rule = decayed(rule)
        reads_values = self.reads_values or self.weight_decay is not None
        hyper = {**self._hyper, "iterations": self._iterations + 1}
        # What overflows becomes an infinity here: a warning turned into an error would leave half a step done.
        with no_grad(), np.errstate(all="ignore"):
            gradients = self._clipped(gradients)
            for block in self._blocks:
                block.hold(slots)
                block.update(rule, hyper, gradients, reads_values)
        self._iterations += 1

    def _bound(self, method: str) -> list[Tensor]:
        if not self._parameters:
            raise GradError(
                f"{type(self).__name__}.{method}: no parameters are bound. "
                f"Make the optimizer with {type(self).__name__}(..., parameters=model.parameters()), or call bind()"
            )
        return self._parameters

    def _gradients(self) -> list[Array | None]:
        """Return every parameter's gradient or None, once it is certain that the whole step can be made."""
        gradients: list[Array | None] = []
        for p, name in zip(self._bound("step"), self._names, strict=True):
            g = p.grad
            if g is None or not p.requires_grad:
                gradients.append(None)
                continue
            if not p.is_leaf:
                raise GradError(
                    f"{type(self).__name__}.step: the parameter {name} is no longer a leaf: an operation was recorded "
                    "into it. Change parameters inside no_grad(), or with assign()"
                )
            gradients.append(g.data)
        if all(g is None for g in gradients):
            raise GradError(
                f"{type(self).__name__}.step: none of the {len(gradients)} parameters has a gradient. "
                "Call loss.backward() before step(), and zero_grad() after it"
            )
        return gradients

    def _clipped(self, gradients: list[Array | None]) -> list[Array | None]:
        """Return the gradients clipped as the hyperparameters say; None stays None."""
        each, value, everything = self.clipnorm, self.clipvalue, self.global_clipnorm
        if each is not None:
            return [None if g is None else clip_to_norm(g, each) for g in gradients]
        if value is not None:
            return [None if g is None else np.clip(g, -value, value) for g in gradients]
        if everything is not None:
            norm = math.sqrt(sum(float((g * g).sum()) for g in gradients if g is not None))
            # Keras: one infinity makes every gradient NaN, where a factor of 0 would hide it in all others.
            factor = everything / max(norm, everything) if math.isfinite(norm) else math.nan
            return [None if g is None else g * factor for g in gradients]
        return gradients

    # ---- state and config -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Return all that a later run needs to go on bit for bit, as copies.

        Returns:
            "iterations", every hyperparameter that has a value, and "<i>.<slot>" for each slot of the i-th parameter.
        """
        state = {"iterations": np.array(self._iterations)}
        state |= {name: np.array(value) for name, value in self._hyper.items()}
        for i, slots in enumerate(self._slot_arrays("state_dict")):
            state |= {f"{i}.{name}": np.array(a) for name, a in slots.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, of an optimizer of the same class and as many parameters.

        Raises:
            ValueError: if entries are missing, unknown or out of range.
            ShapeError: if an array has another shape than its parameter.
            DtypeError: if it has another dtype. In each case nothing has changed.
        """
        called = f"{type(self).__name__}.load_state_dict"
        entries = {key: np.asarray(value.data if isinstance(value, Tensor) else value) for key, value in state.items()}
        numbers = {key: entries.pop(key) for key in list(entries) if "." not in key}
        iterations = numbers.pop("iterations", None)
        if iterations is None or iterations.shape or iterations.dtype.kind not in "iu" or iterations < 0:
            raise ValueError(f"{called}: expected 'iterations', a whole number of at least 0; received {iterations!r}")
        before = self._hyper, [block.state for block in self._blocks]
        try:
            self._hyper = self._checked_numbers(called, numbers)
            self._load_slots(called, entries)
        except BaseException:
            self._hyper = before[0]
            for block, old in zip(self._blocks, before[1], strict=True):
                block.state = old
            raise
        self._iterations = int(iterations)

    def _checked_numbers(self, called: str, numbers: Mapping[str, Array]) -> dict[str, float]:
        known = {
            name: d for c in reversed(type(self).__mro__) for name, d in vars(c).items() if isinstance(d, _NUMBERS)
        }
        required = {name for name, d in known.items() if isinstance(d, Number)}
        _same_keys(called, required | (numbers.keys() & known.keys()), numbers.keys())
        return {name: known[name].check(value, type(self).__name__) for name, value in numbers.items()}

    def _load_slots(self, called: str, entries: dict[str, Array]) -> None:
        views = self._slot_arrays("load_state_dict")
        expected = {f"{i}.{name}": a for i, slots in enumerate(views) for name, a in slots.items()}
        _same_keys(called, expected.keys(), entries.keys())
        for key, a in entries.items():
            if a.shape != expected[key].shape:
                raise ShapeError(f"{called}: expected {key!r} of shape {expected[key].shape}; received {a.shape}")
            if a.dtype != expected[key].dtype:
                raise DtypeError(f"{called}: expected {key!r} of dtype {expected[key].dtype}; received {a.dtype}")
        for block in self._blocks:
            block.state = {
                name: np.concatenate([entries[f"{i}.{name}"].ravel() for i in block.indices]).reshape(block.shape)
                for name in block.state
            }

    def _slot_arrays(self, method: str) -> list[dict[str, Array]]:
        """Return the state of every parameter, in the order of the parameters; views."""
        self._bound(method)
        slots = self.slots()
        found: dict[int, dict[str, Array]] = {}
        for block in self._blocks:
            block.hold(slots)
            found |= {i: block.state_of(j) for j, i in enumerate(block.indices)}
        return [found[i] for i in range(len(self._parameters))]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, except for the parameters, as Python values."""
        common = ("learning_rate", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue")
        return {"name": self.name, **{name: getattr(self, name) for name in common}}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make an optimizer like the one whose `get_config` this is, without its parameters and state."""
        return cls(**config)

    def __repr__(self) -> str:
        given = {k: v for k, v in self.get_config().items() if k != "name" and v is not None and v is not False}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"


_NUMBERS = (Number, OptionalNumber)


def _named(owner: str, parameters: Parameters) -> tuple[list[Tensor], list[str]]:
    """Return the tensors and what to call each in an error message, once all of them are known to be trainable."""
    if isinstance(parameters, Tensor | Mapping) or not isinstance(parameters, Iterable):
        raise TypeError(
            f"{owner}: expected parameters to be a list of Tensors, such as model.parameters(); "
            f"received {type(parameters).__name__}"
        )
    found: list[Tensor] = []
    names: list[str] = []
    for i, item in enumerate(parameters):
        label: str | None
        p: object
        label, p = item if isinstance(item, tuple) and len(item) == 2 else (None, item)
        if not isinstance(p, Tensor):
            raise TypeError(f"{owner}: expected every parameter to be a Tensor; received {type(p).__name__} at {i}")
        label = label or p.name
        name = f"{i} ({label!r}, shape {p.shape})" if label else f"{i} (shape {p.shape})"
        if not p.requires_grad or not p.is_leaf:
            what = "computed from other tensors" if not p.is_leaf else "one that requires no gradient"
            raise GradError(
                f"{owner}: expected parameters that are leaves and require a gradient; number {name} is {what}. "
                "Leave it out, or make it with tensor(a, requires_grad=True)"
            )
        found.append(p)
        names.append(name)
    if not found:
        raise ValueError(f"{owner}: expected at least one parameter; received none. Build the model first")
    if len({id(p) for p in found}) < len(found):
        twice = next(name for i, name in enumerate(names) if any(found[i] is p for p in found[:i]))
        raise ValueError(f"{owner}: expected every parameter once; number {twice} is there twice")
    return found, names


def _same_keys(called: str, expected: Any, received: Any) -> None:
    if missing := sorted(expected - received):
        raise ValueError(f"{called}: expected an entry {missing[0]!r} ({len(missing)} missing); received none")
    if unknown := sorted(received - expected):
        raise ValueError(
            f"{called}: received {unknown[0]!r}, which this optimizer does not have ({len(unknown)} unknown). "
            "Load into an optimizer of the same class, options and number of parameters"
        )
