"""Results with a history: `backward` from outside a compiled function gives what it gives in eager, bit for bit."""

from __future__ import annotations

import gc
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.control.function_call import Call
from autograd_lite.core.mode import TAPES

from ..laws.reading import same_bits

W = np.random.default_rng(0).normal(size=(4, 3))


class Session:
    """What one run of a scenario has: parameters, data, the function that is compiled or not, and a list of arrays."""

    def __init__(self, compiled: bool) -> None:
        self.rng = np.random.default_rng(1)
        self.compile: Callable[[Any], Any] = ag.compile if compiled else lambda f: f
        self.w = ag.tensor(W, requires_grad=True, name="w")
        self.b = ag.tensor(W[0], requires_grad=True, name="b")
        self.found: list[Any] = []

    def data(self, *shape: int) -> ag.Tensor:
        return ag.tensor(self.rng.normal(size=shape or (5, 4)))

    def note(self, *things: Any) -> None:
        self.found += [None if x is None else np.array(x._data if isinstance(x, ag.Tensor) else x) for x in things]

    def gradients(self, *more: Any) -> None:
        self.note(self.w.grad, self.b.grad, *more)
        self.w.grad = self.b.grad = None


def scenario(rows: dict[str, Callable[[Session], Any]]) -> Callable[[Callable[[Session], Any]], None]:
    return lambda run: rows.update({run.__name__.replace("_", " "): run})


ROWS: dict[str, Callable[[Session], Any]] = {}
# Where the engine passes back through the operations, since a program does not.
BY_THE_ENGINE: dict[str, Callable[[Session], Any]] = {}


def layer(s: Session) -> Callable[..., Any]:
    """Use both parameters more than once, so that the order of additions shows."""
    return lambda x: np.tanh(x @ s.w + s.b) * (s.b * 1.1) + np.exp(s.w[0])


