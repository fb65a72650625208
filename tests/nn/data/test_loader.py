"""DataLoader: nothing lost, nothing twice, the same order from the same seed, exact resume, clean threads."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn.data import DataLoader

N = 23


def noisy(batch: Any, rng: np.random.Generator) -> Any:
    return batch + rng.normal(size=batch.shape)


def count() -> Iterator[int]:
    yield from range(N)


class Squares:
    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> tuple[int, np.ndarray]:
        if not 0 <= i < N:
            raise IndexError(i)
        return i, np.full(2, i * i)


THREADS = {"prefetch": 3, "workers": 3}
KINDS: dict[str, dict[str, Any]] = {
    "array": {"data": np.arange(N)},
    "shuffled": {"data": np.arange(N), "shuffle": True, "seed": 3},
    "unseeded": {"data": np.arange(N), "shuffle": True},
    "noisy": {"data": np.arange(float(N)), "shuffle": True, "transform": noisy},
    "threads": {
        "data": np.arange(float(N)),
        "shuffle": True,
        "seed": 1,
        "transform": noisy,
        "prefetch": 3,
        "workers": 3,
    },
    "stream": {"data": count},
    "stream in a thread": {"data": count, "prefetch": 2, "transform": noisy, "seed": 0},
    "dropped": {"data": np.arange(N), "drop_last": True, "shuffle": True, "seed": 0},
    "dropped stream": {"data": count, "drop_last": True},
}


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 40), size=st.integers(1, 45), drop=st.booleans(), prefetch=st.integers(0, 3))
def test_every_epoch_is_a_permutation_cut_into_batches(n: int, size: int, drop: bool, prefetch: int) -> None:
    drop = drop and size <= n
    data = {"a": np.arange(n), "b": (10 * np.arange(n)[:, None],)}
    loader = DataLoader(data, batch_size=size, shuffle=True, seed=n, drop_last=drop, prefetch=prefetch)
    batches = list(loader)
    assert len(batches) == len(loader) == (n // size if drop else -(-n // size))
    sizes = [len(b["a"]) for b in batches]
    assert sizes[:-1] == [size] * (len(batches) - 1)
    rows = np.concatenate([b["a"] for b in batches])
    assert len(set(rows.tolist())) == len(rows) == (n - n % size if drop else n)
    np.testing.assert_array_equal(np.concatenate([b["b"][0] for b in batches]), 10 * rows[:, None])


def test_orders_differ_by_epoch_and_repeat_by_seed() -> None:
    orders = [
        [np.concatenate(list(loader)).tolist() for _ in range(2)] for loader in (made("shuffled"), made("shuffled"))
    ]
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[0][1]
    assert sorted(orders[0][0]) == list(range(N)) != orders[0][0]


def test_without_a_seed_set_seed_decides() -> None:
    def order() -> list[int]:
        nn.set_seed(4)
        return np.concatenate(list(made("unseeded"))).tolist()

    first = order()
    assert order() == first
    assert np.concatenate(list(made("unseeded"))).tolist() != first


def test_a_loader_that_draws_nothing_leaves_the_stream_alone() -> None:
    nn.set_seed(1)
    list(made("array"))
    assert ag.random.uniform(()).item() == np.random.default_rng(1).random()


def made(kind: str) -> DataLoader:
    return DataLoader(**{"batch_size": 4, **KINDS[kind]})


@pytest.mark.parametrize(
    ("kind", "at"), [(kind, at) for kind in KINDS for at in (1, 3, 5, 6) if at < 6 or not KINDS[kind].get("drop_last")]
)
def test_resume_equals_uninterrupted(kind: str, at: int) -> None:
    nn.set_seed(7)
    whole = made(kind)
    list(whole)  # one epoch before
    expected: list[Any] = []
    for i, batch in enumerate(whole, 1):
        if i > at:
            expected.append(batch)
        if i == at:
            state, stream = json.loads(json.dumps(whole.state_dict())), ag.random.default_generator.state
    expected += list(whole)

    nn.set_seed(99)
    again = made(kind)
    again.load_state_dict(state)
    ag.random.default_generator.state = stream
    rest = [*again, *again]
    assert len(rest) == len(expected)
    for a, b in zip(rest, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_every_batch_of_every_epoch_draws_its_own_noise() -> None:
    loader = DataLoader(np.zeros(8), batch_size=2, transform=noisy, seed=0)
    values = np.concatenate([*loader, *loader])
    assert len(set(values.tolist())) == 16


def test_threads_change_nothing() -> None:
    plain = DataLoader(**KINDS["threads"] | {"prefetch": 0, "workers": 1}, batch_size=4)
    for a, b in zip(made("threads"), plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_prefetch_works_ahead_but_only_so_far() -> None:
    read: list[int] = []

    def slow() -> Iterator[int]:
        for i in range(100):
            read.append(i)
            yield i

    batches = iter(DataLoader(slow, batch_size=1, prefetch=3))
    next(batches)
    end = time.monotonic() + 5
    while len(read) < 4 and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)
    assert read == [0, 1, 2, 3]
    batches.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_in_a_thread_comes_out_where_its_batch_would_have(workers: int) -> None:
    def transform(batch: np.ndarray) -> np.ndarray:
        if 9 in batch:
            raise ZeroDivisionError("the ninth")
        return batch

    seen: list[Any] = []
    loader = DataLoader(np.arange(N), batch_size=4, transform=transform, prefetch=4, workers=workers)
    with pytest.raises(ZeroDivisionError, match="the ninth"):
        seen.extend(loader)
    assert np.concatenate(seen).tolist() == list(range(8))
    assert not loader_threads()


def test_threads_end_with_a_loop_that_is_broken_off() -> None:
    for kind in ("threads", "stream in a thread"):
        loader = made(kind)
        for _ in loader:
            assert loader_threads()
            break
        assert not loader_threads()
        assert len(list(loader)) == 6
        assert not loader_threads()


def loader_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("DataLoader")]


def test_memory_maps_are_read_by_rows(tmp_path: Path) -> None:
    made = np.memmap(tmp_path / "x", np.float32, "w+", shape=(N, 3))
    made[:] = np.arange(3 * N).reshape(N, 3)
    made.flush()
    x = np.memmap(tmp_path / "x", np.float32, "r", shape=(N, 3))
    rows = np.concatenate(list(DataLoader(x, batch_size=5, shuffle=True, seed=0)))
    np.testing.assert_array_equal(rows[rows[:, 0].argsort()], np.asarray(x))


def test_objects_with_items_are_stacked() -> None:
    i, squares = next(iter(DataLoader(Squares(), batch_size=3)))
    assert i.tolist() == [0, 1, 2]
    assert squares.tolist() == [[0, 0], [1, 1], [4, 4]]
    order = np.concatenate([i for i, _ in DataLoader(Squares(), batch_size=4, shuffle=True, seed=0)])
    assert sorted(order) == list(range(N)) != order.tolist()
    samples = [(np.ones(2), 0), (np.zeros(2), 1)]
    x, y = next(iter(DataLoader(samples)))
    assert x.tolist() == [[1, 1], [0, 0]]
    assert y.tolist() == [0, 1]


def test_whole_batches_pass_through() -> None:
    batches = [np.ones(3), np.ones(2)]
    assert [b is c for b, c in zip(DataLoader(lambda: batches, batch_size=None), batches, strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": 3}, "expected arrays, an object with __len__ and __getitem__, an iterable.*; received int"),
        ({"data": (np.ones(3), np.ones(4))}, r"equally many rows in every array; received \[0\]: 3, \[1\]: 4"),
        ({"data": {"x": np.float64(1) + np.zeros(())}}, r"one row a sample; received a single value at data\['x'\]"),
        ({"data": np.ones((0, 2))}, "expected at least one sample; received none"),
        ({"data": np.ones(3), "batch_size": 0}, "an integer, at least 1 or None; received batch_size=0"),
        ({"data": np.ones(3), "batch_size": None}, "expected batch_size to be an integer for data with a length"),
        ({"data": np.ones(3), "batch_size": 4, "drop_last": True}, "received 3 samples with batch_size=4"),
        ({"data": np.ones(3), "prefetch": -1}, "expected prefetch to be an integer, at least 0; received prefetch=-1"),
        ({"data": np.ones(3), "workers": 0}, "expected workers to be an integer, at least 1"),
        ({"data": np.ones(3), "seed": "a"}, "expected seed to be an integer, at least 0 or None; received seed='a'"),
        ({"data": count, "shuffle": True}, "expected data with a length to shuffle; received an iterable"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        DataLoader(**arguments)


def test_an_iterator_cannot_be_read_twice() -> None:
    loader = DataLoader(count(), batch_size=4)
    assert len(list(loader)) == 6
    with pytest.raises(ValueError, match="expected data that can be read again for another epoch"):
        list(loader)
    with pytest.raises(TypeError, match="not known before its end"):
        len(loader)


def test_a_state_of_something_else_is_refused() -> None:
    loader = made("shuffled")
    next(iter(loader))
    state = loader.state_dict()
    with pytest.raises(ValueError, match=r"expected size 5, as this loader has; received 23"):
        DataLoader(np.ones(5), batch_size=4).load_state_dict(state)
    with pytest.raises(ValueError, match=r"expected batch_size 8, .* received 4"):
        DataLoader(np.ones(N), batch_size=8).load_state_dict(state)
    with pytest.raises(ValueError, match="expected the entries"):
        loader.load_state_dict({"epoch": 1})
