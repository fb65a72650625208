"""Threads: how many there are, and that nothing but the time depends on it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native import threaded_functions as fast
from autograd_lite.native.kernels import FASTEST, INSTRUCTIONS, KERNELS, LEAST, REASON
from autograd_lite.native.threads import default, quota

if INSTRUCTIONS:
    from autograd_lite.native import library

N = 1 << 17  # elements that are enough for any of the shared functions
SHARED: list[np.ufunc] = [
    FASTEST.get(getattr(np, name), getattr(np, name)) for names in LEAST.values() for name in names.split()
]
THREADS = 4

needs_library = pytest.mark.skipif(not INSTRUCTIONS, reason=f"the native extension is {REASON}")


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = ag.get_threads()
    ag.set_threads(THREADS)  # on a machine with one processor, too
    yield
    ag.set_threads(before)


def alone(call: Callable[[], Any]) -> Any:
    """Return what a call gives in one thread."""
    before = ag.get_threads()
    ag.set_threads(1)
    try:
        return call()
    finally:
        ag.set_threads(before)


def bits(a: Any) -> bytes:
    return np.asarray(a).tobytes()


# ---- results --------------------------------------------------------------------------------------------------------
@cache
def _operands(n: int, dtype: str) -> list[np.ndarray[Any, Any]]:
    """Return arrays of numbers of all sizes and signs, special values among them, that no two parts share."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(n):
        a = (random.standard_normal(N) * 10.0 ** random.integers(-6, 3, N)).astype(dtype)
        a[random.integers(0, N, 64)] = random.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-310], 64).astype(dtype)
        found.append(a)
    return found


LAYOUTS: dict[str, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "contiguous": lambda a: a,
    "strided": lambda a: np.repeat(a, 3)[::3],
    "backward": lambda a: a[::-1],
    "columns": lambda a: a.reshape(2, -1).T,
    "one more": lambda a: np.concatenate([a, a[:1]]),
}


@needs_library
@pytest.mark.parametrize("ufunc", SHARED, ids=lambda u: u.__name__)
@np.errstate(all="ignore")
def test_results_do_not_depend_on_threads(ufunc: np.ufunc) -> None:
    layouts = LAYOUTS if ufunc.__name__ in ("add", "multiply", "tanh", "negative") else ["contiguous"]
    for dtype, layout in itertools.product("fd", layouts):
        args = [LAYOUTS[layout](a) for a in _operands(ufunc.nin, dtype)]
        assert bits(ufunc(*args)) == bits(alone(partial(ufunc, *args))), (dtype, layout)