@scenario(ROWS)
def parameters(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        (f(s.data()) ** 2).sum().backward()
        s.gradients()


@scenario(ROWS)
def gradients_that_add_up(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        (f(s.data()) ** 2).sum().backward()
        s.note(s.w.grad, s.b.grad)


@scenario(ROWS)
def uses_outside_before_and_after(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        before = np.sin(s.w).sum() + (s.b * s.b).sum()
        y = f(s.data())
        ((y * s.b).sum() * before + (s.w * s.w).sum()).backward()
        s.gradients(y)


@scenario(ROWS)
def several_results(s: Session) -> None:
    def f(x: Any) -> Any:
        y = np.tanh(x @ s.w + s.b)
        return {"loss": (y * y).mean(), "y": y, "n": y.shape[0], "free": x.sum(), "detached": y.detach() * 1}

    g = s.compile(f)
    for i in range(7):
        out = g(s.data())
        loss = (out["loss"], out["y"].sum(), out["loss"] + (out["y"] * s.b).sum())[i % 3]
        assert (out["free"].requires_grad, out["detached"].requires_grad) == (False, False)
        loss.backward()
        s.gradients(*[out[k] for k in sorted(out)])


@scenario(ROWS)
def arguments_that_are_leaves(s: Session) -> None:
    f = s.compile(lambda x, w: np.tanh(x @ w).sum(axis=1) * w[0, 0])
    for _ in range(5):
        x = ag.tensor(s.data(), requires_grad=True)
        f(x, s.w).sum().backward()
        s.gradients(x.grad)


@scenario(ROWS)
def arguments_with_a_history(s: Session) -> None:
    f = s.compile(lambda x: x * np.sin(x))
    for _ in range(5):
        h = s.data() @ s.w
        (f(h) + h * h).sum().backward()
        s.gradients(h)


@scenario(ROWS)
def one_after_another(s: Session) -> None:
    f, g = s.compile(layer(s)), s.compile(lambda y: np.cos(y @ s.w.T) * y.sum())
    for _ in range(5):
        g(f(g(f(s.data())))).sum().backward()
        s.gradients()


@scenario(ROWS)
def gradients_of_functions(s: Session) -> None:
    f = s.compile(lambda x, w: np.tanh(x @ w) * x[:, :3] * w[0])
    for _ in range(5):
        x = s.data().numpy()
        s.note(*ag.grad(lambda y, w: f(y, w).sum() * (w * y[0, 0]).sum(), (0, 1))(x, W))
        s.note(ag.value_and_grad(lambda y: f(y, W).sum())(x)[1], ag.vjp(f)(x, W)[1](x[:, 1:])[1])


@scenario(ROWS)
def gradients_to_some(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        x = s.data()
        s.note(ag.grad(lambda y: f(y).sum())(x), *ag.value_and_grad(lambda y: f(y * y).sum() * y.sum())(x))


@scenario(ROWS)
def frozen_and_not(s: Session) -> None:
    f = s.compile(layer(s))
    for i in range(9):
        s.w.requires_grad = i // 3 != 1
        f(s.data()).sum().backward()
        s.gradients()


@scenario(ROWS)
def without_gradients(s: Session) -> None:
    f = s.compile(layer(s))
    for i in range(8):
        with ag.enable_grad() if i % 2 else ag.no_grad():
            y = f(s.data())
        s.note(y, y.requires_grad)


@scenario(ROWS)
def retained(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        loss = f(s.data()).sum()
        loss.backward(retain_graph=True)
        loss.backward()
        s.gradients()


@scenario(ROWS)
def two_losses_of_one_call(s: Session) -> None:
    f = s.compile(lambda x: ((x @ s.w).sum(), np.exp(s.b * x[0, 0]).sum()))
    for _ in range(5):
        one, other = f(s.data())
        one.backward()
        other.backward()
        s.gradients()


@scenario(ROWS)
def indices(s: Session) -> None:
    f = s.compile(lambda i: (s.w[i] ** 3).sum(axis=1))
    for _ in range(5):
        f(ag.tensor(s.rng.integers(0, 4, 6))).sum().backward()
        s.gradients()


@scenario(ROWS)
def draws(s: Session) -> None:
    generator = ag.Generator(3)
    f = s.compile(lambda x: x @ s.w * ag.random.bernoulli((5, 3), 0.5, generator=generator) * s.b)
    for _ in range(5):
        f(s.data()).sum().backward()
        s.gradients()


@scenario(ROWS)
def complex_numbers(s: Session) -> None:
    z = ag.tensor(W + 1j * W[::-1], requires_grad=True)
    f = s.compile(lambda x: np.abs(x @ z * z[0]) ** 2)
    for _ in range(5):
        f(s.data()).sum().backward()
        s.note(z.grad)
        z.grad = None


@scenario(ROWS)
def halves(s: Session) -> None:
    w = ag.tensor(W.astype("f4"), requires_grad=True)
    f = s.compile(lambda x: (x @ w).astype(np.float64) * s.b)
    for _ in range(5):
        f(s.data().astype(np.float32)).sum().backward()
        s.gradients(w.grad)


@scenario(ROWS)
def a_caller_s_array(s: Session) -> None:
    f, large = s.compile(layer(s)), np.empty((2000, 4))
    for _ in range(5):
        large[:] = s.rng.normal(size=large.shape)
        small = large[:3].copy()
        y = f(small)
        small[:] = 0  # was copied
        y.sum().backward()
        f(large).sum().backward()
        s.gradients()


@scenario(ROWS)
def results_that_are_arguments(s: Session) -> None:
    f = s.compile(lambda x, y: (x, s.w, y * 1, y))
    for _ in range(5):
        x = ag.tensor(s.data(), requires_grad=True)
        a, w, b, c = f(x, x * 2)
        s.note(a is x, w is s.w)
        (a.sum() * w.sum() + (b * c).sum()).backward()
        s.gradients(x.grad)


@scenario(ROWS)
def state_that_changes(s: Session) -> None:
    mean = ag.tensor(np.zeros(3))

    def f(x: Any) -> Any:
        y = x @ s.w
        with ag.no_grad():
            mean.assign(mean * 0.9 + y.mean(axis=0) * 0.1)
        return (y - mean) * s.b

    g = s.compile(f)
    for _ in range(5):
        g(s.data()).sum().backward()
        s.gradients(mean)


@scenario(ROWS)
def gradients_of_gradients(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        x = s.data()
        f(x).sum().backward(create_graph=True)
        norm = (s.w.grad**2).sum()
        s.w.grad = s.b.grad = None
        norm.backward()
        s.gradients(ag.hessian(lambda y: f(y).sum())(x), ag.jacobian(f)(x[:1]))


@scenario(ROWS)
def third_derivatives(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(6):
        x = s.data()
        loss = (f(x) ** 2).sum()
        for _ in range(2):
            loss.backward(create_graph=True)
            loss = (s.w.grad**2).sum() + (s.b.grad * s.w[0]).sum()
            s.w.grad = s.b.grad = None
        loss.backward()
        s.gradients()


@scenario(ROWS)
def derivatives_of_a_backward_pass(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        x = s.data()
        _, pullback = ag.vjp(f)(x)
        g = s.data(5, 3)
        s.note(*ag.jvp(pullback)((g,), (g * 2,)), *ag.vmap(pullback)(np.stack([g, g * 2])))


@scenario(ROWS)
def loops_and_choices(s: Session) -> None:
    w, b, start = s.w, s.b, ag.tensor(W[1])

    def f(x: Any) -> Any:
        y, ys = ag.scan(lambda c, row: (np.tanh(c @ w.T @ w + row), c * b), start, x @ w)
        return ag.cond(x[0, 0] > 0, lambda a: a.sum() * 2, lambda a: (a * a).sum(), y + ys.sum(axis=0))

    g = s.compile(f)
    for _ in range(6):
        g(s.data()).backward()
        s.gradients()


@scenario(ROWS)
def factors_of_a_matrix(s: Session) -> None:
    w, b = s.w, s.b

    def f(x: Any) -> Any:
        q, r = np.linalg.qr(x @ w)
        return (q * b).sum() + (r**2).sum(), q

    g = s.compile(f)
    for i in range(6):
        loss, q = g(s.data())
        (loss, q.sum(), loss + q.sum())[i % 3].backward()
        s.gradients(q)


@scenario(ROWS)
def other_transformations(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(5):
        x = s.data()
        s.note(*ag.jvp(f)((x,), (x,)), ag.vmap(f)(x), *ag.vjp(f)(x)[1](s.data(5, 3)), ag.linearize(f)(x)[1](x))
        ag.checkpoint(f)(x).sum().backward()
        s.gradients()


@scenario(BY_THE_ENGINE)
def hooks(s: Session) -> None:
    def f(x: Any) -> Any:
        y = np.tanh(x @ s.w)
        return (y * y * s.b).sum(), y

    g = s.compile(f)
    for i in range(7):
        loss, y = g(s.data())
        if i % 3 == 0:
            handle = y.register_hook(lambda grad: s.note(grad) or grad * 2)
        if i % 3 == 1:
            y.retain_grad()
        (loss + y.sum()).backward(retain_graph=True)
        s.gradients(y.grad)
        if i % 3 == 0:
            handle.remove()
        else:
            y.register_hook(lambda grad: s.note(grad))
        loss.backward()
        s.gradients()


@scenario(ROWS)
def the_same_argument_twice(s: Session) -> None:
    f = s.compile(lambda x, w: (x @ w) * (w[0] * s.w[1]) + np.tanh(x @ s.w))
    g = s.compile(lambda a, b: a * b + a * a * b)
    for _ in range(5):
        h = s.w * 2
        (f(s.data(), s.w).sum() + g(h, h).sum() + g(s.b, s.b).sum()).backward()
        s.gradients()


@scenario(BY_THE_ENGINE)
def masks(s: Session) -> None:
    f = s.compile(lambda x: np.where(x > 0, np.sqrt(x), 0.0) * s.b)
    for i in range(6):
        x = ag.tensor([1.0, 0.0 if i % 2 else 2.0, 4.0], requires_grad=True)
        with np.errstate(all="ignore"):
            f(x).sum().backward()
        s.gradients(x.grad)


@scenario(ROWS)
def captured_results(s: Session) -> None:
    for _ in range(3):
        h = np.exp(s.w)
        f = s.compile(lambda x, h=h: (x @ h * s.b).sum())
        for _ in range(3):
            f(s.data()).backward(retain_graph=True)
            s.gradients()
        s.w.assign(s.w + 0.1)


@scenario(ROWS)
def pictures(s: Session) -> None:
    f = s.compile(layer(s))
    for _ in range(3):
        y = f(s.data())
        graph = ag.graph.build_graph((y * y).sum(), backward=True)
        s.note(graph.check(), "depends on 'w'" in str(ag.why_no_grad(s.w, f(s.data()).sum())))
        y.sum().backward()
        s.gradients()


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        assert a is None or same_bits(a, b)


def both(run: Callable[[Session], Any]) -> None:
    sessions = Session(True), Session(False)
    for s in sessions:
        run(s)
    assert_same(sessions[0].found, sessions[1].found)


def by_the_engine(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Return a list of the calls that the engine passes back through from now on, since no program does."""
    found: list[Call] = []
    passed = Call._engine_pass

    def noted(self: Call, *args: Any) -> Any:
        if not TAPES:  # otherwise a program is recorded
            found.append(self)
        return passed(self, *args)

    monkeypatch.setattr(Call, "_engine_pass", noted)
    return found


@pytest.mark.parametrize("name", ROWS)
def test_programs_find_the_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = by_the_engine(monkeypatch)
    both(ROWS[name])
    assert not calls


@pytest.mark.parametrize("name", BY_THE_ENGINE)
def test_the_engine_finds_the_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = by_the_engine(monkeypatch)
    both(BY_THE_ENGINE[name])
    assert calls


# ---- errors ----------------------------------------------------------------------------------------------------------


def raised(s: Session, run: Callable[[Session], Any]) -> str:
    try:
        run(s)
    except ag.GradError as error:
        s.gradients()
        return str(error)
    raise AssertionError("nothing was raised")


def twice(s: Session) -> None:
    f = s.compile(layer(s))
    for i in range(4):
        loss = f(s.data()).sum()
        loss.backward()
        if i == 3:
            loss.backward()


def assigned(s: Session) -> None:
    f = s.compile(lambda x: x[0, 0] * s.b * s.b)
    for i in range(4):
        loss = f(s.data()).sum()
        if i == 3:
            s.b.assign(s.b * 1)
        loss.backward()


def argument_assigned(s: Session) -> None:
    f = s.compile(lambda x: x * s.b)
    for i in range(4):
        x = s.data(3)
        loss = f(x).sum()
        if i == 3:
            x.assign(x * 2)
        loss.backward()


def array_changed(s: Session) -> None:
    f = s.compile(layer(s))
    for i in range(4):
        x = s.rng.normal(size=(2000, 4))
        loss = f(x).sum()
        if i == 3:
            x[:] = 0
        loss.backward()


@pytest.mark.parametrize("run", [twice, assigned, argument_assigned, array_changed])
def test_what_has_changed_or_is_freed_is_refused_as_in_eager(run: Callable[[Session], Any]) -> None:
    sessions = Session(True), Session(False)
    # The function is one operation, whose name, results and inputs are others.
    hints = r", made at .*? in [\w<>]+|; record_source\(\) names the line|'[\w<>]+' saved|input .*, an array"
    words = [re.sub(hints, "", raised(s, run)) for s in sessions]
    assert words[0] == words[1]
    assert_same(sessions[0].found, sessions[1].found)


# ---- memory and threads ----------------------------------------------------------------------------------------------


def test_nothing_stays_alive() -> None:
    """Neither arguments nor results, nor what was computed, are held by a `Compiled`, or by cycles."""
    s = Session(True)
    f, g = s.compile(layer(s)), s.compile(lambda x: ag.grad(lambda y: np.tanh(y).sum())(x) + ag.random.normal(x.shape))
    gc.collect()
    gc.disable()
    try:
        for k in range(4):
            x, a = s.data(), s.rng.normal(size=(5, 4))
            held = [weakref.ref(x), weakref.ref(x._data), weakref.ref(a)]
            y, z = f(x), f(a)
            held += [weakref.ref(y), weakref.ref(y._data)]
            (y * z).sum().backward()
            found = g(x), g(a)
            s.w.grad = s.b.grad = None
            del x, a, y, z, found
            assert [r() for r in held] == [None] * len(held), k
    finally:
        gc.enable()


def test_explain_tells_of_the_history() -> None:
    s = Session(True)
    f = s.compile(layer(s))
    for _ in range(3):
        f(s.data())
    assert "gradients flow to" in f.explain()


def test_threads_have_gradients_of_their_own() -> None:
    s = Session(True)
    f = s.compile(layer(s))
    data = [s.data() for _ in range(8)]
    expected = [ag.grad(lambda w, x=x: (np.tanh(x @ w) * w[0]).sum())(ag.tensor(W)) for x in data]
    f = s.compile(lambda x, w: (np.tanh(x @ w) * w[0]).sum())
    failures: list[BaseException] = []

    def work(i: int) -> None:
        try:
            for _ in range(20):
                w = ag.tensor(W, requires_grad=True)
                f(data[i], w).backward()
                assert_same([w.grad.numpy()], [expected[i].numpy()])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
