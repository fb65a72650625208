"""Graphs die by reference counting alone: no cycles, no growth, nothing pinned by an exception."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.fingerprints import MAX_COPIED_BYTES
from autograd_lite.tensors.views import introduce


@pytest.fixture(autouse=True)
def _without_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parameters() -> list[ag.Tensor]:
    rng = np.random.default_rng(0)
    return [ag.tensor(rng.normal(size=s) * 0.1, requires_grad=True) for s in ((8, 16), (16,), (16, 4), (4,))]


X = np.random.default_rng(1).normal(size=(32, 8))
Y = np.arange(32) % 4


def network(w: list[ag.Tensor]) -> ag.Tensor:
    hidden = ag.relu(X @ w[0] + w[1])
    logits = hidden @ w[2] + w[3]
    return -ag.log_softmax(logits)[np.arange(32), Y].mean()


def plain_step(w: list[ag.Tensor]) -> None:
    network(w).backward()
    with ag.no_grad():
        for p in w:
            p -= 0.1 * p.grad
            p.grad = None


def accumulating_step(w: list[ag.Tensor]) -> None:
    for _ in range(2):
        network(w).backward()
    for p in w:
        p.assign_sub(0.01 * p.grad)
        p.grad = None


def in_place_step(w: list[ag.Tensor]) -> None:
    h = X @ w[0]
    h += w[1]
    h[0] = 0.0
    h *= 2.0
    h.sum().backward()
    w[0].grad = w[1].grad = None


def retaining_step(w: list[ag.Tensor]) -> None:
    h = X @ w[0]
    h.retain_grad()
    loss = (h * h).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    w[0].grad = None


def second_order_step(w: list[ag.Tensor]) -> None:
    def penalty(p: Any) -> Any:
        return (ag.grad(lambda q: np.tanh(X @ q).sum())(p) ** 2).sum()

    ag.grad(penalty)(w[0])


def recorded_backward_step(w: list[ag.Tensor]) -> None:
    network(w).backward(create_graph=True)
    for p in w:
        p.grad = None


def masked_step(w: list[ag.Tensor]) -> None:
    with np.errstate(all="ignore"):
        np.where(w[1] > 0, np.log(w[1]), 0).sum().backward()
    w[1].grad = None


def source_step(w: list[ag.Tensor]) -> None:
    with ag.record_source(), ag.extend.module_scope("net"):
        network(w).backward()
    for p in w:
        p.grad = None


def random_step(w: list[ag.Tensor]) -> None:
    (w[0] * ag.random.bernoulli(w[0].shape)).sum().backward()
    w[0].grad = None


def fails(f: Callable[[], Any]) -> bool:
    try:
        f()
    except (ValueError, ag.GradError):
        return True
    return False


def error_step(w: list[ag.Tensor]) -> None:
    assert fails(lambda: network(w).reshape(5))
    assert fails(lambda: np.ones(3) + (X @ w[0]))
    assert fails(lambda: (X @ w[0]) @ np.ones((7, 7)))
    assert fails(lambda: (X @ w[0]).backward())
    assert fails(lambda: ag.grad(lambda p: X @ p)(w[0]))
    loss = network(w)
    loss.backward()
    assert fails(loss.backward)
    for p in w:
        p.grad = None


def unused_step(w: list[ag.Tensor]) -> None:
    network(w)
    repr(network(w))
    assert network(w).inputs


STEPS: list[Callable[[list[ag.Tensor]], None]] = [
    plain_step,
    accumulating_step,
    in_place_step,
    retaining_step,
    second_order_step,
    recorded_backward_step,
    masked_step,
    source_step,
    random_step,
    error_step,
    unused_step,
]
every_step = pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)


@every_step
def test_a_step_leaves_nothing_to_the_garbage_collector(step: Callable[[list[ag.Tensor]], None]) -> None:
    w = parameters()
    for _ in range(3):
        step(w)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(20):
            step(w)
        assert gc.collect() == 0
        assert gc.garbage == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def allocated() -> tuple[int, int, int]:
    """Return the numbers of tracked objects, of bytes in arrays, and of allocated blocks.

    The collection must find nothing; it is there to empty some of Python's lists of spare objects. The list of spare
    tuples remains and fills up to some hundreds of blocks, however many steps; so blocks are the coarser measure.
    """
    introduce()  # views are noted in a list of limited length
    assert gc.collect() == 0
    in_arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    traces = tracemalloc.take_snapshot().filter_traces([in_arrays]).traces
    return len(gc.get_objects()), sum(trace.size for trace in traces), sys.getallocatedblocks()


def growth(step: Callable[[list[ag.Tensor]], None], n: int) -> list[int]:
    """Return by how many objects, bytes in arrays, and blocks `n` steps grow what is allocated."""
    w = parameters()
    for _ in range(20):
        step(w)
    tracemalloc.start()
    try:
        for _ in range(3):
            step(w)
        gc.collect()
        before = allocated()
        for _ in range(n):
            step(w)
        after = allocated()
    finally:
        tracemalloc.stop()
    return [b - a for a, b in zip(before, after, strict=True)]


@every_step
def test_memory_does_not_grow(step: Callable[[list[ag.Tensor]], None]) -> None:
    objects, size, _ = growth(step, 100)
    assert objects < 10
    assert size < 4096


def test_memory_is_flat_over_a_thousand_training_steps() -> None:
    objects, size, blocks = growth(plain_step, 1000)
    assert objects < 10
    assert size < 4096
    assert blocks < 800, "fewer than one a step"


def test_growth_is_seen() -> None:
    """So that the tests above can fail."""
    kept: list[Any] = []
    assert growth(lambda w: kept.append(X @ w[0]), 50)[0] > 10
    assert growth(lambda w: kept.append(np.ones(50)), 50)[1] > 4096
    assert growth(lambda w: kept.append(len(kept) + 0.5), 1000)[2] > 800


def test_the_network_of_these_tests_trains() -> None:
    w = parameters()
    for _ in range(1000):
        plain_step(w)
    assert float(network(w)) < 0.9 * np.log(4)


def test_a_graph_dies_with_its_last_tensor() -> None:
    (w,) = parameters()[:1]
    hidden = np.tanh(X @ w)
    loss = hidden.sum()
    nodes = [weakref.ref(t) for t in (hidden, loss)]
    array = weakref.ref(hidden._data)
    del hidden
    assert nodes[0]() is None
    assert array() is not None, "the op that follows needs its output"
    del loss
    assert nodes[1]() is None
    assert array() is None


def test_backward_lets_saved_arrays_go_as_it_walks() -> None:
    w = ag.tensor(np.ones(1000), requires_grad=True)
    hidden = np.exp(w * 1e-3)
    array = weakref.ref(hidden._data)
    loss = (hidden * 2).sum()
    del hidden
    assert array() is not None
    loss.backward()
    assert array() is None
    assert loss.op is not None


def test_saved_arrays_go_one_by_one_during_the_walk() -> None:
    """When the cotangent of an early result is complete, what later ops saved is gone."""
    x, seen = ag.tensor(np.ones(3), requires_grad=True), []
    early = np.exp(x)
    late = np.exp(early)
    array = weakref.ref(late._data)
    loss = late.sum()
    del late
    early._node.hooks = [lambda g: seen.append(array() is None)]
    loss.backward()
    assert seen == [True]


def test_cotangents_go_as_soon_as_they_are_passed_on() -> None:
    h = ag.tensor(np.ones(50_000), requires_grad=True)
    size = h.nbytes
    for _ in range(50):
        h = np.sin(h)
    tracemalloc.start()
    h.sum().backward(retain_graph=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * size


def test_a_large_constant_operand_is_let_go_after_backward() -> None:
    w, constant = ag.tensor(np.ones(10_000), requires_grad=True), np.ones(10_000)
    assert constant.nbytes > MAX_COPIED_BYTES
    product = w * constant
    count = sys.getrefcount(constant)
    product.sum().backward()
    assert sys.getrefcount(constant) < count
    assert product.inputs[1].shape == (10_000,)


def test_an_exception_in_the_forward_pass_pins_nothing() -> None:
    w = parameters()[0]
    watched = []

    def forward() -> None:
        hidden = np.tanh(X @ w)
        watched.append(weakref.ref(hidden))
        hidden.reshape(3)

    with pytest.raises(ag.ShapeError):
        forward()
    # pytest's ExceptionInfo is gone with the block; nothing of ours may hold the frame.
    assert watched[0]() is None


def test_an_exception_in_the_backward_pass_pins_nothing() -> None:
    w = parameters()[0]
    hidden = np.tanh(X @ w)
    loss = (hidden * hidden).sum()
    watched = [weakref.ref(t) for t in (hidden, loss)]
    hidden.sum().backward()
    assert fails(loss.backward)
    del hidden, loss
    assert [ref() for ref in watched] == [None, None]


def test_a_tensor_changed_in_place_does_not_hold_itself() -> None:
    t = parameters()[1] * 1
    t += t
    t[0] = t[1]
    t *= t
    watched = weakref.ref(t)
    del t
    assert watched() is None
    assert gc.collect() == 0


def test_retain_grad_does_not_hold_its_tensor() -> None:
    w = parameters()[0]
    hidden = X @ w
    hidden.retain_grad()
    loss = hidden.sum()
    watched = weakref.ref(hidden)
    del hidden
    assert watched() is None
    loss.backward()
    assert w.grad is not None
    assert gc.collect() == 0


def test_a_recorded_backward_is_a_cycle_until_grad_is_cleared_and_grad_is_none() -> None:
    """As documented at `backward`; the functional `grad` has no such cycle."""
    w = ag.tensor(2.0, requires_grad=True)
    (w**3).backward(create_graph=True)
    w.grad = None
    del w
    assert gc.collect() == 0
    v = ag.tensor(2.0, requires_grad=True)
    g = ag.grad(lambda t: t**3)(v)
    assert g.requires_grad
    del g, v
    assert gc.collect() == 0


def test_the_fixture_sees_a_leak() -> None:
    """So that the tests above can fail: a cycle through a gradient is found."""
    w = ag.tensor(2.0, requires_grad=True)
    (w**3).backward(create_graph=True)
    del w
    assert gc.collect() > 0
