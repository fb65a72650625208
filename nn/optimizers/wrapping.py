"""What optimizers have in common that leave the arithmetic to others inside of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from autograd_lite import Tensor

from .checking import Array, same_keys
from .hyper import OptionalNumber
from .optimizer import Optimizer
from .rules import Rule


class Inside(OptionalNumber):
    """A hyperparameter that belongs to the optimizers inside: None here, and not to be set."""

    def __set__(self, obj: Any, value: float | None) -> NoReturn:
        raise AttributeError(
            f"{type(obj).__name__}: {self.name} belongs to the optimizers inside. Set it on {obj.inside}.{self.name}"
        )


class Wrapping(Optimizer):
    """An optimizer that leaves the steps to others; a subclass says which of them has which parameters."""

    weight_decay = Inside(0)
    ema_momentum = Inside(0)
    clipnorm = Inside(0)
    clipvalue = Inside(0)
    global_clipnorm = Inside(0)
    gradient_accumulation_steps = None
    ema_overwrite_frequency = None
    #: What users write to come to the optimizers inside, for error messages.
    inside: str = ""

    @property
    @abstractmethod
    def used(self) -> list[Optimizer]:
        """The optimizers inside that have parameters."""

    @abstractmethod
    def own_state(self) -> dict[str, Array]:
        """Return the state that is not inside."""

    @abstractmethod
    def check_state(self, called: str, state: Mapping[str, Array]) -> None:
        """Raise unless this can be the state of `own_state`."""

    @abstractmethod
    def set_state(self, state: Mapping[str, Array]) -> None:
        """Take over a state that was checked."""

    def rule(self) -> Rule:
        """Say that the rules are those inside."""
        raise NotImplementedError(f"{type(self).__name__}.rule: the rules are those of {self.inside}")

    def exclude_from_weight_decay(
        self, var_list: Iterable[Tensor] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Say which parameters no weight decay touches, to all optimizers that have parameters."""
        self._bound("exclude_from_weight_decay")
        tensors, names = list(var_list or ()), list(var_names or ())
        for optimizer in self.used:
            optimizer.exclude_from_weight_decay(tensors, names)

    def finalize_variable_values(self) -> None:
        """Make the running means the values of the parameters, where they are kept."""
        self._bound("finalize_variable_values")
        for optimizer in self.used:
            optimizer.finalize_variable_values()

    def state_dict(self) -> dict[str, Array]:
        """Return all that a later run needs to go on bit for bit, as copies.

        Returns:
            The own state, and "<j>/<key>" for each entry of the j-th optimizer inside.
        """
        self._bound("state_dict")
        state = self.own_state()
        for j, optimizer in enumerate(self.used):
            state |= {f"{j}/{key}": a for key, a in optimizer.state_dict().items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, of an optimizer of the same class with the same ones inside.

        Raises:
            ValueError: if entries are missing, unknown or out of range.
            ShapeError: if an array has another shape than its parameter.
            DtypeError: if it has another dtype. In each case nothing has changed.
        """
        called = f"{type(self).__name__}.load_state_dict"
        self._bound("load_state_dict")
        entries = {key: np.asarray(value.data if isinstance(value, Tensor) else value) for key, value in state.items()}
        own = {key: entries.pop(key) for key in list(entries) if "/" not in key}
        same_keys(called, self.own_state().keys(), own.keys())
        self.check_state(called, own)
        used = self.used
        parts: list[dict[str, Array]] = [{} for _ in used]
        for key, a in entries.items():
            j, _, inner = key.partition("/")
            if not j.isdecimal() or int(j) >= len(parts):
                same_keys(called, set(), {key})
            parts[int(j)][inner] = a
        before = [optimizer.state_dict() for optimizer in used]
        try:
            for optimizer, part in zip(used, parts, strict=True):
                optimizer.load_state_dict(part)
        except BaseException:
            for optimizer, old in zip(used, before, strict=True):
                optimizer.load_state_dict(old)
            raise
        self.set_state(own)

    def __repr__(self) -> str:
        given = {name: getattr(self, name) for name in self.get_config() if name != "name"}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items() if v is not None)})"
