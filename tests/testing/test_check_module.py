"""Layers and models: inputs and every parameter, both modes, randomness replayed, nothing left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.testing import GradientMismatch, check_module
from nn.layers import Dense, Dropout

from .wrong_ops import double_square, matmul_t

X = np.random.default_rng(0).normal(size=(5, 4))


def names(report: Any) -> set[str]:
    return set(report.inputs)


def test_a_model_in_both_modes() -> None:
    model = nn.models.Sequential([Dense(6, activation="relu"), Dropout(0.5), Dense(2, activation="softmax")])
    report = check_module(model, X)
    assert report.ok
    expected = {"dense.kernel", "dense.bias", "dense_1.kernel", "dense_1.bias", "x"}
    assert names(report) == {f"{mode}: {name}" for mode in ("train", "eval") for name in expected}
    assert all(entry.n_inconclusive == 0 for entry in report.inputs.values())
    # Computed in double precision, whatever the dtype of the model.
    assert max(entry.max_rel_err for entry in report.inputs.values()) < 1e-6


def test_second_order_and_wrt() -> None:
    report = check_module(Dense(2, activation="tanh"), X, order=2, modes=("eval",), wrt=["kernel"])
    assert names(report) == {"eval: kernel", "eval: kernel (order 2)", "eval: cotangent (order 2)"}


def test_the_module_is_left_as_it_was() -> None:
    model = nn.models.Sequential([Dense(3), Dropout(0.5)])
    model(X)
    model.eval()
    before, random = model.state_dict(), ag.random.default_generator.state
    check_module(model, X)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert all(t.grad is None and t.dtype == np.float32 for t in model.parameters())
    assert not model.training
    assert ag.random.default_generator.state == random

    unbuilt = Dense(3)
    check_module(unbuilt, X)
    assert not unbuilt.built


class Statistics(nn.Module):
    """Keeps a running mean, counts its calls, and draws from a custom generator."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(np.ones(4))
        self.mean = ag.tensor(np.zeros(4, np.float32))
        self.calls = 0
        self.noise = ag.Generator(3)

    def call(self, x: Any) -> Any:
        self.calls += 1
        if self.training:
            with ag.no_grad():
                self.mean.assign(0.9 * self.mean + 0.1 * x.mean(axis=0))
        mask = ag.random.bernoulli(x.shape, 0.5, dtype=x.dtype, generator=self.noise)
        return (x - self.mean.detach()) * self.scale * mask * self.calls


def test_state_and_generators_are_set_back_before_each_run() -> None:
    module = Statistics()
    assert check_module(module, X, modes=("eval",)).ok
    assert (module.calls, module.training) == (0, True)
    np.testing.assert_array_equal(module.mean.numpy(), np.zeros(4))


class Wrong(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = [nn.Parameter(np.eye(4) + 0.1), {"b": nn.Parameter(np.ones(4))}]

    def call(self, x: Any) -> Any:
        return matmul_t(x, self.parts[0]) + double_square(self.parts[1]["b"])


def test_a_wrong_parameter_is_named() -> None:
    with pytest.raises(GradientMismatch) as caught:
        check_module(Wrong(), X[:4])
    assert caught.value.name == "parts.0"
    assert caught.value.op is matmul_t
    assert "in train mode" in str(caught.value)
    assert "check_module(" in caught.value.snippet
    report = check_module(Wrong(), X[:4], raise_=False)
    assert {failure.name for failure in report.failures} == {"parts.0", "parts.1.b"}


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(np.eye(4) + 0.1)
        self.b = self.a

    def call(self, x: Any) -> Any:
        return np.tanh(x @ self.a) @ self.b.T


def test_shared_parameters_are_moved_together() -> None:
    assert names(check_module(Tied(), X, modes=("eval",))) == {"eval: x", "eval: a"}


class SingleOnly(nn.Module):
    """Right in double precision; in single it forgets a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(np.ones(4))

    def call(self, x: Any) -> Any:
        y = x * self.w
        return y if x.dtype == np.float64 else y * 1.5 - (y * 0.5).detach()


def test_the_modules_own_dtype_is_compared_too() -> None:
    with pytest.raises(GradientMismatch, match="in float32 is not the one in float64"):
        check_module(SingleOnly(), X)


class Foreign:
    """No nn.Module at all: a callable with named_parameters."""

    def __init__(self) -> None:
        self.w = ag.tensor([1.0, 2.0], requires_grad=True)

    def named_parameters(self) -> list[tuple[str, Any]]:
        return [("w", self.w)]

    def __call__(self, x: Any, n: int) -> Any:
        return np.sin(x * self.w) * n


def test_anything_with_named_parameters_will_do() -> None:
    assert names(check_module(Foreign(), np.array([0.5, 0.1]), 3)) == {"x", "w"}


def test_integer_inputs_are_passed_on() -> None:
    class Embedding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(np.arange(12.0).reshape(4, 3))

        def call(self, ids: Any) -> Any:
            return np.sin(self.table[ids])

    assert names(check_module(Embedding(), np.array([0, 2, 2]), modes=("eval",))) == {"eval: table"}
