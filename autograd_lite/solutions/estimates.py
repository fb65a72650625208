"""Estimates of the error of a derivative of a solution: it is computed again, without the errors that it has.

The derivative follows from the solution z of F(z) = 0 and from s, the solution of a linear system with A = dF/dz or its
transpose. Both have errors, which Newton's step for z and a step of iterative refinement for s show to first order,
with the factors that are there. And both have those of rounding, which are found by computing everything again in
arithmetic that rounds at random (`rounding`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..control.body import Body, run_body
from .factors import Factors
from .rounding import AMPLIFIED, run_rounded

_COLUMNS = 8  # random combinations of errors that are solved for, of which the worst counts
_SAMPLES, _FEW = 3, 64  # of rounding at random, one of more than a few unknowns
_CAUTION = 3.0  # how many times as large as their estimate errors of rounding count
# What parameters that matter less than this to the result, by the same relative change, are compared with; and the
# size of an error, in units of rounding of the terms of a sum, up to which one that is as small is as good as 0.
_SHARE, _NOTHING = 1e-3, 16
MOST_LEFT = 0.25  # of an error after a step that should remove it
_MOST_UNKNOWN, _WELL_KNOWN = 0.1, 1e-10  # relative errors of the solution of the linear system
_LARGE = 0.1  # for a relative residual


class Derivative(NamedTuple):
    """A derivative of a solution, with all that it follows from, and how it is computed.

    Attributes:
        program: of s, tangents and a point; it returns F, the product that should equal g, and the values of the
            derivative other than s.
        factors: of A.
        turned: whether s solves a system with Aᵀ, and the values are gradients; otherwise s is the value, a tangent,
            and a part of it another one.
        s: the solution of the linear system.
        g: its right-hand side; None where that is part of the product.
        along: tangents.
        point: z, aux and theta.
        theta: what the values are gradients by.
        unknowns: how many of them, the first ones, must be certain by themselves too: all but multipliers.
    """

    program: Body
    factors: Factors
    turned: bool
    s: Any
    g: Any
    along: Sequence[Any]
    point: Sequence[Any]
    theta: Sequence[Any]
    unknowns: int

    def at(self, z: Any, s: Any) -> tuple[Any, Any, list[Any]]:
        """Return F, the residual of the linear system, and the values at another z and s."""
        return self._parts(run_body(self.program, s, *self.along, z, *self.point[1:]), s)

    def round_at_random(self, samples: int) -> list[tuple[Any, Any, list[Any]]]:
        """Return the same at z and s, with random errors of rounding."""
        inputs = self.s, *self.along, *self.point
        return [self._parts(out, self.s) for out in run_rounded(self.program, inputs, samples)]

    def _parts(self, out: list[Any], s: Any) -> tuple[Any, Any, list[Any]]:
        f, product, *values = out
        return (
            f,
            (self.g - product if self.turned else -product),
            ([-v for v in values] if self.turned else [s, s[: self.unknowns]]),
        )


class Errors(NamedTuple):
    """Estimates of the errors of a derivative; all are relative.

    Attributes:
        residual: the largest |F|.
        scaled: that, relative to the terms that F is added up from, of which rounding tells the size.
        linear: the largest residual of the linear system, relative to its terms.
        solution: the error of z, relative to its largest element.
        by_solver: what the error of z that the solver has left changes in the derivative.
        by_rounding: what rounding does.
        left: the share of the error of z that is left after Newton's step.
        left_linear: the share of the error of s that is left after a step of refinement.
        noise: the error of z by rounding.
        step: Newton's step.
    """

    residual: float
    scaled: float
    linear: float
    solution: float
    by_solver: float
    by_rounding: float
    left: float
    left_linear: float
    noise: float
    step: Any

    @property
    def is_elsewhere(self) -> bool:
        """Whether z is far from any solution: the residual is large, and so is Newton's step."""
        return not self.scaled <= _LARGE and not np.abs(self.step).max(initial=0) <= _LARGE**2

    @property
    def total(self) -> float:
        """The error of the derivative; infinite where it is not known."""
        if not (self.left <= MOST_LEFT and self.left_linear <= MOST_LEFT) or self.is_elsewhere:
            return np.inf
        error = self.by_solver / (1 - self.left) + self.by_rounding
        return error if error == error else np.inf


def estimate(d: Derivative) -> Errors:
    """Return estimates of the errors of a derivative; see `Errors`."""
    with np.errstate(all="ignore"):
        return _estimate(d)


