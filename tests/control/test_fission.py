"""What a scan computes outside of its loop: the results are those of all steps one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.control.scan_op import Scan

from .test_control import RNG, assert_same

T, N, H = 6, 4, 3
W = RNG.normal(size=(H, H)) / 2
LARGE = RNG.normal(size=(30, 30)) / 6  # whose values are larger than what is passed on


def recurrent(w: Any, h: Any, x: Any) -> Any:
    """Products before the loop, in it and after it."""
    last, hs = ag.scan(lambda h, x: ((h := np.tanh(h @ w + x @ (w * 2))), np.sin(h @ w)), h, x)
    return (last**2).sum() + np.cos(hs).sum()


def twice(w: Any, h: Any, x: Any) -> Any:
    """One matrix, twice in a step, and from before."""
    before = (h @ w).sum()
    hs = ag.scan(lambda h, x: (np.sin(h @ w) @ w + x * w[0], h), h, x, reverse=True)[1]
    return before + (hs**2).sum() + (w**2).sum()


def fixed(w: Any, h: Any, x: Any) -> Any:
    """Of what is the same at all steps, and what is collected as it is."""

    def step(h: Any, x: Any) -> Any:
        scale = np.exp(w).sum() * 0.01
        return h * scale + x, (x, w, h, h, scale, x * scale)

    last, ys = ag.scan(step, h, x)
    return last.sum() + sum((y**2).sum() for y in ys)


def unread(w: Any, h: Any, x: Any) -> Any:
    """A carry that no step reads, one that is a count, and one that is what it was."""
    (_, n, last, same), ys = ag.scan(
        lambda c, x: ((x * 2, c[1] + 1, np.tanh(c[2]) + w[0] * x, c[3]), (c[1], x**3)), (h, 0, h, h), x
    )
    return (last * n).sum() + (ys[0].reshape(T, *[1] * (x.ndim - 1)) * ys[1]).sum() + (same * w[0]).sum()


def factored(w: Any, h: Any, x: Any) -> Any:
    """An operation with several results, after the loop."""

    def step(h: Any, x: Any) -> Any:
        _, logarithm = np.linalg.slogdet(w.T @ w + np.eye(len(w)) * (1 + (h * h).sum()))
        return np.tanh(h + x), logarithm

    last, ys = ag.scan(step, h, x)
    return last.sum() + (ys**2).sum()


BODIES = [recurrent, twice, fixed, unread, factored]
SHAPES = {"matrices": (W, (N, H)), "vectors": (W, (H,)), "large": (LARGE, (25, 30))}
TRANSFORMS: dict[str, Callable[..., Any]] = {
    "value": lambda f, a: f(*a),
    "grad": lambda f, a: ag.grad(f, (0, 1, 2))(*a),
    "jvp": lambda f, a: ag.jvp(f)(a, a),
    "grad of grad": lambda f, a: ag.grad(lambda w, h, x: (ag.grad(f)(w, h, x) ** 2).sum(), (0, 1, 2))(*a),
    "vmap": lambda f, a: ag.vmap(ag.grad(f, (0, 1, 2)), (None, 0, 0))(a[0], *(np.stack([b, -b]) for b in a[1:])),
}
FIRST = [("grad", "matrices"), ("grad", "vectors"), ("value", "large")]


@pytest.mark.parametrize(
    ("what", "shape"),
    [pytest.param(t, s, marks=() if (t, s) in FIRST else pytest.mark.ci) for t in TRANSFORMS for s in SHAPES],
)
def test_the_results_are_those_of_the_steps(what: str, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (w, size), transform = SHAPES[shape], TRANSFORMS[what]
    args = w, RNG.normal(size=size) / 3, RNG.normal(size=(T, *size)) / 3
    for f in BODIES:
        found = transform(f, args)
        compiled = ag.compile(lambda *a, f=f: transform(f, a))
        for _ in range(3):
            assert_same(compiled(*args), found, exact=what == "grad")
        with monkeypatch.context() as patch:
            patch.setattr(Scan, "_fission", None)
            assert_same(found, transform(f, args), exact=False)


def test_products_by_a_fixed_matrix_leave_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    cores, steps = [], Scan.steps

    def noted(self: Any, *args: Any) -> None:
        cores.append([self.body.program.calls[i][0].name for i in self.body.order])
        steps(self, *args)

    monkeypatch.setattr(Scan, "steps", noted)

    def plain(w: Any, h: Any, x: Any) -> Any:
        return (ag.scan(lambda h, x: ((h := np.tanh(h @ w + x @ w)), h), h, x)[1] ** 2).sum()

    for w, size in SHAPES.values():
        cores.clear()
        ag.grad(plain, (0, 1, 2))(w, np.zeros(size), RNG.normal(size=(T, *size)))
        assert [names.count("matmul") for names in cores] == [1, 1]


@pytest.mark.parametrize(
    "f",
    [lambda c, x: (c * x + 1, None), lambda c, x: (ag.cond(c > x, np.sin, np.cos, c), c)],
    ids=["a sum", "a branch"],
)
def test_a_loop_stays_whole_without_a_reason(f: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    forward, seen = Scan.forward, list[Scan]()
    monkeypatch.setattr(Scan, "forward", lambda self, *a, **k: (seen.append(self), forward(self, *a, **k))[1])
    ag.scan(f, 0.5, np.ones(T))
    assert [scan._fission for scan in seen] == [None]
