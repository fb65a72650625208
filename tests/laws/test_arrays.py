"""The laws of arrays that are not NumPy's: every op keeps the kind and the device, and gives what NumPy gives.

They run with a strict double of a device, and with CuPy where a GPU answers; see `tests/array_kinds.py`.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS

from ..array_kinds import KINDS, Kind
from ..device_double import NOT_SPECIAL
from .samples import DIFFERENTIABLE, SAMPLES, Sample, differentiable_inputs

pytestmark = pytest.mark.filterwarnings("ignore")

# The ops that do not run on arrays other than NumPy's, by what fails, with the reason.
REFUSED: dict[str, dict[str, str]] = {
    "value": {
        "spacing": "CuPy has no such function",
        **{f"special.{name}": "CuPy has no such function" for name in NOT_SPECIAL},
    },
    "derivatives": {
        **dict.fromkeys(("special.j0", "special.j1"), "they need special.jv, which CuPy lacks"),
        **dict.fromkeys(("special.i0", "special.i1", "special.i0e", "special.i1e"), "they need special.iv or ive"),
        "special.yn": "they need special.yv",
        **dict.fromkeys(
            ("special.exprel", "special.boxcox", "special.boxcox1p", "special.shichi_0"), "they need special.hyp1f1"
        ),
        **dict.fromkeys(
            ("special.ellipk", "special.ellipkm1", "special.ellipkinc", "special.ellipeinc"), "they need special.ellipe"
        ),
        **dict.fromkeys([f"special.ellipj_{k}" for k in range(4)], "they need special.ellipe"),
    },
}


def first_rows(rows: Sequence[Sample]) -> list[Sample]:
    """Return one row for each op, the second one of its cases if there are several, since the first has no axes."""
    found: dict[str, list[Sample]] = {}
    for row in rows:
        found.setdefault(row.case.op, []).append(row)
    return [group[min(1, len(group) - 1)] for group in found.values()]


def same(kind: Kind, got: Any, expected: Any) -> None:
    """Compare an array of a kind with NumPy's."""
    assert kind.is_kind(got), f"expected an array of {kind.name}, on its device; received {type(got)}"
    values, expected = kind.to_numpy(got), np.asarray(expected)
    assert values.shape == expected.shape
    assert values.dtype == expected.dtype
    size = float(np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))) if expected.size else 1.0
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-10 * size)


def value(s: Sample, kind: Kind) -> None:
    arrays = s.arrays()
    with np.errstate(all="ignore"):
        expected = s.op(*arrays, **s.params)
        found = s.op(*(ag.tensor(kind.to_kind(a)) for a in arrays), **s.params)
    same(kind, found.data, expected)


def function_of(s: Sample, arrays: list[Any]) -> tuple[Callable[..., Any], list[int]]:
    """Return the op as a function of the inputs that it can be differentiated by."""
    wanted = differentiable_inputs(s)

    def f(*xs: Any) -> Any:
        inputs = list(arrays)
        for i, x in zip(wanted, xs, strict=True):
            inputs[i] = x
        return s.op(*inputs, **s.params)

    return f, wanted


def reverse(s: Sample, to_kind: Callable[[np.ndarray], Any]) -> list[Any]:
    """Return the gradients of <v, op>, and those of their product with other directions: two reverse passes."""
    bare, arrays = s.arrays(), [to_kind(a) for a in s.arrays()]
    f, wanted = function_of(s, arrays)
    out = s.op(*bare, **s.params)
    v = to_kind(s.cotangent(out.shape, out.dtype))
    directions = [to_kind(s.cotangent(bare[i].shape, bare[i].dtype, salt=5 + i)) for i in wanted]

    def gradients(*xs: Any) -> Any:
        return ag.vjp(f, range(len(wanted)))(*xs)[1](v)

    def along(*xs: Any) -> Any:
        terms = [np.real(g * d).sum() for g, d in zip(gradients(*xs), directions, strict=True)]
        return functools.reduce(operator.add, terms)

    xs = [arrays[i] for i in wanted]
    return [*gradients(*xs), *ag.grad(along, range(len(wanted)))(*xs)]


def forward(s: Sample, to_kind: Callable[[np.ndarray], Any]) -> list[Any]:
    """Return the value and the tangent."""
    bare, arrays = s.arrays(), [to_kind(a) for a in s.arrays()]
    f, wanted = function_of(s, arrays)
    tangents = tuple(to_kind(s.cotangent(bare[i].shape, bare[i].dtype, salt=9 + i)) for i in wanted)
    return list(ag.jvp(f)(tuple(arrays[i] for i in wanted), tangents))


def derivatives(s: Sample, kind: Kind) -> None:
    with np.errstate(all="ignore"):
        for way in (reverse, forward):
            for found, expected in zip(way(s, kind.to_kind), way(s, lambda a: a), strict=True):
                same(kind, found, expected)


def hold(law: Callable[[Sample, Kind], None], rows: Sequence[Sample], kind: Kind, refused: set[str]) -> None:
    """Try a law on rows; those of refused ops must all fail, or the table is out of date."""
    broken: dict[str, Exception] = {}
    kept = set()
    for row in rows:
        try:
            law(row, kind)
            kept.add(row.case.op)
        except Exception as error:
            broken.setdefault(row.case.op, error)
    surprises = {op: f"{type(e).__name__}: {str(e)[:200]}" for op, e in broken.items() if op not in refused}
    assert not surprises, f"{len(surprises)} ops fail: {surprises}"
    outdated = {row.case.op for row in rows} & refused & kept - broken.keys()
    assert not outdated, f"these work; take them out of the table: {sorted(outdated)}"


def refused(*parts: str) -> set[str]:
    return {op for part in parts for op in REFUSED[part]}


every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def test_the_table_of_refusals_names_ops_of_the_tables() -> None:
    rows = {s.case.op for s in SAMPLES}
    behind = {f"special.{name}" for name in NOT_SPECIAL if name.startswith("_")}  # names that NumPy computes
    assert refused("value", "derivatives") - behind <= rows


@every_kind
def test_values(kind: Kind) -> None:
    kind.skip_unless_there()
    hold(value, [s for s in SAMPLES if s.case.op in OPS], kind, refused("value"))


@every_kind
def test_first_and_second_derivatives_of_every_op(kind: Kind) -> None:
    kind.skip_unless_there()
    hold(derivatives, first_rows(DIFFERENTIABLE), kind, refused("value", "derivatives"))


@pytest.mark.ci
@every_kind
def test_first_and_second_derivatives_of_every_case(kind: Kind) -> None:
    kind.skip_unless_there()
    hold(derivatives, DIFFERENTIABLE, kind, refused("value", "derivatives"))
