"""Every picture of `nn.plots`, drawn once and quickly: rows for the laws that all of them keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nn import plots


def bowl(w: Any) -> Any:
    return w[0] ** 2 + 4 * w[1] ** 2


# Those of one set of axes, as functions of it.
ON_AXES: dict[str, Callable[[Any], Any]] = {
    "gradient_descent": lambda ax=None: plots.gradient_descent(lambda x: x * x, 2.0, steps=3, ax=ax),
    "loss_surface": lambda ax=None: plots.loss_surface(bowl, [2.0, 1.0], steps=3, resolution=9, ax=ax),
}

PICTURES: dict[str, Callable[[], Any]] = {**ON_AXES}
