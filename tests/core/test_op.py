"""The op record and the functions that make it: what they register, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from autograd_lite.core.op import (
    BY_FUNCTION,
    BY_UFUNC,
    COMPOSED,
    OPS,
    Kind,
    applied,
    composes,
    elementwise,
    nondifferentiable,
    reduction,
    structural,
)
from autograd_lite.core.shape_arithmetic import ShapeDtype


@pytest.fixture(autouse=True)
def _tables_as_they_were() -> Iterator[None]:
    tables = (OPS, BY_UFUNC, BY_FUNCTION, COMPOSED)
    before = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="op 'sin' is defined twice"):
        elementwise(np.sin, lambda out, x: np.cos(x), saves="x")
    assert OPS["sin"].ufunc is np.sin


def test_an_elementwise_op_states_a_rule_for_each_input() -> None:
    op = elementwise(
        lambda x, y, z: x * y + z,
        lambda out, x, y, z: y,
        applied(lambda g, out, x, y, z: g * x),
        -1,
        name="fused",
        saves=("y", "x", ""),
    )
    assert OPS["fused"] is op
    assert [op.rule(i).kind for i in range(3)] == [Kind.PARTIAL, Kind.APPLIED, Kind.CONSTANT]
    assert [op.rule(i).reads for i in range(3)] == [{2}, {1}, set()]
    assert op.differentiable
    assert repr(op) == "<op fused>"
    spec = ShapeDtype((2, 1), np.dtype("f"))
    assert op.infer(spec, spec, ShapeDtype((3,), np.dtype("d"))) == ShapeDtype((2, 3), np.dtype("d"))
    np.testing.assert_array_equal(op(np.ones(2), np.ones(2), np.ones(2)), [2, 2])


def test_what_is_kept_depends_on_which_inputs_need_a_gradient() -> None:
    op = elementwise(lambda x, y: x * y, lambda out, x, y: y, lambda out, x, y: x, name="product", saves=("y", "x"))
    # By bit mask of the inputs that need one: (out, x, y).
    assert op.keeps == (
        (False, False, False),
        (False, False, True),
        (False, True, False),
        (False, True, True),
    )


def test_ones_and_numbers_are_not_functions() -> None:
    op = elementwise(lambda x, y: x + 2 * y, 1, 2, name="weighted")
    assert [op.rule(i).kind for i in range(2)] == [Kind.UNIT, Kind.CONSTANT]
    none = elementwise(lambda x, y: x, 1, None, name="first")
    assert none.rule(1) is None


def test_an_op_without_derivative_says_so() -> None:
    op = nondifferentiable(lambda x: x > 0, name="test_positive")
    assert not op.differentiable
    assert op.rule(0) is None
    assert op.infer(ShapeDtype((2,), np.dtype("d"))).dtype == np.bool_


def test_a_reduction_infers_its_shape() -> None:
    op = reduction(
        "test_sum_of_squares",
        lambda x, *, axis, keepdims: (x * x).sum(axis=axis, keepdims=keepdims),
        lambda out, x, *, axis: 2 * x,
        saves="x",
    )
    assert op.rule(0).kind is Kind.REDUCED
    spec = ShapeDtype((2, 3), np.dtype("f"))
    assert op.infer(spec, axis=(1,), keepdims=True) == ShapeDtype((2, 1), np.dtype("f"))


def test_a_structural_op_of_any_number_of_inputs() -> None:
    op = structural(
        "test_total", lambda *xs: sum(xs), together=lambda g, out, *xs: [g * x for x in xs], infer=lambda *xs: xs[0]
    )
    assert [op.rule(i).kind for i in range(9)] == [Kind.VJP] * 9
    assert [op.rule(i).value(2.0, None, 3.0, 4.0) for i in range(2)] == [6.0, 8.0]


def test_a_composed_function_is_registered_for_each_name() -> None:
    @composes(np.cumsum, np.cumprod)
    def nothing(a: object) -> object:
        return a

    assert COMPOSED[np.cumsum] is COMPOSED[np.cumprod] is nothing
