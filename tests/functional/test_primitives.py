"""Operations of users' functions: every mode by every kind of rule, and what rules are given."""

from __future__ import annotations

import copy
import functools
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core import ownership
from autograd_lite.tensors.tracers import Tracer

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


# ---- what rules and the function are given --------------------------------------------------------------------------


def recording(opaque: bool) -> tuple[Any, list[Any]]:
    """Return a primitive with all rules, and what these are given from now on."""
    seen: list[Any] = []
    f = ag.primitive(lambda x, y, *, power=2: x**power * y, opaque=opaque, name="recorded")

    def rule(i: int, kind: str) -> Callable[..., Any]:
        def read(first: Any, out: Any, x: Any, y: Any, *, power: int = 2) -> Any:
            seen.append((kind, i, power))
            for value in (first, out, x, y):
                assert isinstance(value, (np.ndarray, np.generic, float) if opaque else (ag.Tensor, np.ndarray, float))
            return first * (power * x ** (power - 1) * y if i == 0 else x**power)

        return read

    f.def_vjp(rule(0, "vjp"), rule(1, "vjp"))
    f.def_jvp(rule(0, "jvp"), rule(1, "jvp"))
    return f, seen


@pytest.mark.parametrize("opaque", [False, True])
def test_only_the_rules_asked_for_run_and_keywords_reach_them(opaque: bool) -> None:
    f, seen = recording(opaque)
    found = ag.grad(lambda y: f(X, y, power=3).sum())(Y)
    np.testing.assert_allclose(found, X**3)
    w = ag.tensor(Y, requires_grad=True)
    assert_like({"x": ag.grad(lambda x: f(x, w).sum())(X).data}, {"x": 2 * X * Y})
    assert_like({"x": ag.jvp(f)((X, Y), (V, None), power=3)[1]}, {"x": 3 * X**2 * Y * V})
    assert seen == [("vjp", 1, 3), ("vjp", 0, 2), ("jvp", 0, 3)]


@pytest.mark.parametrize("opaque", [False, True])
def test_no_rule_meets_a_value_of_a_transformation_that_is_no_tensor(opaque: bool) -> None:
    f, seen = recording(opaque)
    found, expected = first_order(f), first_order(exact)
    assert_like(found, expected)
    assert {kind for kind, _, _ in seen} == {"vjp", "jvp"}


@pytest.mark.parametrize(
    "make", [ag.elementwise, lambda f, rule, **facts: ag.elementwise(f, ag.applied(rule), **facts)]
)
def test_nor_does_one_of_an_elementwise_op(make: Any) -> None:
    def rule(*values: Any) -> Any:
        assert not any(isinstance(v, Tracer) for v in values)
        return 2 * values[-1] if make is ag.elementwise else values[0] * 2 * values[-1]

    square = make(lambda x: x * x, rule, name="square_", saves="x")
    found = first_order(lambda x, y: square(x) * y)
    assert_like(found, first_order(exact))


def test_the_function_runs_as_if_outside_of_all_transformations() -> None:
    kinds: list[type] = []

    def root(a: Any) -> Any:
        x = np.ones_like(a)
        for _ in range(40):
            _, slope = ag.value_and_grad(lambda r: ((r * r - a) ** 2).sum())(x)
            kinds.append(type(slope))
            x = x - (x * x - a) / (2 * x)
        return x

    f = ag.primitive(root)
    f.def_vjp(lambda g, out, a: g / (2 * out))
    a = np.array([2.0, 9.0])
    np.testing.assert_allclose(ag.hessian(lambda a: f(a).sum())(a), np.diag(-0.25 * a**-1.5))
    np.testing.assert_allclose(ag.vmap(ag.grad(lambda a: f(a).sum()))(np.stack([a, a]))[1], 0.5 / np.sqrt(a))
    np.testing.assert_allclose(ag.jvp(lambda b: f(a) * b)((a,), (a,))[1], np.sqrt(a) * a)
    assert set(kinds) == {np.ndarray}


