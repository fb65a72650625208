"""Compiled functions in hostile surroundings: aliases, odd arrays, other threads and tasks, failures, interrupts."""

from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses
import functools
import os
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..interrupts import interrupted_at, points_of
from ..laws.reading import same_bits

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def arrays_of(tree: Any) -> list[np.ndarray]:
    return [np.asarray(x._data if isinstance(x, ag.Tensor) else x) for x in ag.tree.leaves(tree)]


def assert_same(found: Any, expected: Any) -> None:
    for a, b in zip(arrays_of(found), arrays_of(expected), strict=True):
        assert same_bits(a, b)


# ---- arrays of all kinds ---------------------------------------------------------------------------------------------

ARRAYS: dict[str, Callable[[], Any]] = {
    "0-d": lambda: np.array(RNG.normal()),
    "a scalar": lambda: np.float64(RNG.normal()),
    "a half scalar": lambda: np.float16(RNG.normal()),
    "none": lambda: np.zeros(0),
    "none, of more axes": lambda: np.zeros((2, 0, 4)),
    "one": lambda: normal(1, 1),
    "another byte order": lambda: normal(4).astype(">f8"),
    "negative strides": lambda: normal(4, 4)[::-1, ::-1],
    "steps": lambda: normal(8, 8)[::2, 1::3],
    "transposed": lambda: normal(4, 3).T,
    "in columns": lambda: np.asfortranarray(normal(4, 3)),
    "broadcast": lambda: np.broadcast_to(normal(4), (3, 4)),
    "18 axes": lambda: normal(*[2] * 18),
    "not aligned": lambda: np.frombuffer(b"\0" + normal(4).tobytes(), np.uint8)[1:].view("f8"),
    **{f"dtype {c}": (lambda c=c: np.arange(5).astype(c)) for c in "?bBhHiIlLqQefdFD"},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_all_kinds(name: str) -> None:
    def f(a: Any) -> Any:
        return a + a, np.sum(a), a.T, np.arctan(a), a.reshape(-1)[:1]

    compiled = ag.compile(f)
    for _ in range(3):
        a = ARRAYS[name]()
        assert_same(compiled(a), f(a))
    assert compiled.traces[-1].replay is not None


def test_arrays_that_are_not_numbers_and_subclasses() -> None:
    same = ag.compile(lambda a: a)
    for a in (np.array([1, "a"], object), np.zeros(3, [("x", "f8")]), np.array(["ab"]), np.array([1], "M8[D]")):
        for _ in range(3):
            assert (same(a) == a).all()
    doubled = ag.compile(lambda a: a * 2)

    class Own(np.ndarray):
        __array_priority__ = 1.0

    for a in (np.ones(2).view(Own), np.ma.masked_array([1.0, 2.0], [0, 1])):
        for _ in range(3):
            assert type(doubled(a)) is type(a)


def test_aliases() -> None:
    def f(a: Any, b: Any) -> Any:
        return a * b, a, a[1:], a.T, b.T @ a

    compiled = ag.compile(f)
    for _ in range(4):
        whole = normal(5, 5)
        for args in ((whole[:4, :4], whole[1:, 1:]), (whole, whole), (whole, whole.T)):
            a, b = args
            expected = f(ag.tensor(a), ag.tensor(b))
            found = compiled(a, b)
            whole[:] = 0
            assert_same(list(found), list(expected))
            whole[:] = normal(5, 5)
            for array in found:
                array[:] = 1  # is the caller's
    read_only = normal(3)
    read_only.flags.writeable = False
    returned = ag.compile(lambda x: {"x": x, "ones": np.ones(2)})
    for _ in range(3):
        out = returned(read_only)
        assert_same(out["ones"], np.ones(2))
        out["x"][:] = out["ones"][:] = 5


# ---- arguments that are not arrays -----------------------------------------------------------------------------------


@dataclasses.dataclass
class Pair:
    x: Any
    k: float = 2.0


Named = collections.namedtuple("Named", "a b")


@pytest.mark.filterwarnings("ignore:compile. the function .* was traced")
def test_constants_are_told_apart() -> None:
    def f(x: Any, k: Any) -> Any:
        return x * k

    compiled = ag.compile(f)
    nan = float("nan")
    for k in (2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), 2j, -0.0, 0.0, nan, -nan, np.True_):
        for _ in range(3):
            x = normal(3)
            assert_same(compiled(x, k), f(ag.tensor(x), k))


