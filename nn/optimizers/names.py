"""Optimizers by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config.arguments import checked
from ..config.registry import Registry
from .lbfgs import LBFGS
from .multi import OptimizerMap
from .optimizer import Optimizer

_ROOM = __name__.rpartition(".")[0]


REGISTRY: Registry[Optimizer] = Registry(
    "an optimizer",
    Optimizer,
    room=_ROOM,
    classes="SGD Adam Adagrad Adamax Nadam Adadelta Ftrl Lion Lamb Adafactor Muon",
    others={"rmsprop": "RMSprop", "adamw": "AdamW", "schedule_free_adamw": "ScheduleFreeAdamW"},
)
_, serialize, deserialize = REGISTRY.functions(_ROOM)


@checked
def get(identifier: str | Mapping[str, Any] | Optimizer) -> Optimizer:
    """Return a new optimizer with default arguments by its name, a new one by its configuration, or the given object.

    Args:
        identifier: a name such as "adam", in upper or lower case; what `serialize` returned; an optimizer, which is
            returned as it is; or a class of optimizers.

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
    optimizer: Optimizer = REGISTRY.get(identifier)
    return optimizer


def _is_lbfgs(identifier: Any) -> bool:
    name = identifier.lower().replace("-", "") if isinstance(identifier, str) else None
    return identifier is LBFGS or isinstance(identifier, LBFGS) or name == "lbfgs"
