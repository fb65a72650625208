"""Random programs over the table of ops, and whether their patterns hold: `python -m tests.sparse.random_programs 10000`.

A program is a list of steps; each is a row of the table, whose inputs are arrays of the row or earlier values, brought to
the shape and into the domain that the row asks for. The pattern of its Jacobian, and of the Hessian of a weighted sum of
its results, is compared with dense derivatives at random points.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.core.errors import UnsupportedError
from autograd_lite.sparse.patterns import hessian_pattern, jacobian_pattern

from ..laws.samples import DIFFERENTIABLE, INTEGER_DOMAINS, MATRICES, Sample, joined

MOST = 60  # elements of a value
ROWS = [s for s in DIFFERENTIABLE if max([int(np.prod(shape)) for shape in s.shapes]) <= MOST and "off jumps" not in s.domains]
POINTS, MORE_POINTS = 5, 40


class Step(NamedTuple):
    """One step: the row, and for each input the number of an earlier value, or -1 for the array of the row."""

    row: int
    reads: tuple[int, ...]
    shifts: tuple[int, ...]


class Program(NamedTuple):
    """A function of a vector of `size` numbers."""

    size: int
    steps: tuple[Step, ...]

    def __call__(self, x: Any) -> Any:
        """Return all elements of the results of the steps that no other step reads."""
        values = [x]
        read = {0}
        for step in self.steps:
            sample = ROWS[step.row]
            arrays: list[Any] = list(sample.arrays())
            for k, (r, shift, domain) in enumerate(zip(step.reads, step.shifts, sample.domains, strict=False)):
                if r >= 0 and domain not in INTEGER_DOMAINS and domain != "bool":
                    read.add(r % len(values))
                    arrays[k] = fit(values[r % len(values)], arrays[k].shape, domain, shift)
            values.append(flat(sample.call(*arrays)))
        return np.concatenate([v for k, v in enumerate(values) if k not in read] or [values[-1]])

    def text(self) -> str:
        """Return the names of its rows."""
        return ", ".join(f"{ROWS[s.row].name}{list(s.reads)}" for s in self.steps)


def flat(value: Any) -> Any:
    """Return a value as a vector of at most MOST real numbers, which have all of its elements."""
    value = np.reshape(value, -1)
    if value.dtype.kind == "c":
        value = np.concatenate([np.real(value), np.imag(value)])
    elif value.dtype.kind != "f":
        value = value.astype(float)
    return value[:MOST]


def fit(value: Any, shape: tuple[int, ...], domain: str, shift: int) -> Any:
    """Return elements of a vector in some shape, element by element in the domain that a row asks for."""
    size = int(np.prod(shape))
    x = value[(np.arange(size) + shift) % value.size].reshape(shape) if value.size else np.zeros(shape)
    kind = domain.removeprefix("complex").strip()
    if kind in MATRICES:
        n = min(shape[-2:])
        x = 0.1 * np.tanh(x) + np.eye(*shape[-2:]) * (0.7 + 0.6 * np.arange(max(shape[-2:])))[: shape[-1]]
        if "symmetric" in kind or "definite" in kind:
            x = (x + np.swapaxes(x, -1, -2)) / 2
        x = np.triu(x) if kind == "upper" and n else x
    elif "…" in kind:
        low, high = map(float, kind.split("…"))
        x = (low + high) / 2 + (high - low) / 2 * np.tanh(x)
    elif kind in BOUNDS:
        x = BOUNDS[kind](x)
    return x * (1 + 0.5j) if domain.startswith("complex") else x


BOUNDS: dict[str, Any] = {
    "positive": lambda x: 0.3 + x * x / (1 + x * x),
    "nonzero": lambda x: 0.3 + x * x / (1 + x * x),
    "unit": lambda x: 0.9 * np.tanh(x),
    "share": lambda x: 0.5 + 0.4 * np.tanh(x),
    "negative": lambda x: -0.3 - x * x / (1 + x * x),
    "above one": lambda x: 1.2 + x * x / (1 + x * x),
}


def programs(most: int = 4) -> st.SearchStrategy[Program]:
    """Return the strategy of programs of at most this many steps."""
    integers = st.integers(-1, 6)
    step = st.builds(
        Step, st.integers(0, len(ROWS) - 1), st.tuples(st.integers(0, 6), *[integers] * 5), st.tuples(*[st.integers(0, 11)] * 6)
    )
    return st.builds(Program, st.integers(2, 8), st.lists(step, min_size=1, max_size=most).map(tuple))


class Outcome(NamedTuple):
    """How a pattern compares with the nonzeros at some points: the numbers of places."""

    missed: int
    surplus: int
    nonzeros: int


def points(program: Program, count: int, begin: int = 0) -> list[Any]:
    """Return random arguments."""
    return [np.random.default_rng((k, program.size)).normal(size=program.size) for k in range(begin, begin + count)]


def compare(pattern: Any, derivative: Any, program: Program) -> Outcome:
    """Compare a pattern with a dense derivative at five points, and at more if places are left."""
    reached = np.zeros(pattern.shape, bool)
    missed = 0
    for k, x in enumerate([*points(program, POINTS), *points(program, MORE_POINTS, POINTS)]):
        if k >= POINTS and not (pattern & ~reached).any():
            break
        values = np.reshape(np.asarray(derivative(x)), pattern.shape)
        values = np.where(np.isfinite(values), values, 0)
        rows = np.abs(values).max(axis=1, keepdims=True, initial=0)
        nonzero = np.abs(values) > 1e-11 * np.maximum(rows, np.abs(values).max(initial=0) * 1e-3)
        missed += int((nonzero & ~pattern).sum()) if k < POINTS else 0
        reached |= nonzero
    return Outcome(missed, int((pattern & ~reached).sum()), int(reached.sum()))


def check(program: Program) -> tuple[Outcome, Outcome] | None:
    """Compare the patterns of a program, those of the Jacobian and of a Hessian; None if it has no values to speak of."""
    x = points(program, 1)[0]
    with np.errstate(all="ignore"):
        try:
            out = np.asarray(program(ag.tensor(x)))
            weights = 0.5 + np.random.default_rng(1).uniform(size=out.size)

            def total(x: Any) -> Any:
                return (program(x) * weights).sum()

            derivatives = ag.jacobian(program), ag.jacobian(ag.grad(total))
            if not all(np.isfinite(d(x)).all() for d in derivatives):
                return None
        except (ValueError, NotImplementedError, ag.GradError, UnsupportedError):
            return None  # a row that has no derivative by an input, or no second one
        patterns = jacobian_pattern(program, x).toarray(), hessian_pattern(total, x).toarray()
        one, two = (compare(p, d, program) for p, d in zip(patterns, derivatives, strict=True))
        return one, two


def run(count: int, seed: int = 0, show: int = 0) -> dict[str, Any]:
    """Draw and check programs, and return how many there were, how many were exact, and what is missed."""
    totals: Counter[str] = Counter()
    inexact: Counter[str] = Counter()
    refused: Counter[str] = Counter()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=not seed,
    )
    @given(programs())
    def each(program: Program) -> None:
        totals["drawn"] += 1
        outcomes = check(program)
        if outcomes is None:
            refused[program.text()] += 1
            return
        totals["programs"] += 1
        for kind, outcome in zip(("jacobian", "hessian"), outcomes, strict=True):
            totals[f"{kind} missed"] += outcome.missed
            totals[f"{kind} exact"] += outcome.surplus == 0
            totals[f"{kind} surplus"] += outcome.surplus
            totals[f"{kind} nonzeros"] += outcome.nonzeros
            if outcome.missed:
                print("missed", kind, outcome, program, program.text(), flush=True)
            if outcome.surplus:
                inexact.update({ROWS[s.row].case.op for s in program.steps})
                if show:
                    print("surplus", kind, outcome, program.size, program.text(), flush=True)

    each()
    if show:
        print(inexact.most_common(show))
        print(len(refused), refused.most_common(show))
    return dict(totals)


if __name__ == "__main__":
    begin = time.perf_counter()
    print(run(int(sys.argv[1]), show=int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    print(f"{time.perf_counter() - begin:.1f} s")
