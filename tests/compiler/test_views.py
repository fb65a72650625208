"""Tensors that a compiled function writes in place, and views of them from outside: NumPy's values, or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

Write = Callable[[Any, Any], None]


def _add(z: Any, x: Any) -> None:
    z += x


def _row(z: Any, x: Any) -> None:
    row = z[0]
    row *= x


def _loop(z: Any, x: Any) -> None:
    for row in z:
        row -= x


def _transpose(z: Any, x: Any) -> None:
    z.T[...] = x[:, None] + z[0][:, None]


WRITES: dict[str, Write] = {
    "+=": _add,
    "[i] =": lambda z, x: z.__setitem__(1, x * z[0]),
    "[i, j] =": lambda z, x: z.__setitem__((0, 1), x[2]),
    "a row": _row,
    "rows": _loop,
    "a transpose": _transpose,
    "ufunc": lambda z, x: np.multiply(z, x, out=z),
    "fill": lambda z, x: z.fill(7.0),
    "sort": lambda z, x: (z.__imul__(-x), z.sort())[0],
    "copyto": lambda z, x: np.copyto(z[:, 1:], x[1:]),
    "two": lambda z, x: (_add(z, x), _row(z, x))[0],
}
VIEWS: dict[str, Callable[[Any], Any]] = {
    "[i]": lambda z: z[0],
    "[:, 1:]": lambda z: z[:, 1:],
    ".T": lambda z: z.T,
    "ravel": lambda z: z.ravel(),
    "of a view": lambda z: z[1:][0][::-1],
    "a copy": lambda z: z.copy(),
}
XS = [np.array([1.0, 2.0, -0.5]) + k for k in range(5)]


class Box:
    """Holds a Tensor."""

    z: Any


def _run(write: Write, view: Callable[[Any], Any], when: int, make: Any, found: str) -> list[Any]:
    """Return what views and results are after each call; a view is made before call number `when`, and every other."""
    box, z = Box(), make(np.arange(6.0).reshape(2, 3))
    box.z = z

    def f(x: Any) -> Any:
        with ag.no_grad():
            write(z if found == "captured" else box.z, x)
            return (z if found == "captured" else box.z) * 1

    g: Any = f if make is np.array else ag.compile(f)
    seen, views = [], []
    for k, x in enumerate(XS):
        if k >= when and (k - when) % 2 == 0:
            with ag.no_grad():
                views.append(view(z))
        seen.append(np.array(g(x)))
        if k % 2:  # else two calls without a look at the view
            seen += [np.array(v) for v in views]
    if len(views) and view is not VIEWS["a copy"]:  # and the other way round
        views[0][...] = 5.0
        seen += [np.array(v * 1) for v in (z, *views)]
    if make is not np.array:
        assert len(g.traces) == 1
        assert g.traces[0].replay is not None
    return seen


def _leaf(a: np.ndarray) -> Any:
    return ag.tensor(a, requires_grad=True)


def _check(write: str, view: str, when: int, make: Any, found: str) -> None:
    expected = _run(WRITES[write], VIEWS[view], when, np.array, found)
    with ag.no_grad():
        results = _run(WRITES[write], VIEWS[view], when, make, found)
    for a, b in zip(results, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("write", WRITES)
def test_views_from_outside_follow_replays(write: str) -> None:
    for view in ("[i]", "of a view"):
        _check(write, view, 2, ag.tensor, "captured")


@pytest.mark.ci
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("when", [2, 3])
@pytest.mark.parametrize("make", [ag.tensor, _leaf])
@pytest.mark.parametrize("found", ["captured", "attribute"])
def test_all_views_from_outside_follow_replays(write: str, view: str, when: int, make: Any, found: str) -> None:
    _check(write, view, when, make, found)


@pytest.mark.parametrize("write", ["+=", "a row"])
@pytest.mark.parametrize("make", [ag.tensor, _leaf])
@pytest.mark.parametrize("when", [0, 1])
def test_views_from_before_the_trace_are_refused(write: str, make: Any, when: int) -> None:
    with pytest.raises(ag.TraceError, match="Make the view inside, or a copy outside"):
        _check(write, "[i]", when, make, "captured")


def test_a_view_is_an_argument_or_found_elsewhere() -> None:
    for make in (np.array, ag.tensor):
        z, box = make(np.ones((2, 3))), Box()
        box.z = make(np.ones(3))

        def argument(x: Any, z: Any = z) -> Any:
            z[...] = z + 1
            return x * 1

        def elsewhere(x: Any, z: Any = z, box: Any = box) -> Any:
            z[...] = z + x
            return box.z * 1

        seen = []
        for f in (argument, elsewhere):
            g: Any = f if make is np.array else ag.compile(f)
            seen += [np.array(g(make(np.ones(3)))) for _ in range(3)]
            box.z = z[1]
            seen += [np.array(g(z[0])) for _ in range(3)]
            box.z = make(np.ones(3))
        if make is np.array:
            expected = seen
    np.testing.assert_array_equal(seen, expected)


def test_what_is_assigned_is_no_write() -> None:
    z = ag.tensor(np.zeros(3))

    @ag.compile
    def f(x: Any) -> None:
        z.assign(x)

    @ag.compile
    def both(x: Any) -> None:
        nonlocal z
        z += x
        z.assign(x)

    for g, expected in ((f, 0.0), (both, 3.0)):
        z.assign(np.zeros(3))
        for _ in range(3):
            g(np.ones(3))
        z.assign(np.zeros(3))
        view = z[:2]
        g(np.full(3, 3.0))
        assert view.tolist() == [expected] * 2
        assert z.tolist() == [3.0] * 3


def test_a_replay_reads_a_view_that_is_stale() -> None:
    z = ag.tensor(np.zeros((2, 3)))
    view = z[0]

    @ag.compile
    def f(x: Any) -> Any:
        return view * x

    for k in range(5):
        z[0] = k
        assert f(np.ones(3)).tolist() == [k] * 3
    assert len(f.traces) == 1
