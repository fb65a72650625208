"""`Dataset`: a pipeline gives what the same steps on a list give, anew in every pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn.data import DataLoader
from nn.data.dataset import Dataset


class Step(NamedTuple):
    """A method of `Dataset`, and the same on a list of integers."""

    lazy: Callable[[Dataset, int], Dataset]
    plain: Callable[[list[int], int], list[int]]


STEPS = {
    "map": Step(lambda ds, n: ds.map(lambda x: x * n + 1), lambda xs, n: [x * n + 1 for x in xs]),
    "filter": Step(
        lambda ds, n: ds.filter(lambda x: x % (n + 1) == 0), lambda xs, n: [x for x in xs if x % (n + 1) == 0]
    ),
    "take": Step(lambda ds, n: ds.take(n), lambda xs, n: xs[:n]),
    "skip": Step(lambda ds, n: ds.skip(n), lambda xs, n: xs[n:]),
    "repeat": Step(lambda ds, n: ds.repeat(n), lambda xs, n: xs * n),
    "concatenate": Step(lambda ds, n: ds.concatenate(Dataset.range(n)), lambda xs, n: xs + list(range(n))),
    "batch": Step(lambda ds, n: ds.batch(n + 1).unbatch(), lambda xs, n: xs),
    "whole batches": Step(
        lambda ds, n: ds.batch(n + 1, drop_remainder=True).unbatch(), lambda xs, n: xs[: len(xs) // (n + 1) * (n + 1)]
    ),
    "sums": Step(
        lambda ds, n: ds.batch(n + 1).map(lambda x: x.sum()),
        lambda xs, n: [sum(xs[i : i + n + 1]) for i in range(0, len(xs), n + 1)],
    ),
    "whole sums": Step(
        lambda ds, n: ds.batch(n + 1, drop_remainder=True).map(lambda x: x.sum()),
        lambda xs, n: [sum(xs[i : i + n + 1]) for i in range(0, len(xs) - n, n + 1)],
    ),
    "enumerate": Step(
        lambda ds, n: ds.enumerate(n).map(lambda i, x: i - x), lambda xs, n: [i - x for i, x in enumerate(xs, n)]
    ),
    "zip": Step(
        lambda ds, n: Dataset.zip(ds, Dataset.range(n)).map(lambda x, y: x + 2 * y),
        lambda xs, n: [x + 2 * y for x, y in zip(xs, range(n), strict=False)],
    ),
    "cache": Step(lambda ds, n: ds.cache(), lambda xs, n: xs),
    "prefetch": Step(lambda ds, n: ds.prefetch(n), lambda xs, n: xs),
}


def values(ds: Dataset) -> list[int]:
    return [int(x) for x in ds]


UNCOUNTED = {"filter", "batch", "whole batches"}  # how many elements these give is known at the end alone


def check(size: int, chain: list[tuple[str, int]]) -> None:
    ds, expected = Dataset.range(size), list(range(size))
    for name, n in chain:
        ds, expected = STEPS[name].lazy(ds, n), STEPS[name].plain(expected, n)
    assert values(ds) == values(ds) == expected
    counted = not UNCOUNTED & {name for name, _ in chain}
    assert int(ds.cardinality()) in ({len(expected)} if counted else {len(expected), -2})


def test_a_step_gives_what_lists_give_in_every_pass() -> None:
    for name in STEPS:
        for size in (1, 2, 3):
            for n in range(5):
                check(size, [(name, n)])


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 7), st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 4)), min_size=2, max_size=4)
)
def test_a_pipeline_gives_what_lists_give_in_every_pass(size: int, chain: list[tuple[str, int]]) -> None:
    check(size, chain)


@given(st.integers(1, 12), st.integers(1, 15), st.integers(0, 5))
def test_a_shuffle_is_a_permutation_that_a_seed_fixes(size: int, buffer: int, seed: int) -> None:
    first, again = (Dataset.range(size).shuffle(buffer, seed=seed) for _ in range(2))
    passes = [values(first) for _ in range(3)]
    assert passes == [values(again) for _ in range(3)]
    for found in passes:
        assert sorted(found) == list(range(size))
        assert all(at >= value - buffer + 1 for at, value in enumerate(found))  # nothing from beyond the buffer


def test_orders_of_a_shuffle() -> None:
    ds = Dataset.range(50).shuffle(50, seed=1)
    assert values(ds) != values(ds)
    same = Dataset.range(50).shuffle(50, reshuffle_each_iteration=False)
    assert values(same) == values(same) != list(range(50))
    nn.set_seed(3)
    drawn = values(Dataset.range(50).shuffle(50))
    nn.set_seed(3)
    assert drawn == values(Dataset.range(50).shuffle(50))


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    seen: list[int] = []
    ds = Dataset.range(9).map(lambda x: seen.append(int(x)) or x)  # type: ignore[func-returns-value]
    part = ds.take(2)
    assert seen == []
    assert values(part) == seen == [0, 1]
    endless = ds.repeat()
    assert values(endless.take(12)) == [*range(9), 0, 1, 2]
    with pytest.raises(TypeError, match="it has no end. Pass steps_per_epoch"):
        len(endless)


def test_a_cache_is_filled_by_a_whole_pass_alone() -> None:
    calls: list[int] = []
    ds = Dataset.range(4).map(lambda x: calls.append(int(x)) or x).cache()  # type: ignore[func-returns-value]
    next(iter(ds))
    assert [(int(a), int(b)) for a, b in zip(ds, ds, strict=True)] == [(n, n) for n in range(4)]
    assert values(ds) == values(ds) == [0, 1, 2, 3]
    assert calls == [0, 0, 0, 1, 1, 2, 2, 3, 3]


def test_elements_are_tensors_texts_and_containers_of_them() -> None:
    rows = {"a": np.ones((3, 2), np.float32), "b": ["x", "yy", "z"]}
    (batch, rest) = Dataset.from_tensor_slices((rows, np.arange(3, dtype=np.int16))).batch(2)
    assert isinstance(batch[0]["a"], ag.Tensor)
    assert (batch[0]["a"].shape, batch[0]["b"].dtype, batch[1].dtype) == ((2, 2), object, np.int16)
    assert (batch[0]["b"].tolist(), rest[1].numpy().tolist()) == (["x", "yy"], [2])
    kinds = [x.dtype.name for x in Dataset([1, 2.0, np.float64(3), 2**40, True])]
    assert kinds == ["int32", "float32", "float64", "int64", "bool"]
    assert [type(x) for x in Dataset.range(1).as_numpy_iterator()] == [np.int64]
    (single,) = Dataset.from_tensors((np.ones(2), np.zeros(1)))
    assert [part.shape for part in single] == [(2,), (1,)]


def test_what_layers_compute_in_a_map_has_no_gradient() -> None:
    layer = nn.layers.Dense(2)
    (out,) = Dataset.from_tensor_slices(np.ones((3, 4), np.float32)).batch(3).map(layer)
    assert out.shape == (3, 2)
    assert not out.requires_grad


def numbers() -> Iterator[tuple[Any, Any]]:
    return ((np.full(3, i, np.float32), np.float32(i)) for i in range(8))


@pytest.mark.parametrize("source", [numbers, lambda: DataLoader((np.ones((8, 3)), np.ones(8)), batch_size=4)])
def test_a_model_trains_on_it(source: Callable[[], Any]) -> None:
    ds = Dataset.from_generator(numbers, output_signature=None).batch(4) if source is numbers else Dataset(source())
    model = nn.Sequential([nn.Input((3,)), nn.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(ds, epochs=2, validation_data=ds.take(1), verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert model.predict(ds).shape == (8, 1)
    assert model.fit(ds.repeat(), steps_per_epoch=3, verbose=0).epoch == [0]


def test_bad_calls_say_what_was_expected() -> None:
    with pytest.raises(TypeError, match="expected an iterable, or a function .* received int. For arrays write"):
        Dataset(3)  # type: ignore[arg-type]
    with pytest.raises(ag.ShapeError, match=r"batch: expected elements of one shape; received \(1,\) and \(2,\)"):
        list(Dataset([np.ones(1), np.ones(2)]).batch(2))
    with pytest.raises(ValueError, match="expected batch_size to be a positive integer"):
        Dataset.range(3).batch(0)
    with pytest.raises(ValueError, match="cache: expected filename to be no file"):
        Dataset.range(3).cache("file")
    with pytest.raises(TypeError, match="Dataset.take: expected count to be an integer"):
        Dataset.range(3).take("2")  # type: ignore[arg-type]
