"""Derivatives under HIPS's names: the values are those of closed forms, and of HIPS itself where it is installed."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as onp
import pytest

import autograd_lite as ag
import autograd_lite.hips as hips
from autograd_lite import tree
from autograd_lite.hips.vector_spaces import vspace

from ..rows import for_every
from .table import ERRORS, ROWS, Row, X


def same(found: Any, expected: Any) -> bool:
    """Return whether two results have one structure and the same values."""
    if isinstance(expected, type):
        return found is expected
    if isinstance(expected, (list, tuple, dict)) and not isinstance(found, onp.ndarray):
        return type(found) is type(expected) and all(same(x, y) for _, x, y in tree.zip(found, expected))
    return onp.shape(found) == onp.shape(expected) and bool(onp.allclose(found, expected, rtol=1e-12, atol=1e-13))


@for_every(ROWS)
def test_values_are_those_of_closed_forms(row: Row) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = row.call(hips, hips.numpy)
    assert same(found, row.expected), f"{found} is not {row.expected}"


@for_every(ERRORS)
def test_errors_are_type_errors_as_in_hips(row: Row) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(row.expected):
            row.call(hips, hips.numpy)


@pytest.mark.ci
def test_hips_gives_the_same() -> None:
    autograd = pytest.importorskip("autograd", reason="HIPS autograd is not installed")
    import autograd.numpy as theirs

    differing = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in ROWS:
            if not same(row.call(autograd, theirs), row.expected):
                differing.append(row.name)
        for row in ERRORS:
            with pytest.raises(row.expected):
                row.call(autograd, theirs)
    assert not differing


def test_an_error_is_a_grad_error_too() -> None:
    with pytest.raises(ag.GradError, match=r"expected a function with a real scalar result; received .*\(3,\)"):
        hips.grad(lambda x: 2 * x)(X)


def test_gradients_without_axes_are_numbers() -> None:
    for x in (2.0, onp.array(2.0), onp.float32(2.0)):
        g = hips.grad(lambda x: x**2)(x)
        assert isinstance(g, onp.floating)
        assert g.dtype == onp.asarray(x).dtype


def test_independence_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="Output seems independent of input"):
        assert hips.grad(lambda x: 1.0)(2.0) == 0


def test_wrapped_functions_have_names() -> None:
    def square(x: float) -> float:
        """Return a square."""
        return x * x

    assert hips.grad.__name__ == "grad"
    assert hips.grad(square).__name__ == "grad_of_square_wrt_argnum_0"
    assert "square" in inspect.getdoc(hips.jacobian(square, (0,)))
    with pytest.raises(AssertionError, match="argnum"):
        hips.grad(square, "x")


def test_multigrad_dict_names_all_arguments() -> None:
    def f(x: Any, *more: Any, scale: float = 2.0, **others: Any) -> Any:
        return scale * x * more[0] + others["z"]

    found = hips.multigrad_dict(f)(3.0, 5.0, z=1.0)
    assert found == {"x": 10.0, "more": (6.0,), "scale": 15.0, "others": {"z": 1.0}}


SPACES = [onp.zeros((3, 2)), 0.0, 1j * onp.zeros((2, 1)), [1.0, onp.zeros(2)], {"x": [0.0], "y": ({"a": 1j}, 2.0)}]


@pytest.mark.parametrize("value", SPACES, ids=str)
def test_vector_spaces_are_spaces(value: Any) -> None:
    space = vspace(value)
    basis = list(space.standard_basis())
    gram = [[float(space.inner_prod(x, y)) for y in basis] for x in basis]
    assert onp.array_equal(gram, onp.eye(space.size))
    total = space.zeros()
    for unit in basis:
        total = space.mut_add(total, unit)
    assert same(total, space.ones())
    x, y = space.randn(), space.randn()
    assert vspace(x) == space
    assert vspace(space.scalar_mul(x, 2.0)) == space
    assert onp.isclose(space.inner_prod(space.add(x, y), y), space.inner_prod(x, y) + space.inner_prod(y, y))


def test_a_value_without_a_space_is_refused() -> None:
    with pytest.raises(TypeError, match="Can't find vector space"):
        vspace(object())


def test_checks_pass_and_fail() -> None:
    from autograd_lite.hips.test_util import check_grads, combo_check

    combo_check(hips.numpy.sum, (0,))([X, onp.ones((2, 2))], axis=[None, 0], keepdims=[True, False])
    wrong = hips.extend.primitive(lambda x: 2.0 * x)
    hips.extend.defvjp(wrong, lambda ans, x: lambda g: 2.001 * g)
    with pytest.raises(AssertionError, match=r"\(VJP\) check of .* failed"):
        check_grads(wrong, modes=["rev"])(1.0)


@pytest.mark.ci
def test_the_benchmark_finds_both_equal() -> None:
    pytest.importorskip("autograd", reason="HIPS autograd is not installed")
    from benchmarks.hips_calls import CALLS, measured

    assert [name for name, theirs, ours in measured(rounds=1) if theirs > 0 < ours] == [call.name for call in CALLS]


@pytest.mark.ci
def test_deblurring_is_what_it_is_in_hips() -> None:
    pytest.importorskip("autograd", reason="HIPS autograd is not installed")
    from benchmarks.deblurring import PROBLEMS, measured

    assert [name for name, theirs, ours in measured(1, (16,)) if theirs > 0 < ours] == [
        f"{problem.name}, 16 × 16" for problem in PROBLEMS
    ]
