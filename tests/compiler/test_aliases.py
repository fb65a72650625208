"""Arguments that a compiled function changes, or that it captures as well: everything is as eager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.aliases import Spans

Function = Callable[..., Any]


def _updated(w: Any, x: Any) -> Any:
    loss = (w * x * x).sum()
    loss.backward()
    with ag.no_grad():
        w.assign_sub(0.1 * w.grad)
    w.grad = None
    return loss.detach()


def _last(*values: Any) -> Any:
    return values[-1]


# Functions of an argument x, another y, and a captured tensor w.
PLAIN: dict[str, Function] = {
    "the captured one is assigned": lambda w, x, y: _last(w.assign(x * 0.5), x * 1.0),
    "the argument is assigned": lambda w, x, y: _last(x.assign(x * 0.5), x * 1.0),
    "the argument is assigned, the captured one read": lambda w, x, y: _last(x.assign(x * 0.5), w * 1.0),
    "both are read": lambda w, x, y: _last(w.assign(w * 0.5), x * 1.0 + w),
    "an operator in place on the captured one": lambda w, x, y: _last(w.__iadd__(1.0), x * 1.0),
    "an operator in place on the argument": lambda w, x, y: x.__imul__(1.5) * 2.0,
    "an item of the captured one": lambda w, x, y: _last(w.__setitem__(0, 0.5 * x[1]), x * 1.0),
    "an item of the argument": lambda w, x, y: _last(x.__setitem__(0, 0.5 * w[1]), x * w),
    "read before and after": lambda w, x, y: (x * 1.0, _last(w.assign(x * 0.5), x * 2.0)),
    "the argument is returned": lambda w, x, y: _last(w.assign(x * 0.5), x),
    "the captured one is returned": lambda w, x, y: _last(w.assign(x * 0.5), w),
    "added": lambda w, x, y: _last(w.assign_add(x), x * 1.0),
    "subtracted": lambda w, x, y: _last(w.assign_sub(0.5 * x), x * 1.0),
    "added to the argument": lambda w, x, y: _last(x.assign_add(1.0), x.assign_sub(0.5), x * w),
    "two arguments": lambda w, x, y: _last(x.assign(y * 0.5), y * 1.0),
    "two arguments in place": lambda w, x, y: _last(y.__iadd__(x), x * y),
    "two arguments, one unused": lambda w, x, y: _last(x.__iadd__(1.0), x * 2.0),
    "nothing is changed": lambda w, x, y: w * x + y,
    "a result is assigned": lambda w, x, y: _last(z := x * 2.0, z.assign(w), z * x),
}
LEAVES: dict[str, Function] = {
    "an update": lambda w, x, y: _updated(w, x),
    "a gradient of the captured one": lambda w, x, y: _last((w * x).sum().backward(), w.grad * 1.0),
    "a gradient of the argument": lambda w, x, y: _last((w * x * x).sum().backward(), x.grad),
    "nothing is changed": lambda w, x, y: (w * x).sum(),
    "assigned": lambda w, x, y: _assigned(w, x),
}
# For the number of a call, which tensors are the arguments: the captured one, and others.
WHICH: dict[str, Function] = {
    "the captured one": lambda k, w, u, v: (w, u),
    "others": lambda k, w, u, v: (u, v),
    "others at first": lambda k, w, u, v: (u, v) if k < 3 else (w, v),
    "the same twice": lambda k, w, u, v: (u, u),
    "in turns": lambda k, w, u, v: (w, u) if k % 2 else (v, w),
    "the captured one twice": lambda k, w, u, v: (w, w),
}


def _assigned(w: Any, x: Any) -> Any:
    with ag.no_grad():
        w.assign(x * 0.5)
        return x * 1.0


def _values(x: Any) -> Any:
    return [t.tolist() if isinstance(t, ag.Tensor | np.ndarray) else t for t in ag.tree.leaves(x)]


def history(f: Function, which: Function, leaf: bool, compiled: bool) -> list[Any]:
    """Return what a few calls return and leave."""
    w, u, v = (ag.tensor([1.0 * k, 2.0], requires_grad=leaf) for k in (1, 3, 5))
    run = (lambda x, y: f(w, x, y)) if not compiled else ag.compile(lambda x, y: f(w, x, y))
    seen = []
    for k in range(6):
        out = _values(run(*which(k, w, u, v)))
        seen.append((out, _values((w, u, v)), _values([t.grad for t in (w, u, v) if t.grad is not None])))
    return seen


@pytest.mark.filterwarnings("ignore::autograd_lite.CompileWarning")
@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize(
    ("form", "leaf"), [*((form, False) for form in PLAIN), *((form, True) for form in LEAVES)], ids=str
)
def test_as_eager(form: str, leaf: bool, which: str) -> None:
    f = (LEAVES if leaf else PLAIN)[form]
    assert history(f, WHICH[which], leaf, True) == history(f, WHICH[which], leaf, False)


def test_others_are_still_replayed() -> None:
    w = ag.tensor([1.0, 2.0])
    compiled = ag.compile(lambda x: _last(w.assign(x * 0.5), x * 1.0))
    for _ in range(3):
        compiled(ag.tensor([3.0, 4.0]))
    assert compiled(w).tolist() == [0.75, 1.0]
    assert compiled(np.array([3.0, 4.0])).tolist() == [3.0, 4.0]
    assert all(trace.replay is not None for trace in compiled.traces)


def test_arrays_are_never_changed() -> None:
    compiled = ag.compile(lambda x: _last(x.assign(x * 0.5), x.__iadd__(1.0), x * 2.0))
    for _ in range(4):
        x = np.array([2.0, 4.0])
        assert compiled(x).tolist() == [4.0, 6.0]
        assert x.tolist() == [2.0, 4.0]
    assert compiled.traces[0].replay is not None


def test_what_is_made_inside_is_a_leaf() -> None:
    def f(x: Any) -> Any:
        t = ag.tensor([1.0, 2.0])
        t.assign(x * 2.0)
        t.assign_add(1.0)
        u = ag.tensor([1.0, 2.0])
        u.requires_grad = True
        (u * u * t).sum().backward()
        return t, u.grad, t.is_leaf

    compiled = ag.compile(f)
    for k in (1.0, 1.0, 1.0, 2.0, 3.0):
        t, slope, is_leaf = compiled(np.array([k, 1.0]))
        assert t.tolist() == [2 * k + 1, 3.0]
        assert slope.tolist() == [4 * k + 2, 12.0]
        assert is_leaf


def test_memory_meets_as_numpy_says() -> None:
    rng, bases = np.random.default_rng(0), (np.zeros((6, 6)), np.zeros(40))

    def part() -> np.ndarray:
        a = bases[rng.integers(2)]
        index = [
            slice(None, None, -1) if rng.random() < 0.4 else slice(*sorted(rng.integers(0, n + 1, 2))) for n in a.shape
        ]
        return a[tuple(index)]

    for _ in range(500):
        arrays, a = [part() for _ in range(rng.integers(4))], part()
        assert Spans(arrays).meet(a) == any(np.may_share_memory(a, x) for x in arrays)
    assert not Spans(bases).meet(np.float64(1.0))
