"""The harness for Keras's programs counts what it says: cells, the changed import, and which of them ran."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.keras_programs import __main__ as harness, cells, cuts, synthetic, worker

ROOT = Path(harness.__file__).parents[2]


def test_a_script_has_its_cells_between_its_texts():
    script = '"""\nTitle\n"""\nimport keras\n\n"""\n## Text\n"""\n\nx = """no text"""\ny = 2\n"""More"""\n'
    assert [cell.strip() for cell in cells.script_cells(script)] == ["import keras", 'x = """no text"""\ny = 2']


def test_a_script_without_texts_is_one_cell():
    assert cells.script_cells("a = 1\n\nb = 2\n") == ["a = 1\n\nb = 2"]


def test_a_notebook_loses_the_lines_for_the_shell():
    sources = ["!pip install keras\n", "%matplotlib inline\nx = 1\n", "if x:\n    !ls \\\n  -l\n"]
    notebook = {"cells": [{"cell_type": "code", "source": [text]} for text in sources]}
    notebook["cells"].append({"cell_type": "markdown", "source": ["# no code"]})
    found = cells.notebook_cells(notebook)
    assert [ast.unparse(ast.parse(cell)) for cell in found] == ["pass\nx = 1", "if x:\n    pass"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import keras", "import nn as keras"),
        ("import keras as k, os", "import nn as k\nimport os"),
        ("import keras.layers", "import nn as keras\nimport nn.layers as _"),
        ("import keras.backend as K", "import nn.backend as K"),
        ("from keras import layers, ops", "from nn import layers, ops"),
        ("from keras.layers import Dense as D", "from nn.layers import Dense as D"),
        ("from tensorflow.keras.models import Model", "from nn.models import Model"),
        ("from tensorflow import keras, data", "keras = _program_keras\nfrom tensorflow import data"),
        ("import tensorflow as tf", "tf = _program_tensorflow"),
        ("tf.keras.layers.Dense(1)", "_program_keras.layers.Dense(1)"),
        ("import keras_hub", "import keras_hub"),
        ("from keras_tuner import Tuner", "from keras_tuner import Tuner"),
        ("x = 'import keras'  # keras", "x = 'import keras'"),
        ("from . import keras", "from . import keras"),
        ("num_epochs = 100", "num_epochs = 2"),
        ("epochs = 1", "epochs = 1"),
        ("width = 100", "width = 100"),
        ("open('/home/ubuntu/data/x.csv')", "open('./x.csv')"),
        ("open('/home/x.csv')", "open('/home/x.csv')"),
    ],
)
def test_the_import_is_changed_and_nothing_else(source, expected):
    assert ast.unparse(cells.swapped(source, "nn")) == expected


def test_a_cell_that_takes_too_long_ends_though_it_catches_everything():
    source = "while True:\n    try:\n        pass\n    except Exception:\n        pass"
    assert worker.run_cell(source, "nn", {}, "<cell>", 0.05) == "OutOfTime: the cell took too long"


def test_an_error_is_one_line():
    assert worker.run_cell("raise ValueError('\\n a\\n b')", "nn", {}, "<cell>", 10) == "ValueError: a"
    assert str(worker.run_cell("1 +", "nn", {}, "<cell>", 10)).startswith("SyntaxError: ")


def test_few_rows_of_every_array_and_as_many_predictions_as_asked_for():
    class Model:
        def fit(self, x, y=None, epochs=1, steps_per_epoch=None):
            return [x[0].shape, y["a"].shape, epochs, steps_per_epoch]

        def evaluate(self, x=None, steps=None):
            return steps

        def predict(self, x):
            return x * 2

    cuts.shorten(Model)
    large, small = np.zeros((1000, 2**14)), np.arange(1000.0)
    assert Model().fit([large, small], {"a": small}, epochs=9, steps_per_epoch=50) == [(16, 2**14), (16,), 2, None]
    assert Model().fit([small, large], y={"a": small}) == [(16,), (16,), 1, None]
    assert Model().evaluate(iter([])) == 2
    assert np.array_equal(Model().predict(small), np.resize(small[:64], 1000) * 2)
    with pytest.raises(TypeError, match="tempo"):
        Model().fit(small, tempo=1)


def test_made_up_data_has_the_true_shapes():
    (x, y), (x_test, _) = synthetic.LOADERS["mnist"]()
    assert (x.shape, x.dtype, y.shape, x_test.shape) == ((60_000, 28, 28), np.uint8, (60_000,), (10_000, 28, 28))
    (x, y), _ = synthetic.LOADERS["imdb"](num_words=100)
    assert isinstance(x[0], list)
    assert max(map(max, x)) < 100


def test_the_share_counts_cells_that_run_in_keras():
    program = harness.Program("a.py", [None, None, "E", None], ["ValueError: 3 rows", None, "E", "ValueError: 4 rows"])
    assert program.counted == [0, 1, 3]
    assert harness.share([program]) == "1 of 3 (33.3 %)"
    assert "   2  ValueError: N rows\n      a.py[0], a.py[3]" in harness.report([program])
    assert harness.share([harness.Program("b.py", ["E"], [None])]) == "none of 0"


@pytest.mark.ci
def test_a_program_runs_on_after_a_cell_that_fails(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        'import keras\n"""1"""\nimport tensorflow as tf\ntf.zeros(3)\n"""2"""\nkeras.src\n"""3"""\n'
        "(x, y), _ = keras.datasets.mnist.load_data()\nmodel = keras.Sequential([keras.layers.Flatten()])\n"
        '"""4"""\nmodel.add(keras.layers.Dense(10, activation="softmax"))\n'
        'model.compile(loss="sparse_categorical_crossentropy")\n'
        'assert len(model.fit(x, y, epochs=50).history["loss"]) == 2\n'
    )
    command = [sys.executable, "-m", "benchmarks.keras_programs", str(program), "--json", str(tmp_path / "cells.json")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cells that run in Keras and here: 3 of 4 (75.0 %), of 1 programs" in run.stdout
    assert "AttributeError: module 'autograd_lite.nn' has no attribute 'src'" in run.stdout
    cell = json.loads((tmp_path / "cells.json").read_text())[str(program)]
    assert [error is None for error in cell["keras"]] == [True, False, True, True, True]
    assert [error is None for error in cell["nn"]] == [True, False, False, True, True]
