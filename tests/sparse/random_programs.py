"""Random programs over the table of ops, and whether patterns hold: `python -m tests.sparse.random_programs 10000`.

A program is a list of steps; each is a row of the table, whose inputs are arrays of the row or earlier values, brought
to the shape and into the domain that it asks for. The patterns of its Jacobian, and of the Hessian of a weighted sum of
its results, are compared with dense derivatives at random points.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed as hypothesis_seed, settings, strategies as st

import autograd_lite as ag
from autograd_lite.core.errors import UnsupportedError
from autograd_lite.sparse.patterns import hessian_pattern, jacobian_pattern

from ..laws.samples import DIFFERENTIABLE, INTEGER_DOMAINS, MATRICES

MOST = 60  # elements of a value
# A `heaviside` has a derivative by its second input where the first is 0, outside of the domain of its rows; others
# take eigenvectors, which no random input is.
APART = ("heaviside", "eigenvector_change", "used_vectors")
ROWS = [
    s
    for s in DIFFERENTIABLE
    if max([int(np.prod(shape)) for shape in s.shapes]) <= MOST
    and "off jumps" not in s.domains
    and s.case.op not in APART
]
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
                    arrays[k] = fit(values[r % len(values)], arrays[k].shape, domain, shift + 3 * k)
            values.append(flat(sample.call(*arrays)))
        return np.concatenate([v for k, v in enumerate(values) if k not in read] or [values[-1]])

    def text(self) -> str:
        """Return the names of its rows."""
        return ", ".join(f"{ROWS[s.row].name}{list(s.reads)}" for s in self.steps)


def flat(value: Any) -> Any:
    """Return a value as a vector of at most MOST real numbers."""
    value = np.reshape(value, -1)
    if value.dtype.kind == "c":
        value = np.real(value) + 0.7 * np.imag(value)
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
        Step,
        st.integers(0, len(ROWS) - 1),
        st.tuples(st.integers(0, 6), *[integers] * 5),
        st.tuples(*[st.integers(0, 11)] * 6),
    )
    return st.builds(Program, st.integers(2, 8), st.lists(step, min_size=1, max_size=most).map(tuple))


class Outcome(NamedTuple):
    """How a pattern compares with the nonzeros at some points.

    Attributes:
        missed, surplus, nonzeros: numbers of places.
        holes: whether one was planted, a place of a nonzero that the pattern does not have any more.
        filled: whether it was found, as something that is missed.
    """

    missed: int
    surplus: int
    nonzeros: int
    holes: int
    filled: int


def points(program: Program, count: int, begin: int = 0) -> list[Any]:
    """Return random arguments, some of them large."""
    drawn = [np.random.default_rng((k, program.size)).normal(size=program.size) for k in range(begin, begin + count)]
    return [x * 3 if begin + k >= POINTS and k % 2 else x for k, x in enumerate(drawn)]


def compare(pattern: Any, derivative: Any, program: Program) -> Outcome:
    """Compare a pattern with a dense derivative at five points, and at more if places are left."""
    reached, holed = np.zeros(pattern.shape, bool), pattern.copy()
    missed = filled = 0
    for k, x in enumerate([*points(program, POINTS), *points(program, MORE_POINTS, POINTS)]):
        if k >= POINTS and not (pattern & ~reached).any():
            break
        values = np.abs(np.reshape(np.asarray(derivative(x)), pattern.shape))
        values = np.where(np.isfinite(values), values, 0)
        most = np.maximum(values.max(axis=1, keepdims=True, initial=0), 1e-3 * values.max(initial=0))
        nonzero = values > 1e-11 * most
        if k == 0 and nonzero.any():
            places = np.argwhere(nonzero)
            holed[tuple(places[len(places) // 2])] = False
        missed += int((nonzero & ~pattern).sum()) if k < POINTS else 0
        filled |= bool((nonzero & ~holed).any())
        reached |= nonzero
    holes = int((holed != pattern).any())
    return Outcome(missed, int((pattern & ~reached).sum()), int(reached.sum()), holes, filled)


def check(program: Program) -> tuple[Outcome, Outcome] | None:
    """Compare the patterns of the Jacobian and of a Hessian; None for a program without values to speak of."""
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


def draw(count: int, seed: int, each: Callable[[Program], None]) -> None:
    """Draw programs until `each` has had `count` of them, no two of which have the same rows."""
    seen: set[tuple[int, ...]] = set()

    @settings(
        max_examples=3 * count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis_seed(seed)
    @given(programs())
    def one(program: Program) -> None:
        rows = tuple(step.row for step in program.steps)
        if rows not in seen and len(seen) < count:
            seen.add(rows)
            each(program)

    one()


def check_programs(count: int, seed: int = 0, show: bool = False) -> Counter[str]:
    """Draw and check programs; return how many had values, how many were exact, and how many places are missed.

    Args:
        count: of programs.
        seed: of what is drawn.
        show: whether to print the programs that were not exact.
    """
    totals: Counter[str] = Counter()

    def each(program: Program) -> None:
        outcomes = check(program)
        totals["programs"] += outcomes is not None
        for kind, outcome in zip(("jacobian", "hessian"), outcomes or (), strict=False):
            totals.update({f"{kind} {k}": n for k, n in zip(Outcome._fields, outcome, strict=True)})
            totals[f"{kind} exact"] += outcome.surplus == 0
            if outcome.missed or (show and outcome.surplus):
                print(kind, outcome, program.size, program.text(), flush=True)

    draw(count, seed, each)
    return totals


if __name__ == "__main__":
    begin = time.perf_counter()
    print(dict(check_programs(int(sys.argv[1]), show=len(sys.argv) > 2)))
    print(f"{time.perf_counter() - begin:.1f} s")
