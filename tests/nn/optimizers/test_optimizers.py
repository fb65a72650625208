"""The laws that every optimizer obeys, and what it refuses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import DtypeError, GradError, ShapeError, Tensor
from nn import optimizers
from nn.optimizers import Optimizer, parameter_groups, rules, schedules

# Every optimizer and option, with a learning rate that suits the problems below.
VARIANTS: dict[str, Callable[..., Optimizer]] = {
    "sgd": lambda **kw: optimizers.SGD(1e-3, **kw),
    "momentum": lambda **kw: optimizers.SGD(1e-4, momentum=0.9, **kw),
    "nesterov": lambda **kw: optimizers.SGD(1e-4, momentum=0.9, nesterov=True, **kw),
    "clipnorm": lambda **kw: optimizers.SGD(1e-2, clipnorm=1.0, **kw),
    "clipvalue": lambda **kw: optimizers.SGD(1e-2, clipvalue=0.5, **kw),
    "global_clipnorm": lambda **kw: optimizers.SGD(1e-2, global_clipnorm=1.0, **kw),
    "rmsprop": lambda **kw: optimizers.RMSprop(1e-2, **kw),
    "rmsprop_momentum": lambda **kw: optimizers.RMSprop(1e-3, momentum=0.9, **kw),
    "rmsprop_centered": lambda **kw: optimizers.RMSprop(1e-3, centered=True, **kw),
    "adam": lambda **kw: optimizers.Adam(1e-2, **kw),
    "amsgrad": lambda **kw: optimizers.Adam(1e-2, amsgrad=True, **kw),
    "adamw": lambda **kw: optimizers.AdamW(1e-2, **kw),
    "adagrad": lambda **kw: optimizers.Adagrad(1e-1, **kw),
    "adagrad_decay": lambda **kw: optimizers.Adagrad(1e-1, weight_decay=1e-3, **kw),
    "adamax": lambda **kw: optimizers.Adamax(1e-2, **kw),
    "nadam": lambda **kw: optimizers.Nadam(1e-2, **kw),
    "adadelta": lambda **kw: optimizers.Adadelta(1.0, epsilon=1e-4, **kw),
    "ftrl": lambda **kw: optimizers.Ftrl(1e-1, **kw),
    "ftrl_l1": lambda **kw: optimizers.Ftrl(1e-1, l1_regularization_strength=1e-3, beta=0.5, **kw),
    "lion": lambda **kw: optimizers.Lion(1e-3, **kw),
    "lion_decay": lambda **kw: optimizers.Lion(1e-3, weight_decay=1e-2, **kw),
    "schedule_free": lambda **kw: optimizers.ScheduleFreeAdamW(1e-2, warmup_steps=5, **kw),
    "lamb": lambda **kw: optimizers.Lamb(1e-2, **kw),
    "lamb_decay": lambda **kw: optimizers.Lamb(1e-2, weight_decay=1e-2, **kw),
    "adafactor": lambda **kw: optimizers.Adafactor(1e-2, **kw),
    "muon": lambda **kw: optimizers.Muon(1e-2, **kw),
    "muon_no_decay": lambda **kw: optimizers.Muon(1e-2, weight_decay=None, rms_rate=None, nesterov=False, **kw),
    "ema": lambda **kw: optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.8, **kw),
    "accumulation": lambda **kw: optimizers.Adam(1e-2, gradient_accumulation_steps=2, **kw),
    "scheduled": lambda **kw: optimizers.SGD(schedules.CosineDecay(1e-3, 500, 0.5), **kw),
}


def parabola(p: Any) -> Any:
    return (p * p).sum()


def rosenbrock(p: Any) -> Any:
    return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()


def ill_conditioned(p: Any) -> Any:
    return (p * p * np.array([1.0, 10.0, 1000.0], p.dtype)).sum() / 2


every_variant = pytest.mark.parametrize("make", VARIANTS.values(), ids=VARIANTS)
every_step = pytest.mark.parametrize(  # one whose every call of `step` is a step
    "make", [pytest.param(make, id=name) for name, make in VARIANTS.items() if name != "accumulation"]
)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def parameters(dtype: Any = "float32", shapes: Any = ((2, 3), (), (4,)), seed: int = 0) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [ag.tensor(rng.normal(size=shape), dtype=dtype, requires_grad=True) for shape in shapes]


def take_steps(optimizer: Optimizer, steps: int, first: int = 0) -> None:
    """Take steps along gradients that depend on the step, on the parameter's shape and on its values."""
    for t in range(first, first + steps):
        for p in optimizer.parameters:
            wave = np.cos(t + np.arange(p.size)).reshape(p.shape)
            p.grad = np.asarray(wave + 0.3 * p.data, p.dtype)
        optimizer.step()


