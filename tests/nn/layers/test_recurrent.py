"""Recurrent layers: against loops in plain NumPy, against PyTorch, and what they promise about masks and states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.testing import check_module
from nn import layers

N, T, D, H = 3, 5, 2, 4
KINDS: dict[str, Any] = {
    "SimpleRNN": layers.SimpleRNN,
    "GRU": layers.GRU,
    "GRU, reset before": lambda units, **kwargs: layers.GRU(units, reset_after=False, **kwargs),
    "LSTM": layers.LSTM,
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def data(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape or (N, T, D))


def made(kind: str, seed: int = 1, **kwargs: Any) -> Any:
    """Return a layer in float64 all of whose weights are random, biases too."""
    nn.set_seed(seed)
    arguments = {"return_sequences": True, "return_state": True, "bias_initializer": "random_normal"} | kwargs
    layer = KINDS[kind](H, dtype="float64", input_shape=(T, D), **arguments)
    rng = np.random.default_rng(seed)
    for p in layer.parameters():
        p.assign(rng.normal(size=p.shape) * 0.6)
    return layer


def loop(kind: str, layer: Any, x: Any, h: Any = None, c: Any = None) -> list[Any]:
    """Compute outputs and states as the formulas say, gate by gate."""
    w, u = layer.cell.kernel.numpy(), layer.cell.recurrent_kernel.numpy()
    bias = np.zeros(w.shape[1]) if layer.cell.bias is None else layer.cell.bias.numpy()
    h = np.zeros((len(x), H)) if h is None else h
    c = np.zeros((len(x), H)) if c is None else c
    out = []

    def s(a: Any) -> Any:
        return 1 / (1 + np.exp(-a))

    def gate(k: int, a: Any, weights: Any, b: Any) -> Any:
        return a @ weights[:, k * H : (k + 1) * H] + (0 if b is None else b[k * H : (k + 1) * H])

    for step in np.swapaxes(x, 0, 1):
        if kind == "SimpleRNN":
            h = np.tanh(step @ w + bias + h @ u)
        elif kind == "LSTM":
            i, f, g, o = (gate(k, step, w, bias) + gate(k, h, u, None) for k in range(4))
            c = s(f) * c + s(i) * np.tanh(g)
            h = s(o) * np.tanh(c)
        else:
            first, second = bias if bias.ndim == 2 else (bias, None)
            z = s(gate(0, step, w, first) + gate(0, h, u, second))
            r = s(gate(1, step, w, first) + gate(1, h, u, second))
            inner = r * gate(2, h, u, second) if kind == "GRU" else gate(2, r * h, u, None)
            h = z * h + (1 - z) * np.tanh(gate(2, step, w, first) + inner)
        out.append(h)
    return [np.stack(out, axis=1), h, *([c] if kind == "LSTM" else [])]


def close(got: Any, expected: Any, rtol: float = 1e-12) -> None:
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a.numpy() if isinstance(a, ag.Tensor) else a, b, rtol=rtol, atol=rtol)


# ---- values ---------------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("use_bias", [True, False])
def test_it_computes_its_formulas(kind: str, use_bias: bool) -> None:
    layer = made(kind, use_bias=use_bias)
    close(layer(data()), loop(kind, layer, data()))


@every_kind
def test_it_starts_from_the_states_that_it_is_given(kind: str) -> None:
    layer, states = made(kind), [data(N, H, seed=k) for k in range(2 if kind == "LSTM" else 1)]
    close(layer(data(), initial_state=states), loop(kind, layer, data(), *states))


@every_kind
def test_two_halves_equal_the_whole(kind: str) -> None:
    layer = made(kind)
    whole = layer(data())
    first = layer(data()[:, :2])
    second = layer(data()[:, 2:], initial_state=first[1:])
    close([np.concatenate([first[0], second[0]], axis=1), *second[1:]], [a.numpy() for a in whole])


@every_kind
def test_what_is_returned(kind: str) -> None:
    layer = made(kind)
    out, *states = layer(data())
    assert out.shape == (N, T, H)
    assert [s.shape for s in states] == [(N, H)] * (2 if kind == "LSTM" else 1)
    np.testing.assert_array_equal(out[:, -1].numpy(), states[0].numpy())
    last = made(kind, return_sequences=False, return_state=False)(data())
    np.testing.assert_allclose(last.numpy(), out[:, -1].numpy(), rtol=1e-14)


@every_kind
def test_a_cell_step_by_step_is_the_layer(kind: str) -> None:
    layer = made(kind)
    states: Any = None
    for t in range(T):
        out, states = layer.cell(data()[:, t], states)
    close([out, *states], [layer(data())[0][:, -1].numpy(), *[s.numpy() for s in layer(data())[1:]]])


@every_kind
def test_backwards_is_forwards_on_the_reversed_sequence(kind: str) -> None:
    forward, backward = made(kind), made(kind, go_backwards=True)
    close(backward(data()), [a.numpy() for a in forward(data()[:, ::-1])])
    mask = np.array([[True, False, True, True, False]] * N)
    close(backward(data(), mask=mask), [a.numpy() for a in forward(data()[:, ::-1], mask=mask[:, ::-1])])


def test_the_forget_gate_starts_open() -> None:
    bias = layers.LSTM(2, input_shape=(3, 1)).parameters()[2]
    assert bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    closed = layers.LSTM(2, input_shape=(3, 1), unit_forget_bias=False).parameters()[2]
    assert closed.tolist() == [0] * 8


# ---- the fused op and the loop over steps ---------------------------------------------------------------------------


OPS = {"SimpleRNN": "simple_rnn", "GRU": "gru", "GRU, reset before": "gru", "LSTM": "lstm"}
HOLES = np.array([[True, False, True, True, False], [False, False, True, False, True], [False] * 5])
MASKS: dict[str, Any] = {"no mask": None, "all": np.ones((N, T), bool), "holes": HOLES}


@every_kind
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_the_one_op_is_the_loop_over_steps(
    kind: str, mask: str, states: bool, sequences: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same values and the same gradients, with any mask."""
    found = []
    for loop_over_steps in (False, True):
        for zero in (False, True):
            layer = made(kind, return_sequences=sequences, zero_output_for_mask=zero)
            if loop_over_steps:
                monkeypatch.setattr(layer, "_usual", lambda: False)
            x = ag.tensor(data(), requires_grad=True)
            count = (2 if kind == "LSTM" else 1) * states
            first = [ag.tensor(data(N, H, seed=k), requires_grad=True) for k in range(count)]
            out, *last = layer(x, initial_state=first or None, mask=MASKS[mask])
            ((out * np.sin(np.arange(out.size).reshape(out.shape))).sum() + (last[0] * last[-1]).sum()).backward()
            assert (OPS[kind] in {node.op for node in ag.build_graph(out)}) != loop_over_steps
            tensors = [x, *first, *layer.parameters()]
            found.append([a.numpy() for a in (out, *last)] + [t.grad.numpy() for t in tensors])
    for one_op, loop_ in zip(found[:2], found[2:], strict=True):
        close(one_op, loop_, 1e-11)


