"""Networks on arrays that are not NumPy's: every part gives what it gives with NumPy, and stays where its arrays are.

They run with a strict double of a device, and with CuPy where a GPU answers; see `tests/array_kinds.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
import nn.constraints
import nn.regularizers

from .. import device_double
from ..array_kinds import DOUBLE, KINDS, Kind
from . import test_initializers
from .layers.layer_cases import LayerCase, all_cases
from .losses import loss_cases
from .metrics import metric_cases
from .optimizers import test_whole_steps

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def same(kind: Kind, got: Any, expected: Any, rtol: float = 1e-9) -> None:
    """Compare Tensors, one of a kind and one of NumPy."""
    assert kind.is_kind(got.data), f"expected an array of {kind.name}, on its device; received {type(got.data)}"
    values, expected = kind.to_numpy(got.data), expected.numpy()
    assert values.dtype == expected.dtype
    np.testing.assert_allclose(values, expected, rtol=rtol, atol=rtol)


def leaves(x: Any) -> list[ag.Tensor]:
    """Return the Tensors in what a layer returns."""
    return [t for t in ag.tree.leaves(x) if isinstance(t, ag.Tensor)]


def total(terms: Iterable[Any]) -> Any:
    return reduce(operator.add, terms)


def hold(law: Callable[[Any, Kind], None], rows: Mapping[str, Any], kind: Kind, refused: Mapping[str, str]) -> None:
    """Try a law on rows; those that are refused must all fail, or the table is out of date."""
    broken: dict[str, Exception] = {}
    for name, row in rows.items():
        try:
            law(row, kind)
        except Exception as error:
            broken[name] = error
    surprises = {name: f"{type(e).__name__}: {str(e)[:300]}" for name, e in broken.items() if name not in refused}
    assert not surprises, f"{len(surprises)} fail: {surprises}"
    outdated = sorted(name for name in rows if name in refused and name not in broken)
    assert not outdated, f"these work; take them out of the table: {outdated}"


# ---- layers ---------------------------------------------------------------------------------------------------------


def run_layer(case: LayerCase, to_kind: Callable[[np.ndarray], Any] | None) -> list[ag.Tensor]:
    """Return the results of a layer in both modes, the gradients, and those of their product with a direction."""
    nn.set_seed(3)
    layer = case.make()
    for _, module in layer.named_modules():
        module._dtype = np.dtype("float64")
    with ag.no_grad():
        layer.eval()(*case.args(case.draw()))
    if to_kind is not None:
        layer.to(to_kind)
    arrays = case.draw(1)
    made = [a if to_kind is None or a.dtype.kind not in "biufc" else to_kind(a) for a in arrays]
    inputs = [ag.tensor(a, requires_grad=a.dtype.kind == "f") if a.dtype.kind in "biufc" else a for a in made]
    found = []
    for training in (False, True):
        nn.set_seed(4)
        outs = leaves(layer(*case.args(inputs), training=training))
        found += outs
    wanted = [t for t in (*inputs, *layer.parameters()) if isinstance(t, ag.Tensor) and t.requires_grad]
    outs = [o for o in outs if o.requires_grad]
    if not outs:
        return found
    loss = total((o * o * (1.0 + 0.1 * o)).sum() for o in outs)
    loss.backward(create_graph="second order" not in case.exempt)
    gradients = [t.grad for t in wanted if t.grad is not None]
    found += gradients
    if "second order" not in case.exempt:
        for t in wanted:
            t.grad = None
        along = [(g * g).sum() for g in gradients if g.requires_grad]
        if along:
            total(along).backward()
        found += [t.grad for t in wanted if t.grad is not None]
    return [*found, *layer.buffers()]


def layer_law(case: LayerCase, kind: Kind) -> None:
    with np.errstate(all="ignore"):
        for got, expected in zip(run_layer(case, kind.to_kind), run_layer(case, None), strict=True):
            same(kind, got, expected, 1e-7)


LAYERS = {case.name: case for case in all_cases()}
REFUSED_LAYERS: dict[str, str] = {}


def first_cases() -> dict[str, LayerCase]:
    """Return one case for each class."""
    found: dict[str, LayerCase] = {}
    for case in LAYERS.values():
        found.setdefault(case.name.partition(",")[0], case)
    return found


@every_kind
def test_a_case_of_every_layer(kind: Kind) -> None:
    kind.skip_unless_there()
    hold(layer_law, first_cases(), kind, REFUSED_LAYERS)


@pytest.mark.ci
@every_kind
def test_every_case_of_every_layer(kind: Kind) -> None:
    kind.skip_unless_there()
    hold(layer_law, LAYERS, kind, REFUSED_LAYERS)


# ---- functions of arrays --------------------------------------------------------------------------------------------


def grads(f: Callable[..., Any], x: Any) -> list[ag.Tensor]:
    """Return the value of a function of one Tensor, its gradient, and that of the gradient's square."""
    x = ag.tensor(x, requires_grad=True)
    out = f(x)
    (out * out).sum().backward(create_graph=True)
    gradient, x.grad = x.grad, None
    if not gradient.requires_grad:
        return [out, gradient]
    (gradient * gradient).sum().backward()
    return [out, gradient, x.grad]


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    **{f"activation {name}": f for name, f in nn.activations._BY_NAME.items()},
    **{f"regularizer {name}": nn.regularizers.get(name) for name in ("l1", "l2", "l1_l2", "orthogonal_regularizer")},
}


