"""`defvjp`, `defjvp` and `defjvps`: rules as JAX's programs write them give what they give there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

Program = tuple[Callable[..., Any], tuple[Any, ...]]
X = np.linspace(0.5, 1.0, 3)


def programs(ad: Any, np: Any) -> dict[str, Program]:
    """Return functions whose rules are not their derivatives, so that it is seen when they are not called."""

    @ad.custom_vjp
    def product(x: Any, y: Any) -> Any:
        return np.sin(x) * y

    product.defvjp(
        lambda x, y: (product(x, y), (x, y)), lambda xy, g: (2 * g * np.cos(xy[0]) * xy[1], g * np.sin(xy[0]))
    )

    @functools.partial(ad.custom_vjp, nondiff_argnums=(0, 2))
    def applied(f: Any, x: Any, scale: float) -> Any:
        return f(x) * scale

    applied.defvjp(lambda f, x, scale: (applied(f, x, scale), x), lambda f, scale, x, g: (g * 3 * x * scale,))

    @ad.custom_vjp
    def tree(p: Any) -> Any:
        return {"a": p["w"] * p["b"][0]}

    tree.defvjp(lambda p: (tree(p), p), lambda p, g: ({"b": [g["a"] * p["w"]], "w": 5 * g["a"] * p["b"][0]},))

    @ad.custom_jvp
    def softplus(x: Any) -> Any:
        return np.log1p(np.exp(x))

    @softplus.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return softplus(x), 2 * t * (1 - 1 / (1 + np.exp(x)))

    @functools.partial(ad.custom_jvp, nondiff_argnums=(1,))
    def power(x: Any, n: int) -> Any:
        return x**n

    @power.defjvp
    def _(n: int, primals: Any, tangents: Any) -> Any:
        return power(primals[0], n), 7 * n * primals[0] ** (n - 1) * tangents[0]

    @ad.custom_jvp
    def first(x: Any, y: Any) -> Any:
        return x * y

    first.defjvps(lambda t, out, x, y: t * y, None)

    @ad.custom_vjp
    def scaled(x: Any, scale: Any = 3.0) -> Any:
        return x * scale

    scaled.defvjp(lambda x, scale: (scaled(x, scale), (x, scale)), lambda xs, g: (5 * g * xs[1], (g * xs[0]).sum()))
    return {
        "keyword": (lambda x, y: scaled(x, scale=y).sum(), (X, 2.0)),
        "default": (lambda x: scaled(x).sum(), (X,)),
        "product": (lambda x, y: product(x, y).sum(), (X, X + 1)),
        "applied": (lambda x: applied(lambda a: np.tanh(a) + 1, x, 0.5).sum(), (X,)),
        "tree": (lambda p: tree(p)["a"].sum(), ({"b": [X + 2], "w": X},)),
        "softplus": (lambda x: (softplus(x) ** 2).sum(), (X,)),
        "power": (lambda x: power(x, 3).sum(), (X,)),
        "first": (lambda x: first(x, np.sin(x)).sum(), (X,)),
    }


def second(ad: Any, f: Any, argnums: tuple[int, ...]) -> Any:
    def total(*args: Any) -> Any:
        return sum(a.sum() for a in ad.grad(f, argnums)(*args))

    return ad.grad(total, argnums)


# What is done with a program: its gradient by one of two libraries, or the second derivative.
MODES: dict[str, Callable[[Any, Any, Any, tuple[int, ...]], Any]] = {
    "gradient": lambda ad, jit, f, argnums: ad.value_and_grad(f, argnums),
    "compiled": lambda ad, jit, f, argnums: jit(ad.grad(f, argnums)),
    "second": lambda ad, jit, f, argnums: second(ad, f, argnums),
    "compiled second": lambda ad, jit, f, argnums: jit(second(ad, f, argnums)),
    "tangent": lambda ad, jit, f, argnums: lambda *args: ad.jvp(f)(args, args) if ad is ag else ad.jvp(f, args, args),
}


@pytest.mark.ci
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", programs(ag, np))
def test_programs_compute_what_they_do_in_jax(name: str, mode: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    if mode == "tangent" and name not in ("softplus", "power", "first"):
        pytest.skip("JAX has no forward mode of a custom_vjp")
    if "second" in mode and name == "tree":
        pytest.skip("its gradient is a container")
    (ours, args), (theirs, _) = programs(ag, np)[name], programs(jax, jax.numpy)[name]
    argnums = tuple(range(len(args)))
    f = MODES[mode](ag, ag.compile, ours, argnums)
    expected = jax.tree.leaves(MODES[mode](jax, jax.jit, theirs, argnums)(*jax.tree.map(jax.numpy.asarray, args)))
    for _ in range(3):  # the third run of what is compiled is a replay
        results = ag.tree.leaves(f(*args))
        assert len(results) == len(expected)
        for a, b in zip(results, expected, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, rtol=1e-10)


def test_the_residuals_of_the_forward_run_reach_bwd() -> None:
    calls = []
    f = ag.custom_vjp(lambda x: x**2)

    def forward(x: Any) -> Any:
        calls.append("fwd")
        return f(x), 7 * x

    f.defvjp(forward, lambda residual, g: (calls.append("bwd"), g * residual)[1:])
    assert ag.grad(f)(2.0) == 14.0
    assert calls == ["fwd", "bwd"]
    assert f(3.0) == 9.0


@pytest.mark.parametrize("gs", [2.0, (1.0, 2.0), np.ones(1), None])
def test_bwd_returns_a_tuple_with_a_cotangent_for_each_argument(gs: Any) -> None:
    f = ag.custom_vjp(lambda x, n: x * n, nondiff_argnums=(1,))
    f.defvjp(lambda x, n: (x * n, None), lambda n, residuals, g: gs)
    with pytest.raises(ag.ShapeError, match="custom_vjp: expected bwd of <lambda> to return a tuple of 1 cotangents"):
        ag.grad(lambda x: f(x, 3))(1.0)
