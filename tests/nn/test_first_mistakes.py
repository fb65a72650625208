"""What a newcomer gets wrong in the first hour, and what the error says: the call, the reason and the cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers, losses, models

X, LABELS = np.ones((6, 4), "float32"), np.arange(6) % 3


def network(**compiled: Any) -> models.Sequential:
    model = models.Sequential([layers.Dense(8, "relu", input_shape=(4,)), layers.Dense(3, "softmax")])
    model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **compiled})
    return model


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a keyword of fit": (
        lambda: network().fit(X, LABELS, epoch=3),
        TypeError,
        "Sequential.fit: got an unexpected keyword argument 'epoch'. Did you mean 'epochs'?",
    ),
    "a keyword of no method": (
        lambda: network().predict(X, colour=3),
        TypeError,
        "Sequential.predict: got an unexpected keyword argument 'colour'",
    ),
    "a text as a shape": (
        lambda: network().build("abc"),
        TypeError,
        "Sequential.build: expected input_shape to be a tuple of lengths with the batch axis first, such as (None, 4); "
        "received input_shape='abc'",
    ),
    "a length as a shape": (lambda: layers.Dense(2).build(5), TypeError, "Dense.build: expected input_shape to be"),
    "no shape": (lambda: layers.LSTM(2).build(None), TypeError, "received input_shape=None"),
    "a fraction in a shape": (
        lambda: layers.Dense(2).build((None, 2.5)),
        TypeError,
        "received input_shape=(None, 2.5)",
    ),
    "a loss with its arguments swapped": (
        lambda: losses.SparseCategoricalCrossentropy()(network()(X), LABELS),
        ValueError,
        "A loss takes (y_true, y_pred), in this order",
    ),
    "arrays for symbols": (lambda: nn.Model(X, LABELS), TypeError, "received ndarray of shape (6, 4) float32"),
    "parameters before there are any": (
        lambda: models.Sequential([layers.Dense(2)]).parameters(),
        ValueError,
        "Sequential.named_parameters: expected a module with parameters; received 'sequential' (Sequential), which has "
        "none yet",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_error_says_what_to_do(mistake: str) -> None:
    call, kind, said = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        call()
    assert said in str(caught.value)
