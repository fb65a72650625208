"""The solve of Radau's collocation: how long steps are, and how their equations are solved.

References:
    Hairer, E. and Wanner, G. (1996). Solving Ordinary Differential Equations II. Springer, IV.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .collocation import INVERSE, NODES, combine, method_of, polish, slopes_of, weights_at
from .consistent_values import slopes_at
from .implicit_equations import BoundImplicitEquations
from .step_control import rms, scale_of, smallest_step
from .trajectories import Path, Settings, Trajectory

_S = 6**0.5
_ERROR = np.array([-13 - 7 * _S, -13 + 7 * _S, -1]) / 3  # its weights of the stages
# A⁻¹ has a real eigenvalue and a complex pair; with their left eigenvectors Newton's steps are those of n equations.
_VALUES, _RIGHT = np.linalg.eig(INVERSE)
_REAL, _COMPLEX = int(np.argmin(np.abs(_VALUES.imag))), int(np.argmax(_VALUES.imag))
_LEFT = np.linalg.inv(_RIGHT)
_MU = float(_VALUES[_REAL].real), complex(_VALUES[_COMPLEX])
_MOST_ITERATIONS, _MOST_MORE = 7, 8
_REFRESH = 20  # steps, after which derivatives are computed anew
_SAFETY, _LEAST, _MOST = 0.9, 0.2, 8.0
_REACHED = "The solver successfully reached the end of the integration interval."


class _Attempt:
    """What a step of some length is attempted with: dF/dy and dF/dy', and the factors of the two matrices.

    Args:
        equations: the equations.
        jacobians: dF/dy and dF/dy'.
        h: the length.
    """

    def __init__(self, equations: BoundImplicitEquations, jacobians: tuple[Any, Any], h: float) -> None:
        self.equations, self.h, self.mass = equations, h, jacobians[1]
        self.real, self.pair = (combine(mu / h, jacobians[1], 1.0, jacobians[0]) for mu in _MU)
        self.slow = False
        equations.nlu += 2

    def correction(self, r: Any) -> Any:
        """Return the change of Z that Newton's method subtracts, for residuals r, shape (3, n)."""
        first = self.real.solve((_LEFT[_REAL] @ r).real)
        second = self.pair.solve(_LEFT[_COMPLEX] @ r)
        return (np.outer(_RIGHT[:, _REAL], first) + 2 * np.outer(_RIGHT[:, _COMPLEX], second)).real

    def iterate(self, t: Any, y: Any, z: Any, scale: Any, tol: float) -> tuple[Any, bool]:
        """Return Z near a guess, and whether the iteration has converged."""
        last, rate = None, None
        for k in range(_MOST_ITERATIONS):
            r = self.equations.residuals(t, y + z, slopes_of(z, self.h))
            step = self.correction(r)
            size = rms((step / scale).reshape(-1))
            if not np.isfinite(size):
                return z, False
            if last is not None:
                rate = size / last
                left = _MOST_ITERATIONS - k
                if rate >= 1 or rate**left / (1 - rate) * size > tol:
                    return z, False
            z = z - step
            if size == 0 or (rate is not None and rate / (1 - rate) * size < tol):
                self.slow = k > 2 and rate is not None and rate > 1e-3
                return z, True
            last = size
        return z, False

    def finish(self, t: Any, y: Any, z: Any) -> Any:
        """Return Z to the last digits."""
        whole = float(np.abs(y).max(initial=0) + np.abs(z).max(initial=0)) or 1.0
        last = np.inf
        for _ in range(_MOST_MORE):
            step = self.correction(self.equations.residuals(t, y + z, slopes_of(z, self.h)))
            size = float(np.abs(step).max(initial=0)) / whole
            if not size < 0.5 * last:
                break
            z, last = z - step, size
            if size < 1e-15:
                return z
        return z if last < 1e-14 else polish(self.equations, t, self.h, y, z).z

    def error(self, t: float, y: Any, slope: Any, z: Any, scale: Any, again: bool) -> Any:
        """Return the estimate of the error, relative to the tolerance, shape (n,).

        Args:
            t, y, slope: where the step begins.
            z: its stages.
            scale: what errors are measured in.
            again: whether a step was rejected here before; the estimate is then a better one where it is large.
        """
        right = self.mass @ (slope + _ERROR.astype(z.dtype) @ z / self.h)
        error = self.real.solve(right)
        if again and rms(error / scale) > 1:
            error = self.real.solve(right - self.equations.residual(t, y + error, slope))
        return error / scale


