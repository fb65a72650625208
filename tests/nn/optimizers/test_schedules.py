"""Schedules by closed forms, and what optimizers do between steps: schedules, means of values, gathered gradients."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import callbacks, layers, models, optimizers
from nn.optimizers import schedules

CLOSED: dict[str, tuple[Any, Any]] = {
    "exponential": (schedules.ExponentialDecay(0.4, 8, 0.25), lambda t: 0.4 * 2 ** (-t / 4)),
    "staircase": (schedules.ExponentialDecay(0.4, 8, 0.25, staircase=True), lambda t: 0.4 * 4.0 ** -(t // 8)),
    "inverse": (schedules.InverseTimeDecay(0.4, 8, 2.0), lambda t: 0.4 / (1 + t / 4)),
    "inverse staircase": (schedules.InverseTimeDecay(0.4, 8, 2.0, True), lambda t: 0.4 / (1 + 2 * (t // 8))),
    "piecewise": (
        schedules.PiecewiseConstantDecay([3, 6], [0.3, 0.2, 0.1]),
        lambda t: 0.3 if t <= 3 else 0.2 if t <= 6 else 0.1,
    ),
    "polynomial": (
        schedules.PolynomialDecay(0.5, 10, 0.1, power=2),
        lambda t: 0.1 + 0.4 * (1 - t / 10) ** 2 if t < 10 else 0.1,
    ),
    "cycle": (
        schedules.PolynomialDecay(0.5, 10, 0.1, cycle=True),
        lambda t: 0.1 + 0.4 * (1 - t / (10 * max(-(-t // 10), 1))),
    ),
    "cosine": (
        schedules.CosineDecay(0.5, 10, alpha=0.2),
        lambda t: 0.5 * (0.2 + 0.8 * math.cos(math.pi / 2 * min(t, 10) / 10) ** 2),
    ),
    "warm-up": (
        schedules.CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=4),
        lambda t: 0.1 * (1 + t) if t < 4 else 0.5 * math.cos(math.pi / 2 * min(t - 4, 10) / 10) ** 2,
    ),
    "restarts": (
        schedules.CosineDecayRestarts(0.5, 5, t_mul=1.0, m_mul=0.5),
        lambda t: 0.5 ** (1 + t // 5) * math.cos(math.pi / 10 * (t % 5)) ** 2,
    ),
    "longer restarts": (
        schedules.CosineDecayRestarts(0.5, 5),
        lambda t: (
            0.5
            * math.cos(
                math.pi
                / 2
                * (t / 5 if t < 5 else (t - 5) / 10 if t < 15 else (t - 15) / 20 if t < 35 else (t - 35) / 40)
            )
            ** 2
        ),
    ),
    "one cycle": (
        schedules.OneCycle(1.0, 31, pct_start=1 / 3, div_factor=10, final_div_factor=100),
        lambda t: (
            0.1 + 0.9 * math.sin(math.pi / 2 * t / (31 / 3 - 1)) ** 2
            if t <= 31 / 3 - 1
            else 0.001 + 0.999 * math.cos(math.pi / 2 * min((t - 31 / 3 + 1) / (31 - 31 / 3), 1)) ** 2
        ),
    ),
}


@pytest.mark.parametrize(("schedule", "expected"), CLOSED.values(), ids=CLOSED)
def test_schedules_are_their_closed_forms(schedule: Any, expected: Any) -> None:
    for t in range(50):
        assert schedule(t) == pytest.approx(expected(t), rel=1e-12, abs=1e-15), t
    config = json.loads(json.dumps(schedule.get_config()))
    twin = type(schedule).from_config(config)
    assert [twin(t) for t in range(50)] == [schedule(t) for t in range(50)]
    assert repr(twin) == repr(schedule)


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0])
def test_every_restart_begins_at_the_top(ratio: float) -> None:
    schedule = schedules.CosineDecayRestarts(1.0, 16, t_mul=ratio)
    start = 0.0
    for i in range(5):
        assert schedule(round(start)) == pytest.approx(1.0)
        start += 16 * ratio**i


def parameter() -> Any:
    return ag.tensor([1.0, -2.0], dtype="float64", requires_grad=True)


def test_an_optimizer_follows_its_schedule() -> None:
    p = parameter()
    sgd = optimizers.SGD(schedules.ExponentialDecay(0.5, 1, 0.5), parameters=[p])
    rates = []
    for _ in range(4):
        rates.append(sgd.learning_rate)
        p.grad = np.ones(2)
        before = p.numpy()
        sgd.step()
        np.testing.assert_allclose(before - p.data, rates[-1])
    assert rates == [0.5, 0.25, 0.125, 0.0625]
    twin = optimizers.SGD.from_config(json.loads(json.dumps(sgd.get_config())))
    assert twin.learning_rate == 0.5
    assert repr(twin) == repr(sgd)
    other = optimizers.SGD(schedules.ExponentialDecay(0.5, 1, 0.5), parameters=[parameter()])
    other.load_state_dict(sgd.state_dict())
    assert other.learning_rate == 0.5**5
    sgd.learning_rate = 0.1
    assert sgd.learning_rate == 0.1
    numbers = iter([0.1, 0.1, 0.3, 0.3, 0.3])
    of_a_function = optimizers.Adam(lambda: next(numbers))
    assert [of_a_function.learning_rate for _ in range(2)] == [0.1, 0.3]


def test_a_schedule_that_leaves_the_range_is_an_error_that_changes_nothing() -> None:
    class Falling(schedules.LearningRateSchedule):
        def __call__(self, step: int) -> float:
            return 0.1 - 0.1 * step

    p = parameter()
    sgd = optimizers.SGD(Falling(), parameters=[p])
    for _ in range(2):
        p.grad = np.ones(2)
        sgd.step()
    before = p.numpy()
    with pytest.raises(ValueError, match="SGD: expected learning_rate to be a finite number of at least 0"):
        sgd.step()
    np.testing.assert_array_equal(p.data, before)
    assert sgd.iterations == 2


def test_the_running_mean_of_values() -> None:
    p = parameter()
    sgd = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.75, parameters=[p])
    mean: Any = None
    for _ in range(5):
        p.grad = 2 * p.data
        sgd.step()
        mean = p.numpy() if mean is None else 0.75 * mean + 0.25 * p.data
    np.testing.assert_allclose(p.data, [0.8**5, -2 * 0.8**5])
    sgd.finalize_variable_values()
    np.testing.assert_allclose(p.data, mean)


def test_the_means_become_the_values_every_so_many_steps_and_at_the_end_of_fit() -> None:
    p = parameter()
    sgd = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2, parameters=[p])
    for _ in range(2):
        p.grad = 2 * p.data
        sgd.step()
    np.testing.assert_allclose(p.data, np.array([1.0, -2.0]) * (0.8 + 0.64) / 2)
    model = models.Sequential([layers.Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
    model.compile(optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(np.ones((2, 1)), np.zeros((2, 1)), batch_size=1, verbose=0)  # 1, then 0.5, then 0.25
    assert model.layers[0].kernel.item() == pytest.approx(0.375)


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.5}, {"clipvalue": 0.25}])
def test_gathered_gradients_step_as_their_mean_does(clip: dict[str, float]) -> None:
    p, q = parameter(), parameter()
    every, once = (
        optimizers.Adam(0.1, gradient_accumulation_steps=3, parameters=[p], **clip),
        optimizers.Adam(0.1, parameters=[q], **clip),
    )
    for t in range(6):
        before = p.numpy()
        p.grad = np.cos(t + np.arange(2))
        every.step()
        assert (p.data != before).all() if t % 3 == 2 else (p.data == before).all(), t
        p.grad = None
    for t in (0, 3):
        q.grad = np.mean([np.cos(t + i + np.arange(2)) for i in range(3)], axis=0)
        once.step()
    np.testing.assert_allclose(p.data, q.data, rtol=1e-12)
    assert every.iterations == once.iterations == 2


def test_gathered_gradients_are_part_of_the_state() -> None:
    p, q = parameter(), parameter()
    first = optimizers.SGD(0.1, gradient_accumulation_steps=2, parameters=[p])
    p.grad = np.array([1.0, 2.0])
    first.step()
    state = first.state_dict()
    second = optimizers.SGD(0.1, gradient_accumulation_steps=2, parameters=[q])
    second.load_state_dict(state)
    for optimizer, w in ((first, p), (second, q)):
        w.grad = np.array([3.0, 4.0])
        optimizer.step()
    np.testing.assert_allclose(q.data, p.data)
    np.testing.assert_allclose(q.data, [0.8, -2.3])
    with pytest.raises(ag.ShapeError, match=r"'0.accumulated_gradient' of shape \(2,\); received \(3,\)"):
        second.load_state_dict({**state, "0.accumulated_gradient": np.ones(3)})
    np.testing.assert_allclose(q.data, [0.8, -2.3])


@pytest.mark.parametrize("watched", [False, True])
def test_a_scaled_loss_gives_the_same_steps(watched: bool) -> None:
    x = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    ends = []
    for factor in (None, 1024.0):  # a power of two, which rounds nothing
        nn.set_seed(0)
        model = models.Sequential([layers.Dense(4, "tanh", input_shape=(3,)), layers.Dense(1)])
        model.compile(optimizers.Adam(0.01, global_clipnorm=0.1, loss_scale_factor=factor), "mse")
        calls = [callbacks.TerminateOnNaN()] if watched else None
        history = model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0, callbacks=calls).history
        ends.append((history, [p.data.tobytes() for p in model.parameters()]))
    assert ends[0] == ends[1]


def test_a_scaled_loss_keeps_small_gradients_of_half_precision() -> None:
    seen = []
    for factor in (None, 2.0**12):
        w = ag.tensor(np.ones(1, np.float16), requires_grad=True)
        sgd = optimizers.SGD(1.0, loss_scale_factor=factor, parameters=[w])
        loss = (w * 2.0**12 * 2.0**-14 * 2.0**-12).sum()  # 2**-26 is 0 in half precision
        sgd.scale_loss(loss).backward()
        before = w.numpy()
        sgd.learning_rate = 2.0**4
        sgd.step()
        assert w.dtype == np.float16
        seen.append((before - w.data).item())
    assert seen == [0.0, 2.0**-10]


def test_weight_decay_spares_what_is_excluded() -> None:
    for options in ({"var_names": ["bias"]}, {"var_list": None}):
        kernel = ag.tensor(np.ones(3), requires_grad=True, name="dense.kernel")
        bias = ag.tensor(np.ones(2), requires_grad=True, name="dense.bias")
        sgd = optimizers.SGD(0.1, weight_decay=0.5)
        sgd.exclude_from_weight_decay(**({"var_list": [bias]} if "var_list" in options else options))
        sgd.bind([kernel, bias])
        kernel.grad, bias.grad = np.zeros(3), np.zeros(2)
        sgd.step()
        np.testing.assert_allclose(kernel.data, 0.95)
        np.testing.assert_array_equal(bias.data, 1.0)
        with pytest.raises(ValueError, match="before the first step; 1 were taken"):
            sgd.exclude_from_weight_decay(var_names=["kernel"])


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "no steps": (
        lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
        ValueError,
        "decay_steps to be a finite number above 0; .*=0",
    ),
    "text": (lambda: schedules.CosineDecay("a", 1), TypeError, "initial_learning_rate to be a finite number"),
    "values": (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), ValueError, "one more value than boundaries"),
    "falling": (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 1, 1]), ValueError, "boundaries that rise"),
    "t_mul": (
        lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5),
        ValueError,
        "t_mul to be a finite number of at least 1",
    ),
    "pct": (lambda: schedules.OneCycle(0.1, 10, pct_start=1.0), ValueError, "pct_start to be .* below 1"),
    "too short": (lambda: schedules.OneCycle(0.1, 2, pct_start=0.3), ValueError, "more than one step up"),
    "a class": (lambda: optimizers.SGD(schedules.CosineDecay), TypeError, "learning_rate to be a finite number"),
    "accumulation": (
        lambda: optimizers.SGD(gradient_accumulation_steps=1),
        ValueError,
        "gradient_accumulation_steps to be an integer of at least 2, or None; .*=1",
    ),
    "overwriting": (lambda: optimizers.SGD(ema_overwrite_frequency=0.5), TypeError, "ema_overwrite_frequency"),
    "momentum": (
        lambda: optimizers.SGD(use_ema=True, ema_momentum=2),
        ValueError,
        "ema_momentum to be a number from 0 to 1, or None",
    ),
    "excluded": (
        lambda: optimizers.SGD().exclude_from_weight_decay(var_list=["bias"]),
        TypeError,
        "expected Tensors in var_list",
    ),
    "ftrl": (
        lambda: optimizers.Ftrl(learning_rate_power=0.5),
        ValueError,
        "learning_rate_power to be a number at most 0",
    ),
    "ftrl rate": (lambda: optimizers.Ftrl(0), ValueError, "Ftrl: expected learning_rate to be a finite number above 0"),
    "lion": (lambda: optimizers.Lion(beta_1=0), ValueError, "Lion: expected beta_1 to be a number above 0"),
    "muon": (lambda: optimizers.Muon(ns_steps=2.5), TypeError, "ns_steps to be a non-negative integer"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_was_received_and_expected(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# Of each optimizer all arguments, none of them at its default; of the three ways of clipping one goes with each.
COMMON: dict[str, Any] = {
    "learning_rate": schedules.CosineDecay(0.1, 10), "weight_decay": 0.01, "name": "mine", "use_ema": True,
    "ema_momentum": 0.5, "ema_overwrite_frequency": 3, "loss_scale_factor": 2.0, "gradient_accumulation_steps": 2,
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.5, "nesterov": True},
    "RMSprop": {"rho": 0.5, "momentum": 0.25, "epsilon": 0.1, "centered": True},
    "Adam": {"beta_1": 0.5, "beta_2": 0.25, "epsilon": 0.1, "amsgrad": True},
    "AdamW": {"beta_1": 0.5, "beta_2": 0.25, "epsilon": 0.1, "amsgrad": True},
    "Adagrad": {"initial_accumulator_value": 0.5, "epsilon": 0.1},
    "Adamax": {"beta_1": 0.5, "beta_2": 0.25, "epsilon": 0.1},
    "Nadam": {"beta_1": 0.5, "beta_2": 0.25, "epsilon": 0.1},
    "Adadelta": {"rho": 0.5, "epsilon": 0.1},
    "Ftrl": {
        "learning_rate_power": -0.25, "initial_accumulator_value": 0.5, "l1_regularization_strength": 0.1,
        "l2_regularization_strength": 0.2, "l2_shrinkage_regularization_strength": 0.3, "beta": 0.4,
    },
    "Lion": {"beta_1": 0.5, "beta_2": 0.25},
    "ScheduleFreeAdamW": {"beta_1": 0.5, "beta_2": 0.25, "epsilon": 0.1, "warmup_steps": 2.0},
    "Lamb": {"beta_1": 0.5, "beta_2": 0.25, "epsilon": 0.1},
    "Adafactor": {
        "beta_2_decay": -0.5, "epsilon_1": 0.1, "epsilon_2": 0.2, "clip_threshold": 0.5, "relative_step": False,
    },
    "Muon": {
        "adam_beta_1": 0.5, "adam_beta_2": 0.25, "adam_weight_decay": 0.1, "epsilon": 0.2,
        "exclude_layers": ["head"], "exclude_embeddings": False, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 2.0,
        "adam_lr_ratio": 0.5, "momentum": 0.25, "ns_steps": 3, "nesterov": False, "rms_rate": 0.1,
    },
}  # fmt: skip


@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("name", OWN)
def test_optimizers_are_made_again_with_every_argument(name: str, clip: str) -> None:
    kind = getattr(optimizers, name)
    arguments = {**COMMON, **OWN[name], clip: 0.75}
    optimizer = kind(**arguments)
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    assert config["class_name"] == f"optimizers.{name}"
    others = {"clipnorm", "clipvalue", "global_clipnorm"} - {clip}
    assert config["config"].keys() == arguments.keys() | others
    assert {n: config["config"][n] for n in arguments if n != "learning_rate"} == {
        n: value for n, value in arguments.items() if n != "learning_rate"
    }
    twin = optimizers.deserialize(config)
    assert type(twin) is kind
    assert twin.get_config() == optimizer.get_config()
    assert repr(twin) == repr(optimizer)
    w = np.linspace(-1, 1, 6).reshape(2, 3)
    ends = []
    for one in (optimizer, twin):
        p = ag.tensor(w, requires_grad=True)
        one.bind([p])
        for t in range(8):
            p.grad = np.cos(p.data + t)
            one.step()
        ends.append(p.data.tobytes())
    assert ends[0] == ends[1]


def test_every_optimizer_is_among_those() -> None:
    kinds = {
        c.__name__ for c in vars(optimizers).values() if isinstance(c, type) and issubclass(c, optimizers.Optimizer)
    }
    inside_of = {"LossScaleOptimizer", "MultiOptimizer"}  # their optimizers have the arguments
    assert kinds - {"Optimizer"} - inside_of == OWN.keys()
    for name, own in OWN.items():
        defaults = getattr(optimizers, name)().get_config()
        assert [n for n, value in {**COMMON, **own}.items() if value == defaults[n]] == []


def test_a_configuration_has_the_present_values() -> None:
    optimizer = optimizers.Adam()
    optimizer.learning_rate, optimizer.beta_1, optimizer.clipnorm = 0.5, 0.25, 2.0
    twin = optimizers.get(optimizers.serialize(optimizer))
    assert (twin.learning_rate, twin.beta_1, twin.clipnorm) == (0.5, 0.25, 2.0)  # type: ignore[attr-defined]


def test_a_subclass_hands_its_arguments_on() -> None:
    class Scaled(optimizers.Adam):
        def __init__(self, scale: float, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.scale = scale

    config = Scaled(3.0, beta_1=0.5).get_config()
    assert (config["scale"], config["beta_1"]) == (3.0, 0.5)
    assert Scaled.from_config(config).get_config() == config


def test_other_configurations_are_refused() -> None:
    assert optimizers.deserialize({"class_name": "SGD", "config": {"learning_rate": 0.5}}).learning_rate == 0.5
    wrongs: list[Any] = [{}, {"class_name": "SGD"}, {"class_name": "regularizers.L2", "config": {}}]
    for wrong in [*wrongs, {"class_name": "Optimizers", "config": {}}, {"class_name": ["SGD"], "config": {}}]:
        with pytest.raises(ValueError, match="expected the configuration of an optimizer, as serialize"):
            optimizers.deserialize(wrong)
    with pytest.raises(ValueError, match="expected the configuration of a schedule"):
        schedules.deserialize({"class_name": "regularizers.L2", "config": {}})
