"""Optimizers change parameters by their gradients, with Keras 3's formulas, argument names and defaults.

In your own loop:

    >>> import autograd_lite as ag
    >>> from nn import optimizers
    >>> w = ag.tensor([3.0, -2.0], requires_grad=True, name="w")
    >>> optimizer = optimizers.Adam(learning_rate=0.1, parameters=[w])
    >>> for _ in range(200):
    ...     loss = (w * w).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    >>> loss.item() < 1e-2
    True

`compile(optimizer=...)` takes the same objects, or their names. The file of an algorithm, such as `adam.py`, has its
formula, its rule and its class.

References:
    Keras 3, `keras.optimizers`, 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config.arguments import checked
from ..config.registry import Registry
from . import schedules as schedules
from .adafactor import Adafactor
from .adagrad import Adadelta, Adagrad
from .adam import Adam, Adamax, AdamW, Nadam, ScheduleFreeAdamW
from .ftrl import Ftrl
from .hyper import Number, OptionalNumber, Rate
from .lamb import Lamb
from .lbfgs import LBFGS
from .lion import Lion
from .loss_scale import LossScaleOptimizer
from .multi import MultiOptimizer, OptimizerMap
from .muon import Muon
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .scipy_bridge import minimize
from .sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Number",
    "Optimizer",
    "OptimizerMap",
    "OptionalNumber",
    "RMSprop",
    "Rate",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "minimize",
    "schedules",
    "serialize",
]

_REGISTRY: Registry[Optimizer] = Registry(
    "an optimizer",
    Optimizer,
    (SGD, Adam, Adagrad, Adamax, Nadam, Adadelta, Ftrl, Lion, Lamb, Adafactor, Muon),
    others={"rmsprop": RMSprop, "adamw": AdamW, "schedule_free_adamw": ScheduleFreeAdamW},
)
_, serialize, deserialize = _REGISTRY.functions(__name__)


@checked
def get(identifier: str | Mapping[str, Any] | Optimizer) -> Optimizer:
    """Return a new optimizer with default arguments by its name, a new one by its configuration, or the given object.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else, including `LBFGS`.

    Example:
        >>> get("rmsprop")
        RMSprop(learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07)
    """
    if _is_lbfgs(identifier):
        raise TypeError(
            f"optimizer: expected one that steps by one gradient, such as 'adam'; received {identifier!r}, which needs "
            "the loss at several points in each step. Make LBFGS(parameters=model.parameters()) and call "
            "step(lambda: loss(y, model(x))) on all samples, or nn.optimizers.minimize"
        )
    if isinstance(identifier, OptimizerMap):
        raise TypeError(
            "optimizer: expected a name or an optimizer; received an OptimizerMap. Write MultiOptimizer(it)"
        )
    found: Optimizer = _REGISTRY.get(identifier)
    return found


def _is_lbfgs(identifier: Any) -> bool:
    name = identifier.lower().replace("-", "") if isinstance(identifier, str) else None
    return identifier is LBFGS or isinstance(identifier, LBFGS) or name == "lbfgs"
