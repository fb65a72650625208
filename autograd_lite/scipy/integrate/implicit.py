"""Implicit steps, of Radau IIA and BDF, on Tensors: at every step an equation is solved, and differentiated as such.

SciPy's solvers iterate until the error of the equation is small beside that of the step. Here it is solved to the last
digits, and the derivative is that of its solution. Both kinds of step have one form: for the unknown z of s rows,

    z = h A f(t, base + z) - rest,

where A is the matrix of Radau's method, or 1 / α for BDF, whose `rest` comes from earlier steps.

References:
    Hairer and Wanner: Solving Ordinary Differential Equations II, 1996, section IV.8.
    Shampine and Reichelt: The MATLAB ODE suite, 1997, section 2.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...control.body import Body, run_body
from ...control.closure_conversion import close, record_body
from ...core.errors import UnsupportedError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functional import jacobian, vjp
from ...functions.custom_ops import structural
from ...ops import barrier
from ...ops.adjoints import user
from ..calls import plain
from .quadrature import Always
from .runge_kutta import Function, Notes, weighted_sum

Matrix = tuple[tuple[float, ...], ...]

_S = 6**0.5
RADAU: Matrix = (
    ((88 - 7 * _S) / 360, (296 - 169 * _S) / 1800, (-2 + 3 * _S) / 225),
    ((296 + 169 * _S) / 1800, (88 + 7 * _S) / 360, (-2 - 3 * _S) / 225),
    ((16 - _S) / 36, (16 + _S) / 36, 1 / 9),
)
_NODES = np.array([(4 - _S) / 10, (4 + _S) / 10, 1.0])
_POLYNOMIAL = np.array(
    [
        [13 / 3 + 7 * _S / 3, -23 / 3 - 22 * _S / 3, 10 / 3 + 5 * _S],
        [13 / 3 - 7 * _S / 3, -23 / 3 + 22 * _S / 3, 10 / 3 - 5 * _S],
        [1 / 3, -8 / 3, 10 / 3],
    ]
)
_MOST_ITERATIONS = 30


# ---- the equation ---------------------------------------------------------------------------------------------------


def _side(body: Body, matrix: Matrix) -> Any:
    """Return h A f(t, base + z) - rest as a function."""

    def side(base: Any, rest: Any, times: Any, h: Any, z: Any, *more: Any) -> Any:
        slopes = np.stack([body(times[i], base + z[i], *more)[0] for i in range(len(matrix))])
        return h * np.matmul(np.array(matrix), slopes) - rest

    return side


def _bodies(body: Body, matrix: Matrix) -> tuple[Body, Body, Body]:
    """Return what computes the right side, its Jacobian by z, and its cotangents by all else."""
    key = "implicit", matrix
    if key not in body.derived:
        (n,), s, more = body.examples[1].shape, len(matrix), body.examples[2:]
        side = _side(body, matrix)
        row = np.zeros((s, n), body.examples[1].dtype)
        examples = [body.examples[1], row, np.zeros(s), np.float64(0), row, *more]

        def slope(base: Any, rest: Any, times: Any, h: Any, z: Any, *more: Any) -> list[Any]:
            blocks = [jacobian(lambda y, i=i: body(times[i], y, *more)[0])(base + z[i]) for i in range(s)]
            rows = [np.concatenate([h * matrix[i][j] * blocks[j] for j in range(s)], axis=1) for i in range(s)]
            return [np.concatenate(rows)]

        def cotangents_of(g: Any, base: Any, rest: Any, times: Any, h: Any, z: Any, *more: Any) -> list[Any]:
            chosen = (0, 1, 2, 3, *(5 + k for k, c in enumerate(more) if c.dtype.kind in "fc"))
            _, back = vjp(side, chosen)(base, rest, times, h, z, *more)
            return [user(c) for c in back(user(g))]

        body.derived[key] = (
            record_body("solve_ivp", lambda *arrays: [side(*arrays)], examples),
            record_body("solve_ivp", slope, examples),
            record_body("solve_ivp", cotangents_of, [row, *examples]),
        )
    bodies: tuple[Body, Body, Body] = body.derived[key]
    return bodies


def _solve(base: Any, rest: Any, times: Any, h: Any, start: Any, *more: Any, body: Body, matrix: Matrix) -> Any:
    side, slope, _ = _bodies(body, matrix)
    z, best = start, np.inf
    for _ in range(_MOST_ITERATIONS):
        residual = run_body(side, base, rest, times, h, z, *more)[0] - z
        jacobian_of_side = run_body(slope, base, rest, times, h, z, *more)[0]
        step = np.linalg.solve(np.eye(z.size) - jacobian_of_side, residual.reshape(-1)).reshape(z.shape)
        size = np.abs(step).max(initial=0)
        if not size < best:  # rounding has the last word, or there is no solution near
            break
        z, best = z + step, size
    scale = np.abs(base).max(initial=0) + np.abs(z).max(initial=0)
    if not best <= 1e-8 * max(scale, 1e-300):
        raise ArithmeticError(
            "solve_ivp: expected Newton's iteration to solve the equation of a step that SciPy has accepted; it "
            f"stopped with changes of {best:.1e}. Use tighter tolerances"
        )
    return z


@functools.cache
def _equation(n: int) -> Op:
    """Return the solution of the equation as an op with n parameters of the right-hand side."""

    def pull(
        g: Any, out: Any, base: Any, rest: Any, times: Any, h: Any, start: Any, *more: Any, body: Body, matrix: Matrix
    ) -> list[Any]:
        _, slope, cotangents_of = _bodies(body, matrix)
        left = np.eye(out.size) - run_body(slope, base, rest, times, h, out, *more)[0]
        s = np.linalg.solve(left.T, g.reshape(-1)).reshape(out.shape)
        results = iter(run_body(cotangents_of, s, base, rest, times, h, out, *more))
        first = [next(results) for _ in range(4)]
        rest_of = [next(results) if c.dtype.kind in "fc" else np.zeros(c.shape) for c in more]
        return [*first, np.zeros(out.shape), *rest_of]

    return structural(
        "implicit_step",
        _solve,
        together=pull,
        infer=lambda base, rest, *_, **__: ShapeDtype(rest.shape, base.dtype),
        keeps=Always(n + 5),
    )


# ---- steps ----------------------------------------------------------------------------------------------------------


class NotesStages(Notes):
    """Notes the stages of each step of Radau's, too."""

    def now(self) -> tuple[Any, ...]:
        """Return the stages."""
        return (np.array(self.Z),)


