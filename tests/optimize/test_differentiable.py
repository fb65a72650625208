"""Results of solvers have derivatives: those of the equations that they fulfill, by whatever method they are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag

pytest.importorskip("scipy.optimize")

from autograd_lite import optimize

from .problems import METHODS

C = 0.8
T = np.linspace(0, 2, 12)
Y = 2 * np.exp(-1.1 * T) + 0.2 * np.sin(9 * T)


class Kind(NamedTuple):
    """A problem that depends on a number.

    Attributes:
        solve: `(c, **keywords) -> number`, from the result of a solver.
        methods: of the solver; keywords for each.
    """

    solve: Callable[..., Any]
    methods: dict[str, dict[str, Any]]


def _by_method(*names: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {name: {"method": name, **more} for name in names}


def equations(x: Any, c: Any) -> Any:
    """Return left-hand sides that are not linear, near a root at (1, 1)."""
    return [x[0] ** 2 + x[1] * c - 1.5, x[1] ** 3 - x[0] + 0.3 * c]


def energy(x: Any, c: Any) -> Any:
    """Return a function with one minimum, which moves with c."""
    return (x[0] - c) ** 2 + np.cosh(x[1] - c * x[0]) + 0.1 * (x[0] - x[1] + c) ** 4 + c**3


def decay(t: Any, a: Any, k: Any) -> Any:
    """Return a model of measurements."""
    return a * np.exp(-k * t)


def misfit(p: Any, c: Any) -> Any:
    """Return residuals that are not zero at the solution."""
    return decay(T, p[0], p[1]) - Y * c**2 - 0.1 * c


def _fit_of_lists(c: Any, **more: Any) -> Any:
    covariance = np.eye(3) * c + 0.1
    fitted = optimize.curve_fit(lambda t, p: p * t, [1.0, 2.0, 3.0], [c, 2.1, 2.9 * c], [1.0], covariance, **more)
    return fitted[0].sum() + fitted[1].sum()


def _fit(c: Any, entry: int = 0, **more: Any) -> Any:
    return optimize.curve_fit(decay, T * c, Y + c * T**2 / 9, [1.0, 1.0], sigma=0.2 + 0.1 * c * T, **more)[entry].sum()


def _of(result: Any, *names: str) -> Any:
    return sum(np.sum(getattr(result, name)) for name in names)


CONVEX = sorted(name for name, takes in METHODS.items() if name not in ("ipopt", "cobyla", "cobyqa"))
KINDS: dict[str, Kind] = {
    "root": Kind(
        lambda c, **more: _of(optimize.root(equations, [1.0, 1.0], (c,), **more), "x"),
        _by_method("hybr", "lm", "newton", "krylov", "broyden1", "df-sane"),
    ),
    "root_scalar": Kind(
        lambda c, **more: optimize.root_scalar(lambda x: np.cos(x) - c * x, **more).root,
        {
            **_by_method("brentq", "brenth", "bisect", "ridder", "toms748", bracket=(0.0, 2.0)),
            **_by_method("newton", "halley", x0=1.0),
            "secant": {"method": "secant", "x0": 1.0, "x1": 0.9},
        },
    ),
    "minimize": Kind(
        lambda c, **more: _of(optimize.minimize(lambda x: energy(x, c), [0.0, 0.0], **more), "x", "fun", "covariance"),
        _by_method(*CONVEX),
    ),
    "minimize_scalar": Kind(
        lambda c, **more: _of(optimize.minimize_scalar(lambda x: (x - c) ** 4 + np.cosh(x), **more), "x", "fun"),
        {**_by_method("brent", "golden"), "bounded": {"method": "bounded", "bounds": (-1.0, 2.0)}},
    ),
    "minimize_scalar, at a bound": Kind(
        lambda c, **more: _of(
            optimize.minimize_scalar(lambda x: (x - 3) ** 2 * c, bounds=(-1.0, c**2), **more), "x", "fun"
        ),
        _by_method("bounded"),
    ),
    "least_squares": Kind(
        lambda c, **more: _of(
            optimize.least_squares(misfit, [1.0, 1.0], args=(c,), **more), "x", "cost", "fun", "jac", "covariance"
        ),
        _by_method("trf", "dogbox", "lm"),
    ),
    "curve_fit": Kind(lambda c, **more: _fit(c, 0, **more), _by_method("lm", "trf", "dogbox")),
    "curve_fit, lists": Kind(_fit_of_lists, _by_method("lm", "trf")),
    "curve_fit, covariance": Kind(lambda c, **more: 100 * _fit(c, 1, **more), _by_method("lm", "trf")),
}
# What cannot be refined is solved as closely as the solver can.
TIGHT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
for _loss in ("soft_l1", "huber", "cauchy", "arctan"):
    KINDS[f"least_squares, {_loss}"] = Kind(
        lambda c, **more: _of(
            optimize.least_squares(misfit, [1.0, 1.0], args=(c,), **more), "x", "cost", "jac", "covariance"
        ),
        {"trf": {"loss": _loss, "f_scale": 0.15}},
    )
KINDS["least_squares, at a bound"] = Kind(
    lambda c, **more: _of(
        optimize.least_squares(misfit, [1.0, 0.5], bounds=([0, 0], [5, c]), args=(1 + c / 9,), **more), "x", "cost"
    ),
    _by_method("trf", "dogbox", **TIGHT),
)
LOSSES = {f"least_squares, {loss}" for loss in ("soft_l1", "cauchy", "arctan")}
ROWS = [
    pytest.param(name, method, marks=pytest.mark.ci if k and name != "minimize" else ())
    for name, kind in KINDS.items()
    for k, method in enumerate(kind.methods)
]


def exactly(name: str, method: str) -> Callable[[Any], Any]:
    """Return a solve as a function of c, as exact as it can be."""
    keywords = KINDS[name].methods[method]
    return lambda c: KINDS[name].solve(c, **keywords, **({} if "xtol" in keywords else {"refine": True}))


def difference(f: Callable[[float], Any], c: float, h: float = 5e-4) -> float:
    """Return the slope of a function to fourth order in h."""
    values = [float(f(np.float64(c + k * h))) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)


# SciPy's minimum at a bound is only near it, and MINPACK's covariance is that of a step before the last.
@pytest.mark.parametrize("name", [name for name in KINDS if name != "minimize_scalar, at a bound"])
def test_entries_have_the_values_of_scipys(name: str) -> None:
    method = KINDS[name].methods["trf"] if "curve_fit" in name else next(iter(KINDS[name].methods.values()))
    values = ag.jvp(lambda c: KINDS[name].solve(c, **method))((C,), (1.0,))[0]
    assert values == pytest.approx(KINDS[name].solve(np.float64(C), **method), rel=1e-7)


@pytest.mark.parametrize(("name", "method"), ROWS)
def test_a_derivative_is_that_of_the_solve(name: str, method: str) -> None:
    f = exactly(name, method)
    assert ag.grad(f)(C) == pytest.approx(difference(f, C), rel=2e-6)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.ci if name in LOSSES else ()) for name in KINDS])
def test_higher_derivatives_and_all_transformations(name: str) -> None:
    f = exactly(name, next(iter(KINDS[name].methods)))
    first = ag.grad(f)
    second, slope = ag.grad(first), first(C)
    assert second(C) == pytest.approx(difference(first, C), rel=1e-6, abs=1e-8)
    assert ag.grad(second)(C) == pytest.approx(difference(second, C), rel=1e-5, abs=1e-7)
    assert ag.jvp(f)((C,), (1.0,))[1] == pytest.approx(slope, rel=1e-9)
    assert ag.jvp(first)((C,), (1.0,))[1] == pytest.approx(second(C), rel=1e-9, abs=1e-11)
    points = np.array([C, 0.85])
    np.testing.assert_allclose(ag.vmap(first)(points), [first(c) for c in points], rtol=1e-12)
    compiled = ag.compile(first)
    np.testing.assert_allclose([compiled(c) for c in (0.7, 0.9, 0.85, C)], [first(c) for c in (0.7, 0.9, 0.85, C)])


# ---- where derivatives come from -------------------------------------------------------------------------------------


def slope_of(f: Callable[[Any], Any], c: Any = 2.0) -> Any:
    """Return the gradient of the sum of what a function returns."""
    return ag.grad(lambda c: np.sum(f(c)))(c)


def root_of(c: Any, **more: Any) -> Any:
    """Return the square root of c."""
    return optimize.root(lambda x: x**2 - c, [1.0], **more).x


ROOT_SLOPE = 0.5 / np.sqrt(2)


def test_tensors_that_require_gradients_reach_the_solution_by_any_way() -> None:
    w = ag.tensor(2.0, requires_grad=True)
    for solve in (
        lambda: root_of(w),
        lambda: optimize.root(lambda x, c: x**2 - c, [1.0], w).x,
        lambda: optimize.root(lambda x, c: x**2 - c["c"], [1.0], ({"c": w},)).x,
        lambda: optimize.least_squares(lambda x, c: x**2 - c, [1.0], kwargs={"c": w}).x,
        lambda: optimize.root_scalar(lambda x, c: x**2 - c, (w,), x0=1.0).root,
        lambda: optimize.root(lambda x: (x**2 - w, np.diag(2 * x)), [1.0], jac=True).x,
        lambda: optimize.root(lambda x: x**2 - w, [1.0], jac=lambda x: np.diag(2 * x)).x,
        lambda: optimize.minimize(lambda x: (x**3 / 3 - w * x).sum(), [1.0], jac=lambda x: x**2 - w, tol=1e-9).x,
        lambda: optimize.minimize(lambda x: (x**3 / 3 - w * x).sum(), [1.0], jac="3-point", tol=1e-9).x,
    ):
        w.grad = None
        np.sum(solve()).backward()
        assert float(w.grad) == pytest.approx(ROOT_SLOPE, rel=1e-6)
    with ag.no_grad():
        assert type(root_of(w)) is np.ndarray
    assert type(root_of(w.detach())) is np.ndarray
    assert type(ag.grad(lambda c: optimize.root(lambda x: x**2 - 3, [1.0]).x.sum() * c)(2.0)) is np.float64


def test_trees_of_unknowns_and_of_parameters() -> None:
    theta = {"a": np.array([2.0, 3.0], np.float32), "b": (np.float64(5.0),)}

    def solve(theta: Any) -> Any:
        def fun(x: Any) -> Any:
            return {"u": x["u"] ** 2 - theta["a"], "v": [x["v"][0] ** 3 - theta["b"][0] * x["u"].sum()]}

        return optimize.root(fun, {"u": np.ones(2, np.float32), "v": [1.0]}).x

    x = solve(theta)
    assert (x["u"].dtype, x["v"][0].dtype) == (np.float32, np.float64)
    slopes = ag.grad(lambda theta: solve(theta)["v"][0])(theta)
    u, v = np.sqrt([2.0, 3.0]), x["v"][0]
    np.testing.assert_allclose(slopes["a"], 5 / (3 * v**2) / (2 * u), rtol=1e-5)
    assert slopes["b"][0] == pytest.approx(u.sum() / (3 * v**2), rel=1e-6)
    assert slopes["a"].dtype == np.float32


def test_the_start_has_no_derivative_and_may_be_traced() -> None:
    starts = np.array([[1.0], [-1.0]])
    np.testing.assert_allclose(
        ag.vmap(lambda x0: optimize.root(lambda x: x**2 - 2, x0).x)(starts), np.sqrt(2) * starts, rtol=1e-9
    )
    compiled = ag.compile(lambda x0, c: optimize.root(lambda x: x**2 - c, x0).x)
    for x0, c in ((1.0, 2.0), (-1.0, 2.0), (-1.0, 3.0), (1.0, 5.0)):
        assert float(compiled(np.array([x0]), np.float64(c))[0]) == pytest.approx(x0 * np.sqrt(c))
    by_start = ag.grad(lambda x0: (optimize.root(lambda x: x**2 - x0 * 0 - 2, x0).x * x0).sum())(np.ones(1))
    np.testing.assert_allclose(by_start, np.sqrt(2), rtol=1e-9)


def test_a_solve_may_be_inside_of_another() -> None:
    def outer(c: Any) -> Any:
        def cost(y: Any) -> Any:
            inner = optimize.root(lambda x: x**3 + x - y, np.ones(1), method="newton").x
            return ((inner - c) ** 2).sum() + (y**2).sum() / 9

        return optimize.minimize(cost, np.ones(1), tol=1e-9).x.sum()

    assert ag.grad(outer)(0.7) == pytest.approx(difference(lambda c: outer(c), 0.7, 3e-2), rel=1e-4)
    plain = optimize.minimize(lambda y: ((root_of(y) - 2) ** 2).sum(), np.full(1, 3.0)).x
    np.testing.assert_allclose(plain, 4, rtol=1e-5)


def test_entries_that_are_not_known_yet_say_so() -> None:
    def solve(c: Any, name: str = "") -> Any:
        result = optimize.root(lambda x: x**2 - c, [1.0])
        return getattr(result, name) if name else result.x * np.where(result.success, 1.0, np.nan)

    for transform in (ag.compile, ag.vmap):
        for name in ("nfev", "message", "fjac"):
            with pytest.raises(ag.GradError, match=f"received {name}, which is known only when the solve runs"):
                transform(lambda c, name=name: solve(c, name))(ag.tensor([2.0]))
    with pytest.raises(AttributeError):
        ag.vmap(lambda c: solve(c, "steps"))(np.ones(2))
    np.testing.assert_allclose(ag.compile(solve)(ag.tensor(4.0)), [2])
    np.testing.assert_allclose(ag.vmap(solve)(np.array([4.0, 9.0])), [[2], [3]])
    w = ag.tensor(1.0, requires_grad=True)
    result = optimize.minimize(lambda x: ((x - w) ** 2).sum(), [0.0])
    assert isinstance(result.nit, int)
    with pytest.raises(ag.GradError, match="received hess_inv, which has no derivative"):
        _ = result.hess_inv


def test_a_function_that_cannot_be_traced_is_one_error_and_works_without_derivatives() -> None:
    def branching(x: Any, c: Any) -> Any:
        return x**2 - c if x[0] > 0 else x

    assert optimize.root(branching, [1.0], 2.0).x == pytest.approx(np.sqrt(2))
    with pytest.raises(ag.TraceError, match=r"^root: expected branching to compute with NumPy's functions on Tensors"):
        slope_of(lambda c: optimize.root(branching, [1.0], c).x)
    seen = ag.tensor(0.0)

    def changing(x: Any, c: Any) -> Any:
        seen[...] = x[0]
        return x**2 - c

    with pytest.raises(ag.UnsupportedError, match=r"^root: expected changing to compute with NumPy's functions on Ten"):
        slope_of(lambda c: optimize.root(changing, [1.0], c).x)


def test_failures_have_no_derivative() -> None:
    def without_root(c: Any, **more: Any) -> Any:
        return optimize.root(lambda x: x**2 + c, [0.3], options={"maxfev": 4}, **more).x

    with pytest.raises(ag.ImplicitError, match="received one that its solver calls a failure"):
        slope_of(without_root)
    with pytest.raises(ag.ImplicitError):
        ag.compile(lambda c: slope_of(without_root, c))(2.0)
    slope = slope_of(lambda c: root_of(c, options={"maxfev": 9}, on_failure="differentiate"))
    assert slope == pytest.approx(ROOT_SLOPE, rel=1e-4)


def test_what_is_active_is_found_anew_at_every_replay() -> None:
    def solve(c: Any) -> Any:
        return optimize.least_squares(lambda x: x - c, [0.5], bounds=(0, 1), **TIGHT).x.sum()

    slope = ag.compile(ag.grad(solve))
    assert [round(float(slope(c)), 6) for c in (0.4, 0.6, 0.5, 1.5, 0.3, -2.0)] == [1, 1, 1, 0, 1, 0]


def test_settings_are_checked_and_entries_asked_for_late_are_arrays() -> None:
    with pytest.raises(ValueError, match="root: expected on_uncertain to be one of raise, warn, nan; received 'no'"):
        root_of(2.0, on_uncertain="no")
    with pytest.raises(ValueError, match="root: expected on_failure to be one of raise, differentiate; received 'no'"):
        root_of(2.0, on_failure="no")
    w = ag.tensor(2.0, requires_grad=True)
    with ag.no_grad():
        result = optimize.minimize(lambda x: w * ((x - 1) ** 2).sum(), [0.0])
    np.testing.assert_allclose(result.covariance, [[0.25]])
    assert type(result.covariance) is np.ndarray


def test_a_large_sparse_solution_has_the_gradient_of_the_dense_one() -> None:
    def solve(c: Any, sparse: bool) -> Any:
        def fun(u: Any) -> Any:
            v = np.pad(u, 1)
            return v[2:] - 2 * v[1:-1] + v[:-2] + c * np.exp(-u) / 9 - 0.3 * u

        result = optimize.root(fun, np.zeros(300), method="newton", sparse=sparse)
        assert result.how.startswith("Jacobian: sparse" if sparse else "Jacobian: dense")
        return result.x @ np.linspace(0, 1, 300)

    slopes = [ag.grad(lambda c, s=s: solve(c, s))(1.0) for s in (True, False)]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-10)
    assert slopes[0] == pytest.approx(difference(lambda c: solve(c, True), 1.0), rel=1e-6)


def test_callbacks_are_given_arrays() -> None:
    steps: list[Any] = []
    w = ag.tensor(2.0, requires_grad=True)
    optimize.minimize(lambda x: (x["a"] - w) ** 2, {"a": 0.0}, callback=lambda x: steps.append(x["a"]))
    assert steps
    assert not any(isinstance(x, ag.Tensor) for x in steps)


def test_solves_in_a_loop_are_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_lite.control import closure_conversion

    count = 0
    original = closure_conversion._close

    def counting(*args: Any, **keywords: Any) -> Any:
        nonlocal count
        count += 1
        return original(*args, **keywords)

    def both(c: Any) -> None:
        slope_of(lambda c: optimize.root(lambda x: x**2 - c * 1.5, [1.0]).x, c)
        slope_of(lambda c: optimize.curve_fit(lambda t, a: a * np.exp(-t), T, Y * c, [1.0])[0], c)

    both(1.0)
    both(1.1)
    monkeypatch.setattr(closure_conversion, "_close", counting)
    both(1.2)
    both(1.3)
    assert count == 0


def test_a_failure_has_the_words_of_the_solver() -> None:
    for solve in (
        lambda a: optimize.root(lambda x: x**2 + a, [1.0]),
        lambda a: optimize.linprog(a * np.ones(1) - 2, [[-1.0]], [1.0]),
    ):
        with pytest.raises(ag.ImplicitError, match="failure [(](The iteration|The problem is unbounded)"):
            ag.grad(lambda a, solve=solve: solve(a).x.sum())(1.0)