def test_in_a_compiled_function_an_opaque_rule_is_called_at_every_replay() -> None:
    calls = []
    f = ag.primitive(lambda x: (calls.append("f"), x * x)[1], opaque=True)
    f.def_vjp(lambda g, out, x: (calls.append("rule"), only_arrays(g, out, x), 2 * x * g)[2])
    compiled = ag.compile(ag.grad(lambda x: f(x).sum()))
    for _ in range(3):
        compiled(X)
    calls.clear()
    for k in (1.0, 2.0):
        np.testing.assert_array_equal(compiled(k * X), 2 * k * X)
    assert calls == ["f", "rule"] * 2


def test_a_batch_goes_one_by_one_through_rules_for_arrays() -> None:
    shapes: list[Any] = []
    f = ag.primitive(lambda x: x * x, opaque=True)
    f.def_vjp(lambda g, out, x: (shapes.append((g.shape, x.shape)), 2 * x * g)[1])
    ag.jacobian(f)(X)
    assert shapes == [((3,), (3,))] * 3
    shapes.clear()
    ag.vmap(ag.grad(lambda x: f(x).sum()))(BATCH)
    assert shapes == [((3,), (3,))] * 2


# ---- second derivatives of rules for arrays -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "second",
    [
        lambda f: ag.hessian(lambda x: f(x).sum())(X),
        lambda f: ag.grad(lambda x: ag.grad(lambda x: f(x).sum())(x).sum())(X),
        lambda f: ag.jacobian(ag.grad(lambda x: f(x).sum()), mode="forward")(X),
        lambda f: ag.jvp(lambda x: ag.jvp(f)((x,), (V,))[1])((X,), (V,)),
        lambda f: twice(f, ag.tensor(X, requires_grad=True)),
    ],
)
@pytest.mark.parametrize("leak", [np.asarray, lambda x: np.array([float(v) for v in x]), lambda x: np.array(list(x))])
@pytest.mark.parametrize("of", ["x", "out"])
def test_a_second_derivative_that_a_rule_for_arrays_cannot_give_raises(second: Any, leak: Any, of: str) -> None:
    f = ag.primitive(np.exp, opaque=True, name="leaking")
    f.def_vjp(lambda g, out, x: g * (leak(out) if of == "out" else np.exp(leak(x))))
    f.def_jvp(lambda t, out, x: t * (leak(out) if of == "out" else np.exp(leak(x))))
    np.testing.assert_allclose(ag.grad(lambda x: f(x).sum())(X), np.exp(X))
    with pytest.raises(ag.GradError, match=r"a derivative of the (VJP|JVP) rule of leaking was asked for"):
        second(f)


def twice(f: Any, x: Any) -> Any:
    f(x).sum().backward(create_graph=True)
    x.grad.sum().backward()


def test_what_is_linear_has_second_derivatives_though_its_rule_takes_arrays() -> None:
    a = np.random.default_rng(0).normal(size=(3, 3))
    f = ag.primitive(lambda x: a @ x, opaque=True)
    f.def_vjp(lambda g, out, x: a.T @ np.asarray(g))
    f.def_linear()
    loss = lambda x: (f(x) ** 4).sum()  # noqa: E731
    plain = lambda x: ((a @ x) ** 4).sum()  # noqa: E731
    np.testing.assert_allclose(ag.hessian(loss)(X), ag.hessian(plain)(X), rtol=1e-12)
    np.testing.assert_allclose(ag.hvp(loss)(X, V), ag.hvp(plain)(X, V), rtol=1e-12)
    third = [ag.jacobian(ag.hessian(h))(X) for h in (loss, plain)]
    np.testing.assert_allclose(*third, rtol=1e-12)