class NotesOrders(Notes):
    """Notes, of each step of BDF, the length before it, its order, and the next order and length, too."""

    def now(self) -> tuple[Any, ...]:
        """Return order and length."""
        return (self.order, self.h_abs * self.direction)

    def before(self) -> tuple[Any, ...]:
        """Return length and order."""
        return (self.h_abs * self.direction, self.order)


class RadauStep:
    """A step by collocation, whose polynomial goes through the stages."""

    def __init__(self, body: Body, more: Sequence[Any], start: Any, end: Any, y: Any, guess: Any) -> None:
        self.start, self.end, self.h, self.before = start, float(plain(end)), end - start, y
        times = start + _NODES * self.h
        h = self.h if hasattr(self.h, "__apply_op__") else np.float64(self.h)
        op = _equation(len(more))
        self.z = op(y, np.zeros(guess.shape), times, h, guess, *more, body=body, matrix=RADAU)
        self.after = y + self.z[2]

    def between(self) -> Function:
        """Return the solution in the step as a function of times of shape `(m,)`, with results of shape `(n, m)`."""
        factors = np.matmul(self.z.T, _POLYNOMIAL)

        def solution(t: Any) -> Any:
            x = (t - self.start) / self.h
            return self.before[:, None] + np.matmul(factors, np.stack([x, x * x, x * x * x]))

        return solution


