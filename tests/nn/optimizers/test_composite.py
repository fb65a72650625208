"""`apply`, LossScaleOptimizer and MultiOptimizer: by hand, by what they stand for, by Keras; states; bad input."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import DtypeError, GradError, ShapeError, Tensor
from nn import callbacks, layers, models, optimizers
from nn.optimizers import LossScaleOptimizer, MultiOptimizer, Optimizer, OptimizerMap

from .. import peers

SHAPES = {"body.kernel": (3, 4), "body.bias": (4,), "head.kernel": (4, 2), "head.bias": (2,)}


def parameters(dtype: Any = "float64", seed: int = 0) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [ag.tensor(rng.normal(size=s), dtype=dtype, requires_grad=True, name=n) for n, s in SHAPES.items()]


def gradients(tensors: list[Tensor], t: int) -> list[np.ndarray]:
    """Return gradients that depend on the step, the shape and the values."""
    return [np.asarray(np.cos(t + np.arange(p.size)).reshape(p.shape) + 0.3 * p.data, p.dtype) for p in tensors]


def run(optimizer: Optimizer, steps: int, first: int = 0, factor: float = 1.0) -> None:
    for t in range(first, first + steps):
        optimizer.apply([g * factor for g in gradients(optimizer.parameters, t)])


def values(optimizer: Optimizer) -> list[bytes]:
    """Everything that a step may change, bit for bit."""
    state = optimizer.state_dict()
    return [p.data.tobytes() for p in optimizer.parameters] + [state[k].tobytes() for k in sorted(state)]


def by_part() -> MultiOptimizer:
    which = OptimizerMap(optimizers.SGD(0.1, momentum=0.9), {"body.*": optimizers.Adam(0.01), "head.bias": slow()})
    return MultiOptimizer(which)


def slow() -> Optimizer:
    return optimizers.RMSprop(1e-3, weight_decay=0.01)


MAKES: dict[str, Callable[[], Optimizer]] = {
    "scaled": lambda: LossScaleOptimizer(optimizers.Adam(0.01, clipnorm=1.0), 2.0**4, 3),
    "several": by_part,
    "several, scaled": lambda: LossScaleOptimizer(by_part(), 2.0**6, 4),
    "several, averaged": lambda: MultiOptimizer(
        OptimizerMap(optimizers.SGD(0.1), {"head.*": optimizers.Adam(use_ema=True, ema_momentum=0.5)})
    ),
}
every_make = pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)


# ---- apply ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.Adam(0.1),
        lambda: optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.5),
        lambda: optimizers.Adam(0.1, gradient_accumulation_steps=2),
        lambda: optimizers.SGD(0.1, loss_scale_factor=4.0),
        by_part,
    ],
)
def test_apply_is_the_step_with_gradients_given(make: Callable[[], Optimizer]) -> None:
    one, other = make(), make()
    one.bind(parameters())
    other.bind(parameters())
    for t in range(5):
        for p, g in zip(one.parameters, gradients(one.parameters, t), strict=True):
            p.grad = g
        one.step()
        given: Any = gradients(other.parameters, t)
        other.parameters[0].grad = np.full((3, 4), 7.0)  # not read
        other.apply([ag.tensor(g) for g in given] if t % 2 else (g for g in given))
        assert values(one) == values(other)
        np.testing.assert_array_equal(other.parameters[0].grad.data, 7.0)


def test_apply_binds_at_first_and_takes_a_part_later() -> None:
    tensors = parameters()
    optimizer = optimizers.SGD(1.0)
    optimizer.apply(gradients(tensors, 0), tensors)
    assert optimizer.parameters == tensors
    before = [p.numpy() for p in tensors]
    assert optimizer.apply_gradients([(np.ones(2), tensors[3]), (None, tensors[0])]) == 2
    np.testing.assert_allclose(tensors[3].data, before[3] - 1)
    for p, b in zip(tensors[:3], before, strict=False):
        np.testing.assert_array_equal(p.data, b)
    optimizer.apply([])
    assert optimizer.iterations == 2


APPLY: dict[str, tuple[Callable[[Any, Any], Any], type[Exception], str]] = {
    "number": (lambda o, p: o.apply([np.ones(2)]), ValueError, "expected one gradient for each of 4 .* received 1"),
    "shape": (
        lambda o, p: o.apply([None, None, None, np.ones(3)]),
        ShapeError,
        r"of shape \(2,\) for the parameter 3 \('head.bias', shape \(2,\)\); received shape \(3,\)",
    ),
    "strings": (lambda o, p: o.apply([np.array(["a", "b"])], [p[3]]), DtypeError, "a gradient of real numbers .*<U1"),
    "complex": (lambda o, p: o.apply([np.ones(2) * 1j], [p[3]]), DtypeError, "real numbers .* received complex128"),
    "stranger": (
        lambda o, p: o.apply([np.ones(2)], [ag.tensor(np.ones(2), requires_grad=True)]),
        ValueError,
        r"among the 4 that are bound; number 0 \(shape \(2,\)\) is none",
    ),
    "twice": (lambda o, p: o.apply([np.ones(2)] * 2, [p[3]] * 2), ValueError, "every parameter once; number 1 "),
    "no tensor": (lambda o, p: o.apply([1.0], [3.0]), ValueError, "number 0, of type float, is none of them"),
    "none": (lambda o, p: o.apply([None] * 4), GradError, "SGD.apply: none of the 4 parameters has a gradient"),
    "unbound": (lambda o, p: optimizers.Adam().apply([np.ones(2)]), GradError, "Adam.apply: no parameters are bound"),
}


@pytest.mark.parametrize("name", APPLY)
def test_what_apply_refuses_changes_nothing(name: str) -> None:
    call, error, message = APPLY[name]
    optimizer = optimizers.SGD(0.1, momentum=0.9, parameters=parameters())
    run(optimizer, 2)
    before = values(optimizer)
    with pytest.raises(error, match=message):
        call(optimizer, optimizer.parameters)
    assert values(optimizer) == before


def test_frozen_parameters_are_counted_where_no_gradient_is_left() -> None:
    optimizer = optimizers.SGD(0.1, parameters=parameters())
    for p in optimizer.parameters:
        p.requires_grad = False
    with pytest.raises(GradError, match="none of the 4 parameters has a gradient .4 of them require none"):
        optimizer.apply(gradients(optimizer.parameters, 0))


# ---- laws of both ---------------------------------------------------------------------------------------------------


@every_make
def test_a_run_that_was_saved_goes_on_bit_for_bit(make: Callable[[], Optimizer]) -> None:
    whole = make()
    whole.bind(parameters())
    run(whole, 5)
    saved, weights = whole.state_dict(), [p.numpy() for p in whole.parameters]
    run(whole, 4, first=5)
    resumed = make()
    resumed.bind([ag.tensor(w, requires_grad=True, name=n) for w, n in zip(weights, SHAPES, strict=True)])
    resumed.load_state_dict(saved)
    run(resumed, 4, first=5)
    assert resumed.iterations == whole.iterations == 9
    assert values(resumed) == values(whole)
    other = copy.deepcopy(whole)
    run(whole, 1)
    run(other, 1)
    assert values(other) == values(whole)


@every_make
def test_config_and_repr(make: Callable[[], Optimizer]) -> None:
    optimizer = make()
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    twin = optimizers.deserialize(config)
    assert optimizers.serialize(twin) == config
    assert repr(twin) == repr(optimizer)
    for one in (optimizer, twin):
        one.bind(parameters())
        run(one, 3)
    assert values(one) == values(optimizer)


@every_make
def test_a_model_is_saved_and_trains_on(make: Callable[[], Optimizer], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(24, 3)), rng.normal(size=(24, 2))

    def epoch(model: Any) -> Any:
        nn.set_seed(3)
        return model.fit(x, y, batch_size=8, verbose=0).history

    nn.set_seed(0)
    model = nn.Sequential(
        [nn.Input((3,)), layers.Dense(4, name="body", activation="tanh"), layers.Dense(2, name="head")]
    )
    model.compile(make(), "mse")
    epoch(model)
    model.save(tmp_path / "m.nn")
    again = models.load_model(tmp_path / "m.nn")
    assert values(again.optimizer) == values(model.optimizer)
    assert epoch(again) == epoch(model)
    assert values(again.optimizer) == values(model.optimizer)


@every_make
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop(next(k for k in s if "/" not in k)), r"expected an entry '\w+' \(1 missing\)"),
        (lambda s: s.update(more=np.ones(1)), "received 'more', which this optimizer does not have"),
        (lambda s: s.update({"9/0.velocity": np.ones(1)}), "received '9/0.velocity', which this optimizer"),
        (lambda s: s.update({next(k for k in s if k.endswith("iterations")): np.array(-1)}), "'iterations', a whole n"),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(make: Callable[[], Optimizer], change: Any, message: str) -> None:
    optimizer = make()
    optimizer.bind(parameters())
    run(optimizer, 2)
    state = optimizer.state_dict()
    run(optimizer, 1)
    later = optimizer.state_dict()
    optimizer.load_state_dict(state)
    held = values(optimizer)
    change(later)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(later)
    assert values(optimizer) == held


@every_make
@pytest.mark.parametrize("name", ["weight_decay", "clipnorm", "ema_momentum"])
def test_what_belongs_to_the_optimizers_inside_is_not_set_here(make: Callable[[], Optimizer], name: str) -> None:
    optimizer = make()
    assert getattr(optimizer, name) is None
    with pytest.raises(AttributeError, match=f"{name} belongs to the optimizers inside. Set it on "):
        setattr(optimizer, name, 0.5)


# ---- LossScaleOptimizer ---------------------------------------------------------------------------------------------


def test_a_scaled_loss_makes_the_step_of_the_loss() -> None:
    plain, scaled = optimizers.Adam(0.1), LossScaleOptimizer(optimizers.Adam(0.1), 2.0**10)
    plain.bind(parameters())
    scaled.bind(parameters())
    for _ in range(4):
        for optimizer in (plain, scaled):
            loss = sum((p * p * p).sum() for p in optimizer.parameters)
            optimizer.scale_loss(loss).backward()
            optimizer.step()
            optimizer.zero_grad()
    for p, q in zip(plain.parameters, scaled.parameters, strict=True):
        np.testing.assert_array_equal(p.data, q.data)  # a power of 2 rounds nothing
    assert scaled.iterations == scaled.inner_optimizer.iterations == 4


def test_the_scale_halves_doubles_and_leaves_out_what_is_not_finite() -> None:
    optimizer = LossScaleOptimizer(optimizers.SGD(1.0), 8.0, 3)
    optimizer.bind(parameters())
    seen = []
    for bad in (None, np.inf, None, None, np.nan, None, None, None, None):
        given = gradients(optimizer.parameters, 0)
        if bad is not None:
            given[2][1, 1] = bad
        before = [p.numpy() for p in optimizer.parameters]
        optimizer.apply(given)
        moved = any((p.data != b).any() for p, b in zip(optimizer.parameters, before, strict=True))
        assert moved == (bad is None)
        seen.append((optimizer.dynamic_scale, optimizer.step_counter))
    assert seen == [(8, 1), (4, 0), (4, 1), (4, 2), (2, 0), (2, 1), (2, 2), (4, 0), (4, 1)]
    assert optimizer.iterations == 7


def test_the_scale_stays_a_number() -> None:
    small = LossScaleOptimizer(optimizers.SGD(), 2.0**-125, parameters=parameters())
    large = LossScaleOptimizer(optimizers.SGD(), 2.0**126, 1, parameters=parameters())
    for _ in range(3):
        small.apply([np.full(p.shape, np.inf) for p in small.parameters])
        run(large, 1)
    assert small.dynamic_scale == 2.0**-126
    assert large.dynamic_scale == 2.0**127


def half(optimizer: Optimizer, last: str = "float32") -> Any:
    nn.set_seed(0)
    model = nn.Sequential(
        [
            layers.Dense(16, activation="relu", dtype="float16", input_shape=(8,)),
            layers.Dense(1, activation="sigmoid", dtype=last),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def halves() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(128, 8)).astype("float16")
    return x, (x.sum(axis=1, keepdims=True) > 0).astype("float32") * 1e-3


@pytest.mark.parametrize("last", ["float16", "float32"])
def test_fit_in_half_precision_finds_a_scale(last: str) -> None:
    inner = optimizers.Adam(1e-2, epsilon=1e-4)
    model = half(LossScaleOptimizer(inner, 2.0**40), last)
    first = model.evaluate(*halves(), verbose=0)
    kernel = model.layers[0].kernel.numpy()
    model.fit(*halves(), epochs=20, verbose=0)
    assert model.optimizer.dynamic_scale < 2.0**40
    assert 0 < inner.iterations < 80
    assert model.evaluate(*halves(), verbose=0) < first / 2
    assert model.layers[0].kernel.dtype == np.float16
    assert np.isfinite(model.layers[0].kernel.data).all()
    assert (model.layers[0].kernel.data != kernel).any()


def test_without_a_scale_small_gradients_of_half_precision_are_lost() -> None:
    def gradient(optimizer: Optimizer) -> float:
        w = ag.tensor([1.0], dtype="float16", requires_grad=True)
        optimizer.bind([w])
        optimizer.scale_loss((w * 1e-4).sum() * 1e-4).backward()
        return float(np.abs(w.grad.data).sum())

    assert gradient(optimizers.SGD()) == 0
    assert gradient(LossScaleOptimizer(optimizers.SGD())) == pytest.approx(1e-8 * 2**15, rel=1e-2)


def test_terminate_on_nan_leaves_overflows_to_it_and_stops_at_nan() -> None:
    model = half(LossScaleOptimizer(optimizers.Adam(1e-2, epsilon=1e-4), 2.0**40))
    stop = callbacks.TerminateOnNaN()
    model.fit(*halves(), epochs=8, verbose=0, callbacks=[stop])
    assert stop.stopped_batch is None
    assert model.optimizer.iterations > 0
    x, y = halves()
    model.fit(np.where(np.arange(128)[:, None] == 3, np.nan, x), y, verbose=0, shuffle=False, callbacks=[stop])
    assert stop.stopped_batch == 0
    assert np.isfinite(model.layers[0].kernel.data).all()


@pytest.mark.ci
def test_scaling_equals_keras() -> None:
    keras = peers.keras()
    ours = parameters()
    theirs = [keras.Variable(p.numpy(), dtype="float64") for p in ours]
    optimizer = LossScaleOptimizer(optimizers.Adam(0.1), 4.0, 2)
    peer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1), initial_scale=4.0, dynamic_growth_steps=2)
    for t in range(8):
        given = [g * 8 for g in gradients(ours, t)]
        if t in (1, 4, 5):
            given[1][0] = np.inf
        optimizer.apply(given, ours)
        peer.apply([keras.ops.convert_to_tensor(g) for g in given], theirs)
        assert optimizer.dynamic_scale == float(peer.dynamic_scale)
        assert optimizer.step_counter == int(peer.step_counter)
    assert optimizer.iterations == 5
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.value.detach().numpy(), rtol=1e-6)


# ---- MultiOptimizer -------------------------------------------------------------------------------------------------


def test_each_optimizer_makes_the_steps_of_its_own_parameters() -> None:
    whole = by_part()
    whole.bind(parameters())
    apart = parameters()
    alone = [optimizers.Adam(0.01), slow(), optimizers.SGD(0.1, momentum=0.9)]
    for optimizer, part in zip(alone, ([0, 1], [3], [2]), strict=True):
        optimizer.bind([apart[i] for i in part])
    for t in range(5):
        whole.apply(gradients(whole.parameters, t))
        for optimizer in alone:
            given = dict(zip(map(id, apart), gradients(apart, t), strict=True))
            optimizer.apply(given[id(p)] for p in optimizer.parameters)
        for p, q in zip(whole.parameters, apart, strict=True):
            np.testing.assert_array_equal(p.data, q.data)
    assert [type(o) for o in whole.optimizers] == [optimizers.Adam, optimizers.RMSprop, optimizers.SGD]
    assert [o.iterations for o in whole.optimizers] == [5, 5, 5]


def test_a_function_may_choose_and_share() -> None:
    shared = optimizers.SGD(0.5)
    optimizer = MultiOptimizer(lambda p: shared if p.ndim == 2 else optimizers.SGD(0.0))
    assert optimizer.optimizers == []
    optimizer.bind(parameters())
    assert [len(o.parameters) for o in optimizer.optimizers] == [2, 1, 1]
    before = [p.numpy() for p in optimizer.parameters]
    optimizer.apply(np.ones(p.shape) for p in optimizer.parameters)
    for p, b in zip(optimizer.parameters, before, strict=True):
        np.testing.assert_allclose(p.data, b - (0.5 if p.ndim == 2 else 0))


def test_one_factor_of_the_loss_for_all() -> None:
    inner = [optimizers.SGD(1.0, loss_scale_factor=3.0), optimizers.SGD(1.0)]
    optimizer = MultiOptimizer(OptimizerMap(inner[0], {"head.*": inner[1]}), loss_scale_factor=4.0)
    optimizer.bind(parameters())
    before = [p.numpy() for p in optimizer.parameters]
    optimizer.scale_loss(sum(p.sum() for p in optimizer.parameters)).backward()
    optimizer.step()
    for p, b in zip(optimizer.parameters, before, strict=True):
        np.testing.assert_allclose(p.data, b - 1)


def test_no_decay_and_final_means_reach_the_optimizers_inside() -> None:
    optimizer = MultiOptimizer(OptimizerMap(optimizers.SGD(1.0, weight_decay=0.5, use_ema=True, ema_momentum=0.5)))
    optimizer.bind(parameters())
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    before = [p.numpy() for p in optimizer.parameters]
    for _ in range(2):
        optimizer.apply(np.zeros(p.shape) for p in optimizer.parameters)
    for p, b in zip(optimizer.parameters, before, strict=True):
        np.testing.assert_allclose(p.data, b * (0.25 if p.ndim == 2 else 1.0))
    optimizer.finalize_variable_values()
    first, second = optimizer.parameters[:2]
    np.testing.assert_allclose(first.data, (before[0] * 0.5 + before[0] * 0.25) / 2)
    np.testing.assert_array_equal(second.data, before[1])


def test_a_map_finds_names_as_expressions_and_with_slashes() -> None:
    body, bias, rest = (optimizers.SGD(r) for r in (0.1, 0.2, 0.3))
    which = OptimizerMap(rest, {"body/.*": body})
    which["head.bias"] = bias
    assert [which[name] for name in SHAPES] == [body, body, rest, bias]
    assert which["missing.kernel"] is rest
    assert list(which) == ["body/.*", "head.bias"]
    assert "head.bias" in which
    assert "head.kernel" not in which
    del which["head.bias"]
    assert which["head.bias"] is which.default_optimizer is rest
    which["head.*"] = bias
    which[".*kernel"] = body
    with pytest.raises(ValueError, match=r"one key for the parameter 'head.kernel'; received 2 that match it"):
        which["head.kernel"]
    which["head.kernel"] = rest
    assert which["head.kernel"] is rest


def test_optimizers_that_are_shared_stay_shared_in_configurations() -> None:
    one, rest = optimizers.Adam(), optimizers.SGD()
    which = OptimizerMap(rest, {"a.*": one, "b.*": one, "c.*": rest, "d.*": optimizers.Adam()})
    twin = OptimizerMap.from_config(json.loads(json.dumps(which.get_config())))
    assert twin["a.x"] is twin["b.x"]
    assert twin["c.x"] is twin["e"] is twin.default_optimizer
    assert twin["d.x"] is not twin["a.x"]
    assert repr(twin) == repr(which)


def test_a_key_that_no_parameter_has_is_told() -> None:
    optimizer = MultiOptimizer(OptimizerMap(optimizers.SGD(), {"bodies.*": optimizers.Adam()}))
    with pytest.warns(UserWarning, match=r"no parameter has a name that 'bodies.\*' matches; there are 0 \('body.kern"):
        optimizer.bind(parameters())
    assert [type(o) for o in optimizer.active] == [optimizers.SGD]


@pytest.mark.ci
def test_several_equal_keras() -> None:
    keras = peers.keras()
    ours = parameters("float32")
    theirs = [keras.Variable(p.numpy(), name=p.name.replace(".", "_")) for p in ours]

    def several(k: Any, body: str) -> Any:
        which = k.OptimizerMap(k.SGD(0.1, momentum=0.9), {body: k.Adam(0.01, clipnorm=0.5)})
        return k.MultiOptimizer(which)

    optimizer, peer = several(optimizers, "body.*"), several(keras.optimizers, "body_.*")
    for t in range(10):
        given = gradients(ours, t)
        optimizer.apply(given, ours)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            peer.apply([keras.ops.convert_to_tensor(g) for g in given], theirs)
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, q.value.detach().numpy(), rtol=1e-5, atol=1e-6)


# ---- bad input ------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no optimizer": (lambda: LossScaleOptimizer("adam"), TypeError, r"such as Adam\(\); received 'adam'"),  # type: ignore[arg-type]
    "twice scaled": (
        lambda: LossScaleOptimizer(LossScaleOptimizer(optimizers.SGD())),
        ValueError,
        "an inner_optimizer of another class",
    ),
    "own factor": (
        lambda: LossScaleOptimizer(optimizers.SGD(loss_scale_factor=2.0)),
        ValueError,
        "loss_scale_factor=None, as the loss would be scaled twice; received 2.0",
    ),
    "decay": (
        lambda: LossScaleOptimizer(optimizers.SGD(), weight_decay=0.1),
        TypeError,
        "unexpected keyword argument 'weight_decay'. What every optimizer takes, .* is an argument of inner_optimizer",
    ),
    "scale": (
        lambda: LossScaleOptimizer(optimizers.SGD(), 0),
        ValueError,
        "initial_scale to be a finite number above 0",
    ),
    "growth": (lambda: LossScaleOptimizer(optimizers.SGD(), 1, 0), ValueError, "dynamic_growth_steps"),
    "dict": (
        lambda: MultiOptimizer({"a": optimizers.SGD()}),  # type: ignore[arg-type]
        TypeError,
        r"received \{'a': .*Write MultiOptimizer\(OptimizerMap\(default, \{...\}\)\)",
    ),
    "class": (lambda: MultiOptimizer(optimizers.SGD), TypeError, "expected an OptimizerMap, or a function of a param"),
    "result": (
        lambda: MultiOptimizer(lambda p: "adam").bind(parameters()),  # type: ignore[arg-type, return-value]
        TypeError,
        r"the optimizer of 0 \('body.kernel', shape \(3, 4\)\): expected an optimizer, .* received 'adam'",
    ),
    "nested": (
        lambda: OptimizerMap(LossScaleOptimizer(optimizers.SGD())),
        ValueError,
        r"received a LossScaleOptimizer. LossScaleOptimizer\(MultiOptimizer\(...\)\) is the order that works",
    ),
    "map": (lambda: OptimizerMap(optimizers.SGD(), [1]), TypeError, "expected optimizer_map to be a dict"),  # type: ignore[arg-type]
    "key": (lambda: OptimizerMap(optimizers.SGD(), {1: optimizers.SGD()}), TypeError, "expected a key to be a name"),  # type: ignore[dict-item]
    "expression": (
        lambda: OptimizerMap(optimizers.SGD(), {"(": optimizers.SGD()}),
        ValueError,
        r"a regular expression; received '\('",
    ),
    "rate": (lambda: by_part().learning_rate, AttributeError, r"Write optimizer.optimizers\[0\].learning_rate"),
    "set rate": (lambda: setattr(by_part(), "learning_rate", 1.0), AttributeError, "there is no one learning_rate"),
    "bare map": (lambda: optimizers.get(OptimizerMap(optimizers.SGD())), TypeError, r"Write MultiOptimizer\(it\)"),  # type: ignore[arg-type]
    "other parameters": (
        lambda: _started().bind(parameters(seed=1)),
        ValueError,
        "this optimizer has taken 2 steps on 4 parameters",
    ),
}


def _started() -> MultiOptimizer:
    optimizer = by_part()
    optimizer.bind(parameters())
    run(optimizer, 2)
    optimizer.bind(optimizer.parameters)
    return optimizer


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_a_key_that_is_there_already() -> None:
    which = OptimizerMap(optimizers.SGD(), {"a": optimizers.Adam()})
    with pytest.raises(ValueError, match="expected a new key; 'a' has Adam"):
        which["a"] = optimizers.SGD()
    assert isinstance(which["a"], optimizers.Adam)
