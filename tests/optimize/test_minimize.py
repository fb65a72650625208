"""`optimize.minimize`: laws over problems and methods."""

from __future__ import annotations

import copy
import ctypes
import math
import pickle
import struct
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

scipy_optimize = pytest.importorskip("scipy.optimize")

from autograd_lite import optimize  # noqa: E402
from autograd_lite.optimize import evaluation  # noqa: E402
from autograd_lite.optimize.evaluation import Derivatives  # noqa: E402

from .problems import METHODS, PROBLEMS, Counted, Problem, minimum, rosenbrock  # noqa: E402

every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
# The plain suite runs each method on one of the problems.
IN_TURN = [
    pytest.param(method, name, marks=[] if i % len(PROBLEMS) == j else [pytest.mark.ci], id=f"{method}-{name}")
    for i, method in enumerate(METHODS)
    for j, name in enumerate(PROBLEMS)
]
DIFFERENTIATED = [case for case in IN_TURN if METHODS[case.values[0]].jac]  # type: ignore[index]


def by_hand(problem: Problem, method: str, **more: Any) -> Any:
    """Return SciPy's result, with all the derivatives that the method takes."""
    takes = METHODS[method]
    given = {"jac": problem.gradient} if takes.jac else {}
    given |= {"hess": problem.hessian} if takes.hess else {}
    return scipy_optimize.minimize(problem.f, problem.start, method=method, **given, **more)


@pytest.mark.parametrize(("method", "name"), IN_TURN)
def test_the_minimum_is_that_of_scipy_with_derivatives_by_hand(method: str, name: str) -> None:
    problem = PROBLEMS[name]
    options = {"options": {"maxiter": 300}} if method == "cobyla" else {}
    ours, theirs = (
        optimize.minimize(problem.f, problem.start, method=method, **options),
        by_hand(problem, method, **options),
    )
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-4, atol=1e-5)
    assert ours.fun == pytest.approx(theirs.fun, rel=1e-6, abs=1e-8)
    # As many steps, but for those that rounding in the last place makes (trust-constr ends by one of two tests then).
    assert method == "trust-constr" or abs(ours.get("nit", 0) - theirs.get("nit", 0)) <= 3 + theirs.get("nit", 0) // 10


@every_problem
@pytest.mark.parametrize("method", ["bfgs", "trust-exact"])
def test_the_minimum_is_where_it_should_be(problem: Problem, method: str) -> None:
    np.testing.assert_allclose(
        optimize.minimize(problem.f, problem.start, method=method).x, minimum(problem), atol=1e-5
    )


@pytest.mark.parametrize(
    "method", [m if i % 3 == 0 else pytest.param(m, marks=pytest.mark.ci) for i, m in enumerate(METHODS)]
)
def test_a_tree_gives_the_bits_of_the_vector(method: str) -> None:
    def of_tree(p: Any) -> Any:
        return rosenbrock(np.concatenate([p["a"].ravel(), np.stack([p["b"][0]])]))

    start = {"a": np.array([[0.5], [0.9], [0.8]]), "b": (1.1,)}
    kept = copy.deepcopy(start)
    options = {"options": {"maxiter": 50}} if method in ("cobyla", "cobyqa") else {}
    tree = optimize.minimize(of_tree, start, method=method, **options)
    flat = optimize.minimize(rosenbrock, [0.5, 0.9, 0.8, 1.1], method=method, **options)
    np.testing.assert_array_equal(np.append(tree.x["a"], tree.x["b"]), flat.x)
    assert tree.x["a"].shape == (3, 1)
    assert (tree.fun, tree.nfev) == (flat.fun, flat.nfev)
    if METHODS[method].jac and method != "trust-constr":
        np.testing.assert_array_equal(np.append(tree.jac["a"], tree.jac["b"]), flat.jac)
    np.testing.assert_array_equal(start["a"], kept["a"])


@pytest.mark.parametrize(("method", "name"), DIFFERENTIATED)
def test_compiled_gives_the_bits_of_eager(method: str, name: str) -> None:
    problem = PROBLEMS[name]
    ways = [optimize.minimize(problem.f, problem.start, method=method, compiled=way) for way in (True, False, None)]
    assert ways[0].evaluation == "compiled" or ways[0].nfev < 4
    assert ways[1].evaluation == "not compiled: compiled=False was given"
    for other in ways[1:]:
        np.testing.assert_array_equal(other.x, ways[0].x)
        assert (other.nfev, other.nit) == (ways[0].nfev, ways[0].nit)


