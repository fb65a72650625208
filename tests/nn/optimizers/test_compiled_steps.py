"""A whole training step, compiled, does what it does as it is: losses, parameters, state and counters, bit for bit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler import tiling as parts
from nn import constraints, optimizers
from nn.optimizers import LossScaleOptimizer, MultiOptimizer, Optimizer, OptimizerMap, parameter_groups, schedules

from ...interrupts import interrupted_at, points_of
from ...laws.reading import same_bits
from .test_optimizers import VARIANTS

SHAPES = {"large": (40, 30), "matrix": (2, 3), "scalar": (), "vector": (4,)}
CALLS = 24


def multi(parameters: Any, **others: Any) -> Optimizer:
    inner = OptimizerMap(optimizers.SGD(1e-2, momentum=0.5), {"large": optimizers.Adam(1e-2)})
    return MultiOptimizer(inner, parameters=parameters, **others)


def constrained(parameters: Any) -> Optimizer:
    optimizer = optimizers.Adam(1e-2, use_ema=True, ema_overwrite_frequency=2)
    optimizer.bind(parameters)
    optimizer._constraints = {0: constraints.MaxNorm(0.9), 3: constraints.NonNeg()}
    return optimizer


def undecayed(parameters: Any) -> Optimizer:
    optimizer = optimizers.AdamW(1e-2, parameters=parameters)
    optimizer.exclude_from_weight_decay(var_names=["scalar", "vector"])
    return optimizer


class Own(Optimizer):
    """A user's optimizer, whose rule branches on the number of the step and keeps the gradient itself."""

    learning_rate: Any = optimizers.hyper.ScalarOrSchedule(0, default=0.01)

    def rule(self) -> Any:
        def ascent(p: Any, g: Any, state: Any, hyper: Any) -> Any:
            rate = hyper["learning_rate"] if hyper["iterations"] % 3 else 2 * hyper["learning_rate"]
            return state["last"] * rate, {"last": g}

        return ascent

    def slots(self) -> Any:
        return {"last": 0.0}


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = VARIANTS | {
    "own": lambda **kw: Own(**kw),
    "multi": lambda **kw: multi(loss_scale_factor=4.0, **kw),
    "loss_scale": lambda **kw: LossScaleOptimizer(optimizers.Adam(1e-2), dynamic_growth_steps=2, **kw),
    "loss_scale_of_multi": lambda **kw: LossScaleOptimizer(multi(**kw)),
    "loss_scale_factor": lambda **kw: optimizers.RMSprop(1e-2, loss_scale_factor=8.0, **kw),
    "constrained": lambda **kw: constrained(**kw),
    "undecayed": lambda **kw: undecayed(**kw),
    "ema_of_momentum": lambda **kw: optimizers.SGD(1e-3, momentum=0.9, use_ema=True, weight_decay=0.1, **kw),
    "accumulation_4": lambda **kw: optimizers.SGD(1e-3, gradient_accumulation_steps=4, global_clipnorm=1.0, **kw),
    "rate_of_a_function": lambda **kw: optimizers.SGD(lambda: 1e-2 / (1 + CLOCK["calls"]), **kw),
}
CLOCK = {"calls": 0}
SCHEDULES: dict[str, Any] = {
    "exponential": schedules.ExponentialDecay(1e-2, 3, 0.5),
    "staircase": schedules.ExponentialDecay(1e-2, 3, 0.5, staircase=True),
    "inverse": schedules.InverseTimeDecay(1e-2, 3, 0.5),
    "piecewise": schedules.PiecewiseConstantDecay([3, 6], [1e-2, 1e-3, 1e-4]),
    "polynomial": schedules.PolynomialDecay(1e-2, 5, power=2.0, cycle=True),
    "cosine": schedules.CosineDecay(1e-3, 5, warmup_target=1e-2, warmup_steps=3),
    "restarts": schedules.CosineDecayRestarts(1e-2, 3),
    "one_cycle": schedules.OneCycle(1e-2, 8),
}
# One that shows each mechanism; the others run with `-m ci`.
SHOWN = {"adam", "global_clipnorm", "own", "loss_scale", "constrained", "accumulation"}
WRITTEN = ("adam", "accumulation_4", "constrained", "ema", "global_clipnorm", "loss_scale", "multi", "muon", "sgd")


def in_ci(names: Any, shown: Any) -> list[Any]:
    return [pytest.param(name, marks=() if name in shown else pytest.mark.ci) for name in names]


@pytest.fixture(autouse=True)
def _chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameter_groups, "SMALL", 100)
    monkeypatch.setattr(parameter_groups, "CHUNK", 500)
    monkeypatch.setattr(parts, "_PART", 256)


class Interrupted(Exception):
    """Raised in the middle of a step."""


def refuse(x: Any) -> None:
    if x.max() > 50:
        raise Interrupted


