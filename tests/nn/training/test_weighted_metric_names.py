"""A metric that is wanted without and with sample weights has two names, as in Keras."""

from __future__ import annotations

import numpy as np
import pytest

import nn

X = np.float32([[1, 0], [0, 1], [1, 0], [0, 1]])
Y = np.array([0, 1, 1, 1])
WEIGHTS = np.float32([1, 1, 5, 1])


def test_the_weighted_one_of_two_equal_names_says_so() -> None:
    model = nn.Sequential([nn.layers.Softmax()])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"], weighted_metrics=["acc"])
    found = model.evaluate(X, Y, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    assert found["acc"] == 3 / 4
    assert found["weighted_acc"] == 3 / 8

    twin = nn.Sequential([nn.layers.Softmax()])
    twin.compile_from_config(model.get_compile_config())
    assert twin.evaluate(X, Y, sample_weight=WEIGHTS, verbose=0, return_dict=True) == found


def test_each_output_has_its_own() -> None:
    given = nn.Input((2,))
    model = nn.Model(given, [nn.layers.Softmax(name=name)(given) for name in ("a", "b")])
    model.compile("sgd", ["sparse_categorical_crossentropy"] * 2, metrics=[["acc"], []], weighted_metrics=[["acc"]] * 2)
    assert [m.name for m in model.metrics] == ["loss", "compile_metrics", "a_loss", "b_loss"]
    assert [m.name for m in model.metrics[1].metrics][-3:] == ["a_acc", "a_weighted_acc", "b_acc"]


def test_an_object_keeps_its_name() -> None:
    own = nn.metrics.SparseCategoricalAccuracy("acc")
    model = nn.Sequential([nn.layers.Softmax()])
    with pytest.raises(ValueError, match="expected metrics with different names"):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"], weighted_metrics=[own])
    assert own.name == "acc"
