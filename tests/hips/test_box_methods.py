"""Methods of boxes: what HIPS's lack is refused, and what programs set on `ArrayBox` reaches what is differentiated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import hips
from autograd_lite.hips import numpy as anp
from autograd_lite.hips.numpy.numpy_boxes import ArrayBox
from autograd_lite.tensors.tracers import TracedTensor

X = np.array([1.0, 2.0, 3.0])
DERIVATIVES: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: hips.grad(f)(X),
    "value_and_grad": lambda f: hips.value_and_grad(f)(X)[1],
    "jacobian": lambda f: hips.jacobian(f)(X),
    "make_vjp": lambda f: hips.make_vjp(f)(X)[0](1.0),
    "hessian": lambda f: hips.jacobian(hips.grad(f))(X).sum(axis=1),
    "hessian_vector_product": lambda f: hips.hessian_vector_product(f)(X, np.ones(3)),
    "make_jvp": lambda f: hips.make_jvp(f)(X)(np.ones(3))[1],
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_item_of_a_box_is_refused_and_what_a_program_sets_has_its_gradient(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(x: Any) -> Any:
        return anp.sum(x**2).item()

    expected = DERIVATIVES[name](lambda x: anp.sum(x**2))
    with pytest.raises(AttributeError, match="'ArrayBox' object has no attribute 'item'"):
        DERIVATIVES[name](loss)
    with monkeypatch.context() as patch:
        patch.setattr(ArrayBox, "item", lambda self: self.flatten()[0])  # as tidy3d does
        np.testing.assert_array_equal(DERIVATIVES[name](loss), expected)
    with pytest.raises(AttributeError, match="'ArrayBox' object has no attribute 'item'"):
        DERIVATIVES[name](loss)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_an_assignment_with_an_operator_leaves_other_names_and_views_as_they_were(name: str) -> None:
    def step(x: Any) -> Any:
        whole, part, late = x, x[1:], x * 1.5
        held = late
        whole += 1.0
        part *= 3.0
        whole /= 2.0
        late -= whole
        late **= 2
        return anp.sum(late * held * x) + anp.sum(part * x[1:])

    def expected(x: Any) -> Any:
        return anp.sum((1.5 * x - (x + 1.0) / 2.0) ** 2 * 1.5 * x**2) + anp.sum(3.0 * x[1:] ** 2)

    for f in (step, hips.checkpoint(step)):
        np.testing.assert_allclose(DERIVATIVES[name](f), DERIVATIVES[name](expected), rtol=1e-12)
    np.testing.assert_array_equal(X, [1.0, 2.0, 3.0])


def test_a_method_that_tensors_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ArrayBox, "squared_norm", lambda self: anp.sum(self**2), raising=False)
        np.testing.assert_array_equal(hips.grad(lambda x: x.squared_norm())(X), 2 * X)
        with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'squared_norm'"):
            ag.tensor(X).squared_norm()


@pytest.mark.parametrize("name", ["squared_norm", "item", "sum", "__float__"])
def test_a_method_that_is_taken_away_leaves_tensors_as_they_were(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (ag.Tensor, TracedTensor)
    before = [dict(vars(kind)) for kind in kinds]
    with monkeypatch.context() as patch:
        patch.setattr(ArrayBox, name, lambda self: self.flatten()[0], raising=False)
    assert [dict(vars(kind)) for kind in kinds] == before


def test_tensors_outside_of_hips_keep_their_own_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ArrayBox, "item", lambda self: math.nan)
    x = ag.tensor([2.0], requires_grad=True)
    assert (x * 3).item() == 6.0
    assert ag.tensor([[5.0, 7.0]]).item(1) == 7.0
    np.testing.assert_array_equal(ag.grad(lambda x: (x * x.sum().item()).sum())(X), [6.0, 6.0, 6.0])
    np.testing.assert_array_equal(ag.jvp(lambda x: x * x.sum().item())((X,), (np.ones(3),))[1], [6.0, 6.0, 6.0])


def test_constants_and_texts_inside_a_derivative_are_numbers() -> None:
    def loss(x: Any) -> Any:
        assert f"{anp.sum(x):.1f}" == "6.0"
        assert hips.tracer.getval(anp.sum(x)).item() == 6.0
        return anp.sum(x) * ag.tensor([2.0]).item()

    np.testing.assert_array_equal(hips.grad(loss)(X), [2.0, 2.0, 2.0])