def _estimate(d: Derivative) -> Errors:
    z, s, solve = d.point[0], d.s, d.factors.solve
    n, eps = len(z), float(np.finfo(z.dtype).eps)
    f, r, values = d.at(z, s)
    of_f, of_r, of_values = _by_rounding(d, f, r, values)
    sizes = abs(d.factors.matrix)
    of_f = np.maximum(of_f, eps / 2 * (sizes @ np.abs(z)))
    of_r = np.maximum(of_r, eps / 2 * ((sizes.T if d.turned else sizes) @ np.abs(s)))
    random = _normal(n)
    half = random.shape[1] // 2
    columns = solve(np.column_stack([-f, of_f[:, None] * random[:, :half]]))
    step, steps = columns[:, 0], columns[:, 1:]
    unit = np.abs(z) + np.abs(step) + np.abs(steps).max(axis=1, initial=0)
    unit[unit == 0] = 1
    noise = _worst(steps, unit)
    unit_s = _unit(sizes, d.turned)
    noise_s = _worst(solve(of_r[:, None] * random[:, half:], d.turned), unit_s)

    # Without the error that the solver has left, and without that of the linear solve.
    z1 = z + step
    s1 = s + solve(d.at(z1, s)[1], d.turned)
    f1, r1, values1 = d.at(z1, s1)
    # And with those of rounding.
    z2 = z1 + noise
    s2 = s1 + solve(d.at(z2, s1)[1], d.turned) + noise_s
    values2 = d.at(z2, s2)[2]

    size_of_noise = np.abs(noise / unit).max(initial=0)
    left = _share(solve(f1) / unit, step / unit, size_of_noise)
    size_of_noise_s = np.abs(noise_s / unit_s).max(initial=0)
    left_linear = _share(solve(r1, d.turned) / unit_s, (s1 - s) / unit_s, size_of_noise_s)
    unknown = _ratio(size_of_noise_s, np.abs(s / unit_s).max(initial=0))
    if d.turned and not unknown <= _MOST_UNKNOWN:
        left_linear = np.inf
    parts = [
        (_norm(v), _norm(v1 - v), _CAUTION * (_norm(v2 - v1) + _norm(e)))
        for v, v1, v2, e in zip(values, values1, values2, of_values, strict=True)
    ]
    by_solver, by_rounding = _relative(d, parts, unknown <= _WELL_KNOWN)
    largest, of_noise = np.abs(z).max(initial=0), np.abs(noise).max(initial=0)
    return Errors(
        float(np.abs(f).max(initial=0)),
        _ratio(np.abs(f).max(initial=0), of_f.max(initial=0) * 2 / eps),
        _ratio(np.abs(r).max(initial=0), of_r.max(initial=0) * 2 / eps),
        _ratio(np.abs(step).max(initial=0) + of_noise, largest),
        by_solver,
        by_rounding,
        left,
        left_linear,
        float(of_noise),
        step,
    )


def _by_rounding(d: Derivative, f: Any, r: Any, values: list[Any]) -> tuple[Any, Any, list[Any]]:
    """Return the errors of rounding in F, in the residual of the linear system, and in the values."""
    of_f, of_r, of_values = np.zeros(f.shape), np.zeros(r.shape), [np.zeros(v.shape) for v in values]
    for f1, r1, values1 in d.round_at_random(_SAMPLES if len(f) <= _FEW else 1):
        of_f, of_r = np.maximum(of_f, np.abs(f1 - f)), np.maximum(of_r, np.abs(r1 - r))
        of_values = [np.maximum(e, np.abs(v1 - v)) for e, v, v1 in zip(of_values, values, values1, strict=True)]
    return of_f / AMPLIFIED, of_r / AMPLIFIED, [e / AMPLIFIED for e in of_values]


def _unit(sizes: Any, turned: bool) -> Any:
    """Return the units of the elements of s, which belong to the equations, or to the unknowns if s is a tangent."""
    most = sizes.max(axis=1 if turned else 0)
    most = most.toarray().ravel() if hasattr(most, "toarray") else most
    return 1 / np.where(most == 0, 1, most)


@functools.lru_cache(8)
def _normal(n: int) -> Any:
    """Return columns of normal numbers, the same ones for each size, fewer if they are long."""
    return np.random.default_rng(n).standard_normal((n, 2 * max(2, min(_COLUMNS, 1000 // max(n, 1)))))


def _worst(columns: Any, unit: Any) -> Any:
    """Return the largest of some vectors, with components in a unit."""
    return columns[:, np.argmax(np.abs(columns.T / unit).max(axis=1, initial=0))]


def _share(left: Any, step: Any, noise: float) -> float:
    """Return how much of a step is left after it, apart from noise."""
    more = float(np.abs(left).max(initial=0) - 10 * noise)
    if not more > 0:
        return 0.0 if more == more else np.inf
    return _ratio(more, np.abs(step).max(initial=0))


def _relative(d: Derivative, parts: list[tuple[float, float, float]], cancels: bool) -> tuple[float, float]:
    """Return the largest relative errors: by the solver, and by rounding.

    Args:
        d: the derivative.
        parts: for each value its size, and the sizes of both errors.
        cancels: whether a value as small as rounding may be zero, as terms cancel: not those of a nearly singular
            system, which are large.
    """
    weights = [(_norm(t) or 1.0) for t in d.theta] if d.turned else [1.0] * len(parts)
    most = max([size * w for (size, *_), w in zip(parts, weights, strict=True)], default=0.0)
    by_solver = by_rounding = 0.0
    terms: list[float] = []
    for k, ((size, e1, e2), w) in enumerate(zip(parts, weights, strict=True)):
        scale = max(size, _SHARE * most / w)
        if cancels and d.turned and scale <= 10 * (e1 + e2):
            terms = terms or _sizes_of_terms(d)
            nothing = _NOTHING * float(np.finfo(d.s.dtype).eps) * len(d.s) ** 0.5
            scale = terms[k] if e1 + e2 <= nothing * terms[k] else scale
        by_solver, by_rounding = max(by_solver, _ratio(e1, scale)), max(by_rounding, _ratio(e2, scale))
    return by_solver, by_rounding


def difference(d: Derivative, first: Sequence[Any], second: Sequence[Any]) -> float:
    """Return the relative difference of two derivatives."""
    return _relative(d, [(_norm(a), _norm(b - a), 0.0) for a, b in zip(first, second, strict=True)], False)[0]


def _sizes_of_terms(d: Derivative) -> list[float]:
    """Return how large gradients would be if nothing in them canceled: those of an s that has all parts."""
    unit = _unit(abs(d.factors.matrix), True)
    s = np.abs(d.s / unit).max(initial=0) * unit * np.sign(_normal(len(unit))[:, 0])
    return [_norm(v) for v in d.at(d.point[0], s)[2]]


def _norm(x: Any) -> float:
    return float(np.linalg.norm(np.ravel(x)))


def _ratio(x: float, size: float) -> float:
    return float(x / size) if size else 0.0 if x == 0 else np.inf