def test_relu_is_one_op_and_other_activations_are_a_loop() -> None:
    for activation, op in (("relu", True), ("tanh", True), ("sigmoid", False)):
        layer = layers.SimpleRNN(H, activation, return_sequences=True, dtype="float64")
        out = layer(data())
        w, u = layer.cell.kernel.numpy(), layer.cell.recurrent_kernel.numpy()
        f = {"relu": lambda a: np.maximum(a, 0), "tanh": np.tanh, "sigmoid": lambda a: 1 / (1 + np.exp(-a))}
        h = np.zeros((N, H))
        for t in range(T):
            h = f[activation](data()[:, t] @ w + h @ u)
            np.testing.assert_allclose(out[:, t].numpy(), h, rtol=1e-12)
        assert ("simple_rnn" in {node.op for node in ag.build_graph(out)}) == op


@every_kind
def test_what_is_masked_may_hold_nan(kind: str) -> None:
    layer, x = made(kind), ag.tensor(data(), requires_grad=True)
    clean = layer(x, mask=HOLES)[0]
    spoilt = ag.tensor(np.where(HOLES[..., None], data(), np.nan), requires_grad=True)
    out = layer(spoilt, mask=HOLES)[0]
    np.testing.assert_array_equal(out.numpy(), clean.numpy())
    out.sum().backward()
    assert np.isfinite(layer.cell.recurrent_kernel.grad.numpy()).all()
    assert np.isfinite(spoilt.grad.numpy()).all()


