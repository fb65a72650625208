"""What users read when a right-hand side returns something else than finite slopes of y's shape."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.integrate.equations import equations_of
from autograd_lite.integrate.faults import where_nan_begins
from autograd_lite.integrate.initial_values import solve_ivp
from tests.rows import for_every


def into_numpy(t, y):
    out = np.empty(2)
    for k in range(2):
        out[k] = -y[k]
    return out


WRONG = [
    (lambda t, y: None, TypeError, r"received None. End <lambda> with `return`"),
    (lambda t, y: "y", TypeError, r"slopes of y's shape \(2,\); received 'y'"),
    (lambda t, y: np.concatenate([y, y[:1]]), ag.ShapeError, r"shape \(2,\); received \(3,\). There is one slope for"),
    (lambda t, y: y[:, None], ag.ShapeError, r"received \(2, 1\). Return a vector: take \[:, 0\]"),
    (lambda t, y: [y[:1], y], ag.ShapeError, r"entries of shapes \(1,\), \(2,\). Join parts by np.concatenate"),
    (lambda t, y: [], ag.ShapeError, r"received an empty list"),
    (lambda t, y: [y, y], ag.ShapeError, r"received \(2, 2\)"),
    (lambda t, y: 1j * y, ag.DtypeError, r"y's dtype float64; received complex128. Begin with a complex state"),
    (into_numpy, TypeError, r"it writes one into an array of NumPy.*np.zeros_like\(y\)"),
]


@for_every(WRONG, name=lambda row: row[2])
def test_slopes_of_another_kind(row):
    fun, error, text = row
    with pytest.raises(error, match=rf"(?s)^solve_ivp: expected .*{text}"):
        solve_ivp(fun, (0, 1), ag.tensor([1.0, 2.0]), "RK45")


CALLS = [
    (lambda: solve_ivp(lambda t, y: -y, (0, 1), 1.0), r"y0 of shape \(n,\); received \(\). Write \[y0\]"),
    (lambda: solve_ivp(lambda t, y: -y, 1.0, [1.0]), r"t_span as two times \(t0, t1\); received 1.0"),
    (lambda: solve_ivp(lambda t, y: -y, [1.0], (0, 1)), r"t_span as two times"),
    (lambda: solve_ivp(lambda t, y: -y, (0, 1), [1.0], "rk4"), r"method among .*RK45.*; received 'rk4'"),
    (
        lambda: solve_ivp(lambda y: -y, (0, 1), [1.0]),
        r"<lambda> to take \(t, y\); received a function of \(y\): too many",
    ),
    (lambda: solve_ivp(lambda t, y: None, (0, 1), [1.0]), r"received None. End <lambda> with `return`"),
    (lambda: solve_ivp(lambda t, y: [y[0], y[0]], (0, 1), [1.0]), r"slopes of y's shape \(1,\); received \(2,\)"),
]


@for_every(CALLS, name=lambda row: row[1])
def test_wrong_calls_on_arrays(row):
    """SciPy repeats its steps forever where a function returns None."""
    call, text = row
    with pytest.raises((ValueError, TypeError), match=f"^solve_ivp: expected .*{text}"):
        call()


@for_every([lambda t, y: -y, lambda t, y: (-y[0], -y[1]), lambda t, y: list(-y), lambda t, y: -1.0 * y.reshape(2)])
def test_forms_of_slopes(fun):
    equations, theta = equations_of("solve_ivp", fun, 0, [1, 2])  # integers
    assert equations.dtype == float
    assert equations.at(theta).f(0.0, np.array([1.0, 2.0])).tolist() == [-1.0, -2.0]


def test_a_number_is_the_slope_of_all_unknowns():
    for fun in (lambda t, y: 2.0, lambda t, y: [2.0], lambda t, y: y[0] * 0 + 2):
        equations, theta = equations_of("solve_ivp", fun, 0.0, np.ones(3))
        assert equations.at(theta).f(0.0, np.ones(3)).tolist() == [2.0] * 3


def root(t, y, rate):
    return [y[1], np.sqrt(1 - rate * t) + y[0]]


def bound(rate):
    equations, _ = equations_of("solve_ivp", root, 0.0, np.ones(2), (2.0,))
    return equations.at([rate])


def test_where_nan_begins():
    text = where_nan_begins(bound(2.0), 0.75, np.ones(2))
    assert text.startswith("at t = 0.75 component 1 of the slope is nan: sqrt(-0.5) is nan")
    assert "test_faults.py" in text
    assert where_nan_begins(bound(2.0), 0.25, np.ones(2)) == ""
    assert where_nan_begins(bound(np.nan), 0.25, np.ones(2)).endswith("slope is nan: an argument of fun is not finite")
    assert where_nan_begins(bound(2.0), 0.25, np.array([0, np.inf])) == "at t = 0.25 component 1 of the state is inf"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@for_every(["RK45", "BDF", "Rodas5P", "Tsit5"])
def test_nan_on_the_way(name):
    rate = ag.tensor(2.0, requires_grad=True)
    result = solve_ivp(root, (0, 1), [1.0, 1.0], name, t_eval=[0.25], args=(rate,))
    assert (result.status, result.success) == (-1, False)
    assert "component 1 of the slope is nan: sqrt(-" in result.message
    with pytest.raises(ag.GradError, match="component 1 of the slope is nan: sqrt"):
        result.y.sum().backward()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@for_every(["RK45", "BDF", "Radau", "Rodas5P", "Dopri8"])
def test_nan_at_the_beginning(name):
    result = solve_ivp(root, (1, 2), [1.0, 1.0], name, args=(ag.tensor(2.0),))
    assert result.status == -1
    assert "at t = 1 component 1 of the slope is nan: sqrt(-1)" in result.message
