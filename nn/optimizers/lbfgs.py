"""L-BFGS: a quasi-Newton method for losses without noise, such as those of a whole small data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Changes, GradError, Tensor

from ..config.arguments import checked_here, one_of, optional, positive
from .flat import FlatFunction, Vector
from .hyper import Number
from .line_search import Point, strong_wolfe
from .parameters import Parameters, check_parameters


@checked_here
class LBFGS:
    """Limited-memory BFGS: Newton's method with an inverse Hessian estimated from the last steps.

    A step needs the loss at several points, so `step` takes a function that computes it, on all samples; `compile`
    refuses an LBFGS, because `fit` computes one gradient of one batch per step.

    Args:
        learning_rate: the length that each line search tries first, above 0; without a line search, the step length.
        max_iter: the number of iterations in one call of `step`.
        tolerance_grad: `step` ends once no element of the gradient is larger; at least 0.
        tolerance_change: `step` ends once neither the parameters nor the loss change by more; at least 0.
        history_size: the number of steps that are remembered.
        line_search: "strong_wolfe", or None for steps of fixed length.
        parameters: the tensors to train, or (name, tensor) pairs.

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if a number is out of its range.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([-1.2, 1.0], requires_grad=True)
        >>> rosenbrock = lambda: 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        >>> loss = LBFGS(max_iter=100, parameters=[w]).step(rosenbrock)
        >>> w.data.round(6).tolist()
        [1.0, 1.0]

    References:
        Jorge Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", 1980.
        Jorge Nocedal, Stephen Wright, "Numerical Optimization", 2006, algorithms 7.4 and 7.5.
    """

    learning_rate = Number(0, open_low=True)
    tolerance_grad = Number(0)
    tolerance_change = Number(0)

    def __init__(
        self,
        learning_rate: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 10,
        line_search: str | None = "strong_wolfe",
        *,
        parameters: Parameters,
    ) -> None:
        self._hyper: dict[str, float] = {}
        self.learning_rate, self.tolerance_grad = learning_rate, tolerance_grad
        self.tolerance_change = tolerance_change
        self.max_iter = positive(self, "max_iter", max_iter)
        self.history_size = positive(self, "history_size", history_size)
        self.line_search = optional(one_of("strong_wolfe"))(self, "line_search", line_search)
        self._parameters = check_parameters("LBFGS", parameters)[0]
        self._pairs: list[tuple[Vector, Vector]] = []
        self.iterations = 0
        self.evaluations = 0

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters, in the order in which they were given."""
        return list(self._parameters)

    def zero_grad(self) -> None:
        """Set `.grad` of every parameter to None."""
        for p in self._parameters:
            p.grad = None

    def step(self, closure: Callable[[], Tensor]) -> float:
        """Run up to `max_iter` iterations, and return the final loss.

        Args:
            closure: computes the loss, a scalar Tensor, from the parameters; it is differentiated here, and must return
                the same value at the same parameters. An error in it leaves the parameters as they were.

        Raises:
            GradError: if the loss does not depend on the parameters.
            ValueError: if the first loss is infinite or NaN; nothing has changed then.
        """
        if not callable(closure):
            raise TypeError(f"LBFGS.step: expected a function that returns the loss; received {type(closure).__name__}")
        if any(not p.is_leaf or not p.requires_grad for p in self._parameters):
            raise GradError("LBFGS.step: expected parameters that are leaves and require a gradient")
        function = FlatFunction("LBFGS.step", closure, self._parameters)
        before = [function.get()]
        try:
            x, f, after = self._iterate(function, before[0])
            changes = Changes()
            function.note(changes, x)
            changes.call(vars(self).update, after)
            changes.call(before.clear)
            changes.make()
            return f
        except BaseException:
            for start in before:  # empty once everything is done and an interrupt comes later
                function.set(start)
            raise

    def _iterate(self, function: FlatFunction, x: Vector) -> tuple[Vector, float, dict[str, Any]]:
        """Return the last point, the loss there, and the attributes that the iterations change."""
        pairs, iterations = self._pairs, self.iterations
        f, g = function.value_and_gradient(x)
        if not np.isfinite(f):
            raise ValueError(f"LBFGS.step: expected a finite loss at the parameters; received {f}")
        for _ in range(self.max_iter):
            if np.abs(g).max(initial=0.0) <= self.tolerance_grad:
                break
            d = -_times_inverse(pairs, g)
            if not d @ g < 0:
                pairs, d = [], -g
            t = self.learning_rate * (1.0 if pairs else min(1.0, 1 / np.abs(g).sum()))
            step = self._search(function, x, d, Point(0.0, f, float(d @ g), g), t)
            if step.t == 0:
                if not pairs:
                    break
                pairs = []  # the estimate was misleading: start again with the gradient
                continue
            s, y = step.t * d, step.gradient - g
            if s @ y > 1e-10 * (y @ y):
                pairs = [*pairs, (s, y)][-self.history_size :]
            change = max(np.abs(s).max(), abs(step.f - f))
            x, f, g = x + s, step.f, step.gradient
            iterations += 1
            if change <= self.tolerance_change:
                break
        counted = {"iterations": iterations, "evaluations": self.evaluations + function.count}
        return x, f, {"_pairs": pairs, **counted}

    def _search(self, function: FlatFunction, x: Vector, d: Vector, start: Point, t: float) -> Point:
        def at(t: float) -> Point:
            f, g = function.value_and_gradient(x + t * d)
            return Point(t, f, float(g @ d), g)

        return at(t) if self.line_search is None else strong_wolfe(at, start, t)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that a later run needs to continue, as copies."""
        size = sum(p.size for p in self._parameters)
        pairs = np.array(self._pairs).reshape(len(self._pairs), 2, size)
        return {"iterations": np.array(self.iterations), "pairs": pairs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            ValueError: if an entry is missing or unknown, or of another size; nothing has changed then.
        """
        if state.keys() != {"iterations", "pairs"}:
            raise ValueError(f"LBFGS.load_state_dict: expected iterations and pairs; received {sorted(state)}")
        pairs, size = np.array(state["pairs"], np.float64), sum(p.size for p in self._parameters)
        if pairs.ndim != 3 or pairs.shape[1:] != (2, size):
            raise ValueError(
                f"LBFGS.load_state_dict: expected pairs of shape (M, 2, {size}); received shape {pairs.shape}"
            )
        self._pairs, self.iterations = [(s, y) for s, y in pairs], int(state["iterations"])

    def __repr__(self) -> str:
        return (
            f"LBFGS(learning_rate={self.learning_rate:g}, max_iter={self.max_iter}, history_size={self.history_size})"
        )


def _times_inverse(pairs: list[tuple[Vector, Vector]], g: Vector) -> Vector:
    """Return the estimated inverse Hessian times g, by two loops over the remembered steps."""
    q, factors = g.copy(), []
    for s, y in reversed(pairs):
        a = (s @ q) / (y @ s)
        q -= a * y
        factors.append(a)
    if pairs:
        s, y = pairs[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), a in zip(pairs, reversed(factors), strict=True):
        q += (a - (y @ q) / (y @ s)) * s
    return q
