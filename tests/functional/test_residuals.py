"""What a function with a rule of its own keeps for it: it is made once, and its derivatives count."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

X, X3 = np.array([0.5, 1.5]), np.array([1.0, -2.0, 0.5])
MATRIX = np.array([[2.0, 0.3, 0.1], [0.3, 4.0, 0.2], [0.1, 0.2, 3.0]])


def log_det(a: Any) -> Any:
    return 2 * np.log(np.diagonal(np.linalg.cholesky(a))).sum()


def with_factor(kind: str, opaque: bool = False) -> tuple[Any, list[type]]:
    """Return the logarithm of a determinant whose rule reads the factor, and the factorizations that were made."""
    made: list[type] = []

    def f(a: Any, *, shift: float = 0.0) -> Any:
        made.append(type(a))
        factor = np.linalg.cholesky(a)
        return {"value": 2 * np.log(np.diagonal(factor)).sum() + shift}, [factor, "lower"]

    def slope(g: Any, residuals: Any) -> Any:
        inverse = np.linalg.inv(residuals[0])
        assert residuals[1] == "lower"
        return g["value"] * (inverse.T @ inverse)

    kept = {"opaque": opaque, "residuals": True}
    g = ag.primitive(f, **kept) if kind.startswith("def") else getattr(ag, kind)(residuals=True)(f)
    if kind == "def_vjp":
        g.def_vjp(lambda g, out, a, *, residuals, **_: slope(g, residuals))
    elif kind == "def_vjps":
        g.def_vjps(lambda argnums, g, out, a, *, residuals, **_: [slope(g, residuals)])
    elif kind == "custom_vjp":
        g.def_vjp(lambda g, out, a, *, residuals: (slope(g, residuals),))
    elif kind == "custom_jvp":
        g.def_jvp(lambda ts, out, a, *, residuals: {"value": (slope({"value": 1.0}, residuals) * ts[0]).sum()})
    else:
        g.def_jvp(lambda t, out, a, *, residuals, **_: {"value": (slope({"value": 1.0}, residuals) * t).sum()})
    return g, made


RESIDUALS = [(kind, False) for kind in ("def_vjp", "def_vjps", "def_jvp", "custom_vjp", "custom_jvp")]


@pytest.mark.parametrize(("kind", "opaque"), [*RESIDUALS, ("def_vjp", True), ("def_vjps", True)])
def test_what_the_function_keeps_for_its_rules_is_made_once(kind: str, opaque: bool) -> None:
    f, made = with_factor(kind, opaque)
    loss = lambda a: f(a, shift=1.0)["value"] * 1.5  # noqa: E731
    want = lambda a: log_det(a) * 1.5 + 1.5  # noqa: E731
    np.testing.assert_allclose(f(MATRIX)["value"], log_det(MATRIX))
    made.clear()
    np.testing.assert_allclose(ag.grad(loss)(MATRIX), ag.grad(want)(MATRIX), rtol=1e-10)
    assert made == [np.ndarray]
    w = ag.tensor(MATRIX, requires_grad=True)
    out = loss(w)
    for k in range(2):
        out.backward(retain_graph=k == 0)
    assert made == [np.ndarray] * 2
    np.testing.assert_allclose(w.grad, 2 * ag.grad(want)(MATRIX), rtol=1e-10)
    direction = np.eye(3) + 0.1
    np.testing.assert_allclose(ag.jvp(loss)((MATRIX,), (direction,))[1], ag.jvp(want)((MATRIX,), (direction,))[1])
    every = np.stack([MATRIX, 2 * MATRIX])
    np.testing.assert_allclose(ag.vmap(ag.grad(loss))(every), ag.vmap(ag.grad(want))(every), rtol=1e-10)
    np.testing.assert_allclose(ag.hessian(loss)(MATRIX), ag.hessian(want)(MATRIX), atol=1e-10)


@pytest.mark.parametrize("kind", [kind for kind, _ in RESIDUALS])
def test_in_a_compiled_function_too(kind: str) -> None:
    f, made = with_factor(kind)
    compiled = ag.compile(ag.value_and_grad(lambda a: f(a)["value"]))
    for _ in range(3):
        compiled(MATRIX)
    made.clear()
    value, gradient = compiled(2 * MATRIX)
    np.testing.assert_allclose(value, log_det(2 * MATRIX))
    np.testing.assert_allclose(gradient, ag.grad(log_det)(2 * MATRIX), rtol=1e-10)
    assert made == []
    plan = str(compiled.traces[0].replay.passes[-1].program.graph)
    assert plan.count("= cholesky[") == 1, plan


def test_residuals_are_freed_with_what_else_a_rule_reads() -> None:
    class Factor:
        pass

    refs: list[weakref.ref[Factor]] = []

    @ag.primitive(residuals=True)
    def f(x: Any) -> Any:
        factor = Factor()
        refs.append(weakref.ref(factor))
        return x * 2, factor

    f.def_vjp(lambda g, out, x, *, residuals: g * 2)
    w = ag.tensor(X, requires_grad=True)
    y = f(w)
    assert refs[0]() is not None
    y.sum().backward()
    assert refs[0]() is None
    f(X)
    with ag.no_grad():
        f(w)
    assert [r() for r in refs] == [None] * 3


def test_what_is_wrong_with_residuals_is_said() -> None:
    with pytest.raises(TypeError, match=r"primitive: expected .* to return \(result, residuals\).* received ndarray"):
        ag.primitive(lambda x: x * 2, residuals=True)(X)
    f = ag.primitive(lambda x: (x * 2, np.asarray(memoryview(x))), residuals=True)
    f.def_vjp(lambda g, out, x, *, residuals: g * residuals * 2 / residuals)
    np.testing.assert_array_equal(ag.grad(lambda x: f(x).sum())(X), [2.0] * X.size)
    with pytest.raises(ag.GradError, match=r"primitive: the residuals of .* runs on Tensors, and it raised TypeError"):
        ag.hessian(lambda x: f(x).sum())(X)


@pytest.mark.parametrize("way", ["grad", "value_and_grad", "hvp", "jacobian"])
def test_an_opaque_function_hands_them_on_in_a_compiled_function(way: str) -> None:
    made: list[type] = []

    @ag.primitive(residuals=True, opaque=True, name="solve")
    def f(a: Any, b: Any) -> Any:
        made.append(type(a))
        inverse = np.linalg.inv(np.array(a, dtype=float))
        return {"x": inverse @ b}, (inverse, [2, 1.5])

    def rule(argnums: Any, g: Any, out: Any, a: Any, b: Any, *, residuals: Any) -> list[Any]:
        inverse, (two, more) = residuals
        assert type(inverse) is np.ndarray
        assert (two, more) == (2, 1.5)
        w = inverse.T @ g["x"]
        return [w if i == 1 else -np.outer(w, out["x"]) for i in argnums]

    f.def_vjps(rule)
    f.def_linear(1)
    ways: dict[str, Any] = {
        "grad": lambda f: lambda a, b: ag.grad(lambda a: (f(a, b) ** 2).sum())(a),
        "value_and_grad": lambda f: ag.value_and_grad(lambda a, b: f(a, b).sum(), (0, 1)),
        "hvp": lambda f: lambda a, b: ag.hvp(lambda b: (f(a, b) ** 2).sum())(b, b),
        "jacobian": lambda f: lambda a, b: ag.jacobian(lambda b: f(a, b))(b),
    }
    compiled, want = ag.compile(ways[way](lambda a, b: f(a, b)["x"])), ways[way](np.linalg.solve)
    for k in range(1, 5):
        made.clear()
        found, expected = (ag.tree.leaves(g(k * MATRIX, X3 * k)) for g in (compiled, want))
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10)
    assert compiled.traces[0].replay is not None
    assert set(made) == {np.ndarray}
    assert len(made) == (2 if way == "hvp" else 1)  # for a vector and for its tangent
