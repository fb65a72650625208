"""`check_op` on ops that a user might define: right ones pass, and each wrong one is named with its law."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from autograd_lite.core import batching
from autograd_lite.core.op import BY_UFUNC, OPS, Op, applied, elementwise, reduction, structural
from autograd_lite.core.shape_arithmetic import ShapeDtype
from autograd_lite.testing import check_op
from autograd_lite.testing.ops import IDLE, LAWS, PropertyError
from autograd_lite.testing.rows import Poison, PoisonError, Row, as_row, expression, nonuniform, same_bits, same_reading


@pytest.fixture(autouse=True)
def _tables_stay_as_they_are() -> Iterator[None]:
    """Ops register themselves; those that are defined here are forgotten after each test."""
    before = dict(OPS), dict(BY_UFUNC)
    yield
    for table, kept in zip((OPS, BY_UFUNC), before, strict=True):
        table.clear()
        table.update(kept)  # type: ignore[arg-type]


def softclip(partial: Any = lambda out, x: 1 - out * out, **facts: Any) -> Op:
    return elementwise(np.tanh, partial, **{"name": "softclip", "saves": "o", **facts})  # type: ignore[arg-type]


def plain_tanh(x: Any) -> Any:
    return np.tanh(x)


def clipped(partial: Any = lambda out, x: 1 - out * out, **facts: Any) -> Op:
    return elementwise(plain_tanh, partial, **{"name": "softclip", "saves": "o", **facts})  # type: ignore[arg-type]


CASES = [np.array([0.5, -1.0, 2.0]), np.array([[0.25, 1.5]]), np.array(0.75)]


def test_a_right_op_passes_with_and_without_cases() -> None:
    report = check_op(clipped(), CASES)
    assert report.ok
    assert report.laws.keys() == LAWS.keys()
    assert set(report.laws.values()) == {3}
    assert "softclip: keeps all 19 laws (3 rows" in repr(report)
    drawn = check_op(OPS["softclip"], examples=5)
    assert drawn.ok
    assert max(drawn.laws.values()) == 5


WRONG_PARTIALS: dict[str, tuple[Any, str]] = {
    "sign": (lambda out, x: out * out - 1, "first"),
    "factor": (lambda out, x: 2 * (1 - out * out), "first"),
    "a ten-thousandth": (lambda out, x: 1.0001 * (1 - out * out), "first"),
    "infinite": (lambda out, x: (1 - out * out) / (out * 0), "first"),
    "not a number": (lambda out, x: (1 - out * out) * (out * 0 / (out * 0)), "first"),
    "float64 constant": (lambda out, x: np.float64(1) - out * out, "raw"),
    "asarray": (lambda out, x: 1 - np.asarray(out) ** 2, "strict"),
    "a function that is not dispatched": (lambda out, x: 1 - np.require(out) ** 2, "strict"),
    "branch": (lambda out, x: 1 - out * out if (out < 9).all() else 0, "strict"),
    "undeclared": (lambda out, x: 1 - np.tanh(x) ** 2, "reads"),
    "one number": (lambda out, x: (1 - out * out).sum(), "first"),
    "an axis more": (lambda out, x: (1 - out * out)[None], "raw"),
}


@pytest.mark.parametrize("what", WRONG_PARTIALS)
def test_a_wrong_partial_is_named_with_its_law(what: str) -> None:
    partial, law = WRONG_PARTIALS[what]
    op = clipped(partial)
    with pytest.raises(PropertyError, match=f"op 'softclip' breaks the law '{law}'"):
        check_op(op, CASES)
    with pytest.raises(PropertyError, match="op 'softclip' breaks the law "):
        check_op(op)
    report = check_op(op, CASES, raise_=False)
    assert not report.ok
    assert any(f"law '{law}'" in fault for fault in report.faults)


def test_a_rule_must_be_linear_in_its_cotangent() -> None:
    op = clipped(applied(lambda g, out, x: np.abs(g)), saves="")
    with pytest.raises(PropertyError, match="law 'linear in g': the rule for input 0 is not linear in its cotangent"):
        check_op(op, CASES, laws=["linear in g"])


def test_the_message_shows_both_numbers_and_the_row() -> None:
    op = clipped(lambda out, x: 2 * (1 - out * out))
    with pytest.raises(PropertyError) as caught:
        check_op(op, [(np.array([0.0]), {})], laws=["first"])
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        "op 'softclip' breaks the law 'first': the derivative by input 0 is wrong (1 of 1 elements), first at [0]"
    )
    assert "analytic" in lines[1]
    assert "±" in lines[2]
    assert lines[3].split() == ["ratio", "2"]
    assert lines[4].split(maxsplit=1) == ["on", "Row(([0.],))"]


def test_a_drawn_row_is_shrunk() -> None:
    op = clipped(applied(lambda g, out, x: np.where(x > 1.3, 3 * g, g * (1 - out * out))), saves="ox")
    with pytest.raises(PropertyError, match=r"on        Row\(\(np\.array|on        Row\(\(2\.?,?\)") as caught:
        check_op(op, laws=["first"], examples=200)
    assert str(caught.value).endswith("Row((2.,))")


FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "linear": ({"linear": True}, "linear"),
    "multilinear": ({"multilinear": True}, "linear"),
    "jvp": ({"jvp": lambda tangents, out, x: tangents[0] * out}, "tangent"),
    "jvp that converts": ({"jvp": lambda tangents, out, x: np.asarray(tangents[0]) * (1 - out * out)}, "tangent"),
    "batch": ({"batch": lambda op, inputs, batched, params: op(*inputs)[::-1]}, "batch"),
    "declares too much": ({"saves": "ox"}, IDLE),
}


@pytest.mark.parametrize("what", FACTS)
def test_a_wrong_fact_is_named_with_its_law(what: str) -> None:
    facts, law = FACTS[what]
    with pytest.raises(PropertyError, match=f"breaks the law '{law}'"):
        check_op(clipped(**facts), CASES)


def infer_as(x: ShapeDtype) -> ShapeDtype:
    return ShapeDtype(x.shape, np.dtype("d"))


STRUCTURES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, str]] = {
    "right": (lambda x: x[::-1].copy(), lambda g, out, x: g[::-1], lambda x: x, ""),
    "not turned back": (lambda x: x[::-1].copy(), lambda g, out, x: g, lambda x: x, "first"),
    "wrong dtype told": (lambda x: x[::-1].copy(), lambda g, out, x: g[::-1], infer_as, "infer"),
    "two results": (lambda x: (x, x), lambda g, out, x: g, lambda x: x, "value"),
    "writes into its input": (lambda x: np.negative(x, out=x), lambda g, out, x: -g, lambda x: x, "writes"),
    "writes into the cotangent": (
        lambda x: x[::-1].copy(), lambda g, out, x: np.multiply(g, 1, out=g)[::-1], lambda x: x, "writes",
    ),
    "raises": (lambda x: x[::-1].copy(), lambda g, out, x: g.nothing, lambda x: x, "reads"),
    "not linear": (lambda x: x[::-1].copy(), lambda g, out, x: (g * g)[::-1], lambda x: x, "first"),
}  # fmt: skip


@pytest.mark.parametrize("what", STRUCTURES)
def test_structural_ops(what: str) -> None:
    forward, vjp, infer, law = STRUCTURES[what]
    op = structural("turned_for_a_test", forward, vjp, infer=infer, linear=True)
    cases = [np.array([[0.5, -1.0], [0.25, 2.0]]), np.array([0.5, -1.0, 0.25])]
    report = check_op(op, cases, raise_=False)
    assert [law in fault for fault in report.faults[:1]] == ([True] if law else []), report
    assert report.ok == (not law)


def test_reductions_and_their_parameters() -> None:
    def forward(x: Any, *, axis: Any, keepdims: bool) -> Any:
        return (x * x).sum(axis=axis, keepdims=keepdims)

    right = reduction("squares_for_a_test", forward, lambda out, x, *, axis: 2 * x, saves="x")
    assert check_op(right).ok
    wrong = reduction("cubes_for_a_test", forward, lambda out, x, *, axis: 2 * x[::-1], saves="x")
    row = Row((np.array([[1.0, 2.0], [3.0, 5.0]]),), {"axis": (0,), "keepdims": False})
    with pytest.raises(PropertyError, match=r"law 'first'(.|\n)*\{'axis': \(0,\), 'keepdims': False\}"):
        check_op(wrong, [row])


def test_an_op_that_hides_a_nan_must_say_so() -> None:
    def gate(x: Any, y: Any) -> Any:
        return np.where(x > 0, y, 0.0).astype(y.dtype)

    hidden = elementwise(gate, None, applied(lambda g, out, x, y: np.where(x > 0, g, 0)), name="gate_t", saves="x")
    cases = [(np.array([1.0, -1.0]), np.array([2.0, 3.0]))]
    with pytest.raises(PropertyError, match=r"law 'selects': a NaN in input 1 .* say selects=True"):
        check_op(hidden, cases)


def test_complex_rows_are_checked_by_the_inner_convention() -> None:
    conjugated = structural(
        "mirrored_t", np.conjugate, lambda g, out, x: np.conjugate(g), infer=lambda x: x, holomorphic=False,
        jvp=lambda tangents, out, x: np.conjugate(tangents[0]),
    )  # fmt: skip
    row = np.array([1 + 2j, 0.5 - 1j])
    assert check_op(conjugated, [row]).ok
    del OPS["mirrored_t"]
    wrong = structural("mirrored_t", np.conjugate, lambda g, out, x: g, infer=lambda x: x, holomorphic=False)
    with pytest.raises(PropertyError, match="law 'first'"):
        check_op(wrong, [row])


def test_symmetric_inputs_move_both_mirrored_elements() -> None:
    op = OPS["matmul"]
    lower = structural(
        "lower_t",
        lambda x: np.tril(x),
        lambda g, out, x: (np.tril(g) + np.tril(g).mT) / 2,
        infer=lambda x: x,
        batch=batching.gufunc(2),
    )
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    assert check_op(lower, [Row((matrix,), symmetric=(0,))], laws=["first", "second"]).ok
    assert not check_op(lower, [Row((matrix,))], laws=["first"], raise_=False).ok
    assert op.multilinear


def test_an_exempt_law_is_not_looked_at() -> None:
    op = clipped(lambda out, x: 2 * (1 - out * out))
    row = Row((np.array([0.5]),), exempt={"difference": "there is none here"})
    assert check_op(op, [row], laws=["first", "second"]).laws == {"first": 0, "second": 0}


def test_what_check_op_refuses() -> None:
    with pytest.raises(ValueError, match=r"expected laws among value, infer, .*; received 'frist'"):
        check_op(OPS["sin"], CASES, laws=["frist"])
    with pytest.raises(TypeError, match=r"check_op\(sin\): expected each case as inputs or \(inputs, params\)"):
        check_op(OPS["sin"], [[[1.0, [2.0]]]])


def test_rows_as_users_write_them() -> None:
    op = OPS["sum"]
    for case in (np.ones(2), [np.ones(2)], ([1.0, 1.0],), (np.ones(2), {"axis": 0}), Row((np.ones(2),))):
        row = as_row(case, op)
        assert len(row.inputs) == 1
        assert row.inputs[0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.0, 0.5]), "[1., 0.5]"),
        (np.array(2.0), "2."),
        (np.array([1, 2]), "[1, 2]"),
        (np.array([1.0], "f"), "np.array([1.], 'float32')"),
        (np.zeros((0, 3)), "np.zeros((0, 3))"),
        (np.zeros((0,), "f"), "np.zeros((0,), 'float32')"),
        (np.array([math.nan, math.inf]), "[nan, inf]"),
        ((slice(None), None), "(slice(None, None, None), None)"),
        (np.float32(0.5), "np.array(0.5, 'float32')"),
        (np.ones((20, 20)), "<float64 array of shape (20, 20)>"),
    ],
)
def test_values_are_written_as_code(value: Any, text: str) -> None:
    assert expression(value) == text


def test_poison_gives_shape_and_dtype_and_nothing_else() -> None:
    poison: Any = Poison(ShapeDtype((2, 3), np.dtype("f")))
    assert (poison.shape, poison.dtype, poison.ndim, poison.size) == ((2, 3), np.dtype("f"), 2, 6)
    uses: list[Callable[[], Any]] = [
        lambda: poison + 1,
        lambda: np.sin(poison),
        lambda: np.sum(poison),
        lambda: np.asarray(poison),
        lambda: poison[0],
        lambda: bool(poison),
        lambda: poison.sum(),
        lambda: Poison(None).shape,
    ]
    for use in uses:
        with pytest.raises(PoisonError):
            use()


def test_bits() -> None:
    assert same_bits(np.array([np.nan]), np.array([np.nan]))
    assert not same_bits(np.array(0.0), np.array(-0.0))
    assert not same_bits(np.array(0.0), np.array(0.0, "f"))
    assert not same_bits(np.zeros(1), np.zeros((1, 1)))
    z = np.array(1 + 1j)
    assert same_reading(z, z * (1 + 2e-16))
    assert not same_reading(z, z * (1 + 1e-14))
    assert not same_reading(z.real, z.real * (1 + 4e-16))


def test_cotangents_differ_everywhere() -> None:
    g = nonuniform((3, 4), np.float64, "g")
    assert len(set(g.ravel())) == 12
    assert np.abs(g).min() >= 0.3
    assert nonuniform((3,), np.complex64, "g").dtype == np.complex64
    assert np.array_equal(g, nonuniform((3, 4), np.float64, "g"))
