"""SGD, RMSprop, Adam, AdamW and Adagrad: their hyperparameters, with Keras's names and defaults, and their rules.

All take the keyword arguments of `Optimizer` besides their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from . import rules
from .blocks import Start
from .hyper import Number
from .optimizer import Common, CommonButDecay, Optimizer, Schedule
from .rules import Rule


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked; the formulas are at `rules.sgd` and `rules.nesterov`.

    Args:
        learning_rate: the size of a step, at least 0.
        momentum: how much of the previous step is repeated, from 0 to 1.
        nesterov: whether the momentum looks ahead.
        **common: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> sgd = SGD(learning_rate=0.5, parameters=[w])
        >>> (w * w).sum().backward()
        >>> sgd.step()
        >>> w.data
        array([0., 0.])
    """

    momentum = Number(0, 1, closed_high=True)
    reads_values = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = momentum
        self.nesterov = nesterov

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.nesterov if self.nesterov else rules.sgd

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays: momentum is kept only where there is any."""
        return {"momentum": 0.0} if self.momentum else {}


class RMSprop(Optimizer):
    """Gradients over a running root of their mean square; the formula is at `rules.rmsprop`.

    Args:
        learning_rate: the size of a step, at least 0.
        rho: how much of the mean square is kept at each step, from 0, below 1.
        momentum: how much of the previous step is repeated, from 0 to 1.
        epsilon: what keeps the root from 0, above 0.
        centered: whether the variance takes the place of the mean square.
        **common: see `Optimizer`.
    """

    rho = Number(0, 1)
    momentum = Number(0, 1, closed_high=True)
    epsilon = Number(0, open_low=True)
    reads_values = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.rmsprop

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        slots: dict[str, Start] = {"velocity": 0.0}
        if self.momentum:
            slots["momentum"] = 0.0
        if self.centered:
            slots["average_gradient"] = 0.0
        return slots


class Adam(Optimizer):
    """Running means of gradients over running roots of their mean squares; the formula is at `rules.adam`.

    The correction for the start at 0 counts the optimizer's steps, as in Keras, not those of each parameter.

    Args:
        learning_rate: the size of a step, at least 0.
        beta_1: how much of the mean is kept at each step, from 0, below 1.
        beta_2: how much of the mean square is kept at each step, from 0, below 1.
        epsilon: what is added to the root, above 0.
        amsgrad: whether the largest mean square so far takes the place of the present one.
        **common: see `Optimizer`.
    """

    beta_1 = Number(0, 1)
    beta_2 = Number(0, 1)
    epsilon = Number(0, open_low=True)
    reads_values = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.adam

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        slots: dict[str, Start] = {"momentum": 0.0, "velocity": 0.0}
        if self.amsgrad:
            slots["velocity_hat"] = 0.0
        return slots


class AdamW(Adam):
    """Adam with decoupled weight decay; the formulas are at `rules.adam` and `rules.decayed`.

    Args:
        learning_rate: the size of a step, at least 0.
        weight_decay: every step takes learning_rate * weight_decay of a parameter off it; at least 0, and not None.
        beta_1: how much of the mean is kept at each step, from 0, below 1.
        beta_2: how much of the mean square is kept at each step, from 0, below 1.
        epsilon: what is added to the root, above 0.
        amsgrad: whether the largest mean square so far takes the place of the present one.
        **common: see `Optimizer`.
    """

    weight_decay = Number(0)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[CommonButDecay],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adagrad(Optimizer):
    """Gradients over the root of the sum of all their squares; the formula is at `rules.adagrad`.

    Args:
        learning_rate: the size of a step, at least 0.
        initial_accumulator_value: what the sums of squares start at, at least 0.
        epsilon: what keeps the root from 0, above 0.
        **common: see `Optimizer`.
    """

    initial_accumulator_value = Number(0)
    epsilon = Number(0, open_low=True)
    reads_values = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.adagrad

    def slots(self) -> Mapping[str, Start]:
        """Return the state's array."""
        return {"accumulator": self.initial_accumulator_value}