def test_a_batch_of_no_sequences() -> None:
    for kind in KINDS:
        assert made(kind)(np.zeros((0, T, D)))[0].shape == (0, T, H)


def test_shapes_that_do_not_fit_the_op() -> None:
    z, r = np.zeros((5, 2, 12)), np.ones((3, 12))
    for wrong in ((z[0], r), (z[:0], r), (z[:, :0], r), (z, r[:2]), (z, r, np.zeros(3)), (z, r, None, np.ones((3, 2)))):
        with pytest.raises(ag.ShapeError, match=r"lstm: expected z of shape \(T, N, 4 H\) .* h and c .* received z"):
            ag.lstm(*wrong)
    z, r = z[..., :9], r[:, :9]
    for wrong in ((z, r[:2]), (z, r, np.zeros(9)), (z, r, np.zeros((2, 9)), np.zeros((3, 3)))):
        with pytest.raises(
            ag.ShapeError, match=r"gru: expected z of shape \(T, N, 3 H\) .*bias \(2, 3 H\), h .*received"
        ):
            ag.gru(*wrong)
    with pytest.raises(ag.ShapeError, match=r"simple_rnn: expected z of shape \(T, N, H\) .*recurrent_kernel \(H, H\)"):
        ag.simple_rnn(z, r)
    with pytest.raises(ValueError, match=r"simple_rnn: expected activation to be 'tanh' or 'relu'; received 'gelu'"):
        ag.simple_rnn(z, np.ones((9, 9)), activation="gelu")


# ---- masks ----------------------------------------------------------------------------------------------------------


@every_kind
def test_a_masked_step_leaves_the_states_and_repeats_the_output(kind: str) -> None:
    layer, mask = made(kind), np.ones((N, T), bool)
    mask[0, 3:] = mask[1, 1] = False
    out, *states = layer(data(), mask=mask)
    for row in range(N):
        kept = loop(kind, layer, data()[row : row + 1, mask[row]])
        close([s[row : row + 1] for s in states], kept[1:])
        close([out[row, mask[row]]], [kept[0][0]])
    np.testing.assert_array_equal(out[0, 3:].numpy(), np.stack([out[0, 2].numpy()] * 2))


def test_outputs_of_masked_steps_are_zero_where_asked_or_at_the_start() -> None:
    mask = np.array([[False, True, True, False, True]] * N)
    for zero in (True, False):
        out = made("LSTM", zero_output_for_mask=zero)(data(), mask=mask)[0].numpy()
        assert not out[:, 0].any()
        assert out[:, 3].any() != zero


@every_kind
def test_what_is_masked_does_not_count(kind: str) -> None:
    layer, mask = made(kind), np.array([[True, True, True, False, False]] * N)
    other = data()
    other[:, 3:] = 1e3
    close(layer(other, mask=mask), [a.numpy() for a in layer(data(), mask=ag.tensor(mask))])
    x = ag.tensor(data(), requires_grad=True)
    layer(x, mask=mask)[0].sum().backward()
    assert not x.grad.numpy()[:, 3:].any()


# ---- states between batches -----------------------------------------------------------------------------------------


@every_kind
def test_a_stateful_layer_goes_on_until_it_is_reset(kind: str) -> None:
    layer, plain = made(kind, stateful=True), made(kind)
    x = data(N, 2 * T, D)
    first, second = layer(x[:, :T]), layer(x[:, T:])
    whole = plain(x)
    close([np.concatenate([first[0], second[0]], axis=1), *second[1:]], [a.numpy() for a in whole])
    layer.reset_states()
    close(layer(x[:, :T]), [a.numpy() for a in first])


def test_a_stateful_layer_trains_on_each_batch_alone() -> None:
    layer = made("LSTM", stateful=True)
    paths = [path for path, _ in layer.named_parameters()]
    for _ in range(2):
        layer(data())[0].sum().backward()
    assert [path for path, _ in layer.named_parameters()] == paths
    with pytest.raises(ag.ShapeError, match=r"expected a batch of 3 sequences.*received 2.*reset_states"):
        layer(data()[:2])
    layer.reset_states()
    assert layer(data()[:2])[0].shape == (2, T, H)


