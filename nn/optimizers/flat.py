"""A list of parameters as one vector, for methods that treat all of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Changes, GradError, ShapeError, Tensor, enable_grad, no_grad
from autograd_lite.arrays import asarray_like, to_numpy

Vector = npt.NDArray[np.float64]


class FlatFunction:
    """A scalar function of the values of some parameters, as a function of one float64 vector.

    Args:
        caller: what error messages name.
        f: a function without arguments that returns the scalar, computed from the parameters.
        parameters: leaves that require a gradient.
    """

    def __init__(self, caller: str, f: Callable[[], Any], parameters: Sequence[Tensor]) -> None:
        self.called, self.f, self.parameters = caller, f, list(parameters)
        self.count = 0

    def get(self) -> Vector:
        """Return the current values, as a copy."""
        return np.concatenate([to_numpy(p.data).ravel() for p in self.parameters]).astype(np.float64)

    def set(self, x: Vector) -> None:
        """Assign values to all parameters, or to none if interrupted."""
        changes = Changes()
        self.note(changes, x)
        changes.make()

    def note(self, changes: Changes, x: Vector) -> None:
        """Note the assignment of these values."""
        start = 0
        for p in self.parameters:
            changes.assign(p, x[start : start + p.size].reshape(p.shape).astype(p.dtype))
            start += p.size

    @no_grad()  # as a decorator, which restores the mode wherever an interrupt comes
    def value(self, x: Vector) -> float:
        """Return the function's value at x."""
        self.set(x)
        self.count += 1
        return self._scalar(self.f()).item()

    def value_and_gradient(self, x: Vector) -> tuple[float, Vector]:
        """Return the function's value and gradient at x; a parameter that it does not depend on has gradient 0."""
        self.set(x)
        self.count += 1
        loss = self._differentiate()
        return loss.item(), self._collect()

    @enable_grad()
    def hessian_product(self, x: Vector, v: Vector) -> Vector:
        """Return the Hessian at x times v."""
        self.set(x)
        self._differentiate(create_graph=True)
        gradients = [p.grad for p in self.parameters]
        self._clear()
        total, start = None, 0
        for p, g in zip(self.parameters, gradients, strict=True):
            part = asarray_like(v[start : start + p.size].reshape(p.shape).astype(p.dtype), p)
            start += p.size
            if g is not None and g.requires_grad:
                term = (g * part).sum()
                total = term if total is None else total + term
        if total is not None:
            total.backward()
        return self._collect()

    @enable_grad()
    def _differentiate(self, create_graph: bool = False) -> Tensor:
        self._clear()
        loss = self._scalar(self.f())
        if not loss.requires_grad:
            raise GradError(f"{self.called}: expected a loss computed from the parameters; received a constant")
        loss.backward(create_graph=create_graph)
        return loss

    def _scalar(self, loss: Any) -> Tensor:
        if not isinstance(loss, Tensor):
            raise TypeError(f"{self.called}: expected a function that returns a Tensor; received {type(loss).__name__}")
        if loss.size != 1:
            raise ShapeError(f"{self.called}: expected a scalar loss; received shape {loss.shape}")
        return loss

    def _collect(self) -> Vector:
        parts = [np.zeros(p.size) if p.grad is None else to_numpy(p.grad.data).ravel() for p in self.parameters]
        self._clear()
        return np.concatenate(parts).astype(np.float64)

    def _clear(self) -> None:
        for p in self.parameters:
            p.grad = None
