"""`scan`, `cond` and `while_loop` at their boundaries: lengths, structures, effects, draws, masks, and errors."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads, property_test

from .test_control import RNG, arguments, assert_same, loop

X = RNG.normal(size=(6, 3))


# ---- lengths and structures -----------------------------------------------------------------------------------------


def test_no_steps() -> None:
    f = lambda c, x: (c * 2, x.sum())  # noqa: E731
    compiled = ag.compile(lambda c, x: ag.scan(f, c, x))
    for scanned in (ag.scan(f, 1.5, X[:0]), compiled(np.float64(1.5), X[:0]), compiled(np.float64(1.5), X[:0])):
        assert_same(scanned, (np.float64(1.5), np.zeros(0)))
    slopes = ag.grad(lambda c, x: ag.scan(f, c, x)[0], (0, 1))(1.5, X[:0])
    assert_same(slopes, (np.float64(1.0), X[:0]))


def test_a_length_in_place_of_entries() -> None:
    assert_same(ag.scan(lambda c, _: (c * 2, None), 1.0, None, 5), (np.float64(32.0), None))
    carry, ys = ag.scan(lambda c, _: (None, {"a": np.ones(2), "b": None}), None, length=3)
    assert carry is None
    assert_same(ys, {"a": np.ones((3, 2)), "b": None})


@pytest.mark.parametrize("dtype", [np.float32, np.complex128, np.complex64, np.int16, np.bool_])
def test_dtypes(dtype: Any) -> None:
    x = (X * 5).astype(dtype)
    step = (lambda c, x: (c ^ x, c)) if dtype is np.bool_ else (lambda c, x: (c * x + x, c * 3))
    init = x[0]
    for reverse in (False, True):
        expected = loop(step, init, x, reverse=reverse)
        assert_same(ag.scan(step, init, x, reverse=reverse), expected)
        compiled = ag.compile(lambda c, x, r=reverse: ag.scan(step, c, x, reverse=r))
        for _ in range(3):
            assert_same(compiled(init, x), expected)
    if np.dtype(dtype).kind in "fc":

        def slope(scan: Any) -> Any:
            return ag.grad(lambda c, x: np.real(scan(step, c, x)[1]).sum(), (0, 1))(init, x)

        assert_same(slope(ag.scan), slope(loop))


def test_integers_keep_all_their_bits() -> None:
    big = np.array([2**62 + 1, -(2**53) - 1])
    carry, ys = ag.scan(lambda c, x: (c + 1, (c, x)), big, X)
    assert_same(carry, big + 6)
    assert_same(ys, (big + np.arange(6)[:, None], X))


MISTAKES: dict[str, tuple[type[Exception], Callable[[], Any], str]] = {
    "shape": (ag.ShapeError, lambda: ag.scan(lambda c, x: (x, c), 0.0, X), r"carry .* shape \(\) .* received \(3,\)"),
    "dtype": (
        ag.DtypeError,
        lambda: ag.scan(lambda c, x: ({"h": c["h"] + x.sum()}, None), {"h": np.float32(0)}, X),
        r"carry\['h'\] as it was given, of shape \(\) float32; received \(\) float64. Cast it, .astype\(np.float32\)",
    ),
    "structure": (TypeError, lambda: ag.scan(lambda c, x: ([c], x), 0.0, X), r"first one, array; received \[array\]"),
    "pair": (TypeError, lambda: ag.scan(lambda c, x: c, 0.0, X), "a pair, .* received array. .* return carry, None"),
    "lengths": (ag.ShapeError, lambda: ag.scan(lambda c, x: (c, c), 0.0, (X, X[:2])), r"xs\[0\] of 6, xs\[1\] of 2"),
    "length": (ag.ShapeError, lambda: ag.scan(lambda c, x: (c, c), 0.0, X, 7), "xs of 6, length of 7"),
    "nothing": (ValueError, lambda: ag.scan(lambda c, x: (c, c), 0.0), "received neither"),
    "number": (ag.ShapeError, lambda: ag.scan(lambda c, x: (c, c), 0.0, 3.0), "xs to have an axis"),
    "text": (TypeError, lambda: ag.scan(lambda c, x: (c, c), "a", X), "expected init to be an array or a number"),
    "budget": (ValueError, lambda: ag.scan(lambda c, x: (c, c), 0.0, X, max_bytes=-1), "max_bytes to be a number of"),
    "no bool": (TypeError, lambda: ag.while_loop(lambda c: c, lambda c: c, 1.0), "cond_fun to return one bool"),
    "bools": (TypeError, lambda: ag.while_loop(lambda c: c > 0, lambda c: c, X), r"with .any\(\) or .all\(\)"),
    "while": (ag.ShapeError, lambda: ag.while_loop(lambda c: c.sum() < 9, lambda c: c[None], X), "return carry as"),
    "branches": (
        ag.DtypeError,
        lambda: ag.compile(lambda x: ag.cond(x > 0, lambda x: x, lambda x: x.astype(np.float32), x))(np.float64(1)),
        r"received \(\) float64 from true_fun and \(\) float32 from false_fun",
    ),
    "outcomes": (
        TypeError,
        lambda: ag.compile(lambda x: ag.cond(x > 0, lambda x: x, lambda x: (x, x), x))(np.float64(1)),
        r"received array from true_fun and \(array, array\) from false_fun",
    ),
    "value": (
        ag.TraceError,
        lambda: ag.scan(lambda c, x: (c if x.sum() > 0 else -c, None), 1.0, X),
        "scan: expected <lambda> .* np.where",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    error, call, words = MISTAKES[name]
    with pytest.raises(error, match=words):
        call()


# ---- what else a function may do ------------------------------------------------------------------------------------


def test_draws_are_those_of_the_loop() -> None:
    generator = ag.Generator(0)

    def noisy(scan: Any) -> Callable[..., Any]:
        def step(c: Any, x: Any) -> Any:
            c = c * x + ag.random.normal(x.shape, generator=generator)
            return c, ag.random.uniform((2,), generator=generator)

        def loss(c: Any, x: Any) -> Any:
            c, ys = scan(step, c, x)
            return (c**2).sum() + ys.sum()

        return loss

    for transform in (lambda f: f, lambda f: ag.grad(f, (0, 1)), lambda f: ag.hessian(f)):
        found = []
        for f in (transform(noisy(loop)), transform(noisy(ag.scan)), ag.compile(transform(noisy(ag.scan)))):
            generator.seed(1)
            found.append([f(X[0] + k, X) for k in range(4)] + [generator.state["state"]["state"] % 2**62])
        assert_same(found[1], found[0], exact=transform(noisy).__name__ != "of_arguments")
        assert_same(found[2], found[1])


def test_a_function_with_effects_runs_as_a_loop() -> None:
    found = []
    for wrap in (lambda f: f, ag.compile):
        total = ag.tensor(np.zeros(3))

        def step(c: Any, x: Any, total: Any = total) -> Any:
            total.assign(total + x)
            return c * 2, c

        f = wrap(lambda x, step=step: ag.scan(step, 1.0, x))
        found.append([f(X), f(X), f(X), total])
    assert_same(found[0], found[1])
    assert_same(found[0][-1], X.sum(axis=0) * 3, exact=False)
    with pytest.raises(ag.TraceError, match="while_loop: expected functions that compute and change nothing"):
        ag.compile(lambda x: ag.while_loop(lambda c: c < 3, lambda c: total.assign(x) or c, x))(np.float64(1))


class Counter:
    """Has a number and an array that functions change."""

    def __init__(self) -> None:
        self.n, self.total = 0, np.zeros(3)


def put(name: str) -> Callable[..., None]:
    """Return an effect: x is added to an attribute."""

    def effect(counter: Counter, _: Any, x: Any) -> None:
        changes = ag.Changes()
        changes.put(vars(counter), name, ag.dynamic(vars(counter), name) + (1 if name == "n" else x))
        changes.make()

    return effect


def slope(_: Counter, leaf: Any, x: Any) -> None:
    """Add to the gradient of a leaf."""
    (leaf * x).sum().backward()


EFFECTS: dict[str, Callable[..., Any]] = {
    "number": put("n"),
    "array": put("total"),
    "assignment": lambda _, leaf, x: leaf.assign(leaf + x),
    "in place": lambda _, leaf, x: leaf.assign_add(x),
    "gradient": slope,
}


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
@pytest.mark.parametrize("fails", [False, True])
def test_effects_are_those_of_the_loop(effect: Callable[..., Any], fails: bool) -> None:
    """Whatever a function changes, and if it fails afterward."""
    found = []
    for run in (loop, ag.scan, ag.scan if fails else ag.compile(ag.scan)):
        counter, leaf = Counter(), ag.tensor(np.ones(3), requires_grad=True)

        def step(c: Any, x: Any, counter: Counter = counter, leaf: Any = leaf) -> Any:
            effect(counter, leaf, x)
            if fails:
                raise ArithmeticError
            return c + x, None

        with pytest.raises(ArithmeticError) if fails else nullcontext():
            run(step, np.zeros(3), X)
        found.append([counter.n, counter.total, leaf, leaf.grad])
    assert_same(found[1:], [found[0], found[0]])


def test_a_function_that_does_something_else_each_time_runs_as_a_loop() -> None:
    rng = np.random.default_rng(0)
    drawn = ag.scan(lambda c, x: (c, rng.normal()), 0.0, X)[1]
    assert len(set(drawn.tolist())) == 6

    class Model:
        scale = 2.0

    model = Model()
    scaled = lambda x: ag.scan(lambda c, x: (c, x * model.scale), 0.0, x)[1]  # noqa: E731
    assert_same([scaled(X), scaled(X)], [X * 2, X * 2])
    model.scale = 3.0
    assert_same(scaled(X), X * 3)
    classy = lambda x: ag.scan(lambda c, x: (c, x * Model.scale), 0.0, x)[1]  # noqa: E731
    assert_same([classy(X), classy(X)], [X * 2, X * 2])
    Model.scale = 3.0
    assert_same(classy(X), X * 3)


def test_a_function_that_comes_again_reads_what_is_there_now() -> None:
    w, scale = ag.tensor(X[0]), 2.0

    def scaled(x: Any) -> Any:
        return ag.scan(lambda c, x: (c + x * w * scale, c), np.zeros(3), x)

    assert_same(scaled(X), loop(lambda c, x: (c + x * w * scale, c), np.zeros(3), X))
    w.assign(X[1])
    assert_same(scaled(X), loop(lambda c, x: (c + x * w * scale, c), np.zeros(3), X))
    w = ag.tensor(X[2])
    assert_same(scaled(X), loop(lambda c, x: (c + x * w * scale, c), np.zeros(3), X))
    scale = 3.0
    assert_same(scaled(X), loop(lambda c, x: (c + x * w * scale, c), np.zeros(3), X))


def test_observers_see_every_step() -> None:
    seen: list[float] = []

    def watched(x: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            ag.observe(lambda a: seen.append(float(a)), x)
            return c + x, None

        return ag.scan(step, 0.0, x)[0]

    compiled = ag.compile(ag.grad(watched))
    for k in range(4):
        seen.clear()
        compiled(np.arange(3.0) + k)
        assert seen == [k, k + 1, k + 2]


def test_nan_is_masked_as_in_a_loop() -> None:
    def loss(scan: Any) -> Callable[..., Any]:
        def step(c: Any, x: Any) -> Any:
            return np.where(x > 0, c + np.sqrt(x), c), None

        return lambda c, x: scan(step, c, x)[0].sum()

    good, bad = np.abs(X), X
    with np.errstate(all="ignore"):
        slope = {scan: ag.grad(loss(scan), (0, 1)) for scan in (loop, ag.scan)}
        compiled = ag.compile(slope[ag.scan])
        for x in (good, good, good, bad, good, bad):
            expected = slope[loop](X[0], x)
            assert np.isfinite(expected[1]).all()
            assert_same(slope[ag.scan](X[0], x), expected)
            assert_same(compiled(X[0], x), expected)


# ---- weights that are read elsewhere, too, and carries that are read twice ------------------------------------------


def gated(scan: Any, w: Any, h: Any, x: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        u = ag.sigmoid(x + h @ w)
        h = u * h + (1 - u) * np.tanh(x @ w)
        return h, h

    before = (w**3).sum()
    last, hs = scan(step, h, x)
    return before + (hs**2).sum() + np.sin(last).sum() + (w**2).sum() + (h @ w).sum()


def test_contributions_are_added_in_the_order_of_the_loop() -> None:
    args = arguments()
    expected = ag.grad(lambda *a: gated(loop, *a), (0, 2))(*args)
    for f, exact in ((lambda *a: gated(ag.scan, *a), False), (lambda *a: gated(budgeted, *a), True)):
        slope = ag.grad(f, (0, 2))
        compiled, eager = ag.compile(slope), slope(*args)
        assert_same(eager, expected, exact=exact)  # without a budget products are added up after the loop
        for found in (compiled(*args), compiled(*args), compiled(*args)):
            assert_same(found, eager)

    def branch(w: Any, x: Any, cond: Any) -> Any:
        y = cond((x * x).sum() > 0, lambda x: np.sin(x @ w) * w[0] + x @ (w * w), lambda x: x, x)
        return (y**2).sum() + (w**2).sum() + x.sum()

    def python(pred: Any, yes: Any, no: Any, x: Any) -> Any:
        return yes(x)

    w, h, _ = args
    expected = ag.grad(lambda w, x: branch(w, x, python), (0, 1))(w, h)
    compiled = ag.compile(ag.grad(lambda w, x: branch(w, x, ag.cond), (0, 1)))
    for _ in range(3):
        assert_same(compiled(w, h), expected)


def budgeted(f: Any, init: Any, xs: Any) -> Any:
    return ag.scan(f, init, xs, max_bytes=60)


# ---- pictures and checks --------------------------------------------------------------------------------------------


def everything(x: Any) -> Any:
    c, ys = ag.scan(lambda c, x: (ag.cond(c.sum() > 0, np.sin, np.cos, c) * x, c.sum()), x[0], x)
    return ag.while_loop(lambda c: (c**2).sum() < 1, lambda c: c * 3 + 1, c, max_steps=4).sum() + ys.sum()


def products(c: Any, x: Any) -> Any:
    return ag.scan(lambda c, x: (c * np.tanh(x), c + x), c, x)


def test_gradients_agree_with_finite_differences() -> None:
    assert check_grads(products, X[0], X).ok


@pytest.mark.ci
def test_further_derivatives_agree_with_finite_differences() -> None:
    assert check_grads(everything, X[:3], order=2).ok
    assert check_grads(lambda x: budgeted(lambda c, x: (np.sin(c * x), c), x[0], x)[1], X[:3], order=2).ok
    assert check_grads(lambda w, h, x: gated(ag.scan, w, h, x), *arguments()).ok


test_products = pytest.mark.ci(property_test(products, "(n),(t,n)->(n)", examples=20))


def test_graphs_show_a_box() -> None:
    x = ag.tensor(X, requires_grad=True, name="x")
    last = ag.scan(lambda c, x: (np.sin(c * x), c), x[0], x)[0].sum()
    graph = ag.build_graph(last, backward=True)
    assert {"scan", "scan backward"} <= {node.op for node in graph}
    for text in (graph.to_svg(), graph.to_dot(), graph.to_mermaid(), str(graph), str(ag.explain(last))):
        assert "scan" in text
    compiled = ag.compile(everything)
    compiled(X), compiled(X)
    assert "1 replayed" in compiled.explain()


# ---- how results lie in memory --------------------------------------------------------------------------------------


def test_results_lie_in_order_in_memory_of_their_own() -> None:
    x = ag.tensor(np.asfortranarray(RNG.normal(size=(4, 3))))
    programs = {
        "cond": lambda x: ag.cond(x.sum() > -9, np.sin, np.cos, x),
        "same": lambda x: ag.cond(x.sum() > -9, lambda x: x, np.cos, x),
        "while": lambda x: ag.while_loop(lambda x: x.sum() > 99, np.cos, x),
        "scan": lambda x: ag.scan(lambda c, _: (c * 2, c), x, None, 2),
        "effects": lambda x: ag.scan(lambda c, _: (total.assign(c.sum()) or c * 2, c), x, None, 2),
    }
    total = ag.tensor(0.0)
    for f in programs.values():
        compiled = ag.compile(f)
        for found in (f(x), compiled(x), compiled(x), compiled(x)):
            for t in ag.tree.leaves(found):
                assert t._data.flags.c_contiguous
                assert not np.may_share_memory(t._data, x._data)


def test_what_was_returned_is_let_go() -> None:
    x = RNG.normal(size=(150, 3))  # enough steps for a plan, whose buffers are then in the result
    step = lambda c, x: (c * 0.5 + x, np.sin(c))  # noqa: E731
    for _ in range(2):
        ys = ag.scan(step, x[0], x)[1]
        row = ys._data
        while row.base is not None:
            row = row.base
        alive = weakref.ref(row)
        del ys, row
        assert alive() is None


def test_a_result_with_a_history() -> None:
    v, w = ag.tensor(X[0]), ag.tensor(2.0, requires_grad=True)

    def slope() -> Any:
        return ag.grad(lambda t: ag.scan(lambda c, x: (c * 0.5 + x * w, c * w), v.sum() * 0, t)[1].sum())(v)

    compiled, found = ag.compile(slope), []
    for f in (slope, compiled, compiled, compiled):
        w.grad = None
        (f() ** 2).sum().backward()
        found.append(w.grad)
    assert_same(found[1:], [found[0]] * 3)