def function_law(f: Callable[[Any], Any], kind: Kind) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    for got, expected in zip(grads(f, kind.to_kind(x)), grads(f, x), strict=True):
        same(kind, got, expected)


def loss_law(case: Any, kind: Kind) -> None:
    """A loss of targets on the device, and of targets that NumPy has."""
    for reduction in ("sum_over_batch_size", None):
        loss = case.loss(reduction=reduction)
        expected = grads(partial(loss, case.y), case.p)
        for y in (case.y, kind.to_kind(case.y), ag.tensor(kind.to_kind(case.y))):
            for a, b in zip(grads(partial(loss, y), kind.to_kind(case.p)), expected, strict=True):
                same(kind, a, b)
        w = np.linspace(0.5, 1.5, len(case.p))
        try:
            weighted = loss(case.y, ag.tensor(case.p), w)
        except ag.ShapeError:
            continue
        for weights in (w, kind.to_kind(w)):
            same(kind, loss(kind.to_kind(case.y), ag.tensor(kind.to_kind(case.p)), weights), weighted)


def metric_law(case: Any, kind: Kind) -> None:
    w = np.linspace(0.5, 1.5, len(case.p))
    expected, found = case.metric(), case.metric()
    for part in (slice(0, len(w) // 2), slice(len(w) // 2, None)):
        expected.update_state(case.y[part], case.p[part], w[part])
        found.update_state(kind.to_kind(case.y[part]), ag.tensor(kind.to_kind(case.p[part])), kind.to_kind(w[part]))
    np.testing.assert_allclose(np.asarray(found.result()), np.asarray(expected.result()), rtol=1e-12)


def initializer_law(initializer: Any, kind: Kind) -> None:
    found = []
    for there in (None, kind.to_kind):
        nn.set_seed(0)
        layer = nn.layers.Layer(dtype="float64")
        if there is not None:
            layer.to(there)
        shape = (4, 1, 3) if isinstance(initializer, nn.initializers.STFT) else (4, 4)
        found.append(layer.add_weight(shape, initializer))
    same(kind, found[1], found[0])


def constraint_law(constraint: Any, kind: Kind) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    same(kind, ag.tensor(constraint(kind.to_kind(x))), ag.tensor(constraint(x)))


CONSTRAINTS = {name: nn.constraints.get(name) for name in ("max_norm", "min_max_norm", "non_neg", "unit_norm")}
LAWS: dict[str, tuple[Callable[[Any, Kind], None], Mapping[str, Any]]] = {
    "functions": (function_law, FUNCTIONS),
    "losses": (loss_law, loss_cases.CASES),
    "metrics": (metric_law, metric_cases.CASES),
    "initializers": (initializer_law, test_initializers.CASES),
    "constraints": (constraint_law, CONSTRAINTS),
}


# ---- optimizers -----------------------------------------------------------------------------------------------------


def some_steps(make: Callable[..., Any], to_kind: Callable[[np.ndarray], Any]) -> tuple[Any, list[ag.Tensor]]:
    """Return an optimizer after three steps, the second of which leaves a parameter alone, and the parameters."""
    rng = np.random.default_rng(0)
    shapes = ((2, 3), (), (4,), (120, 80))
    parameters = [ag.tensor(to_kind(rng.normal(size=shape)), requires_grad=True) for shape in shapes]
    optimizer = make(parameters=parameters)
    for t in range(3):
        for i, p in enumerate(parameters):
            wave = np.asarray(np.cos(t + np.arange(p.size)).reshape(p.shape))
            p.grad = None if (t, i) == (1, 2) else ag.tensor(to_kind(wave))
        optimizer.step()
    return optimizer, parameters


def optimizer_law(make: Callable[..., Any], kind: Kind) -> None:
    """Steps, and the state: saved as NumPy's arrays, loaded where the parameters are, and taken along by a move."""
    expected, wanted = some_steps(make, np.asarray)
    optimizer, found = some_steps(make, kind.to_kind)
    for a, b in zip(found, wanted, strict=True):
        same(kind, a, b)
    state, reference = optimizer.state_dict(), expected.state_dict()
    assert state.keys() == reference.keys()
    for key, a in state.items():
        assert type(a) is np.ndarray
        np.testing.assert_allclose(a, reference[key], rtol=1e-9, atol=1e-12)
    optimizer.load_state_dict(reference)
    for p in found:
        ag.arrays.move(p, np.zeros(0))
    for p, q in zip(found, wanted, strict=True):
        p.assign(q)
        p.grad = q.grad = ag.tensor(np.ones(p.shape))
    optimizer.step()
    expected.step()
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


LAWS["optimizers"] = optimizer_law, test_whole_steps.ALL


@every_kind
@pytest.mark.parametrize("group", LAWS)
def test_every_other_part(group: str, kind: Kind) -> None:
    kind.skip_unless_there()
    law, rows = LAWS[group]
    hold(law, rows, kind, {})


# ---- training -------------------------------------------------------------------------------------------------------


def mlp(loss: str = "mse", **more: Any) -> Any:
    """Return a compiled model of two layers whose first values are always the same."""
    nn.set_seed(0)
    body = [nn.layers.Dense(5, "tanh"), nn.layers.Dropout(0.2), nn.layers.Dense(3)]
    model = nn.Sequential([nn.Input((4,)), *body])
    model.compile(nn.optimizers.Adam(0.01), loss, **more)
    return model


RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype(np.float32)
Y = RNG.normal(size=(24, 3)).astype(np.float32)


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@every_kind
def test_a_loop_of_ones_own(kind: Kind) -> None:
    kind.skip_unless_there()
    states = []
    for to_kind in (np.asarray, kind.to_kind):
        model = mlp().train().to(to_kind)
        nn.set_seed(1)
        optimizer = nn.optimizers.AdamW(0.01, global_clipnorm=0.5, parameters=model.parameters())
        x, y = ag.tensor(to_kind(X)), ag.tensor(to_kind(Y))
        for _ in range(4):
            loss = nn.losses.MeanSquaredError()(y, model(x))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        states.append(model.state_dict())
    assert all(kind.is_kind(p.data) for p in model.parameters())
    for name, a in states[1].items():
        close(a, states[0][name])


@every_kind
@pytest.mark.parametrize("data", ["device", "numpy"])
def test_fit_evaluate_and_predict(data: str, kind: Kind, tmp_path: Any) -> None:
    kind.skip_unless_there()
    found = []
    for there in (False, True):
        model = mlp(metrics=["mae"])
        if there:
            model.to(kind.to_kind)
        x, y = (kind.to_kind(a) if there and data == "device" else a for a in (X, Y))
        nn.set_seed(1)
        history = model.fit(x, y, batch_size=8, epochs=3, validation_split=0.25, verbose=0).history
        assert {type(v) for values in history.values() for v in values} == {float}
        scores = model.evaluate(x, y, verbose=0)
        predicted = model.predict(x)
        assert type(predicted) is np.ndarray
        assert {type(v) for v in scores} == {float}
        found.append((history, scores, predicted, model))
    (history, scores, predicted, here), (theirs, other_scores, other, model) = found
    close([theirs[k] for k in history], list(history.values()))
    close(other_scores, scores)
    close(other, predicted)
    assert all(kind.is_kind(p.data) for p in model.parameters())
    model.save(tmp_path / "model.safetensors")
    close(nn.models.load_model(tmp_path / "model.safetensors").predict(X), predicted)
    for one in (model.to(np), here):  # and the way back, which the optimizer's state goes too
        nn.set_seed(2)
        one.fit(X, Y, epochs=1, verbose=0)
    close(model.predict(X), here.predict(X))


def waits(step: Callable[[], Any]) -> int:
    """Return how often a call waits for a value of the double."""
    before = device_double.syncs.count
    step()
    return int(device_double.syncs.count - before)


# What a step of training waits for: the loss twice, since one that is not finite is computed again within bounds; the
# predictions, if there are metrics; and for targets on the device whether they are possible, and their values.
WAITS = {
    "a loop": (lambda model: own_step(model, DOUBLE.to_kind(Y)), 2),
    "a loop, targets of NumPy": (lambda model: own_step(model, Y), 1),
    "fit": (lambda model: model.train_on_batch(DOUBLE.to_kind(X), DOUBLE.to_kind(Y)), 3),
    "fit, data of NumPy": (lambda model: model.train_on_batch(X, Y), 2),
    "fit with metrics": (lambda model: model.train_on_batch(DOUBLE.to_kind(X), DOUBLE.to_kind(Y)), 5),
}


def own_step(model: Any, y: Any) -> None:
    optimizer = nn.optimizers.Adam(0.01, global_clipnorm=1.0, parameters=model.parameters())
    x = ag.tensor(DOUBLE.to_kind(X))
    nn.losses.MeanSquaredError()(y, model(x)).backward()
    optimizer.step()


@pytest.mark.parametrize("name", WAITS)
def test_how_often_a_step_waits_for_the_device(name: str) -> None:
    step, most = WAITS[name]
    model = mlp(metrics=["mae", "mse"] if "metrics" in name else None).to(DOUBLE.to_kind)
    step(model)
    assert waits(lambda: step(model)) == most
