"""Gradient health: numbers that are NumPy's, verdicts that no unit changes, and what a training run writes down."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import autograd_lite as ag
import nn
from autograd_lite import GradError
from autograd_lite.graph import GradientHealth, Health, Program, build_graph, gradient_health

from ..samples import HOSTILE, SAMPLES, parameter, perceptron


def deep(factor: float, depth: int = 8) -> ag.Tensor:
    """A chain of parameters, each layer of which passes `factor` times the gradient on."""
    h: Any = ag.tensor(np.ones(4), name="x")
    for k in range(depth):
        w = ag.tensor(np.ones(4), requires_grad=True, name=f"layer_{k}.w")
        # The value stays 1, the derivative by h is `factor`, and that by w is 1.
        h = w * (h * factor + (1 - factor) * ag.stop_gradient(h))
    return h.sum()


def flags(health: Health) -> dict[str, str]:
    return {p.name: p.flag for p in health.parameters}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_numbers_are_those_of_numpy(sample: Any) -> None:
    made = sample()
    loss = made if isinstance(made, ag.Tensor) else made[0]
    if loss.is_leaf or not loss.requires_grad:
        return
    program = Program.build(loss, backward=True)
    health = gradient_health(loss)
    values, gradients = program.values(), program.graph.gradients
    for p in health.parameters:
        np.testing.assert_allclose(p.weight, np.linalg.norm(values[p.id].astype(float)), rtol=1e-6)
        if p.id in gradients:
            g = np.asarray(values[gradients[p.id]], float)
            if np.isfinite(g).all():
                np.testing.assert_allclose(p.norm, np.linalg.norm(g), rtol=1e-6)
                assert p.zeros == pytest.approx((g == 0).mean() if g.size else 0)
        else:
            assert (p.norm, p.flag) == (None, "unreached")


def test_a_loss_a_module_and_a_measured_graph_agree() -> None:
    loss = perceptron()
    of_loss = gradient_health(loss)
    of_graph = gradient_health(Program.build(loss, backward=True).measure())
    assert of_loss.parameters == of_graph.parameters
    assert of_loss.layers == of_graph.layers
    before = [p.norm for p in of_loss.parameters]
    leaves = [t for t in Program.build(loss).bindings.values() if isinstance(t, ag.Tensor) and t.requires_grad]
    loss.backward()
    read = gradient_health(leaves)
    assert [p.norm for p in read.parameters] == pytest.approx(before)


def test_looking_changes_nothing() -> None:
    loss = perceptron()
    gradient_health(loss)
    leaves = [t for t in Program.build(loss).bindings.values() if isinstance(t, ag.Tensor)]
    assert all(t.grad is None for t in leaves)
    loss.backward()


@pytest.mark.parametrize(
    ("factor", "flag"), [(1.0, ""), (0.5, ""), (2.0, ""), (0.05, "vanishing"), (20.0, "exploding")]
)
def test_planted_gradients_that_shrink_and_grow(factor: float, flag: str) -> None:
    health = gradient_health(deep(factor))
    found = [p.flag for p in health.parameters]
    assert found[0] == flag
    assert set(found[4:]) == {""}  # near the loss all is well
    assert found == sorted(found, reverse=bool(flag))
    assert health.ok == (not flag)
    if flag:
        assert "the median of the layers nearest to the loss" in health.parameters[0].why


@given(st.floats(-8, 8), st.sampled_from([0.03, 0.2, 1.0, 5.0, 33.0]))
def test_verdicts_do_not_depend_on_the_unit_of_the_loss(power: float, factor: float) -> None:
    loss = deep(factor)
    assert flags(gradient_health(loss)) == flags(gradient_health(loss * 10.0**power))


def test_verdicts_about_what_a_dtype_can_hold() -> None:
    w = ag.tensor(np.ones(3, "float32"), requires_grad=True, name="w")
    assert gradient_health((w * np.float32(1e-6)).sum()).ok
    tiny = gradient_health((w * np.float32(1e-8)).sum())
    assert flags(tiny) == {"w": "vanishing"}
    assert "rounded away in float32" in tiny["w"].why
    large = gradient_health((w * np.float32(1e20)).sum())
    assert flags(large) == {"w": "exploding"}
    assert "overflows float32" in large["w"].why
    v = ag.tensor(np.ones(3), requires_grad=True, name="w")
    assert gradient_health((v * 1e-8).sum()).ok
    assert gradient_health((v * 1e15).sum()).ok
    assert "leaves nothing of the weights in float64" in gradient_health((v * 1e20).sum())["w"].why
    assert gradient_health((w * np.float32(1e6)).sum()).ok
    assert flags(gradient_health((w * np.float32(1e8)).sum())) == {"w": "exploding"}


def layered(count: int, scale: float, activation: Any) -> ag.Tensor:
    rng = np.random.default_rng(0)
    h: Any = ag.tensor(rng.normal(size=(16, 12)), name="x")
    for k in range(count):
        h = activation(h @ ag.tensor(rng.normal(size=(12, 12)) * scale, requires_grad=True, name=f"p{k}"))
    return h.sum()


def test_a_net_whose_values_explode_everywhere_is_not_sound() -> None:
    """All layers have gradients of one size, and 10^15 times that of the weights."""
    health = gradient_health(layered(20, 10.0, lambda h: h))
    assert set(flags(health).values()) == {"exploding"}


@pytest.mark.parametrize("count", [4, 8, 12, 30])
def test_a_net_that_vanishes_does_not_explode_near_the_loss(count: int) -> None:
    found = list(flags(gradient_health(layered(count, 0.1, ag.sigmoid))).values())
    assert set(found) <= {"vanishing", ""}
    assert found == sorted(found, reverse=True)
    assert found[-1] == ""
    assert found[0] == "vanishing"


def test_a_loss_without_a_history_is_no_parameter() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.no_grad():
        loss = (x * x).sum()
    with pytest.raises(GradError, match="gradient_health: expected a loss that requires a gradient; received one of"):
        gradient_health(loss)


def test_dead_and_not_finite() -> None:
    x, y, z = parameter("x", 3), parameter("y", 3), parameter("z", 2)
    health = gradient_health((x * 2 + y * 0).sum() + np.sqrt(z * 0).sum())
    assert flags(health) == {"x": "", "y": "dead", "z": "nan"}
    assert health["y"].zeros == 1.0
    assert "2 NaN" in health["z"].why


def test_dead_relus() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    w = ag.tensor([[1.0, -1.0, 0.5], [1.0, -1.0, -0.5]], requires_grad=True, name="w")
    health = gradient_health(ag.relu(x @ w).sum())
    (relu,) = health.relus
    assert (relu.dead, relu.total) == (2, 3)
    assert "2 of 3 units gave 0 for the whole batch" in str(health)
    assert health.overlay().marks[relu.id].badge == "× 2 of 3 dead"
    dead = gradient_health(ag.relu(x @ w - 100).sum())
    assert dead.overlay().marks[dead.relus[0].id].look == "dead"
    assert flags(dead) == {"w": "dead"}


@pytest.mark.parametrize(
    ("f", "why"),
    [
        (lambda w: (w > 0.5).astype(float), "'greater', which has no derivative"),
        (lambda w: ag.stop_gradient(w * 2), "detached at n"),
        (lambda w: np.ones(3) * np.argmax(w), "'argmax', which has no derivative"),
        (lambda w: w.astype(int), "'astype', whose result is int64"),
        (lambda w: (w * 2 + 1 > 0) * 1.0, "'greater', which has no derivative"),
        (lambda w: np.where(w, parameter("u", 3), 0), "'where', which passes no gradient on to it"),
    ],
)
def test_unreached_says_where_the_path_was_cut(f: Any, why: str) -> None:
    w, v = parameter("w", 3), parameter("v", 3)
    with ag.record_source():
        loss = (f(w) + v).sum()
    health = gradient_health(loss)
    assert flags(health).items() >= {"w": "unreached", "v": ""}.items()
    assert why in health["w"].why
    assert __file__ in health["w"].why
    assert health.overlay().marks[health["w"].id].look == "unreached"


def test_parameters_that_the_loss_does_not_know() -> None:
    w, lost = parameter("w", 3), parameter("lost", 3)
    health = gradient_health(w.sum(), parameters=[w, ("mine", lost)])
    assert flags(health) == {"w": "", "mine": "unreached"}
    assert "not on any path to the loss" in health["mine"].why
    assert "mine: not on any path" in str(health)


def test_before_backward_nothing_was_reached() -> None:
    model = nn.models.Sequential([nn.layers.Dense(2)])
    model(np.ones((1, 3)))
    health = gradient_health(model)
    assert set(flags(health).values()) == {"unreached"}
    assert "no backward has reached it" in health.parameters[0].why


@pytest.mark.parametrize("wrong", [3, "w", None, [1.0], np.ones(3)])
def test_wrong_arguments(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected a loss, a module, tensors"):
        gradient_health(wrong)


def test_graphs_that_say_nothing() -> None:
    with pytest.raises(ValueError, match="received one without a backward pass"):
        gradient_health(build_graph(perceptron()))
    with pytest.raises(ValueError, match=r"received one without measurements.*\.measure\(\)"):
        gradient_health(build_graph(perceptron(), backward=True))


@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4, unique=True))
def test_hostile_names(names: list[str]) -> None:
    tensors = [ag.tensor(np.ones(3), requires_grad=True, name=n) for n in names]
    health = gradient_health(sum((t * t for t in tensors[1:]), tensors[0] * 2).sum())
    assert "\x1b" not in str(health)
    rows = health.to_markdown().splitlines()
    assert len(rows) == 2 + len(health.parameters)
    columns = {row.replace("\\\\", "").replace("\\|", "").count("|") for row in rows}
    assert columns == {8}
    health.overlay()


def test_the_overlay_for_another_graph_goes_by_names() -> None:
    loss = perceptron()
    loss.backward()
    leaves = [t for t in Program.build(loss).bindings.values() if isinstance(t, ag.Tensor) and t.requires_grad]
    graph = build_graph(perceptron())
    marks = gradient_health(leaves).overlay(graph).marks
    assert {graph[i].name for i in marks} == {t.name for t in leaves}
    assert all(mark.note.startswith("‖grad‖ ") for mark in marks.values())


# ---- over a run -----------------------------------------------------------------------------------------------------


def train(watch: GradientHealth, steps: int = 5) -> list[tuple[float, float]]:
    """Train by hand; return the norms of gradient and update of `w` in every step, by NumPy."""
    w = ag.tensor([3.0, -4.0], requires_grad=True, name="w")
    watch._source = watch._source or [w]
    expected = []
    for k in range(steps):
        (w * w * (k + 1.0)).sum().backward()
        assert w.grad is not None
        before, g = w.numpy(), w.grad.numpy()
        watch.record()
        w.assign(w.data - 0.05 * g)
        expected.append((float(np.linalg.norm(g)), float(np.linalg.norm(w.data - before))))
        w.grad = None
    return expected


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_loop_of_ones_own(every: int) -> None:
    watch = GradientHealth(every=every)
    expected = train(watch)
    history = watch.history
    assert history.steps == tuple(range(0, 5, every))
    np.testing.assert_allclose(history.of("w"), [expected[k][0] for k in history.steps])
    if every == 1:
        np.testing.assert_allclose(history.of("w", "update"), [u for _, u in expected])
    assert len(history) == len(history.steps)
    with pytest.raises(KeyError, match="expected the name of a parameter"):
        history.of("v")
    with pytest.raises(ValueError, match="expected one of"):
        history.of("w", "size")


def fitted(**options: Any) -> tuple[GradientHealth, nn.models.Sequential]:
    ag.set_seed(0)
    model = nn.models.Sequential([nn.layers.Dense(4, activation="relu"), nn.layers.Dense(1)])
    model.compile(optimizer=nn.optimizers.SGD(0.1), loss="mse")
    watch = GradientHealth(**options)
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
    model.fit(x, x[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[watch])
    return watch, model


def test_as_a_callback_of_fit() -> None:
    watch, model = fitted()
    history = watch.history
    assert history.steps == tuple(range(6))
    assert history.names == tuple(name for name, _ in model.named_parameters())
    for name in history.names:
        # Plain gradient descent: the update is the learning rate times the gradient.
        np.testing.assert_allclose(history.of(name, "update"), 0.1 * np.array(history.of(name)), rtol=1e-3, atol=1e-6)
    assert not history.flags() or history.names
    assert watch._handles == []
    assert fitted(every=2)[0].history.steps == (0, 2, 4)


def test_watching_changes_no_bit_of_the_training() -> None:
    watched = fitted()[1].state_dict()
    ag.set_seed(0)
    model = nn.models.Sequential([nn.layers.Dense(4, activation="relu"), nn.layers.Dense(1)])
    model.compile(optimizer=nn.optimizers.SGD(0.1), loss="mse")
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
    model.fit(x, x[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, watched[name])


def test_what_was_flagged_and_when() -> None:
    w, v = parameter("w", 3), parameter("v", 3)
    watch = GradientHealth([w, v])
    for k in range(6):
        (w * w + v * (0.0 if k in (1, 2, 4) else 1.0)).sum().backward()
        watch.record()
        w.grad = v.grad = None
    assert watch.history.flags() == {"v": {"dead": (1, 2, 4)}}
    assert "dead at steps 1–2, 4" in str(watch)
    assert "| v | 1.73 | 1.73 | dead at steps 1–2, 4 |" in watch.history.to_markdown()
    assert watch.last is not None
    assert watch.last.ok
    assert repr(watch) == "<GradientHealth of 6 recorded steps>"


def test_wrong_use_of_the_recorder() -> None:
    with pytest.raises(ValueError, match="every to be at least 1"):
        GradientHealth(every=0)
    with pytest.raises(ValueError, match="expected parameters; received none"):
        GradientHealth().record()
    assert GradientHealth().last is None
    assert "0 steps" in str(GradientHealth())


def test_the_plot_has_a_line_for_each_parameter() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    watch, model = fitted()
    ax = watch.plot()
    assert [line.get_label() for line in ax.lines] == [name for name, _ in model.named_parameters()]
    assert ax.get_yscale() == "log"
    assert len({line.get_linestyle() for line in ax.lines}) == 4
    matplotlib.pyplot.close("all")
