"""A step is made or not made, wherever an interrupt comes: parameters, slots and counters are of before or of after."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import Tensor
from nn import callbacks, constraints, layers, models, optimizers
from nn.optimizers import LossScaleOptimizer, MultiOptimizer, Optimizer, OptimizerMap, parameter_groups

from ...interrupts import interrupted_at, points_of
from .test_optimizers import VARIANTS, every_variant

SHAPES = ((40, 30), (3,), (4,), ())  # the first is updated in chunks, the others together


def begun(make: Callable[..., Any], shapes: Any = SHAPES, steps: int = 1) -> tuple[Any, list[Tensor]]:
    """Return an optimizer that has taken some steps, and its parameters, with gradients for the next."""
    rng = np.random.default_rng(0)
    tensors = [ag.tensor(rng.normal(size=shape).astype("float32"), requires_grad=True) for shape in shapes]
    optimizer = make(parameters=tensors)
    for step in range(steps + 1):
        if step:
            optimizer.step()
        for p in tensors:
            p.grad = rng.normal(size=p.shape).astype("float32")
    return optimizer, tensors


def everything(optimizer: Any, tensors: list[Tensor]) -> list[bytes]:
    state = optimizer.state_dict()
    return [p.data.tobytes() for p in tensors] + [name.encode() + state[name].tobytes() for name in sorted(state)]


def torn(
    make: Callable[..., Any],
    step: Callable[[Any], Any] = lambda optimizer: optimizer.step(),
    shapes: Any = SHAPES,
    every: int = 1,
    steps: int = 1,
) -> int:
    """Interrupt a step at its points, all or some of them; return how many left something in between."""
    optimizer, tensors = begun(make, shapes, steps)
    before = everything(optimizer, tensors)
    points = points_of(lambda: step(optimizer))
    after = everything(optimizer, tensors)
    assert points > 10
    assert before != after
    count = 0
    for point in range(points % every, points, every):
        optimizer, tensors = begun(make, shapes, steps)
        interrupted_at(partial(step, optimizer), point)
        count += everything(optimizer, tensors) not in (before, after)
    return count


def multi(parameters: list[Tensor], **scaling: float) -> Optimizer:
    parameters[0].name = "large"
    inner = OptimizerMap(optimizers.SGD(0.1, momentum=0.5), {"large": optimizers.Adam()})
    return MultiOptimizer(inner, parameters=parameters, **scaling)


def constrained(parameters: list[Tensor]) -> Optimizer:
    optimizer = optimizers.Adam(0.1, use_ema=True, ema_overwrite_frequency=2)
    optimizer.bind(parameters)
    optimizer._constraints = {0: constraints.UnitNorm(), 1: constraints.NonNeg()}
    return optimizer


WRAPPED: dict[str, Callable[..., Optimizer]] = {
    "multi": lambda parameters: multi(parameters, loss_scale_factor=4.0),
    "loss_scale": lambda **kw: LossScaleOptimizer(optimizers.Adam(), dynamic_growth_steps=2, **kw),
    "loss_scale_of_multi": lambda parameters: LossScaleOptimizer(multi(parameters)),
    "constrained": constrained,
    "ema_overwritten": lambda **kw: optimizers.Adam(use_ema=True, ema_overwrite_frequency=2, **kw),
    "loss_scaled": lambda **kw: optimizers.RMSprop(loss_scale_factor=8.0, **kw),
}


ALL = VARIANTS | WRAPPED
interrupted = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameter_groups, "SMALL", 100)
    monkeypatch.setattr(parameter_groups, "CHUNK", 500)


@interrupted
@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_a_step_is_whole(make: Callable[..., Optimizer]) -> None:
    assert torn(make, every=83) == 0


@pytest.mark.ci
@interrupted
@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_a_step_is_whole_at_every_point(make: Callable[..., Optimizer]) -> None:
    assert torn(make) == 0


@interrupted
def test_a_step_of_lbfgs_is_whole() -> None:
    def make(parameters: list[Tensor]) -> optimizers.LBFGS:
        optimizer = optimizers.LBFGS(max_iter=2, parameters=parameters)
        optimizer.step(lambda: loss(optimizer.parameters))
        return optimizer

    def loss(tensors: list[Tensor]) -> Tensor:
        x, y = tensors
        return (100 * (y - x**2) ** 2 + (1 - x) ** 2).sum()

    assert (
        torn(make, lambda optimizer: optimizer.step(lambda: loss(optimizer.parameters)), ((2,), (2,)), 47, steps=0) == 0
    )


@every_variant
def test_a_step_keeps_the_buffers_and_a_graph_notices_it(make: Callable[..., Optimizer]) -> None:
    optimizer, tensors = begun(make, steps=3)
    views = [p.data for p in tensors]
    loss = sum(((p * p).sum() for p in tensors), ag.tensor(0.0))
    optimizer.step()
    if optimizer.gradient_accumulation_steps:
        optimizer.step()
    assert all((p.data == view).all() for p, view in zip(tensors, views, strict=True))
    with pytest.raises(ag.GradError, match="was assigned a new value"):
        loss.backward()


def test_a_gradient_may_be_the_parameter_itself() -> None:
    w = ag.tensor(np.arange(2000.0), requires_grad=True)
    other = w.numpy()
    optimizer = optimizers.SGD(0.5, parameters=[w])
    optimizer.apply([w.data[::-1]])
    np.testing.assert_array_equal(w.data, other - 0.5 * other[::-1])


# ---- fit ------------------------------------------------------------------------------------------------------------


def fitting() -> tuple[models.Model, Callable[..., Any]]:
    """Return a model whose steps move running statistics too, and a function that trains it for two epochs."""
    ag.set_seed(1)
    inputs = nn.Input((6, 3))
    x = layers.SpectralNormalization(layers.Dense(8))(layers.GRU(5)(inputs))
    model = models.Model(inputs, layers.Dense(2)(layers.Dropout(0.3)(layers.BatchNormalization()(x))))
    model.compile(optimizers.Adam(0.1, use_ema=True, ema_overwrite_frequency=3), "mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    data = rng.normal(size=(8, 6, 3)).astype("float32"), rng.normal(size=(8, 2)).astype("float32")
    model(data[0])
    return model, lambda *calls: model.fit(*data, batch_size=4, epochs=2, verbose=0, callbacks=list(calls))


def whole(model: models.Model) -> list[bytes]:
    state = model.optimizer.state_dict() if model.optimizer.parameters else {}
    return [a.tobytes() for a in model.state_dict().values()] + [state[name].tobytes() for name in sorted(state)]


def states_of_fit() -> list[list[bytes]]:
    """Return the states before the first step of `fit`, after each, and at its end."""
    model, fit = fitting()
    states = []
    fit(
        callbacks.LambdaCallback(
            on_train_begin=lambda logs: states.append(whole(model)),
            on_train_batch_end=lambda batch, logs: states.append(whole(model)),
        )
    )
    return [*states, whole(model)]


def torn_in_fit(points: range, states: list[list[bytes]]) -> int:
    count = 0
    for point in points:
        model, fit = fitting()
        interrupted_at(fit, point, ours=lambda file: "/nn/" in file or "/autograd_lite/" in file)
        model.optimizer.bind(model.parameters())
        left = any(p.grad is not None for p in model.parameters()) or model.training
        count += left or whole(model) not in states
    return count


@interrupted
@pytest.mark.parametrize("every", [4001, pytest.param(197, marks=pytest.mark.ci)])
def test_fit_leaves_the_state_of_a_whole_step(every: int) -> None:
    states = states_of_fit()
    assert len({tuple(state) for state in states}) == 6  # of before, of four steps, and with the means in their place
    _, fit = fitting()
    points = points_of(fit, ours=lambda file: "/nn/" in file or "/autograd_lite/" in file)
    assert torn_in_fit(range(points % every, points, every), states) == 0
