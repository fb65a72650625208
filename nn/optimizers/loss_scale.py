"""Training in half precision: a factor of the loss, adapted on the way, that keeps small gradients from becoming 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Changes, Tensor, dynamic

from ..config.arguments import positive
from ..config.config import plain
from .composite import AroundOptimizer
from .gradients import Gradients, are_finite, scale, unscale
from .hyper import Inner, Number, Quantity
from .optimizer import Optimizer
from .parameters import Parameters
from .rules import Array
from .state import whole_number

_SMALLEST, _LARGEST = 2.0**-126, 2.0**127  # powers of 2 that single precision has


class _InnerRate(Quantity):
    """The learning rate of the inner optimizer."""

    def __get__(self, obj: Any, kind: type | None = None) -> Any:
        return self if obj is None else obj.inner_optimizer.learning_rate

    def __set__(self, obj: Any, value: Any) -> None:
        obj.inner_optimizer.learning_rate = value


class LossScaleOptimizer(AroundOptimizer):
    """Multiplies the loss by a factor S, divides the gradients by it, and lets another optimizer take the step.

    float16 has no numbers between 0 and 6e-8, so small gradients vanish on the way back through a network of this
    dtype; those of a larger loss do not. S adapts itself: a step with a gradient that is infinite or NaN is skipped and
    halves S; after `dynamic_growth_steps` steps in a row without one, S doubles.

    `fit` scales by itself; in your own loop, call `scale_loss(loss).backward()`. If the predictions are float16,
    S stays low enough that their gradients are finite, at most 65504; a last layer with `dtype="float32"` lifts that.

    Args:
        inner_optimizer: takes the steps. Clipping, weight decay and averages are its arguments; `learning_rate` here
            is an alias of its own.
        initial_scale: the first S, above 0. Too high a value costs a few skipped steps, too low a value many poor ones.
        dynamic_growth_steps: at least 1.
        name: the name in the config.
        parameters: the tensors to train; by default those of the inner optimizer.
        others: nothing: arguments of the inner optimizer are an error that says so.

    Raises:
        TypeError: if `inner_optimizer` is not an optimizer, or for an argument that belongs to it.
        ValueError: if it scales the loss itself, or a number is out of its range.

    References:
        Micikevicius, Narang, Alben, Diamos, Elsen, Garcia, Ginsburg, Houston, Kuchaiev, Venkatesh, Wu: Mixed Precision
        Training, 2018, section 3.2.

    Example:
        >>> import autograd_lite as ag
        >>> from nn import optimizers
        >>> w = ag.tensor([1.0], dtype="float16", requires_grad=True)
        >>> optimizer = LossScaleOptimizer(optimizers.SGD(2.0**10), parameters=[w])
        >>> loss = (w * 1e-4).sum() * 1e-4  # 1e-8 is 0 in float16
        >>> optimizer.scale_loss(loss).backward()
        >>> w.grad.item() > 0
        True
        >>> optimizer.apply([np.array([np.inf], "float16")])  # skipped
        >>> optimizer.dynamic_scale, w.item()
        (16384.0, 1.0)
    """

    learning_rate: Any = _InnerRate(0)
    loss_scale_factor: Any = Inner()
    initial_scale = Number(0, open_low=True)
    skips_overflow = True

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        *,
        parameters: Parameters | None = None,
        **others: Any,
    ) -> None:
        if others:
            raise TypeError(
                f"LossScaleOptimizer: got an unexpected keyword argument {next(iter(others))!r}. What every optimizer "
                "takes, such as weight_decay, is an argument of inner_optimizer"
            )
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(
                f"LossScaleOptimizer: expected inner_optimizer to be an optimizer, such as Adam(); received "
                f"{inner_optimizer!r:.80}"
            )
        if isinstance(inner_optimizer, LossScaleOptimizer):
            raise ValueError("LossScaleOptimizer: expected an inner_optimizer of another class; received its own kind")
        self.name = name or "lossscaleoptimizer"
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = positive(self, "dynamic_growth_steps", dynamic_growth_steps)
        if inner_optimizer.loss_scale_factor is not None:
            raise ValueError(
                f"LossScaleOptimizer: expected an inner_optimizer with loss_scale_factor=None, as the loss would be "
                f"scaled twice; received {inner_optimizer.loss_scale_factor}"
            )
        self.inner_optimizer = inner_optimizer
        self.use_ema = inner_optimizer.use_ema
        self._scale = float(np.float32(min(max(self.initial_scale, _SMALLEST), _LARGEST)))
        self._good_steps = 0
        if parameters is not None:
            self.bind(parameters)
        elif inner_optimizer.parameters:
            self.bind(inner_optimizer.parameters)

    @property
    def dynamic_scale(self) -> float:
        """What the loss is multiplied by now, S."""
        return dynamic(vars(self), "_scale")

    @property
    def step_counter(self) -> int:
        """The number of steps since S was last changed."""
        return dynamic(vars(self), "_good_steps")

    def bind(self, parameters: Parameters) -> None:
        self.inner_optimizer.bind(parameters)
        self.use_ema = self.inner_optimizer.use_ema
        self._parameters, self._names = self.inner_optimizer._parameters, self.inner_optimizer._names

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return what to differentiate instead of the loss: the loss times S.

        Args:
            loss: a scalar.
        """
        return scale(loss, dynamic(vars(self), "_scale"))

    def _note_step(self, changes: Changes, gradients: Gradients) -> None:
        self._pin()
        attributes = vars(self)
        scale, steps = dynamic(attributes, "_scale"), dynamic(attributes, "_good_steps") + 1
        if not are_finite(gradients):
            scale, steps = max(scale * 0.5, _SMALLEST), 0
        else:
            self.inner_optimizer._note_step(changes, unscale(gradients, scale))
            if steps >= self.dynamic_growth_steps:
                scale, steps = min(scale * 2.0, _LARGEST), 0
        changes.put(attributes, "_scale", scale)
        changes.put(attributes, "_good_steps", steps)

    def get_config(self) -> dict[str, Any]:
        names = ("inner_optimizer", "initial_scale", "dynamic_growth_steps", "name")
        return {name: plain(getattr(self, name)) for name in names}

    def own_state(self) -> dict[str, Array]:
        """Return S, and the number of steps since it last changed."""
        return {"dynamic_scale": np.array(self._scale), "step_counter": np.array(self._good_steps)}

    def checked_state(self, caller: str, state: Mapping[str, Array]) -> dict[str, Any]:
        scale = state["dynamic_scale"]
        if scale.shape or scale.dtype.kind != "f" or not 0 < scale < math.inf:
            raise ValueError(f"{caller}: expected 'dynamic_scale', a number above 0; received {scale!r:.80}")
        return {"_scale": float(scale), "_good_steps": whole_number(caller, "step_counter", state["step_counter"])}
