"""L-BFGS, its line search, and the bridge to SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import GradError, ShapeError
from nn import layers, models, optimizers
from nn.optimizers import LBFGS, minimize
from nn.optimizers.line_search import CURVATURE, SUFFICIENT, Point, strong_wolfe

from .. import peers


def rosenbrock(p: Any) -> Any:
    return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()


def ill_conditioned(p: Any) -> Any:
    return (p * p * np.logspace(0, 4, p.size, dtype=p.dtype)).sum() / 2


def parabola(p: Any) -> Any:
    return ((p - 2) ** 2).sum()


PROBLEMS = {"parabola": (parabola, 2.0), "rosenbrock": (rosenbrock, 1.0), "ill_conditioned": (ill_conditioned, 0.0)}
every_problem = pytest.mark.parametrize(("problem", "solution"), PROBLEMS.values(), ids=PROBLEMS)
START = np.array([-1.2, 1.0, -0.5, 0.8])


@every_problem
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lbfgs_finds_the_minimum(problem: Any, solution: float, dtype: str) -> None:
    p = ag.tensor(START, dtype=dtype, requires_grad=True)
    optimizer = LBFGS(max_iter=200, tolerance_change=0, parameters=[p])
    loss = optimizer.step(lambda: problem(p))
    single = dtype == "float32"
    np.testing.assert_allclose(p.data, solution, atol=2e-2 if single else 1e-6)
    assert p.dtype == dtype
    assert p.grad is None
    assert loss == problem(p).item() <= (1e-4 if single else 1e-12)
    assert optimizer.evaluations < (500 if single else 120)


def test_a_quadratic_of_n_variables_needs_about_n_iterations() -> None:
    p = ag.tensor(START, requires_grad=True)
    matrix = np.array([[4.0, 1, 0, 0], [1, 3, 1, 0], [0, 1, 2, 0], [0, 0, 0, 5]])
    optimizer = LBFGS(parameters=[p])
    optimizer.step(lambda: p @ matrix @ p / 2 - p.sum())
    np.testing.assert_allclose(p.data, np.linalg.solve(matrix, np.ones(4)), atol=1e-6)
    assert optimizer.iterations <= 12


@pytest.mark.ci
def test_without_a_line_search_the_steps_equal_those_of_pytorch() -> None:
    torch = peers.torch()
    p, q = ag.tensor(START, requires_grad=True), torch.tensor(START, requires_grad=True)
    ours = LBFGS(0.1, max_iter=1, line_search=None, tolerance_change=0, parameters=[p])
    theirs = torch.optim.LBFGS([q], lr=0.1, max_iter=1, tolerance_change=0, history_size=10)

    def closure() -> Any:
        theirs.zero_grad()
        loss = rosenbrock(q)
        loss.backward()
        return loss

    for _ in range(15):
        ours.step(lambda: rosenbrock(p))
        theirs.step(closure)
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-8)


@pytest.mark.parametrize("first", [1e-4, 0.1, 1.0, 50.0])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
        (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
        (lambda t: np.inf if t > 5 else -t + 0.1 * t**2, lambda t: np.nan if t > 5 else -1 + 0.2 * t),
        (lambda t: np.cos(t + 0.5), lambda t: -np.sin(t + 0.5)),
    ],
    ids=["parabola", "Moré and Thuente", "infinite beyond", "wave"],
)
def test_the_line_search_ends_where_the_strong_wolfe_conditions_hold(f: Any, slope: Any, first: float) -> None:
    found = strong_wolfe(lambda t: Point(t, f(t), slope(t), None), Point(0.0, f(0.0), slope(0.0), None), first)
    assert found.t > 0
    assert found.f <= f(0.0) + SUFFICIENT * found.t * slope(0.0)
    assert abs(found.slope) <= -CURVATURE * slope(0.0)


@pytest.mark.parametrize("seed", range(30))
def test_the_line_search_on_random_waves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, speed, shift = rng.normal(size=(3, 4)) * np.array([[1.0], [2.0], [3.0]])

    def at(t: float) -> Point:
        slope = (size * speed * np.cos(speed * t + shift)).sum() + 0.02 * t
        return Point(t, (size * np.sin(speed * t + shift)).sum() + 0.01 * t * t, slope, None)

    sign = -np.sign(at(0.0).slope)

    def along(t: float) -> Point:
        point = at(sign * t)
        return Point(t, point.f, sign * point.slope, None)

    start = along(0.0)
    found = strong_wolfe(along, start, rng.uniform(0.1, 10))
    assert found.t > 0
    assert found.f <= start.f + SUFFICIENT * found.t * start.slope
    assert abs(found.slope) <= -CURVATURE * start.slope


def test_lbfgs_goes_on_from_its_state_bit_for_bit() -> None:
    def run(stop: bool) -> Any:
        p = ag.tensor(START, requires_grad=True)
        optimizer = LBFGS(max_iter=5, parameters=[p])
        optimizer.step(lambda: rosenbrock(p))
        if stop:
            state = optimizer.state_dict()
            optimizer = LBFGS(max_iter=5, parameters=[p])
            optimizer.load_state_dict(state)
        optimizer.step(lambda: rosenbrock(p))
        return p.data.tobytes()

    assert run(stop=True) == run(stop=False)


def test_an_error_in_the_loss_leaves_the_parameters_and_the_state() -> None:
    p = ag.tensor(START, requires_grad=True)
    optimizer = LBFGS(max_iter=3, parameters=[p])
    optimizer.step(lambda: rosenbrock(p))
    before, pairs = p.data.tobytes(), optimizer.state_dict()["pairs"]
    calls = []

    def failing() -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rosenbrock(p)

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(failing)
    assert p.data.tobytes() == before
    np.testing.assert_array_equal(optimizer.state_dict()["pairs"], pairs)
    with pytest.raises(ValueError, match="finite loss at the parameters; received nan"):
        optimizer.step(lambda: rosenbrock(p) * np.nan)
    assert p.data.tobytes() == before


def test_lbfgs_trains_a_model() -> None:
    nn.set_seed(0)
    model = models.Sequential([layers.Dense(8, "tanh", input_shape=(2,)), layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
    y = x[:, :1] * x[:, 1:]
    optimizer = LBFGS(max_iter=150, parameters=model.parameters())
    assert optimizer.step(lambda: ((model(x) - y) ** 2).mean()) < 0.01


# ---- SciPy -----------------------------------------------------------------------------------------------------------

METHODS = ["L-BFGS-B", "BFGS", "CG", "Newton-CG", "trust-ncg", "trust-krylov", "SLSQP", "TNC", "Nelder-Mead", "Powell"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_minimum_of_a_container(method: str) -> None:
    pytest.importorskip("scipy")
    start = {"a": np.array([-1.2, 1.0]), "b": (np.array(0.5),)}
    copy = start["a"].copy()
    options = {"options": {"maxiter": 4000}} if method == "Nelder-Mead" else {}
    found = minimize(lambda t: rosenbrock(t["a"]) + (t["b"][0] - 2) ** 2, start, method, **options)
    np.testing.assert_allclose(found.x["a"], 1.0, atol=2e-3)
    np.testing.assert_allclose(found.x["b"][0], 2.0, atol=2e-3)
    np.testing.assert_array_equal(start["a"], copy)


@pytest.mark.parametrize("method", ["L-BFGS-B", "trust-ncg"])
def test_a_model_is_minimized_in_place(method: str) -> None:
    pytest.importorskip("scipy")
    nn.set_seed(0)
    model = models.Sequential([layers.Dense(4, "tanh", input_shape=(2,)), layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(30, 2)).astype("float32")
    y = np.sin(x[:, :1])

    def loss() -> Any:
        return ((model(x) - y) ** 2).mean()

    before = loss().item()
    found = minimize(loss, model, method, options={"maxiter": 60})
    assert loss().item() == pytest.approx(found.fun, rel=1e-4)
    assert found.fun < 0.05 * before
    assert all(p.grad is None and p.dtype == np.float32 for p in model.parameters())


def test_least_squares_equals_its_closed_form() -> None:
    pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    w = ag.tensor(np.zeros(3), requires_grad=True)
    minimize(lambda: ((x @ w - y) ** 2).sum(), [w], "BFGS")
    np.testing.assert_allclose(w.data, np.linalg.lstsq(x, y, rcond=None)[0], rtol=1e-5)


def test_a_gradient_of_ones_own_is_used() -> None:
    pytest.importorskip("scipy")
    w = ag.tensor(np.zeros(2), requires_grad=True)
    for jac in (lambda x: 2 * (x - [1.0, 2.0]), "2-point"):
        w.assign(np.zeros(2))
        found = minimize(lambda: ((w - [1.0, 2.0]) ** 2).sum(), [w], "BFGS", jac=jac)
        np.testing.assert_allclose(w.data, [1, 2], atol=1e-5)
        assert not hasattr(found, "covariance")


def test_an_error_leaves_a_model_as_it_was() -> None:
    pytest.importorskip("scipy")
    p = ag.tensor(START, requires_grad=True)
    calls = []

    def failing() -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("stop")
        return rosenbrock(p)

    with pytest.raises(RuntimeError, match="stop"):
        minimize(failing, [p])
    np.testing.assert_array_equal(p.data, START)


W = ag.tensor([1.0, 2.0], requires_grad=True)
REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "no function": (lambda: LBFGS(parameters=[W]).step(3), TypeError, "expected a function that returns the loss"),
    "no tensor": (lambda: LBFGS(parameters=[W]).step(lambda: 3.0), TypeError, "returns a Tensor; received float"),
    "no scalar": (lambda: LBFGS(parameters=[W]).step(lambda: W * 2), ShapeError, r"scalar loss; received shape \(2,\)"),
    "constant": (lambda: LBFGS(parameters=[W]).step(lambda: ag.tensor(1.0)), GradError, "received a constant"),
    "rate": (lambda: LBFGS(0, parameters=[W]), ValueError, "learning_rate to be a finite number above 0"),
    "iterations": (
        lambda: LBFGS(max_iter=0, parameters=[W]),
        ValueError,
        "max_iter to be a positive integer",
    ),
    "search": (lambda: LBFGS(line_search="wolfe", parameters=[W]), ValueError, "one of strong_wolfe, or None"),
    "state": (lambda: LBFGS(parameters=[W]).load_state_dict({}), ValueError, "expected iterations and pairs"),
    "pairs": (
        lambda: LBFGS(parameters=[W]).load_state_dict({"iterations": 1, "pairs": np.ones((1, 2, 3))}),
        ValueError,
        r"shape \(M, 2, 2\); received shape \(1, 2, 3\)",
    ),
    "minimize no function": (lambda: minimize(W, [W]), TypeError, "minimize: expected a function"),
    "minimize a constant": (lambda: minimize(lambda: ag.tensor(1.0), [W]), GradError, "received a constant"),
    "minimize text": (lambda: minimize(lambda t: t, np.array(["a"])), TypeError, "real numbers to start from"),
    "minimize nothing": (lambda: minimize(lambda t: t, {}), ValueError, "at least one array"),
    "compile by name": (
        lambda: optimizers.get("L-BFGS"),
        TypeError,
        r"received 'L-BFGS', which needs .* Make LBFGS\(parameters=",
    ),
    "compile": (
        lambda: models.Sequential([layers.Dense(1, input_shape=(2,))]).compile(LBFGS(parameters=[W]), "mse"),
        TypeError,
        r"received LBFGS\(.*which needs the loss at several points in each step",
    ),
    "compile the class": (lambda: optimizers.get(LBFGS), TypeError, "received <class .*needs the loss"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_was_received_and_expected(call: Any, error: type[Exception], message: str) -> None:
    if "minimize" in message or "real numbers" in message or "minimize" in str(call.__code__.co_names):
        pytest.importorskip("scipy")
    with pytest.raises(error, match=message):
        call()
    np.testing.assert_array_equal(W.data, [1.0, 2.0])


# ---- autograd_lite.optimize.minimize of a model ----------------------------------------------------------------------


@pytest.mark.parametrize("part", ["nothing", "statistics"])
def test_a_model_is_minimized_as_a_copy(part: str) -> None:
    nn.set_seed(0)
    x = np.linspace(-2, 2, 40)[:, None].astype(np.float32)
    more = [layers.BatchNormalization()] if part == "statistics" else []
    model = nn.Sequential([layers.Dense(8, activation="tanh", input_shape=(1,)), *more, layers.Dense(1)])
    before = model.state_dict()

    def loss(m: Any) -> Any:
        return ((m(x) - np.sin(x)) ** 2).mean()

    result = ag.optimize.minimize(loss, model, options={"maxiter": 100})
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])
    assert list(result.x) == [path for path, _ in model.named_parameters()]
    assert {a.dtype for a in result.x.values()} == {np.dtype(np.float32)}
    assert result.fun < 1e-3 * float(loss(model))
    assert (result.evaluation == "compiled") == (part == "nothing")
    model.load_state_dict(result.x, strict=False)
    assert float(loss(model)) == pytest.approx(result.fun, rel=1e-2)


def test_a_trained_model_has_derivatives_by_hyperparameters() -> None:
    x = np.linspace(-1, 1, 20)[:, None]
    y = 2 * x + 0.3

    def trained(decay: Any) -> Any:
        model = nn.Sequential([layers.Dense(1, input_shape=(1,), dtype="float64", kernel_initializer="ones")])

        def loss(m: Any) -> Any:
            return ((m(x) - y) ** 2).mean() + decay * (m.layers[0].kernel ** 2).sum()

        return ag.optimize.minimize(loss, model, tol=1e-9).x

    m = (x * x).mean()
    slopes = ag.jacobian(lambda decay: trained(decay)["dense.kernel"])(0.5)
    assert slopes.item() == pytest.approx(-2 * m / (m + 0.5) ** 2, rel=1e-6)


def test_weights_that_a_function_reads_reach_the_solution() -> None:
    layer = layers.Dense(1, input_shape=(1,), dtype="float64", kernel_initializer="ones")
    root = ag.optimize.root(lambda x: layer(x[:, None])[:, 0] - 3.0, np.ones(1)).x
    root.sum().backward()
    assert layer.kernel.grad.item() == pytest.approx(-3)
    assert layer.bias.grad.item() == pytest.approx(-1)


def test_a_compiled_solve_follows_the_settings_of_a_module() -> None:
    class Stretched(nn.Module):
        factor = 2.0

        def call(self, x: Any) -> Any:
            return x * self.factor if self.training else x

    module = Stretched()

    @ag.compile
    def solve(c: Any) -> Any:
        return ag.optimize.root(lambda x: module(x) - c, np.ones(1)).x

    results = []
    for mode, factor in (("train", 2.0), ("eval", 2.0), ("train", 2.0), ("train", 4.0), ("train", 4.0)):
        getattr(module, mode)()
        module.factor = factor
        results += [float(solve(ag.tensor([c]))[0]) for c in (3.0, 6.0, 12.0)]
    np.testing.assert_allclose(results, [1.5, 3, 6, 3, 6, 12, 1.5, 3, 6, *[0.75, 1.5, 3] * 2])
