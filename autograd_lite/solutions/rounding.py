"""Programs in arithmetic that rounds at random, which shows what rounding does to their results."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import Body, run_body
from ..control.closure_conversion import record_body
from ..core.indices import indices_in
from ..core.multi_result import get_tuple_element
from ..tensors.record import apply

AMPLIFIED = 64  # the random errors are as many times as large as those of rounding, so that these do not hide them
_NUMBERS = 1 << 16
_OFTEN, _SMALL = 20, 1 << 18  # after how many runs all samples are one program, of how many numbers at most


def run_rounded(body: Body, inputs: Sequence[Any], samples: int) -> list[list[Any]]:
    """Return the results of a program in which each operation has a random error, `AMPLIFIED` times that of rounding.

    Operations that move numbers are exact; those that add up products have errors in these.

    Args:
        body: the program.
        inputs: arrays.
        samples: how often to run it, with other errors each time; they are the same at the next call.

    References:
        Vignes: Discrete Stochastic Arithmetic for Validating Results of Numerical Software, 2004, section 3.
    """
    derived, key = body.derived, ("rounded", samples)
    program = derived.setdefault(key, [0])
    if program[0].__class__ is int:
        program[0] += 1
        if program[0] > _OFTEN:
            program[0] = _as_one(body, samples)
    if program[0].__class__ is Body:
        results, n = run_body(program[0], *inputs), len(body.outputs)
        return [results[k : k + n] for k in range(0, len(results), n)]
    return [_run(body, inputs, _Errors(sample), body.program.compute) for sample in range(samples)]


def _as_one(body: Body, samples: int) -> Body | None:
    """Return a program that computes all samples; None if its text would not be short, or it has steps of its own."""
    calls = body.program.calls
    for i in body.order:
        op, _, params = calls[i]
        has_steps = getattr(getattr(op.forward, "__self__", None), "again", None) is not None
        if has_steps or op is get_tuple_element or next(indices_in(params), None) is not None:
            return None
    sizes = [math.prod(node.shape) for node in body.program.graph if not isinstance(next(iter(node.shape), 0), tuple)]
    if sum(sizes) > _SMALL:
        return None

    def compute(i: str, values: Any) -> Any:
        op, ids, params = calls[i]
        return apply(op, tuple([values[k] for k in ids]), dict(params))

    def every(*inputs: Any) -> list[Any]:
        return [x for sample in range(samples) for x in _run(body, inputs, _Errors(sample), compute)]

    whole = record_body(f"{body.name}, rounded", every, body.examples)
    whole.runs = whole.planned_after
    return whole


def _run(body: Body, inputs: Sequence[Any], errors: _Errors, compute: Callable[[str, Any], Any]) -> list[Any]:
    values: dict[Any, Any] = {**body.constants, **dict(zip(body.program.inputs, inputs, strict=True))}
    add, calls = errors.add, body.program.calls
    for i in body.order:
        op, ids, _ = calls[i]
        if op.cost == 0:
            values[i] = compute(i, values)
        elif op.is_elementwise:
            values[i] = add(compute(i, values))
        else:
            # Errors of the elements of one factor are those of the products.
            rounds = (
                ids if not op.multilinear else ids[:1] if _size(values[ids[0]]) < _size(values[ids[-1]]) else ids[-1:]
            )
            exact = [(k, values[k]) for k in rounds]
            values.update([(k, add(x)) for k, x in exact])
            values[i] = add(compute(i, values))
            values.update(exact)
    return [values[i] for i in body.outputs]


def _size(x: Any) -> int:
    return int(getattr(x, "size", 0))


class _Errors:
    """A stream of random errors."""

    def __init__(self, sample: int) -> None:
        self._at = 997 * sample

    def add(self, x: Any) -> Any:
        """Return numbers with errors; those that are not of a floating dtype stay as they are."""
        if isinstance(x, tuple):
            return tuple([self.add(part) for part in x])
        dtype = getattr(x, "dtype", None)
        if dtype is None or dtype.kind not in "fc":
            return x
        numbers, factors = _factors(dtype.char.lower())
        size = x.size
        start = self._at % max(_NUMBERS - size, 1)
        self._at += size
        if x.ndim == 0:
            return x * numbers[start]
        random = factors[start : start + size] if size <= _NUMBERS else np.resize(factors, size)
        return x * random.reshape(x.shape)


@functools.cache
def _factors(char: str) -> tuple[list[float], Any]:
    """Return random factors near 1, as numbers and as an array, for a real dtype."""
    errors = np.random.default_rng(0).uniform(-0.5 * AMPLIFIED, 0.5 * AMPLIFIED, _NUMBERS)
    factors = (1 + errors * np.finfo(char).eps).astype(char)
    return factors.tolist(), factors
