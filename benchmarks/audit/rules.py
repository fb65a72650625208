"""Does the checker cry wolf about other libraries?

    python -m benchmarks.audit.rules --draws 10000

Rules of our tables, which our own laws hold to be right, are translated: each becomes a custom function of PyTorch,
JAX, HIPS autograd and MyGrad, with the value and the derivative that the table has. Hypothesis draws the arguments, a
tenth of them on kinks and ties. `check_elsewhere` is asked about every one; whatever it says against one is a
false alarm.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import hypothesis
import numpy as np

import autograd_lite.scipy  # noqa: F401 so that all tables are loaded
from autograd_lite.core.op import OPS, Op
from autograd_lite.testing.ops import arguments
from autograd_lite.testing.rows import Row, forward, raw_rule, saved_for, sum_to_input

from .backends import BACKENDS
from .checking import check_elsewhere

Array = np.ndarray


class Translated:
    """One rule of our tables with its parameters: a value, and a gradient for a cotangent, of plain arrays."""

    def __init__(self, op: Op, row: Row) -> None:
        self.op, self.row = op, row
        self.by = [i for i, x in enumerate(row.inputs) if x.dtype.kind == "f" and op.rule(i) is not None]

    def value(self, *arrays: Any) -> Array:
        return np.array(forward(self.op, [np.asarray(a) for a in arrays], self.row.params))

    def gradient(self, i: int, g: Any, arrays: Sequence[Any]) -> Array:
        rule, inputs = self.op.rule(i), [np.asarray(a) for a in arrays]
        assert rule is not None
        g = np.asarray(g)
        saved = saved_for(rule, self.value(*inputs), inputs)
        found = sum_to_input(raw_rule(self.op, i, g, saved, self.row.params), inputs[i])
        # As our engine does: what nothing depends on has no share in a gradient that is infinite.
        return np.array(np.broadcast_to(found, inputs[i].shape), inputs[i].dtype)


# ---- to each library ------------------------------------------------------------------------------------------------


def to_torch(rule: Translated) -> Callable[..., Any]:
    torch = importlib.import_module("torch")

    class Custom(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            ctx.save_for_backward(*xs)
            return torch.from_numpy(rule.value(*(x.detach().numpy() for x in xs)))

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            arrays = [x.numpy() for x in ctx.saved_tensors]
            return tuple(
                torch.from_numpy(rule.gradient(i, g.numpy(), arrays)) if i in rule.by else None
                for i in range(len(arrays))
            )

    return Custom.apply


def to_jax(rule: Translated) -> Callable[..., Any]:
    jax = importlib.import_module("jax")
    function = jax.custom_vjp(lambda *xs: jax.numpy.asarray(rule.value(*xs)))

    def back(saved: tuple[Any, ...], g: Any) -> tuple[Any, ...]:
        return tuple(
            jax.numpy.asarray(rule.gradient(i, g, saved))
            if i in rule.by
            else np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else jax.dtypes.float0)
            for i, x in enumerate(saved)
        )

    function.defvjp(lambda *xs: (jax.numpy.asarray(rule.value(*xs)), xs), back)
    return function


def to_autograd(rule: Translated) -> Callable[..., Any]:
    extend = importlib.import_module("autograd.extend")
    function = extend.primitive(rule.value)
    extend.defvjp(
        function,
        *(lambda out, *xs, i=i: lambda g: rule.gradient(i, g, xs) for i in rule.by),
        argnums=rule.by,
    )
    return function


def to_mygrad(rule: Translated) -> Callable[..., Any]:
    mg = importlib.import_module("mygrad")
    base = importlib.import_module("mygrad.operation_base").Operation

    class Custom(base):  # type: ignore[misc, valid-type]
        def __call__(self, *xs: Any) -> Array:
            self.variables = xs
            return rule.value(*(x.data for x in xs))

        def backward_var(self, grad: Any, index: int, **kwargs: Any) -> Array:
            return rule.gradient(index, grad, [x.data for x in self.variables])

    return lambda *xs: mg.execute_op(Custom, *xs)


TRANSLATIONS = {"torch": to_torch, "jax": to_jax, "autograd": to_autograd, "mygrad": to_mygrad}


# ---- the rules ------------------------------------------------------------------------------------------------------

# Drawn arguments that an operation is not made for, or at which it has no derivative that differences could confirm.
OUTSIDE: dict[str, Callable[..., bool]] = {
    "recurrence": lambda x, y: x.shape != y.shape,  # which the functions that call it see to
    "cholesky_pullback": lambda x, y: x.ndim < 2 or x.shape[-2:] != y.shape[-2:],  # the same
    "remainder": lambda x, y: bool(np.any(np.mod(x / y, 1) == 0)),  # a jump
    "fmod": lambda x, y: bool(np.any(np.mod(x / y, 1) == 0)),
    "floor_divide": lambda x, y: bool(np.any(np.mod(x / y, 1) == 0)),
    "turning": lambda x, y: bool(np.any((x == 0) & (y == 0))),  # a pole
    "clip": lambda x, low, high: bool(np.any(low >= high)),  # constant, and by convention passes the gradient on
}


def rules() -> list[Op]:
    """Return the operations whose arguments can be drawn and whose results are real.

    Not SciPy's functions: which of them are in the table depends on what was called before.
    """
    left_out = ("random_", "special.")
    return [op for name, op in sorted(OPS.items()) if op.rules is not None and not name.startswith(left_out)]


def rows_of(op: Op, draws: int) -> Iterator[Row]:
    """Yield rows that Hypothesis draws, the same in every run; none where the op's arguments are not known."""
    found: list[Row] = []
    settings = hypothesis.settings(
        max_examples=draws,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        strategy = arguments(op, kinks="any", extent=2)
        settings(hypothesis.given(row=strategy)(lambda row: found.append(row)))()
    except (TypeError, ValueError, hypothesis.errors.Unsatisfiable):
        return
    for row in found:
        if op.name in OUTSIDE and OUTSIDE[op.name](*row.inputs):
            continue
        rule = Translated(op, row)
        out = rule.value(*row.inputs)
        real = all(x.dtype.kind in "fib" for x in row.inputs) and out.dtype == np.float64
        if real and rule.by and not row.symmetric and np.isfinite(out).all() and out.size and _applies(rule, out):
            yield row


def _applies(rule: Translated, out: Array) -> bool:
    """Return whether a rule takes arguments that do not fit each other as they do where we call it."""
    try:
        for i in rule.by:
            rule.gradient(i, np.ones(out.shape), rule.row.inputs)
    except ValueError:
        return False
    return True


@dataclasses.dataclass
class Count:
    """What the checker said about the rules of one library."""

    checked: int = 0
    inconclusive: int = 0
    alarms: list[str] = dataclasses.field(default_factory=list)


def judge(op: Op, row: Row, backend: str, count: Count) -> None:
    """Ask about one rule in one library."""
    rule = Translated(op, row)
    wanted = [i for i in rule.by if row.inputs[i].size]
    if not wanted:
        return
    report = check_elsewhere(TRANSLATIONS[backend](rule), *row.inputs, wrt=wanted, backend=backend, raise_=False)
    count.checked += 1
    failures = [failure for failure in report.failures if failure.verdict != "inconclusive"]
    count.inconclusive += len(report.failures) > len(failures)
    if failures:
        count.alarms.append(f"{op.name}: {row!r}\n{failures[0]}")


def survey(draws: int, backends: Sequence[str], ops: Sequence[Op] | None = None) -> dict[str, Count]:
    """Ask about at least `draws` rules in each library."""
    counts = {backend: Count() for backend in backends}
    tables = [op for op in (rules() if ops is None else ops) if op.results is None]  # compared value by value
    known = [op for op in tables if next(rows_of(op, 5), None) is not None]
    share = -(-draws // len(known))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for op in known:
            for row in itertools.islice(rows_of(op, 2 * share + 10), share):
                for backend, count in counts.items():
                    judge(op, row, backend, count)
    return counts


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit.rules", description=__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="how many rules for each library (1000)")
    parser.add_argument("--ops", nargs="+", help="operations; by default all whose arguments can be drawn")
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS), choices=BACKENDS)
    options = parser.parse_args(words)
    start = time.perf_counter()
    ops = None if options.ops is None else [OPS[name] for name in options.ops]
    counts = survey(options.draws, options.backends, ops)
    for backend, count in counts.items():
        alarms = f"{len(count.alarms)} false alarms" if count.alarms else "no false alarm"
        print(f"{backend:<9} {count.checked} right rules: {alarms}, {count.inconclusive} inconclusive")
        seen: dict[str, str] = {}
        for alarm in count.alarms:
            seen.setdefault(alarm.partition(":")[0], alarm)
        print("".join(f"\n{alarm}\n" for alarm in seen.values()), end="")
    print(f"{time.perf_counter() - start:.0f} s")
    return int(any(count.alarms for count in counts.values()))


if __name__ == "__main__":
    raise SystemExit(main())
