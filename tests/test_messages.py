"""What users read when an argument is wrong: the forty likeliest errors word by word, and the share of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.extend import checked, checked_class
from nn import activations, callbacks, initializers, layers, losses, metrics, models, utils

from . import messages

RAGGED = [[1, 2], [3]]
A = np.ones((2, 3))


def w() -> Any:
    return ag.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="w")


def v() -> Any:
    return ag.tensor([1.0, 2.0, 3.0])


def model() -> Any:
    return nn.Sequential([layers.Dense(2, input_shape=(3,))])


# The row of the list of those that users meet, the call, the class of the error (and what else it must be, so that
# clauses written for NumPy's go on working), and what the text must have, in this order.
Row = tuple[str, Callable[[], Any], type[Exception], tuple[str, ...]]
ROWS: list[Row] = [
    ("1", lambda: w()[9], IndexError, ("t[9]: index 9 is out of bounds for axis 0", "use -2 to 1", "'w' (2, 3)")),
    ("1", lambda: w()[:, 9], IndexError, ("t[:, 9]: ", "axis 1 of length 3, use -3 to 2; received 'w' (2, 3)")),
    ("1", lambda: np.take(w(), 99), IndexError, ("np.take: index 99", "shape (2, 3)", "indices=99")),
    ("2", lambda: w()[0, 0, 0], IndexError, ("t[0, 0, 0]: expected at most 2 indices", "not 3; received 'w' (2, 3)")),
    (
        "3",
        lambda: ag.tensor(RAGGED),
        ValueError,
        ("tensor: expected ", "equal lengths); received a=[[1, 2], [3]]", "pad"),
    ),
    ("3", lambda: w() + RAGGED, ValueError, ("add: expected the operand to be numbers", "received [[1, 2], [3]]")),
    ("3", lambda: layers.Dense(3)(RAGGED), ValueError, ("layer 'dense' (Dense): expected ", "x=[[1, 2], [3]]", "pad")),
    ("3", lambda: losses.Huber()(RAGGED, A), ValueError, ("Huber: expected y_true", "received y_true=[[1, 2], [3]]")),
    (
        "3",
        lambda: metrics.Recall()(A, RAGGED),
        ValueError,
        ("Recall: expected y_pred", "received y_pred=[[1, 2], [3]]"),
    ),
    ("4", lambda: float(w()), ValueError, ("item: expected a tensor of one element; received ", "(2, 3)", ".mean()")),
    ("4", lambda: w().item(), ValueError, ("item: expected a tensor of one element; received ", "(2, 3)")),
    ("5", lambda: layers.Dense(3, dtype="abc"), TypeError, ("Dense: expected a dtype, as 'float32'", "dtype='abc'")),
    ("6", lambda: ag.tensor([1.0], dtype="abc"), TypeError, ("tensor: expected dtype to be a dtype", "dtype='abc'")),
    ("6", lambda: w().astype("abc"), TypeError, ("astype: expected a dtype, as 'float32'; received dtype='abc'",)),
    ("6", lambda: ag.random.normal(2, dtype="abc"), TypeError, ("normal: expected dtype", "received dtype='abc'")),
    ("7", lambda: w().sum(axis="a"), TypeError, ("sum: expected axis to be an integer", "received axis='a'")),
    ("7", lambda: np.cumsum(w(), axis=1.5), TypeError, ("np.cumsum: expected axis to be an integer", "axis=1.5")),
    (
        "8",
        lambda: layers.Dropout(None),
        TypeError,
        ("Dropout: expected rate to be a number of at least 0 and below 1; received rate=None",),
    ),
    (
        "8",
        lambda: layers.LSTM(3, dropout="a"),
        TypeError,
        ("LSTM: expected dropout to be a number of at least 0 and below 1; received dropout='a'",),
    ),
    ("8", lambda: layers.MultiHeadAttention(2, 2, dropout="a"), TypeError, ("MultiHeadAttention: expected dropout",)),
    (
        "9",
        lambda: losses.BinaryCrossentropy(label_smoothing="a"),
        TypeError,
        ("BinaryCrossentropy: expected label_sm",),
    ),
    ("10", lambda: np.linalg.inv(w()), np.linalg.LinAlgError, ("inv: expected square", "received 'w' (2, 3)")),
    ("10", lambda: np.linalg.solve(w(), w()), np.linalg.LinAlgError, ("solve: expected square matrices", "(2, 3)")),
    ("11", lambda: np.linalg.det(v()), np.linalg.LinAlgError, ("det: expected matrices, of at least two", "(3,)")),
    ("12", lambda: layers.RandomFlip()(None), TypeError, ("layer 'random_flip' (RandomFlip): expected ", "x=None")),
    ("13", lambda: layers.Flatten()("abc"), TypeError, ("layer 'flatten' (Flatten): expected ", "received x='abc'")),
    ("13", lambda: layers.MaxPooling2D()(None), TypeError, ("(MaxPooling2D): expected ", "received x=None")),
    ("14", lambda: layers.Add()(["a", "b"]), TypeError, ("layer 'add' (Add): expected inputs", "received inputs=['a'")),
    ("15", lambda: ag.relu(None), TypeError, ("relu: expected the argument x to be numbers", "received x=None")),
    ("15", lambda: ag.elu("a"), TypeError, ("elu: expected the argument x to be numbers", "received x='a'")),
    ("16", lambda: ag.softmax("abc"), ValueError, ("softmax: expected the argument x to be numbers", "x='abc'")),
    (
        "17",
        lambda: np.maximum(w(), None),
        TypeError,
        ("np.maximum: expected the operands to be numbers", "received None"),
    ),
    ("18", lambda: np.clip(w(), "a", 1), TypeError, ("clip: expected ", "to be numbers", "='a'")),
    (
        "19",
        lambda: np.pad(w(), (1, 2, 3)),
        ValueError,
        ("np.pad: expected pad_width", "2 axes; received pad_width=(1, 2, 3)"),
    ),
    ("20", lambda: np.repeat(w(), -1), ValueError, ("np.repeat: expected repeats to be integers of at least 0", "=-1")),
    ("21", lambda: np.tensordot(w(), w(), axes=3), ValueError, ("tensordot: expected axes from 0 to 2", "axes=3")),
    ("22", lambda: ag.random.uniform(-1), ValueError, ("uniform: expected lengths of at least 0; received shape=-1",)),
    ("23", lambda: ag.random.uniform("a"), TypeError, ("uniform: expected shape to be an integer or", "shape='a'")),
    ("24", lambda: ag.set_seed("a"), TypeError, ("set_seed: expected seed to be an integer", "received seed='a'")),
    ("25", lambda: ag.set_seed(-1), ValueError, ("set_seed: expected seed to be an integer of at least 0", "seed=-1")),
    ("26", lambda: ag.checkpoint(3), TypeError, ("checkpoint: expected a function; received 3",)),
    ("26", lambda: ag.grad(3), TypeError, ("grad: expected a function; received 3",)),
    ("27", lambda: ag.why_no_grad(3), TypeError, ("why_no_grad: expected t to be a Tensor; received t=3",)),
    ("28", lambda: nn.Sequential(3), TypeError, ("Sequential: expected layers", "received layers=3")),
    ("29", lambda: models.load_model("/none"), FileNotFoundError, ("load_model: expected ", "'/none'")),
    ("29", lambda: model().load_weights("/none"), FileNotFoundError, ("load_weights: expected ", "'/none'")),
    ("30", lambda: models.load_model(3), TypeError, ("load_model: expected ", "received ", "3")),
    ("30", lambda: model().save(5), TypeError, ("save_model: expected the path of a file", "received 5")),
    ("31", lambda: model().save(""), ValueError, ("save_model: expected the path of a file; received ''",)),
    ("31", lambda: model().save(os.curdir), OSError, ("save_model: expected the path of a file", "is a folder")),
    ("32", lambda: initializers.GlorotUniform(0)("abc"), TypeError, ("GlorotUniform: expected shape", "shape='abc'")),
    (
        "33",
        lambda: metrics.binary_accuracy(A, A, threshold=[1, 2]),
        ValueError,
        ("binary_accuracy: expected threshold",),
    ),
    (
        "33",
        lambda: activations.relu(A, max_value=[1, 2]),
        ValueError,
        ("relu: expected max_value to be a number or None",),
    ),
    ("33", lambda: ag.elu(A, alpha=[1, 2]), ValueError, ("elu: expected alpha to be a number; received alpha=[1, 2]",)),
    ("34", lambda: w().assign_add(np.ones(7)), ValueError, ("assign_add: expected shape (2, 3); received (7,)",)),
    ("35", lambda: activations.sparsemax(2.0), ValueError, ("sparsemax: ", "expected x of at least one axis", "x=2.0")),
    (
        "35",
        lambda: utils.normalize(A, axis=7),
        IndexError,
        ("normalize: expected an axis of the array; axis=7 is out of bounds", "use -2 to 1", "(2, 3)"),
    ),
    (
        "35",
        lambda: np.unique(w(), axis=7),
        IndexError,
        ("np.unique: expected an axis", "axis=7 is out of bounds", "(2, 3)"),
    ),
    (
        "36",
        lambda: metrics.SparseTopKCategoricalAccuracy()(1, 2),
        ValueError,
        ("top_k_categorical_accuracy: ", "received y_true"),
    ),
    (
        "37",
        lambda: model().from_config({"a": 1}),
        ValueError,
        ("Sequential.from_config: expected a dict with a list of layers", "{'a': 1}"),
    ),
    ("38", lambda: layers.Conv2D(3, 2, padding=A), TypeError, ("Conv2D: expected padding", "ndarray of shape (2, 3)")),
    (
        "38",
        lambda: layers.Conv2D(3, 2, data_format=A),
        TypeError,
        ("Conv2D: expected data_format", "ndarray of shape (2, 3)"),
    ),
    ("38", lambda: layers.Dense(3, name=A), TypeError, ("Dense: expected name to be a string or None", "(2, 3)")),
    ("38", lambda: losses.Huber(reduction=A), ValueError, ("Huber: expected reduction", "ndarray of shape (2, 3)")),
    (
        "39",
        lambda: utils.pad_sequences([[1], [1, 2, 3]], value=[1, 2]),
        ValueError,
        ("pad_sequences: expected value", "[1, 2]"),
    ),
    (
        "40",
        lambda: ag.graph.forward_latex("abc", "n0"),
        TypeError,
        ("forward_latex: expected graph to be a Graph", "'abc'"),
    ),
    ("40", lambda: ag.graph.high_water("abc"), TypeError, ("high_water: expected ", "received ", "'abc'")),
    ("late", lambda: callbacks.EarlyStopping(patience="a"), TypeError, ("EarlyStopping: expected patience", "'a'")),
    (
        "late",
        lambda: ag.jacobian(lambda x: None)(1.0),
        ag.GradError,
        ("jacobian: expected the function to return", "None"),
    ),
    ("deep", lambda: np.insert(w(), w(), w()), IndexError, ("insert: expected obj to be integers", "(2, 3)")),
    ("deep", lambda: np.histogram_bin_edges(w(), w()), ValueError, ("histogram_bin_edges: expected bins", "(2, 3)")),
]


@pytest.mark.parametrize(("call", "kind", "pieces"), [row[1:] for row in ROWS], ids=[f"{r[0]} {r[3][0]}" for r in ROWS])
def test_what_users_are_likeliest_to_meet(
    call: Callable[[], Any], kind: type[Exception], pieces: tuple[str, ...], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as caught:
        call()
    text, place = str(caught.value), 0
    for piece in pieces:
        place = text.find(piece, place)
        assert place >= 0, f"{piece!r} is not where it should be in {text!r}"


def test_a_tensor_of_integers_may_say_where_to_insert() -> None:
    t = ag.tensor([1.0, 2.0], requires_grad=True)
    where = ag.tensor([0, 1])
    assert np.insert(t, where, 9.0).tolist() == np.insert([1.0, 2.0], [0, 1], 9.0).tolist()
    assert np.delete(t, where).tolist() == []
    assert np.histogram_bin_edges(t, ag.tensor(2)).tolist() == [1.0, 1.5, 2.0]


# ---- the boundary ---------------------------------------------------------------------------------------------------


class Mine(layers.Layer):
    def call(self, x: Any) -> Any:
        return x + {}["missing"]


def test_errors_of_the_users_own_functions_stay_what_they_are() -> None:
    for call in (
        lambda: Mine()(A),
        lambda: nn.Sequential([Mine()])(A),
        lambda: ag.grad(lambda x: {}["missing"])(1.0),
        lambda: np.apply_along_axis(lambda x: {}["missing"], 0, w()),
    ):
        with pytest.raises(KeyError, match="^'missing'$"):
            call()


def test_a_lookup_that_says_what_it_expects_stays_a_key_error() -> None:
    x = ag.tensor([1.0], requires_grad=True, name="x")
    graph = ag.build_graph(x.sum())
    for call, text in (
        (lambda: checked(type(graph).__getitem__)(graph, "n7"), "'n7': expected an id from 'n0' to 'n1'"),
        (lambda: ag.explain(x.sum(), "y"), "explain: expected the name or the id of a tensor of the graph; received "),
    ):
        with pytest.raises(KeyError) as caught:
            call()
        assert str(caught.value.args[0]).startswith(text)


def test_python_tells_of_arguments_that_are_missing_and_we_of_unknown_ones() -> None:
    with pytest.raises(TypeError, match=r"Dense.__init__\(\) missing 1 required positional argument: 'units'$"):
        layers.Dense()
    with pytest.raises(TypeError, match=r"^softmax: got an unexpected keyword argument 'axes'. Did you mean 'axis'\?$"):
        ag.softmax(A, axes=0)
    with pytest.raises(TypeError, match="^softmax: got an unexpected keyword argument 'colour'$"):
        ag.softmax(A, colour=0)


def test_an_error_keeps_its_object_and_its_traceback() -> None:
    with pytest.raises(ValueError, match="normalize: ") as caught:
        utils.normalize(A, axis=7)
    assert isinstance(caught.value, np.exceptions.AxisError)
    with pytest.raises(IndexError) as kept:
        w()[9]
    assert any("forward" in str(entry.name) or "getitem" in str(entry.name) for entry in kept.traceback)


class Refusing(nn.Module):
    def call(self, x):
        try:
            return {}["missing"]
        except KeyError as error:
            raise ValueError("mine") from error


@pytest.mark.parametrize(
    "call", [lambda: Refusing()(A), lambda: ag.grad(Refusing().call)(A)], ids=["module", "checked"]
)
def test_an_error_keeps_its_cause_and_each_frame_once(call) -> None:
    with pytest.raises(ValueError, match="^mine$") as caught:
        call()
    assert isinstance(caught.value.__cause__, KeyError)
    frames = [id(entry.frame.raw) for entry in caught.traceback]
    assert len(set(frames)) == len(frames)


def test_a_class_or_function_of_nn_is_what_it_was_but_for_its_errors() -> None:
    @checked
    def area(width: float, height: float = 1.0) -> float:
        """Return the area."""
        return width * height

    assert (area.__name__, area.__doc__, area(2.0)) == ("area", "Return the area.", 2.0)

    @checked_class
    class Box:
        def __init__(self, width: float) -> None:
            self.width = width

    assert Box(2).width == 2
    with pytest.raises(TypeError, match="^Box: expected width to be a number; received width='a'$"):
        Box("a")


# ---- the share ------------------------------------------------------------------------------------------------------


def _tell(result: messages.Walk) -> str:
    return f"{100 * result.share:.2f} % of the errors are ours; bare: " + "\n".join(map(str, result.texts[:30]))


def test_nearly_all_errors_say_what_was_called_and_received() -> None:
    result = messages.walk(messages.everything(), every=97, without=messages.LARGE)
    assert result.ours > 300
    assert result.share >= messages.LEAST, _tell(result)


@pytest.mark.ci
def test_all_errors_of_the_whole_walk() -> None:
    """In a process of its own: peers that others have imported change what memory and which classes there are."""
    command = [sys.executable, "-m", "tests.messages"]
    told = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert int(re.search(r"(\d+) .* ours", told.stdout)[1]) > 40_000


def test_the_judge_knows_a_bare_error() -> None:
    bare = next(t for t in messages.everything() if t.name == "ag.softmax")
    for error in (
        IndexError("index 9 is out of bounds for axis 0 with size 3"),
        TypeError("'str' object cannot be interpreted as an integer"),
        ValueError("softmax: no such axis"),
        ValueError("expected an axis; received 9"),
        ValueError("softmax: there is no such axis; received 9"),  # what was expected is not said
        AttributeError("'NoneType' object has no attribute 'shape'"),
    ):
        assert messages.judged(bare, error) == "bare"
    assert messages.judged(bare, ValueError("softmax: expected an axis; received 9")) == "ours"
    assert messages.judged(bare, TypeError("softmax() missing 1 required positional argument: 'x'")) == "python"
