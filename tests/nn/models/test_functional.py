"""Functional models: symbols, calls, several inputs and outputs, sharing, nesting, freezing, tables."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import sys
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.testing import check_module
from nn import layers, models

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))


def two_inputs() -> tuple[models.Model, layers.Dense]:
    """Return a model whose first layer is shared by two inputs, and that layer."""
    a, b = nn.Input((3,), name="a"), nn.Input((3,), name="b")
    shared = layers.Dense(4, activation="tanh")
    merged = np.concatenate([shared(a), shared(b)], axis=1)
    score = layers.Dense(1, name="score")(merged)
    kind = layers.Dense(2, activation="softmax", name="kind")(merged * 2.0)
    return models.Model([a, b], [score, kind]), shared


# ---- what it computes -----------------------------------------------------------------------------------------------


def test_it_computes_what_calling_the_layers_computes() -> None:
    model, shared = two_inputs()
    score, kind = model([A, B])
    merged = np.concatenate([shared(A), shared(B)], axis=1)
    np.testing.assert_array_equal(score.data, model.get_layer("score")(merged).data)
    np.testing.assert_array_equal(kind.data, model.get_layer("kind")(merged * np.float32(2)).data)


def test_a_chain_equals_a_sequential_with_the_same_weights() -> None:
    nn.set_seed(3)
    x = nn.Input((3,))
    functional = models.Model(x, layers.Dense(2)(layers.Dense(4, activation="relu")(x)))
    nn.set_seed(3)
    sequential = models.Sequential([nn.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)])
    np.testing.assert_array_equal(functional(A).data, sequential(A).data)
    assert list(functional.state_dict()) == list(sequential.state_dict())


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda x, y: x + y, lambda x, y: x + y),
        (lambda x, y: 1 - x, lambda x, y: 1 - x),
        (lambda x, y: x * y / 2, lambda x, y: x * y / 2),
        (lambda x, y: 2 / (x**2 + 1), lambda x, y: 2 / (x**2 + 1)),
        (lambda x, y: -abs(x), lambda x, y: -abs(x)),
        (lambda x, y: 2**x, lambda x, y: 2**x),
        (lambda x, y: x - 1 + (2 * y) - (3 + x), lambda x, y: x - 1 + (2 * y) - (3 + x)),
        (lambda x, y: x @ np.ones((3, 2)), lambda x, y: x @ np.ones((3, 2))),
        (lambda x, y: np.ones((2, 3)) @ x[:, :, None], lambda x, y: np.ones((2, 3)) @ x[:, :, None]),
        (lambda x, y: np.tanh(x), lambda x, y: np.tanh(x)),
        (lambda x, y: np.maximum(x, y), lambda x, y: np.maximum(x, y)),
        (lambda x, y: np.where(np.greater(x, y), x, y), lambda x, y: np.maximum(x, y)),
        (lambda x, y: np.sum(x, axis=1, keepdims=True), lambda x, y: x.sum(1, keepdims=True)),
        (lambda x, y: np.stack([x, y], axis=1), lambda x, y: np.stack([x, y], axis=1)),
        (lambda x, y: np.transpose(x[:, :, None], (0, 2, 1)), lambda x, y: x[:, None, :]),
        (lambda x, y: x[:, 1:], lambda x, y: x[:, 1:]),
        (lambda x, y: x[..., 0], lambda x, y: x[:, 0]),
        (lambda x, y: x.reshape(-1, 3, 1), lambda x, y: x.reshape(-1, 3, 1)),
        (lambda x, y: np.reshape(x, (-1, 1, 3)), lambda x, y: x.reshape(-1, 1, 3)),
    ],
)
def test_operators_and_numpy_functions(write: Any, expected: Any) -> None:
    a, b = nn.Input((3,), dtype="float64"), nn.Input((3,), dtype="float64")
    model = models.Model([a, b], [write(a, b), b])
    out = model([A, B])[0]
    np.testing.assert_allclose(out.data, expected(A, B), rtol=1e-12)
    assert out.dtype == np.float64
    again = models.Model.from_config(json.loads(json.dumps(model.get_config())))
    np.testing.assert_array_equal(again([A, B])[0].data, out.data)


def test_every_gradient_is_right() -> None:
    x = nn.Input((3,), dtype="float64")
    shared = layers.Dense(2, activation="tanh", dtype="float64")
    check_module(models.Model(x, shared(x) * shared(np.sin(x))), ag.tensor(A))
    a, b = nn.Input((3,), dtype="float64"), nn.Input((3,), dtype="float64")
    shared = layers.Dense(2, activation="tanh", dtype="float64")
    model = models.Model({"a": a, "b": b}, shared(a) * shared(b))
    model.get_layer("dense").kernel.grad = None
    model({"a": A, "b": B}).sum().backward()
    got = shared.kernel.grad
    assert got is not None
    eps, base = 1e-6, shared.kernel.numpy()
    bumped = base.copy()
    bumped[0, 0] += eps
    shared.kernel.assign(bumped)
    high = float(model({"a": A, "b": B}).sum())
    bumped[0, 0] -= 2 * eps
    shared.kernel.assign(bumped)
    low = float(model({"a": A, "b": B}).sum())
    assert got.data[0, 0] == pytest.approx((high - low) / (2 * eps), rel=1e-6)


def test_inputs_come_as_a_list_a_tuple_or_a_dict_by_name() -> None:
    model, _ = two_inputs()
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["score", "kind"]
    expected = model([A, B])[0].data
    for given in ((A, B), [ag.tensor(A), B], {"b": B, "a": A}, {"a": ag.tensor(A), "b": B, "other": A}):
        np.testing.assert_array_equal(model(given)[0].data, expected)


def test_outputs_come_nested_as_they_were_given() -> None:
    x = nn.Input((3,))
    h = layers.Dense(2)(x)
    assert isinstance(models.Model(x, h)(A), ag.Tensor)
    assert isinstance(models.Model([x], [h])([A]), list)
    assert set(models.Model({"x": x}, {"h": h, "x": x})({"x": A})) == {"h", "x"}
    assert models.Model(x, (h, x))(A)[1].shape == (6, 3)


def test_a_layer_with_several_results_and_keyword_arguments() -> None:
    x = nn.Input((5, 3))
    out, h, c = layers.LSTM(4, return_sequences=True, return_state=True)(x)
    again = layers.LSTM(4)(out, initial_state=[h, c])
    model = models.Model(x, again)
    data = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    lstm, second = model.layers[1:]
    out_, h_, c_ = lstm(data)
    np.testing.assert_array_equal(model(data).data, second(out_, initial_state=[h_, c_]).data)


def test_unknown_lengths_stay_open() -> None:
    x = nn.Input((None, 4))
    h = layers.LSTM(3, return_sequences=True)(x)
    assert h.shape == (None, None, 3)
    model = models.Model(x, layers.Dense(2)(h))
    assert model.output_shape == (None, None, 2)
    assert model(np.ones((2, 5, 4))).shape == (2, 5, 2)
    assert model(np.ones((1, 9, 4))).shape == (1, 9, 2)
    sequential = models.Sequential([nn.Input((None, 4)), layers.LSTM(3, return_sequences=True), layers.Dense(2)])
    assert sequential.output_shape == (None, None, 2)


def test_integer_inputs_reach_an_embedding() -> None:
    x = nn.Input((4,), dtype="int32")
    model = models.Model(x, layers.Embedding(10, 3)(x))
    expected = model(np.array([[1, 2, 3, 9]])).data
    np.testing.assert_array_equal(model(np.array([[1.0, 2.0, 3.0, 9.0]])).data, expected)


# ---- masks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("functional", [False, True])
def test_masks_reach_recurrent_layers_and_attention(functional: bool) -> None:
    embedding, first = layers.Embedding(9, 4, mask_zero=True), layers.GRU(3, return_sequences=True)
    dense, second = layers.Dense(4, activation="tanh"), layers.LSTM(2)
    chain = [embedding, first, dense, second]
    if functional:
        x = nn.Input((None,), dtype="int32")
        h = x
        for layer in chain:
            h = layer(h)
        model: Any = models.Model(x, h)
    else:
        model = models.Sequential(chain)
    short, padded = np.array([[3, 1, 4]]), np.array([[3, 1, 4, 0, 0]])
    np.testing.assert_allclose(model(padded).data, model(short).data, rtol=1e-6, atol=1e-7)
    mask = np.array([[True, True, True, False, False]])
    by_hand = second(dense(first(embedding(padded), mask=mask)), mask=mask)
    np.testing.assert_array_equal(model(padded).data, by_hand.data)
    embedding.mask_zero = False
    assert np.abs(model(padded).data - model(short).data).max() > 1e-4


def test_masks_reach_attention() -> None:
    x = nn.Input((None,), dtype="int32")
    h = layers.Embedding(9, 4, mask_zero=True)(x)
    model = models.Model(x, layers.MultiHeadAttention(2, 3)(h, h) + h)
    short, padded = np.array([[3, 1, 4]]), np.array([[3, 1, 4, 0, 0]])
    np.testing.assert_allclose(model(padded).data[:, :3], model(short).data, rtol=1e-5, atol=1e-6)


# ---- nesting, sharing, parts ----------------------------------------------------------------------------------------


def test_models_are_layers() -> None:
    a = nn.Input((3,))
    inner = models.Model(a, layers.Dense(2, activation="relu")(a), name="encoder")
    x, y = nn.Input((3,)), nn.Input((3,))
    outer = models.Model([x, y], inner(x) + inner(y))
    assert [path for path, _ in outer.named_parameters()] == ["encoder.dense.kernel", "encoder.dense.bias"]
    np.testing.assert_array_equal(outer([A, B]).data, (inner(A) + inner(B)).data)
    sequential = models.Sequential([inner, layers.Dense(1)])
    assert sequential.built
    assert sequential(A).shape == (6, 1)


def test_a_model_of_the_first_layers_shares_their_weights() -> None:
    model, shared = two_inputs()
    features = models.Model(model.inputs, model.get_layer("dense").output)
    np.testing.assert_array_equal(features([A, B]).data, shared(A).data)
    assert features.get_layer("dense") is shared
    copied = copy.deepcopy(model)
    assert models.Model(copied.inputs, copied.get_layer("dense").output)([A, B]).shape == (6, 4)


def test_an_intermediate_symbol_may_be_the_input() -> None:
    x = nn.Input((3,))
    h = layers.Dense(2)(x)
    top = models.Model(h, layers.Dense(1)(h))
    assert top(np.ones((4, 2))).shape == (4, 1)
    assert models.Model(top.inputs, top.outputs[0])(np.ones((4, 2))).shape == (4, 1)


def test_copies_and_pickles_are_independent_and_compute_the_same() -> None:
    model, _ = two_inputs()
    expected = model([A, B])[0].data.copy()
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again([A, B])[0].data, expected)
        again.get_layer("score").kernel.assign(np.zeros((8, 1), np.float32))
        np.testing.assert_array_equal(model([A, B])[0].data, expected)


def test_a_deep_model_is_copied_and_dies_without_recursion() -> None:
    x = nn.Input((2,))
    h = x
    for _ in range(3 * sys.getrecursionlimit()):
        h = h + 1
    model = models.Model(x, h)
    assert copy.deepcopy(model)(np.zeros((1, 2))).data[0, 0] == 3 * sys.getrecursionlimit()
    del h, x


def test_a_model_dies_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        model, shared = two_inputs()
        model([A, B])[0].sum().backward()
        alive = weakref.ref(model), weakref.ref(shared)
        del model, shared
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


def test_get_layer() -> None:
    model, shared = two_inputs()
    assert model.get_layer("dense") is shared is model.get_layer(index=2)
    assert model.get_layer(index=-1) is model.get_layer("kind")
    with pytest.raises(ValueError, match="expected one of .*'score'.*; received 'nothing'"):
        model.get_layer("nothing")
    with pytest.raises(ValueError, match="expected an index below"):
        model.get_layer(index=99)
    with pytest.raises(ValueError, match="expected a name or an index"):
        model.get_layer()


# ---- training -------------------------------------------------------------------------------------------------------


def test_several_outputs_are_trained_with_their_losses_and_weights() -> None:
    nn.set_seed(0)
    model, _ = two_inputs()
    y = {"score": A[:, :1] * B[:, :1], "kind": (A[:, 0] > B[:, 0]).astype(int)}
    model.compile(
        optimizer=nn.optimizers.Adam(0.02),
        loss={"score": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"score": 0.5, "kind": 2.0},
        metrics={"kind": ["accuracy"]},
    )
    history = model.fit({"a": A, "b": B}, y, epochs=60, verbose=0).history
    assert {"loss", "score_loss", "kind_loss", "kind_accuracy"} <= set(history)
    total = 0.5 * history["score_loss"][0] + 2.0 * history["kind_loss"][0]
    assert history["loss"][0] == pytest.approx(total, rel=1e-6)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    predicted = model.predict([A, B])
    assert [p.shape for p in predicted] == [(6, 1), (6, 2)]
    values = model.evaluate([A, B], [y["score"], y["kind"]], verbose=0)
    assert len(values) == 4  # type: ignore[arg-type]


def test_one_step_of_several_outputs_is_the_step_of_a_hand_written_loop() -> None:
    nn.set_seed(0)
    model, _ = two_inputs()
    other = copy.deepcopy(model)
    y = [np.ones((6, 1)), np.eye(2)[[0, 1, 0, 1, 0, 1]]]
    model.compile(nn.optimizers.SGD(0.1), ["mse", "categorical_crossentropy"], loss_weights=[1.0, 0.25])
    model.train_on_batch([A, B], y)
    score, kind = other([A, B])
    loss = nn.losses.MeanSquaredError()(y[0], score) + 0.25 * nn.losses.CategoricalCrossentropy()(y[1], kind)
    loss.backward()
    nn.optimizers.SGD(0.1, parameters=other.parameters()).step()
    for path, a in other.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[path], a, rtol=1e-6, atol=1e-7)


def test_frozen_layers_do_not_change_and_come_back() -> None:
    model, shared = two_inputs()
    shared.trainable = False
    assert {p.name for p in model.parameters()} == {"score.kernel", "score.bias", "kind.kernel", "kind.bias"}
    assert len(model.non_trainable_weights) == 2
    before = shared.kernel.numpy()
    model.compile("sgd", ["mse", "mse"])
    model.fit([A, B], [np.ones((6, 1)), np.ones((6, 2))], verbose=0)
    np.testing.assert_array_equal(shared.kernel.data, before)
    shared.trainable = True
    assert len(model.parameters()) == 6
    assert model.non_trainable_weights == []


def test_a_layer_frozen_before_it_is_built_has_no_parameters() -> None:
    inner = models.Sequential([layers.Dense(2), layers.BatchNormalization()])
    inner.trainable = False
    x = nn.Input((3,))
    model = models.Model(x, layers.Dense(1)(inner(x)))
    assert [path for path, _ in model.named_parameters()] == ["dense.kernel", "dense.bias"]
    inner.trainable = True
    assert len(inner.parameters()) == 4, "running statistics stay buffers"
    assert len(inner.non_trainable_weights) == 2


def test_weights_as_lists() -> None:
    model, _ = two_inputs()
    other, _ = two_inputs()
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other([A, B])[0].data, model([A, B])[0].data)
    assert [w.name for w in model.weights] == list(model.state_dict())
    with pytest.raises(ValueError, match="expected 6 arrays"):
        other.set_weights([])


# ---- bad input ------------------------------------------------------------------------------------------------------


def test_what_cannot_be_a_model_is_explained() -> None:
    x, y = nn.Input((3,), name="x"), nn.Input((3,), name="y")
    with pytest.raises(ValueError, match=r"they also need Symbol\(.*name='y'\).*Add it to inputs"):
        models.Model(x, layers.Dense(1)(x + y))
    with pytest.raises(TypeError, match="expected outputs to be a symbol"):
        models.Model(x, 3)
    with pytest.raises(TypeError, match="expected inputs to be a symbol"):
        models.Model([x, np.ones(3)], x)
    with pytest.raises(TypeError, match="expected inputs and outputs, both or none"):
        models.Model(x)
    with pytest.raises(ValueError, match="expected every input once"):
        models.Model([x, x], layers.Dense(1)(x))
    with pytest.raises(ValueError, match="two are called 'd'"):
        models.Model(x, layers.Dense(1, name="d")(layers.Dense(1, name="d")(x)))
    with pytest.raises(ValueError, match="expected the shape of one sample"):
        nn.Input()
    with pytest.raises(ValueError, match="Operation: expected one of .*received 'save'"):
        layers.Operation("save")
    with pytest.raises(TypeError, match="expected an index of integers"):
        x[[True, False]]


def test_what_a_symbol_is_not() -> None:
    x = nn.Input((3,))
    for use in (bool, len, iter, np.asarray):
        with pytest.raises(TypeError, match="received Symbol"):
            use(x)  # type: ignore[operator]
    with pytest.raises(TypeError, match=r"np\.add\.reduce: expected arrays"):
        np.add.reduce(x)


def test_wrong_inputs_are_explained() -> None:
    model, _ = two_inputs()
    with pytest.raises(ValueError, match="expected 2 inputs, 'a', 'b'; received 1"):
        model(A)
    with pytest.raises(ValueError, match="received 'a', without 'b'"):
        model({"a": A})
    with pytest.raises(TypeError, match="expected one argument"):
        model(A, B)
    with pytest.raises(ValueError, match=r"\(Input\): expected samples of shape \(3,\); received shape \(6, 2\)"):
        model([A, B[:, :2]])
    with pytest.raises(TypeError, match="expected a functional model"):
        _ = models.Sequential([layers.Dense(1)]).inputs


def test_a_layer_that_does_not_fit_says_so_and_stays_unbuilt() -> None:
    layer = layers.Dense(2)
    layer(nn.Input((3,)))
    with pytest.raises(ValueError, match="expected inputs whose last axis has length 3"):
        layer(nn.Input((4,)))
    assert layer.kernel.shape == (3, 2)


# ---- tables ---------------------------------------------------------------------------------------------------------


def test_the_summary_shows_connections(capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = two_inputs()
    model.summary()
    out = capsys.readouterr().out
    rows = {cells[1].split()[0]: cells[1:-1] for cells in (line.split("│") for line in out.splitlines()) if cells[1:]}
    assert [c.strip() for c in rows["dense"]] == ["dense (Dense)", "(None, 4)", "16", "a[0][0], b[0][0]"]
    assert [c.strip() for c in rows["concatenate"]][3] == "dense[0][0], dense[1][0]"
    assert "Total params: 43 (172.00 B)" in out
    lengths = {len(line) for line in out.splitlines() if line[:1] in "┏┃┡│└├"}
    assert len(lengths) == 1, "a table with straight edges"


def test_the_summary_of_nested_models_and_what_is_trained() -> None:
    a = nn.Input((3,))
    inner = models.Model(a, layers.Dense(2)(a), name="inner")
    inner.trainable = False
    texts: list[str] = []
    models.Sequential([inner, layers.Dense(1)]).summary(texts.append, expand_nested=True, show_trainable=True)
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in texts[0].splitlines() if line.startswith("│")]
    assert ["inner (Model)", "(None, 2)", "8", "N"] in rows
    assert ["dense (Dense)", "(None, 2)", "8", "N"] in rows
    assert ["dense (Dense)", "(None, 1)", "3", "Y"] in rows


def test_the_summary_prints_where_only_ascii_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    models.Sequential([layers.Dense(1, input_shape=(2,))]).summary()
    sys.stdout.flush()
    assert b"| dense (Dense) |" in raw.getvalue()


def test_a_notebook_shows_a_table() -> None:
    model, _ = two_inputs()
    page = model._repr_html_()
    assert page.count("<tr>") == 1 + len(model.named_modules()[1:])  # operations too
    assert '<td style="text-align:left">a[0][0], b[0][0]</td>' in page
    unbuilt = models.Sequential([layers.Dense(1)])
    assert unbuilt._repr_html_().startswith("<pre>Sequential(")
    named = models.Sequential([layers.Dense(1, input_shape=(2,))], name="<script>")
    assert "<script>" not in named._repr_html_()


def test_the_symbols_of_layers_are_those_that_the_model_was_made_of() -> None:
    a, b = nn.Input((3,), name="a"), nn.Input((2,), name="b")
    hidden = layers.Dense(4, name="hidden")(layers.Concatenate()([a, b]))
    first = layers.Dense(1)(hidden)
    model = nn.Model([a, b], first)
    second = layers.Dense(2)(model.get_layer("hidden").output)
    both = nn.Model([a, b], [first, second])
    x = [np.ones((5, 3)), np.ones((5, 2))]
    assert [out.shape for out in both(x)] == [(5, 1), (5, 2)]
    np.testing.assert_array_equal(both(x)[0].data, model(x).data)
    del a, b, hidden, first, second  # now there are none, and new ones are made
    gc.collect()
    features = nn.Model(model.inputs, model.get_layer("hidden").output)
    assert features(x).shape == (5, 4)
    again = copy.deepcopy(model)
    assert nn.Model(again.inputs, again.get_layer("hidden").output)(x).shape == (5, 4)


def test_the_symbols_of_a_model_are_those_it_was_made_of() -> None:
    x = nn.Input((3,))
    hidden = layers.Dense(2, name="hidden")(x)
    out = layers.Dense(1)(hidden)
    model = models.Model(x, out)
    assert model.inputs[0] is x
    assert model.get_layer("hidden").output is hidden
    longer = models.Model(x, [out, layers.Dense(4)(model.get_layer("hidden").output)])
    assert [a.shape for a in longer(A)] == [(6, 1), (6, 4)]
    del hidden, out
    gc.collect()
    assert models.Model(x, models.Model(x, -x).output).output_shape == (None, 3)
    assert models.Model(x, model.get_layer("hidden").output).output_shape == (None, 2)
    assert copy.deepcopy(model).inputs[0] is not x
