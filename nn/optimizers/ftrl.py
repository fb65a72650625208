"""Ftrl: follow the regularized leader, for sparse weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np

from .blocks import Start
from .hyper import Number, Rate
from .optimizer import Common, Optimizer, Schedule
from .rules import Hyper, Rule, State


def ftrl(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Go to where the sum of all linearized losses and penalties so far is smallest.

    With q = -learning_rate_power:  s' = s + g**2;  h = g + 2 * l2_shrinkage * p;
    z' = z + h - (s'**q - s**q) / lr * p;  p' = (clip(z', -l1, l1) - z') / ((beta + s'**q) / lr + 2 * l2).

    References:
        Brendan McMahan and others, "Ad Click Prediction: a View from the Trenches", 2013, algorithm 1, with Keras's
        factor 2 before l2.
    """
    lr, q = hyper["learning_rate"], -hyper["learning_rate_power"]
    l1, l2 = hyper["l1_regularization_strength"], hyper["l2_regularization_strength"]
    s = g * g + state["accumulator"]
    power = s**q
    h = p * (2 * hyper["l2_shrinkage_regularization_strength"]) + g
    z = state["linear"] + h - (power - state["accumulator"] ** q) * (1 / lr) * p
    new = (np.minimum(np.maximum(z, -l1), l1) - z) / (power * (1 / lr) + (hyper["beta"] / lr + 2 * l2))
    return p - new, {"accumulator": s, "linear": z}


class Ftrl(Optimizer):
    """Follows the regularized leader, which makes weights exactly 0; see `ftrl` for the formula.

    Args:
        learning_rate: lr, above 0; or a schedule.
        learning_rate_power: how fast the rate falls with the sum of squares; at most 0.
        initial_accumulator_value: the initial sum of squares s, at least 0.
        l1_regularization_strength: l1, at least 0; makes weights exactly 0.
        l2_regularization_strength: l2, at least 0.
        l2_shrinkage_regularization_strength: a penalty that is not accumulated, at least 0.
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
        return ftrl

    def slots(self) -> Mapping[str, Start]:
        return {"accumulator": self.initial_accumulator_value, "linear": 0.0}
