"""Operations of users' functions: every mode by every kind of rule, and what rules are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

X, V = np.array([0.3, 0.7, 1.2]), np.array([1.0, 2.0, -1.0])
Y = np.array([0.5, -0.4, 2.0])
BATCH = np.stack([X, 2 * X])


def only_arrays(*values: Any) -> None:
    for value in values:
        assert isinstance(value, (np.ndarray, np.generic, float)), type(value)


# f(x, y) = x² y, by every way to state its derivatives. None of the opaque rules takes Tensors.
def product(x: Any, y: Any) -> Any:
    only_arrays(x, y)
    return x**2 * y


def vjps(argnums: Any, g: Any, out: Any, x: Any, y: Any) -> list[Any]:
    return [2 * x * y * g if i == 0 else x**2 * g for i in argnums]


def jvps(argnums: Any, tangents: Any, out: Any, x: Any, y: Any) -> Any:
    return sum(2 * x * y * t if i == 0 else x**2 * t for i, t in zip(argnums, tangents, strict=True))


def for_arrays(rule: Callable[..., Any]) -> Callable[..., Any]:
    def checked(first: Any, *rest: Any) -> Any:
        only_arrays(*(x for x in (first, *rest) if not isinstance(x, tuple)))
        return rule(first, *rest)

    return checked


by_x, by_y = (lambda g, out, x, y: 2 * x * y * g), (lambda g, out, x, y: x**2 * g)


def stated(*, opaque: bool = False, vjp: str = "", jvp: str = "", linear: bool = False) -> Any:
    f = ag.primitive(product, opaque=opaque)
    of = for_arrays if opaque else (lambda rule: rule)
    if vjp == "each":
        f.def_vjp(of(by_x), of(by_y))
    elif vjp == "all":
        f.def_vjps(of(vjps))
    if jvp == "each":
        f.def_jvp(of(by_x), of(by_y))
    elif jvp == "all":
        f.def_jvps(of(jvps))
    if linear:
        f.def_linear(1)
    return f


WAYS: dict[str, dict[str, Any]] = {
    "vjp": {"vjp": "each"},
    "vjps": {"vjp": "all"},
    "jvp": {"jvp": "each"},
    "jvps": {"jvp": "all"},
    "both": {"vjp": "each", "jvp": "each"},
    "both at once": {"vjp": "all", "jvp": "all"},
    "mixed": {"vjp": "each", "jvp": "all", "linear": True},
}
ALL_WAYS = {**WAYS, **{f"opaque {name}": {**way, "opaque": True} for name, way in WAYS.items()}}


def exact(x: Any, y: Any) -> Any:
    return x**2 * y


def first_order(f: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """Return first derivatives by every transformation."""
    total = lambda x, y: (f(x, y) * V).sum()  # noqa: E731
    out, pull = ag.vjp(f, (0, 1))(X, Y)
    value, linear = ag.linearize(f)(X, Y)
    return {
        "grad": ag.grad(total, (0, 1))(X, Y),
        "value": (out, value),
        "vjp": pull(V),
        "jvp": ag.jvp(f)((X, Y), (V, X)),
        "jvp by one": ag.jvp(f)((X, Y), (None, X)),
        "linearize": (linear(V, X), linear.transpose(V)),
        "jacobian": ag.jacobian(f, (0, 1), mode="reverse")(X, Y),
        "forward": ag.jacobian(f, (0, 1), mode="forward")(X, Y),
        "vmap": ag.vmap(f, (0, None))(BATCH, Y),
        "vmap grad": ag.vmap(ag.grad(total, (0, 1)), (0, None))(BATCH, Y),
        "grad vmap": ag.grad(lambda x: ag.vmap(total, (0, None))(x, Y).sum())(BATCH),
        "vmap jvp": ag.vmap(lambda x: ag.jvp(f)((x, Y), (V, X))[1])(BATCH),
        "jvp vmap": ag.jvp(ag.vmap(f, (0, None)))((BATCH, Y), (BATCH, X))[1],
        "scan": ag.grad(lambda x: ag.scan(lambda c, e: (f(c, Y), e), x, np.zeros(2))[0].sum())(X),
        "compile": ag.compile(f)(X, Y),
        "compiled grad": [ag.compile(ag.grad(total, (0, 1)))(X, Y)] * 2,
    }


def second_order(f: Callable[[Any, Any], Any]) -> dict[str, Any]:
    total = lambda x, y: (f(x, y) * V).sum()  # noqa: E731
    return {
        "hessian": ag.hessian(total, (0, 1))(X, Y),
        "forward over reverse": ag.jacobian(ag.grad(total), mode="forward")(X, Y),
        "reverse over forward": ag.grad(lambda x: (ag.jvp(f)((x, Y), (V, X))[1] * V).sum())(X),
        "forward over forward": ag.jvp(lambda x: ag.jvp(f)((x, Y), (V, X))[1])((X,), (V,)),
        "third": ag.grad(lambda x: ag.hvp(total)(x, Y, V).sum())(X),
        "compiled hessian": ag.compile(ag.hessian(total))(X, Y),
    }


def assert_like(found: Any, expected: Any) -> None:
    for name, want in expected.items():
        for a, b in zip(ag.tree.leaves(found[name]), ag.tree.leaves(want), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("way", ALL_WAYS)
def test_every_way_to_state_derivatives_gives_them_in_every_mode(way: str) -> None:
    assert_like(first_order(stated(**ALL_WAYS[way])), first_order(exact))


@pytest.mark.parametrize("way", WAYS)
def test_rules_that_tensors_can_read_give_every_order(way: str) -> None:
    assert_like(second_order(stated(**WAYS[way])), second_order(exact))
    taken = ag.primitive(product, opaque=True)  # as if for arrays, though Tensors would do
    taken.def_vjp(by_x, by_y)
    taken.def_jvp(by_x, by_y)
    assert_like(second_order(taken), second_order(exact))
