"""`nn.Variable`, and what weights have of Keras's variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models

from .. import peers

GIVEN: list[Any] = [1.5, np.zeros(2, "float32"), np.ones((2, 1)), [1.0, 2.0], 3, True, [1, 2]]


@pytest.mark.ci
@pytest.mark.parametrize("value", GIVEN, ids=repr)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
def test_values_have_keras_s_dtypes_and_shapes(value: Any) -> None:
    floating = np.asarray(value).dtype.kind == "f"
    ours, theirs = (k.Variable(value, trainable=floating) for k in (nn, peers.keras()))
    assert (ours.shape, str(ours.dtype), ours.trainable) == (tuple(theirs.shape), theirs.dtype, theirs.trainable)
    assert ours.numpy().tolist() == theirs.numpy().tolist()


def test_assignments_are_those_of_arrays() -> None:
    variable, array = nn.Variable([1.0, 2.0]), np.array([1.0, 2.0])
    for change, value in (("assign_add", 1.0), ("assign_sub", 0.5), ("assign", [3.0, 4.0]), ("assign_sub", [1.0, 2.0])):
        getattr(variable, change)(value)
        array = {"assign_add": array + value, "assign_sub": array - value, "assign": np.asarray(value)}[change]
        np.testing.assert_array_equal(variable.numpy(), array)
    with pytest.raises(ag.ShapeError, match=r"assign: expected shape \(2,\); received \(3,\)"):
        variable.assign([1, 2, 3])
    np.testing.assert_array_equal(variable.value.numpy(), array)


def test_it_is_a_leaf_like_any_weight() -> None:
    variable, weight = (
        nn.Variable("ones", shape=(2,), name="scale"),
        models.Sequential([layers.Dense(2, input_shape=(3,))]).weights[0],
    )
    for leaf in (variable, weight):
        assert isinstance(leaf, nn.Variable)
        assert leaf.value is leaf
        leaf.trainable = False
        assert not leaf.requires_grad
        leaf.trainable = True
    assert not isinstance(variable * 2, nn.Variable)
    assert not isinstance(np.ones(2), nn.Variable)
    assert variable.path == variable.name == "scale"
    loss = nn.ops.sum(variable * np.exp(variable)) + nn.ops.square(variable)[0]
    loss.backward()
    np.testing.assert_allclose(variable.value.grad, [2 * np.e + 2, 2 * np.e], rtol=1e-6)


def test_what_it_refuses() -> None:
    with pytest.raises(ValueError, match=r"expected a shape with an initializer; received 'zeros' and shape=None"):
        nn.Variable("zeros")
    with pytest.raises(ValueError, match=r"expected values of shape \(3,\); received shape \(2,\)"):
        nn.Variable([1.0, 2.0], shape=(3,))


class Scaled(layers.Layer):
    """Variables as attributes, one of each kind, and one in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Variable(2.0)
        self.calls = nn.Variable(0, trainable=False)
        self.shifts = [nn.Variable(np.zeros(1))]

    def build(self, input_shape: Any) -> None:
        self.seen = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1)
        self.seen.assign(self.seen + len(x))
        return x * self.scale + self.shifts[0]


def test_a_module_has_those_among_its_attributes(tmp_path: Path) -> None:
    model = models.Sequential([layers.Dense(1, input_shape=(2,)), Scaled()])
    own = model.layers[1]
    assert [w.path for w in own.trainable_variables] == ["scaled.scale", "scaled.shifts.0"]
    assert [w.path for w in own.non_trainable_variables] == ["scaled.calls", "scaled.seen"]
    model.compile("sgd", "mse")
    calls, seen = int(own.calls), int(own.seen)
    model.fit(np.ones((6, 2)), np.ones((6, 1)), batch_size=4, epochs=3, verbose=0)
    assert int(own.calls) - calls == 6  # a step each: checking the data beforehand does not count
    assert int(own.seen) - seen == 18
    assert own.scale.item() != 2.0
    before = model.get_weights()
    model.save_weights(tmp_path / "m.safetensors")
    own.scale.assign(0.0)
    own.calls.assign(0)
    model.load_weights(tmp_path / "m.safetensors")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_metric_has_those_among_its_attributes() -> None:
    class Largest(nn.metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="largest")
            self.value = nn.Variable(0.0, trainable=False)

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.value.assign(np.maximum(self.value, np.max(y_pred)))

        def result(self) -> Any:
            return self.value

    metric = Largest()
    metric.update_state([0.0], [2.0])
    assert [float(v) for v in metric.variables] == [2.0]
    metric.reset_state()
    assert float(metric.result()) == 0.0