def test_containers_are_told_apart() -> None:
    def f(t: Any, *, flag: bool = False) -> Any:
        parts = list(t.values()) if isinstance(t, dict) else [t.x, t.k] if isinstance(t, Pair) else list(t)
        return type(t), parts[0] * 2 if parts[1] is None else parts[0] * parts[1], flag

    compiled = ag.compile(functools.partial(f, flag=True))
    a, b = normal(3), normal(3)
    trees = [(a, None), (a, b), [a, b], {"x": a, "y": b}, {"y": b, "x": a}, Named(a, None), Named(a, b), Pair(a, 3.0)]
    for _ in range(3):
        for t in trees:
            kind, value, flag = compiled(t)
            assert (kind, flag) == (type(t), True)
            assert_same(value, f(t)[1])
    assert len(compiled.traces) == len(trees)
    assert all(trace.replay is not None for trace in compiled.traces)
    kept = ag.compile(lambda t: t)
    for _ in range(3):
        out = kept([collections.defaultdict(list, a=a), Pair(b), Named(a, None)])
        assert [type(x) for x in out] == [collections.defaultdict, Pair, Named]


def test_what_cannot_be_a_constant() -> None:
    for wrong in ({1}, bytearray(b"a"), [slice(0, 2), {}.keys()]):
        with pytest.raises(TypeError, match="compile: expected arguments that are arrays"):
            ag.compile(lambda x, s: x)(np.ones(2), wrong)

    async def later(x: Any) -> Any:
        return x

    def in_parts(x: Any) -> Any:
        yield x

    for f in (later, in_parts):
        with pytest.raises(TypeError, match="whose body runs later. Compile the part of it that computes"):
            ag.compile(f)


@pytest.mark.filterwarnings("ignore:compile. the function .* was traced")
def test_a_thousand_kinds_of_arguments() -> None:
    compiled = ag.compile(lambda x, text: x * float(text))
    compiled.warn = False
    begun = time.process_time()
    for k in range(1000):
        assert_same(compiled(np.ones(2), str(k)), np.full(2, float(k)))
    assert time.process_time() - begun < 1  # most are not traced
    assert len(compiled.traces) == 64
    for _ in range(4):
        compiled(np.ones(2), "5000.5")
    assert compiled.traces[-1].replay is not None  # comes again


# ---- names that mean something else ----------------------------------------------------------------------------------

SCALE = 2.0


class Scaled:
    """Has a method that reads attributes of the object and the class."""

    shift = 1.0

    def __init__(self) -> None:
        self.k, self.w = 2.0, ag.tensor(np.ones(3))

    def value(self, x: Any) -> Any:
        return x * self.k * self.w + self.shift

    compiled = ag.compile(value)


