"""Base class of optimizers that delegate the update to inner optimizers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from autograd_lite import Tensor

from ..config.fields import attribute
from .hyper import CountNow, Inner
from .optimizer import Optimizer
from .rules import Array, Rule
from .state import arrays, same_keys


class CompositeOptimizer(Optimizer):
    """An optimizer that leaves the steps to others; a subclass decides which of them gets which parameters."""

    weight_decay: Any = Inner()
    ema_momentum: Any = Inner()
    clipnorm: Any = Inner()
    clipvalue: Any = Inner()
    global_clipnorm: Any = Inner()
    gradient_accumulation_steps: Any = attribute(None)
    ema_overwrite_frequency: Any = attribute(None)
    #: What users write to reach the inner optimizers, for error messages.
    inside: ClassVar[str] = ""

    @property
    @abstractmethod
    def active(self) -> list[Optimizer]:
        """The inner optimizers that have parameters."""

    @abstractmethod
    def own_state(self) -> dict[str, Array]:
        """Return the part of the state that no inner optimizer has."""

    @abstractmethod
    def checked_state(self, caller: str, state: Mapping[str, Array]) -> dict[str, Any]:
        """Return the attributes that a state of `own_state` stands for; raise if it cannot be one."""

    def rule(self) -> Rule:
        """Raise: the rules are those of the inner optimizers."""
        raise NotImplementedError(f"{type(self).__name__}.rule: the rules are those of {self.inside}")

    def exclude_from_weight_decay(
        self, var_list: Iterable[Tensor] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        self._require_bound("exclude_from_weight_decay")
        tensors, names = list(var_list or ()), list(var_names or ())
        for optimizer in self.active:
            optimizer.exclude_from_weight_decay(tensors, names)

    def finalize_variable_values(self, var_list: Iterable[Tensor] | None = None) -> None:
        self._require_bound("finalize_variable_values")
        for optimizer in self.active:
            optimizer.finalize_variable_values()

    def state_dict(self) -> dict[str, Array]:
        """Return all that a later run needs to continue bit for bit, as copies.

        Returns:
            The own state, and "<j>/<key>" for each entry of the j-th inner optimizer.
        """
        self._require_bound("state_dict")
        state = self.own_state()
        for j, optimizer in enumerate(self.active):
            state |= {f"{j}/{key}": a for key, a in optimizer.state_dict().items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, of an optimizer of the same class with the same inner ones.

        Raises:
            ValueError: if entries are missing, unknown or out of range.
            ShapeError: if an array has another shape than its parameter.
            DtypeError: if it has another dtype. In each case nothing has changed.
        """
        caller = f"{type(self).__name__}.load_state_dict"
        self._require_bound("load_state_dict")
        entries = arrays(state)
        local = {key: entries.pop(key) for key in list(entries) if "/" not in key}
        same_keys(caller, self.own_state().keys(), local.keys())
        new = self.checked_state(caller, local)
        active = self.active
        parts: list[dict[str, Array]] = [{} for _ in active]
        for key, a in entries.items():
            j, _, inner = key.partition("/")
            if not j.isdecimal() or int(j) >= len(parts):
                same_keys(caller, set(), {key})
            parts[int(j)][inner] = a
        before = [dict(vars(optimizer)) for optimizer in active]
        try:
            for optimizer, part in zip(active, parts, strict=True):
                optimizer.load_state_dict(part)
        except BaseException:
            for optimizer, old in zip(active, before, strict=True):
                vars(optimizer).update(old)
            raise
        vars(self).update(new)

    def __repr__(self) -> str:
        arguments = {name: getattr(self, name) for name in self.get_config() if name != "name"}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in arguments.items() if v is not None)})"


class AroundOptimizer(CompositeOptimizer):
    """Base of optimizers around a single other one."""

    inner_optimizer: Optimizer = attribute()
    inside = "inner_optimizer"

    @property
    def active(self) -> list[Optimizer]:
        return [self.inner_optimizer]

    @property
    def iterations(self) -> CountNow:
        """The number of steps that the inner optimizer has taken."""
        return self.inner_optimizer.iterations

    @iterations.setter
    def iterations(self, iterations: int) -> None:
        self.inner_optimizer.iterations = iterations