def test_what_is_linear_in_each_argument_needs_no_rule() -> None:
    calls: list[Any] = []
    f = ag.primitive(lambda x, y: (calls.append((x, y)), x * y)[1])
    f.def_linear()
    assert_like(first_order(f), first_order(lambda x, y: x * y))
    calls.clear()
    ag.jvp(f)((X, Y), (V, None))
    assert [x for x, _ in calls] == [pytest.approx(X), pytest.approx(V)]


# ---- containers, results, and other ways to call --------------------------------------------------------------------


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("state", ["def_vjp", "def_jvp"])
def test_containers_and_several_results_in_every_mode(opaque: bool, state: str) -> None:
    f = ag.primitive(lambda p, k, *, shift=0.0: {"out": [p["a"] * p["b"] ** k, p["a"].sum() + shift]}, opaque=opaque)

    def vjp(g: Any, out: Any, p: Any, k: int, **_: Any) -> Any:
        first, second = g["out"]
        return {"a": first * p["b"] ** k + second, "b": k * first * p["a"] * p["b"] ** (k - 1)}

    def jvp(t: Any, out: Any, p: Any, k: int, **_: Any) -> Any:
        return {"out": [t["a"] * p["b"] ** k + k * p["a"] * p["b"] ** (k - 1) * t["b"], t["a"].sum()]}

    getattr(f, state)(vjp if state == "def_vjp" else jvp)

    def ours(x: Any, y: Any) -> Any:
        first, second = f({"a": x, "b": y}, 2, shift=3.0)["out"]
        return first * second

    assert_like(first_order(ours), first_order(lambda x, y: x * y**2 * (x.sum() + 3)))
    if not opaque:
        assert_like(second_order(ours), second_order(lambda x, y: x * y**2 * (x.sum() + 3)))


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("state", ["def_vjp", "def_jvp"])
def test_rules_of_complex_numbers_are_those_of_real_ones(opaque: bool, state: str) -> None:
    f = ag.primitive(lambda z: z**3, opaque=opaque)
    getattr(f, state)(lambda first, out, z: 3 * z**2 * first)
    real = ag.primitive(np.real, opaque=opaque)  # a function that is not holomorphic
    getattr(real, state)((lambda g, out, z: g + 0j) if state == "def_vjp" else (lambda t, out, z: t.real))
    z, t = X + 1j * Y, V - 2j
    for ours, plain in ((f, lambda z: z**3), (real, np.real)):
        loss = lambda f: lambda z: (np.abs(f(z)) ** 2).sum()  # noqa: E731
        np.testing.assert_allclose(ag.grad(loss(ours))(z), ag.grad(loss(plain))(z), rtol=1e-12)
        np.testing.assert_allclose(ag.jvp(ours)((z,), (t,))[1], ag.jvp(plain)((z,), (t,))[1], rtol=1e-12)


def test_methods_pickles_and_copies() -> None:
    holder = Holder()
    assert ag.grad(holder.scaled)(2.0) == 3.0
    assert pickle.loads(pickle.dumps(cube)) is cube
    assert copy.deepcopy(cube) is cube
    assert repr(cube) == "<primitive cube>"
    unnamed = ag.primitive(functools.partial(np.add, 1.0))
    assert copy.deepcopy([unnamed])[0] is unnamed


class Holder:
    factor = 3.0

    @ag.primitive
    def scaled(self, x: Any) -> Any:
        return x * self.factor

    scaled.def_vjp(lambda g, out, self, x: g * self.factor, argnums=[1])


@ag.primitive
def cube(x: Any) -> Any:
    return x**3


def test_results_of_every_kind_and_calls_without_tensors() -> None:
    number = ag.primitive(lambda x: 2.0 * float(np.sum(x)))
    number.def_vjp(lambda g, out, x: 2 * g * np.ones_like(x))
    np.testing.assert_array_equal(ag.grad(number)(X), [2, 2, 2])
    made = ag.primitive(lambda x: {"set": {1, 2}})
    assert made(X) == {"set": {1, 2}}  # as it is
    with pytest.raises(TypeError, match="expected the function to return an array or a container of arrays"):
        ag.primitive(lambda x: None)(ag.tensor(X))
    out = ag.primitive(lambda x: x)(ag.tensor(X))
    assert isinstance(out, ag.Tensor)
    assert not out.requires_grad