def test_value_and_gradient_take_one_evaluation() -> None:
    f = Counted(rosenbrock)
    found = optimize.minimize(f, [-1.2, 1.0], compiled=False)
    assert f.calls == found.nfev == found.njev


def test_a_compiled_function_runs_three_times() -> None:
    f = Counted(rosenbrock)
    found = optimize.minimize(f, [-1.2, 1.0], compiled=True)
    assert found.nfev > 20
    assert f.calls == 1 + 2 + 1  # at first, traced twice, and once at the solution to see that it gives the same


def test_a_function_is_compiled_once_its_evaluations_have_taken_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "COMPILING", 0)
    monkeypatch.setattr(evaluation, "EVALUATIONS", 3.5)
    monkeypatch.setattr(evaluation, "SMALL", np.inf)
    f = Counted(rosenbrock)
    assert optimize.minimize(f, [-1.2, 1.0]).evaluation == "compiled"
    assert f.calls == 4 + 2 + 1
    monkeypatch.setattr(evaluation, "EVALUATIONS", 1000)
    assert optimize.minimize(f, [-1.2, 1.0]).evaluation.endswith("the solve ended before that would have paid")


def test_many_parameters_take_products_in_place_of_the_hessian(monkeypatch: pytest.MonkeyPatch) -> None:
    transforms = []
    init = Derivatives.__init__

    def noted(self: Any, called: str, f: Any, layout: Any, transform: Any, *more: Any, **named: Any) -> None:
        transforms.append(getattr(transform, "__name__", ""))
        init(self, called, f, layout, transform, *more, **named)

    monkeypatch.setattr(Derivatives, "__init__", noted)
    for n in (64, 65):
        found = optimize.minimize(rosenbrock, np.full(n, 0.9), method="trust-ncg")
        np.testing.assert_allclose(found.x, 1, atol=1e-4)
    assert [name for name in transforms if name in ("hessian", "hvp")] == ["hessian", "hvp"]


def test_float32_is_handled_in_float64_and_given_back() -> None:
    seen = []

    def f(p: Any) -> Any:
        seen.append(p["w"].dtype)
        return ((p["w"] - [1.0, 2.0]) ** 2).sum() + (p["b"] - 1) ** 2

    found = optimize.minimize(f, {"w": np.zeros(2, np.float32), "b": ag.tensor(0.0)})
    assert found.x["w"].dtype == np.float32
    assert set(seen) == {np.dtype(np.float64)}
    flat = optimize.minimize(rosenbrock, np.zeros(2, np.float32))
    assert flat.x.dtype == np.float32


@pytest.mark.parametrize("jac", ["2-point", "3-point", False])
def test_finite_differences_run_on_arrays_alone(jac: Any) -> None:
    def f(x: Any) -> float:
        assert type(x) is np.ndarray
        return math.exp(float(x[0])) - float(x[0]) + float(x[1]) ** 2

    found = optimize.minimize(f, [1.0, 2.0], jac=jac)
    np.testing.assert_array_equal(found.x, scipy_optimize.minimize(f, [1.0, 2.0], jac=jac).x)
    assert found.evaluation == "not compiled: the derivatives were given, or none were needed"


@every_problem
def test_given_derivatives_are_used_as_they_are(problem: Problem) -> None:
    jac, hess = Counted(problem.gradient), Counted(problem.hessian)
    found = optimize.minimize(problem.f, problem.start, method="trust-exact", jac=jac, hess=hess)
    np.testing.assert_array_equal(found.x, by_hand(problem, "trust-exact").x)
    assert jac.calls == found.njev
    assert hess.calls == found.nhev
    rows = optimize.minimize(
        problem.f, problem.start, method="trust-exact", jac=jac, hess=lambda x: problem.hessian(x).tolist()
    )
    np.testing.assert_array_equal(rows.x, found.x)
    both = optimize.minimize(lambda x: (problem.f(x), problem.gradient(x)), problem.start, jac=True)
    np.testing.assert_array_equal(both.x, by_hand(problem, "bfgs").x)