def step_of(optimizer: Optimizer, how: str) -> Callable[[Any], Any]:
    """Return a training step in one of the ways of writing it."""

    def loss_of(x: Any) -> Any:
        large, matrix, scalar, vector = optimizer.parameters
        h = np.tanh(x @ large)
        ag.observe(refuse, x)
        return ((h * scalar).mean() - 1) ** 2 + (matrix * matrix).sum() * 0.1 + (vector * vector[::-1]).sum()

    def with_backward(x: Any) -> Any:
        loss = loss_of(x)
        optimizer.scale_loss(loss).backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    def with_grad(x: Any) -> Any:
        def of(*parameters: Any) -> Any:
            large, matrix, scalar, vector = parameters
            loss = ((np.tanh(x @ large) * scalar).mean() - 1) ** 2 + (matrix * matrix).sum() * 0.1
            ag.observe(refuse, x)
            return optimizer.scale_loss(loss + (vector * vector[::-1]).sum())

        values = [p.detach() for p in optimizer.parameters]
        loss, gradients = ag.value_and_grad(of, argnums=(0, 1, 2, 3))(*values)
        optimizer.apply(gradients)
        return loss

    def twice(x: Any) -> Any:
        return with_backward(x), with_backward(x * 0.5)

    return {"backward": with_backward, "grad": with_grad, "twice": twice}[how]


def everything(optimizer: Optimizer) -> list[Any]:
    state = optimizer.state_dict()
    return [p.numpy() for p in optimizer.parameters] + [state[name] for name in sorted(state)]


def trained(make: Callable[..., Optimizer], how: str, compiled: bool) -> Iterator[list[Any]]:
    """Yield all that one can see after each call of a step, with changes from outside between the calls."""
    rng = np.random.default_rng(0)
    parameters = [
        ag.tensor(rng.normal(size=s).astype("f4"), requires_grad=True, name=name) for name, s in SHAPES.items()
    ]
    optimizer = make(parameters=parameters)
    inner = optimizer.active[0] if isinstance(optimizer, optimizers.composite.CompositeOptimizer) else optimizer
    step: Any = step_of(optimizer, how)
    if compiled:
        step = ag.compile(step)
    for call in range(CALLS):
        CLOCK["calls"] = call
        x = rng.normal(size=(5, 40)).astype("f4")
        if call == 5 and inner._schedule is None and hasattr(inner, "learning_rate"):
            inner.learning_rate = 2 * inner.learning_rate
        if call == 7:
            optimizer.load_state_dict(optimizer.state_dict())
        if call == 12:
            before = everything(optimizer)
            with pytest.raises(Interrupted):
                step(ag.tensor(np.full_like(x, 100)))
            optimizer.zero_grad()
            assert all(map(same_bits, everything(optimizer), before))
        if call == 14:
            parameters[1].assign(np.ones((2, 3)))
            with contextlib.suppress(AttributeError):
                optimizer.iterations = 40
        if call == 18 and not any(map(inner.__getattribute__, ("clipnorm", "clipvalue", "global_clipnorm"))):
            with contextlib.suppress(AttributeError):  # which belongs to optimizers further inside
                inner.clipvalue = 1e-3
        if call == 18 and hasattr(inner, "nesterov"):
            inner.nesterov = not inner.nesterov
        if call == 16 and how != "grad":  # `apply` refuses it
            parameters[3].requires_grad = False
        yield [t.numpy() for t in ag.tree.leaves(step(ag.tensor(x)))] + everything(optimizer)
    if compiled:
        replays = [trace.replay for trace in step.traces if trace.replay is not None]
        assert replays
        for replay in replays:
            replay.plan.check()
        assert "did not do the same" not in step.explain()


def assert_same(make: Callable[..., Optimizer], how: str) -> None:
    for found, expected in zip(trained(make, how, True), trained(make, how, False), strict=True):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert same_bits(a, b)


@pytest.mark.parametrize("name", in_ci(OPTIMIZERS, SHOWN))
def test_of_every_optimizer(name: str) -> None:
    assert_same(OPTIMIZERS[name], "backward")


@pytest.mark.parametrize("how", ["grad", "twice"])
@pytest.mark.parametrize("name", in_ci(WRITTEN, {"adam"}))
def test_ways_of_writing_it(name: str, how: str) -> None:
    assert_same(OPTIMIZERS[name], how)


@pytest.mark.parametrize("name", in_ci(SCHEDULES, {"cosine"}))
def test_of_every_schedule(name: str) -> None:
    assert_same(lambda **kw: optimizers.SGD(SCHEDULES[name], momentum=0.9, **kw), "backward")
    assert_same(lambda **kw: optimizers.Nadam(SCHEDULES[name], gradient_accumulation_steps=2, **kw), "backward")


def test_a_function_that_gives_the_rate_is_called_once_a_step() -> None:
    """Although the compiled function goes two ways, and looks for the one that fits."""
    found = []
    for wrapped in (ag.compile, lambda f: f):
        p = ag.tensor([1.0], requires_grad=True)
        rates = iter(range(99))
        optimizer = optimizers.SGD(lambda rates=rates: next(rates) * 1e-3, gradient_accumulation_steps=2)
        optimizer.bind([p])

        @wrapped
        def step(x: Any, p: Any = p, optimizer: Any = optimizer) -> None:
            (p * x).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

        for i in range(12):
            step(ag.tensor([float(i)]))
        found.append((p.item(), next(rates)))
    assert found[0] == found[1]


