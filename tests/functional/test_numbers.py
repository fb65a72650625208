"""Python numbers of tensors inside transformations: what would lose a gradient raises, what says so is a constant."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

Function = Callable[[Any], Any]


def into_an_array(t: Any) -> float:
    a = np.zeros(2)
    a[0] = t
    return float(a[0])


# What asks a tensor for a number, unseen.
NUMBERS: dict[str, Function] = {
    "float": float,
    "int": int,
    "complex": lambda t: complex(t).real,
    "math.sin": math.sin,
    "math.floor": math.floor,
    "math.isnan": math.isnan,
    "np.float64": np.float64,
    "a[i] = t": into_an_array,
    "sum of floats": lambda t: sum(map(float, [t, t])),
}

# What says that a constant is meant.
CONSTANTS: dict[str, Function] = {
    "item": lambda t: t.item(),
    "tolist": lambda t: t.tolist(),
    "float of item": lambda t: float(t.item()),
    "detach": lambda t: t.detach(),
    "float of detach": lambda t: float(t.detach()),
    "numpy of detach": lambda t: t.detach().numpy(),
    "math of item": lambda t: math.fabs(t.item()),
    "format": lambda t: float(f"{t:.3f}"),
    "data": lambda t: float(t.data),
    "stop_gradient": lambda t: float(ag.stop_gradient(t)),
}

# The derivative of f at 2.
DERIVATIVES: dict[str, Callable[[Function], Any]] = {
    "grad": lambda f: ag.grad(f)(2.0),
    "grad at a tensor": lambda f: ag.grad(f)(ag.tensor(2.0)).item(),
    "value_and_grad": lambda f: ag.value_and_grad(f)(2.0)[1],
    "vjp": lambda f: ag.vjp(f)(2.0)[1](1.0),
    "jvp": lambda f: ag.jvp(f)((2.0,), (1.0,))[1],
    "jacobian, reverse": lambda f: ag.jacobian(f, mode="reverse")(2.0),
    "jacobian, forward": lambda f: ag.jacobian(f, mode="forward")(2.0),
    "linearize": lambda f: ag.linearize(f)(2.0)[1](1.0),
    "grad of jvp": lambda f: ag.grad(lambda a: ag.jvp(f)((2.0,), (a,))[1])(3.0),
    "jvp of grad": lambda f: ag.jvp(lambda a: a * ag.grad(f)(2.0))((1.0,), (1.0,))[1],
    "grad in jvp": lambda f: ag.jvp(lambda a: a * ag.grad(lambda x: f(x * a) / a)(2.0))((1.0,), (1.0,))[0],
    "vmap of grad": lambda f: ag.vmap(lambda a: a * ag.grad(f)(2.0))(np.ones(2))[0],
    "checkpoint": lambda f: ag.grad(ag.checkpoint(f))(2.0),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_a_number_of_what_is_differentiated_raises(name: str) -> None:
    for reader, number in NUMBERS.items():
        with pytest.raises((ag.GradError, ValueError)) as caught:
            DERIVATIVES[name](lambda x, number=number: number(x) * x)
        error = caught.value if isinstance(caught.value, ag.GradError) else caught.value.__cause__  # NumPy's is around
        assert isinstance(error, ag.GradError), reader
        assert ".item()" in str(error), reader
        assert ".detach()" in str(error), reader


@pytest.mark.parametrize("name", DERIVATIVES)
def test_what_says_so_is_a_constant_in_every_mode(name: str) -> None:
    for reader, constant in CONSTANTS.items():
        found = DERIVATIVES[name](lambda x, constant=constant: constant(x) * x)
        np.testing.assert_allclose(found, 2.0, err_msg=reader)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_numbers_of_constants_and_under_no_grad_are_numbers(name: str) -> None:
    constant = ag.tensor(5.0)
    found = DERIVATIVES[name](lambda x: float(constant) * x + float(constant + 1) * x)
    np.testing.assert_allclose(found, 11.0)

    def f(x: Any) -> Any:
        with ag.no_grad():
            size = float(x)
        return x * size

    np.testing.assert_allclose(DERIVATIVES[name](f), 2.0)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_branches_and_texts_of_what_is_differentiated_go_on(name: str) -> None:
    def f(x: Any) -> Any:
        assert repr(x)
        assert str(x)
        return x * x if x > 1 and bool(x < 3) else x

    np.testing.assert_allclose(DERIVATIVES[name](f), 4.0)


def test_outside_transformations_a_number_is_a_number() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    loss = x * x
    assert (float(loss), int(loss), complex(loss), math.sqrt(loss)) == (4.0, 4, 4 + 0j, 2.0)
    assert into_an_array(loss) == 4.0
    loss.backward()
    with pytest.raises(ag.GradError, match=r"float\(t\).*\.item\(\) or t\.detach\(\)"):
        ag.vmap(lambda v: v * float(x))(np.ones(2))


def test_checkpoint_outside_transformations_runs_again_as_it_ran() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    ag.checkpoint(lambda x: x * float(x))(x).backward()
    assert x.grad is not None
    assert x.grad.item() == 2.0


@pytest.mark.parametrize("name", DERIVATIVES)
def test_a_shallow_copy_of_what_is_differentiated_is_the_same_number(name: str) -> None:
    np.testing.assert_allclose(DERIVATIVES[name](lambda x: copy.copy(x) * x), 4.0)


def test_a_shallow_copy_shares_nothing_that_changes() -> None:
    """As `t.copy()`, and as of a NumPy array: values of its own, through which gradients flow."""
    leaf = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    constant = ag.tensor([1.0, 2.0])
    for t in (leaf, leaf * 1.0, constant):
        twin = copy.copy(t)
        np.testing.assert_array_equal(twin.detach(), [1.0, 2.0])
        assert twin.requires_grad == t.requires_grad
        assert not np.shares_memory(twin.data, t.data)
    twin = copy.copy(constant)
    twin[0] = 7.0
    np.testing.assert_array_equal(constant, [1.0, 2.0])
    kept = copy.copy(leaf)
    (kept * kept).sum().backward()
    np.testing.assert_array_equal(leaf.grad, [2.0, 4.0])
    leaf.assign([5.0, 5.0])
    np.testing.assert_array_equal(kept.detach(), [1.0, 2.0])


class _Unknown:
    """An array of a library that does not implement NumPy's protocols, with dtypes of its own."""

    shape, ndim, dtype = (2,), 1, "floating"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.ones(2, dtype)


@pytest.mark.parametrize(
    "call",
    [
        lambda f, a: ag.grad(f)(a),
        lambda f, a: ag.value_and_grad(f)({"a": [a]}),
        lambda f, a: ag.jacobian(f)(a),
        lambda f, a: ag.hessian(f)(a),
        lambda f, a: ag.hvp(f)(a, a),
        lambda f, a: ag.linearize(f)(a),
        lambda f, a: ag.jvp(f)((a,), (a,)),
    ],
)
def test_arrays_without_numpys_protocols_are_named(call: Any) -> None:
    with pytest.raises(TypeError, match=r"expected .* an array of NumPy, or of .*; received .*_Unknown.* np\.asarray"):
        call(lambda x: np.sum(x * x), _Unknown())
    assert np.array_equal((ag.tensor(_Unknown()) * 2).numpy(), [2, 2])
