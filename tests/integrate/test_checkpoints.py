"""Carries within a budget: the same bits as without, few steps again, and the memory that was allowed."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.integrate.checkpoints import Keeper, block_length, pull_through, read, room
from autograd_lite.integrate.equations import equations_of
from autograd_lite.integrate.initial_values import solve_ivp
from autograd_lite.integrate.methods import METHODS
from autograd_lite.integrate.trajectories import Path, Points, Settings, Trajectory
from tests.integrate.cases import lotka_volterra
from tests.rows import for_every


def within(trajectory, max_bytes, chunk=97):
    """Return a trajectory as a solve with a budget keeps it."""
    keeper = Keeper(max_bytes)
    for k in range(0, len(trajectory.carries), chunk):
        keeper.add(k, trajectory.carries[k : k + chunk])
    kept, carries = keeper.result()
    return replace(trajectory, kept=kept, carries=carries)


def points_in(path, count):
    random = np.random.default_rng(4)
    step = np.sort(random.integers(len(path) // 2, len(path), count))  # blocks without one, too
    t = np.sort(path.t[step] + random.uniform(0, 1, count) * path.h[step])
    return Points(step, t)


@pytest.mark.parametrize("name", ["RK23", *[pytest.param(name, marks=pytest.mark.ci) for name in METHODS]])
def test_bits_do_not_depend_on_the_budget(name):
    method = METHODS[name]
    y0 = np.array([10.0, 5.0])
    equations, theta = equations_of("solve", lotka_volterra, 0.0, y0, (1.5, 1.0, 3.0, 1.0))
    bound = equations.at(theta)
    whole = method.solve(bound, (0.0, 15.0), y0, Settings(max_step=0.028))
    assert len(whole.path) > 2 * 256
    nbytes = whole.carries[0].nbytes
    points = points_in(whole.path, 40)
    random = np.random.default_rng(5)
    g, gy = random.normal(size=whole.carries[0].shape), random.normal(size=(40, 2))
    values = read(method, bound, whole, points)
    gy0, gtheta = pull_through(method, bound, whole, g, points, gy)
    total = whole.carries.nbytes + 16 * len(whole.path)
    counts = []
    for max_bytes in (0, 20 * nbytes, total // 2, 2 * total + 300 * nbytes):
        some = within(whole, max_bytes)
        counts.append(len(some.kept))
        assert (some.carries == whole.carries[some.kept]).all()
        assert (read(method, bound, some, points) == values).all()
        received = pull_through(method, bound, some, g, points, gy, max_bytes)
        for a, b in zip((received[0], *received[1]), (gy0, *gtheta), strict=True):
            assert (a == b).all()
    assert counts[0] < 8
    assert counts[-1] == len(whole.path) + 1


@pytest.mark.parametrize("name", ["RK23", *[pytest.param(name, marks=pytest.mark.ci) for name in METHODS]])
def test_solve_ivp_with_a_budget(name):
    """Values, gradients and second derivatives, bit for bit, on a path of some hundred steps."""
    y0, times = np.array([10.0, 5.0]), np.linspace(0.1, 6.0, 7)

    def solve(rate, max_bytes):
        def end(t, y, *_):
            return y[0] - 100.0

        end.terminal = True
        options = {"t_eval": times, "max_step": 0.02, "args": (rate, 1.0, 3.0, 1.0), "max_bytes": max_bytes}
        return solve_ivp(lotka_volterra, (0, 6.0), y0, name, events=end, **options)

    def total(rate, max_bytes):
        return (solve(rate, max_bytes).y ** 2).sum()

    def all_orders(max_bytes):
        f = ag.value_and_grad(lambda rate: total(rate, max_bytes))
        second = ag.grad(ag.grad(lambda rate: total(rate, max_bytes))) if name in ("RK23", "BDF") else np.sum
        return [*f(np.array(1.5)), second(np.array(1.5))]

    expected = all_orders(None)
    assert all_orders(2000) == expected
    assert len(solve(1.5, 2000).trajectory.carries) < 20


class Steps:
    """A method whose carries are the numbers of their steps, and which counts what it does."""

    def __init__(self, count, n):
        self.taken, self.most, self.pulled, self.n = np.zeros(count, int), 0, [], n

    def follow(self, equations, path, carry, start, stop):
        assert (carry == start).all()
        self.taken[start:stop] += 1
        self.most = max(self.most, stop - start + 1)
        return np.repeat(np.arange(start, stop + 1.0), self.n).reshape(-1, self.n)

    def pull(self, equations, path, carries, start, g, points, gy):
        assert (carries[:, 0] == np.arange(start, start + len(carries))).all()
        self.pulled.append((start, start + len(carries) - 1))
        stop = start + len(carries) - 1
        assert ((points.step >= start) & (points.step < stop + (stop == len(path)))).all()
        return g + gy.sum(), [np.zeros(1)]

    def pull_begin(self, equations, path, y0, g):
        return g, [np.zeros(1)]

    def read(self, carry):
        return carry

    def between(self, equations, path, carries, start, points):
        return carries[np.asarray(points.step) - start]


def run(count, n, max_bytes):
    """Keep numbers of steps as carries, go back, and return what that took."""
    keeper = Keeper(max_bytes)
    for k in range(0, count + 1, 1000):
        keeper.add(k, np.repeat(np.arange(k, min(k + 1000, count + 1), dtype=float), n).reshape(-1, n))
    kept, carries = keeper.result()
    assert (carries[:, 0] == kept).all()
    assert (kept[0], kept[-1]) == (0, count)
    path = Path(np.arange(count + 1.0), np.ones(count))
    method, trajectory, equations = Steps(count, n), Trajectory(path, kept, carries), SimpleNamespace(n=n)
    step = np.linspace(0, count, 50).astype(int)
    points = Points(step, step + 0.0)
    assert (read(method, equations, trajectory, points)[:, 0] == step).all()
    assert (method.taken <= 1).all()
    method.taken[:] = 0
    g, _ = pull_through(method, equations, trajectory, np.zeros(n), points, np.ones((50, n)), max_bytes)
    assert (g == 50 * n).all()
    edges = [(a, min(a + block_length(8 * n), count)) for a in range(0, max(count, 1), block_length(8 * n))]
    assert method.pulled == edges[::-1]
    return method, carries


BUDGETS = [(1, 1, 0), (5, 1, 0), (255, 1, 0), (256, 1, 100), (257, 1, 5000), (3000, 1, 0), (3000, 1, 60_000)]
BUDGETS += [(300, 1 << 14, 4_000_000), (40, 1 << 17, 0), (20_000, 100, 2_000_000)]


@for_every(BUDGETS)
def test_steps_are_taken_again_in_blocks(row):
    count, n, max_bytes = row
    method, carries = run(count, n, max_bytes)
    nbytes = 8 * n
    assert method.most <= block_length(nbytes) + 1
    assert len(carries) <= room(max_bytes, count, nbytes) + 1
    allowed = 6 if max_bytes < 16 * count else 3
    assert method.taken.max(initial=0) <= allowed


def test_no_steps():
    method, _ = run(0, 3, None)
    assert method.taken.tolist() == []
    assert run(0, 3, 10)[0].taken.tolist() == []


@pytest.mark.ci
def test_a_million_steps_within_100_megabytes():
    method, carries = run(10**6, 100, 100_000_000)
    assert carries.nbytes + 16 * 10**6 + 8 * 100 * 257 < 100_000_000
    assert method.taken.max() <= 3


def test_a_keeper_needs_a_carry():
    with pytest.raises(ValueError, match=r"Keeper\.result: expected a carry"):
        Keeper(None).result()
