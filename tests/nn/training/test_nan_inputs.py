"""`fit` says, once, which inputs or targets have made its loss NaN or infinite."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers

Y = np.zeros((40, 1), np.float32)


def inputs(value: float = np.nan, *places: tuple[int, int]) -> Any:
    x = np.linspace(0, 1, 120, dtype=np.float32).reshape(40, 3)
    for place in places:
        x[place] = value
    return x


def said(x: Any, y: Any = Y, named: bool = False, **options: Any) -> list[str]:
    model = two() if named else nn.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x, y, verbose=0, **{"epochs": 2, **options})
    return [str(w.message) for w in caught]


def two() -> Any:
    a, b = nn.Input((3,), name="a"), nn.Input((3,), name="b")
    return nn.Model([a, b], layers.Dense(1)(layers.concatenate([a, b])))


def batches(x: Any) -> Any:
    return ((x[k : k + 8], Y[k : k + 8]) for k in range(0, 40, 8))


ROWS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "one": (inputs(np.nan, (7, 1)), {}, r"received x with 1 NaN of 120, the first in row 7 .*all in column 1"),
    "not shuffled": (inputs(np.nan, (30, 0), (31, 2)), {"shuffle": False, "batch_size": 8}, r"batch 3 .*2 NaN.*row 30"),
    "infinite": (inputs(np.inf, (7, 1)), {}, "1 infinite values of 120, the first in row 7"),
    "infinite targets": (inputs(), {"y": np.where(np.eye(40)[:, 39:], np.inf, Y)}, "y with 1 infinite .*row 39"),
    "two inputs": ({"a": inputs(), "b": inputs(np.nan, (9, 2))}, {"named": True}, r"x \['b'\] with 1 NaN.*row 9"),
    "a stream": (batches(inputs(np.nan, (20, 2))), {"y": None, "epochs": 1}, r"batch 2 .*row 4 of this batch"),
}


@pytest.mark.parametrize("name", ROWS)
def test_inputs_that_are_not_numbers_are_named_once(name: str) -> None:
    x, options, text = ROWS[name]
    (message,) = [m for m in said(x, **options) if "the loss of batch" in m]
    assert message.partition(".")[2].startswith("fit: the loss of batch")
    assert re.search(text, message), message


def test_nothing_is_said_where_inputs_are_numbers_or_nan_does_no_harm() -> None:
    assert said(inputs()) == []
    model = nn.Sequential([layers.Lambda(np.nan_to_num), layers.Dense(1)])
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(inputs(np.nan, (7, 1)), Y, verbose=0)