def test_given_derivatives_of_a_tree_are_trees() -> None:
    def f(p: Any) -> Any:
        return rosenbrock(np.append(p["a"], p["b"]))

    def gradient(p: Any) -> Any:
        g = PROBLEMS["rosenbrock"].gradient(np.append(p["a"], p["b"]))
        return {"b": g[2:], "a": g[:2]}

    def product(p: Any, v: Any) -> Any:
        h = PROBLEMS["rosenbrock"].hessian(np.append(p["a"], p["b"])) @ np.append(v["a"], v["b"])
        return {"a": h[:2], "b": h[2:]}

    start = {"a": np.array([0.5, 0.9]), "b": np.array([0.8, 1.1])}
    found = optimize.minimize(f, start, method="trust-ncg", jac=gradient, hessp=product)
    np.testing.assert_allclose(np.append(found.x["a"], found.x["b"]), 1, atol=1e-3)


def test_args_reach_every_function() -> None:
    def f(x: Any, scale: Any, shift: Any) -> Any:
        return (scale * (x - shift) ** 2).sum()

    args = (np.array([1.0, 3.0]), 2.0)
    for method in ("bfgs", "trust-exact", "nelder-mead"):
        np.testing.assert_allclose(optimize.minimize(f, [0.0, 0.0], args, method).x, 2.0, atol=1e-4)
    np.testing.assert_allclose(optimize.minimize(lambda x, c: ((x - c) ** 2).sum(), [0.0], 3.0).x, 3.0)


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs-b", "trust-constr", "nelder-mead"])
def test_callbacks_are_given_parameters(method: str) -> None:
    seen: list[Any] = []

    def f(p: Any) -> Any:
        return ((p["w"] - 1) ** 2).sum()

    def stop(intermediate_result: Any) -> None:
        seen.append(intermediate_result.x)
        raise StopIteration

    optimize.minimize(f, {"w": np.zeros(2)}, method=method, callback=lambda x, *state: seen.append(x))
    assert seen[-1]["w"].shape == (2,)
    found = optimize.minimize(f, {"w": np.zeros(2)}, method=method, callback=stop)
    assert found.status == 99 or (method == "trust-constr" and found.nit == 1)
    assert seen[-1]["w"].shape == (2,)


def test_options_and_tolerances_reach_scipy() -> None:
    assert optimize.minimize(rosenbrock, [-1.2, 1.0], options={"maxiter": 3}).nit == 3
    assert optimize.minimize(rosenbrock, [-1.2, 1.0], tol=10.0).nit < 15


def test_a_method_of_ones_own_is_given_all_derivatives() -> None:
    def newton(fun: Any, x: Any, jac: Any, hess: Any, **rest: Any) -> Any:
        for _ in range(20):
            x = x - np.linalg.solve(hess(x), jac(x))
        return scipy_optimize.OptimizeResult(x=x, fun=fun(x), success=True)

    np.testing.assert_allclose(optimize.minimize(rosenbrock, [1.1, 1.2], method=newton).x, 1, atol=1e-12)


# ---- the form of parameters ------------------------------------------------------------------------------------------

FORMS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "number": (3.0, (1,)),
    "integers": ([1, 2], (2,)),
    "tuple of numbers": ((1.0, 2), (2,)),
    "vector": (np.ones(3), (3,)),
    "tensor": (ag.tensor([1.0, 2.0]), (2,)),
    "matrix": (np.ones((2, 3)), (2, 3)),
}


@pytest.mark.parametrize(("x0", "shape"), FORMS.values(), ids=FORMS)
def test_parameters_come_as_scipy_passes_them_or_as_they_are(x0: Any, shape: tuple[int, ...]) -> None:
    shapes = set()

    def f(x: Any) -> Any:
        shapes.add(x.shape)
        return ((x - 2) ** 2).sum()

    found = optimize.minimize(f, x0)
    assert shapes == {shape}
    assert type(found.x) is np.ndarray
    np.testing.assert_allclose(found.x, np.full(shape, 2.0), atol=1e-6)


def test_bounds_of_a_tree_lie_where_its_arrays_lie() -> None:
    def f(p: Any) -> Any:
        return ((p["a"] - 5) ** 2).sum() + ((p["b"] + 5) ** 2).sum() + (p["c"] - 5) ** 2

    start = {"a": np.zeros(2), "b": np.zeros((1, 2)), "c": 0.0}
    bounds = {"c": None, "a": (None, [1.0, 2.0]), "b": (-1, None)}
    found = optimize.minimize(f, start, bounds=bounds)
    np.testing.assert_allclose(found.x["a"], [1, 2])
    np.testing.assert_allclose(found.x["b"], [[-1, -1]])
    assert found.x["c"] == pytest.approx(5)
    same = optimize.minimize(f, start, bounds=optimize.Bounds(-3, 3))
    assert same.x["c"] == 3
    each = optimize.minimize(f, start, bounds=[(None, 1), (None, 2), (-1, None), (-1, None), (None, None)])
    np.testing.assert_array_equal(each.x["a"], found.x["a"])