def test_an_error_of_the_function_or_a_rule_is_the_users() -> None:
    class Mine(Exception):
        pass

    def fails(*_: Any) -> Any:
        raise Mine("told by the user")

    with pytest.raises(Mine, match="^told by the user$"):
        ag.primitive(fails)(ag.tensor(X))
    f = ag.primitive(lambda x: x * 1)
    f.def_vjp(fails)
    with pytest.raises(Mine, match="^told by the user$"):
        ag.grad(lambda x: f(x).sum())(X)


# ---- what is missing is said ----------------------------------------------------------------------------------------


def test_a_missing_rule_is_named_when_it_is_asked_for() -> None:
    f = ag.primitive(product)
    assert f(ag.tensor(X, requires_grad=True), 1.0).requires_grad
    for missing in (lambda: ag.grad(lambda x: f(x, Y).sum())(X), lambda: ag.jvp(f)((X, Y), (V, None))):
        with pytest.raises(ag.GradError, match=r"product has no (VJP|JVP) rule for argument 0") as error:
            missing()
        assert isinstance(error.value, NotImplementedError)
    f.def_vjp(None, by_y)
    np.testing.assert_array_equal(ag.grad(lambda x: f(x, Y).sum())(X), np.zeros(3))
    np.testing.assert_allclose(ag.grad(lambda y: f(X, y).sum())(Y), X**2)
    f.def_vjp(lambda g, out, x, y: None)
    np.testing.assert_array_equal(ag.grad(lambda x: f(x, Y).sum())(X), np.zeros(3))
    f.def_jvp(by_x, lambda t, out, x, y: None)
    np.testing.assert_array_equal(ag.jvp(f)((X, Y), (V, V))[1], by_x(V, None, X, Y))
    np.testing.assert_array_equal(ag.jvp(f)((X, Y), (None, V))[1], np.zeros(3))


def test_a_rule_of_none_counts_after_a_call_too() -> None:
    f = ag.primitive(lambda x: 2 * x)
    f.def_vjp(lambda g, out, x: 2 * g)
    assert ag.jvp(f)((1.0,), (1.0,))[1] == 2.0  # by transposing
    f.def_jvp(None)
    assert ag.jvp(f)((1.0,), (1.0,))[1] == 0.0


def test_a_rule_is_freed_with_its_function() -> None:
    def used() -> weakref.ref[Any]:
        rule = lambda g, out, x: g * np.exp(x)  # noqa: E731
        f = ag.primitive(np.exp)
        f.def_vjp(rule)
        ag.grad(lambda x: f(x).sum())(X)
        return weakref.ref(rule)

    rule = used()
    gc.collect()  # a function and its ops refer to each other
    assert rule() is None


def test_a_tensor_in_a_keyword_loses_no_gradient_unseen() -> None:
    f = ag.primitive(lambda x, *, scale: x * scale)
    f.def_vjp(lambda g, out, x, scale: g * scale)
    np.testing.assert_array_equal(ag.grad(lambda x: f(x, scale=ag.tensor(Y)).sum())(X), Y)
    np.testing.assert_array_equal(ag.vmap(lambda x: f(x, scale=x))(BATCH), BATCH**2)
    f.def_jvps(lambda argnums, tangents, out, x, scale: tangents[0] * scale)
    f.def_vjps(lambda argnums, g, out, x, scale: [g * scale] * len(argnums))
    for is_differentiated in (
        lambda: ag.grad(lambda x: f(x, scale=x).sum())(X),
        lambda: ag.grad(lambda x: f(Y, scale=x).sum())(X),
        lambda: ag.jvp(lambda x: f(Y, scale=x))((X,), (V,)),
    ):
        with pytest.raises(ag.GradError, match="no derivative by the keyword scale="):
            is_differentiated()


