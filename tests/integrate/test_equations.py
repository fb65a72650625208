"""Right-hand sides as programs: each product against the same by plain transformations, and solves against NumPy's."""

import threading

import numpy as np
import pytest
from scipy.sparse import csc_array

import autograd_lite as ag
from autograd_lite.integrate.equations import equations_of
from tests.integrate.cases import CASES
from tests.rows import for_every

ROWS = list(CASES)


def bound(name, lifts=()):
    """Return the equations of a case, lifted some times, for random arrays theta, and a state."""
    fun, y, args = CASES[name]
    equations, theta = equations_of("solve", fun, 0.3, y, args)
    random = np.random.default_rng(1)
    for count in lifts:
        n = equations.n
        y = np.concatenate([y, *[random.normal(size=n) for _ in range(count or 1)]])
        shapes = [np.shape(theta[k]) if count is None else (count, *np.shape(theta[k])) for k in equations.floating]
        theta = [*theta, *[random.normal(size=shape) for shape in shapes]]
        equations = equations.lift(count)
    return equations.at([np.asarray(x, float if np.isrealobj(x) else complex) for x in theta]), y


def slope(equations):
    return lambda t, y, *theta: equations.slopes(t, y, *theta)


def array(j):
    return j.toarray() if hasattr(j, "toarray") else j


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11 * (1 + np.abs(b).max(initial=0)))


@for_every(ROWS)
def test_slopes_and_jacobians(name):
    fun, _, args = CASES[name]
    b, y = bound(name)
    close(b.f(0.3, y), np.asarray(fun(0.3, y, *args)))
    j = b.jacobian(0.3, y)
    assert isinstance(j, np.ndarray) == ("sparse" not in name)
    f = slope(b.equations)
    close(array(j), ag.jacobian(lambda y: f(0.3, y, *b.theta))(y))
    close(b.time_derivative(0.3, y), ag.jvp(lambda t: f(t, y, *b.theta))((np.array(0.3),), (np.array(1.0),))[1])
    assert b.equations.is_autonomous == (name != "with the time")
    assert b.equations.state_jacobian().is_constant == (name in ("sparse and linear", "without y"))


@for_every(ROWS)
def test_pulls(name):
    b, y = bound(name)
    g, w, u = np.random.default_rng(2).normal(size=(3, len(y))).astype(y.dtype)
    f = slope(b.equations)
    _, back = ag.vjp(f, tuple(range(2 + len(b.theta))))(np.array(0.3), y, *b.theta)
    expected = [np.conj(x) for x in back(np.conj(g))]
    gt, gy, gtheta = b.pull(0.3, y, g)
    for received, x in zip((gt, gy, *gtheta), expected, strict=True):
        close(received, x)
    if y.dtype.kind == "c":
        return

    def total(t, y, *theta):
        j, of_time = ag.jacobian(f, (1, 0))(t, y, *theta) if s is not None else (ag.jacobian(f, 1)(t, y, *theta), 0.0)
        rows = zip((w, u), (u, w), (0.0, 0.0) if s is None else s, strict=True)
        return sum((a * (j @ c + of_time * e)).sum() for a, c, e in rows)

    for s in (None, np.array([0.7, -0.4])):
        expected = ag.grad(total, tuple(range(2 + len(b.theta))))(np.array(0.3), y, *b.theta)
        gt, gy, gtheta = b.pull_jacobian(0.3, y, np.stack([w, u]), np.stack([u, w]), s)
        for received, x in zip((gt, gy, *gtheta), expected, strict=True):
            close(received, x)


LIFTS = [
    (name, lifts)
    for name in ROWS
    for lifts in ((), (None,), (1,), (3,), (None, None), (2, None))
    if lifts == () or name in ("three", "with the time") or (name == "sparse blocks" and lifts == (3,))
]


