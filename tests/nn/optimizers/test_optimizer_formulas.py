"""Optimizers on a parabola, Rosenbrock's function and an ill-conditioned quadratic, beside formulas and Keras."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import optimizers
from nn.config.config import argument_names
from nn.optimizers import Optimizer, schedules
from nn.optimizers.names import REGISTRY

from .. import peers
from . import optimizer_formulas as formulas

START = np.array([[-1.0, 1.5, 0.5], [0.8, -0.3, 1.2]])


def parabola(p: Any) -> Any:
    return 2 * p


def rosenbrock(p: Any) -> Any:
    """Return the gradient of the sum of 100 (y - x**2)**2 + (1 - x)**2 over neighbors x, y in the flat parameter."""
    q = p.reshape(-1)
    g = np.zeros_like(q)
    gap = q[1:] - q[:-1] ** 2
    g[:-1] = -400 * q[:-1] * gap - 2 * (1 - q[:-1])
    g[1:] += 200 * gap
    return g.reshape(p.shape)


def ill_conditioned(p: Any) -> Any:
    """Return the gradient of a quadratic of condition 1,000."""
    return p * np.logspace(0, 3, p.size, dtype=p.dtype).reshape(p.shape)


PROBLEMS = [parabola, rosenbrock, ill_conditioned]
every_problem = pytest.mark.parametrize("problem", PROBLEMS)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

CASES: dict[str, tuple[Callable[[], Optimizer], Any, dict[str, Any]]] = {
    "SGD": (lambda: optimizers.SGD(1e-4), formulas.sgd, {"lr": 1e-4}),
    "momentum": (lambda: optimizers.SGD(1e-4, 0.9), formulas.sgd, {"lr": 1e-4, "momentum": 0.9}),
    "nesterov": (
        lambda: optimizers.SGD(1e-4, 0.9, nesterov=True),
        formulas.sgd,
        {"lr": 1e-4, "momentum": 0.9, "nesterov": True},
    ),
    "RMSprop": (lambda: optimizers.RMSprop(), formulas.rmsprop, {}),
    "RMSprop, centered": (
        lambda: optimizers.RMSprop(centered=True, momentum=0.5),
        formulas.rmsprop,
        {"centered": True, "momentum": 0.5},
    ),
    "Adam": (lambda: optimizers.Adam(), formulas.adam, {}),
    "AMSGrad": (lambda: optimizers.Adam(amsgrad=True), formulas.adam, {"amsgrad": True}),
    "AdamW": (lambda: optimizers.AdamW(), formulas.adam, {"decay": 0.004}),
    "Adamax": (lambda: optimizers.Adamax(), formulas.adamax, {}),
    "Nadam": (lambda: optimizers.Nadam(), formulas.nadam, {}),
    "Adagrad": (lambda: optimizers.Adagrad(), formulas.adagrad, {}),
    "Adadelta": (lambda: optimizers.Adadelta(0.5), formulas.adadelta, {"lr": 0.5}),
    "Ftrl": (lambda: optimizers.Ftrl(), formulas.ftrl, {}),
    "Ftrl, l1 and l2": (
        lambda: optimizers.Ftrl(0.1, l1_regularization_strength=0.3, l2_regularization_strength=0.1, beta=1.0),
        formulas.ftrl,
        {"lr": 0.1, "l1": 0.3, "l2": 0.1, "beta": 1.0},
    ),
    "Lion": (lambda: optimizers.Lion(weight_decay=0.1), formulas.lion, {"decay": 0.1}),
    "Lion, overshooting": (lambda: optimizers.Lion(0.37), formulas.lion, {"lr": 0.37}),
    "Lamb, decay": (lambda: optimizers.Lamb(0.01, weight_decay=0.5), formulas.lamb, {"lr": 0.01, "decay": 0.5}),
    "Lamb": (lambda: optimizers.Lamb(), formulas.lamb, {}),
    "Adafactor": (lambda: optimizers.Adafactor(), formulas.adafactor, {}),
    "Muon": (lambda: optimizers.Muon(), formulas.muon, {}),
    "ScheduleFreeAdamW": (lambda: optimizers.ScheduleFreeAdamW(), formulas.schedule_free, {}),
}
every_case = pytest.mark.parametrize(("make", "formula", "options"), CASES.values(), ids=CASES)


def steps(optimizer: Optimizer, start: Any, problem: Any, n: int) -> Any:
    """Return the parameter after each step."""
    p = ag.tensor(start, requires_grad=True)
    optimizer.bind([p])
    for _ in range(n):
        p.grad = problem(p.numpy())
        optimizer.step()
        assert p.dtype == start.dtype
        yield p.numpy()


def test_every_optimizer_has_a_formula() -> None:
    kinds = {type(make()) for make, _, _ in CASES.values()}
    ours = {c for c in vars(optimizers).values() if isinstance(c, type) and issubclass(c, Optimizer)}
    assert ours - kinds == {Optimizer, optimizers.LossScaleOptimizer, optimizers.MultiOptimizer}  # have none


@every_dtype
@every_problem
@every_case
def test_twenty_steps_equal_a_plain_formula(make: Any, formula: Any, options: Any, problem: Any, dtype: str) -> None:
    ours = list(steps(make(), START.astype(dtype), problem, 20))
    expected = list(formula(START, problem, 20, **options))
    # Single precision: after 20 steps of an ill-conditioned problem, errors of rounding have grown.
    tolerance = 1e-10 if dtype == "float64" else 2e-3
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)


def test_a_vector_is_not_factored_by_adafactor() -> None:
    ours = list(steps(optimizers.Adafactor(0.01), START[0], parabola, 20))
    np.testing.assert_allclose(ours, list(formulas.adafactor(START[0], parabola, 20, lr=0.01)), rtol=1e-10)
    optimizer = optimizers.Adafactor(parameters=[ag.tensor(np.ones((2, 3, 4)), requires_grad=True)])
    assert {k: a.shape for k, a in optimizer.state_dict().items() if "." in k} == {"0.row": (2, 3), "0.column": (2, 4)}


def test_muon_takes_adam_for_what_is_no_matrix_or_excluded() -> None:
    for shape, name in (((3,), "kernel"), ((2, 2, 2), "kernel"), ((3, 2), "token_embedding"), ((3, 2), "head.kernel")):
        p = ag.tensor(np.ones(shape), requires_grad=True, name=name)
        q = ag.tensor(np.ones(shape), requires_grad=True)
        muon = optimizers.Muon(exclude_layers=["head"], weight_decay=0.5, adam_weight_decay=0.1, parameters=[p])
        adam = optimizers.AdamW(weight_decay=0.1, parameters=[q])
        for t in range(3):
            p.grad = q.grad = np.cos(t + np.arange(p.size)).reshape(shape)
            muon.step()
            adam.step()
        np.testing.assert_allclose(p.data, q.data, rtol=1e-14)


# ---- Keras -----------------------------------------------------------------------------------------------------------


@pytest.mark.ci
def test_one_cycle_equals_that_of_pytorch() -> None:
    torch = peers.torch()
    w = torch.zeros(1, requires_grad=True)
    sgd = torch.optim.SGD([w], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=0.5, total_steps=40)
    ours = schedules.OneCycle(0.5, 40)
    for t in range(40):
        assert ours(t) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        sgd.step()
        if t < 39:
            theirs.step()


@pytest.mark.ci
@pytest.mark.parametrize(
    ("make", "name", "options"),
    [
        (lambda: optimizers.Adamax(0.01), "Adamax", {"lr": 0.01, "eps": 1e-7}),
        (lambda: optimizers.Adadelta(0.5, rho=0.9), "Adadelta", {"lr": 0.5, "rho": 0.9, "eps": 1e-7}),
        (lambda: optimizers.Nadam(0.01), "NAdam", {"lr": 0.01, "eps": 1e-7, "momentum_decay": 1.0}),
    ],
    ids=["Adamax", "Adadelta", "Nadam"],
)
@every_problem
def test_ten_steps_equal_those_of_pytorch(make: Any, name: str, options: dict[str, Any], problem: Any) -> None:
    torch = peers.torch()
    q = torch.tensor(START, requires_grad=True)
    peer = getattr(torch.optim, name)([q], **options)
    for ours in steps(make(), START, problem, 10):
        q.grad = torch.tensor(problem(q.detach().numpy()))
        peer.step()
        np.testing.assert_allclose(ours, q.detach().numpy(), rtol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("kind", [*REGISTRY.names.values(), optimizers.MultiOptimizer])
def test_the_arguments_and_their_defaults_are_those_of_keras(kind: Any) -> None:
    theirs = inspect.signature(getattr(peers.keras().optimizers, kind.__name__)).parameters
    assert set(argument_names(kind)) - {"parameters"} == theirs.keys() - {"kwargs"}
    own = inspect.signature(kind).parameters.values()
    assert {p.name: p.default for p in own if p.name not in ("parameters", "common")}.items() <= {
        name: p.default for name, p in theirs.items()
    }.items()
    by_position = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position == [name for name in theirs if name in by_position]
