"""`scan`, `cond` and `while_loop` do what `for`, `if` and `while` do, under every transformation, and compiled.

The peers are loops and branches of Python on Tensors. First derivatives have their bits, apart from the sign of zeros:
a loop adds the gradients of entries of an array to zeros. In second derivatives terms are added in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..laws.reading import same_bits

RNG = np.random.default_rng(0)
T, N, H = 5, 2, 3


def arrays_of(tree: Any) -> list[np.ndarray]:
    return [np.asarray(x._data if isinstance(x, ag.Tensor) else x) for x in ag.tree.leaves(tree)]


def assert_same(found: Any, expected: Any, *, exact: bool = True) -> None:
    for a, b in zip(arrays_of(found), arrays_of(expected), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        if exact:
            assert same_bits(a + 0, b + 0), np.abs(a - b).max()  # which makes 0 of -0
        else:
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def loop(f: Callable[..., Any], init: Any, xs: Any, length: int | None = None, reverse: bool = False) -> Any:
    """Do what `scan` is documented to do, in Python."""
    steps = len(ag.tree.leaves(xs)[0]) if xs is not None else length
    carry, rows = ag.tree.map(tensor, init), []
    for t in reversed(range(steps)) if reverse else range(steps):
        carry, y = f(carry, ag.tree.map(lambda x, t=t: x[t], xs))
        carry = ag.tree.map(tensor, carry)
        rows.append(y)
    rows = rows[::-1] if reverse else rows
    return carry, ag.tree.map(lambda *ys: np.stack([tensor(y) for y in ys]), *rows)


def tensor(x: Any) -> Any:
    return x if isinstance(x, ag.Tensor) else ag.tensor(x)


# ---- scans: a function of (how to scan, arrays) that returns a number -----------------------------------------------


def rnn(scan: Any, w: Any, h: Any, x: Any) -> Any:
    last, ys = scan(lambda h, x: ((h := np.tanh(h @ w + x)), h * 2), h, x)
    return (last**2).sum() + np.sin(ys).sum()


def lstm(scan: Any, w: Any, h: Any, x: Any) -> Any:
    kernel = np.concatenate([w, w + 1, w - 1, w * 2], axis=1)

    def step(carry: Any, x: Any) -> Any:
        a = carry["h"] @ kernel + np.concatenate([x, x, x, x], axis=1)
        i, f, g, o = (a[:, k * H : (k + 1) * H] for k in range(4))
        c = ag.sigmoid(f) * carry["c"] + ag.sigmoid(i) * np.tanh(g)
        h = ag.sigmoid(o) * np.tanh(c)
        return {"h": h, "c": c}, h

    last, hs = scan(step, {"h": h, "c": np.zeros((N, H))}, x, reverse=True)
    return hs.sum() + (last["c"] * last["h"]).sum()


def counting(scan: Any, w: Any, h: Any, x: Any) -> Any:
    """Integers, booleans, None, and a carry that is not floating."""

    def step(carry: Any, xs: Any) -> Any:
        n, big, h, nothing = carry
        (x, k), _ = xs
        h = np.where(x > 0, h * x, h) + n * w[0] + k
        return (n + 2, big | (h.sum() > 3), h, nothing), (n, None, {"big": big})

    (n, _, h, _), (ns, _, _) = scan(step, (1, np.False_, h, None), ((x, np.arange(T)), None))
    return h.sum() * n + ns.sum()


def branching(scan: Any, w: Any, h: Any, x: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        if scan is loop:
            h = np.sin(h @ w) * x if x.sum().item() > 0 else h - x
        else:
            h = ag.cond(x.sum() > 0, lambda h: np.sin(h @ w) * x, lambda h: h - x, h)
        return h, h.sum()

    last, ys = scan(step, h, x)
    return (last * last).sum() + (ys**2).sum()


def nested(scan: Any, w: Any, h: Any, x: Any) -> Any:
    """A loop in a loop, with a gradient in the inner one."""

    def outer(h: Any, x: Any) -> Any:
        def inner(c: Any, row: Any) -> Any:
            slope = ag.grad(lambda c: (np.sin(c) * row).sum())(c)
            return c * w[0] + slope, None

        c, _ = scan(inner, h[0], x)
        return h + c, c

    last, _ = scan(outer, h, x)
    return (last**2).sum()


SCANS = {f.__name__: f for f in (rnn, lstm, counting, branching, nested)}


FIRST = ("value", "grad", "jvp")


def arguments() -> tuple[Any, ...]:
    return RNG.normal(size=(H, H)) / 2, RNG.normal(size=(N, H)), RNG.normal(size=(T, N, H))


def batch_of(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.stack([a, a * 0.9, -a]) for a in args)


G = (0, 1, 2)
PRODUCTS = ("rnn", "lstm", "nested")  # whose gradients by a matrix are one product for all steps
# What is done to a function of three arrays; whether its bits are those of a loop.
TRANSFORMS: dict[str, tuple[Callable[..., Any], bool]] = {
    "value": (lambda f, a: f(*a), True),
    "grad": (lambda f, a: ag.grad(f, G)(*a), True),
    "jvp": (lambda f, a: ag.jvp(f)(a, a), True),
    "grad of grad": (lambda f, a: ag.grad(lambda *b: sum((g**2).sum() for g in ag.grad(f, G)(*b)), G)(*a), False),
    "hessian": (lambda f, a: ag.hessian(f, 1)(*a), False),
    "jvp of grad": (lambda f, a: ag.jvp(ag.grad(f, G))(a, a), False),
    "grad of jvp": (lambda f, a: ag.grad(lambda *b: ag.jvp(f)(b, b)[1], G)(*a), False),
}


@pytest.mark.parametrize("what", TRANSFORMS)
@pytest.mark.parametrize(
    "name", ["rnn", *(pytest.param(name, marks=pytest.mark.ci) for name in SCANS if name != "rnn")]
)
def test_a_scan_is_the_loop(name: str, what: str) -> None:
    (transform, exact), f, args = TRANSFORMS[what], SCANS[name], arguments()
    found = transform(lambda *a: f(ag.scan, *a), args)
    assert_same(
        found, transform(lambda *a: f(loop, *a), args), exact=exact and (what != "grad" or name not in PRODUCTS)
    )


@pytest.mark.parametrize("name", [n for n in SCANS if n != "rnn"])
def test_gradients_of_a_scan_are_those_of_the_loop(name: str) -> None:
    f, args = SCANS[name], arguments()
    found = ag.grad(lambda *a: f(ag.scan, *a), G)(*args)
    assert_same(found, ag.grad(lambda *a: f(loop, *a), G)(*args), exact=name not in PRODUCTS)


@pytest.mark.parametrize("name", ["rnn", *(pytest.param(n, marks=pytest.mark.ci) for n in ("counting", "branching"))])
@pytest.mark.parametrize("axes", [(0, 0, 0), (None, None, 0), (0, None, None)])
def test_batches(name: str, axes: tuple[Any, ...]) -> None:
    f, args = SCANS[name], arguments()
    given = tuple(a if axis is None else b for a, b, axis in zip(args, batch_of(args), axes, strict=True))
    of_scan = lambda *a: f(ag.scan, *a)  # noqa: E731
    of_loop = lambda *a: f(loop, *a)  # noqa: E731

    def one_by_one(g: Callable[..., Any]) -> list[Any]:
        return [g(*(a if axis is None else a[k] for a, axis in zip(given, axes, strict=True))) for k in range(3)]

    def stacked(results: list[Any]) -> Any:
        return ag.tree.map(lambda *parts: np.stack(parts), *results)

    values, slopes = one_by_one(of_loop), one_by_one(ag.grad(of_loop, G))
    assert_same(ag.vmap(of_scan, axes)(*given), stacked(values), exact=False)
    assert_same(ag.vmap(ag.grad(of_scan, G), axes)(*given), stacked(slopes), exact=False)
    totals = [part if axis == 0 else part.sum(axis=0) for part, axis in zip(stacked(slopes), axes, strict=True)]
    assert_same(ag.grad(lambda *a: ag.vmap(of_scan, axes)(*a).sum(), G)(*given), totals, exact=False)


@pytest.mark.parametrize("name", ["lstm", *(pytest.param(n, marks=pytest.mark.ci) for n in SCANS if n != "lstm")])
def test_a_compiled_scan_is_the_scan(name: str) -> None:
    f = lambda *a: SCANS[name](ag.scan, *a)  # noqa: E731
    batched = ag.vmap(ag.grad(f, G))
    for transform in (lambda *a: f(*a), ag.grad(f, G), lambda *a: ag.jvp(f)(a, a), batched):
        compiled = ag.compile(transform)
        for _ in range(3):
            args = batch_of(arguments()) if transform is batched else arguments()
            assert_same(compiled(*args), transform(*args))
        (trace,) = compiled.traces
        assert trace.replay is not None, trace.why


def test_a_compiled_scan_is_one_call_however_long() -> None:
    calls = []
    for steps in (3, 300):
        compiled = ag.compile(lambda x: ag.scan(lambda c, x: (c * x, None), 1.0, x)[0])
        for _ in range(2):
            compiled(np.ones(steps))
        calls.append(compiled.source())
    assert len(calls[0].splitlines()) == len(calls[1].splitlines()) < 20


# ---- choices --------------------------------------------------------------------------------------------------------


def chosen(w: Any, h: Any, x: Any) -> Any:
    y = ag.cond(h.sum() > 0, lambda h, x: (np.sin(h @ w), x), lambda h, x: (h * h * h, -x), h, {"x": x}["x"])
    return (y[0] ** 2).sum() + (y[1] * w[0]).sum()


def branched(w: Any, h: Any, x: Any) -> Any:
    positive = (h.sum().item() if isinstance(h, ag.Tensor) else h.sum()) > 0
    y = (np.sin(h @ w), x) if positive else (h * h * h, -x)
    return (y[0] ** 2).sum() + (y[1] * w[0]).sum()


@pytest.mark.parametrize(
    "what", [*FIRST, *(pytest.param(n, marks=pytest.mark.ci) for n in TRANSFORMS if n not in FIRST)]
)
def test_a_choice_is_a_branch(what: str) -> None:
    transform, exact = TRANSFORMS[what]
    compiled = ag.compile(lambda *a: transform(chosen, a))
    for sign in (1, -1, 1, -1):
        w, h, x = arguments()
        args = w, sign * np.abs(h), x
        # On Tensors: NumPy's own product of small matrices adds up in another order.
        expected = branched(*map(ag.tensor, args)) if what == "value" else transform(branched, args)
        assert_same(transform(chosen, args), expected)
        assert_same(compiled(*args), expected, exact=exact)
    (trace,) = compiled.traces
    assert trace.replay is not None, trace.why


def test_a_choice_for_each_example() -> None:
    args = batch_of(arguments())
    for transform in (lambda f: f, lambda f: ag.grad(f, G), lambda f: lambda *b: ag.jvp(f)(b, b)):
        expected = [transform(branched)(*(a[k] for a in args)) for k in range(3)]
        stacked = ag.tree.map(lambda *parts: np.stack(parts), *expected)
        assert_same(ag.vmap(transform(chosen))(*args), stacked, exact=False)
        compiled = ag.compile(ag.vmap(transform(chosen)))
        for _ in range(3):
            assert_same(compiled(*args), ag.vmap(transform(chosen))(*args))


def test_a_condition_that_is_known() -> None:
    for pred in (True, np.True_, np.array(True), ag.tensor(True), 1):
        assert ag.cond(pred, lambda x: x + 1, lambda x: "never", 1).item() == 2
    with pytest.raises(ag.ShapeError, match=r"cond: expected pred to be one bool; received shape \(2,\)"):
        ag.cond(np.ones(2, bool), np.sin, np.cos, 1.0)
    with pytest.raises(TypeError, match="cond: expected pred to be a bool"):
        ag.cond("yes", np.sin, np.cos, 1.0)


# ---- loops ----------------------------------------------------------------------------------------------------------


def doubling(x: Any, **kwargs: Any) -> Any:
    return ag.while_loop(lambda c: (c[0] ** 2).sum() < 50, lambda c: (c[0] * 1.5 + x / 8, c[1] + 1), (x, 0), **kwargs)


def doubled(x: Any) -> Any:
    c, n = tensor(x), ag.tensor(0)
    while (c**2).sum().item() < 50:
        c, n = c * 1.5 + x / 8, n + 1
    return c, n


def test_a_while_loop_is_the_loop() -> None:
    for f in (doubling, lambda x: doubling(x, max_steps=20)):
        compiled = ag.compile(f)
        pushed = ag.compile(lambda x, f=f: ag.jvp(lambda y: f(y)[0])((x,), (x,)))
        for _ in range(4):
            x = RNG.normal(size=4)
            assert_same(f(x), doubled(x))
            assert_same(compiled(x), doubled(x))
            expected = ag.jvp(lambda y: doubled(y)[0])((x,), (x,))
            assert_same(pushed(x), expected)
        rows = RNG.normal(size=(5, 4))
        each = [doubled(row) for row in rows]
        both = np.stack([c for c, _ in each]), np.stack([n for _, n in each])
        assert_same(ag.vmap(f)(rows), both)
        batched = ag.compile(ag.vmap(f))
        for _ in range(3):
            assert_same(batched(rows), both)


def test_gradients_of_a_while_loop_need_a_bound() -> None:
    x = RNG.normal(size=4)
    slope = lambda f: ag.grad(lambda x: (f(x)[0] ** 2).sum())  # noqa: E731
    bounded = lambda x: doubling(x, max_steps=20)  # noqa: E731
    assert_same(slope(bounded)(x), slope(doubled)(x))
    compiled = ag.compile(slope(bounded))
    for _ in range(3):
        x = RNG.normal(size=4)
        assert_same(compiled(x), slope(doubled)(x))
    with pytest.raises(ag.GradError, match=r"while_loop: .* max_steps=…, use scan"):
        slope(doubling)(x)
    assert_same(doubling(x, max_steps=0), (x, np.int64(0)))


def test_a_loop_over_integers() -> None:
    def power(x: Any, n: Any) -> Any:
        return ag.fori_loop(1, n, lambda i, p: p * x + i, x)

    def powered(x: Any, n: int) -> Any:
        p = tensor(x)
        for i in range(1, n):
            p = p * x + i
        return p

    x = RNG.normal(size=3)
    for n in (0, 1, 2, 6):
        assert_same(power(x, n), powered(x, n))
        assert_same(ag.compile(power)(x, np.int64(n)), powered(x, n))
        assert_same(ag.grad(lambda x, n=n: power(x, n).sum())(x), ag.grad(lambda x, n=n: powered(x, n).sum())(x))
    with pytest.raises(TypeError, match="fori_loop: expected upper to be an integer; received 2.5"):
        ag.fori_loop(0, 2.5, lambda i, c: c, 1.0)
