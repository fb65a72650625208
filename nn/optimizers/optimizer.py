"""The base class of the optimizers: their parameters, their steps and their state.

A step goes one way: `step` takes the gradients, `_note_step` accumulates and clips them, `_note_update` picks the rule
of each parameter group, and `ParameterGroup.note_step` applies it. Nothing changes before all of this has succeeded.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np

from autograd_lite import Changes, GradError, Tensor, dynamic, no_grad, static, tensor
from autograd_lite.arrays import asarray_like, to_device, to_numpy
from autograd_lite.extend import callback, is_compiling, more_on

from ..config.ambient import CALL
from ..config.arguments import flag, integer, not_negative, optional, place_here, positive, text
from ..config.config import Registered, argument_names, plain
from ..config.fields import Converted, field
from ..module.penalties import constraint_of
from .gradients import Gradients, accumulate, clip, match_parameters, scale, unscale, usable
from .hyper import (
    CountNow,
    LearningRate,
    Number,
    OptionalNumber,
    Quantity,
    RateNow,
    ScalarOrSchedule,
    Schedule,
    bindable,
)
from .parameter_groups import ParameterGroup, Start, Step, partition
from .parameters import Parameters, check_parameters
from .rules import Array, Rule, with_average, with_decay
from .state import arrays, same_keys, same_kinds, whole_number

# Names of arguments in PyTorch and older versions of Keras.
_OTHER_WORDS = {
    "lr": "learning_rate",
    "decay": "weight_decay, or a schedule as learning_rate",
    "eps": "epsilon",
    "betas": "beta_1 and beta_2",
    "params": "parameters",
}


def _name_or_class(owner: Any, name: str, value: Any) -> str:
    return text(owner, name, value) if value else type(owner).__name__.lower()


class _Begun(Registered, ABC):
    """The attributes of an optimizer before its arguments; apart, so `Optimizer` shows the arguments."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Return an optimizer that has neither hyperparameters nor parameters yet."""
        new = super().__new__(cls)
        new._begin()
        return new

    def _begin(self) -> None:
        self._hyper: dict[str, float] = {}
        self._iterations = 0
        self._schedule: Schedule | None = None
        self._parameters: list[Tensor] = []
        self._names: list[str] = []
        self._groups: list[ParameterGroup] = []
        self._decays: list[bool] = []  # whether weight decay touches a group
        self._in_chunks = False
        self._constraints: dict[int, Callable[..., Any]] = {}
        self._undecayed: tuple[list[Tensor], list[str]] = [], []
        self._accumulated: Gradients = []


