"""Muon: orthogonal steps for matrices, Adam for everything else."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autograd_lite import Tensor
from autograd_lite.extend import product

from ..config.arguments import flag, not_negative
from .adam import adam
from .hyper import Number, OptionalNumber, Schedule
from .optimizer import Optimizer
from .parameter_groups import Start
from .rules import Hyper, Rule, State


def muon(p: Any, g: Any, state: State, hyper: Hyper, nesterov: bool = True, ns_steps: int = 5) -> tuple[Any, State]:
    """For a matrix: step along the nearest orthogonal matrix to the momentum; Adam if the state holds "velocity".

    m' = momentum * m + g;  d = orthogonalized(g + momentum * m'), or of m' itself without `nesterov`;
    delta = lr * sqrt(max(D, K)) * rms_rate * d for p of shape (D, K), so that the root mean square of delta is about
    lr * rms_rate; without these two factors if there is no rms_rate.

    References:
        Keller Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024.
        Jingyuan Liu and others, "Muon is Scalable for LLM Training", 2025, equation 4 (the factors).
    """
    if "velocity" in state:
        adam_hyper = {
            "learning_rate": hyper["learning_rate"] * hyper["adam_lr_ratio"],
            "iterations": hyper["iterations"],
        }
        adam_hyper |= {"beta_1": hyper["adam_beta_1"], "beta_2": hyper["adam_beta_2"], "epsilon": hyper["epsilon"]}
        return adam(p, g, state, adam_hyper)
    m = state["momentum"] * hyper["momentum"] + g
    d = m * hyper["momentum"] + g if nesterov else m
    coefficients = hyper["muon_a"], hyper["muon_b"], hyper["muon_c"]
    scale = math.sqrt(max(p.shape)) * hyper["rms_rate"] if "rms_rate" in hyper else 1.0
    return orthogonalize(d, ns_steps, coefficients) * (hyper["learning_rate"] * scale), {"momentum": m}


def orthogonalize(x: Any, steps: int, coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)) -> Any:
    """Return nearly the closest matrix with orthonormal rows, or columns if those are fewer: U V' for x = U S V'.

    Divide x by its norm, then repeat x <- a x + (b A + c A A) x with A = x x'. With the usual coefficients, five steps
    bring all singular values to between about 0.7 and 1.2, which works just as well as 1.

    Args:
        x: shape (D, K).
        steps: number of iterations.
        coefficients: a, b, c.

    Example:
        >>> import numpy as np
        >>> d = orthogonalize(np.array([[3.0, 0.0], [0.0, 0.1]]), 8)
        >>> bool((np.abs(np.linalg.svd(d)[1] - 0.95) < 0.35).all())
        True

    References:
        Åke Björck, Clazett Bowie, "An Iterative Algorithm for Computing the Best Estimate of an Orthogonal Matrix",
        1971; Keller Jordan and others, "Muon", 2024 (the coefficients).
    """
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / ((x * x).sum() ** 0.5 + 1e-7)
    for _ in range(steps):
        gram = product(x, x.T)
        x = x * a + product(gram * b + product(gram, gram) * c, x)
    return x.T if tall else x


class Muon(Optimizer):
    """Orthogonal steps for matrices, Adam with weight decay for everything else; see `muon` for the formula.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        adam_beta_1: for Adam: the decay rate of the mean, in [0, 1).
        adam_beta_2: for Adam: the decay rate of the mean square, in [0, 1).
        adam_weight_decay: for Adam: None, or at least 0.
        epsilon: for Adam: the term added to the root; above 0.
        weight_decay: for matrices: None, or at least 0.
        exclude_layers: regular expressions; matrices whose names contain a match are left to Adam.
        exclude_embeddings: whether matrices with "embedding" in their names are left to Adam.
        muon_a, muon_b, muon_c: coefficients of the iteration.
        adam_lr_ratio: for Adam: a factor of the rate.
        momentum: the fraction of the former gradients that is kept, in [0, 1].
        ns_steps: the number of iterations, a whole number of at least 0.
        nesterov: whether the momentum looks ahead.
        rms_rate: the root mean square of a step with lr = 1; None to leave the steps orthogonal.
        common: the arguments below, by name.
        clipnorm, clipvalue, global_clipnorm, name, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, parameters: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([[1.0, -2.0], [3.0, 4.0]], requires_grad=True)
        >>> muon = Muon(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> muon.step()
        >>> w.shape
        (2, 2)
    """

    # The constructor is written, because Keras has weight_decay among its own arguments.
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
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = flag(self, "exclude_embeddings", exclude_embeddings)
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = not_negative(self, "ns_steps", ns_steps)
        self.nesterov = flag(self, "nesterov", nesterov)
        self.rms_rate = rms_rate

    def rule(self) -> Rule:
        return functools.partial(muon, nesterov=self.nesterov, ns_steps=self.ns_steps)

    def slots_for(self, parameter: Tensor) -> Mapping[str, Start]:
        # To the rule, "velocity" in the state means Adam.
        return {"momentum": 0.0, "velocity": 0.0} if self._is_for_adam(parameter) else {"momentum": 0.0}

    def decay_for(self, parameter: Tensor) -> str | None:
        name = "adam_weight_decay" if self._is_for_adam(parameter) else "weight_decay"
        return None if getattr(self, name) is None else name

    def _is_for_adam(self, parameter: Tensor) -> bool:
        name = parameter.name or ""
        if parameter.ndim != 2 or (self.exclude_embeddings and "embedding" in name.lower()):
            return True
        return any(re.search(pattern, name) for pattern in self.exclude_layers)
