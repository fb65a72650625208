"""Adafactor: Adam in little memory, with mean squares of rows and columns instead of elements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor

from ..config.arguments import flag
from ..config.fields import field
from .hyper import LearningRate, Number, ScalarOrSchedule
from .optimizer import Optimizer
from .parameter_groups import Start
from .rules import Hyper, Rule, State


def adafactor(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Adam without a running mean, whose mean squares are kept for rows and columns if g has both.

    With b = 1 - t**beta_2_decay and s = g**2 + epsilon_1:  r' = b * r + (1 - b) * mean(s, -1);
    c' = b * c + (1 - b) * mean(s, -2);  v' = r' / mean(r', -1) * c', as an outer product; or, with fewer than two axes,
    v' = b * v + (1 - b) * s.  u = g / sqrt(v');
    delta = min(lr, 1 / sqrt(t)) * max(epsilon_2, rms(p)) * u / max(1, rms(u) / clip_threshold).

    References:
        Noam Shazeer, Mitchell Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018,
        algorithms 4 and 5.
    """
    t = hyper["iterations"]
    fresh = t ** hyper["beta_2_decay"]
    s = g * g + hyper["epsilon_1"]
    if "row" in state:
        row = (_mean(s, -1) - state["row"]) * fresh + state["row"]
        column = (_mean(s, -2) - state["column"]) * fresh + state["column"]
        new = {"row": row, "column": column}
        share = row / (row.sum(axis=-1, keepdims=True) / max(row.shape[-1], 1))
        v = share[..., None] * column[..., None, :]
    else:
        v = (s - state["velocity"]) * fresh + state["velocity"]
        new = {"velocity": v}
    u = g / v**0.5
    rate = np.maximum(_rms(p), hyper["epsilon_2"]) * min(hyper["learning_rate"], t**-0.5)
    return u * (rate / np.maximum(_rms(u) / hyper["clip_threshold"], 1)), new


def _mean(s: Any, axis: int) -> Any:
    return s.sum(axis=axis) / max(s.shape[axis], 1)


def _rms(x: Any) -> Any:
    return ((x * x).sum() / max(x.size, 1)) ** 0.5


class Adafactor(Optimizer):
    """Adam with mean squares of rows and columns, and steps relative to each parameter; see `adafactor`.

    Args:
        learning_rate: the largest relative step size, at least 0; or a schedule.
        beta_2_decay: at most 0; step t keeps 1 - t**beta_2_decay of the mean squares.
        epsilon_1: the term added to squares, at least 0.
        epsilon_2: the smallest root mean square that a parameter counts with, at least 0.
        clip_threshold: the largest root mean square of a step before it is scaled, above 0.
        relative_step: kept for Keras, where the rate is at most 1 / sqrt(t) either way.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> adafactor = Adafactor(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> adafactor.step()
        >>> bool((abs(w.detach()) < [1.0, 2.0]).all())
        True
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.001)
    beta_2_decay: float = Number(-math.inf, 0, closed_high=True, default=-0.8)
    epsilon_1: float = Number(0, default=1e-30)
    epsilon_2: float = Number(0, default=1e-3)
    clip_threshold: float = Number(0, open_low=True, default=1.0)
    relative_step: bool = field(flag, default=True)
    elementwise = False

    def rule(self) -> Rule:
        return adafactor

    def slots_for(self, parameter: Tensor) -> Mapping[str, Start]:
        if parameter.ndim < 2:
            return {"velocity": 0.0}
        return {"row": lambda p: np.zeros(p.shape[:-1]), "column": lambda p: np.zeros(p.shape[:-2] + p.shape[-1:])}
