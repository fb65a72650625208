"""Data brought into shape: closed forms, the same as Keras's, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
import nn
from nn import activations, utils

from .. import peers

LISTS = [[1], [2, 3, 4], [], [5, 6]]


def test_rows_are_divided_by_their_norm(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 4, 5))
    for axis, order in ((-1, 2), (1, 1), (0, np.inf)):
        np.testing.assert_allclose(np.linalg.norm(utils.normalize(x, axis, order), order, axis), 1)
        tensor = ag.tensor(x, requires_grad=True)
        out = utils.normalize(tensor, axis, order)
        np.testing.assert_allclose(out.data, utils.normalize(x, axis, order))
        (out * rng.normal(size=x.shape)).sum().backward()
        assert np.abs(tensor.grad.data).max() > 0.01
        # A longer vector has the same direction, so there is no slope along x.
        np.testing.assert_allclose((tensor.grad.data * x).sum(axis), 0, atol=1e-12)
    np.testing.assert_array_equal(utils.normalize(np.zeros((2, 3))), 0)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({}, [[0, 0, 1], [2, 3, 4], [0, 0, 0], [0, 5, 6]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 4], [0, 0, 0], [5, 6, 0]]),
        ({"maxlen": 2, "value": -1}, [[-1, 1], [3, 4], [-1, -1], [5, 6]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [0, 0], [5, 6]]),
        ({"maxlen": 0}, [[], [], [], []]),
        ({"maxlen": 4, "padding": "post"}, [[1, 0, 0, 0], [2, 3, 4, 0], [0, 0, 0, 0], [5, 6, 0, 0]]),
    ],
)
def test_sequences_are_filled_up_or_cut(arguments: Any, wanted: Any) -> None:
    out = utils.pad_sequences(LISTS, **arguments)
    assert out.tolist() == wanted
    assert out.dtype == np.int32


def test_steps_may_have_axes_of_their_own() -> None:
    out = utils.pad_sequences([np.ones((1, 2)), 2 * np.ones((3, 2))], dtype="float32")
    assert out.shape == (2, 3, 2)
    assert out[:, :, 0].tolist() == [[0, 0, 1], [2, 2, 2]]


@pytest.mark.ci
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 1, 2, 5])
def test_sequences_equal_keras(padding: str, truncating: str, maxlen: int | None) -> None:
    keras = peers.keras()
    arguments: dict[str, Any] = {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": 9}
    wanted = keras.utils.pad_sequences(LISTS, **arguments)
    np.testing.assert_array_equal(utils.pad_sequences(LISTS, **arguments), wanted)


@given(n=st.integers(2, 30), share=st.floats(0.05, 0.95), shuffle=st.booleans())
def test_a_split_has_every_row_once(n: int, share: float, shuffle: bool) -> None:
    rows = round(share * n)
    data = {"x": np.arange(n), "y": (np.arange(n)[:, None] * 10,)}
    if not 0 < rows < n:
        with pytest.raises(ValueError, match="that leave both parts rows"):
            utils.split_dataset(data, share)
        return
    left, right = utils.split_dataset(data, share, shuffle=shuffle, seed=n)
    both = np.concatenate([left["x"], right["x"]])
    assert (len(left["x"]), sorted(both.tolist())) == (rows, list(range(n)))
    assert shuffle or both.tolist() == list(range(n))
    np.testing.assert_array_equal(np.concatenate([left["y"][0], right["y"][0]])[:, 0], both * 10)
    again = utils.split_dataset(data, right_size=n - rows, shuffle=shuffle, seed=n)
    np.testing.assert_array_equal(again[0]["x"], left["x"])


def test_a_shuffled_split_is_drawn_from_the_seed() -> None:
    x = np.arange(50)
    nn.set_seed(1)
    first = utils.split_dataset(x, 0.5, shuffle=True)[0]
    nn.set_seed(1)
    np.testing.assert_array_equal(utils.split_dataset(x, 0.5, shuffle=True)[0], first)
    assert not np.array_equal(utils.split_dataset(x, 0.5, shuffle=True, seed=2)[0], first)
    assert not np.array_equal(first, np.sort(first))


@given(
    steps=st.integers(3, 25),
    length=st.integers(1, 4),
    stride=st.integers(1, 3),
    rate=st.integers(1, 3),
    start=st.integers(0, 3),
)
def test_windows_of_time(steps: int, length: int, stride: int, rate: int, start: int) -> None:
    data, targets = np.arange(steps) * 1.0, np.arange(steps) + 0.5
    span = (length - 1) * rate
    wanted = [range(s, s + span + 1, rate) for s in range(start, steps - span, stride)]
    if not wanted:
        with pytest.raises(ValueError, match=r"expected a series that holds a window|expected 0 <= start_index"):
            utils.timeseries_dataset_from_array(data, targets, length, stride, rate, start_index=start)
        return
    loader = utils.timeseries_dataset_from_array(data, targets, length, stride, rate, 4, start_index=start)
    found = list(loader)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), [list(w) for w in wanted])
    np.testing.assert_array_equal(np.concatenate([y for _, y in found]), [targets[w[0]] for w in wanted])
    assert all(len(x) == 4 for x, _ in found[:-1])


def test_windows_are_shuffled_and_few_targets_end_them() -> None:
    loader = utils.timeseries_dataset_from_array(np.arange(20), None, 3, shuffle=True, seed=1)
    (batch,) = list(loader)
    assert sorted(batch[:, 0].tolist()) == list(range(18))
    assert batch[:, 0].tolist() != list(range(18))
    np.testing.assert_array_equal(np.diff(batch), 1)
    ((windows, targets),) = list(utils.timeseries_dataset_from_array(np.arange(20), np.arange(5), 3))
    assert (len(windows), targets.tolist()) == (5, [0, 1, 2, 3, 4])


def test_packing_is_undone_by_unpacking() -> None:
    for parts in ((1, None, None), (1, 2, None), (1, 2, 3)):
        assert utils.unpack_x_y_sample_weight(utils.pack_x_y_sample_weight(*parts)) == parts
    assert utils.unpack_x_y_sample_weight(utils.pack_x_y_sample_weight((1, 2))) == ((1, 2), None, None)


def test_activations_have_names() -> None:
    assert activations.swish is activations.silu
    for name in ("relu", "gelu", "log_softmax"):
        assert activations.serialize(getattr(activations, name)) == name
        assert activations.deserialize(name) is getattr(activations, name)
    with pytest.raises(ValueError, match="serialize: expected one of"):
        activations.serialize(abs)


SERIES = np.arange(5.0)
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "padding": (lambda: utils.pad_sequences(LISTS, padding="left"), "expected padding to be 'pre' or 'post'"),
    "truncating": (lambda: utils.pad_sequences(LISTS, truncating="end"), "expected truncating to be 'pre' or 'post'"),
    "maxlen": (lambda: utils.pad_sequences(LISTS, -1), "expected maxlen to be a non-negative integer, or None"),
    "values": (lambda: utils.pad_sequences([1, 2]), "expected a list of sequences; received single values"),
    "text": (lambda: utils.pad_sequences(LISTS, value="x"), "expected a number to pad int32 with; received value='x'"),
    "steps": (lambda: utils.pad_sequences([np.ones((1, 2)), np.ones((1, 3))]), r"expected steps of shape \(2,\)"),
    "neither": (lambda: utils.split_dataset(SERIES), "expected left_size or right_size"),
    "share": (lambda: utils.split_dataset(SERIES, 1.5), "expected left_size to be a number of rows, or a share"),
    "word": (lambda: utils.split_dataset(SERIES, right_size="half"), "expected right_size to be a number of rows"),  # type: ignore[arg-type]
    "all": (lambda: utils.split_dataset(SERIES, 5), "that leave both parts rows, of 5 together"),
    "more": (lambda: utils.split_dataset(SERIES, 3, 3), "that leave both parts rows"),
    "length": (
        lambda: utils.timeseries_dataset_from_array(SERIES, None, 0),
        "sequence_length to be a positive integer",
    ),
    "long": (
        lambda: utils.timeseries_dataset_from_array(SERIES, None, 6),
        "a series that holds a window of 6 steps",
    ),
    "end": (lambda: utils.timeseries_dataset_from_array(SERIES, None, 2, end_index=9), "< end_index <= 5, the length"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_texts_are_padded_with_a_text() -> None:
    out = utils.pad_sequences([["a"], ["b", "cc"]], dtype=object, value="-", padding="post")
    assert out.tolist() == [["a", "-"], ["b", "cc"]]


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_elements_of_a_pipeline_are_split(shuffle: bool) -> None:
    ds = nn.data.Dataset.range(10).shuffle(10)  # another order in every pass: it is read once
    parts = utils.split_dataset(ds, left_size=0.7, shuffle=shuffle, seed=1, preferred_backend="torch")
    found = [[int(x) for x in part] for part in parts]
    assert [len(part) for part in parts] == [7, 3]
    assert sorted(found[0] + found[1]) == list(range(10))
    assert found == [[int(x) for x in part] for part in parts]


def test_windows_can_come_one_by_one() -> None:
    ds = utils.timeseries_dataset_from_array(np.arange(5), np.arange(5), 3, batch_size=None)
    assert len(ds) == 3
    assert [(x.tolist(), int(y)) for x, y in ds] == [([n, n + 1, n + 2], n) for n in range(3)]
    with pytest.raises(ValueError, match="expected format to be 'tf' or 'grain'"):
        utils.timeseries_dataset_from_array(np.arange(5), None, 3, format="torch")
