"""SciPy's implicit methods on arrays get the Jacobian of the right-hand side by themselves."""

import numpy as np
import pytest
import scipy.integrate
from scipy.sparse import issparse

import autograd_lite as ag
from autograd_lite.integrate.initial_values import solve_ivp
from autograd_lite.integrate.scipy_jacobians import jacobian_for
from tests.integrate.cases import brusselator, heat, network, robertson
from tests.rows import for_every

RANDOM = np.random.default_rng(6)
ROWS = [
    (method, fun, y, args)
    for method in ("BDF", "Radau", "LSODA")
    for fun, y, args in (
        (network, RANDOM.normal(size=120), (RANDOM.normal(size=(120, 9)) / 9, RANDOM.normal(size=(9, 120)) / 9)),
        (heat, np.linspace(0, 1, 110), (300.0,)),
        (robertson, np.repeat([1.0, 0.0, 0.0], 40), (np.array([0.04, 1e4, 3e7]),)),
        (brusselator, np.repeat([1.2, 3.0], 60), (5.0,)),
    )
]


@for_every(ROWS, by=lambda row: row[0], stride=4)
def test_the_same_solution_with_fewer_calls(row):
    method, fun, y, args = row
    calls = [0]

    def count(t, y, *args):
        calls[0] += isinstance(y, np.ndarray)
        return fun(t, y, *args)

    options = {"rtol": 1e-9, "atol": 1e-10}
    expected = scipy.integrate.solve_ivp(count, (0, 0.3), y, method, args=args, **options)
    before, calls[0] = calls[0], 0
    received = solve_ivp(count, (0, 0.3), y, method, args=args, **options)
    np.testing.assert_allclose(received.y[:, -1], expected.y[:, -1], rtol=1e-6, atol=1e-7)
    assert expected.njev == 0 or calls[0] < before - len(y) // 3, (calls[0], before)


def test_forms():
    y = np.linspace(0, 1, 120)
    for method, is_sparse in (("BDF", True), ("Radau", True), ("LSODA", False)):
        assert issparse(jacobian_for(method, heat, 0.0, y, (2.0,))["jac"](0.0, y)) == is_sparse
    dense = ag.jacobian(lambda y: heat(0.0, y, 2.0))(y)
    banded = jacobian_for("LSODA", heat, 0.0, y, (2.0,))
    assert (banded["lband"], banded["uband"]) == (1, 1)
    packed = banded["jac"](0.0, y, 2.0)
    for i, j in np.ndindex(120, 120):
        if abs(i - j) <= 1:
            assert packed[i - j + 1, j] == dense[i, j]
    wide = jacobian_for("LSODA", robertson, 0.0, y, (np.ones(3),))
    assert list(wide) == ["jac"]
    assert wide["jac"](0.0, y).shape == (120, 120)
    whole = jacobian_for(scipy.integrate.Radau, lambda t, y: y.sum() * y, 0.0, y)["jac"](0.0, y)
    np.testing.assert_allclose(whole, y.sum() * np.eye(120) + y[:, None])


def branches(t, y):
    return -y if t < 1 else y


def writes(t, y):
    out = np.empty(len(y))
    out[:] = [float(v) for v in y]
    return out


@for_every([branches, writes, lambda t, y: np.interp(y, [0.0, 1.0], [0.0, float(t)]), lambda t, y: y[:2]])
def test_a_function_that_cannot_be_recorded_runs_as_in_scipy(fun):
    assert jacobian_for("BDF", fun, 0.0, np.ones(120)) == {}


def test_what_the_user_gives_counts():
    y = np.ones(120)
    for options in ({"jac": -np.eye(120)}, {"jac_sparsity": np.eye(120)}, {"lband": 0, "uband": 0}):
        assert jacobian_for("BDF", heat, 0.0, y, (1.0,), options) == {}
    assert jacobian_for("BDF", heat, 0.0, y, (1.0,), {"jac": None}) != {}
    assert jacobian_for("BDF", heat, 0.0, y[:20], (1.0,)) == {}
    assert jacobian_for("RK45", heat, 0.0, y, (1.0,)) == {}


def test_vectorized_functions():
    y = np.linspace(0, 1, 60)
    received = solve_ivp(lambda t, y: -(y**2), (0, 1), y, "BDF", vectorized=True, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(received.y[:, -1], y / (1 + y), rtol=1e-6)


def test_attributes_are_read_anew():
    class Decay:
        rate = 2.0

        def __call__(self, t, y):
            return -self.rate * y

    decay, y = Decay(), np.ones(120)
    for rate in (2.0, 3.0):
        decay.rate = rate
        assert jacobian_for("BDF", decay, 0.0, y)["jac"](0.0, y)[5, 5] == -rate


@for_every([(lambda t, y: y[:3], np.ones(60)), (lambda t, y: -y, np.ones((60, 2)))])
def test_errors_are_value_errors_as_scipys(row):
    for solve, text in ((solve_ivp, "^solve_ivp: expected"), (scipy.integrate.solve_ivp, ".")):
        with pytest.raises(ValueError, match=text):
            solve(row[0], (0, 1), row[1], "BDF")