def test_numbers_may_be_read_and_set_inside() -> None:
    found = []
    for wrapped in (ag.compile, lambda f: f):
        p = ag.tensor([1.0, 2.0], requires_grad=True)
        optimizer = optimizers.Adam(0.1, clipnorm=3.0, parameters=[p])

        @wrapped
        def step(x: Any, p: Any = p, optimizer: Any = optimizer) -> Any:
            loss = (p * p * x).sum() * optimizer.learning_rate
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            optimizer.learning_rate = optimizer.learning_rate * 0.9
            if optimizer.iterations % 4 == 0:
                optimizer.iterations = optimizer.iterations + 2
                optimizer.clipnorm = optimizer.clipnorm * 0.5
            return loss + optimizer.iterations

        losses = [np.array(step(ag.tensor([i + 1.0, 1.0])).data) for i in range(20)]
        found.append([*losses, p.numpy(), *map(np.array, optimizer.state_dict().values())])
        assert wrapped is not ag.compile or any(trace.replay for trace in step.traces)
    assert all(map(same_bits, *found))
    optimizer = optimizers.SGD(0.1, parameters=[p])
    with pytest.raises(ValueError, match="learning_rate"):
        ag.compile(lambda: setattr(optimizer, "learning_rate", optimizer.learning_rate - 1))()
    assert optimizer.learning_rate == 0.1


# ---- all or nothing --------------------------------------------------------------------------------------------------


def ready(name: str) -> tuple[Optimizer, Callable[[], Any]]:
    """Return an optimizer, and a compiled step that will be replayed."""
    rng = np.random.default_rng(0)
    parameters = [ag.tensor(rng.normal(size=s).astype("f4"), requires_grad=True, name=n) for n, s in SHAPES.items()]
    optimizer = OPTIMIZERS[name](parameters=parameters)
    step: Any = ag.compile(step_of(optimizer, "backward"))
    x = rng.normal(size=(5, 40)).astype("f4")
    for _ in range(8):  # enough to replay each of two ways
        step(x)
    return optimizer, lambda: step(x)


def torn(name: str, times: int) -> int:
    """Interrupt a replay at some of its points; return how many left something in between."""
    optimizer, step = ready(name)
    before = everything(optimizer)
    points = points_of(step)
    after = everything(optimizer)
    assert 10 < points < 5000  # it is a replay
    assert not all(map(same_bits, before, after))
    count = 0
    for point in range(0, points, max(1, points // times)):
        optimizer, step = ready(name)
        interrupted_at(step, point)
        now = everything(optimizer)
        count += not (all(map(same_bits, now, before)) or all(map(same_bits, now, after)))
    return count


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_replay_is_whole() -> None:
    assert torn("adam", times=3) == 0


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["adam", "constrained", "loss_scale"])
def test_a_replay_is_whole_at_more_points(name: str) -> None:
    assert torn(name, times=12) == 0


def test_an_argument_may_show_the_parameter_itself() -> None:
    """Which a replay writes over at its end."""
    found = []
    for wrapped in (ag.compile, lambda f: f):
        p = ag.tensor(np.linspace(-1, 1, 600, dtype="f4").reshape(300, 2), requires_grad=True)
        optimizer = optimizers.SGD(0.1, momentum=0.9, parameters=[p])

        @wrapped
        def step(x: Any, p: Any = p, optimizer: Any = optimizer) -> Any:
            (p * x).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            p.assign(p - x * 0.5)
            return x * 2

        # As an argument is a Tensor, it has the values of the beginning.
        given = [np.array(p.data) for _ in range(3)] + [p.data] * 3
        found.append([np.array(t.data) for x in given for t in (step(ag.tensor(x, copy=wrapped is not ag.compile)), p)])
    assert all(map(same_bits, *found))


def test_a_transaction_around_it_undoes_what_comes_after_the_step() -> None:
    found = []
    for wrapped in (ag.compile, lambda f: f):
        p, count = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor(0.0)
        optimizer = optimizers.Adam(0.1, parameters=[p])

        @wrapped
        def step(p: Any = p, count: Any = count, optimizer: Any = optimizer) -> None:
            count.assign_add(1.0)
            (p * p).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

        for _ in range(4):
            with contextlib.suppress(Interrupted), ag.transaction():
                step()
                raise Interrupted
        found.append([p.numpy(), count.numpy(), optimizer.state_dict()["0.momentum"]])
    assert all(map(same_bits, *found))


@pytest.mark.parametrize("name", ["adam", "adagrad", "ftrl", "lion", "rmsprop"])
def test_its_state_is_there_before_the_first_step_so_that_it_is_traced_twice(name: str) -> None:
    w = ag.tensor(np.ones(3), requires_grad=True)
    optimizer, traces = VARIANTS[name](parameters=[w]), []

    @ag.compile
    def step(x: Any) -> Any:
        traces.append(x)
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    for _ in range(4):
        step(np.ones(3))
    assert len(traces) == 2
