"""What type checkers make of declared arguments: they know names, order and types, and complain about mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# Each line with a comment is one that mypy complains about, in these words.
CALLS = """
from typing import Any
from nn import layers, losses, metrics

layers.Dense(8, "relu", kernel_regularizer="l2", name="a", input_shape=(3,))
layers.Dense("8")  # Argument 1 to "Dense" has incompatible type "str"; expected "int"
layers.Dense(8, kernel_regulariser="l2")  # did you mean "kernel_regularizer"
layers.Dense()  # Missing positional argument "units"
layers.Conv2D(8, (3, 3), strides=2, padding="same", activation="relu", bias_constraint="non_neg")
layers.LSTM(8, return_sequences=True, recurrent_dropout=0.1, recurrent_regularizer="l2")
layers.LSTM(8, return_sequence=True)  # did you mean "return_sequences"
losses.Huber(2.0, "sum")
losses.Huber("2")  # Argument 1 to "Huber" has incompatible type "str"; expected "float"
losses.huber([1.0], [2.0], delta=1.0)
losses.huber([1.0], [2.0], dleta=1.0)  # did you mean "delta"
metrics.MeanIoU(num_classes=3, name="iou")
metrics.MeanIoU(3, target_class_ids=[1])  # Unexpected keyword argument "target_class_ids"
size: tuple[int, ...] = layers.Conv2D(3, 3).kernel_size
name: int = layers.Dense(3).name  # Incompatible types in assignment


class Keras(layers.Layer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)


Keras(3, name="x")
"""


@pytest.mark.ci
def test_mypy_knows_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    root = Path(__file__).parents[3]
    monkeypatch.setenv("MYPYPATH", str(root))
    monkeypatch.chdir(root)
    file = tmp_path / "calls.py"
    file.write_text(CALLS, encoding="utf-8")
    out, error, _ = api.run(["--follow-imports=silent", f"--cache-dir={tmp_path}", str(file)])
    found = {int(m[1]): m[2] for m in re.finditer(r"calls\.py:(\d+): error: (.*)", out)}
    wanted = {i: line.partition("  # ")[2] for i, line in enumerate(CALLS.split("\n"), 1) if "  # " in line}
    assert error == ""
    assert found.keys() == wanted.keys(), out
    assert [i for i, words in wanted.items() if words not in found[i]] == [], out
