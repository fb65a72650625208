"""`FeatureSpace`: what Keras gives for the same table, in batches and one by one, as a model and from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn.data import Dataset
from nn.utils import FeatureSpace

TABLE: dict[str, Any] = {
    "age": [20.0, 30.0, 40.0, 70.0],
    "code": [7, 7, -2, 100],
    "city": ["Oslo", "Rome", "Oslo", "Køln"],
    "job": ["cook", "nurse", "cook", "pilot"],
}
# What Keras 3.15.1 gives on TensorFlow 2.21, without which its FeatureSpace does not run.
KERAS_NUMBERS = {
    "age": [0, 1, 1, 1],
    "city": [1, 2, 1, 3],
    "code": [4, 4, 1, 3],
    "job": [3, 0, 3, 2],
    "city_X_job": [3, 1, 3, 3],
    "code_X_city": [4, 2, 6, 3],
}
KERAS_VECTORS = [
    [-1.0690, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1],
    [-0.5345, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0],
    [0.0000, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1],
    [1.6036, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0],
]


def numbers() -> FeatureSpace:
    return FeatureSpace(
        {
            "age": FeatureSpace.float_discretized(num_bins=2, output_mode="int"),
            "code": FeatureSpace.integer_hashed(6, output_mode="int"),
            "city": FeatureSpace.string_categorical(output_mode="int"),
            "job": FeatureSpace.string_hashed(5, output_mode="int"),
        },
        crosses=[
            FeatureSpace.cross(("city", "job"), 8, output_mode="int"),
            FeatureSpace.cross(("code", "city"), 9, output_mode="int"),
        ],
        output_mode="dict",
    )


def vectors() -> FeatureSpace:
    return FeatureSpace(
        {"age": "float_normalized", "code": "integer_hashed", "city": "string_categorical", "job": "string_hashed"},
        crosses=[("job", "code")],
        crossing_dim=4,
        hashing_dim=3,
    )


def datasets() -> dict[str, Any]:
    samples = Dataset.from_tensor_slices(TABLE)
    return {"a table": TABLE, "samples": samples, "batches": samples.batch(3)}


@pytest.mark.parametrize("kind", ["a table", "samples", "batches"])
def test_what_keras_gives(kind: str) -> None:
    space = numbers()
    space.adapt(datasets()[kind])
    assert {name: part.numpy()[:, 0].tolist() for name, part in space(TABLE).items()} == KERAS_NUMBERS
    space = vectors()
    space.adapt(datasets()[kind])
    np.testing.assert_allclose(space(TABLE).numpy(), KERAS_VECTORS, atol=1e-4)


def test_one_sample_has_no_batch_axis_and_an_unknown_text_its_place() -> None:
    space = vectors()
    space.adapt(TABLE)
    for row, expected in enumerate(KERAS_VECTORS):
        one = space({name: column[row] for name, column in TABLE.items()})
        np.testing.assert_allclose(one.numpy(), expected, atol=1e-4)
    unknown = space({"age": [1.0], "code": [1], "city": ["Paris"], "job": ["none"]})
    assert unknown.numpy()[0, 1:5].tolist() == [1, 0, 0, 0]
    named = numbers()
    named.adapt(TABLE)
    assert named({name: column[0] for name, column in TABLE.items()})["city"].tolist() == [1]


def test_a_space_is_a_model_that_can_be_saved_and_built_on(tmp_path: Path) -> None:
    space = vectors()
    space.adapt(TABLE)
    space.save(tmp_path / "space.nn")
    loaded = nn.models.load_model(tmp_path / "space.nn")
    columns = {
        name: np.array(column, object if name in ("city", "job") else None)[:, None] for name, column in TABLE.items()
    }
    np.testing.assert_allclose(loaded(columns).numpy(), KERAS_VECTORS, atol=1e-4)
    assert sorted(space.get_inputs()) == sorted(TABLE)
    features = space.get_encoded_features()
    assert features.shape == (None, 15)
    model = nn.Model(inputs=space.get_inputs(), outputs=nn.layers.Dense(1)(features))
    assert model(columns).shape == (4, 1)


def test_a_model_trains_on_what_it_encodes() -> None:
    space = vectors()
    ds = Dataset.from_tensor_slices((TABLE, np.arange(4.0))).batch(2)
    space.adapt(ds.map(lambda x, y: x))
    model = nn.Sequential([nn.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert model.fit(ds.map(lambda x, y: (space(x), y)), epochs=2, verbose=0).epoch == [0, 1]


def test_a_second_adapt_replaces_the_first() -> None:
    space = FeatureSpace({"city": "string_categorical", "age": "float_discretized"}, num_discretization_bins=2)
    for cities in (["Oslo"], ["Rome", "Oslo", "Wien"]):
        table = {"city": cities, "age": np.arange(float(len(cities)))}
        space.adapt(table)
        assert space(table).shape == (len(cities), space.preprocessors["city"].vocabulary_size() + 2)
        assert space.get_encoded_features().shape[1] == space(table).shape[1]


def test_layers_of_ones_own_and_columns_that_need_no_data() -> None:
    words = nn.layers.TextVectorization(output_mode="multi_hot")
    space = FeatureSpace({"text": FeatureSpace.feature("string", words, "float")})
    space.adapt({"text": ["one two", "two three"]})
    assert space({"text": ["two two"]}).shape == (1, 4)
    plain = FeatureSpace(
        {
            "a": "float",
            "b": FeatureSpace.float_rescaled(2.0, 1.0),
            "c": FeatureSpace.float_discretized(None, [0.0, 1.0]),
        }
    )
    plain.adapt({"a": [1.0]})
    assert plain({"a": [3.0], "b": [3.0], "c": [0.5]}).tolist() == [[3.0, 7.0, 0.0, 1.0, 0.0]]


def test_bad_calls_say_what_was_expected() -> None:
    bad: list[tuple[Any, str]] = [
        (lambda: FeatureSpace({}), "expected features to be at least one column"),
        (lambda: FeatureSpace({"a": "integer"}), r"expected features\['a'\] to be one of float, float_normalized"),
        (lambda: FeatureSpace({"a": "float"}, output_mode="list"), "expected output_mode to be 'concat' or 'dict'"),
        (lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]), r"names among \['a'\]; received crosses=\['b'\]"),
        (lambda: vectors()(TABLE), r"expected adapt\(dataset\) before the first use, for \['age', 'city'\]"),
        (lambda: FeatureSpace({"a": "float"})({"b": 1}), r"the columns \['a'\]; received data="),
        (lambda: FeatureSpace.string_hashed(3, output_mode="float"), "expected output_mode to be one of one_hot, int"),
        (
            lambda: FeatureSpace({"a": FeatureSpace.integer_hashed(3, "int")})({"a": [1]}),
            r"expected output_mode='dict' with columns of bin numbers; received 'concat', \['a'\]",
        ),
        (
            lambda: FeatureSpace({"a": FeatureSpace.feature("float32", nn.layers.Dense(2), "one_hot")})({"a": [1.0]}),
            "expected a layer that looks up, hashes or discretizes, for output_mode='one_hot' of 'a'; received Dense",
        ),
    ]
    for call, message in bad:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="expected data to be a dict of columns"):
        FeatureSpace({"a": "float"})([1.0])
    with pytest.raises(TypeError, match="expected dataset to be a dict of columns or a Dataset"):
        vectors().adapt([1.0])  # type: ignore[arg-type]
