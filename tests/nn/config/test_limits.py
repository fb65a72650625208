"""Descriptions that ask for too much, or are nested too deeply: one error at once, in every reader."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers, metrics, models
from nn.saving import SavedFileError, load_checkpoint, load_model, save_checkpoint

from ...fuzz.readers import put_together, taken_apart

ROOT = Path(__file__).resolve().parents[3]
HUGE = 2**33 + 1


def dense(units: int = 3) -> Any:
    return nn.Sequential([nn.Input((2,)), layers.Dense(units)])


def enlarged(layer: Any, shape: tuple[int, ...], argument: str) -> str:
    """Return the JSON of a model of one layer, with one of its arguments huge."""
    about = json.loads(nn.Sequential([nn.Input(shape), layer]).to_json())
    about["config"]["layers"][-1]["config"][argument] = HUGE
    return json.dumps(about)


ASKING: dict[str, Callable[[], Any]] = {
    "units": lambda: models.model_from_json(enlarged(layers.Dense(3), (2,), "units")),
    "vocabulary": lambda: models.model_from_json(enlarged(layers.Embedding(3, 2), (2,), "input_dim")),
    "window": lambda: models.model_from_json(enlarged(layers.MaxPooling1D(2, padding="same"), (9, 1), "pool_size")),
    "transform": lambda: layers.MelSpectrogram.from_config({"fft_length": HUGE}),
    "thresholds": lambda: metrics.AUC(num_thresholds=HUGE),
    "thresholds in a configuration": lambda: metrics.AUC.from_config({"num_thresholds": HUGE}),
    "thresholds at a value": lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=HUGE),
    "classes": lambda: metrics.MeanIoU(num_classes=2**20),
    "a metric, deserialized": lambda: nn.saving.deserialize_keras_object(
        {"class_name": "metrics.AUC", "config": {"num_thresholds": HUGE}}
    ),
}


@pytest.mark.parametrize("name", ASKING)
def test_what_asks_for_too_much_is_refused_at_once(name: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=r"expected at most 268_435_456 elements .*; received .*max_elements"):
        ASKING[name]()
    assert time.process_time() - start < 1


def test_the_limit_can_be_set() -> None:
    text = dense(3).to_json()
    with nn.saving.max_elements(9):
        assert models.model_from_json(text).count_params() == 9
    with nn.saving.max_elements(8), pytest.raises(ValueError, match="expected at most 8 elements in all arrays"):
        models.model_from_json(text)
    with nn.saving.max_elements(10**4), pytest.raises(ValueError, match="expected at most 10_000 elements"):
        metrics.MeanIoU(num_classes=200)
    for wrong in (0, -1, 2.0, True, "a"):
        with pytest.raises((ValueError, TypeError), match="max_elements"), nn.saving.max_elements(wrong):  # type: ignore[arg-type]
            pass
    assert dense(100).built, "what a program makes itself has no limit"


def test_a_file_gets_what_it_holds_and_no_more(tmp_path: Path) -> None:
    dense(3).save(tmp_path / "m")
    head, body = taken_apart((tmp_path / "m").read_bytes())
    about = json.loads(head["__metadata__"]["nn"])
    del about["crc32"]
    about["model"]["config"]["layers"][-1]["config"]["units"] = 4
    (tmp_path / "m").write_bytes(put_together({**head, "__metadata__": {"nn": json.dumps(about)}}, body))
    with pytest.raises(SavedFileError, match="expected layers with the weights that the file has; received more"):
        load_model(tmp_path / "m")


# ---- nesting --------------------------------------------------------------------------------------------------------

DEEP = [("[", "]"), ('{"config": ', "}"), ('{"tuple": [', "]}"), ('{"dict": [["x", ', "]]}")]


@pytest.mark.parametrize("levels", [150, 400, 5_000, 200_000])
@pytest.mark.parametrize(("begin", "end"), DEEP)
def test_deep_json_is_an_error_of_ours(levels: int, begin: str, end: str, tmp_path: Path) -> None:
    text = begin * levels + "1" + end * levels
    described = f'{{"class_name": "models.Sequential", "config": {text}}}'
    for given in (text, described):
        with pytest.raises(ValueError, match="model_from_json: "):
            models.model_from_json(given)
    entries = {
        "model": f'{{"format": "model 1", "model": {text}, "state": {{}}}}',
        "model 2": f'{{"format": "model 2", "model": {described}, "state": {{}}, "compiled": {text}}}',
        "checkpoint": f'{{"format": "checkpoint 1", "optimizer": null, "loader": null, "extra": {text}, "random": 1}}',
    }
    model = dense()
    for name, about in entries.items():
        metadata = json.dumps({"__metadata__": {"nn": about}}).encode()
        (tmp_path / name).write_bytes(struct.pack("<Q", len(metadata)) + metadata)
        with pytest.raises(ValueError, match="load_(model|checkpoint): "):
            load_checkpoint(tmp_path / name, model) if name == "checkpoint" else load_model(tmp_path / name)


def test_deep_and_endless_configurations_are_errors_of_ours() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    endless: Any = {"units": 3}
    endless["bias_initializer"] = endless["activation"] = endless
    for config in ({"units": 3, "activation": deep}, endless):
        for read in (
            layers.Dense.from_config,
            nn.Sequential.from_config,
            lambda c: nn.saving.deserialize_keras_object({"class_name": "layers.Dense", "config": c}),
            lambda c: nn.initializers.deserialize({"class_name": "initializers.Zeros", "config": c}),
        ):
            with pytest.raises(ValueError, match="expected at most 2000 levels of nested lists and dicts"):
                read(config)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    model = dense()
    for _ in range(40):
        model = nn.Sequential([nn.Input((2,)), model]) if model.built else model
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    x = np.ones((1, 2))
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())
    extra: Any = 1
    for _ in range(2500):
        extra = [extra]
    with pytest.raises(ValueError, match="expected at most 2000 levels"):
        save_checkpoint(tmp_path / "c", dense(), extra={"deep": extra})
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("read", "given", "message"),
    [
        (nn.Sequential.from_config, {"a": 1}, "Sequential.from_config: expected a dict with a list of layers"),
        (layers.Dense.from_config, 3, r"Dense.from_config: expected a dict, as Dense.get_config\(\) returns it"),
        (metrics.AUC.from_config, [1], r"AUC.from_config: expected a dict"),
        (layers.Dense.from_config, {1: 2}, r"Dense.from_config: expected a dict"),
    ],
)
def test_what_is_no_configuration_is_refused(read: Any, given: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        read(given)


@pytest.mark.ci
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the memory of a process as Linux does")
def test_every_number_in_every_layer_and_metric() -> None:
    command = [sys.executable, "-m", "tests.reliability.budgets"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"tried (\d+), failed 0", done.stdout)[0]) > 6000
