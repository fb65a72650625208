"""`t += v` and `relu(t, out=t)` happen whole or not at all: whatever interrupts them, and whoever looks on."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.ownership import SMALL

# With warnings turned into errors, as they are in other tests, nothing would be written in its place.
pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.usefixtures("no_test_runner_threads"),
]
LARGE, HERE = 2 * SMALL, ag.__path__[0]
B = np.linspace(-1.0, 1.0, LARGE)
V = ag.tensor(B, requires_grad=True)


def added(t: ag.Tensor) -> None:
    t += V


def set_first(t: ag.Tensor) -> None:
    t[0] = 7.0


def gated(t: ag.Tensor) -> None:
    ag.relu(t, out=t)


def replaced(t: ag.Tensor) -> None:
    t *= V


CHANGES: dict[str, Callable[[ag.Tensor], None]] = {
    "t += v": added,
    "relu(t, out=t)": gated,
    "t *= v": replaced,
    "t[0] = v": set_first,
}


def interrupted(f: Callable[[], None], at: int) -> bool:
    """Call f, raise KeyboardInterrupt before line `at` of this package, and return whether there was such a line."""
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
    """Return a tensor's value, and the gradients that its history says it has."""
    w.grad = V.grad = None
    (t + 2.0).sum().backward()
    return [t.detach().numpy(), w.grad.numpy(), np.zeros(LARGE) if V.grad is None else V.grad.numpy()]


def is_same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("recorded", [True, False])
def test_an_interrupt_at_any_line_leaves_the_state_of_before_or_of_after(name: str, recorded: bool) -> None:
    def made() -> tuple[ag.Tensor, ag.Tensor]:
        w = ag.tensor(B, requires_grad=True)
        return (w * 3.0 if recorded else ag.tensor(3.0 * B)), w

    def found(t: ag.Tensor, w: ag.Tensor) -> list[np.ndarray]:
        return state(t, w) if recorded else [t.numpy()]

    before = found(*made())
    t, w = made()
    with nullcontext() if recorded else ag.no_grad():
        CHANGES[name](t)
    after = found(t, w)
    assert not is_same(before, after)
    for at in range(1, 1000):
        t, w = made()
        with nullcontext() if recorded else ag.no_grad():
            ended = not interrupted(lambda t=t: CHANGES[name](t), at)  # type: ignore[misc]
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
    CHANGES[name](t)
    assert t.data.__array_interface__["data"][0] == address
    thread = threading.Thread(target=(stop := threading.Event()).wait)
    thread.start()
    t = ag.tensor(B, requires_grad=True) * 3.0
    address = t.data.__array_interface__["data"][0]
    CHANGES[name](t)
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


@pytest.mark.parametrize("size", [3, 8 * SMALL])
def test_what_another_thread_multiplies_is_what_it_saves(size: int) -> None:
    """One thread adds into a tensor, another squares it: the product and its gradient are of one value."""
    interval = sys.getswitchinterval()
    w, v, done = ag.tensor(np.ones(size), requires_grad=True), np.ones(size), threading.Event()
    held, products = {"t": w * 1.0}, []

    def square() -> None:
        while not done.is_set():
            t = held["t"]
            products.append(t * t)
            if len(products) > 20:
                del products[:10]

    def torn() -> int:
        pairs = [(p.inputs[0].data, p.data) for p in list(products)]
        return sum(not np.array_equal(factor * factor, product) for factor, product in pairs)

    thread = threading.Thread(target=square)
    sys.setswitchinterval(1e-6)
    failures = 0
    try:
        thread.start()
        for k in range(400):
            held["t"] = t = w * float(k)
            t += v
            if k % 10 == 0:
                failures += torn()
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert failures == 0