def values(optimizer: Optimizer) -> list[bytes]:
    """Everything that a step may change, bit for bit."""
    state = optimizer.state_dict()
    return [p.data.tobytes() for p in optimizer.parameters] + [state[k].tobytes() for k in sorted(state)]


# ---- laws of every optimizer ----------------------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("problem", [parabola, rosenbrock, ill_conditioned])
@every_variant
def test_the_loss_falls_and_the_dtype_stays(make: Callable[..., Optimizer], problem: Any, dtype: str) -> None:
    p = ag.tensor([-1.0, 1.5, 0.5], dtype=dtype, requires_grad=True)
    optimizer = make(parameters=[p])
    losses = []
    for _ in range(100):
        loss = problem(p)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert p.dtype == dtype
    assert p.grad is None
    assert {a.dtype for k, a in optimizer.state_dict().items() if "." in k} <= {np.dtype(dtype)}


@pytest.mark.parametrize("shape", [(5,), (2, 3)])
@every_variant
def test_a_rule_reads_tensors_and_read_only_arrays_and_writes_into_neither(
    make: Callable[..., Optimizer], shape: Any
) -> None:
    optimizer = make()
    rule = rules.with_decay(optimizer.rule()) if optimizer.weight_decay else optimizer.rule()
    hyper = {**optimizer._hyper, "iterations": 3}
    rng = np.random.default_rng(0)
    p, g = rng.normal(size=(2, *shape)).astype("float32")
    starts = optimizer.slots_for(ag.tensor(p))
    shapes = {name: start(p).shape if callable(start) else shape for name, start in starts.items()}
    state = {name: rng.random(shape).astype("float32") for name, shape in shapes.items()}
    for a in (p, g, *state.values()):
        a.flags.writeable = False
    delta, new = rule(p, g, state, hyper)
    wrapped = {name: ag.tensor(a) for name, a in state.items()}
    delta_t, new_t = rule(ag.tensor(p), ag.tensor(g), wrapped, hyper)
    assert delta.dtype == np.float32
    assert new.keys() == state.keys() == new_t.keys()
    np.testing.assert_allclose(delta, delta_t.data, rtol=0 if optimizer.elementwise else 1e-6)
    for name in state:
        assert new[name].dtype == np.float32
        np.testing.assert_array_equal(new[name], new_t[name].data)


@pytest.mark.parametrize("shapes", [((2, 3), (), (4,)), ((150, 100), (9000,)), ((150, 100), (3,), (4,))])
@every_step
def test_a_parameter_without_gradient_is_left_alone(make: Callable[..., Optimizer], shapes: Any) -> None:
    without, reference = (make(parameters=parameters(shapes=shapes)) for _ in range(2))
    take_steps(without, 2)
    take_steps(reference, 2)
    for i, p in enumerate(without.parameters):
        before, state = p.data.tobytes(), without.state_dict()
        reference.load_state_dict(state)
        for q, r in zip(without.parameters, reference.parameters, strict=True):
            r.assign(q)
            r.grad = q.grad = np.ones(q.shape, q.dtype)
        p.grad = None
        if without.global_clipnorm:  # one parameter fewer is another norm
            reference.parameters[i].grad = np.zeros(p.shape, p.dtype)
        without.step()
        reference.step()
        after, all_of_them = without.state_dict(), reference.state_dict()
        assert p.data.tobytes() == before
        for j, (q, r) in enumerate(zip(without.parameters, reference.parameters, strict=True)):
            for key in (k for k in after if k.startswith(f"{j}.")):
                assert after[key].tobytes() == (state if i == j else all_of_them)[key].tobytes()
            assert i == j or q.data.tobytes() == r.data.tobytes()