@pytest.mark.parametrize("kind", ["SimpleRNNCell", "LSTMCell"])
def test_a_cell_takes_a_list_of_arrays_as_its_states(kind: str) -> None:
    cell = getattr(layers, kind)(H)
    x, states = data(N, D), [data(N, H) for _ in range(cell.states)]
    close([cell(x, states)[0]], [cell(x, [ag.tensor(s) for s in states])[0].numpy()])


# ---- dropout --------------------------------------------------------------------------------------------------------


def test_dropout_draws_one_mask_for_all_steps() -> None:
    nn.set_seed(0)
    layer = layers.SimpleRNN(D, None, kernel_initializer=lambda shape, dtype: np.eye(*shape, dtype=dtype), dropout=0.5,
                             recurrent_initializer="zeros", return_sequences=True)  # fmt: skip
    out = layer(np.ones((40, T, D))).numpy()
    assert set(np.unique(out)) == {0, 2}
    assert (out == out[:, :1]).all()
    assert (layer.eval()(np.ones((4, T, D))).numpy() == 1).all()


@every_kind
def test_recurrent_dropout_draws_while_training_only(kind: str) -> None:
    layer = made(kind, recurrent_dropout=0.5)
    a, b = layer(data())[0].numpy(), layer(data())[0].numpy()
    assert (a != b).any()
    np.testing.assert_array_equal(a[:, 0], b[:, 0])
    layer.eval()
    close(layer(data()), loop(kind, layer, data()))


# ---- around recurrent layers ----------------------------------------------------------------------------------------


def test_bidirectional_is_symmetric() -> None:
    """On the reversed sequence, with the two layers' weights exchanged, its halves change places and run backwards."""
    nn.set_seed(0)
    first = layers.Bidirectional(layers.GRU(H, return_sequences=True, dtype="float64"))
    second = layers.Bidirectional(layers.GRU(H, return_sequences=True, dtype="float64"))
    y = first(data()).numpy()
    second(data())
    for a, b in (("forward_layer", "backward_layer"), ("backward_layer", "forward_layer")):
        getattr(second, b).load_state_dict(getattr(first, a).state_dict())
    z = second(data()[:, ::-1]).numpy()[:, ::-1]
    np.testing.assert_allclose(np.concatenate([z[..., H:], z[..., :H]], axis=-1), y, rtol=1e-13)
    assert (first.forward_layer.cell.kernel.numpy() != first.backward_layer.cell.kernel.numpy()).any()


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [True, False])
def test_the_ways_of_merging(mode: str | None, sequences: bool) -> None:
    layer = layers.Bidirectional(layers.LSTM(H, return_sequences=sequences, return_state=True), merge_mode=mode)
    found = layer(data())
    x = ag.tensor(data().astype(np.float32))
    y, *first = layer.forward_layer(x)
    z, *second = layer.backward_layer(x)
    y, z = y.numpy(), (z[:, ::-1] if sequences else z).numpy()
    merged: Any = {"concat": [np.concatenate([y, z], -1)], "sum": [y + z], "mul": [y * z], "ave": [(y + z) / 2]}
    expected = [*merged.get(mode, [y, z]), *[s.numpy() for s in (*first, *second)]]
    close(found, expected, 1e-6)
    shapes = layer.compute_output_shape((None, T, D))
    assert [s[1:] for s in shapes] == [a.shape[1:] for a in expected]
    again = layer(data(), initial_state=found[-4:])
    assert (again[0].numpy() != expected[0]).any()


def test_a_backward_layer_of_ones_own() -> None:
    layer = layers.Bidirectional(layers.LSTM(2), backward_layer=layers.GRU(3, go_backwards=True))
    assert layer(data()).shape == (N, 5)
    for wrong in (layers.GRU(3), layers.GRU(3, go_backwards=True, return_sequences=True), layers.Dense(2)):
        with pytest.raises(ValueError, match="expected a backward_layer that reads the other way round"):
            layers.Bidirectional(layers.LSTM(2), backward_layer=wrong)


