"""A compiled module follows its mode, its attributes and its parameters, and stands for the module."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def network() -> models.Sequential:
    nn.set_seed(0)
    net = models.Sequential(
        [
            layers.Dense(4, activation="tanh", input_shape=(3,), kernel_regularizer="l2"),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )
    return net.train()


def rebind(net: Any) -> None:
    net.layers[0].kernel = ag.tensor(np.full((3, 4), 0.1, "float32"), requires_grad=True)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "evaluation": lambda net: net.eval(),
    "a part in another mode": lambda net: net.layers[1].eval(),
    "a rate": lambda net: setattr(net.layers[1], "rate", 0.1),
    "a momentum": lambda net: setattr(net.layers[2], "momentum", 0.5),
    "a parameter, assigned to": lambda net: net.layers[0].kernel.assign(0.1),
    "a parameter, rebound": rebind,
    "a bias, taken away": lambda net: setattr(net.layers[0], "bias", None),
    "a frozen layer": lambda net: setattr(net.layers[0], "trainable", False),
    "all frozen": lambda net: setattr(net, "trainable", False),
    "another dtype": lambda net: [t.assign(t * 2) for t in net.parameters()],
}


def outcome(net: Any, f: Any, *args: Any, **kwargs: Any) -> list[Any]:
    nn.set_seed(1)
    out = f(X, *args, **kwargs)
    if out.requires_grad:
        (out * out).sum().backward()
    found = [out.numpy(), *(None if p.grad is None else p.grad.numpy() for p in net.parameters())]
    for p in net.parameters():
        p.grad = None
    return [*found, *map(np.array, net.state_dict().values())]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        assert a is None or np.array_equal(a, b)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_between_calls_is_followed(name: str) -> None:
    net, twin = network(), network()
    compiled = ag.compile(net)
    for change in (None, None, None, CHANGES[name], None, None):
        if change is not None:
            change(net)
            change(twin)
        assert_same(outcome(net, compiled), outcome(twin, twin))


def test_each_mode_is_traced_once() -> None:
    net, twin = network(), network()
    compiled = ag.compile(net)
    for _ in range(6):
        for mode in ("train", "eval"):
            getattr(net, mode)()
            getattr(twin, mode)()
            assert_same(outcome(net, compiled), outcome(twin, twin))
        with net.mode(training=True), twin.mode(training=True):
            assert_same(outcome(net, compiled), outcome(twin, twin))
        assert_same(outcome(net, compiled, training=True), outcome(twin, twin, training=True))
    assert len(compiled.traces) == 4


def test_a_part_that_is_exchanged() -> None:
    net, twin = network(), network()
    compiled = ag.compile(net)
    for _ in range(3):
        assert_same(outcome(net, compiled), outcome(twin, twin))
    for each in (net, twin):
        nn.set_seed(5)
        each.layers[3].kernel = ag.tensor(np.ones((4, 2), "float32"), requires_grad=True)
        each.add(layers.Dense(3))
    for _ in range(3):
        assert_same(outcome(net, compiled), outcome(twin, twin))


def test_it_is_built_by_its_first_call() -> None:
    nets = []
    for _ in range(2):
        nn.set_seed(3)
        nets.append(layers.Dense(4))
    compiled = ag.compile(nets[0])
    for _ in range(4):
        assert_same(outcome(nets[0], compiled), outcome(nets[1], nets[1]))
    assert compiled.kernel is nets[0].kernel


def test_it_stands_for_the_module() -> None:
    net = network()
    compiled = ag.compile(net)
    assert [id(p) for p in compiled.parameters()] == [id(p) for p in net.parameters()]
    compiled.eval()
    assert not net.training
    with ag.no_grad():
        assert all(isinstance(compiled(X), ag.Tensor) for _ in range(3))
    twin = copy.deepcopy(compiled)
    assert_same([twin(X).numpy()], [net(X).numpy()])
    assert twin.layers[0].kernel is not net.layers[0].kernel
    again = pickle.loads(pickle.dumps(compiled))
    assert_same([again(X).numpy()], [net(X).numpy()])
    assert not again.traces[0].replay


def test_a_model_that_is_an_argument_does_not_stay_alive() -> None:
    compiled = ag.compile(lambda net, x: net(x) * 2)
    net = network().eval()
    for _ in range(3):
        assert_same([compiled(net, X).numpy()], [(net(X) * 2).numpy()])
    held = [weakref.ref(net), weakref.ref(net.layers[0].kernel)]
    del net
    gc.collect()
    assert [r() for r in held] == [None, None]
    assert not compiled.traces
