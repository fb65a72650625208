"""Drawing tokens: the distribution is the one that was asked for, and a continuation depends on what was read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from autograd_lite import Generator
from nn import layers
from nn.generation import generate, sample

LOGITS = np.log([0.05, 0.4, 0.15, 0.3, 0.1])


def shares(draws: np.ndarray) -> np.ndarray:
    return np.bincount(draws, minlength=5) / len(draws)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.05, 0.4, 0.15, 0.3, 0.1]),
        ({"temperature": 0.5}, np.square([0.05, 0.4, 0.15, 0.3, 0.1])),
        ({"temperature": 2.0}, np.sqrt([0.05, 0.4, 0.15, 0.3, 0.1])),
        ({"top_k": 2}, [0, 0.4, 0, 0.3, 0]),
        ({"top_k": 9}, [0.05, 0.4, 0.15, 0.3, 0.1]),
        ({"top_p": 0.71}, [0, 0.4, 0.15, 0.3, 0]),  # two classes have 0.7
        ({"top_p": 0.69}, [0, 0.4, 0, 0.3, 0]),
        ({"top_p": 1.0}, [0.05, 0.4, 0.15, 0.3, 0.1]),
        ({"top_k": 2, "top_p": 0.5}, [0, 1, 0, 0, 0]),  # of the two, the first has 4/7 by itself
        ({"temperature": 0}, [0, 1, 0, 0, 0]),
        ({"temperature": 1e-310}, [0, 1, 0, 0, 0]),
    ],
)
def test_draws_have_the_distribution_that_was_asked_for(options: dict[str, Any], expected: Any) -> None:
    rows = 40_000
    draws = sample(np.broadcast_to(LOGITS, (rows, 5)), generator=Generator(1), **options)
    p = np.asarray(expected, float) / np.sum(expected)
    assert draws.dtype == np.int64
    np.testing.assert_array_equal(shares(draws)[p == 0], 0)
    # five standard deviations of a share
    assert (np.abs(shares(draws) - p) <= 5 * np.sqrt(p * (1 - p) / rows)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(0, 3), st.sampled_from([0.3, 1.0, 3.0]), st.integers(0, 10**6))
def test_only_the_classes_that_are_left_are_drawn(k: int, out: int, temperature: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.permuted(np.arange(float(k + out)))[None].repeat(50, 0)
    lowest = np.argsort(logits[0])[:out]
    barred = logits.copy()
    barred[:, lowest] = -np.inf
    for given_logits, options in ((barred, {}), (logits, {"top_k": k})):
        draws = sample(given_logits, temperature, generator=Generator(seed), **options)
        assert not np.isin(draws, lowest).any()
    np.testing.assert_array_equal(sample(logits, temperature, top_k=1), logits.argmax(1))
    np.testing.assert_array_equal(sample(logits, temperature, top_p=1e-9), logits.argmax(1))


def test_shapes_and_tensors_and_ties() -> None:
    assert sample(LOGITS).shape == ()
    assert sample(np.zeros((2, 3, 4), "float32")).shape == (2, 3)
    assert sample(np.zeros((0, 4))).shape == (0,)
    assert sample(ag.tensor([[0.0, 50.0]])).tolist() == [1]
    assert set(sample(np.zeros((200, 3)), top_k=1).tolist()) == {0, 1, 2}  # equal ones stay together
    assert set(sample(np.zeros((200, 3)), temperature=0).tolist()) == {0}


def test_a_seed_repeats_the_draws() -> None:
    logits = np.zeros((100, 50))
    np.testing.assert_array_equal(sample(logits, generator=Generator(3)), sample(logits, generator=Generator(3)))
    first, second = (nn.set_seed(4), sample(logits))[1], (nn.set_seed(4), sample(logits))[1]
    np.testing.assert_array_equal(first, second)
    assert (sample(logits) != first).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": -1}, "temperature to be a number, at least 0; received -1"),
        ({"temperature": float("nan")}, "received nan"),
        ({"temperature": True}, "received True"),
        ({"top_k": 0}, "top_k to be None or an integer, at least 1; received 0"),
        ({"top_k": 2.0}, "received 2.0"),
        ({"top_p": 0.0}, "top_p to be None or a number above 0, up to 1; received 0.0"),
        ({"top_p": 1.5}, "received 1.5"),
        ({"logits": [np.nan, 1.0]}, "received rows whose largest is nan"),
        ({"logits": [np.inf, 1.0]}, "largest is inf"),
        ({"logits": [-np.inf, -np.inf]}, "largest is -inf"),
        ({"logits": 1.0}, r"expected logits of shape \(..., K\)"),
        ({"logits": np.zeros((2, 0))}, r"received shape \(2, 0\)"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample(**{"logits": LOGITS, **arguments})


# ---- continuing ------------------------------------------------------------------------------------------------------


def recurrent(**options: Any) -> nn.Sequential:
    """A network whose next token depends on all that came before."""
    nn.set_seed(0)
    return nn.Sequential(
        [
            layers.Embedding(6, 5, "random_normal"),
            layers.GRU(7, return_sequences=True, recurrent_initializer="random_normal", **options),
            layers.LSTM(8, return_sequences=True, name="lstm", **options),
            layers.Dropout(0.5),
            layers.Dense(6, kernel_initializer=nn.initializers.RandomNormal(stddev=3.0)),
        ]
    )


def test_a_continuation_is_what_the_model_says_of_all_that_came_before() -> None:
    model = recurrent()
    prompts = np.array([[1, 2, 3], [0, 0, 5]])
    out = generate(model, prompts, 12, temperature=0)
    assert out.shape == (2, 15)
    np.testing.assert_array_equal(out[:, :3], prompts)
    with ag.no_grad(), model.mode(training=False):
        for t in range(3, 15):
            np.testing.assert_array_equal(out[:, t], model(out[:, :t]).numpy()[:, -1].argmax(-1))
    assert len(set(map(tuple, out[:, 3:]))) == 2  # the prompts matter
    np.testing.assert_array_equal(generate(model, prompts[1], 12, temperature=0), out[1])


def test_stateful_layers_read_each_token_once_and_say_the_same() -> None:
    model = recurrent()
    expected = generate(model, [[1, 2, 3], [4, 4, 4]], 20, generator=Generator(0))
    read: list[int] = []
    gru, lstm = model.layers[1], model.get_layer("lstm")
    gru.stateful = lstm.stateful = True
    model(np.array([[5, 5]]))  # leaves states behind, of another batch size
    before = [s.numpy().copy() for s in lstm.states]
    embed = model.layers[0].call
    model.layers[0].call = lambda x: (read.append(x.shape[1]), embed(x))[1]
    out = generate(model, [[1, 2, 3], [4, 4, 4]], 20, generator=Generator(0))
    np.testing.assert_array_equal(out, expected)
    assert read == [3, *[1] * 19]
    for s, a in zip(lstm.states, before, strict=True):
        np.testing.assert_array_equal(s.numpy(), a)


def test_a_window_is_all_that_is_read() -> None:
    seen: list[np.ndarray] = []

    def model(x: np.ndarray) -> np.ndarray:
        seen.append(x.copy())
        return np.eye(9)[(x[:, -1] + 1) % 9]  # (N, K), of the last token alone

    out = generate(model, [[0, 1]], 6, window=4, temperature=0)
    assert out.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]
    assert [x.tolist() for x in seen] == [out[:, max(0, t - 4) : t].tolist() for t in range(2, 8)]
    assert generate(model, [3], 0).tolist() == [3]


def test_nothing_is_left_behind() -> None:
    model = recurrent().train()
    calls: list[bool] = []
    dropout = model.layers[3]
    inner = dropout.call
    dropout.call = lambda x, **kw: (calls.append(dropout.training or ag.is_grad_enabled()), inner(x, **kw))[1]
    generate(model, [1, 2], 3)
    assert calls == [False] * 3
    assert model.training
    assert dropout.training
    with pytest.raises(ag.ShapeError, match="expected the model to return logits"):
        generate(nn.Sequential([layers.Embedding(6, 5), layers.Flatten(), layers.Reshape((5, 1, 1))]), [1], 1)
    model.get_layer("lstm").stateful = True
    with pytest.raises(ValueError, match="from 0 to 5"):
        generate(model, [1, 9], 1)
    assert model.get_layer("lstm").states is None
    assert model.training


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": "Alice"}, "Text becomes integers with nn.datasets.text.encode"),
        ({"prompt": [0.5]}, "received float64"),
        ({"prompt": []}, "with at least one token"),
        ({"prompt": np.zeros((1, 2, 3), int)}, r"received int64 of shape \(1, 2, 3\)"),
        ({"length": -1}, "length to be an integer, at least 0; received -1"),
        ({"length": 1.5}, "received 1.5"),
        ({"window": 0}, "window to be an integer, at least 1; received 0"),
        ({"temperature": -2}, "generate: expected temperature"),
    ],
)
def test_what_cannot_be_continued_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(**{"model": lambda x: np.zeros((1, 2)), "prompt": [0], "length": 2, **arguments})