@needs_library
@pytest.mark.parametrize("function", [fast.add, fast.multiply])
@np.errstate(all="ignore")
def test_what_has_an_order_keeps_it(function: np.ufunc) -> None:
    x, y = _operands(2, "d")
    x, y = (np.clip(np.nan_to_num(a), -1e3, 1e3) for a in (x, y))  # so that a sum depends on every element

    def over(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], out: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        function(a, b, out=out)
        return out

    def shifted() -> np.ndarray[Any, Any]:
        a = x.copy()
        return over(a[:-1], y[1:], a[1:])

    def reversed_() -> np.ndarray[Any, Any]:
        a = x.copy()
        return over(a[::-1], y, a)

    def itself() -> np.ndarray[Any, Any]:
        a = x.copy()
        return over(a, a, a)

    calls: list[Callable[[], Any]] = [shifted, reversed_, itself]
    calls += [lambda: function.reduce(x), lambda: function.accumulate(x), lambda: function.reduceat(x, [0, 5, N // 2])]
    calls += [
        lambda: function.reduce(x.reshape(-1, 1 << 16), axis=0),
        lambda: function.reduce(x.reshape(1 << 16, -1), 1),
    ]
    calls += [
        lambda: function(x, 2.0),
        lambda: function(x.reshape(2, -1), y[: N // 2]),
        lambda: function.outer(x, y[:2]),
    ]
    for call in calls:
        assert bits(call()) == bits(alone(call))


@needs_library
def test_flags_of_workers_reach_the_caller() -> None:
    x = np.ones(N)
    for i in itertools.chain(range(0, N, N // 16), [N - 1] * 30):
        x[i] = 0.0
        with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
            fast.log(x)
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero encountered in log"):
            fast.log(x)
        x[i] = 1.0
        with np.errstate(all="raise"):
            fast.log(x)


# ---- fork, threads of the user's, signals ---------------------------------------------------------------------------
def _is_right(seed: int) -> bool:
    x = np.random.default_rng(seed).standard_normal(N)
    return bits(fast.exp(x)) == b"".join(bits(fast.exp(part)) for part in np.split(x, 64))


@needs_library
def test_threads_of_the_users() -> None:
    right: list[bool] = []

    def user(seed: int) -> None:
        right.extend(_is_right(seed + k) for k in range(5))

    users = [threading.Thread(target=user, args=(k,)) for k in range(8)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert right == [True] * 40


@needs_library
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_fork_in_the_middle_of_work() -> None:
    stop = False
    x = np.ones(N)

    def work() -> None:
        while not stop:
            fast.exp(x)

    users = [threading.Thread(target=work) for _ in range(2)]
    for thread in users:
        thread.start()
    try:
        for seed in range(10):
            child = os.fork()
            if child == 0:
                right = _is_right(seed)
                tasks = Path("/proc/self/task")  # where there is such a folder: new workers have been created
                os._exit(0 if right and (not tasks.is_dir() or len(os.listdir(tasks)) == THREADS) else 1)
            for _ in range(3000):
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    break
                time.sleep(0.01)
            else:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            assert (done, status) == (child, 0)
            assert _is_right(seed)
    finally:
        stop = True
        for thread in users:
            thread.join()


@needs_library
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_processes_of_the_users() -> None:
    assert _is_right(0)
    with multiprocessing.get_context("fork").Pool(2) as processes:
        assert processes.map(_is_right, range(4)) == [True] * 4


def _exp_for_ever(x: np.ndarray[Any, Any]) -> None:
    while True:
        fast.exp(x)


@needs_library
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer of signals here")
def test_interrupts() -> None:
    x = np.ones(1 << 20)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for k in range(5):
            # Set inside the `try`: a signal that comes early must not come before what catches it.
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.001 * (k + 1))
                _exp_for_ever(x)
            except KeyboardInterrupt:
                pass
            assert _is_right(k)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---- how many -------------------------------------------------------------------------------------------------------
def test_number_from_the_environment() -> None:
    assert default({"AUTOGRAD_LITE_NUM_THREADS": "5"}) == 5
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for wish in ({}, {"AUTOGRAD_LITE_NUM_THREADS": ""}, {"AUTOGRAD_LITE_NUM_THREADS": "0"}):
        assert 1 <= default(wish) <= most


SOME: list[Any] = [
    *(1.0, 2, True, 2j, 300, -1, np.float32(0.5), np.ones(3), np.ones(3, "f"), np.arange(3), np.arange(3, dtype="u1")),
    *(np.arange(3, dtype="i1"), np.ones(3) > 0, np.ones(3) * 1j, np.array([1, 2, 3], object), np.ones(3, "e")),
    *(np.ones(3, "g"), np.zeros((0, 3)), np.ones((2, 1)), None),
]


MATRICES = [np.ones((3, 3), np.asarray(a).dtype) for a in SOME[:-1]]


def _outcome(ufunc: Callable[..., Any], *args: Any) -> Any:
    """Return the result, its class and dtype, or the class of the error."""
    try:
        found = ufunc(*args)
    except Exception as error:
        return type(error)
    return type(found), found.dtype, repr(found)


@needs_library
@np.errstate(all="ignore")
def test_copies_are_like_numpys_own_functions() -> None:
    for theirs, copy in FASTEST.items():
        if theirs.__name__ in KERNELS:  # whose last bits may differ
            continue
        for args in itertools.product(SOME if theirs.signature is None else MATRICES, repeat=theirs.nin):
            assert _outcome(copy, *args) == _outcome(theirs, *args), (theirs, args)
        for method, a in itertools.product(("reduce", "accumulate"), (np.ones((2, 3)), np.arange(3), np.zeros((0, 3)))):
            assert _outcome(getattr(copy, method), a) == _outcome(getattr(theirs, method), a)


@needs_library
def test_numpys_own_functions_stay_as_they_are() -> None:
    assert all(map(library.is_shared, [*SHARED, *(k for k in KERNELS.values() if "(m)" not in (k.signature or ""))]))
    assert not any(library.is_shared(f) for f in vars(np).values() if isinstance(f, np.ufunc))


@needs_library
def test_threads_are_set() -> None:
    for n, expected in ((3, 3), (1, 1), (1000, 64)):
        ag.set_threads(n)
        assert ag.get_threads() == expected


@pytest.mark.parametrize("wrong", [0, -1])
def test_too_few(wrong: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 thread, the calling one; received {wrong}"):
        ag.set_threads(wrong)


@pytest.mark.parametrize("wrong", [1.0, "2", True, None])
def test_wrong_type(wrong: object) -> None:
    with pytest.raises(TypeError, match="expected a number of threads"):
        ag.set_threads(wrong)  # type: ignore[arg-type]


def _first_version(group: str, limit: str, period: str) -> dict[str, str]:
    return {f"{group}/cpu.cfs_quota_us": limit, f"{group}/cpu.cfs_period_us": period}


@pytest.mark.parametrize(
    ("memberships", "files", "expected"),
    [
        ("0::/\n", {}, float("inf")),
        ("0::/\n", {"cpu.max": "max 100000"}, float("inf")),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2.0),
        ("0::/a/b\n", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "200000 100000"}, 0.5),
        ("0::/of/the/host\n", {"cpu.max": "300000 100000"}, 3.0),
        ("4:memory:/\n1:cpu:/g\n0::/\n", _first_version("cpu/g", "-1", "100000"), float("inf")),
        ("1:cpu:/g\n", _first_version("cpu/g", "400000", "100000"), 4.0),
        ("1:cpu,cpuacct:/\n", _first_version("cpu,cpuacct", "100000", "50000"), 2.0),
        ("1:cpuset:/\n", _first_version("cpuset", "100000", "100000"), float("inf")),
    ],
)  # fmt: skip
def test_quota_of_control_groups(tmp_path: Path, memberships: str, files: dict[str, str], expected: float) -> None:
    for name, text in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (tmp_path / "memberships").write_text(memberships)
    assert quota(tmp_path / "groups", tmp_path / "memberships") == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert quota(tmp_path / "none", tmp_path / "none") == float("inf")