# ---- when it is not compiled, and when that would be wrong -----------------------------------------------------------


def test_a_branch_on_values_runs_as_it_is_and_the_result_says_why() -> None:
    def f(x: Any) -> Any:
        return (x[0] - 1) ** 2 if x[0] > 0 else (x[0] - 1) ** 4

    found = optimize.minimize(f, [-3.0], compiled=True)
    np.testing.assert_allclose(found.x, 1, atol=1e-4)
    assert found.evaluation.startswith("not compiled: TraceError: ")
    assert "bool(t)" in found.evaluation


def test_random_numbers_are_not_frozen() -> None:
    rng, drawn = np.random.default_rng(0), []

    def f(x: Any) -> Any:
        drawn.append(rng.normal())
        return ((x - 1) ** 2).sum() * (1 + 1e-12 * drawn[-1])

    found = optimize.minimize(f, [3.0, 4.0], compiled=True)
    assert found.evaluation.startswith("not compiled: ")
    assert len(drawn) >= found.nfev


def test_a_function_that_reads_what_changes_unseen_is_an_error_and_not_a_wrong_result() -> None:
    class Penalised:
        def __call__(self, x: Any) -> Any:
            return ((x - 1) ** 2).sum() + self.read() * (x * x).sum()

        def read(self) -> float:
            return struct.unpack("d", ctypes.string_at(memory, 8))[0]  # which no guard can see

    weight = ctypes.c_double(1.0)
    memory = ctypes.addressof(weight)
    f = Penalised()

    def heavier(x: Any) -> None:
        weight.value *= 2

    with pytest.raises(ag.ReplayError, match="reads what changes during the solve.* Pass compiled=False"):
        optimize.minimize(f, np.arange(5.0), method="CG", callback=heavier, compiled=True)


def test_a_variable_of_a_closure_that_changes_is_seen() -> None:
    weight = 1.0

    def f(x: Any) -> Any:
        return ((x - 1) ** 2 * np.arange(1.0, 6.0)).sum() + weight * (x * x).sum()

    def heavier(x: Any) -> None:
        nonlocal weight
        weight = 1.5

    compiled = optimize.minimize(f, np.arange(5.0), method="L-BFGS-B", callback=heavier, compiled=True)
    weight = 1.0
    eager = optimize.minimize(f, np.arange(5.0), method="L-BFGS-B", callback=heavier, compiled=False)
    np.testing.assert_array_equal(compiled.x, eager.x)
    assert compiled.nfev == eager.nfev > 4


def test_a_number_in_place_of_a_tensor_is_a_value_without_a_slope() -> None:
    def f(x: Any) -> Any:
        if x[0] > 0.75:
            return np.inf
        return (x[0] - 0.5) ** 2

    for compiled in (True, False):
        found = optimize.minimize(f, [0.0], compiled=compiled)
        assert found.x[0] == pytest.approx(0.5)


@pytest.mark.parametrize("method", ["bfgs", "trust-exact", "trust-ncg", "nelder-mead"])
def test_a_function_may_read_tensors_that_require_gradients(method: str) -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)

    def solve() -> Any:
        return optimize.minimize(lambda x: ((x - w) ** 2).sum(), [0.0, 0.0], method=method)

    found = solve()
    np.testing.assert_allclose(found.x.detach(), [1, 2], atol=1e-4)
    (found.x * [3.0, 5.0]).sum().backward()
    np.testing.assert_allclose(w.grad, [3, 5])
    with ag.no_grad():
        assert type(solve().x) is np.ndarray


# ---- covariance ------------------------------------------------------------------------------------------------------


def test_the_covariance_is_the_inverse_of_the_hessian() -> None:
    for problem in PROBLEMS.values():
        found = optimize.minimize(problem.f, problem.start)
        np.testing.assert_allclose(found.covariance, np.linalg.inv(problem.hessian(found.x)), rtol=1e-9, atol=1e-12)
        assert found["covariance"] is found.covariance