def test_time_distributed_is_the_layer_at_every_step() -> None:
    layer = layers.TimeDistributed(layers.Dense(4, "tanh", dtype="float64"))
    whole = layer(data())
    for t in range(T):
        np.testing.assert_allclose(whole[:, t].numpy(), layer.layer(data()[:, t]).numpy(), rtol=1e-14)


def test_stacked_cells_are_stacked_layers() -> None:
    nn.set_seed(0)
    cells = [layers.LSTMCell(3, dtype="float64"), layers.GRUCell(2, dtype="float64")]
    stacked = layers.RNN(cells, return_sequences=True, return_state=True, dtype="float64")
    out, *states = stacked(data())
    below = layers.LSTM(3, return_sequences=True, dtype="float64", input_shape=(T, D))
    above = layers.GRU(2, return_sequences=True, dtype="float64", input_shape=(T, 3))
    below.load_state_dict({f"cell.{path}": a for path, a in cells[0].state_dict().items()})
    above.load_state_dict({f"cell.{path}": a for path, a in cells[1].state_dict().items()})
    np.testing.assert_allclose(out.numpy(), above(below(data())).numpy(), rtol=1e-12)
    assert [s.shape for s in states] == [(N, 3), (N, 3), (N, 2)]


def test_a_cell_of_ones_own() -> None:
    class Sum(nn.Module):
        state_size = D

        def call(self, x: Any, states: Any) -> Any:
            return x + states[0], [x + states[0]]

    out = layers.RNN(Sum(), return_sequences=True)(data())
    np.testing.assert_allclose(out.numpy(), np.cumsum(data(), axis=1), rtol=1e-5, atol=1e-6)


# ---- gradients ------------------------------------------------------------------------------------------------------


@every_kind
def test_gradients_with_a_mask_and_states(kind: str) -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = made(kind)

        def call(self, x: Any, h: Any, c: Any) -> Any:
            mask = np.array([[True, False, True], [True, True, False]])
            return self.layer(x, initial_state=[h, c] if kind == "LSTM" else h + c, mask=mask)[0]

    assert check_module(Masked(), data(2, 3, D), data(2, H, seed=1), data(2, H, seed=2), order=1).ok


@every_kind
@pytest.mark.parametrize("masked", [False, True])
def test_second_order_through_the_one_op_with_states(kind: str, masked: bool) -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = KINDS[kind](2, return_state=True)

        def call(self, x: Any, h: Any, c: Any) -> Any:
            mask = np.array([[True, False, True], [False, True, False]]) if masked else None
            out, *last = self.layer(x, initial_state=[h, c] if kind == "LSTM" else h * c, mask=mask)
            return out * last[-1]

    assert check_module(Whole(), data(2, 3, D), data(2, 2, seed=1), data(2, 2, seed=2), order=2).ok


@every_kind
def test_weights_have_penalties_and_bounds_of_their_own(kind: str) -> None:
    rules = {"kernel_regularizer": "l2", "recurrent_regularizer": "l1", "bias_constraint": "non_neg"}
    layer = KINDS[kind](H, **rules)
    layer(data())
    w, u = (p.numpy() for p in layer.parameters()[:2])
    expected = [0.01 * (w**2).sum(), 0.01 * np.abs(u).sum()]
    np.testing.assert_allclose(sorted(loss.item() for loss in layer.losses), sorted(expected), rtol=1e-5)
    again = type(layer).from_config(layer.get_config())
    again(data())
    assert len(again.losses) == 2


# ---- bad input ------------------------------------------------------------------------------------------------------


@every_kind
def test_bad_arguments_are_refused_early(kind: str) -> None:
    for arguments, text in (
        ({"units": 0}, "expected units to be a positive integer; received units=0"),
        (
            {"units": 3, "dropout": 1.0},
            "expected dropout to be a number of at least 0 and below 1; received dropout=1.0",
        ),
        ({"units": 3, "recurrent_dropout": -1}, "expected recurrent_dropout .* received recurrent_dropout=-1"),
        ({"units": 3, "activation": "tan"}, "Did you mean"),
    ):
        with pytest.raises(ValueError, match=text):
            KINDS[kind](**arguments)
    with pytest.raises(TypeError, match="unrolled"):
        KINDS[kind](3, unrolled=True)