@every_dtype
@every_variant
def test_a_run_that_was_saved_goes_on_bit_for_bit(make: Callable[..., Optimizer], dtype: str) -> None:
    whole = make(parameters=parameters(dtype))
    take_steps(whole, 3)
    if whole._schedule is None:
        whole.learning_rate = 0.007
    take_steps(whole, 2, first=3)
    saved, weights = whole.state_dict(), [p.numpy() for p in whole.parameters]
    take_steps(whole, 4, first=5)
    resumed = make(parameters=[ag.tensor(w, requires_grad=True) for w in weights])
    resumed.load_state_dict(saved)
    take_steps(resumed, 4, first=5)
    assert resumed.iterations == 9 // (whole.gradient_accumulation_steps or 1)
    assert values(resumed) == values(whole)


@every_variant
def test_the_order_of_the_parameters_is_irrelevant(make: Callable[..., Optimizer]) -> None:
    forth = make(parameters=parameters(shapes=((3,), (100, 100), (2, 2), (5,))))
    tensors = parameters(shapes=((3,), (100, 100), (2, 2), (5,)))
    back = make(parameters=tensors[::-1])
    take_steps(forth, 5)
    take_steps(back, 5)
    for p, q in zip(forth.parameters, tensors, strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-6 if forth.global_clipnorm else 0)


@every_variant
def test_small_parameters_together_equal_one_by_one(make: Callable[..., Optimizer], monkeypatch: Any) -> None:
    shapes = ((2, 3), (), (7000,), (4,), (0,), (3, 2))
    dtypes = ("float32", "float64", "float32", "float32", "float32", "float64")

    def run() -> list[bytes]:
        tensors = [parameters(d, [s], i)[0] for i, (d, s) in enumerate(zip(dtypes, shapes, strict=True))]
        optimizer = make(parameters=tensors)
        take_steps(optimizer, 5)
        sizes.append(len(optimizer._groups) if optimizer.elementwise else 6)
        expected[:] = [2, 4, 6] if optimizer.elementwise else [6, 6, 6]
        return values(optimizer)

    sizes: list[int] = []
    expected: list[int] = []
    together = run()
    monkeypatch.setattr(parameter_groups, "LARGEST", 7003)
    in_chunks = run()
    monkeypatch.setattr(parameter_groups, "SMALL", 0)
    one_by_one = run()
    assert sizes == expected
    assert together == in_chunks == one_by_one


@every_variant
def test_a_large_parameter_in_chunks_equals_the_whole(make: Callable[..., Optimizer], monkeypatch: Any) -> None:
    shapes = ((130, 90), (3, 5000), (12000,), (4, 3))

    def run() -> list[bytes]:
        tensors = parameters(shapes=shapes)
        tensors[1] = ag.tensor(np.asfortranarray(tensors[1].numpy()), requires_grad=True)
        optimizer = make(parameters=tensors)
        take_steps(optimizer, 4)
        return values(optimizer)

    whole = run()
    chunks: list[tuple[int, ...]] = []
    note_in_chunks = parameter_groups.ParameterGroup.note_in_chunks

    def noting(group: parameter_groups.ParameterGroup, *args: Any) -> Any:
        chunks.append(group.shape)
        return note_in_chunks(group, *args)

    monkeypatch.setattr(parameter_groups.ParameterGroup, "note_in_chunks", noting)
    for chunk in (1000, 6000):
        monkeypatch.setattr(parameter_groups, "CHUNK", chunk)
        chunks.clear()
        assert run() == whole
        assert set(chunks) == (set(shapes[:3]) if make().elementwise else set())


@every_variant
def test_hyperparameters_may_change_between_steps(make: Callable[..., Optimizer]) -> None:
    optimizer = make(parameters=parameters())
    take_steps(optimizer, 2)
    before = [p.numpy() for p in optimizer.parameters]
    optimizer.learning_rate = 1e-30 if isinstance(optimizer, optimizers.Ftrl) else 0
    optimizer.weight_decay = 0.5
    take_steps(optimizer, 1)
    if not optimizer.use_ema and not optimizer.get_config().keys() & {"momentum", "beta", "warmup_steps"}:
        # else the last step goes on
        assert all((p.data == b).all() for p, b in zip(optimizer.parameters, before, strict=True))
    optimizer.learning_rate = np.float64(0.1)
    for name in {"momentum", "rho", "beta_1"} & optimizer.get_config().keys():
        setattr(optimizer, name, 0.5)
    take_steps(optimizer, 2)
    assert optimizer.get_config()["learning_rate"] == 0.1
    assert all(p.dtype == np.float32 and (p.data != b).all() for p, b in zip(optimizer.parameters, before, strict=True))