def test_cotangents_that_do_not_fit_are_named() -> None:
    f = ag.primitive(product)
    f.def_vjp(lambda g, out, x, y: g[:2], lambda g, out, x, y: g)
    with pytest.raises(ag.ShapeError, match=r"cotangent of shape \(3,\) for argument 0 of product; received \(2,\)"):
        ag.grad(lambda x: f(x, Y).sum())(X)
    assert ag.grad(lambda y: f(X, y).sum())(2.0) == 3.0  # summed, as where the function broadcasts
    with pytest.raises(ValueError, match="expected as many argnums as rules, 1; received 2"):
        f.def_vjp(by_x, argnums=(0, 1))


def test_one_rule_for_many_elements_is_not_called_for_each_of_them() -> None:
    f = ag.primitive(lambda x: x * 2, opaque=True, name="doubled")
    f.def_vjp(lambda g, out, x: g * 2)
    with pytest.raises(ag.GradError, match="doubled has no JVP rule for argument 0, .* each of 20,000 elements"):
        ag.jvp(f)((np.ones(20_000),), (np.ones(20_000),))


def test_a_picture_and_a_program_show_the_call() -> None:
    f = ag.primitive(lambda x, n, *, mode: x * n, name="stretched")
    f.def_vjp(lambda g, out, x, n, mode: g * n)
    y = f(ag.tensor(X, requires_grad=True), 2, mode="fast")
    graph = ag.build_graph(y.sum())
    assert "stretched[call=(·, 2, mode=fast)]" in str(graph)
    program = ag.Program.trace(lambda x: f(x, 2, mode="fast"), X)
    np.testing.assert_array_equal(program(Y), 2 * Y)


@pytest.mark.skipif(ownership._ALONE < 0, reason="the counts of this interpreter do not tell one holder from two")
def test_large_results_are_not_copied_unless_something_else_holds_them() -> None:
    places: list[int] = []

    def noted(a: np.ndarray) -> np.ndarray:
        places.append(a.__array_interface__["data"][0])
        return a

    x = ag.tensor(np.ones(1 << 16), requires_grad=True)
    for state, rule in (
        ("def_vjp", lambda g, out, x: noted(g * 2)),
        ("def_vjps", lambda argnums, g, out, x: [noted(g * 2)]),
    ):
        f = ag.primitive(lambda x: noted(x * 2))
        getattr(f, state)(rule)
        x.grad = None
        y = f(x)
        y.backward(np.ones(1 << 16))
        assert [y.data.__array_interface__["data"][0], x.grad.data.__array_interface__["data"][0]] == places
        places.clear()
    kept = np.ones(1 << 16)
    f = ag.primitive(lambda x: kept)
    f.def_vjp(lambda g, out, x: kept)
    x.grad = None
    y = f(x)
    y.backward(np.ones(1 << 16))
    kept[:] = 7
    assert (y.data == 1).all()
    assert (x.grad.data == 1).all()


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("several", [False, True])
def test_a_function_with_effects_is_called_once_in_each_run(read: bool, several: bool) -> None:
    """Read or not, compiled or not, in both directions; to plan the replay, nothing is called."""
    calls: list[float] = []

    def doubled(x: Any) -> Any:
        calls.append(float(x[0]))
        return [2 * x, 3] if several else 2 * x

    double = ag.primitive(doubled, placeholder=lambda x: [np.zeros_like(x), 0] if several else np.zeros_like(x))
    double.def_vjp(lambda g, out, x: double(g[0])[0] if several else double(g))

    def f(x: Any) -> Any:
        y = double(x)[0] if several else double(x)
        return (y * y if read else x * x).sum()

    run = ag.compile(ag.grad(f))
    for i in range(1, 6):
        calls.clear()
        found = run(np.full(2, float(i)))
        np.testing.assert_array_equal(found, np.full(2, 8.0 * i if read else 2.0 * i))
        assert calls == ([float(i), 4.0 * i] if read else [float(i)])
