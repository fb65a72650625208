"""Functions with derivatives of their own, stop_gradient, and checkpoint."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

X = np.array([0.3, 0.7, 1.2])
V = np.array([1.0, 2.0, -1.0])
BATCH = np.stack([X, 2 * X])


@ag.custom_vjp
def scaled_square(x: Any, y: Any, *, power: int = 2) -> Any:
    # What only arrays can do: a Tensor has no such method.
    assert isinstance(x, (np.ndarray, float))
    return np.asarray(x) ** power * y


@scaled_square.def_vjp
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return 2 * x * y * g, x**2 * g


@ag.custom_jvp
def cube(x: Any) -> Any:
    return np.asarray(x) ** 3


@cube.def_jvp
def _(tangents: Any, out: Any, x: Any) -> Any:
    return 3 * x**2 * tangents[0]


def quartic(x: Any) -> Any:
    return (scaled_square(x, 2.0 * x) * x).sum()  # 2 x⁴


def cubic(x: Any) -> Any:
    return (cube(x) * x).sum()  # x⁴


@pytest.mark.parametrize(("f", "scale"), [(quartic, 2.0), (cubic, 1.0)])
def test_a_custom_rule_serves_every_mode_and_order(f: Any, scale: float) -> None:
    first, second = 4 * scale * X**3, 12 * scale * X**2
    np.testing.assert_allclose(ag.grad(f)(X), first)
    np.testing.assert_allclose(ag.jvp(f)((X,), (V,))[1], first @ V)
    np.testing.assert_allclose(ag.hessian(f)(X), np.diag(second), atol=1e-14)
    np.testing.assert_allclose(ag.jacobian(ag.grad(f), mode="forward")(X), np.diag(second), atol=1e-14)
    np.testing.assert_allclose(ag.vmap(ag.grad(f))(BATCH), 4 * scale * BATCH**3)
    np.testing.assert_allclose(ag.jvp(lambda x: ag.jvp(f)((x,), (V,))[1])((X,), (V,))[1], second @ V**2)
    t = ag.tensor(X, requires_grad=True)
    f(t).backward()
    np.testing.assert_allclose(t.grad, first)


def test_the_rule_is_really_used() -> None:
    @ag.custom_vjp
    def identity(x: Any) -> Any:
        return x * 1

    identity.def_vjp(lambda g, out, x: (g * 7,))
    np.testing.assert_array_equal(ag.grad(lambda x: identity(x).sum())(X), [7, 7, 7])
    push = ag.jvp(identity)
    np.testing.assert_array_equal(push((X,), (V,))[1], 7 * V)
    assert push.report == ("identity",)

    @ag.custom_jvp
    def other(x: Any) -> Any:
        return x * 1

    other.def_jvp(lambda tangents, out, x: tangents[0] * 7)
    push = ag.jvp(other)
    np.testing.assert_array_equal(push((X,), (V,))[1], 7 * V)
    assert push.report == ()
    np.testing.assert_array_equal(ag.grad(lambda x: other(x).sum())(X), [7, 7, 7])


def test_containers_and_several_results() -> None:
    @ag.custom_vjp
    def f(p: Any, n: int) -> Any:
        return {"scaled": p["u"] * n, "total": np.sum(p["u"])}

    @f.def_vjp
    def _(g: Any, out: Any, p: Any, n: int) -> Any:
        return {"u": g["scaled"] * n + g["total"]}, None

    def loss(u: Any) -> Any:
        out = f({"u": u}, 2)
        return (out["scaled"] ** 2).sum() + 3 * out["total"]

    np.testing.assert_allclose(ag.grad(loss)(X), 8 * X + 3)
    plain = f({"u": X}, 2)
    np.testing.assert_array_equal(plain["scaled"], 2 * X)


def test_what_is_wrong_with_a_custom_rule_is_said() -> None:
    @ag.custom_vjp
    def f(x: Any, y: Any) -> Any:
        return x * y

    with pytest.raises(ag.GradError, match=r"custom_vjp: f has no derivative yet; decorate one with @f\.def_vjp"):
        f(X, X)
    f.def_vjp(lambda g, out, x, y: (g,))
    with pytest.raises(ag.ShapeError, match=r"expected the rule of f to return 2 cotangents, .* received 1"):
        ag.grad(lambda x: f(x, x).sum())(X)
    f.def_vjp(lambda g, out, x, y: (g, g[:2]))
    with pytest.raises(ag.ShapeError, match=r"cotangent of shape \(3,\) for argument 1 of f; received \(2,\)"):
        ag.grad(lambda x: f(x, x).sum())(X)


def test_stop_gradient_stops_every_mode() -> None:
    def f(x: Any) -> Any:
        return (x * ag.stop_gradient(x * x)).sum()

    np.testing.assert_array_equal(ag.grad(f)(X), X * X)
    np.testing.assert_allclose(ag.jvp(f)((X,), (V,))[1], (X * X) @ V)
    np.testing.assert_array_equal(ag.hessian(f)(X), np.zeros((3, 3)))
    np.testing.assert_array_equal(ag.vmap(ag.grad(f))(BATCH), BATCH * BATCH)
    assert ag.stop_gradient({"a": X, "n": 3})["n"] == 3


# ---- checkpoint -----------------------------------------------------------------------------------------------------


def block(x: Any, w: Any) -> Any:
    for _ in range(20):
        x = np.tanh(x * w)
    return x


def loss(x: Any, w: Any, wrap: Any) -> Any:
    for _ in range(6):
        x = wrap(block)(x, w)
    return (x * x).sum()


def test_the_gradients_are_the_same_to_the_last_bit() -> None:
    plain = ag.grad(lambda x, w: loss(x, w, lambda f: f), (0, 1))(X, 1.1)
    again = ag.grad(lambda x, w: loss(x, w, ag.checkpoint), (0, 1))(X, 1.1)
    np.testing.assert_array_equal(plain[0], again[0])
    # Of what several blocks share, the sum over ops becomes a sum over blocks: the same but for the order.
    np.testing.assert_allclose(plain[1], again[1], rtol=1e-14)
    for f in (ag.hessian, lambda f: ag.jacobian(ag.grad(f), mode="forward"), lambda f: ag.jacobian(f, mode="forward")):
        plain = f(lambda x: loss(x, 1.1, lambda block: block))(X)
        np.testing.assert_allclose(f(lambda x: loss(x, 1.1, ag.checkpoint))(X), plain, rtol=1e-13)


def test_less_is_kept() -> None:
    big = np.random.default_rng(0).normal(size=50_000)
    peak = {}
    for name, wrap in (("plain", lambda f: f), ("checkpoint", ag.checkpoint)):
        tracemalloc.start()
        ag.grad(lambda x, wrap=wrap: loss(x, 1.1, wrap))(big)
        peak[name] = tracemalloc.get_traced_memory()[1] / big.nbytes
        tracemalloc.stop()
    # Plain keeps 2 arrays an op, 240 in all; with checkpoints 6 arguments, and one block of 40.
    assert peak["plain"] > 120
    assert peak["checkpoint"] < peak["plain"] / 2.5


def test_parameters_that_come_through_a_closure_get_their_gradients() -> None:
    w = ag.tensor(1.1, requires_grad=True)
    scale = w * 2
    grads = []
    for wrap in (lambda f: f, ag.checkpoint):
        x = ag.tensor(X, requires_grad=True)
        out = wrap(lambda x: {"a": np.sin(x * w), "b": (x * scale).sum()})(x)
        (out["a"].sum() * out["b"]).backward(retain_graph=True)
        grads.append((x.grad.numpy(), w.grad.numpy()))
        w.grad = None
    np.testing.assert_array_equal(grads[0][0], grads[1][0])
    np.testing.assert_allclose(grads[0][1], grads[1][1], rtol=1e-14)


def test_random_draws_are_drawn_again() -> None:
    own = ag.Generator(3)

    def noisy(x: Any) -> Any:
        return x * ag.random.normal((3,)) * ag.random.uniform((3,), generator=own)

    found = []
    for wrap in (lambda f: f, ag.checkpoint):
        ag.set_seed(5)
        own.seed(3)
        x = ag.tensor(X, requires_grad=True)
        (wrap(noisy)(x) ** 2).sum().backward()
        found.append((x.grad.numpy(), float(ag.random.normal(())), float(ag.random.normal((), generator=own))))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:]


def test_a_freed_checkpoint_says_so() -> None:
    x = ag.tensor(X, requires_grad=True)
    out = ag.checkpoint(np.sin)(x).sum()
    out.backward()
    with pytest.raises(ag.GradError, match="freed by an earlier backward"):
        out.backward()


# ---- what a checkpoint reads, changed since -------------------------------------------------------------------------

LARGE = 10_000
REFUSED = "checkpoint: backward runs .* again, and it does not compute the same"
ASSIGNED = "was assigned a new value after the op 'checkpoint' saved the old one"


def leaf_of(n: int = 2) -> ag.Tensor:
    return ag.tensor(np.arange(1.0, n + 1), requires_grad=True)


# Each returns the leaf, the checkpoint's result, what changes something, and what is expected: a message, or the
# gradient of before.
Change = tuple[ag.Tensor, ag.Tensor, Callable[[], Any], Any]


def a_leaf_given() -> Change:
    w = leaf_of()
    return w, ag.checkpoint(lambda w: w * w * w)(w), lambda: w.assign([0.0, 0.0]), ASSIGNED


def a_leaf_closed_over() -> Change:
    w = leaf_of()
    return w, ag.checkpoint(lambda: w * w)(), lambda: w.assign([0.0, 0.0]), ASSIGNED


def another_leaf_closed_over() -> Change:
    w, v = leaf_of(), leaf_of()
    return w, ag.checkpoint(lambda w: w * v)(w), lambda: v.assign_sub([1.0, 1.0]), ASSIGNED


def a_leaf_that_is_only_added() -> Change:
    w = leaf_of()
    return w, ag.checkpoint(lambda w: w + 1.0)(w), lambda: w.assign([0.0, 0.0]), ASSIGNED


def a_result_given() -> Change:
    w = leaf_of()
    t = w * 1.0
    return w, ag.checkpoint(lambda t: t * t)(t), lambda: t.__iadd__(10.0), [2, 4]


def a_large_result_given_and_added_to_in_place() -> Change:
    w = leaf_of(40_000)
    t = w * 1.0
    return w, ag.checkpoint(lambda t: t * t)(t), lambda: t.__iadd__(np.ones(40_000)), 2 * np.arange(1.0, 40_001)


def a_result_closed_over() -> Change:
    w = leaf_of()
    t = w * 1.0
    return w, ag.checkpoint(lambda: t * t)(), lambda: t.__iadd__(10.0), REFUSED


def a_result_closed_over_that_keeps_its_value() -> Change:
    w = leaf_of()
    t = w * 1.0
    return w, ag.checkpoint(lambda: t * 3.0)(), lambda: t.__setitem__(0, 1.0), REFUSED


def a_constant_given() -> Change:
    w, c = leaf_of(), ag.tensor([3.0, 4.0])
    return w, ag.checkpoint(lambda w, c: w * c)(w, c), lambda: c.assign([0.0, 0.0]), [3, 4]


def a_constant_closed_over() -> Change:
    w, c = leaf_of(), ag.tensor([3.0, 4.0])
    return w, ag.checkpoint(lambda w: w * c)(w), lambda: c.assign([0.0, 0.0]), REFUSED


def a_small_array_given() -> Change:
    w, c = leaf_of(), np.array([3.0, 4.0])
    return w, ag.checkpoint(lambda w, c: w * c["c"])(w, {"c": c}), lambda: c.fill(0.0), [3, 4]


def a_large_array_given() -> Change:
    w, c = leaf_of(LARGE), np.ones(LARGE)
    return w, ag.checkpoint(lambda w, c: w * c)(w, c), lambda: c.fill(0.0), REFUSED + ".*given"


def an_array_closed_over() -> Change:
    w, c = leaf_of(), np.array([3.0, 4.0])
    return w, ag.checkpoint(lambda w: w * c)(w), lambda: c.fill(0.0), REFUSED


def one_element_of_a_large_array_closed_over() -> Change:
    w, c = leaf_of(LARGE), np.ones(LARGE)
    return w, ag.checkpoint(lambda w: w * c)(w), lambda: c.__setitem__(1234, 2.0), REFUSED


def an_array_that_does_not_show_in_the_result() -> Change:
    w, c = ag.tensor([0.0, 0.0], requires_grad=True), np.array([3.0, 4.0])
    return w, ag.checkpoint(lambda w: w * c)(w), lambda: c.fill(0.0), REFUSED


def an_index_that_does_not_show_in_the_result() -> Change:
    w, c = ag.tensor([1.0, 1.0], requires_grad=True), np.array([0, 0])
    return w, ag.checkpoint(lambda w: w[c])(w), lambda: c.fill(1), REFUSED


def a_number_closed_over() -> Change:
    w, c = leaf_of(), {"k": 2.0}
    return w, ag.checkpoint(lambda w: w ** c["k"])(w), lambda: c.update(k=3.0), REFUSED


def the_shape_of_the_result() -> Change:
    w, c = leaf_of(), [0]
    return w, ag.checkpoint(lambda w: [w * 1.0 for _ in c])(w)[0], lambda: c.append(1), REFUSED


def nothing() -> Change:
    w, c = leaf_of(), np.array([3.0, np.nan])
    return w, ag.checkpoint(lambda w: w * c * ag.random.normal((2,)))(w), lambda: ag.random.normal((2,)), None


CHANGES = [
    a_leaf_given, a_leaf_closed_over, another_leaf_closed_over, a_leaf_that_is_only_added, a_result_given,
    a_large_result_given_and_added_to_in_place, a_result_closed_over, a_result_closed_over_that_keeps_its_value,
    a_constant_given, a_constant_closed_over, a_small_array_given, a_large_array_given, an_array_closed_over,
    one_element_of_a_large_array_closed_over, an_array_that_does_not_show_in_the_result,
    an_index_that_does_not_show_in_the_result, a_number_closed_over, the_shape_of_the_result, nothing,
]  # fmt: skip


@pytest.mark.parametrize("case", CHANGES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_checkpoint_refuses_what_changed_since_or_gives_the_gradient_of_before(
    case: Callable[[], Change], create_graph: bool
) -> None:
    w, out, _, _ = case()
    out.sum().backward()  # unchanged, all is well
    w, out, change, expected = case()
    change()
    if isinstance(expected, str):
        with pytest.raises(ag.GradError, match=expected):
            out.sum().backward(create_graph=create_graph)
        assert w.grad is None
    else:
        out.sum().backward(create_graph=create_graph)
        if expected is not None:
            np.testing.assert_array_equal(w.grad.detach().numpy(), expected)
    w.grad = None


def test_a_leaf_of_its_own_is_no_change() -> None:
    def f(w: ag.Tensor) -> ag.Tensor:
        return w * ag.tensor([2.0, 3.0], requires_grad=True)

    w = leaf_of()
    ag.checkpoint(ag.checkpoint(f))(w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [2, 3])


def test_rounding_is_no_change() -> None:
    orders = iter([lambda a, b, c: (a + b) + c, lambda a, b, c: a + (b + c)] * 2)

    def f(w: ag.Tensor) -> ag.Tensor:
        return next(orders)(w * 0.1, w * 0.2, w * 0.3)

    w = leaf_of()
    out = ag.checkpoint(f)(w)
    out.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.6])


# ---- one graph in several threads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["custom_vjp", "checkpoint"])
def test_two_walks_over_one_graph_do_not_take_each_others_results(kind: str) -> None:
    """Both go through this package's rules line by line, in step."""
    both, files = (
        threading.Barrier(2, timeout=10),
        ("functional/custom_derivatives.py", "functional/primitives.py", "core/op.py"),
    )

    def product(a: Any, b: Any) -> Any:
        return a * b

    f: Any = ag.checkpoint(product)
    if kind == "custom_vjp":
        f = ag.custom_vjp(product)
        f.def_vjp(lambda g, out, a, b: (g * b, g * a))
    a, b = ag.tensor([2.0, 3.0], requires_grad=True), ag.tensor([4.0, 5.0], requires_grad=True)
    y, errors, steps = f(a, b), [], []

    def in_step(frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(files):
            return None
        if event == "line":
            steps.append(1)
            both.wait()
        return in_step

    def walk(cotangent: float) -> None:
        sys.settrace(in_step)
        try:
            y.backward([cotangent, cotangent], retain_graph=True)
        except Exception as error:  # the other would wait forever
            errors.append(error)
            both.abort()
        finally:
            sys.settrace(None)

    threads = [threading.Thread(target=walk, args=(cotangent,)) for cotangent in (1.0, 100.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(steps) > 20
    np.testing.assert_array_equal(a.grad.numpy(), [404, 505])
    np.testing.assert_array_equal(b.grad.numpy(), [202, 303])


def test_the_rule_of_a_custom_op_is_read_once_a_walk() -> None:
    calls = []
    f = ag.custom_vjp(lambda a, b, c: a * b * c)

    @f.def_vjp
    def _(g: Any, out: Any, a: Any, b: Any, c: Any) -> Any:
        calls.append(1)
        return g * b * c, g * a * c, g * a * b

    a, b, c = leaf_of(), leaf_of(), leaf_of()
    f(a, b, c).sum().backward()
    assert len(calls) == 1


# ---- inside other transformations -----------------------------------------------------------------------------------


def newton(x: Any) -> Any:
    """Return a root near x, found with a gradient of its own."""
    f = lambda r: r**3 - 2.0 * r  # noqa: E731
    root = np.float64(np.sum(x))
    for _ in range(30):
        slope = ag.grad(f)(root)
        assert type(slope) is np.float64  # as outside of any transformation
        root = root - f(root) / slope
    return x * 0.0 + root


ISOLATED: dict[str, Callable[[], Any]] = {
    "custom_vjp": lambda: _ruled(ag.custom_vjp(newton), "vjp"),
    "custom_jvp": lambda: _ruled(ag.custom_jvp(newton), "jvp"),
    "elementwise": lambda: ag.elementwise(newton, 1.0, name="newton_"),
    "structural": lambda: ag.structural(
        "newton_", newton, lambda g, out, x: g, infer=lambda s: s, jvp=lambda ts, out, x: ts[0]
    ),
}


def _ruled(f: Any, kind: str) -> Any:
    if kind == "vjp":
        f.def_vjp(lambda g, out, x: (g,))
    else:
        f.def_jvp(lambda tangents, out, x: tangents[0])
    return f


@pytest.mark.parametrize("name", ISOLATED)
def test_a_custom_op_computes_inside_a_transformation_as_outside(name: str) -> None:
    f, x = ISOLATED[name](), np.array([1.5])
    root = f(x)
    np.testing.assert_allclose(root, np.sqrt(2))
    total = lambda x: f(x).sum()  # noqa: E731
    assert ag.value_and_grad(total)(x) == (root[0], np.ones(1))
    np.testing.assert_array_equal(ag.jvp(f)((x,), (x,))[0], root)
    np.testing.assert_array_equal(ag.vmap(ag.grad(total))(x[None]), [[1.0]])
    np.testing.assert_array_equal(ag.grad(lambda x: ag.grad(total)(x).sum())(x), [0.0])
    np.testing.assert_array_equal(f(ag.tensor(x)).numpy(), root)


# ---- several results ------------------------------------------------------------------------------------------------

BIG = 2**62 + 1  # which no float64 holds


def four(x: Any) -> Any:
    return {
        "real": x * x,
        "count": np.array([BIG, x.size]),
        "complex": x * (1 + 2j),
        "small": (3 * x).astype("float32"),
    }


def pulled(g: Any, out: Any, x: Any) -> Any:
    return (2 * x * g["real"] + (g["complex"] * (1 + 2j)).real + 3.0 * g["small"],)


def pushed(tangents: Any, out: Any, x: Any) -> Any:
    (t,) = tangents
    count = np.zeros(2, int)
    return {"real": 2 * x * t, "count": count, "complex": t * (1 + 2j), "small": (3 * t).astype("float32")}


def with_rule(kind: Any, define: str, rule: Any) -> Any:
    f = kind(four)
    getattr(f, define)(rule)
    return f


OF_FOUR = {
    "primitive": lambda: with_rule(ag.primitive, "def_vjp", lambda *args: pulled(*args)[0]),
    "opaque": lambda: with_rule(lambda f: ag.primitive(f, opaque=True), "def_vjp", lambda *args: pulled(*args)[0]),
    "custom_vjp": lambda: with_rule(ag.custom_vjp, "def_vjp", pulled),
    "custom_jvp": lambda: with_rule(ag.custom_jvp, "def_jvp", pushed),
    "checkpoint": lambda: ag.checkpoint(four),
}
READS = {"real": lambda r: (r * r).sum(), "complex": lambda c: (c * (2 - 1j)).real.sum(), "small": lambda s: s.sum()}


@pytest.mark.parametrize("kind", OF_FOUR)
@pytest.mark.parametrize("wanted", [["real"], ["small", "complex"], list(READS)], ids=len)
def test_a_call_has_as_many_results_as_the_function_returns_arrays(kind: str, wanted: list[str]) -> None:
    """Those without a cotangent take no part in the derivative, and integers are what they were."""
    f = OF_FOUR[kind]()
    out = f(ag.tensor(X, requires_grad=True))
    assert out["count"].numpy()[0] == BIG
    assert [out[name].dtype.char for name in out] == ["d", "l", "D", "f"]
    assert [out[name].requires_grad for name in out] == [True, False, True, True]
    loss = lambda f: lambda x: sum(READS[name](f(x)[name]) for name in wanted)  # noqa: E731
    expected = ag.grad(loss(four))(X)
    np.testing.assert_allclose(ag.grad(loss(f))(X), expected, rtol=1e-6)
    np.testing.assert_allclose(ag.hessian(loss(f))(X), ag.hessian(loss(four))(X), rtol=1e-6)
    np.testing.assert_allclose(ag.jvp(loss(f))((X,), (X,))[1], expected @ X, rtol=1e-6)
    np.testing.assert_allclose(ag.vmap(ag.grad(loss(f)))(np.stack([X, X]))[1], expected, rtol=1e-6)
    shapes = ag.eval_shape(f, X)
    assert {name: (spec.shape, spec.dtype.char) for name, spec in shapes.items()} == {
        name: (a.shape, a.dtype.char) for name, a in four(X).items()
    }
    assert [a.shape for a in ag.vmap(f)(np.zeros((0, 3))).values()] == [(0, 3), (0, 2), (0, 3), (0, 3)]
    compiled = ag.compile(loss(f))
    for _ in range(4):
        w = ag.tensor(X, requires_grad=True)
        compiled(w).backward()
        np.testing.assert_allclose(w.grad, expected, rtol=1e-6)
    assert compiled.traces[0].replay is not None


@pytest.mark.parametrize("name", ["solve", "matmul", "sum", "conv", "where", "getitem"])
def test_the_name_of_one_of_our_operations_is_no_claim_to_be_it(name: str) -> None:
    f = ag.primitive(lambda x: [x * 2, x[:1]], name=name)
    f.def_vjp(lambda g, out, x: 2 * g[0])
    compiled = ag.compile(ag.grad(lambda x: f(x)[0].sum()))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), [2.0] * X.size)
    assert name in str(ag.build_graph(f(ag.tensor(X, requires_grad=True))[0]))