@every_variant
def test_config_copy_and_repr(make: Callable[..., Optimizer]) -> None:
    optimizer = make(name="mine", parameters=parameters())
    twin = type(optimizer).from_config(optimizer.get_config())
    assert twin.get_config() == optimizer.get_config()
    assert twin.name == "mine"
    assert repr(twin) == repr(optimizer)
    take_steps(optimizer, 2)
    other = copy.deepcopy(optimizer)
    take_steps(optimizer, 1)
    take_steps(other, 1)
    assert values(other) == values(optimizer)
    assert other.parameters[0] is not optimizer.parameters[0]


# ---- refusals -------------------------------------------------------------------------------------------------------

W = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "negative rate": (
        lambda: optimizers.SGD(-0.1),
        ValueError,
        "SGD: expected learning_rate to be a finite number of .*-0.1",
    ),
    "rate NaN": (
        lambda: optimizers.Adam(float("nan")),
        ValueError,
        "learning_rate to be a finite number of at least 0.*nan",
    ),
    "rate no number": (lambda: optimizers.SGD("fast"), TypeError, "learning_rate to be a finite number .*'fast'"),
    "rate a bool": (lambda: optimizers.SGD(True), TypeError, "received learning_rate=True"),
    "rate an array": (lambda: optimizers.SGD(np.ones(2)), TypeError, "expected learning_rate to be a finite number"),
    "momentum": (
        lambda: optimizers.SGD(momentum=1.5),
        ValueError,
        "momentum to be a number from 0 to 1;.*1.5",
    ),
    "beta": (lambda: optimizers.Adam(beta_1=1), ValueError, "beta_1 to be a number of at least 0 and below 1; .*=1"),
    "epsilon": (lambda: optimizers.RMSprop(epsilon=0), ValueError, "epsilon to be a finite number above 0; .*=0"),
    "no decay": (lambda: optimizers.AdamW(weight_decay=None), TypeError, "AdamW: expected weight_decay"),
    "two clips": (
        lambda: optimizers.SGD(clipnorm=1, clipvalue=2),
        ValueError,
        "one way .*clipnorm=1.0 and clipvalue=2.0",
    ),
    "keyword": (lambda: optimizers.SGD(lr=0.1), TypeError, "unexpected keyword argument 'lr'"),
    "one tensor": (lambda: optimizers.SGD(parameters=W), TypeError, "list of Tensors, such as model.parameters"),
    "no tensor": (lambda: optimizers.SGD(parameters=[W, np.ones(2)]), TypeError, "be a Tensor; received ndarray at 1"),
    "none": (lambda: optimizers.SGD(parameters=[]), ValueError, "at least one parameter; .*Build the model first"),
    "twice": (lambda: optimizers.SGD(parameters=[W, W]), ValueError, r"number 1 \('w', shape \(2,\)\) is there twice"),
    "frozen": (
        lambda: optimizers.SGD(parameters=[("bias", ag.tensor([1.0]))]),
        GradError,
        r"number 0 \('bias', shape \(1,\)\) is one that requires no gradient",
    ),
    "computed": (lambda: optimizers.SGD(parameters=[W * 2]), GradError, "is computed from other tensors"),
    "unbound step": (lambda: optimizers.Adam().step(), GradError, "Adam.step: no parameters are bound.*parameters="),
    "unbound state": (lambda: optimizers.Adam().state_dict(), GradError, "Adam.state_dict: no parameters are bound"),
    "no gradient": (
        lambda: optimizers.Adam(parameters=[W]).step(),
        GradError,
        r"none of the 1 parameters has a gradient. Call loss.backward\(\) before step",
    ),
    "name": (lambda: optimizers.get("rmspop"), ValueError, "'rmspop'. Did you mean 'rmsprop'.* Known names: sgd, "),
    "typo": (lambda: optimizers.Adam(clipnrm=1), TypeError, "'clipnrm'. Did you mean 'clipnorm'"),
    "another's word": (lambda: optimizers.Adam(eps=1), TypeError, "'eps'. Write epsilon"),
    "no identifier": (
        lambda: optimizers.get(3),
        TypeError,
        "expected an optimizer: a name or an Optimizer; received 3",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_was_received_and_expected(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("0.momentum"), ValueError, r"expected an entry '0.momentum' \(1 missing\)"),
        (lambda s: s.pop("beta_1"), ValueError, "expected an entry 'beta_1'"),
        (lambda s: s.pop("iterations"), ValueError, "expected 'iterations', a whole number"),
        (lambda s: s.update({"3.velocity": np.ones(2)}), ValueError, r"received '3.velocity', .* \(1 unknown\)"),
        (lambda s: s.update({"rho": 0.5}), ValueError, "received 'rho', which this optimizer does not have"),
        (lambda s: s.update({"learning_rate": -1.0}), ValueError, "load_state_dict: expected learning_rate to be"),
        (lambda s: s.update({"2.velocity": np.ones(5, "float32")}), ShapeError, r"of shape \(4,\); received \(5,\)"),
        (lambda s: s.update({"2.velocity": np.ones(4)}), DtypeError, "of dtype float32; received float64"),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(change: Any, error: type[Exception], message: str) -> None:
    optimizer = optimizers.Adam(parameters=parameters())
    take_steps(optimizer, 2)
    state, before = optimizer.state_dict(), values(optimizer)
    state["0.velocity"] = state["0.velocity"] + 1
    state["epsilon"] = np.array(0.5)
    change(state)
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(state)
    assert values(optimizer) == before


def test_a_wrong_state_of_other_hyperparameters_is_refused_and_changes_nothing() -> None:
    optimizer = optimizers.SGD(momentum=0.9, parameters=parameters())
    take_steps(optimizer, 2)
    before = values(optimizer)
    with pytest.raises(ValueError, match="received '0.momentum', which this optimizer does not have"):
        optimizer.load_state_dict(optimizer.state_dict() | {"momentum": np.array(0.0)})
    assert values(optimizer) == before
    adamw = optimizers.AdamW(parameters=parameters())
    with pytest.raises(ValueError, match="expected an entry 'weight_decay'"):
        adamw.load_state_dict({k: v for k, v in adamw.state_dict().items() if k != "weight_decay"})


def test_a_slot_that_is_needed_later_starts_afresh_beside_the_old_ones() -> None:
    optimizer = optimizers.RMSprop(parameters=parameters())
    take_steps(optimizer, 2)
    velocity = optimizer.state_dict()["0.velocity"]
    optimizer.momentum = 0.5
    state = optimizer.state_dict()
    np.testing.assert_array_equal(state["0.velocity"], velocity)
    assert not state["0.momentum"].any()


@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_small_gradients_are_not_clipped(clip: str) -> None:
    tensors = parameters(shapes=((3,), (2, 2)))
    before = [p.numpy() for p in tensors]
    for p in tensors:
        p.grad = np.full(p.shape, 0.25, p.dtype)
    optimizers.SGD(1.0, **{clip: 5.0}, parameters=tensors).step()
    for p, b in zip(tensors, before, strict=True):
        np.testing.assert_array_equal(p.data, b - np.float32(0.25))


class Halving(Optimizer):
    """A user's own optimizer, whose rule reads p and refuses NaN."""

    def rule(self) -> rules.Rule:
        def halve(p: Any, g: Any, state: rules.State, hyper: rules.Hyper) -> tuple[Any, rules.State]:
            if np.isnan(g).any():
                raise FloatingPointError("NaN")
            return p * hyper["learning_rate"], {"count": state["count"] + 1}

        return halve

    def slots(self) -> dict[str, float]:
        return {"count": 0.0}


@pytest.mark.parametrize("missing", [False, True])
def test_an_optimizer_of_the_users_own(missing: bool) -> None:
    optimizer = Halving(0.5, parameters=parameters())
    before = [p.numpy() for p in optimizer.parameters]
    take_steps(optimizer, 1)
    assert all((p.data == b / 2).all() for p, b in zip(optimizer.parameters, before, strict=True))
    left, held = optimizer.parameters[1:], values(optimizer)
    optimizer.parameters[0].grad = None if missing else optimizer.parameters[0].grad
    left[1].grad = np.full(left[1].shape, np.nan, left[1].dtype)
    with pytest.raises(FloatingPointError):
        optimizer.step()
    assert values(optimizer) == held


def test_the_rule_of_a_users_own_sees_a_large_parameter_whole() -> None:
    """It may raise, and a chunk must not have changed before."""
    p = ag.tensor(np.ones((4, parameter_groups.CHUNK)), requires_grad=True)
    optimizer = Halving(0.5, parameters=[p])
    p.grad = np.where(np.arange(4)[:, None] < 3, np.ones(p.shape), np.nan)
    held = values(optimizer)
    with pytest.raises(FloatingPointError):
        optimizer.step()
    assert values(optimizer) == held


def test_a_step_that_cannot_be_made_changes_nothing() -> None:
    optimizer = optimizers.Adam(parameters=parameters())
    take_steps(optimizer, 2)
    last = optimizer.parameters[-1]
    for p in optimizer.parameters:
        p.grad = np.ones(p.shape, p.dtype)
    last.requires_grad = False
    last += ag.tensor(np.ones(4, "float32"), requires_grad=True)
    before = values(optimizer)
    with pytest.raises(GradError, match="the parameter 2 .* is no longer a leaf"):
        optimizer.step()
    assert values(optimizer) == before


def test_an_overflow_is_no_error_in_the_middle_of_a_step() -> None:
    optimizer = optimizers.RMSprop(parameters=parameters())
    for p in optimizer.parameters:
        p.grad = np.full(p.shape, 1e30, p.dtype)
    before = [p.numpy() for p in optimizer.parameters]
    with np.errstate(all="raise"):
        optimizer.step()
    assert all((p.data == b).all() for p, b in zip(optimizer.parameters, before, strict=True))


def test_binding_again_keeps_the_state_and_other_parameters_are_refused() -> None:
    optimizer = optimizers.Adam(parameters=parameters())
    mine = parameters(seed=1)
    optimizer.bind((p.name or "p", p) for p in mine)  # no step yet: nothing is lost
    take_steps(optimizer, 2)
    before = values(optimizer)
    optimizer.bind(mine)
    assert values(optimizer) == before
    with pytest.raises(ValueError, match="has taken 2 steps on 3 parameters.*Make a new optimizer"):
        optimizer.bind(mine[:2])
    assert optimizer.parameters == mine


def test_a_parameter_frozen_later_is_left_alone() -> None:
    optimizer = optimizers.SGD(parameters=parameters())
    frozen = optimizer.parameters[0]
    frozen.grad = np.ones(frozen.shape, frozen.dtype)
    frozen.requires_grad = False
    before = frozen.numpy()
    take_steps(optimizer, 1)
    np.testing.assert_array_equal(frozen.data, before)


def test_the_centered_variance_of_a_large_constant_gradient_gives_no_nan() -> None:
    w = ag.tensor([1.0, 1.0], dtype="float32", requires_grad=True)
    optimizer = optimizers.RMSprop(centered=True, parameters=[w])
    for _ in range(200):
        w.grad = np.array([1234.5, 0.1], "float32")
        optimizer.step()
    assert np.isfinite(w.data).all()


def test_get_makes_a_new_one_of_each_name_and_keeps_an_object() -> None:
    kinds = [c for c in vars(optimizers).values() if isinstance(c, type) and issubclass(c, Optimizer)]
    assert len(kinds) == 17
    for cls in set(kinds) - {Optimizer, optimizers.LossScaleOptimizer, optimizers.MultiOptimizer}:  # want others inside
        assert type(optimizers.get(cls.__name__)) is type(optimizers.get(cls.__name__.lower())) is cls
    mine = optimizers.Adam()
    assert optimizers.get(mine) is mine is not optimizers.get("adam")


def test_a_rate_is_what_it_was_when_it_was_read_until_it_is_assigned_to() -> None:
    sgd = optimizers.SGD(0.5)
    rate = sgd.learning_rate
    sgd.learning_rate = 0.25
    assert (rate, float(rate), float(np.asarray(rate)), rate * 2) == (0.5, 0.5, 0.5, 1.0)
    assert rate.value == 0.25
    assert rate.numpy() == np.float32(0.25)
    rate.assign(ag.tensor(0.125))
    assert (float(rate), float(np.asarray(rate)), sgd.learning_rate) == (0.125, 0.125, 0.125)
    rate.assign_sub(0.0625)
    assert sgd.learning_rate == 0.0625
    assert (np.ones(2, np.float32) * rate).dtype == np.float32
