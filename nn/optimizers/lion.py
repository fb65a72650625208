"""Lion: steps by the sign of the momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np

from .blocks import Start
from .hyper import Number
from .optimizer import Common, Optimizer, Schedule
from .rules import Hyper, Rule, State


def lion(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step by the sign of a mean of the gradient and its running mean; every element moves by lr.

    delta = lr * sign(beta_1 * m + (1 - beta_1) * g);  m' = beta_2 * m + (1 - beta_2) * g.

    References:
        Xiangning Chen and others, "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2.
    """
    m = state["momentum"]
    delta = np.sign(m * hyper["beta_1"] + g * (1 - hyper["beta_1"])) * hyper["learning_rate"]
    return delta, {"momentum": (g - m) * (1 - hyper["beta_2"]) + m}


class Lion(Optimizer):
    """Steps by the sign of the momentum: p' = p - lr * sign(beta_1 * m + (1 - beta_1) * g); see `lion`.

    Args:
        learning_rate: how far every element moves, at least 0; or a schedule. A third to a tenth of Adam's works well.
        beta_1: the weight of the running mean in the step, in (0, 1].
        beta_2: the decay rate of the running mean, in [0, 1).
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
        return lion

    def slots(self) -> Mapping[str, Start]:
        return {"momentum": 0.0}
