"""Parameters that are functions: networks and interpolants in right-hand sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

import autograd_lite as ag
import nn
from autograd_lite.integrate import solve_ivp
from nn import layers

TIMES = np.linspace(0, 1, 6)
SPIRAL = np.exp(-TIMES) * np.stack([np.cos(3 * TIMES), np.sin(3 * TIMES)])


def field(seed: int = 0) -> Any:
    nn.set_seed(seed)
    return nn.Sequential([nn.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(2)])


def loss(net: Any, method: str = "Tsit5") -> Any:
    found = solve_ivp(lambda t, y: net(y[None])[0], (0, 1), SPIRAL[:, 0], method, t_eval=TIMES, rtol=1e-6)
    return ((found.y - SPIRAL) ** 2).mean()


def test_weights_in_single_precision_have_gradients_beside_a_state_in_double_precision() -> None:
    net = field()
    value = loss(net)
    assert value.dtype == np.float64
    value.backward()
    for p in net.parameters():
        assert p.grad is not None
        assert p.grad.dtype == p.dtype == np.float32
    p = net.parameters()[0]
    start, direction, h = p.numpy().copy(), np.sign(p.grad.numpy()), 1e-2
    values = []
    for sign in (1, -1):
        p.assign(start + np.float32(sign * h) * direction)
        values.append(float(loss(net).data))
    expected = (values[0] - values[1]) / (2 * h)
    np.testing.assert_allclose((p.grad.numpy() * direction).sum(), expected, rtol=2e-3)


@pytest.mark.ci
def test_gradients_of_weights_are_the_same_by_all_methods() -> None:
    gradients = []
    for method in ("Tsit5", "RK45", "Rodas5P", "BDF"):
        net = field()
        loss(net, method).backward()
        gradients.append(np.concatenate([p.grad.numpy().ravel() for p in net.parameters()]))
    for g in gradients[1:]:
        np.testing.assert_allclose(g, gradients[0], rtol=1e-2, atol=1e-4)


def test_a_training_runs_compiled() -> None:
    net = field()
    optimizer = nn.optimizers.Adam(0.02, parameters=net.parameters())

    @ag.compile
    def step() -> Any:
        value = loss(net)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    values = [float(step()) for _ in range(15)]
    assert values[-1] < values[0] / 5

    eager = field()
    optimizer = nn.optimizers.Adam(0.02, parameters=eager.parameters())
    for expected in values[:4]:
        value = loss(eager)
        np.testing.assert_allclose(float(value.data), expected, rtol=1e-5)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()


@pytest.mark.ci
def test_a_layer_of_a_model_solves_an_equation() -> None:
    """A layer whose output is the state at time 1, trained by `fit`."""

    class Flow(layers.Layer):  # type: ignore[misc]
        def __init__(self, net: Any, **options: Any) -> None:
            super().__init__(**options)
            self.net = net

        def call(self, x: Any) -> Any:
            shape = x.shape
            slopes = lambda t, y: self.net(y.reshape(shape)).reshape(-1)  # noqa: E731
            return solve_ivp(slopes, (0.0, 1.0), x.reshape(-1), "Tsit5", t_eval=[1.0]).y[:, 0].reshape(shape)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 2)).astype("float32")
    y = x @ np.array([[0.5, 0.8], [-0.8, 0.5]], "float32")
    model = nn.Sequential([nn.Input((2,)), Flow(field())])
    model.compile(nn.optimizers.Adam(0.03), "mse")
    history = model.fit(x, y, epochs=15, batch_size=32, verbose=0).history["loss"]
    assert history[-1] < history[0] / 5


def test_an_interpolant_has_derivatives_by_its_values() -> None:
    knots = np.linspace(0, 2, 5)

    def level(inflow: Any) -> Any:
        def tank(t: Any, y: Any) -> Any:
            return np.interp(t, knots, inflow) - 0.5 * y

        return solve_ivp(tank, (0, 2), [1.0], "DOP853", rtol=1e-9, atol=1e-9, max_step=0.05).y[0, -1]

    exact = [
        quad(lambda s, k=k: np.interp(s, knots, np.eye(5)[k]) * np.exp(-0.5 * (2 - s)), 0, 2, points=knots)[0]
        for k in range(5)
    ]
    np.testing.assert_allclose(ag.grad(level)(np.ones(5)), exact, atol=2e-5)
