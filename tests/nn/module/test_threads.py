"""One model in many threads: modes, metrics and penalties are each thread's own, and layers are built once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models, optimizers

X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
Y = X[:, :1]


@pytest.fixture(autouse=True)
def _switching() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that begin at once, and return their results."""
    barrier = threading.Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begin, calls))


def dropping() -> models.Sequential:
    model = models.Sequential(
        [layers.Dense(16, input_shape=(6,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)]
    )
    model.compile(optimizers.SGD(0.0), "mse", metrics=["mae"])
    return model


def test_predictions_in_threads_are_equal_and_move_nothing() -> None:
    model = dropping().train()
    expected, before = model.predict(X, batch_size=1), model.state_dict()
    found = together(*[lambda: [model.predict(X, batch_size=1) for _ in range(25)]] * 8)
    assert sum((y != expected).any() for many in found for y in many) == 0
    assert all((before[name] == a).all() for name, a in model.state_dict().items())
    assert model.training


class Watching(layers.Layer):
    """Notes in which modes it runs, by thread."""

    def __init__(self, seen: list[tuple[int, bool, bool | None]]) -> None:
        super().__init__()
        self.seen = seen

    def call(self, x: ag.Tensor, training: bool | None = None) -> ag.Tensor:
        self.seen.append((threading.get_ident(), self.training, training))
        return x


def test_fit_beside_predictions() -> None:
    seen: list[tuple[int, bool, bool | None]] = []
    model = models.Sequential([layers.Dense(4, input_shape=(6,)), Watching(seen), layers.Dropout(0.5), layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), "mse", run_eagerly=True)
    expected = model.predict(X)
    seen.clear()

    def fit() -> int:
        model.fit(X, Y, batch_size=2, epochs=10, verbose=0)
        return threading.get_ident()

    fitting, *found = together(fit, *[lambda: [model.predict(X, batch_size=2) for _ in range(10)]] * 3)
    assert all((y == expected).all() for many in found for y in many)
    assert all(own == passed for _, own, passed in seen)
    assert not any(own for thread, own, _ in seen if thread != fitting)
    assert [own for thread, own, _ in seen if thread == fitting] == [False] + 40 * [True]  # one look at the data first


def test_evaluations_in_threads_do_not_mix_their_metrics() -> None:
    model = dropping()
    sets = [(X * k, Y - k) for k in range(1, 5)]
    expected = [model.evaluate(x, y, verbose=0) for x, y in sets]
    found = together(*[lambda s=s: [model.evaluate(*s, batch_size=3, verbose=0) for _ in range(5)] for s in sets])
    for want, many in zip(expected, found, strict=True):
        for got in many:
            np.testing.assert_allclose(got, want, rtol=1e-6)


def test_penalties_of_calls_belong_to_their_thread() -> None:
    model = models.Sequential([layers.Dense(3, activity_regularizer="l2", input_shape=(6,))])
    alone = [(model(X * k), model.losses)[1][0].item() for k in range(4)]
    found = together(
        *[lambda k=k: [(model(X * k), [t.item() for t in model.losses])[1] for _ in range(30)] for k in range(4)]
    )
    assert [many == [[value]] * 30 for many, value in zip(found, alone, strict=True)] == [True] * 4


def test_a_spectrally_normalized_layer_keeps_its_kernel() -> None:
    layer = layers.SpectralNormalization(layers.Dense(5))
    expected, kernel = layer(X, training=False), layer.layer.kernel
    found = together(*[lambda: [layer(X, training=False) for _ in range(50)] for _ in range(4)])
    assert layer.layer.kernel is kernel
    assert all((y.data == expected.data).all() for many in found for y in many)


class Blocks(nn.Module):
    """Makes its parts in `build`, and these theirs."""

    def build(self, input_shape: Any) -> None:
        self.inner = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x: ag.Tensor) -> ag.Tensor:
        return self.drop(self.inner(x))


@pytest.mark.parametrize(
    ("make", "kernel"),
    [
        (lambda: layers.Dense(3), lambda layer: layer.kernel),
        (lambda: models.Sequential([layers.Dense(3), layers.Dense(2)]), lambda model: model.layers[1].kernel),
        (Blocks, lambda module: module.inner.kernel),
    ],
    ids=["layer", "model", "parts"],
)
def test_a_layer_is_built_once(make: Callable[[], Any], kernel: Callable[[Any], ag.Tensor]) -> None:
    for _ in range(20):
        module, x = make(), ag.tensor(X)
        found = together(*[lambda module=module, x=x: (module(x, training=False), id(kernel(module)))] * 8)
        assert len({which for _, which in found}) == 1
        assert all((y.data == found[0][0].data).all() for y, _ in found)


def test_a_part_that_is_made_in_a_call_has_the_mode_of_the_call() -> None:
    module = Blocks()
    with module.mode(training=False):
        module(X)
        assert not module.drop.training
    assert module.drop.training
    assert (module(X, training=False).data == module(X, training=False).data).all()


def test_modes_of_generators_that_end_in_the_order_in_which_they_began() -> None:
    module = layers.Dropout(0.5)

    def held(training: bool) -> Iterator[bool]:
        with module.mode(training=training):
            yield module.training
            yield module.training

    first, second = held(False), held(True)
    assert [next(first), next(second), next(first)] == [False, True, True]
    assert list(first) == []
    assert module.training
    del second
    assert module.training
    module.eval()
    assert not module.training


def test_a_mode_that_is_set_in_a_call_holds_until_its_end() -> None:
    module = models.Sequential([layers.Dropout(0.5, input_shape=(6,))])
    with module.mode(training=True):
        module.eval()
        assert not module.layers[0].training
        module.layers[0].training = True
        assert module.layers[0].training
    assert module.layers[0].training
    module.eval()
    with module.mode(training=True):
        pass
    assert not module.layers[0].training


def test_a_class_says_what_its_objects_begin_with() -> None:
    class Quiet(layers.Dropout):
        training = False

    layer = Quiet(0.5)
    assert not layer.training
    assert layer.train().training
    assert (layer.eval()(X).data == X).all()