def test_names_are_followed() -> None:
    global SCALE
    w, k = ag.tensor(normal(3)), 2.0

    def f(x: Any) -> Any:
        return (lambda y: y * w * SCALE)(x) * k

    compiled = ag.compile(f)
    x, calls = normal(3), 0

    def check() -> None:
        for _ in range(3):
            assert_same(compiled(x), f(x))

    check()
    w = ag.tensor(normal(3))
    check()
    k = 3.0
    check()
    SCALE = 5.0
    check()
    w.assign(normal(3))
    check()
    scaled, other = Scaled(), Scaled()
    bound = ag.compile(scaled.value)
    for change in ({}, {"k": 5.0}, {"w": ag.tensor(normal(3))}, {"shift": 7.0}):
        vars(scaled).update(change)
        for _ in range(3):
            assert_same([scaled.compiled(x), bound(x)], [scaled.value(x)] * 2)
            assert_same(other.compiled(x), other.value(x))

    def counting(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return x * calls

    counted = ag.compile(counting)
    with pytest.warns(ag.CompileWarning, match="'counting' runs as it is: it changes itself what it reads: calls is"):
        counts = [counted(x) for _ in range(40)]
    assert_same(counts, [x * (n + 1) for n in range(40)])
    assert "it changes itself what it reads" in " ".join(counted.explain().split())


# ---- threads, tasks, processes ---------------------------------------------------------------------------------------


def test_it_may_call_itself_and_run_in_threads() -> None:
    depth = threading.local()

    def look(a: Any) -> None:
        depth.now = getattr(depth, "now", 0)
        if depth.now < 3:
            depth.now += 1
            assert_same(compiled(a + 1), np.arctan(a + 1) * (a + 1) + 1)
            depth.now -= 1

    def f(x: Any) -> Any:
        ag.observe(look, x)
        return np.arctan(x) * x + 1

    compiled = ag.compile(f)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            rng = np.random.default_rng()
            for n in range(20):
                a = rng.normal(size=50 + n % 3)
                assert_same(compiled(a), np.arctan(a) * a + 1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_tasks_have_modes_of_their_own() -> None:
    w = ag.tensor(normal(3), requires_grad=True)
    compiled = ag.compile(lambda x: (np.arctan(x) * w).sum())

    async def work(i: int) -> None:
        for k in range(6):
            with ag.no_grad() if i % 2 else ag.enable_grad():
                await asyncio.sleep(0)
                x = np.full(3, i + k * 0.1)
                out = compiled(x)
                await asyncio.sleep(0)
            assert (isinstance(out, ag.Tensor) and out.requires_grad) == (i % 2 == 0)
            assert_same(out, (np.arctan(x) * w.numpy()).sum())

    async def main() -> None:
        await asyncio.gather(*map(work, range(6)))

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_it_runs_in_a_forked_process() -> None:
    compiled = ag.compile(lambda x: np.tanh(x @ x))
    a = normal(4, 4)
    for _ in range(3):
        expected = compiled(a)
    child = os.fork()
    if not child:
        same = all(np.array_equal(compiled(a), expected) for _ in range(3))
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


@ag.compile
def of_this_module(x: Any) -> Any:
    return x * 2


def test_copies() -> None:
    added = ag.compile(functools.partial(np.add, 1.0))
    for _ in range(3):
        added(np.ones(2))
    for twin in (pickle.loads(pickle.dumps(added)), copy.copy(added), copy.deepcopy(added)):
        assert not twin.traces
        assert_same([twin(np.ones(2)) for _ in range(3)], [np.full(2, 2.0)] * 3)
    assert pickle.loads(pickle.dumps(of_this_module)) is of_this_module
    assert of_this_module.__name__ == "of_this_module"


# ---- failures --------------------------------------------------------------------------------------------------------


class State:
    """A step with every kind of effect, and what it changes."""

    def __init__(self) -> None:
        self.w = ag.tensor(np.ones(3), requires_grad=True)
        self.mean = ag.tensor(np.zeros(3))
        self.generator = ag.Generator(0)
        self.bad = False
        self.step = ag.compile(self.run)
        for _ in range(3):
            self.step(np.ones(3))

    def run(self, x: Any) -> Any:
        noise = ag.random.normal((3,), generator=self.generator)
        ((self.w * x + noise) ** 2).sum().backward()
        with ag.no_grad():
            self.mean.assign(self.mean * 0.9 + x)
            self.w.assign(self.w - 0.1 * self.w.grad)
        ag.observe(self.look, self.w)
        return self.w * 1

    def look(self, a: Any) -> None:
        if self.bad:
            raise ZeroDivisionError

    def now(self) -> list[Any]:
        assert self.w.grad is not None
        number = self.generator.state["state"]["state"] % 10**9
        return [self.w.numpy(), self.w.grad.numpy(), self.mean.numpy(), np.array(number)]


def test_nothing_changes_if_a_replay_raises() -> None:
    state = State()
    before = state.now()
    state.bad = True
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            state.step(np.ones(3))
        assert_same(state.now(), before)
    state.bad = False
    state.step(np.ones(3))
    assert not np.array_equal(state.now()[0], before[0])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_anywhere_leaves_all_or_nothing() -> None:
    """Except for draws: an eager run that is interrupted has drawn, too."""

    def ours(file: str) -> bool:
        return "autograd_lite" in file or file == "<replay>"

    state = State()
    held, drawn = [np.array(a) for a in state.now()], state.generator.state

    def reset() -> None:
        state.w.assign(held[0])
        state.w.grad, state.generator.state = held[1], drawn
        state.mean.assign(held[2])

    points = points_of(lambda: state.step(np.ones(3)), ours)
    after = [a.tobytes() for a in state.now()]
    before = [a.tobytes() for a in held]
    assert points > 50
    for point in range(points):
        reset()
        interrupted_at(lambda: state.step(np.ones(3)), point, ours)
        now = [a.tobytes() for a in state.now()]
        assert now == after or (now[:3] == before[:3] and now[3] in (before[3], after[3])), point
    reset()
    state.step(np.ones(3))
    assert [a.tobytes() for a in state.now()] == after


def test_invalid_values_and_draws() -> None:
    generator = ag.Generator(0)

    def f(x: Any) -> Any:
        noise = ag.random.normal(x.shape, generator=generator)
        return ag.grad(lambda y: np.where(y > 0, np.sqrt(y), 0.0).sum())(x) + noise

    compiled, runs = ag.compile(f), []
    with np.errstate(all="ignore"):
        for g in (compiled, f):
            generator.seed(1)
            data = [1.0, 2], [3.0, 1], [0.0, -1], [4.0, 2], [np.nan, np.inf], [0.0, 3], [4.0, 2]
            runs.append([g(np.array(x)) for x in data])
    assert_same(*runs)
    assert compiled.traces[0].replay is not None


def test_observers_see_each_value_once() -> None:
    """Also where a replay has to be left for the function, which calls them again."""
    seen: list[float] = []

    def f(x: Any) -> Any:
        ag.observe(lambda a: seen.append(float(a.sum())), x)
        ag.extend.assume(lambda a: (a < 9).all(), x)
        ag.observe(lambda a: seen.append(float(a[0])), x)
        slope = ag.grad(lambda y: np.where(y > 0, np.sqrt(y), 0.0).sum())(x)
        ag.observe(lambda a: seen.append(float(a[1])), slope)
        return slope

    compiled, runs = ag.compile(f), []
    with np.errstate(all="ignore"):
        for g in (compiled, lambda x: f(ag.tensor(x))):
            seen.clear()
            for x in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [0.0, -1.0], [7.0, 10.0], [1.0, 3.0]):
                g(np.array(x))
            runs.append(np.array(seen))
    assert_same(*runs)