class _Run:
    """Steps with error control, from t_span[0] towards t_span[1].

    Attributes:
        times, states: where steps begin and end, and the states there.
        h, stages: the lengths of steps, and their Z.
        rejected: time, length and error estimate of other attempts.
    """

    def __init__(self, equations: BoundImplicitEquations, t_span: Sequence[float], y0: Any, settings: Settings) -> None:
        self._equations, self._settings = equations, settings
        start, self._end = map(float, t_span)
        self._sign = 1.0 if self._end >= start else -1.0
        self.times, self.states = [start], [y0]
        self.h: list[float] = []
        self.stages: list[Any] = []
        self.rejected: list[tuple[float, float, float]] = []
        self._slope = slopes_at(equations, start, y0, settings.more.get("yp0"))
        self._jacobians: tuple[Any, Any] | None = None
        self._place = np.nan  # where they are from
        self._attempt: _Attempt | None = None
        self._last: tuple[float, float] | None = None
        eps, rtol = float(np.finfo(y0.dtype).eps), float(np.min(settings.rtol))
        self._tol = max(10 * eps / max(rtol, 10 * eps), min(0.03, rtol**0.5))

    def run(self) -> str | None:
        """Take the steps; return why the end was not reached, if it was not."""
        settings, h = self._settings, self._first_step()
        while self.times[-1] != self._end:
            if len(self.h) >= settings.max_steps:
                return f"gave up at t = {self.times[-1]:.6g}, after max_steps = {settings.max_steps} steps"
            step = self._step(h)
            if isinstance(step, str):
                return step
            h = step
            if settings.progress is not None:
                settings.progress(self.times[-1])
        return None

    def _first_step(self) -> float:
        settings, span = self._settings, abs(self._end - self.times[0])
        if settings.first_step is not None:
            return min(settings.first_step, span)
        scale = scale_of(settings.rtol, settings.atol, self.states[0], self.states[0])
        steep = rms(self._slope / scale)
        return min(1e-3 * span, 0.5 / steep if steep > 0 else span, settings.max_step)

    def _matrices(self, t: float, y: Any, h: float, fresh: bool) -> _Attempt:
        """Return what to attempt a step with; with `fresh`, from derivatives where it begins."""
        if self._jacobians is None or (fresh and self._place != t):
            self._jacobians, self._place = self._equations.jacobians(t, y, self._slope), t
            self._attempt = None
        if self._attempt is None or self._attempt.h != h:
            self._attempt = _Attempt(self._equations, self._jacobians, h)
        return self._attempt

    def _step(self, h: float) -> float | str:
        """Take one step, shorter and shorter until its error is accepted; return the length of the next one."""
        t, y, settings = self.times[-1], self.states[-1], self._settings
        shortest, again, fresh = smallest_step(t, self._sign), False, self._jacobians is None
        h = min(h, settings.max_step)
        while True:
            left = abs(self._end - t)
            length = left if h * 1.0001 >= left else max(h, shortest)
            signed = self._sign * length
            attempt = self._matrices(t, y, signed, fresh)
            moments = t + NODES * signed
            scale = scale_of(settings.rtol, settings.atol, y, y)
            z, converged = attempt.iterate(moments, y, self._guess(signed), scale, self._tol)
            if not converged:
                if fresh:
                    self.rejected.append((t, signed, np.inf))
                    if length <= shortest:
                        return self._refusal(t, attempt)
                    h = 0.5 * length
                fresh = True
                continue
            scale = scale_of(settings.rtol, settings.atol, y, y + z[2])
            norm = rms(attempt.error(t, y, self._slope, z, scale, again or not self.h))
            if norm < 1:
                return self._accept(attempt, length, left, moments, z, norm, again)
            self.rejected.append((t, signed, norm))
            if length <= shortest:
                return (
                    f"steps from t = {t:.6g} must be shorter than the spacing of numbers there, {length:.3g}; the "
                    "solution may be singular there, or the tolerances too small"
                )
            h, again = length * max(_LEAST, _SAFETY * norm**-0.25) if np.isfinite(norm) else 0.1 * length, True

    def _accept(
        self, attempt: _Attempt, length: float, left: float, moments: Any, z: Any, norm: float, again: bool
    ) -> float:
        t, y = self.times[-1], self.states[-1]
        z = attempt.finish(moments, y, z)
        self.times.append(self._end if length == left else t + self._sign * length)
        self.states.append(y + z[2])
        self.h.append(self._sign * length)
        self.stages.append(z)
        self._slope = slopes_of(z, attempt.h)[2]
        norm = max(norm, 1e-10)
        factor = norm**-0.25
        if self._last is not None:
            before, last = self._last
            factor = min(factor, length / before * (last / norm**2) ** 0.25)
        self._last = length, max(norm, 1e-2)
        factor = min(_MOST, max(_LEAST, _SAFETY * factor))
        if again:
            factor = min(factor, 1.0)
        if attempt.slow:
            self._jacobians = None
        elif 1 <= factor < 1.2:
            factor = 1.0  # with the factors of this step
        elif len(self.h) % _REFRESH == 0:
            self._jacobians = None
        return length * factor

    def _guess(self, h: float) -> Any:
        """Return a guess of Z: the cubic of the step before goes on."""
        if not self.h:
            return h * np.outer(NODES, self._slope)
        z, before = self.stages[-1], self.h[-1]
        return weights_at(1 + NODES * h / before).astype(z.dtype) @ z - z[2]

    def _refusal(self, t: float, attempt: _Attempt) -> str:
        if attempt.real.is_singular:
            return (
                f"steps from t = {t:.6g} have no result: dF/dy + μ/h dF/dy' is singular at all lengths h, as it is for "
                "equations of an index above 1. Differentiate constraints by hand until they fix all algebraic unknowns"
            )
        for h in attempt.h * 4.0 ** np.arange(25):
            z = self._guess(h)
            r = self._equations.residuals(t + NODES * h, self.states[-1] + z, slopes_of(z, h))
            bad = np.argwhere(~np.isfinite(r))
            if len(bad):
                i, k = bad[0]
                return f"steps from t = {t:.6g} fail: equation {k} of F is {r[i, k]} at t = {t + NODES[i] * h:.6g}"
        return f"Newton's method does not converge from t = {t:.6g}, however short steps are"


def _solve(equations: BoundImplicitEquations, t_span: Sequence[float], y0: Any, settings: Settings) -> Trajectory:
    run = _Run(equations, t_span, np.array(y0), settings)
    try:
        with np.errstate(all="ignore"):
            message = run.run()
        status = 0 if message is None else -1
    except KeyboardInterrupt:
        status, message = -2, f"interrupted at t = {run.times[-1]:g}"
    k, n = len(run.h), equations.n
    stages = np.array(run.stages[:k]).reshape(k, 3, n)
    path = Path(np.array(run.times[: k + 1]), np.array(run.h[:k], float), {"stages": stages})
    rejected = np.array(run.rejected, float).reshape(-1, 3)
    counts = equations.nfev, equations.njev, equations.nlu
    states = np.array(run.states[: k + 1])
    return Trajectory(path, np.arange(k + 1), states, rejected, status, message or _REACHED, *counts)


COLLOCATION = method_of(_solve)
