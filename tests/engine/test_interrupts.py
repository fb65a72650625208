"""`t += v` and `relu(t, out=t)` happen whole or not at all: whatever interrupts them, and whoever looks on."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.ownership import SMALL

# With warnings turned into errors, as they are in other tests, nothing would be written in its place.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
LARGE, HERE = 2 * SMALL, ag.__path__[0]
B = np.linspace(-1.0, 1.0, LARGE)


def added(t: ag.Tensor) -> None:
    t += B


def set_first(t: ag.Tensor) -> None:
    t[0] = 7.0


def gated(t: ag.Tensor) -> None:
    ag.relu(t, out=t)


def replaced(t: ag.Tensor) -> None:
    t.__imul__(B)


CHANGES: dict[str, tuple[Callable[[ag.Tensor], None], Callable[[Any], Any]]] = {
    "t += v": (added, lambda a: a + B),
    "relu(t, out=t)": (gated, lambda a: np.maximum(a, 0)),
    "t *= v": (replaced, lambda a: a * B),
    "t[0] = v": (set_first, lambda a: np.concatenate([[7.0], a[1:]])),
}


def interrupted(f: Callable[[], None], at: int) -> bool:
    """Call f, raise KeyboardInterrupt before the `at`th line of this package, and say whether there was such a line."""
    met = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal met
        code = frame.f_code
        if not code.co_filename.startswith(HERE) or code.co_name == "__del__":  # there Python swallows it
            return None
        if event == "line":
            met += 1
            if met == at:
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        f()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def state(t: ag.Tensor, w: ag.Tensor) -> list[np.ndarray]:
    """Return a tensor's value, and the gradient that its history says it has."""
    w.grad = None
    (t * t).sum().backward()
    return [t.detach().numpy(), w.grad.numpy()]


def is_same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("recorded", [True, False])
def test_an_interrupt_at_any_line_leaves_the_state_of_before_or_of_after(name: str, recorded: bool) -> None:
    change, _ = CHANGES[name]

    def made() -> tuple[ag.Tensor, ag.Tensor]:
        w = ag.tensor(B, requires_grad=True)
        return (w * 3.0 if recorded else ag.tensor(3.0 * B)), w

    def found(t: ag.Tensor, w: ag.Tensor) -> list[np.ndarray]:
        return state(t, w) if recorded else [t.numpy()]

    before = found(*made())
    t, w = made()
    change(t)
    after = found(t, w)
    assert not is_same(before, after)
    for at in range(1, 1000):
        t, w = made()
        ended = not interrupted(lambda t=t: change(t), at)  # type: ignore[misc]
        now = found(t, w)
        assert is_same(now, after) or (is_same(now, before) and not ended), f"line {at}"
        if ended:
            break
    assert at > 15


@pytest.mark.parametrize("name", ["t += v", "relu(t, out=t)"])
def test_these_are_written_in_their_place(name: str) -> None:
    """Or the tests above and below are of nothing."""
    t = ag.tensor(B, requires_grad=True) * 3.0
    address = t.data.__array_interface__["data"][0]
    CHANGES[name][0](t)
    assert t.data.__array_interface__["data"][0] == address
    thread = threading.Thread(target=(stop := threading.Event()).wait)
    thread.start()
    t = ag.tensor(B, requires_grad=True) * 3.0
    address = t.data.__array_interface__["data"][0]
    CHANGES[name][0](t)
    assert t.data.__array_interface__["data"][0] != address
    stop.set()
    thread.join()


HUGE = np.full(LARGE, 1e308)


def error_of_numpy() -> Any:
    return np.errstate(over="raise")


def error_of_a_call() -> Any:
    def refuse(*_: Any) -> None:
        raise FloatingPointError

    return np.errstate(over="call", call=refuse)


class error_of_a_warning(warnings.catch_warnings):  # type: ignore[type-arg]
    def __enter__(self) -> Any:
        super().__enter__()
        warnings.simplefilter("error")


@pytest.mark.parametrize("raising", [error_of_numpy, error_of_a_call, error_of_a_warning])
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("size", [100, LARGE])
def test_what_raises_changes_nothing(raising: Any, recorded: bool, size: int) -> None:
    w = ag.tensor(HUGE[:size], requires_grad=recorded)
    t = w * 1.0
    history = t.op
    with raising(), pytest.raises((FloatingPointError, RuntimeWarning)):
        t += HUGE[:size]
    np.testing.assert_array_equal(t.detach().numpy(), HUGE[:size])
    assert t.op is history
    leaf = ag.tensor(np.ones(size, np.float32))
    with raising(), pytest.raises((FloatingPointError, RuntimeWarning)):
        leaf.assign(HUGE[:size])
    np.testing.assert_array_equal(leaf.numpy(), np.ones(size))


def test_a_warning_comes_when_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    t = ag.tensor(HUGE, requires_grad=True) * 1.0
    address = t.data.__array_interface__["data"][0]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", interrupt)
        with pytest.raises(KeyboardInterrupt):
            t += HUGE
    assert np.isinf(t.detach().numpy()).all()
    assert t.op is not None
    assert t.op.name == "add"
    assert t.data.__array_interface__["data"][0] == address


@pytest.mark.parametrize("size", [3, LARGE])
def test_what_another_thread_multiplies_is_what_it_saves(size: int) -> None:
    """One thread adds into a tensor, another squares it: the product and its gradient are of one value."""
    interval = sys.getswitchinterval()
    w, done, failures = ag.tensor(np.ones(size), requires_grad=True), threading.Event(), []
    held = {"t": w * 1.0}

    def square() -> None:
        while not done.is_set():
            t = held["t"]
            product = t * t
            factor = product.inputs[0]
            if not np.array_equal(product.detach().numpy(), factor.detach().numpy() ** 2):
                failures.append(product)

    thread = threading.Thread(target=square)
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        for k in range(300):
            held["t"] = w * float(k)
            held["t"] += np.ones(size)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert not failures