@for_every(LIFTS, by=lambda row: row[1], stride=4)
def test_factors(row):
    name, lifts = row
    b, y = bound(name, lifts)
    j = b.jacobian(0.3, y)
    a = np.asarray(ag.jacobian(lambda y: b.equations.slopes(0.3, y, *b.theta))(y))
    close(array(j), a)
    random = np.random.default_rng(3)
    x = random.normal(size=b.n)
    close(j @ x, a @ x)
    n = len(CASES[name].y)
    mass = np.diag(random.uniform(1, 2, n))
    blocks = np.kron(np.eye(b.n // n), mass)
    for c, m in ((2.5, None), (2.5, mass), (1.5, csc_array(blocks)), (1.5 + 2j, None), (0.5, csc_array(mass))):
        whole = c * (np.eye(b.n) if m is None else blocks) - a
        factors = b.factor(c, j, m)
        for right in (x, x * (1 - 2j), random.normal(size=(b.n, 3))):
            close(whole @ factors.solve(right), right)
            close(whole.T @ factors.solve(right, turned=True), right)


@for_every([(name, count) for name in ("three", "with the time", "sparse") for count in (None, 2)])
def test_lifts(row):
    """Against differences of the slope along the tangents."""
    name, count = row
    b, state = bound(name, (count,))
    primal, n = b.equations.primal, len(CASES[name].y)
    theta, tangents = b.theta[: primal.num_theta], b.theta[primal.num_theta :]
    slope = b.f(0.3, state).reshape(-1, n)
    assert (slope[0] == primal.at(theta).f(0.3, state[:n])).all()
    for i, dy in enumerate(state.reshape(-1, n)[1:]):

        def at(e, i=i, dy=dy):
            moved = [x + e * (d if count is None else d[i]) for x, d in zip(theta, tangents, strict=True)]
            return primal.at(moved).f(0.3, state[:n] + e * dy)

        np.testing.assert_allclose(slope[1 + i], (at(1e-6) - at(-1e-6)) / 2e-6, rtol=1e-7, atol=1e-7)


def test_arrays_of_any_layout_and_dtype_give_the_same():
    b, y = bound("three")
    expected = b.f(0.3, y)
    apart = np.empty((3, 5))
    apart[:, 2] = y
    assert (b.f(np.float32(0.3), apart[:, 2]) == expected).all()
    assert (b.f(0, np.array([1, 2, 3])) == b.f(0.0, np.array([1.0, 2, 3]))).all()


def test_results_are_copies():
    b, y = bound("three")
    first = b.f(0.3, y)
    before = first.copy()
    b.f(0.3, 2 * y)
    assert (first == before).all()
    equations, theta = equations_of("solve", lambda t, y: y, 0.0, y)
    assert not np.shares_memory(equations.at(theta).f(0.0, y), y)


def test_threads_have_their_own_buffers():
    fun, y, args = CASES["sparse"]
    equations, theta = equations_of("solve", fun, 0.0, y, args)
    expected = [equations.at(theta).f(0.0, k * y) for k in range(4)]
    wrong = []

    def run(k):
        with equations.at(theta) as b:
            wrong.extend([i for i in range(200) if (b.f(0.0, k * y) != expected[k]).any()])

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_runs_is_given_back():
    equations, theta = equations_of("solve", CASES["three"].fun, 0.0, CASES["three"].y, CASES["three"].args)
    idle = equations.body._idle

    def stop():
        with equations.at(theta) as b:
            b.f(0.0, CASES["three"].y)
            assert [len(x) for x in idle.values()] == [0]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert [len(x) for x in idle.values()] == [1]
    other = equations.at(theta)
    other.f(0.0, CASES["three"].y)
    assert [len(x) for x in idle.values()] == [0]
    del other
    assert [len(x) for x in idle.values()] == [1]


def test_singular():
    for name in ("without y", "sparse and linear"):
        b, y = bound(name)
        j = b.jacobian(0.0, y)
        zero = b.factor(0.0, 0.0 * j)
        assert zero.is_singular
        assert np.isnan(zero.solve(y)).all()
        assert np.isfinite(b.factor(1.0, j).solve(y)).all()


def test_what_has_run_before_is_not_recorded_again():
    fun, y, args = CASES["three"]
    first, _ = equations_of("solve", fun, 0.0, y, args)
    assert equations_of("solve", fun, 1.0, 2 * y, (2 * args[0],))[0] is first
    assert equations_of("solve", lambda t, y: fun(t, y, *args), 0.0, y)[0] is not first
