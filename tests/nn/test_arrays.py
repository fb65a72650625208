"""Networks on arrays that are not NumPy's: every part gives what it gives with NumPy, and stays where its arrays are.

They run with a strict double of a device, and with CuPy where a GPU answers; see `tests/array_kinds.py`.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
import nn
import nn.constraints
import nn.regularizers

from .. import device_double
from ..array_kinds import DOUBLE, KINDS, Kind
from . import test_initializers
from .distributed.threads import ThreadCommunicator, _Group
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


def waits(step: Callable[[], Any]) -> int:
    """Return how often a call waits for a value of the double."""
    before = device_double.syncs.count
    step()
    return int(device_double.syncs.count - before)


def hold(law: Callable[[Any, Kind], None], rows: Mapping[str, Any], kind: Kind) -> None:
    """Try a law on rows, and name all that break it."""
    broken: dict[str, Exception] = {}
    for name, row in rows.items():
        try:
            law(row, kind)
        except Exception as error:
            broken[name] = error
    assert not broken, {name: f"{type(e).__name__}: {str(e)[:300]}" for name, e in broken.items()}


# ---- layers ---------------------------------------------------------------------------------------------------------


def run_layer(case: LayerCase, to_kind: Callable[[np.ndarray], Any] | None, order: int = 2) -> list[ag.Tensor]:
    """Return the results of a layer in both modes, the gradients, and those of the squares of these."""
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
    twice = order == 2 and "second order" not in case.exempt
    total((o * o * (1.0 + 0.1 * o)).sum() for o in outs).backward(create_graph=twice)
    gradients = [t.grad for t in wanted if t.grad is not None]
    found += gradients
    if twice:
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


NUMPY_ALONE = ("FixedPoint",)
LAYERS = {case.name: case for case in all_cases() if not case.name.startswith(NUMPY_ALONE)}
# The layers that wait for values in a step, with the reason; the others hand the device their work, and go on.
IN_RANGE = "it refuses integers that are out of range"
ON_THE_HOST = "it is computed by NumPy, and put back"
TINY = "it computes vectors of tiny or huge numbers with more care, which takes longer"
WAITING = {
    **dict.fromkeys(("CategoryEncoding", "Embedding", "ReversibleEmbedding", "TokenAndPositionEmbedding"), IN_RANGE),
    **dict.fromkeys(("Hashing", "HashedCrossing"), ON_THE_HOST),
    "IntegerLookup": "integers that it does not know are hashed, by Python",
    "ContrastLimitedAdaptiveHistogramEqualization": ON_THE_HOST,
    **dict.fromkeys(("Equalization", "RandAugment"), "what a histogram begins with decides"),
    **dict.fromkeys((f"MaxPooling{n}D" for n in (1, 2, 3)), "its gradient follows a NaN, if there is one"),
    **dict.fromkeys(("Dot", "UnitNormalization"), TINY),
    "SpectralNormalization": "a weight of zeros has no norm",
}


def waiting_layers(cases: Iterable[LayerCase]) -> set[str]:
    """Return the classes whose forward or backward passes wait for the double of a device."""
    return {case.name.partition(",")[0] for case in cases if waits(lambda: run_layer(case, DOUBLE.to_kind, 1))}  # noqa: B023


@every_kind
def test_a_case_of_every_layer(kind: Kind) -> None:
    kind.skip_unless_there()
    hold(layer_law, {case.name.partition(",")[0]: case for case in reversed(LAYERS.values())}, kind)


@pytest.mark.parametrize("name", NUMPY_ALONE)
def test_a_layer_for_numpy_alone_refuses_other_arrays(name: str) -> None:
    (case, *_) = [case for case in all_cases() if case.name == name]
    with pytest.raises(ag.UnsupportedError, match="arrays of NumPy"):
        run_layer(case, DOUBLE.to_kind)


@pytest.mark.ci
@every_kind
def test_every_case_of_every_layer(kind: Kind) -> None:
    kind.skip_unless_there()
    hold(layer_law, LAYERS, kind)


@pytest.mark.ci
def test_which_layers_wait_for_the_device() -> None:
    assert waiting_layers(LAYERS.values()) == set(WAITING)


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
    for move in (False, True):
        for p, q in zip(found, wanted, strict=True):
            if move:
                ag.arrays.move(p, np.zeros(0))
            p.assign(q)
            q.grad = ag.tensor(np.ones(p.shape))
            p.grad = ag.tensor(np.ones(p.shape) if move else kind.to_kind(np.ones(p.shape)))
        optimizer.step()
        expected.step()
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)
    assert all(type(p.data) is np.ndarray for p in found)


LAWS["optimizers"] = optimizer_law, test_whole_steps.ALL


@every_kind
@pytest.mark.parametrize("group", LAWS)
def test_every_other_part(group: str, kind: Kind) -> None:
    kind.skip_unless_there()
    law, rows = LAWS[group]
    hold(law, rows, kind)


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


def own_step(model: Any, x: Any, y: Any) -> None:
    optimizer = nn.optimizers.Adam(0.01, global_clipnorm=1.0, parameters=model.parameters())
    nn.losses.BinaryCrossentropy(from_logits=True)(y > 0, model(x)).backward()
    optimizer.step()


def fit_step(model: Any, x: Any, y: Any) -> None:
    model.train_on_batch(x, y)


class Row(NamedTuple):
    """A step of training, where its data are, how often it waits, and how many arrays it copies to the device."""

    step: Callable[[Any, Any, Any], None]
    there: tuple[bool, bool]
    waits: int
    copies: int


# What a step waits for: whether the loss is finite, since otherwise it is computed again within bounds; the loss; for
# targets on the device, whether they are possible; and for metrics the predictions, and targets that are there. What it
# copies: the batch, and in training the mask of a dropout.
STEPS = {
    "a loop": Row(own_step, (True, True), 2, 0),
    "a loop with targets of NumPy": Row(own_step, (True, False), 1, 1),
    "fit": Row(fit_step, (True, True), 3, 1),
    "fit with data of NumPy": Row(fit_step, (False, False), 2, 3),
    "fit with metrics": Row(fit_step, (True, True), 5, 1),
}


@pytest.mark.parametrize("name", STEPS)
def test_how_often_a_step_waits_for_the_device_and_copies_to_it(name: str, monkeypatch: Any) -> None:
    step, there, expected, copied = STEPS[name]
    model = mlp(metrics=["mae", "mse"] if "metrics" in name else None).to(DOUBLE.to_kind)
    x, y = (DOUBLE.to_kind(a) if moved else a for a, moved in zip((X, Y), there, strict=True))
    step(model, x, y)
    copies, make = [], device_double.asarray

    def noted(a: Any, *args: Any, **kwargs: Any) -> Any:
        copies.extend([a.shape] if isinstance(a, np.ndarray) and a.ndim > 1 else [])
        return make(a, *args, **kwargs)

    monkeypatch.setattr(device_double, "asarray", noted)
    assert waits(lambda: step(model, x, y)) == expected
    assert len(copies) == copied, copies


# ---- moving ---------------------------------------------------------------------------------------------------------


@every_kind
def test_what_is_built_later_follows(kind: Kind) -> None:
    kind.skip_unless_there()
    model = nn.Sequential([nn.layers.Dense(5, "relu"), nn.layers.BatchNormalization()])
    assert model.to(kind.to_kind) is model
    assert kind.is_kind(model(X).data)
    model.add(nn.layers.Dense(2))
    assert kind.is_kind(model(X).data)
    assert all(kind.is_kind(t.data) for t in model.weights)
    twin = copy.deepcopy(model)
    same(kind, twin(X, training=False), ag.tensor(model(X, training=False).numpy()))
    model.load_state_dict({name: a * 0 for name, a in model.state_dict().items()})
    assert all(kind.is_kind(t.data) for t in model.weights)
    assert not model(X).numpy().any()


@every_kind
def test_gradients_move_too_and_tensors_stay_the_same_objects(kind: Kind) -> None:
    kind.skip_unless_there()
    layer = nn.layers.Dense(2, input_shape=(4,))
    before = layer.parameters()
    layer(X).sum().backward()
    expected = [p.grad.numpy() for p in before]
    after = layer.to(kind.to_kind).parameters()
    assert [id(p) for p in after] == [id(p) for p in before]
    assert all(kind.is_kind(p.data) and kind.is_kind(p.grad.data) for p in after)
    for p, g in zip(after, expected, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), g)


@every_kind
def test_texts_and_loaders_train_a_model_there(kind: Kind) -> None:
    kind.skip_unless_there()
    words = np.array([["a", "b", "a"], ["b", "c", "c"]] * 4)
    model = nn.Sequential(
        [
            nn.layers.StringLookup(vocabulary=["a", "b"]),
            nn.layers.Embedding(3, 4, mask_zero=True),
            nn.layers.LSTM(3),
            nn.layers.Dense(2, "softmax"),
        ]
    )
    model.to(kind.to_kind).compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(words, kind.to_kind(np.array([0, 1] * 4)), epochs=2, verbose=0, class_weight={0: 2.0})
    loader = nn.data.DataLoader((kind.to_kind(X), kind.to_kind(Y)), batch_size=8)
    other = mlp().to(kind.to_kind)
    other.fit(loader, epochs=1, verbose=0)
    a, b = nn.Input((4,)), nn.Input((3,))
    two = nn.Model([a, b], nn.layers.Dense(1)(nn.layers.Concatenate()([a, b]))).to(kind.to_kind)
    two.compile("sgd", "mse")
    assert kind.is_kind(two([kind.to_kind(X), kind.to_kind(Y)]).data)
    assert kind.is_kind(nn.Sequential([nn.layers.Flatten()]).to(kind.to_kind)(X).data)  # which holds no arrays
    two.fit([kind.to_kind(X), kind.to_kind(Y)], Y[:, :1], epochs=1, verbose=0)
    assert all(kind.is_kind(p.data) for p in (*model.parameters(), *other.parameters()))


class Noting(nn.layers.Layer):
    """Passes its input on, one array or the sum of several, and keeps what it was."""

    _takes_lists = True

    def __post_init__(self) -> None:
        self.seen: set[Any] = set()

    def call(self, x: Any) -> Any:
        parts = x if isinstance(x, list) else [x]
        self.seen |= {type(part.data) for part in parts}
        return total(parts)


@every_kind
def test_a_layer_without_arrays_of_its_own_sees_those_of_the_model(kind: Kind) -> None:
    kind.skip_unless_there()
    there = {type(kind.to_kind(X))}
    for call in (
        lambda model: model(X),
        lambda model: model.layers[0]([kind.to_kind(X), kind.to_kind(X)]),
        lambda model: model.fit(X, Y, verbose=0),
        lambda model: model.evaluate(X, Y, verbose=0),
        lambda model: model.predict(X),
    ):
        model = nn.Sequential([Noting(), nn.layers.Dense(3)])
        model.compile("sgd", "mse")
        call(model.to(kind.to_kind))
        assert model.layers[0].seen == there


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a name": (lambda: mlp().to("cuda"), TypeError, "expected a library with asarray"),
    "a Tensor that requires a gradient": (
        lambda: mlp().to(DOUBLE.to_kind)(ag.tensor(X, requires_grad=True)),
        TypeError,
        "expected arrays of one kind",
    ),
    "several ranks": (
        lambda: mlp().to(DOUBLE.to_kind).fit(X, Y, verbose=0, distributed=ThreadCommunicator(_Group(2), 0)),
        ValueError,
        "expected a model on NumPy's arrays with distributed=True",
    ),
    "jit_compile=True": (
        lambda: mlp(jit_compile=True).to(DOUBLE.to_kind).fit(X, Y, verbose=0),
        ag.TraceError,
        "expected a model on NumPy's arrays",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()
