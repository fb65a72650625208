"""The laws of arrays that are not NumPy's: every op keeps the kind and the device, and gives what NumPy gives.

They run with a strict double of a device, and with CuPy where a GPU answers; see `tests/array_kinds.py`.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS

from ..all_cases import COMPOSED_CASES, ComposedCase
from ..array_kinds import KINDS, Kind
from ..device_double import NOT_SPECIAL
from .samples import DIFFERENTIABLE, SAMPLES, Sample, differentiable_inputs, draw
from .test_composed import LIKE, arrays_of, floating, parts

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
            ("special.exprel", "special.boxcox", "special.boxcox1p", "special.shichi"), "they need special.hyp1f1"
        ),
        **dict.fromkeys(
            ("special.ellipk", "special.ellipkm1", "special.ellipkinc", "special.ellipeinc"), "they need special.ellipe"
        ),
        "special.ellipj": "it needs special.ellipe",
    },
}


def first_rows(rows: Sequence[Sample]) -> list[Sample]:
    """Return one row for each op, the second one of its cases if there are several, since the first has no axes."""
    found: dict[str, list[Sample]] = {}
    for row in rows:
        found.setdefault(row.case.op, []).append(row)
    return [group[min(1, len(group) - 1)] for group in found.values()]


def same(kind: Kind, got: Any, expected: Any, free: bool = False) -> None:
    """Compare an array of a kind with NumPy's; `free` values are determined up to a phase, and not compared."""
    assert kind.is_kind(got), f"expected an array of {kind.name}, on its device; received {type(got)}"
    values, expected = kind.to_numpy(got), np.asarray(expected)
    assert values.shape == expected.shape
    assert values.dtype == expected.dtype
    if free:
        return
    size = float(np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))) if expected.size else 1.0
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-10 * size)


def is_free(s: Sample, kind: Kind) -> bool:
    """Return whether the values of a row are vectors with any phase; NumPy chooses another one by hermitian=True."""
    return s.case.op in ("svd", "full_svd", "eigh", "eig", "qr") and (
        not kind.phases or s.params.get("hermitian", False)
    )


def value(s: Sample, kind: Kind) -> None:
    arrays = s.arrays()
    with np.errstate(all="ignore"):
        expected = s.call(*arrays)
        found = s.call(*(ag.tensor(kind.to_kind(a)) for a in arrays))
    same(kind, found.data, expected, is_free(s, kind))


def added(terms: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, terms)


def function_of(s: Sample, arrays: list[Any]) -> tuple[Callable[..., Any], list[int]]:
    """Return the op as a function of the inputs that it can be differentiated by."""
    wanted = differentiable_inputs(s)

    def f(*xs: Any) -> Any:
        inputs = list(arrays)
        for i, x in zip(wanted, xs, strict=True):
            inputs[i] = x
        return s.call(*inputs)

    return f, wanted


def reverse(s: Sample, to_kind: Callable[[np.ndarray], Any]) -> list[Any]:
    """Return the gradients of <v, op>, and those of their product with other directions: two reverse passes."""
    bare, arrays = s.arrays(), [to_kind(a) for a in s.arrays()]
    f, wanted = function_of(s, arrays)
    out = s.call(*bare)
    v = to_kind(s.cotangent(out.shape, out.dtype))
    directions = [to_kind(s.cotangent(bare[i].shape, bare[i].dtype, salt=5 + i)) for i in wanted]

    def gradients(*xs: Any) -> Any:
        return ag.vjp(f, range(len(wanted)))(*xs)[1](v)

    def along(*xs: Any) -> Any:
        terms = [np.real(g * d).sum() for g, d in zip(gradients(*xs), directions, strict=True)]
        return added(terms)

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
                same(kind, found, expected, is_free(s, kind))


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


every_kind = pytest.mark.parametrize("kind", KINDS)


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


# ---- what is composed of ops ----------------------------------------------------------------------------------------

# Edges of bins that are found in arrays of NumPy, where Tensors are the weights alone, are NumPy's.
OF_NUMPY = (np.histogram, np.histogramdd)
VECTORS = (np.linalg.svd, np.linalg.eigh, np.linalg.eig, np.linalg.qr)
COMPOSED_REFUSED = {"unpackbits-2": "CuPy's has no count="}


def composed(case: ComposedCase, kind: Kind) -> None:
    """A call on Tensors of a kind gives the kind, wherever NumPy gives arrays; its derivatives as well."""
    arrays, call = arrays_of(case), case.calls[0]
    expected = parts(call(*arrays))
    found = parts(call(*(ag.tensor(kind.to_kind(a)) for a in arrays)))
    free = case.function in VECTORS and (not kind.phases or case.name == "svd-3x3")
    for a, b in zip(found, expected, strict=True):
        if case.function in OF_NUMPY and isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b)
        elif isinstance(b, np.ndarray | np.generic):
            same(kind, a.data if isinstance(a, ag.Tensor) else a, b, free)
        else:
            assert a == b
    if not floating(expected) or case.function in LIKE:
        return
    rng = np.random.default_rng(3)
    v = [draw(part.shape, "nonzero", rng) for part in floating(expected)]
    u = [draw(a.shape, "nonzero", rng) for a in arrays]

    def derivatives(to_kind: Callable[[np.ndarray], Any]) -> list[Any]:
        ws, us, xs = ([to_kind(a) for a in group] for group in (v, u, arrays))

        def loss(*xs: Any) -> Any:
            found = [part for part, one in zip(parts(call(*xs)), expected, strict=True) if floating(one)]
            pairs = [(part, w) for part, w in zip(found, ws, strict=True) if isinstance(part, ag.Tensor)]
            return added(
                [*(np.real(part * part * w).sum() for part, w in pairs), *(0.0 * np.real(x).sum() for x in xs)]
            )

        gradients = ag.grad(loss, range(len(arrays)))
        along = ag.grad(lambda *xs: added(np.real(g * w).sum() for g, w in zip(gradients(*xs), us, strict=True)))
        return [*gradients(*xs), along(*xs)]

    for a, b in zip(derivatives(kind.to_kind), derivatives(lambda a: a), strict=True):
        same(kind, a, b, free)


def hold_composed(cases: Iterable[ComposedCase], kind: Kind) -> None:
    broken = {}
    for case in cases:
        try:
            composed(case, kind)
            assert case.name not in COMPOSED_REFUSED, "it works; take it out of the table"
        except Exception as error:
            if case.name not in COMPOSED_REFUSED or isinstance(error, AssertionError):
                broken[case.name] = f"{type(error).__name__}: {str(error)[:200]}"
    assert not broken, f"{len(broken)} cases fail: {broken}"


@every_kind
def test_composed_functions(kind: Kind) -> None:
    kind.skip_unless_there()
    hold_composed({case.function: case for case in COMPOSED_CASES}.values(), kind)


@pytest.mark.ci
@every_kind
def test_every_case_of_composed_functions(kind: Kind) -> None:
    kind.skip_unless_there()
    hold_composed(COMPOSED_CASES, kind)
