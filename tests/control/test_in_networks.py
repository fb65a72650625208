"""A layer written with `scan` trains in `fit` to the same weights, compiled or not, within a budget or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import initializers, models, ops
from nn.config.fields import weight
from nn.layers import Dense, Layer

from .test_control import RNG, assert_same


class Gated(Layer):
    """A gated recurrent layer of four units, whose states are collected and read twice."""

    kernel: ag.Tensor = weight()
    recurrent: ag.Tensor = weight()
    budget: int | None = None

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.kernel = self.add_weight((input_shape[-1], 4), initializers.GlorotUniform(seed=1))
        self.recurrent = self.add_weight((4, 4), initializers.GlorotUniform(seed=2))

    def call(self, x: Any) -> Any:
        """Run over the second axis."""

        def step(h: Any, z: Any) -> Any:
            gate = ag.sigmoid(z + h @ self.recurrent)
            h = gate * h + (1 - gate) * np.tanh(h @ self.recurrent + z)
            return h, h

        start = ag.tensor(np.zeros((x.shape[0], 4)))
        last, hs = ag.scan(step, start, np.swapaxes(x @ self.kernel, 0, 1), max_bytes=self.budget)
        return last + np.sin(hs).sum(axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the last state."""
        return (input_shape[0], 4)


@pytest.mark.ci
def test_fit_with_a_scan() -> None:
    x, y = RNG.normal(size=(24, 6, 3)), RNG.normal(size=(24, 1))
    found = []
    for eager, budget in ((True, None), (False, None), (False, 300)):
        layer = Gated(kernel_regularizer="l2", recurrent_regularizer="l2", input_shape=(6, 3))
        layer.budget = budget
        model = models.Sequential([layer, Dense(1, kernel_initializer=initializers.GlorotUniform(seed=3))])
        model.compile("adam", "mse", run_eagerly=eager)
        model.fit(x, y, epochs=3, batch_size=8, verbose=0, shuffle=False)
        found.append([*model.parameters(), model.predict(x, verbose=0)])
    assert_same(found[1], found[0])
    assert_same(found[2], found[0])


def test_the_loops_of_keras_are_compiled() -> None:
    def computed(x: Any) -> Any:
        x = ops.cond(ops.sum(x) > 0, lambda: ops.sin(x), lambda: ops.cos(x))
        x, n = ops.while_loop(lambda x, n: ops.sum(x * x) < 9, lambda x, n: (x * 1.5, n + 1), (x, 0))
        y = ops.while_loop(lambda x: ops.sum(x) > 0, lambda x: x - 1, x, maximum_iterations=3)
        return x, n, y, ops.fori_loop(0, n, lambda i, x: x / 2, x)

    compiled = ag.compile(computed)
    for sign in (1, -1, 1, -1):
        x = sign * np.abs(RNG.normal(size=4))
        assert_same(compiled(x), computed(ag.tensor(x)))
    (trace,) = compiled.traces
    assert trace.replay is not None