@dataclass_transform(eq_default=False, field_specifiers=(Number, OptionalNumber, ScalarOrSchedule, bindable, field))
class Optimizer(_Begun):
    """Changes parameters by their gradients, one step at a time.

    A subclass states three things: its hyperparameters, each as a `Number` or an `OptionalNumber`; its `rule`; and the
    `slots` of the rule's state. All numbers may be changed between any two steps.

    After a step, weights that a layer has put under a constraint are brought back to it; see `nn.constraints`.

    Args:
        learning_rate: the step size, at least 0; or a schedule, see `nn.optimizers.schedules`; or a function without
            arguments that returns the rate.
        weight_decay: None, or at least 0: every step also takes learning_rate * weight_decay of a parameter off it.
        clipnorm: None, or above 0: each parameter's gradient is scaled down to at most this Euclidean norm.
        clipvalue: None, or above 0: each element of a gradient is clipped to [-clipvalue, clipvalue].
        global_clipnorm: None, or above 0: all gradients are scaled by one factor, so that together they have at most
            this Euclidean norm. Only one of the three ways of clipping may be given.
        name: the name in the config; by default the class's, in lower case.
        use_ema: whether to keep a running mean of every parameter: mean' = ema_momentum * mean + (1 - ema_momentum) *
            value. `finalize_variable_values`, which `fit` calls at its end, replaces the values by the means.
        ema_momentum: in [0, 1].
        ema_overwrite_frequency: None, or the number of steps after which, over and over, the means replace the values.
        loss_scale_factor: None, or above 0: the loss is multiplied by it before the backward pass, and the gradients
            divided by it in `step`, so that those of float16 do not vanish on the way. `fit` does it; in your own loop,
            call `scale_loss(loss).backward()`.
        gradient_accumulation_steps: None, or at least 2: the parameters change only at every n-th call of `step`, by
            the mean of the gradients of these n calls. A schedule counts the calls, as in Keras.
        parameters: the tensors to train, or (name, tensor) pairs; may be given later, to `bind`.

    Raises:
        TypeError: if an argument has the wrong type, or is unknown.
        ValueError: if a number is out of its range, or two ways of clipping are given.
        GradError: if a parameter cannot be trained; see `bind`.

    Example:
        >>> import autograd_lite as ag
        >>> from nn import optimizers
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> sgd = optimizers.SGD(0.25, parameters=[w])
        >>> (w * w).sum().backward()
        >>> sgd.step()
        >>> w.tolist(), sgd.iterations
        ([0.5, -1.0], 1)
    """

    learning_rate: LearningRate = ScalarOrSchedule(0)
    weight_decay: float | None = OptionalNumber(0, default=None, kw_only=True)
    clipnorm: float | None = OptionalNumber(0, open_low=True, default=None, kw_only=True)
    clipvalue: float | None = OptionalNumber(0, open_low=True, default=None, kw_only=True)
    global_clipnorm: float | None = OptionalNumber(0, open_low=True, default=None, kw_only=True)
    name: Converted[str | None, str] = field(_name_or_class, default=None, kw_only=True)
    use_ema: bool = field(flag, default=False, kw_only=True)
    ema_momentum: float | None = OptionalNumber(0, 1, closed_high=True, default=0.99, kw_only=True)
    ema_overwrite_frequency: int | None = field(optional(positive), default=None, kw_only=True)
    loss_scale_factor: float | None = OptionalNumber(0, open_low=True, default=None, kw_only=True)
    gradient_accumulation_steps: int | None = field(optional(integer(2)), default=None, kw_only=True)
    parameters: Converted[Parameters | None, list[Tensor]] = bindable()

    # A schedule is asked at every step, compiled too.
    _unguarded: ClassVar[tuple[str, ...]] = ("_schedule",)
    #: Whether the rule reads p. If not, the values of small parameters need not be gathered.
    reads_values: ClassVar[bool] = True
    #: Whether the rule updates each element by itself, so that small parameters may share one call of it.
    elementwise: ClassVar[bool] = True
    #: Whether a step with gradients that are not finite is skipped, and does no harm.
    skips_overflow: ClassVar[bool] = False
    _other_words = _OTHER_WORDS

    def __post_init__(self) -> None:
        clips = {name: getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")}
        if len(ways := [f"{name}={value}" for name, value in clips.items() if value is not None]) > 1:
            raise ValueError(f"{type(self).__name__}: expected one way of clipping; received {' and '.join(ways)}")
        if not self.use_ema:
            self.ema_momentum = None

    # ---- what a subclass states -------------------------------------------------------------------------------------

    @abstractmethod
    def rule(self) -> Rule:
        """Return the pure update rule; see `nn.optimizers.rules`."""

    def slots(self) -> Mapping[str, Start]:
        """Return the names of the arrays in the rule's state, each with the number that fills it at the start."""
        return {}

    def slots_for(self, parameter: Tensor) -> Mapping[str, Start]:
        """Return the slots of one parameter; called only if the rule is not `elementwise`."""
        return self.slots()

    def decay_for(self, parameter: Tensor) -> str | None:
        """Return the name of the number that decays a parameter, or None; the same for all if `elementwise`."""
        return None if self.weight_decay is None else "weight_decay"

    # ---- the parameters ---------------------------------------------------------------------------------------------

    @property
    def iterations(self) -> CountNow:
        """The number of steps taken, which may be set; calls that only accumulated gradients do not count."""
        steps = dynamic(vars(self), "_iterations") // (self.gradient_accumulation_steps or 1)
        return steps if is_compiling() else CountNow.read(self, "iterations", steps)

    @iterations.setter
    def iterations(self, iterations: int) -> None:
        checked = callback(not_negative, type(self).__name__, "iterations", iterations)
        changes = Changes()
        changes.put(vars(self), "_iterations", checked * (self.gradient_accumulation_steps or 1))
        changes.make()

    def bind(self, parameters: Parameters) -> None:
        """Set the parameters to train; binding the same ones again changes nothing.

        Args:
            parameters: the tensors, or (name, tensor) pairs; each a leaf that requires a gradient.

        Raises:
            TypeError: if something other than a Tensor is among them.
            GradError: if one cannot be trained.
            ValueError: if there are none, one comes twice, or steps were already taken on others.
        """
        tensors, names = check_parameters(type(self).__name__, parameters)
        if self._iterations and [id(p) for p in tensors] != [id(p) for p in self._parameters]:
            raise ValueError(
                f"{type(self).__name__}.bind: this optimizer has taken {self._iterations} steps on "
                f"{len(self._parameters)} parameters, and its state belongs to them; received {len(tensors)} "
                "parameters that are not the same. Make a new optimizer for them"
            )
        if not self._iterations:
            self._parameters, self._names = tensors, names
            self._constraints = {i: c for i, p in enumerate(tensors) if (c := constraint_of(p)) is not None}
            self._accumulated = []
            self._partition()

    def build(self, variables: Parameters) -> None:
        """Do what `bind` does: Keras calls it this.

        Args:
            variables: the parameters.
        """
        self.bind(variables)

    @property
    def variables(self) -> list[Tensor]:
        """The number of steps, the learning rate and the slots of each parameter, as copies; see `state_dict`."""
        state = {"iterations": self._iterations, "learning_rate": self.learning_rate}
        return [tensor(to_numpy(a), name=name) for name, a in {**state, **self._slot_arrays()}.items()]

    def zero_grad(self) -> None:
        """Set `.grad` of every parameter to None."""
        for p in self._require_bound("zero_grad"):
            p.grad = None

    def exclude_from_weight_decay(
        self, var_list: Iterable[Tensor] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Exclude parameters from weight decay; to be called before the first step.

        Args:
            var_list: parameters.
            var_names: regular expressions, such as "bias", searched in the names of the parameters.

        Raises:
            ValueError: if steps were taken already.
        """
        if self._iterations:
            raise ValueError(
                f"{type(self).__name__}.exclude_from_weight_decay: expected to be called before the first step; "
                f"{self._iterations} were taken"
            )
        tensors, names = list(var_list or ()), list(var_names or ())
        if not all(isinstance(t, Tensor) for t in tensors) or not all(isinstance(n, str) for n in names):
            raise TypeError(
                f"{type(self).__name__}.exclude_from_weight_decay: expected Tensors in var_list and strings in "
                f"var_names; received {tensors!r:.80} and {names!r:.80}"
            )
        self._undecayed = self._undecayed[0] + tensors, self._undecayed[1] + names
        self._partition()

    def _is_undecayed(self, p: Tensor) -> bool:
        tensors, names = self._undecayed
        return any(p is q for q in tensors) or any(re.search(name, p.name or "") for name in names)

    def _partition(self) -> None:
        self._groups = partition(self._parameters, self.elementwise, self._is_undecayed)
        # Rules of nn raise nothing and call ufuncs alone; one that may raise must not have changed a chunk before.
        self._in_chunks = self.elementwise and place_here(type(self).rule) is not None
        self._decays = [not self._is_undecayed(group.parameters[0]) for group in self._groups]
        # State that exists before the first step is not traced as new. A custom class's slots may not be known yet.
        if self.elementwise and place_here(type(self).slots) is not None:
            for group, slots in zip(self._groups, self._all_slots(), strict=True):
                group.begin(slots)

    def _require_bound(self, method: str) -> list[Tensor]:
        if not self._parameters:
            raise GradError(
                f"{type(self).__name__}.{method}: no parameters are bound. "
                f"Make the optimizer with {type(self).__name__}(..., parameters=model.parameters()), or call bind()"
                + more_on("nothing-to-step-with")
            )
        return self._parameters

    # ---- a step -----------------------------------------------------------------------------------------------------

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return what to differentiate instead of the loss: the loss times `loss_scale_factor`, if there is one.

        Args:
            loss: a scalar.
        """
        return scale(loss, self.loss_scale_factor)

    def step(self) -> None:
        """Apply the rule to every parameter that has a gradient; the others are left alone, state included.

        Raises:
            GradError: if there are no parameters, none has a gradient, or one is no longer a leaf; nothing has
                changed then.
        """
        bound = self._require_bound("step")
        compiling = is_compiling()
        if not compiling and (shard := CALL.get().shard) is not None:
            shard.reduce(again=False)
        gradients: Any = [None if (g := p.grad) is None else g if compiling else g.data for p in bound]
        self._advance(usable(type(self).__name__, "step", gradients, bound, self._names))

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Tensor] | None = None) -> None:
        """Take the step that `step` takes, with the gradients given here; `.grad` is neither read nor changed.

        Args:
            grads: Tensors or arrays, each of its parameter's shape, such as `ag.grad` returns; None leaves its
                parameter alone. An empty list makes no step.
            trainable_variables: the parameters that they belong to, in the same order; by default all that are bound.
                The first call binds them, later ones may give only some of them.

        Raises:
            GradError: if no parameters are bound or given, or none of them has a gradient.
            ValueError: if the numbers of gradients and parameters differ, or a parameter is unknown.
            ShapeError: if a gradient has another shape than its parameter. In each case nothing has changed.

        Example:
            >>> import autograd_lite as ag
            >>> from nn import optimizers
            >>> w = ag.tensor([3.0, -2.0], requires_grad=True)
            >>> optimizer = optimizers.SGD(0.5)
            >>> optimizer.apply([np.array([2.0, 2.0])], [w])
            >>> w.tolist()
            [2.0, -3.0]
        """
        grads = list(grads)
        if not grads:
            return
        owner = type(self).__name__
        parameters = self._require_bound("apply") if trainable_variables is None else list(trainable_variables)
        bound = self._parameters or check_parameters(owner, parameters)[0]
        gradients = usable(
            owner, "apply", match_parameters(f"{owner}.apply", grads, parameters, bound), bound, self._names
        )
        self.bind(bound)
        self._advance(gradients)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Tensor]]) -> int:
        """Take the step of `apply` with (gradient, parameter) pairs, and return the number of steps taken.

        Args:
            grads_and_vars: pairs such as `zip(gradients, parameters)`; None for a gradient leaves its parameter alone.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [p for _, p in pairs])
        return self.iterations

    def _advance(self, gradients: Gradients) -> None:
        """Take a step with gradients that are known to be usable."""
        changes = Changes()
        # What overflows becomes an infinity. In a function that is compiled the rules compute with Tensors.
        with np.errstate(all="ignore"), no_grad() if is_compiling() else _AS_IT_IS:
            if (factor := self.loss_scale_factor) is not None:
                gradients = unscale(gradients, factor)
            self._note_step(changes, gradients)
        changes.make()

    def _note_step(self, changes: Changes, gradients: Gradients) -> None:
        """Compute a step with gradients that are not scaled, and note all that it changes; nothing has changed yet."""
        attributes = vars(self)
        self._pin()
        every, steps = self.gradient_accumulation_steps, dynamic(attributes, "_iterations")
        numbers = dynamic(attributes, "_hyper")
        hyper = {**numbers, "iterations": steps // (every or 1) + 1}
        changed: dict[str, Any] = {}
        if self._schedule is not None:
            rate: Any = self.learning_rate  # what the schedule says now
            changed["learning_rate"] = hyper["learning_rate"] = rate if is_compiling() else float(rate)
        if every:
            gradients = accumulate(dynamic(attributes, "_accumulated", owned=True), gradients)
        if not every or not (steps + 1) % every:
            if every:
                changes.put(attributes, "_accumulated", [])
                gradients = [None if g is None else g / every for g in gradients]
            gradients = clip(gradients, *map(numbers.get, ("clipnorm", "clipvalue", "global_clipnorm")))
            changed |= self._note_update(changes, hyper, gradients)
        else:
            changes.put(attributes, "_accumulated", gradients)
        if changed:
            changes.put(attributes, "_hyper", {**numbers, **changed})
        changes.put(attributes, "_iterations", steps + 1)

    def _pin(self) -> None:
        """Guard a function that is being compiled on all attributes that do not change from step to step."""
        if is_compiling():
            for name in sorted(vars(self).keys() - _LIVE):
                static(vars(self), name)

    def _note_update(self, changes: Changes, hyper: dict[str, float], gradients: Gradients) -> dict[str, float]:
        """Apply the rule to all parameters, note the changes, and return the new hyperparameters."""
        every = self.ema_overwrite_frequency if self.use_ema else None
        averages = every is not None and not hyper["iterations"] % every
        step = Step(changes, gradients, hyper, self._constraints, self._in_chunks, averages)
        for group, decays, slots in zip(self._groups, self._decays, self._all_slots(), strict=True):
            rule, reads_values = self.rule(), self.reads_values or self.use_ema
            decay = self.decay_for(group.parameters[0]) if decays else None
            if decay is not None:
                rule, reads_values = with_decay(rule, decay, self.reads_values), True
            if self.use_ema:
                rule = with_average(rule)
            group.note_step(step, rule, slots, reads_values)
        return {}

    def _all_slots(self) -> list[Mapping[str, Start]]:
        """Return the slots of every group."""
        average: dict[str, Start] = {"average": lambda p: p} if self.use_ema else {}
        if self.elementwise:
            return [{**self.slots(), **average}] * len(self._groups)
        return [{**self.slots_for(group.parameters[0]), **average} for group in self._groups]

    def finalize_variable_values(self, var_list: Iterable[Tensor] | None = None) -> None:
        """Replace the values of the parameters by their running means, if these are kept; `fit` does at its end.

        Args:
            var_list: as Keras has it, all parameters; they are known anyway.

        Raises:
            GradError: if no parameters are bound.
        """
        self._require_bound("finalize_variable_values")
        changes = Changes()
        for group in self._groups:
            if "average" in group.state:
                for j, p in enumerate(group.parameters):
                    changes.assign(p, group.part_of(group.state, j)["average"])
        changes.make()

    # ---- state and config -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Return all that a later run needs to continue bit for bit, as copies.

        Returns:
            "iterations", every hyperparameter that has a value, "<i>.<slot>" for each slot of the i-th parameter, and,
            if some are excluded from weight decay, "undecayed" with their numbers.
        """
        state = {"iterations": np.array(self._iterations)}
        self._require_bound("state_dict")
        state |= {name: np.array(value) for name, value in self._hyper.items()}
        held = {f"{i}.{_ACCUMULATED}": g for i, g in enumerate(self._accumulated) if g is not None}
        state |= {key: np.array(to_numpy(a)) for key, a in {**self._slot_arrays(), **held}.items()}
        undecayed = [i for i, p in enumerate(self._parameters) if self._is_undecayed(p)]
        return state | ({_UNDECAYED: np.array(undecayed)} if undecayed else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, of an optimizer of the same class and number of parameters.

        Raises:
            ValueError: if entries are missing, unknown or out of range.
            ShapeError: if an array has another shape than its parameter.
            DtypeError: if it has another dtype. In each case nothing has changed.
        """
        caller = f"{type(self).__name__}.load_state_dict"
        self._require_bound("load_state_dict")
        slots = arrays(state)
        numbers = {key: slots.pop(key) for key in list(slots) if "." not in key}
        gradients = {key: slots.pop(key) for key in list(slots) if key.endswith(f".{_ACCUMULATED}")}
        iterations = whole_number(caller, "iterations", numbers.pop("iterations", None))
        undecayed = numbers.pop(_UNDECAYED, None)
        before = dict(vars(self))
        try:
            self._hyper = self._checked_numbers(caller, numbers)
            if undecayed is not None:
                self._undecayed = self._checked_undecayed(caller, undecayed), []
            self._accumulated = self._checked_gradients(caller, gradients)
            groups, decays = self._groups, self._decays
            self._partition()  # the slots depend on the numbers, and on the decayed parameters
            if [group.indices for group in groups] == [group.indices for group in self._groups]:
                self._groups = groups  # compiled steps are guarded on them
            if decays == self._decays:
                self._decays = decays
            self._load_slots(caller, slots)
            self._iterations = iterations
        except BaseException:
            vars(self).update(before)
            raise

    def _checked_undecayed(self, caller: str, indices: Array) -> list[Tensor]:
        if (
            indices.ndim != 1
            or indices.dtype.kind not in "iu"
            or not set(indices.tolist()) <= set(range(len(self._parameters)))
        ):
            raise ValueError(
                f"{caller}: expected {_UNDECAYED!r}, numbers of parameters below {len(self._parameters)}; received "
                f"{indices!r:.80}"
            )
        return [self._parameters[i] for i in indices.tolist()]

    def _checked_numbers(self, caller: str, numbers: Mapping[str, Array]) -> dict[str, float]:
        quantities = {
            name: d for c in reversed(type(self).__mro__) for name, d in vars(c).items() if isinstance(d, Quantity)
        }
        required = {name for name, d in quantities.items() if not d.none}
        same_keys(caller, required | (numbers.keys() & quantities.keys()), numbers.keys())
        return {name: quantities[name].checked(caller, name, value) for name, value in numbers.items()}

    def _checked_gradients(self, caller: str, gradients: Mapping[str, Array]) -> Gradients:
        expected = {f"{i}.{_ACCUMULATED}": p.data for i, p in enumerate(self._parameters)}
        same_keys(caller, expected.keys() & gradients.keys(), gradients.keys())
        same_kinds(caller, expected, gradients)
        moved = [to_device(gradients[key], p) if key in gradients else None for key, p in expected.items()]
        return moved * bool(gradients)

    def _load_slots(self, caller: str, entries: dict[str, Array]) -> None:
        expected = self._slot_arrays()
        same_keys(caller, expected.keys(), entries.keys())
        same_kinds(caller, expected, entries)
        for group, slots in zip(self._groups, self._all_slots(), strict=True):
            held = group.state_with(slots)
            flat = {name: np.concatenate([entries[f"{i}.{name}"].ravel() for i in group.indices]) for name in held}
            group.state = {name: asarray_like(a.reshape(np.shape(held[name])), held[name]) for name, a in flat.items()}

    def _slot_arrays(self) -> dict[str, Array]:
        """Return "<i>.<slot>" for each slot of the i-th parameter, as the next step will find them; views."""
        state_of: dict[int, dict[str, Array]] = {}
        for group, slots in zip(self._groups, self._all_slots(), strict=True):
            state = group.state_with(slots)
            state_of |= {i: group.part_of(state, j) for j, i in enumerate(group.indices)}
        return {f"{i}.{name}": a for i in range(len(self._parameters)) for name, a in state_of[i].items()}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with their present values, except for the parameters; see `from_config`.

        Raises:
            AttributeError: if an argument of a subclass's constructor is not an attribute of the same name.
        """
        arguments = {name: getattr(self, name) for name in argument_names(type(self)) if name != "parameters"}
        config = {
            name: float(value) if isinstance(value, RateNow) else plain(value) for name, value in arguments.items()
        }
        return config | ({} if self._schedule is None else {"learning_rate": plain(self._schedule)})

    def __repr__(self) -> str:
        config = self.get_config() | ({} if self._schedule is None else {"learning_rate": self._schedule})
        arguments = {k: v for k, v in config.items() if k != "name" and v is not None and v is not False}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"


_AS_IT_IS = nullcontext()
# What changes from step to step; a function that is compiled reads it anew.
_LIVE = {"_hyper", "_iterations", "_accumulated", "_scale", "_good_steps"}
_ACCUMULATED = "accumulated_gradient"
_UNDECAYED = "undecayed"
