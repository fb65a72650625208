"""FixedPoint: a layer whose output is where a cell comes to rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import to_device

from ..config.arguments import argument_error, integer, is_integer, number, one_of, optional
from ..config.fields import Converted, field
from ..config.limits import room
from ..module.module import Shape
from ..module.settings import cover
from .arguments import as_layer
from .layer import Layer
from .recurrent.wrapper import take_dtype


def _shape(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)) or not all(is_integer(n) and n > 0 for n in value):
        raise argument_error(TypeError, owner, name, "a shape without the batch axis, such as (128,)", value)
    return tuple(int(n) for n in value)


class FixedPoint(Layer):
    """Returns the fixed point z = cell([z, x]), as a network of infinitely many equal layers does: a deep equilibrium.

    The iteration from z = 0 is accelerated by Anderson's method, and not kept for the backward pass, which solves a
    linear system at the equilibrium (see `autograd_lite.fixed_point`): memory does not depend on the number of steps.

    Args:
        layer: the cell: a layer, or a model, of the list [z, x] that returns an array like z. It may not draw random
            numbers or change statistics, as Dropout and BatchNormalization do.
        state_shape: of z, without the batch axis; by default that of x.
        memory: how many steps Anderson's method remembers; 0 for the plain iteration.
        tol: it ends at ‖cell([z, x]) - z‖ ≤ tol ‖z‖, for the whole batch; by default 1e-5, and 1e-10 in float64.
        maxiter: the most steps.
        digits: how many digits of its gradients must be certain: for training one is enough.
        on_uncertain: what the backward pass does if fewer are: "raise", "warn" or "nan".
        on_failure: what the backward pass does after maxiter steps without success: "raise", or "differentiate" if the
            gradients are certain all the same.

    Training may lead to cells that do not come to rest. They do where their part that reads z is a contraction, such as
    a Dense layer whose kernel has a norm below 1: begin with small weights, and keep them so with
    `kernel_constraint=MaxNorm(0.9 / units**0.5)` or a regularizer.

    Raises:
        ImplicitError: in the backward pass, if gradients are not certain.

    References:
        Bai, Kolter, Koltun: Deep equilibrium models, 2019.

    Example:
        >>> from nn.layers import Add, Dense, Pipeline
        >>> cell = Pipeline([Add(), Dense(3, "tanh", kernel_initializer="identity")])
        >>> z = FixedPoint(cell)(np.zeros((1, 3)) + 0.5)
        >>> bool(abs(z - np.tanh(z + 0.5)).max() < 1e-3)
        True
    """

    layer: Any = field(as_layer)
    state_shape: Converted[Sequence[int] | None, tuple[int, ...] | None] = field(optional(_shape), default=None)
    memory: int = field(integer(0), default=5)
    tol: float | None = field(optional(number(above=0)), default=None)
    maxiter: int = field(integer(1), default=200)
    digits: float = field(number(), default=1)
    on_uncertain: str = field(one_of("raise", "warn", "nan"), default="raise")
    on_failure: str = field(one_of("raise", "differentiate"), default="differentiate")

    def __post_init__(self) -> None:
        take_dtype(self, self.layer)

    def _state(self, x_shape: Shape) -> Shape:
        return tuple(x_shape) if self.state_shape is None else (x_shape[0], *self.state_shape)

    def call(self, x: Tensor) -> Tensor:
        """Return the equilibrium, of the shape of z."""
        shape = self._state(x.shape)
        room(shape)
        start = to_device(np.zeros(shape, x.dtype), x)
        if self._has_unbuilt_parts():
            return self.layer([ag.tensor(start), x])
        with cover(self.layer):  # whoever compiles this has a guard on the cell too
            z = ag.fixed_point(
                lambda z: self.layer([z, x]),
                start,
                memory=max(self.memory, 1),
                method="anderson" if self.memory else "picard",
                tol=self.tol,
                maxiter=self.maxiter,
                digits=self.digits,
                on_uncertain=self.on_uncertain,
                on_failure=self.on_failure,
            ).x
        return z if isinstance(z, Tensor) else ag.tensor(z)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of z."""
        return self._state(input_shape)
