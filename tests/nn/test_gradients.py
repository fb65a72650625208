"""Layers and losses under the public checker of gradients; every layer is in the contract of `layer_cases.py`,
every loss in `test_loss_formulas.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd_lite.testing import check_grads, check_module, module_test, property_test

RNG = np.random.default_rng(0)
LAYERS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "Dense": (lambda: nn.layers.Dense(3), (4, 5)),
    "Dense without bias": (lambda: nn.layers.Dense(3, use_bias=False), (4, 5)),
    "Dense, tanh": (lambda: nn.layers.Dense(3, activation="tanh"), (2, 3, 5)),
    "Dense, softmax": (lambda: nn.layers.Dense(3, activation="softmax"), (4, 5)),
    "Activation": (lambda: nn.layers.Activation("gelu"), (3, 4)),
    "Dropout": (lambda: nn.layers.Dropout(0.4), (6, 5)),
    "Flatten": (lambda: nn.layers.Flatten(), (2, 3, 2)),
    "Reshape": (lambda: nn.layers.Reshape((3, -1)), (2, 6)),
    "Sequential": (
        lambda: nn.Sequential([nn.layers.Dense(4, activation="relu"), nn.layers.Dropout(0.2), nn.layers.Dense(2)]),
        (5, 3),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_by_its_input_and_its_parameters(name: str) -> None:
    make, shape = LAYERS[name]
    nn.set_seed(1)
    report = check_module(make(), RNG.normal(size=shape))
    assert report.ok
    modes = {entry.split(":")[0] for entry in report.inputs}
    assert modes == {"train", "eval"}


LOSSES: dict[str, tuple[Any, Any, Any]] = {
    "CategoricalCrossentropy": (
        nn.losses.CategoricalCrossentropy(),
        np.eye(3)[[0, 2]],
        [[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]],
    ),
    "CategoricalCrossentropy from logits": (
        nn.losses.CategoricalCrossentropy(from_logits=True),
        np.eye(3)[[0, 2]],
        [[1.0, -2.0, 0.5], [0.1, 0.6, 3.0]],
    ),
    "SparseCategoricalCrossentropy": (
        nn.losses.SparseCategoricalCrossentropy(),
        np.array([0, 2]),
        [[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]],
    ),
    "BinaryCrossentropy": (nn.losses.BinaryCrossentropy(), np.array([[0.0], [1.0]]), [[0.2], [0.7]]),
    "MeanSquaredError": (nn.losses.MeanSquaredError(), np.array([[0.0], [1.0]]), [[0.2], [0.7]]),
    "MeanAbsoluteError": (nn.losses.MeanAbsoluteError(), np.array([[0.0], [1.0]]), [[0.2], [0.7]]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_by_its_predictions_to_second_order(name: str) -> None:
    loss, y_true, y_pred = LOSSES[name]
    assert check_grads(lambda y: loss(y_true, y), np.array(y_pred), order=2).ok


# Few examples: other tests hold every layer and loss to the same laws.
test_dense = module_test(lambda: nn.layers.Dense(4, activation="tanh"), "(b,3)", examples=20)
test_mean_squared_error = property_test(
    lambda a, b: nn.losses.MeanSquaredError()(a, b), "(b,k),(b,k)", loops=False, examples=20
)
