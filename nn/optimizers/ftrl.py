"""Ftrl: follow the regularized leader, for sparse weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .hyper import LearningRate, Number, ScalarOrSchedule
from .optimizer import Optimizer
from .parameter_groups import Start
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
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> ftrl = Ftrl(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> ftrl.step()
        >>> bool((abs(w.detach()) < [1.0, 2.0]).all())
        True
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, open_low=True, default=0.001)
    learning_rate_power: float = Number(-math.inf, 0, closed_high=True, default=-0.5)
    initial_accumulator_value: float = Number(0, default=0.1)
    l1_regularization_strength: float = Number(0, default=0.0)
    l2_regularization_strength: float = Number(0, default=0.0)
    l2_shrinkage_regularization_strength: float = Number(0, default=0.0)
    beta: float = Number(0, default=0.0)

    def rule(self) -> Rule:
        return ftrl

    def slots(self) -> Mapping[str, Start]:
        return {"accumulator": self.initial_accumulator_value, "linear": 0.0}