def test_the_covariance_takes_a_given_hessian_and_functions_that_give_their_gradient() -> None:
    problem = PROBLEMS["logistic"]
    hess = Counted(problem.hessian)
    found = optimize.minimize(problem.f, problem.start, method="trust-exact", jac=problem.gradient, hess=hess)
    calls = hess.calls
    np.testing.assert_array_equal(found.covariance, found.covariance.T)
    assert hess.calls == calls + 1
    both = optimize.minimize(lambda x: (problem.f(x), np.ones(3)), problem.start, jac=True, options={"maxiter": 0})
    np.testing.assert_allclose(both.covariance, np.linalg.inv(problem.hessian(problem.start)), rtol=1e-9, atol=1e-12)


def test_the_covariance_of_a_normal_sample_is_the_known_one() -> None:
    data = np.random.default_rng(0).normal(2, 3, 200)

    def loss(p: Any) -> Any:
        return (((data - p["mean"]) / p["scale"]) ** 2).sum() / 2 + data.size * np.log(p["scale"])

    found = optimize.minimize(loss, {"mean": 0.0, "scale": 1.0}, bounds={"mean": None, "scale": (1e-6, None)})
    scale = data.std()
    np.testing.assert_allclose(found.covariance, np.diag([scale**2 / 200, scale**2 / 400]), rtol=1e-4, atol=1e-6)


def test_results_can_be_copied_and_pickled() -> None:
    found = optimize.minimize(lambda x: ((x - 1) ** 2).sum(), [0.0])
    for other in (copy.copy(found), pickle.loads(pickle.dumps(found))):
        np.testing.assert_array_equal(other.x, found.x)
        assert not hasattr(other, "covariance")
    assert found.covariance.shape == (1, 1)
    assert pickle.loads(pickle.dumps(found)).covariance == found.covariance


# ---- refusals --------------------------------------------------------------------------------------------------------


def _forgets(x: Any) -> None:
    x.sum()


def _numbers(x: Any) -> float:
    return float(x[0].item() ** 2)


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "no function": (lambda: optimize.minimize(3.0, [1.0]), TypeError, "^minimize: expected a function"),  # type: ignore[arg-type]
    "math": (
        lambda: optimize.minimize(lambda x: math.exp(x[0]), [1.0]),
        ag.GradError,
        r"^minimize: expected <lambda> to compute with NumPy's functions .*pass jac='2-point' .*Use np\.sin",
    ),
    "constant": (
        lambda: optimize.minimize(_numbers, [1.0]),
        ag.GradError,
        r"expected _numbers to .*pass jac='2-point' .*It returned a constant, of type float.*np\.exp\(t\)",
    ),
    "nothing": (lambda: optimize.minimize(_forgets, [1.0]), TypeError, "received None. Did it forget to return"),
    "several": (
        lambda: optimize.minimize(lambda x: x * x, [1.0, 2.0]),
        ag.ShapeError,
        r"returns one number; received shape \(2,\)\. Reduce it, .* least_squares takes residuals",
    ),
    "complex": (
        lambda: optimize.minimize(rosenbrock, {"a": np.array([1j])}),
        TypeError,
        r"real numbers to start from; received dtype complex128 at x0\['a'\]\. Give real and imaginary parts",
    ),
    "text": (lambda: optimize.minimize(rosenbrock, "ab"), TypeError, "real numbers to start from; received dtype <U2"),
    "empty": (lambda: optimize.minimize(rosenbrock, {}), ValueError, "at least one array to start from; received none"),
    "method": (
        lambda: optimize.minimize(rosenbrock, [1.0], method="newton"),
        ValueError,
        "method to be one of nelder-mead, .*; received 'newton'",
    ),
    "bounds": (
        lambda: optimize.minimize(lambda p: p["a"].sum(), {"a": np.ones(2)}, bounds=[(0, 1)] * 3),
        ValueError,
        r"expected bounds as a container like the parameters, with a pair \(lowest, highest\) for each array",
    ),
    "gradient of another shape": (
        lambda: optimize.minimize(lambda p: 0.0, {"a": np.ones(2)}, jac=lambda p: {"b": np.ones(2)}),
        ValueError,
        r"expected values in a container like the parameters: expected the keys \['a'\]",
    ),
    "covariance": (
        lambda: optimize.minimize(lambda x: (x[0] - x[1]) ** 2, [1.0, 2.0]).covariance,
        ValueError,
        "expected a Hessian that is positive definite .* does not depend on some combination of the parameters",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_was_received_and_expected(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
