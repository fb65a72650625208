"""Rules of users, by every way to give them; one primitive has them in both modes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_lite import GradError, ShapeError, hips
from autograd_lite.hips import grad, hessian, jacobian, make_jvp, make_vjp
from autograd_lite.hips.extend import (
    JVPNode,
    SparseObject,
    VJPNode,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    primitive,
    register_notrace,
    vspace,
)
from autograd_lite.hips.misc import const_graph, flatten
from autograd_lite.hips.misc.fixed_points import fixed_point
from autograd_lite.hips.misc.flatten import flatten_func
from autograd_lite.hips.misc.optimizers import adam, rmsprop, sgd
from autograd_lite.hips.numpy.numpy_vjps import metadata, repeat_to_match_shape, unbroadcast_f
from autograd_lite.hips.scipy import linalg as scipy_linalg, special
from autograd_lite.hips.util import quick_grad_check, subval, subvals, toposort

X = np.array([0.5, 1.5, -1.0])
Y = np.array([2.0, -1.0, 3.0])


def product(x: Any, y: Any, power: int = 1) -> Any:
    """Return x^power y."""
    return x**power * y


def _vjps(f: Any) -> None:
    defvjp(
        f,
        lambda ans, x, y, power=1: lambda g: g * power * x ** (power - 1) * y,
        lambda ans, x, y, power=1: lambda g: g * x**power,
    )


def _vjps_by_place(f: Any) -> None:
    defvjp(f, lambda ans, x, y, power=1: lambda g: g * x**power, argnums=[1])
    rules = {0: lambda x, y, n: n * x ** (n - 1) * y, 1: lambda x, y, n: x**n}
    defvjp_argnum(f, lambda i, ans, args, kwargs: lambda g: g * rules[i](*args, kwargs.get("power", 1)))


def _vjps_at_once(f: Any) -> None:
    def maker(argnums: Any, ans: Any, args: Any, kwargs: Any) -> Callable[[Any], Any]:
        x, y = args
        n = kwargs.get("power", 1)
        both = (n * x ** (n - 1) * y, x**n)
        return lambda g: (g * both[i] for i in argnums)

    defvjp_argnums(f, maker)


def _jvps(f: Any) -> None:
    defjvp(f, lambda g, ans, x, y, power=1: g * power * x ** (power - 1) * y, "same")


def _jvps_by_place(f: Any) -> None:
    defjvp_argnum(
        f,
        lambda i, g, ans, args, kw: (
            g
            * (
                kw.get("power", 1) * args[0] ** (kw.get("power", 1) - 1) * args[1]
                if i == 0
                else args[0] ** kw.get("power", 1)
            )
        ),
    )


def _jvps_at_once(f: Any) -> None:
    def maker(argnums: Any, gs: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        x, y = args
        n = kwargs.get("power", 1)
        both = (n * x ** (n - 1) * y, x**n)
        return sum(g * both[i] for i, g in zip(argnums, gs, strict=True))

    defjvp_argnums(f, maker)


@pytest.mark.parametrize("backward", [_vjps, _vjps_by_place, _vjps_at_once])
@pytest.mark.parametrize("forward", [_jvps, _jvps_by_place, _jvps_at_once, None])
def test_both_modes_use_the_rules(backward: Any, forward: Any) -> None:
    f = primitive(product)
    backward(f)
    if forward:
        forward(f)
    for power in (1, 3):
        of_x, of_y = grad(lambda x, y, n=power: np.sum(f(x, y, power=n) * Y), (0, 1))(X, Y)
        assert np.allclose(of_x, power * X ** (power - 1) * Y * Y)
        assert np.allclose(of_y, X**power * Y)
        assert np.allclose(jacobian(lambda x, n=power: f(x, Y, power=n))(X), np.diag(power * X ** (power - 1) * Y))
        tangent = make_jvp(lambda x, y, n=power: f(x, y, power=n), (0, 1))(X, Y)((Y, X))[1]
        assert np.allclose(tangent, power * X ** (power - 1) * Y * Y + X**power * X)
    assert np.allclose(hessian(lambda x: np.sum(f(x, Y, power=3)))(X), np.diag(6 * X * Y))
    assert np.array_equal(f(X, Y), X * Y)
    assert f.fun is product


def test_rules_see_hips_complex_convention() -> None:
    seen: list[Any] = []

    @primitive
    def square(z: Any) -> Any:
        return z**2

    defvjp(square, lambda ans, z: lambda g: seen.append(g) or 2 * z * g)
    z = 1.0 + 2.0j
    direct = grad(lambda z: np.real(z**2 * (3 - 1j)))(z)
    assert np.isclose(grad(lambda z: np.real(square(z) * (3 - 1j)))(z), direct)
    assert np.isclose(seen[0], 3 - 1j)  # HIPS: a holomorphic factor as it is
    assert np.isclose(make_vjp(square)(z)[0](1j), 2 * z * 1j)


def test_a_missing_rule_is_named() -> None:
    f = primitive(product)
    defvjp(f, None, argnums=[1])
    assert np.array_equal(grad(lambda y: np.sum(f(X, y)))(Y), np.zeros(3))
    with pytest.raises(NotImplementedError, match="VJP of product wrt argnum 0 not defined"):
        grad(lambda x: np.sum(f(x, Y)))(X)
    with pytest.raises(GradError):
        grad(lambda x: np.sum(f(x, Y)))(X)
    with pytest.raises(TypeError, match="expected a function made with @primitive"):
        defvjp(np.sin, None)


@pytest.mark.parametrize("define", [defjvp, defjvp_argnums, defjvp_argnum])
@pytest.mark.parametrize("fun", [hips.numpy.linalg.inv, special.gamma, scipy_linalg.expm])
def test_rules_that_hips_lacks_are_not_needed(define: Any, fun: Any) -> None:
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    direct = make_jvp(fun)(a)(a)[1]
    with pytest.warns(UserWarning, match=f"{fun.__name__} keeps the JVP that it has here"):
        define(fun, lambda *given: 0.0 * a)
    assert np.any(direct)
    assert np.array_equal(make_jvp(fun)(a)(a)[1], direct)


def test_a_vjp_of_scipys_function_is_not_used_and_one_of_numpys_refused() -> None:
    for fun in (special.gamma, scipy_linalg.expm):
        with pytest.warns(UserWarning, match=f"{fun.__name__} keeps the VJP"):
            defvjp(fun, lambda ans, x: lambda g: 0.0 * g)
        assert np.all(hips.elementwise_grad(fun)(np.eye(2)) != 0.0)
    for fun in (hips.numpy.sin, hips.numpy.sum, hips.numpy.linalg.inv, hips.numpy.fft.fft, "sin"):
        with pytest.raises(TypeError, match="expected a function made with @primitive"):
            defvjp(fun, lambda ans, x: lambda g: g)


def test_a_rule_on_bare_arrays_is_called_row_by_row() -> None:
    calls: list[Any] = []
    f = primitive(lambda x, c: x * c)

    def pull(g: Any, c: Any) -> Any:
        bare = hips.tracer.getval(g)  # which a batch of cotangents has none of
        calls.append(bare)
        return np.where(bare > 0, g, 3.0 * g) * c

    defvjp(f, lambda ans, x, c: lambda g: pull(g, c), lambda ans, x, c: lambda g: np.sum(g * x))
    mixed = lambda x: hips.numpy.array([f(x, 2.0)[0], np.sum(f(x, 2.0))])  # noqa: E731
    expected = [[2.0, 0.0, 0.0], [2.0, 2.0, 2.0]]
    calls.clear()
    assert np.array_equal(jacobian(mixed)(X), expected)
    assert [np.shape(g) for g in calls] == [(3,)] * 4  # two rows, each through two calls of f
    assert np.array_equal(jacobian(lambda p: mixed(p["x"]))({"x": X})["x"], expected)
    curved = jacobian(jacobian(lambda x: f(x, 2.0) ** 2))(X)
    assert np.allclose(curved, np.einsum("ij,jk->ijk", np.eye(3), np.diag([8.0, 8.0, 24.0])))


def test_a_rule_with_containers() -> None:
    """The cotangent of a tuple may be an array with an entry for each of its own, and that of the result be a tuple."""

    @primitive
    def f(tree: Any, c: float) -> Any:
        (a, b), (d,) = tree
        return c * a * b, (c * d**2,)

    def rule(ans: Any, tree: Any, c: float) -> Any:
        (a, b), (d,) = tree

        def pull(g: Any) -> Any:
            first, (second,) = g
            calls.append(float(hips.tracer.getval(first)))
            return hips.numpy.array([first * c * b, first * c * a]), (second * 2 * c * d,)

        return pull

    calls: list[float] = []
    defvjp(f, rule, argnums=[0])

    def both(x: Any) -> Any:
        first, (second,) = f(((x[0], x[1]), [x[2]]), 2.0)
        return hips.numpy.array([first, second])

    a, b, d = X
    assert np.allclose(jacobian(both)(X), [[2 * b, 2 * a, 0.0], [0.0, 0.0, 4 * d]])
    assert calls == [1.0, 0.0]  # row by row, since the rule asks for a number
    assert np.allclose(hessian(lambda x: both(x)[0])(X), [[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_what_a_rule_returns_for_an_empty_container_is_left_out() -> None:
    f = primitive(lambda tree: tree[1][0] * tree[1][1])
    defvjp(f, lambda ans, tree: lambda g: (np.zeros((1, 0)), g * np.array([tree[1][1], tree[1][0]])))
    assert np.array_equal(grad(lambda x: f(([], [x[0], x[1]])))(X), [1.5, 0.5, 0.0])
    wrong = primitive(lambda tree: tree[0] * tree[1])
    defvjp(wrong, lambda ans, tree: lambda g: (0.0, g * tree[1], g * tree[0]))
    with pytest.raises(ShapeError, match="expected 2 cotangents for argument 0"):
        grad(lambda x: wrong((x[0], x[1])))(X)


def test_the_jacobian_of_a_number_is_an_array() -> None:
    assert type(jacobian(np.sin)(0.0)) is np.ndarray
    assert jacobian(lambda x: np.sum(x, keepdims=True))(X).shape == (1, 3)


def test_an_error_in_a_rule_is_the_rules_own() -> None:
    f = primitive(lambda x: 2.0 * x)

    def pull(g: Any) -> Any:
        raise ZeroDivisionError("in the rule")

    defvjp(f, lambda ans, x: pull)
    with pytest.raises(ZeroDivisionError, match="in the rule"):
        jacobian(f)(X)


def test_rules_that_are_stated_again_replace_all_that_there_were() -> None:
    f = primitive(product)
    defvjp(f, lambda ans, x, y: lambda g: 2 * g, lambda ans, x, y: lambda g: 3 * g)
    assert np.array_equal(grad(lambda x: np.sum(f(x, Y)))(X), np.full(3, 2.0))
    defvjp(f, lambda ans, x, y: lambda g: 5 * g, argnums=[1])
    assert np.array_equal(grad(lambda y: np.sum(f(X, y)))(Y), np.full(3, 5.0))
    with pytest.raises(NotImplementedError, match="wrt argnum 0 not defined"):
        grad(lambda x: np.sum(f(x, Y)))(X)
    defvjp_argnum(f, lambda i, ans, args, kwargs: lambda g: (7 + i) * g)
    assert np.array_equal(grad(lambda y: np.sum(f(X, y)))(Y), np.full(3, 8.0))


def test_rules_are_freed_with_their_primitive() -> None:
    def used() -> weakref.ref[Any]:
        rule = lambda ans, x: lambda g: g * np.exp(x)  # noqa: E731
        f = primitive(np.exp)
        defvjp(f, rule)
        grad(lambda x: np.sum(f(x)))(X)
        return weakref.ref(rule)

    rule = used()
    gc.collect()
    assert rule() is None


def test_linear_and_constant_primitives() -> None:
    twice = primitive(lambda x: 2 * x)
    def_linear(twice)
    assert np.array_equal(make_jvp(twice)(X)(Y)[1], 2 * Y)
    constant = primitive(lambda x: np.round(x))
    register_notrace(VJPNode, constant)
    register_notrace(JVPNode, constant)
    assert np.array_equal(grad(lambda x: np.sum(x * constant(x)))(X), np.round(X))
    assert np.array_equal(make_jvp(constant)(X)(Y)[1], np.zeros(3))


def test_sparse_gradients_add_themselves() -> None:
    def add_at(i: int, g: Any) -> Callable[[Any], Any]:
        def mut_add(a: Any) -> Any:
            a[i] += g
            return a

        return mut_add

    entry = primitive(lambda x, i: x[i])
    defvjp(entry, lambda ans, x, i: lambda g: SparseObject(vspace(x), add_at(i, g)), None)
    assert np.array_equal(grad(lambda x: entry(x, 1) * 3 + entry(x, 2))(X), [0.0, 3.0, 1.0])


def test_cotangents_come_back_to_the_shapes_of_arguments() -> None:
    for shape in ((3,), (1,), (2, 1), (2, 3), ()):
        x, y = np.full(shape, 2.0), np.arange(6.0).reshape(2, 3)
        f = primitive(lambda x, y: x * y)
        defvjp(f, lambda ans, x, y: unbroadcast_f(x, lambda g, y=y: g * y))
        expected = grad(lambda x, y=y: np.sum(x * y))(x)
        assert np.allclose(grad(lambda x, f=f, y=y: np.sum(f(x, y)))(x), expected)
    assert metadata(1j) == ((), 0, np.dtype(complex), True)
    assert unbroadcast_f(1.0, lambda g: g)(np.array([1 + 1j, 2.0])) == 3.0
    g, n = repeat_to_match_shape(np.array([1.0, 2.0]), (2, 3), float, -1, False)
    assert (g.tolist(), n) == ([[1.0] * 3, [2.0] * 3], 3)
    assert repeat_to_match_shape(2.0, (2, 3), float, None, False)[1] == 6


# ---- misc and util ----


def test_flatten_goes_there_and_back() -> None:
    tree = {"b": [1.0, X], "a": (np.ones((2, 2)), {"z": 1 + 2j})}
    vector, unflatten = flatten(tree)
    assert vector.shape == (9,)
    again = unflatten(vector)
    assert list(again) == ["b", "a"]
    assert type(again["a"]) is tuple
    assert again["a"][1] == {"z": 1 + 2j}
    assert np.array_equal(again["b"][1], X)
    assert again["b"][1].dtype == float
    assert flatten(())[0].shape == (0,)
    f, back, start = flatten_func(lambda p: {"y": p["x"] ** 2}, {"x": X})
    assert np.array_equal(f(start), X**2)
    assert np.array_equal(back(start)["x"], X)
    assert np.array_equal(grad(lambda v: unflatten(v)["b"][1].sum() * 2)(np.ones(9)), [0] * 5 + [0, 2, 2, 2])
    assert grad(lambda x, y: flatten([x, [y]])[0].sum() * x)(3.0, 4.0) == 10.0


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (sgd, {"num_iters": 150}),
        (rmsprop, {"num_iters": 150, "step_size": 0.03}),
        (adam, {"num_iters": 150, "step_size": 0.1}),
    ],
)
def test_optimizers_find_the_minimum_of_a_container(optimizer: Any, options: Any) -> None:
    loss = lambda p, i: np.sum((p["x"] - X) ** 2) + (p["y"][0] - 2.0) ** 2  # noqa: E731
    seen: list[Any] = []
    found = optimizer(grad(loss), {"x": np.zeros(3), "y": [0.0]}, lambda p, i, g: seen.append((i, p, g)), **options)
    assert np.allclose(found["x"], X, atol=0.05)
    assert np.allclose(found["y"][0], 2.0, atol=0.05)
    assert [i for i, _, _ in seen] == list(range(options["num_iters"]))
    assert seen[0][2]["y"] == [-4.0]


def test_the_first_steps_are_those_of_the_formulas() -> None:
    one = lambda optimizer, **kw: float(optimizer(lambda x, i: 2 * x, 3.0, num_iters=1, **kw))  # noqa: E731
    assert np.isclose(one(sgd), 3.0 - 0.1 * 0.1 * 6.0)
    assert np.isclose(one(rmsprop), 3.0 - 0.1 * 6.0 / (np.sqrt(0.9 + 0.1 * 36.0) + 1e-8))
    assert np.isclose(one(adam, step_size=0.5), 3.0 - 0.5 * 6.0 / (6.0 + 1e-8))


def test_fixed_points_have_gradients() -> None:
    newton = lambda a: lambda x: 0.5 * (x + a / x)  # noqa: E731
    root = lambda a: fixed_point(newton, a, 10.0, lambda x, y: abs(x - y), 1e-12)  # noqa: E731
    assert np.isclose(root(2.0), np.sqrt(2.0))
    assert np.isclose(grad(root)(2.0), 0.5 / np.sqrt(2.0))
    assert np.isclose(grad(grad(root))(2.0), -0.25 * 2.0**-1.5)


def test_const_graph_gives_the_function() -> None:
    f = lambda x, y: x * np.sin(y) + np.sum(y)  # noqa: E731
    g = const_graph(f, 2.0)
    for y in (Y, -Y, Y, X):
        assert np.array_equal(g(y), f(2.0, y))


def test_tuples_and_orders() -> None:
    assert subvals([1, 2, 3], [(0, 5), (2, 6)]) == (5, 2, 6)
    assert subval([1, 2], 1, 7) == (1, 7)
    parents = {"d": ["b", "c"], "c": ["a"], "b": ["a"], "a": []}
    order = list(toposort("d", parents.__getitem__))
    assert order[0] == "d"
    assert order[-1] == "a"
    assert sorted(order) == ["a", "b", "c", "d"]
    with pytest.warns(UserWarning, match="deprecated"):
        quick_grad_check(lambda x, y: x**2 + y, 1.0, (2.0,))
    assert hips.util.func(abs) is abs
