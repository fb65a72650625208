"""Explicit Runge-Kutta methods in C: NumPy's bits, signals, and arguments that are not sound."""

from __future__ import annotations

import signal
import types

import numpy as np
import pytest

from autograd_lite.integrate import native_calls, native_runge_kutta
from autograd_lite.integrate.equations import equations_of
from autograd_lite.integrate.explicit_methods import EXPLICIT
from autograd_lite.integrate.trajectories import Points, Settings
from autograd_lite.native.kernels import KERNELS, REASON

from .cases import CASES

needs_kernels = pytest.mark.skipif(not KERNELS, reason=f"the native extension is {REASON}")
pytestmark = needs_kernels
OURS = ["Tsit5", "Dopri5", "Dopri8"]


def everything(name: str, case: str) -> list:
    """Return all that a method computes for a case."""
    fun, y0, args = CASES[case]
    equations, theta = equations_of("solve_ivp", fun, 0.0, y0, args)
    here, method, random = equations.at(theta), EXPLICIT[name], np.random.default_rng(0)
    done = method.solve(here, (0.0, 0.7), y0, Settings(rtol=1e-4, atol=np.linspace(1e-5, 1e-4, len(y0)), max_step=0.3))
    assert done.status == 0
    steps = np.sort(random.integers(0, len(done.path), 5))
    points = Points(steps, done.path.t[steps] + random.uniform(size=5) * done.path.h[steps])
    carries = done.carries
    between = method.between(here, done.path, carries, 0, points)
    g, theta = method.pull(here, done.path, carries, 0, y0 + 1, points, random.normal(size=between.shape))
    counts = np.array([done.nfev])
    return [done.path.t, done.path.h, carries, done.rejected, counts, between, g, *theta]


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("case", [case for case in CASES if case != "complex"])
def test_c_computes_the_bits_of_numpy(name: str, case: str, monkeypatch) -> None:
    calls = []
    for function in ("steps", "read", "pull"):
        whole = f"runge_kutta_{function}"
        real = getattr(native_calls.library, whole)
        fake = lambda *args, real=real, whole=whole: (calls.append(whole), real(*args))[1]  # noqa: E731
        monkeypatch.setattr(native_runge_kutta.library, whole, fake)
    ours = everything(name, case)
    assert {"runge_kutta_steps", "runge_kutta_read"} <= {*calls}
    assert "runge_kutta_pull" in calls or case == "without y"  # a pullback of which a result is a constant
    monkeypatch.setattr(native_calls, "library", None)
    for a, b in zip(ours, everything(name, case), strict=True):
        assert np.array_equal(a, b)


def test_complex_numbers_are_for_numpy() -> None:
    fun, y0, args = CASES["complex"]
    equations, theta = equations_of("solve_ivp", fun, 0.0, y0, args)
    with native_calls.native_call(equations.body, theta) as call:
        assert call is None


def test_signals_end_a_solve() -> None:
    y0 = np.ones(3)
    equations, theta = equations_of("solve_ivp", lambda t, y: np.cos(1e5 * t) * y, 0.0, y0)

    def interrupt(number, frame):
        raise KeyboardInterrupt

    solve, bound = EXPLICIT["Tsit5"].solve, equations.at(theta)
    solve(bound, (0.0, 1e-3), y0, Settings(rtol=1e-8))
    before, done = signal.signal(signal.SIGALRM, interrupt), None
    for _ in range(5):  # between two blocks of steps, where Python runs, an interrupt is raised as it is
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            done = solve(bound, (0.0, 1e6), y0, Settings(rtol=1e-8))
            break
        except KeyboardInterrupt:
            continue
    signal.signal(signal.SIGALRM, before)
    assert done is not None
    assert done.status == -2
    assert len(done.path) > 100
    again = EXPLICIT["Tsit5"].follow(equations.at(theta), done.path, y0, 0, 100)
    assert np.array_equal(again, done.carries[:101])


def bad(value):
    """Yield what is wrong in the place of a value."""
    yield None
    if isinstance(value, np.ndarray):
        yield value[:-1] if value.ndim else np.ones((3, 3))
        with np.errstate(all="ignore"):  # some are not filled yet
            other = value.astype(np.float32)
        yield other
        yield np.concatenate([value.ravel()] * 3)[::2]
        yield np.zeros(0, value.dtype)
        if value.dtype.kind == "i":
            yield value + 1000
            yield value - 1000
    elif isinstance(value, tuple):
        yield ()
        yield (*value, 1)
        for k, part in enumerate(value):
            for worse in bad(part):
                yield (*value[:k], worse, *value[k + 1 :])
    elif isinstance(value, int):
        yield -1
        yield value + 1000
        yield 2**62


@pytest.mark.parametrize("function", ["steps", "follow", "read", "pull"])
def test_no_arguments_end_the_process(function: str, monkeypatch) -> None:
    calls, library = [], native_runge_kutta.library
    whole = f"runge_kutta_{function}"
    fake = types.SimpleNamespace(**{name: getattr(library, name) for name in dir(library) if name[0] != "_"})
    setattr(fake, whole, lambda *args: (calls.append(args), getattr(library, whole)(*args))[1])
    monkeypatch.setattr(native_runge_kutta, "library", fake)
    everything("Dopri8", "with the time")
    if function == "follow":
        fun, y0, args = CASES["with the time"]
        equations, theta = equations_of("solve_ivp", fun, 0.0, y0, args)
        done = EXPLICIT["Dopri8"].solve(equations.at(theta), (0.0, 0.7), y0, Settings())
        EXPLICIT["Dopri8"].follow(equations.at(theta), done.path, y0, 0, len(done.path))
    (args, *_), refusals = calls, 0
    for worse in bad(args):
        try:
            getattr(library, whole)(*worse)
        except (TypeError, ValueError, OverflowError):
            refusals += 1
    assert refusals > 40