class BDFStep:
    """What a step of BDF leaves: differences at its end, which are also its polynomial."""

    def __init__(self, differences: list[Any], end: float, h: float) -> None:
        self.after, self._differences, self.end, self._h = differences[0], differences, end, h

    def between(self) -> Function:
        """Return the solution in the step as a function of times of shape `(m,)`, with results of shape `(n, m)`."""
        return self._at

    def _at(self, t: Any) -> Any:
        total, product = self.after[:, None], 1.0
        for k, difference in enumerate(self._differences[1:]):
            product = product * ((t - (self.end - self._h * k)) / (self._h * (1 + k)))
            total = total + difference[:, None] * product
        return total


def _close_side(side: Function, t: Any, y: Any) -> tuple[Body, list[Any]]:
    """Return the right-hand side as data, and the Tensors that it reads from around it."""
    refused = UnsupportedError("scipy.integrate.solve_ivp: expected fun to change nothing outside")
    closed = close("solve_ivp", side, (np.float64(plain(t)), y), refused)
    return closed.body, closed.captured


def radau_steps(side: Function, times: Sequence[Any], y: Any, notes: list[Any]) -> list[RadauStep]:
    """Take Radau's steps between given times, recorded."""
    (body, more), steps = _close_side(side, times[0], y), []
    for (start, end), (_, guess) in zip(pairwise(times), notes, strict=True):
        steps.append(RadauStep(body, more, start, end, y, guess))
        y = steps[-1].after
    return steps


_GAMMA = np.hstack((0, np.cumsum(1 / np.arange(1, 6))))
_ALPHA = (1 - np.array([0, -0.1850, -1 / 9, -0.0823, -0.0415, 0])) * _GAMMA


def _rescale(differences: list[Any], order: int, factor: float) -> list[Any]:
    """Return the differences for steps of another length: those of the same polynomial."""
    if factor == 1:
        return differences

    def table(factor: float) -> Any:
        i, j = np.arange(1, order + 1)[:, None], np.arange(1, order + 1)
        m = np.zeros((order + 1, order + 1))
        m[1:, 1:] = (i - 1 - factor * j) / i
        m[0] = 1
        return np.cumprod(m, axis=0)

    both = table(factor) @ table(1)
    old = differences[: order + 1]
    return [weighted_sum(*old, weights=tuple(map(float, column))) for column in both.T] + differences[order + 1 :]


def bdf_steps(side: Function, times: Sequence[Any], y: Any, notes: list[Any]) -> list[BDFStep]:
    """Take the steps of BDF between given times, recorded, with the orders that SciPy has chosen."""
    if any(hasattr(t, "__apply_op__") for t in times):
        raise UnsupportedError("scipy.integrate.solve_ivp: t_span is not supported as a Tensor by BDF; use Radau")
    body, more = _close_side(side, times[0], y)
    steps: list[BDFStep] = []
    h = notes[0][1]
    first = body(np.float64(times[0]), y, *more)[0] * h
    zero = 0.0 * barrier.stop_gradient(first)
    differences = [y, first, *[zero] * 6]
    op = _equation(len(more))
    for (start, end), (_, _, order, after, next_h) in zip(pairwise(times), notes, strict=True):
        differences, h = _rescale(differences, order, (end - start) / h), end - start
        predicted = weighted_sum(*differences[: order + 1], weights=(1.0,) * (order + 1))
        weights = tuple(float(w) for w in _GAMMA[1 : order + 1] / _ALPHA[order])
        rest = weighted_sum(*differences[1 : order + 1], weights=weights)[None]
        matrix = ((float(1 / _ALPHA[order]),),)
        guess = np.zeros((1, y.shape[0]))
        d = op(predicted, rest, np.array([end]), np.float64(h), guess, *more, body=body, matrix=matrix)[0]
        differences[order + 2] = d - differences[order + 1]
        differences[order + 1] = d
        for i in reversed(range(order + 1)):
            differences[i] = differences[i] + differences[i + 1]
        differences, h = _rescale(differences, after, next_h / h), next_h
        steps.append(BDFStep(differences[: after + 1], float(end), float(h)))
    return steps
