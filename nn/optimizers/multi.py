"""Several optimizers in one, each for some of the parameters."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, NoReturn, Self

import numpy as np

from autograd_lite import Changes, Tensor, dynamic

from ..config.config import Registered, make, plain
from .composite import CompositeOptimizer
from .gradients import Gradients
from .hyper import Inner
from .loss_scale import LossScaleOptimizer
from .optimizer import Optimizer
from .parameters import Parameters, check_parameters, describe
from .rules import Array
from .state import whole_number


class OptimizerMap(Registered, MutableMapping[str, Optimizer]):
    """Maps parameters to optimizers by name.

    A key is a parameter's whole name, such as "encoder.dense.kernel", or a regular expression that matches all of it,
    such as "encoder.*". Names may be written with slashes, as in Keras: "encoder/dense/kernel", "encoder/.*".

    Args:
        default_optimizer: for the parameters that no key matches.
        optimizer_map: a dict of optimizers by key.

    Raises:
        TypeError: if something is not an optimizer.
        ValueError: for a key that is not a regular expression, or is there already; in a look-up, if several keys match
            the name and none is equal to it.

    Example:
        >>> from nn import optimizers
        >>> which = OptimizerMap(optimizers.SGD(0.1), {"encoder.*": optimizers.Adam()})
        >>> which["encoder.dense.kernel"].name, which["decoder.dense.kernel"].name
        ('adam', 'sgd')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None) -> None:
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise TypeError(f"OptimizerMap: expected optimizer_map to be a dict; received {optimizer_map!r:.80}")
        self._default = _plain_optimizer("OptimizerMap: default_optimizer", default_optimizer)
        self._map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of the parameters that no key matches."""
        return self._default

    def __getitem__(self, key: str) -> Optimizer:
        """Return the optimizer of the parameter with this name."""
        match = self.matching(key)
        return self._map[match] if match is not None else self._default

    def matching(self, name: str) -> str | None:
        """Return the key that matches a parameter's name, or None.

        Args:
            name: of the parameter, such as "dense.kernel".
        """
        names = (name, name.replace(".", "/"))
        exact = [key for key in names if key in self._map]
        keys = exact[:1] or [key for key in self._map if any(re.fullmatch(key, one) for one in names)]
        if len(keys) > 1:
            raise ValueError(
                f"OptimizerMap: expected one key for the parameter {name!r}; received {len(keys)} that match it: "
                f"{keys}. Write a key that is equal to the name, or expressions that exclude each other"
            )
        return keys[0] if keys else None

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        """Set the optimizer of the parameters whose names match a new key."""
        if not isinstance(key, str):
            raise TypeError(f"OptimizerMap: expected a key to be a name or an expression; received {key!r:.80}")
        if key in self._map:
            raise ValueError(
                f"OptimizerMap: expected a new key; {key!r} has {self._map[key]!r} already. Delete it first"
            )
        try:
            re.compile(key)
        except re.error as error:
            raise ValueError(f"OptimizerMap: expected a regular expression; received {key!r} ({error})") from None
        self._map[key] = _plain_optimizer(f"OptimizerMap: the optimizer of {key!r}", optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        """True if the key itself is there, whatever names it matches."""
        return key in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __call__(self, variable: Tensor) -> Optimizer:
        """Return the optimizer of a parameter."""
        return self[variable.name or ""]

    def __repr__(self) -> str:
        return f"OptimizerMap({self._default!r}, {self._map!r})"

    def get_config(self) -> dict[str, Any]:
        """Return the optimizers as plain values; one that an earlier key also has is written as that key."""
        first: dict[int, str | None] = {id(self._default): None}
        entries: dict[str, Any] = {}
        for key, optimizer in self._map.items():
            entries[key] = first[id(optimizer)] if id(optimizer) in first else plain(optimizer)
            first.setdefault(id(optimizer), key)
        return {"default_optimizer": plain(self._default), "optimizer_map": entries}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        new = cls(make("an optimizer", config["default_optimizer"], Optimizer))  # type: ignore[type-abstract]
        for key, entry in config["optimizer_map"].items():
            shared = entry is None or isinstance(entry, str)
            new[key] = (
                (new._default if entry is None else new._map[entry])
                if shared
                else make("an optimizer", entry, Optimizer)  # type: ignore[type-abstract]
            )
        return new


class _NoRate(Inner):
    """There are several learning rates, one for each optimizer."""

    def __get__(self, obj: Any, kind: type | None = None) -> Any:
        return self if obj is None else self.__set__(obj, None)

    def __set__(self, obj: Any, value: Any) -> NoReturn:
        raise AttributeError(
            "MultiOptimizer: there is no one learning_rate; each of its optimizers has its own. Write "
            "optimizer.optimizers[0].learning_rate"
        )


class MultiOptimizer(CompositeOptimizer):
    """Splits the parameters among several optimizers, each of which takes its own steps.

    A clipping norm is that of the parameters of one optimizer, not of all.

    Args:
        optimizer_map: an `OptimizerMap`, or a function of a parameter that returns an optimizer: the same object for
            parameters that share one.
        loss_scale_factor: for all of them, instead of their own; see `Optimizer`.
        name: the name in the config.
        parameters: the tensors to train; may be given later, to `bind`.

    Raises:
        TypeError: if `optimizer_map` is neither, or returns something other than an optimizer.
        ValueError: if it returns a `LossScaleOptimizer` or a `MultiOptimizer`. `LossScaleOptimizer(MultiOptimizer(…))`
            is allowed.

    Example:
        >>> import nn
        >>> from nn import layers, optimizers
        >>> body, head = layers.Dense(4, name="body"), layers.Dense(1, name="head")
        >>> model = nn.Sequential([nn.Input((3,)), body, head])
        >>> slow, fast = optimizers.Adam(1e-4), optimizers.SGD(0.1)
        >>> model.compile(MultiOptimizer(OptimizerMap(fast, {"body.*": slow})), "mse")
        >>> [p.name for p in slow.parameters], [p.name for p in fast.parameters]
        (['body.kernel', 'body.bias'], ['head.kernel', 'head.bias'])
    """

    learning_rate: Any = _NoRate()
    inside = "optimizers[i]"

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Tensor], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
        *,
        parameters: Parameters | None = None,
    ) -> None:
        rule: Any = optimizer_map
        if not callable(rule) or isinstance(rule, type):
            fix = ". Write MultiOptimizer(OptimizerMap(default, {...}))" if isinstance(rule, Mapping) else ""
            raise TypeError(
                "MultiOptimizer: expected an OptimizerMap, or a function of a parameter that returns an optimizer; "
                f"received {optimizer_map!r:.80}{fix}"
            )
        self.name = name or "multioptimizer"
        self.optimizer_map = optimizer_map
        self.use_ema = False
        self._optimizers: list[Optimizer] = []
        self._members: list[list[int]] = []
        if isinstance(optimizer_map, OptimizerMap):
            self._optimizers = _distinct([*optimizer_map.values(), optimizer_map.default_optimizer])
            self._members = [[] for _ in self._optimizers]
            self.use_ema = any(optimizer.use_ema for optimizer in self._optimizers)
        self.loss_scale_factor = loss_scale_factor
        if parameters is not None:
            self.bind(parameters)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The inner optimizers; those that a function returns are known once the parameters are bound."""
        return list(self._optimizers)

    @property
    def active(self) -> list[Optimizer]:
        return [o for o, members in zip(self._optimizers, self._members, strict=True) if members]

    def bind(self, parameters: Parameters) -> None:
        """Set the parameters to train, and find the optimizer of each; see `Optimizer.bind`.

        Args:
            parameters: the tensors, or (name, tensor) pairs.
        """
        tensors, names = check_parameters("MultiOptimizer", parameters)
        same = [id(p) for p in tensors] == [id(p) for p in self._parameters]
        if same or self._iterations:
            return super().bind(tensors)  # which raises, if they are others
        chosen = [
            _plain_optimizer(f"MultiOptimizer: the optimizer of {n}", self.optimizer_map(p))
            for p, n in zip(tensors, names, strict=True)
        ]
        optimizers = _distinct([*self._optimizers, *chosen] if isinstance(self.optimizer_map, OptimizerMap) else chosen)
        places = {id(o): j for j, o in enumerate(optimizers)}
        members: list[list[int]] = [[] for _ in optimizers]
        for i, optimizer in enumerate(chosen):
            members[places[id(optimizer)]].append(i)
        for optimizer, indices in zip(optimizers, members, strict=True):
            if indices:
                optimizer.bind([tensors[i] for i in indices])
        if isinstance(self.optimizer_map, OptimizerMap):
            self._warn_of_unused(self.optimizer_map, tensors)
        self._optimizers, self._members = optimizers, members
        self.use_ema = any(optimizer.use_ema for optimizer in self.active)
        self._parameters, self._names = tensors, names

    @staticmethod
    def _warn_of_unused(optimizer_map: OptimizerMap, parameters: list[Tensor]) -> None:
        active = {optimizer_map.matching(p.name or "") for p in parameters}
        if unused := [key for key in optimizer_map if key not in active]:
            warnings.warn(
                f"MultiOptimizer: no parameter has a name that {unused[0]!r} matches; there are "
                f"{', '.join(describe(i, p) for i, p in enumerate(parameters[:3]))}, …",
                stacklevel=4,
            )

    def _note_step(self, changes: Changes, gradients: Gradients) -> None:
        self._pin()
        for optimizer, members in zip(self._optimizers, self._members, strict=True):
            part = [gradients[i] for i in members]
            if any(g is not None for g in part):
                optimizer._note_step(changes, part)
        changes.put(vars(self), "_iterations", dynamic(vars(self), "_iterations") + 1)

    def own_state(self) -> dict[str, Array]:
        """Return the number of steps, and the number of the optimizer of each parameter among those in use."""
        groups = np.zeros(len(self._parameters), np.int64)
        for j, members in enumerate(members for members in self._members if members):
            groups[members] = j
        return {"iterations": np.array(self._iterations), "groups": groups}

    def checked_state(self, caller: str, state: Mapping[str, Array]) -> dict[str, Any]:
        iterations = whole_number(caller, "iterations", state["iterations"])
        if not np.array_equal(state["groups"], groups := self.own_state()["groups"]):
            raise ValueError(
                f"{caller}: expected parameters that belong to the optimizers {groups.tolist()!r:.80}; received "
                f"{state['groups'].tolist()!r:.80}. Load into one with the same optimizer_map"
            )
        return {"_iterations": iterations}


def _distinct(optimizers: list[Optimizer]) -> list[Optimizer]:
    return list({id(o): o for o in optimizers}.values())


def _plain_optimizer(caller: str, optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{caller}: expected an optimizer, such as Adam(); received {optimizer!r:.80}")
    if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(
            f"{caller}: expected an optimizer that makes steps itself; received a {type(optimizer).__name__}. "
            "LossScaleOptimizer(MultiOptimizer(...)) is the order that works"
        )
    return optimizer