@every_kind
def test_bad_calls_say_what_was_expected(kind: str) -> None:
    layer = made(kind)
    for x, kwargs, text in (
        (data(T, D), {}, r"expected sequences of shape \(N, T, D\).*received shape \(5, 2\)"),
        (data(N, 0, D), {}, r"with T > 0; received shape"),
        (data(N, T, D + 1), {}, r"last axis has length 2.*received \("),
        (data(), {"mask": np.ones((N, T + 1))}, r"expected a mask of shape \(3, 5\).*received shape \(3, 6\)"),
        (data(), {"initial_state": data(N, H + 1)}, r"expected an initial_state of shapes .*received"),
    ):
        with pytest.raises(ag.ShapeError, match=text):
            layer(x, **kwargs)
    assert layer(data())[0].shape == (N, T, H)


def test_wrappers_refuse_what_they_cannot_wrap() -> None:
    with pytest.raises(TypeError, match="expected a recurrent layer"):
        layers.Bidirectional(layers.Dense(2))
    with pytest.raises(ValueError, match="expected merge_mode to be one of"):
        layers.Bidirectional(layers.LSTM(2), merge_mode="max")
    with pytest.raises(TypeError, match="expected a layer"):
        layers.TimeDistributed(3)
    with pytest.raises(TypeError, match="expected a cell"):
        layers.RNN(layers.Dense(2))
    with pytest.raises(ag.ShapeError, match="three axes or more"):
        layers.TimeDistributed(layers.Dense(2))(data(2, 3))
    with pytest.raises(ag.ShapeError, match=r"For sequences \(N, T, D\) wrap it: RNN\(cell\)"):
        layers.LSTMCell(2)(data())


# ---- peers ----------------------------------------------------------------------------------------------------------


def torch_layer(torch: Any, kind: str, layer: Any) -> Any:
    """Return PyTorch's layer with our weights, whose gates have another order in a GRU: r, z, n."""
    w, u, b = (p.numpy() for p in layer.parameters())
    order = {"GRU": [1, 0, 2], "LSTM": [0, 1, 2, 3], "SimpleRNN": [0]}[kind]
    columns = np.concatenate([np.arange(k * H, (k + 1) * H) for k in order])
    theirs = {"GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM, "SimpleRNN": torch.nn.RNN}[kind]
    twin = theirs(D, H, batch_first=True).double()
    b, b2 = b if b.ndim == 2 else (b, 0 * b)
    values = (w.T[columns], u.T[columns], b[columns], b2[columns])
    for parameter, value in zip(twin.parameters(), values, strict=True):
        parameter.data = torch.tensor(value)
    return twin, columns


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM"])
def test_values_and_gradients_are_pytorchs(kind: str) -> None:
    torch = pytest.importorskip("torch")
    layer = made(kind)
    twin, columns = torch_layer(torch, kind, layer)
    x = ag.tensor(data(), requires_grad=True)
    states = [ag.tensor(data(N, H, seed=k), requires_grad=True) for k in range(2 if kind == "LSTM" else 1)]
    tx, *ts = (torch.tensor(a.numpy(), requires_grad=True) for a in (x, *states))
    out, *last = layer(x, initial_state=states)
    given = tuple(s[None] for s in ts)
    tout, tlast = twin(tx, given if kind == "LSTM" else given[0])
    tlast = tlast if kind == "LSTM" else (tlast,)
    close([out, *last], [tout.detach().numpy(), *(s[0].detach().numpy() for s in tlast)], 1e-10)
    weight = data(N, T, H, seed=9)
    ((out * weight).sum() + sum((s * s).sum() for s in last)).backward()
    ((tout * torch.tensor(weight)).sum() + sum((s * s).sum() for s in tlast)).backward()
    close([t.grad.numpy() for t in (x, *states)], [t.grad.numpy() for t in (tx, *ts)], 1e-10)
    w, u, b, b2 = (p.grad.numpy() for p in twin.parameters())
    ours = [p.grad.numpy() for p in layer.parameters()]
    back = np.argsort(columns)
    close(ours, [w[back].T, u[back].T, np.stack([b, b2])[:, back] if kind == "GRU" else b[back]], 1e-10)
