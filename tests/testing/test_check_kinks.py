"""Kinks, ties, jumps and edges of domains: what passes there, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import GradientMismatch, GradReport, check_grads


def verdict(f: Callable[..., Any], inputs: Any, gradients: Any, **options: Any) -> str:
    """Return "" if the gradients pass, else the verdict."""
    many = isinstance(inputs, list)
    inputs = [np.asarray(x, float) for x in (inputs if many else [inputs])]
    gradients = [np.asarray(g, float) for g in (gradients if many else [gradients])]
    report: GradReport = check_grads(f, *inputs, gradients=gradients, raise_=False, **options)
    return report.failures[0].verdict if report.failures else ""


def relu(x: Any) -> Any:
    return np.maximum(x, 0.0)


def first_relu(x: Any) -> Any:
    return relu(x).sum()


@pytest.mark.parametrize("g", [0.0, 0.5, 1.0])
def test_a_subgradient_of_relu_passes(g: float) -> None:
    assert verdict(relu, 0.0, g) == ""
    assert verdict(relu, 0.0, g, kinks="skip") == ""
    assert verdict(relu, 0.0, g, kinks="fail") == "kink"


@pytest.mark.parametrize("g", [-0.5, 2.0, np.nan])
def test_what_is_no_subgradient_does_not_pass(g: float) -> None:
    assert verdict(relu, 0.0, g) == "kink"


def test_abs() -> None:
    assert [verdict(np.abs, 0.0, g) for g in (-1.0, 0.0, 1.0, 1.5)] == ["", "", "", "kink"]


def test_a_kink_is_counted_and_its_slopes_are_reported() -> None:
    report = check_grads(ag.relu, np.array([0.0, 2.0, -1.0]))
    assert (report.inputs["x"].n_kink, report.inputs["x"].n_checked) == (1, 3)
    with pytest.raises(GradientMismatch, match=r"taken at a kink.*\n.*2\n.*slopes -1 and 1") as caught:
        check_grads(np.abs, np.zeros(()), gradients=[np.array(2.0)])
    assert caught.value.analytic == 2.0


@pytest.mark.parametrize(
    ("shares", "passes"), [((0.5, 0.5), True), ((1.0, 0.0), True), ((1.0, 1.0), False), ((0.0, 0.0), False)]
)
def test_the_shares_of_a_tie_add_up_to_one(shares: tuple[float, float], passes: bool) -> None:
    """Each element by itself lies between the slopes; moved together there is no kink."""
    assert (verdict(np.maximum, [2.0, 2.0], list(shares)) == "") == passes
    assert (verdict(lambda x: np.max(x), [[3.0, 3.0, 1.0]], [[*shares, 0.0]]) == "") == passes
    if not passes:
        with pytest.raises(GradientMismatch, match="add up to 1"):
            check_grads(np.maximum, np.array(2.0), np.array(2.0), gradients=[np.array(g) for g in shares])


def test_a_tie_of_many_has_more_slopes_than_those_of_its_ends() -> None:
    """Moved up or down, a tied element jumps to an end of its run; its derivative is that of its place in it."""
    c = np.array([1.0, 5.0, 2.0, 9.0])
    x = np.array([3.0, 3.0, 3.0, 7.0])
    assert verdict(np.sort, [x], [c], cotangent=c) == ""
    assert verdict(np.sort, [x], [c * [1, 2, 1, 1]], cotangent=c) == "kink"


def test_maximum_of_a_variable_with_itself_is_smooth() -> None:
    assert verdict(lambda x: np.maximum(x, x), 2.0, 0.0) == "wrong"
    assert verdict(lambda x: np.maximum(x, x), 2.0, 1.0) == ""


def test_near_a_kink_is_not_at_it() -> None:
    x = [[1e-9, 1.0]]
    for f in (relu, first_relu):
        assert verdict(f, x, [[0.0, 1.0]]) == "wrong"
        assert verdict(f, x, [[1.0, 1.0]]) == ""
    assert verdict(first_relu, [[-1e-9, 1.0]], [[0.0, 1.0]]) == ""
    assert verdict(relu, [[-1e-9, 1.0]], [[1.0, 1.0]]) == "wrong"


def test_a_jump_is_no_kink() -> None:
    assert verdict(np.floor, 1.0, 0.0) == ""
    assert verdict(np.floor, 1.0, 1.0) == "jump"
    assert verdict(np.floor, 1.0, 0.0, kinks="fail") == "jump"
    assert verdict(lambda x: np.remainder(x, 3.0), 6.0, 1.0) == ""
    assert verdict(lambda x: np.remainder(x, 3.0), 6.0, 0.0) == "jump"
    assert check_grads(np.floor, np.array([1.0, 2.3])).inputs["x"].n_kink == 1


@pytest.mark.parametrize(("f", "at"), [(np.sqrt, 0.0), (np.cbrt, 0.0), (np.arcsin, 1.0), (np.arccosh, 1.0)])
def test_where_the_slope_is_infinite_nothing_else_passes(f: Any, at: float) -> None:
    assert verdict(f, at, np.inf) == ""
    assert verdict(f, at, 0.0) == "kink"
    assert verdict(f, at, 1e5) == "kink"


def test_the_edge_of_a_domain_has_one_slope() -> None:
    assert verdict(lambda x: x**1.5, 0.0, 0.0) == ""
    assert verdict(lambda x: x**1.5, 0.0, 0.1) == "kink"
    assert verdict(lambda x: np.sqrt(x) ** 2, 0.0, 1.0) == ""


def test_once_differentiable_is_smooth() -> None:
    assert verdict(lambda x: np.abs(x) ** 1.5, 0.0, 0.0) == ""
    assert verdict(lambda x: np.where(x > 0, x, np.expm1(x)), 0.0, 1.0) == ""
    assert verdict(lambda x: np.where(x > 1, 2 * x - 1, x * x), 1.0, 2.0) == ""
    assert verdict(lambda x: np.where(x > 1, 2 * x - 1, x * x), 1.0, 2.001) == "wrong"


def test_norm_at_zero() -> None:
    def norm(x: Any) -> Any:
        return np.sqrt((x * x).sum())

    assert verdict(norm, [[0.0, 0.0]], [[0.0, 0.0]]) == ""
    assert verdict(norm, [[0.0, 0.0]], [[2.0, 0.0]]) == "kink"
    assert verdict(norm, [[0.0, 0.0]], [[np.nan, np.nan]]) == "kink"


def test_outside_a_domain_nothing_can_be_said() -> None:
    assert verdict(np.log, -1.0, -1.0) == "inconclusive"
    with pytest.raises(GradientMismatch, match=r"neither confirmed nor refuted(.|\n)*inside its domain"):
        check_grads(np.log, np.array(-1.0), gradients=[np.array(-1.0)])


def test_few_inconclusive_elements_are_counted_many_are_an_error() -> None:
    x = np.linspace(1.0, 2.0, 20)
    x[3] = -1.0
    report = check_grads(np.log, x, gradients=[1 / x])
    assert (report.inputs["x"].n_inconclusive, report.inputs["x"].n_checked) == (1, 19)
    x[:3] = -1.0
    assert verdict(np.log, [x], [1 / x]) == "inconclusive"


def test_infinite_inputs_of_a_mask_are_no_fault() -> None:
    x = np.array([-np.inf, 0.0, 1.0])
    p = np.exp(x) / np.exp(x).sum()
    assert verdict(lambda x: np.log(np.exp(x).sum()), [x], [p]) == ""
    assert verdict(lambda x: np.log(np.exp(x).sum()), [x], [2 * p]) == "wrong"


def test_floors_far_from_zero() -> None:
    x = np.array([12345.3, 2e4 + 0.4, 7654.7])
    assert verdict(np.floor, [x], [np.zeros(3)]) == ""
    assert verdict(lambda x: np.remainder(x, 1.0), [x], [np.ones(3)]) == ""


def test_many_kinks_along_one_direction() -> None:
    """Each takes one of its slopes, so their sum lies anywhere: no kink may be blamed for that."""
    x = np.random.default_rng(0).integers(-4, 5, size=(30, 20)) / 4
    report = check_grads(lambda x: np.clip(x, -1.0, 1.0), x)
    assert report.inputs["x"].n_kink > 0
