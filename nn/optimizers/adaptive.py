"""Adamax, Nadam, Adadelta, Ftrl, Lion and ScheduleFreeAdamW, with Keras's names and defaults.

All take the keyword arguments of `Optimizer` besides their own.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any, Unpack

from autograd_lite import Changes

from . import adaptive_rules as rules
from .blocks import Start
from .hyper import Number, Rate
from .optimizer import Common, Optimizer, Schedule
from .rules import Rule


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the mean square; the formula is at `adaptive_rules.adamax`.

    Args:
        learning_rate: the size of a step, at least 0; or a schedule.
        beta_1: how much of the mean is kept at each step, from 0, below 1.
        beta_2: how much of the maximum is kept at each step, from 0, below 1.
        epsilon: what is added to the maximum, above 0.
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
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.adamax

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        return {"momentum": 0.0, "norm": 0.0}


class Nadam(Optimizer):
    """Adam with Nesterov's momentum; the formula is at `adaptive_rules.nadam`.

    Args:
        learning_rate: the size of a step, at least 0; or a schedule.
        beta_1: how much of the mean is kept at each step, from 0, below 1.
        beta_2: how much of the mean square is kept at each step, from 0, below 1.
        epsilon: what is added to the root, above 0.
        **common: see `Optimizer`.
    """

    beta_1 = Number(0, 1)
    beta_2 = Number(0, 1)
    epsilon = Number(0, open_low=True)
    u_product = Number(0, 1, closed_high=True)  # not the user's: the product of all momenta so far
    reads_values = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.u_product = 1.0

    def _update(self, changes: Changes, hyper: dict[str, float], gradients: list[Any]) -> None:
        super()._update(changes, hyper, gradients)
        product = self.u_product * (self.beta_1 * (1 - 0.5 * 0.96 ** hyper["iterations"]))
        changes.call(operator.setitem, self._hyper, "u_product", product)

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.nadam

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        return {"momentum": 0.0, "velocity": 0.0}


class Adadelta(Optimizer):
    """Steps in the measure of former steps; the formula is at `adaptive_rules.adadelta`.

    Args:
        learning_rate: a factor of the step, at least 0, or a schedule; 1 in the paper.
        rho: how much of the mean squares is kept at each step, from 0, below 1.
        epsilon: what keeps the roots from 0, above 0.
        **common: see `Optimizer`.
    """

    rho = Number(0, 1)
    epsilon = Number(0, open_low=True)
    reads_values = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = rho
        self.epsilon = epsilon

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.adadelta

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        return {"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}


class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse weights; the formula is at `adaptive_rules.ftrl`.

    Args:
        learning_rate: above 0, or a schedule.
        learning_rate_power: at most 0; how fast the rate falls with the sum of squares.
        initial_accumulator_value: what the sums of squares start at, at least 0.
        l1_regularization_strength: at least 0; makes weights exactly 0.
        l2_regularization_strength: at least 0.
        l2_shrinkage_regularization_strength: at least 0; a penalty that is not accumulated.
        beta: at least 0, as in the paper.
        **common: see `Optimizer`.
    """

    learning_rate = Rate(0, open_low=True)
    learning_rate_power = Number(-math.inf, 0, open_low=True, closed_high=True)
    initial_accumulator_value = Number(0)
    l1_regularization_strength = Number(0)
    l2_regularization_strength = Number(0)
    l2_shrinkage_regularization_strength = Number(0)
    beta = Number(0)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.ftrl

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        return {"accumulator": self.initial_accumulator_value, "linear": 0.0}


class Lion(Optimizer):
    """Steps by the sign of the momentum; the formula is at `adaptive_rules.lion`.

    Args:
        learning_rate: what every element moves by, at least 0, or a schedule; a third to a tenth of Adam's suits.
        beta_1: weight of the running mean in the step, above 0.
        beta_2: how much of the mean is kept at each step, from 0, below 1.
        **common: see `Optimizer`.
    """

    beta_1 = Number(0, 1, open_low=True, closed_high=True)
    beta_2 = Number(0, 1)
    reads_values = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.lion

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        return {"momentum": 0.0}


class ScheduleFreeAdamW(Optimizer):
    """AdamW that averages its way, and so needs no schedule; the formula is at `adaptive_rules.schedule_free_adam`.

    Args:
        learning_rate: the size of a step, at least 0; or a schedule.
        beta_1: weight of the mean in what the gradient is taken at, above 0.
        beta_2: how much of the mean square is kept at each step, from 0, below 1.
        epsilon: what is added to the root, above 0.
        warmup_steps: in how many steps the rate rises to its value, at least 0.
        **common: see `Optimizer`.
    """

    beta_1 = Number(0, 1, open_low=True, closed_high=True)
    beta_2 = Number(0, 1)
    epsilon = Number(0, open_low=True)
    warmup_steps = Number(0)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: float = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.schedule_free_adam

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        return {"momentum": lambda p: p, "velocity": 0.0}
