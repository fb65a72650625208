"""Lamb, Adafactor and Muon, which look at each parameter as a whole, with Keras's names and defaults.

All take the keyword arguments of `Optimizer` besides their own.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Unpack

import numpy as np

from autograd_lite import Tensor

from . import whole_rules as rules
from .blocks import Start
from .hyper import Number, OptionalNumber
from .optimizer import Common, CommonButDecay, Optimizer, Schedule
from .rules import Rule


class Lamb(Optimizer):
    """Adam's step, as long as the parameter is, times the rate; the formula is at `whole_rules.lamb`.

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
    elementwise = False

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
        return rules.lamb

    def slots(self) -> Mapping[str, Start]:
        """Return the state's arrays."""
        return {"momentum": 0.0, "velocity": 0.0}


class Adafactor(Optimizer):
    """Adam with mean squares of rows and columns; the formula is at `whole_rules.adafactor`.

    Args:
        learning_rate: the largest relative size of a step, at least 0; or a schedule.
        beta_2_decay: at most 0; the means keep 1 - t**beta_2_decay at step t.
        epsilon_1: what is added to squares, at least 0.
        epsilon_2: the smallest root mean square that a parameter counts with, at least 0.
        clip_threshold: the largest root mean square of a step before it is scaled, above 0.
        relative_step: as in Keras, where the rate is at most 1 / sqrt(t) either way.
        **common: see `Optimizer`.
    """

    beta_2_decay = Number(-math.inf, 0, open_low=True, closed_high=True)
    epsilon_1 = Number(0)
    epsilon_2 = Number(0)
    clip_threshold = Number(0, open_low=True)
    elementwise = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = bool(relative_step)

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return rules.adafactor

    def slots_for(self, parameter: Tensor) -> Mapping[str, Start]:
        """Return the state's arrays: mean squares of rows and columns, or of elements."""
        if parameter.ndim < 2:
            return {"velocity": 0.0}
        return {"row": lambda p: np.zeros(p.shape[:-1]), "column": lambda p: np.zeros(p.shape[:-2] + p.shape[-1:])}


class Muon(Optimizer):
    """Orthogonal steps for matrices, Adam with weight decay for all else; the formula is at `whole_rules.muon`.

    Args:
        learning_rate: the size of a step, at least 0; or a schedule.
        adam_beta_1: for the others: how much of the mean is kept at each step, from 0, below 1.
        adam_beta_2: for the others: how much of the mean square is kept at each step, from 0, below 1.
        adam_weight_decay: for the others: None, or at least 0.
        epsilon: for the others: what is added to the root, above 0.
        weight_decay: for matrices: None, or at least 0.
        exclude_layers: regular expressions; matrices in whose names one is found go with the others.
        exclude_embeddings: whether matrices with "embedding" in their names do.
        muon_a, muon_b, muon_c: coefficients of the iteration.
        adam_lr_ratio: for the others: a factor of the rate.
        momentum: how much of the former gradients is kept at each step, from 0 to 1.
        ns_steps: number of iterations, a whole number.
        nesterov: whether the momentum looks ahead.
        rms_rate: the root mean square of a step of rate 1; None to leave the steps orthogonal.
        **common: see `Optimizer`.
    """

    adam_beta_1 = Number(0, 1)
    adam_beta_2 = Number(0, 1)
    adam_weight_decay = OptionalNumber(0)
    epsilon = Number(0, open_low=True)
    muon_a = Number(-1e6, 1e6)
    muon_b = Number(-1e6, 1e6)
    muon_c = Number(-1e6, 1e6)
    adam_lr_ratio = Number(0)
    momentum = Number(0, 1, closed_high=True)
    rms_rate = OptionalNumber(0)
    elementwise = False

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **common: Unpack[CommonButDecay],
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = bool(exclude_embeddings)
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = self._count("ns_steps", ns_steps, 0) or 0
        self.nesterov = bool(nesterov)
        self.rms_rate = rms_rate

    def rule(self) -> Rule:
        """Return the pure update rule."""
        return functools.partial(rules.muon, nesterov=self.nesterov, ns_steps=self.ns_steps)

    def slots_for(self, parameter: Tensor) -> Mapping[str, Start]:
        """Return the state's arrays: what has "velocity" is for Adam."""
        return {"momentum": 0.0, "velocity": 0.0} if self._is_for_adam(parameter) else {"momentum": 0.0}

    def decay_for(self, parameter: Tensor) -> str | None:
        """Return the name of the number that decays a parameter, or None."""
        name = "adam_weight_decay" if self._is_for_adam(parameter) else "weight_decay"
        return None if getattr(self, name) is None else name

    def _is_for_adam(self, parameter: Tensor) -> bool:
        name = parameter.name or ""
        if parameter.ndim != 2 or (self.exclude_embeddings and "embedding" in name.lower()):
            return True
        return any(re.search(pattern, name) for pattern in self.exclude_layers)
