"""Files of the real Keras load here, and ours load there, with equal predictions, weights and further training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn

from ... import peers
from ...layers.keras_cases import CASES
from ...layers.layer_cases import all_cases
from .models import MODELS

pytestmark = [pytest.mark.ci, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def inputs(model: Any, rng: np.random.Generator) -> Any:
    """Return a batch for a model of either library, nested as its inputs."""
    named = isinstance(getattr(model, "input", None), dict)
    draw = {
        name: rng.integers(1, 7, (4, 6)).astype("int32")
        if "int" in str(s.dtype)
        else rng.normal(size=(4, *(n or 6 for n in s.shape[1:]))).astype("float32")
        for name, s in zip(sorted(model.input) if named else range(9), model.inputs, strict=False)
    }
    found = list(draw.values())
    return draw if named else found if len(found) > 1 else found[0]


def randomized(model: Any, rng: np.random.Generator) -> Any:
    """Give a model weights that differ from those of any new one."""
    model.set_weights([w if w.dtype.kind != "f" else rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()])
    return model


def flat(out: Any) -> list[Any]:
    """Return the outputs of a model as a list; those in a dict by sorted key."""
    if isinstance(out, dict):
        return [out[key] for key in sorted(out)]
    return list(out) if isinstance(out, (list, tuple)) else [out]


def same(ours: Any, theirs: Any) -> None:
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_models_from_keras(name: str, rng: np.random.Generator, tmp_path: Path) -> None:
    keras = peers.keras()
    theirs = randomized(MODELS[name](keras), rng)
    x = inputs(theirs, rng)
    theirs.save(tmp_path / "m.keras")
    ours = nn.models.load_model(tmp_path / "m.keras")
    same(ours.predict(x), theirs.predict(x, verbose=0))
    assert [a.shape for a in ours.get_weights()] == [a.shape for a in theirs.get_weights()]
    assert len(ours.trainable_weights) == len(theirs.trainable_weights)
    theirs.save_weights(tmp_path / "m.weights.h5")
    fresh = randomized(MODELS[name](nn), rng)
    fresh.load_weights(tmp_path / "m.weights.h5")
    same(fresh.predict(x), theirs.predict(x, verbose=0))


@pytest.mark.parametrize("name", MODELS)
def test_models_to_keras(name: str, rng: np.random.Generator, tmp_path: Path) -> None:
    keras = peers.keras()
    ours = randomized(MODELS[name](nn), rng)
    x = inputs(ours, rng)
    ours.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    same(ours.predict(x), theirs.predict(x, verbose=0))
    assert len(ours.trainable_weights) == len(theirs.trainable_weights)
    same(nn.models.load_model(tmp_path / "m.keras").predict(x), ours.predict(x))
    ours.save_weights(tmp_path / "m.weights.h5")
    fresh = randomized(MODELS[name](keras), rng)
    fresh.load_weights(tmp_path / "m.weights.h5")
    same(ours.predict(x), fresh.predict(x, verbose=0))


ROWS = [row for row in CASES if row[0] != "UpSampling2D, bicubic"]  # there, two layers compute the same
BY_NAME = {case.name: case for case in all_cases()}


@pytest.mark.parametrize(("name", "make"), [pytest.param(*row, id=row[0]) for row in ROWS])
def test_layers(name: str, make: Any, rng: np.random.Generator, tmp_path: Path) -> None:
    keras, case = peers.keras(), BY_NAME[name]
    arrays = [a.astype(np.float32) if a.dtype == np.float64 else a for a in case.draw()]

    def around(k: Any, layer: Any) -> Any:
        starts = [k.Input(a.shape[1:], dtype=a.dtype.name) for a in arrays]
        return k.Model(starts, layer(*case.args(starts)))

    theirs = randomized(around(keras, make(keras.layers)), rng)
    theirs.save(tmp_path / "theirs.keras")
    read = nn.models.load_model(tmp_path / "theirs.keras")
    x = arrays if len(arrays) > 1 else arrays[0]
    expected = theirs.predict(x, verbose=0)
    same(read.predict(x), expected)
    ours = around(nn, case.make())
    ours.set_weights(theirs.get_weights())
    ours.save(tmp_path / "ours.keras")
    same(keras.models.load_model(tmp_path / "ours.keras").predict(x, verbose=0), expected)
