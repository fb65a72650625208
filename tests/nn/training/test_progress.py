"""What training prints: a bar in a terminal and in a notebook, lines in a pipe; and the table of a model."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import numpy as np
import pytest

from nn import callbacks, layers, models
from nn.training.progress import open_progress

from ..classification import Interrupt, classifier, compiled, data

VALUE = r"\d\.\d{4}"
LINE = (
    rf"Epoch %d/2 - 4/4 - \d+s \d+[mu]?s/step - loss: {VALUE} - accuracy: {VALUE} - val_loss: {VALUE} - "
    rf"val_accuracy: {VALUE}"
)


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_in_a_pipe_progress_is_a_line_an_epoch(capsys: pytest.CaptureFixture[str], verbose: Any) -> None:
    x, y = data()
    compiled().fit(x, y, batch_size=16, epochs=2, verbose=verbose, validation_data=(x, y))
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert len(lines) == 2
    for i, line in enumerate(lines, start=1):
        assert re.fullmatch(LINE % i, line), line
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)


def test_verbose_0_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = data()
    model = compiled()
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x)
    assert capsys.readouterr() == ("", "")


def test_evaluate_prints_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = data()
    loss, accuracy = compiled().evaluate(x, y)
    assert re.fullmatch(
        rf"2/2 - \d+s \d+[mu]?s/step - loss: {loss:.4f} - accuracy: {accuracy:.4f}\n", capsys.readouterr().out
    )


class Slow(callbacks.Callback):
    """Makes every step due for a refresh of the bar."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        time.sleep(0.11)


def screen(text: str, columns: int = 1000) -> list[str]:
    """Return what a terminal shows after a text with carriage returns; longer lines go on in the next."""
    lines = [""]
    column = 0
    for character in text:
        if character == "\n" or (column == columns and character != "\r"):
            lines.append("")
            column = 0
        if character == "\r":
            column = 0
        elif character != "\n":
            lines[-1] = lines[-1][:column] + character + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


FOUR = {"loss": 0.2565, "accuracy": 0.9265, "val_loss": 0.1432, "val_accuracy": 0.9567}
LONG = {
    "loss": 0.2,
    "sparse_categorical_accuracy": 0.9,
    "a_name_" * 9: 0.5,
    **{f"metric_{i}": i / 10 for i in range(9)},
}
VALIDATED = {**LONG, **{f"val_{name}": value for name, value in LONG.items()}}


@pytest.mark.parametrize("columns", [120, 80, 60, 40, 20])
@pytest.mark.parametrize("values", [{}, {"loss": 1e-12}, FOUR, LONG, VALIDATED], ids=len)
@pytest.mark.parametrize("steps", [469, 10_000_000, None])
def test_no_line_wraps(
    columns: int,
    values: dict[str, float],
    steps: int | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", f"{columns}")
    bar = open_progress(1, "Epoch 1/5", steps)
    training = {name: value for name, value in values.items() if not name.startswith("val_")}
    for done in (1, 20, 300):
        bar.show(done, {name: value + 1e-6 * done for name, value in training.items()})
    live = screen(capsys.readouterr().out, columns)
    assert len(live) == 2, live
    bar.show(400, training)
    bar.steps = steps or 469
    bar.close(values)
    shown = screen("Epoch 1/5\n" + capsys.readouterr().out, columns)
    assert shown[-1] == ""
    assert max(map(len, shown)) < columns
    text = " - ".join(line.strip() for line in shown[1:-1])
    assert text.count(": ") == len(values)
    for name, value in values.items():
        assert f"{value:.4f}" in text or value < 1e-3
        assert name in text or len(name) > columns - 16
    assert shown[1].startswith(f"{bar.steps}/{bar.steps} "[: columns - 1])


def test_lines_break_where_the_validation_begins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    shown = {}
    for columns in (120, 100, 80, 40):
        monkeypatch.setenv("COLUMNS", f"{columns}")
        open_progress(1, "", 469).close(FOUR)
        shown[columns] = capsys.readouterr().out.strip("\r\n").split("\n")
    assert [len(lines) for lines in shown.values()] == [1, 1, 2, 4]
    assert shown[120][0].count("━") == 20
    assert shown[100][0].count("━") == 0
    assert shown[80][0].endswith("loss: 0.2565 - accuracy: 0.9265")
    assert shown[80][1] == "    val_loss: 0.1432 - val_accuracy: 0.9567"


def test_in_a_terminal_progress_is_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    compiled().fit(x, y, batch_size=25, epochs=2, callbacks=Slow())
    out = capsys.readouterr().out
    assert re.search(r"\r1/2 .*loss: \d\.\d{4} - accuracy: \d\.\d{4}", out)
    shown = screen(out)
    assert [shown[0], shown[2], shown[4]] == ["Epoch 1/2", "Epoch 2/2", ""]
    for line in (shown[1], shown[3]):
        assert re.fullmatch(r"2/2 ━{20} \d+s \d+ms/step - loss: \d\.\d{4} - accuracy: \d\.\d{4}", line), line
    live = [line for line in out.split("\r") if line.startswith("1/2")]
    assert live
    assert max(map(len, live)) < 80


def test_a_shorter_text_covers_a_longer_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    bar = open_progress(1, "", 9)
    bar.show(1, {"a_name_that_is_long": 0.5})
    bar.show(2, {})
    shown = screen(capsys.readouterr().out)
    assert len(shown) == 1
    assert shown[0].startswith("2/9")
    assert "long" not in shown[0]


def test_a_bar_that_is_interrupted_ends_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = data()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(KeyboardInterrupt):
        compiled().fit(x, y, batch_size=16, callbacks=[Slow(), Interrupt(2, KeyboardInterrupt)])
    assert capsys.readouterr().out.endswith("\n")


def test_in_a_notebook_progress_is_one_output(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = pytest.importorskip("IPython")
    shown: list[tuple[str, dict[str, str]]] = []

    class Handle:
        def update(self, content: dict[str, str], raw: bool) -> None:
            shown.append(("update", content))

    def display(content: dict[str, str], raw: bool, display_id: bool) -> Handle:
        shown.append(("display", content))
        return Handle()

    class Shell:
        kernel = object()

    monkeypatch.setattr(ipython, "get_ipython", Shell)
    monkeypatch.setattr(ipython.display, "display", display)
    x, y = data()
    compiled().fit(x, y, batch_size=25, callbacks=Slow())
    assert [kind for kind, _ in shown] == ["display", "update", "update"]
    title, bar = shown[-1][1]["text/plain"].split("\n")
    assert title == "Epoch 1/1"
    assert re.fullmatch(r"2/2 ━{20} \d+s \d+ms/step - loss: \d\.\d{4} - accuracy: \d\.\d{4}", bar)


def test_small_numbers_are_shown_in_scientific_notation(capsys: pytest.CaptureFixture[str]) -> None:
    model = models.Sequential([layers.Dense(1, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(loss="mse")
    model.evaluate(np.zeros((1, 1)), np.full((1, 1), 0.01))
    assert "loss: 1.0000e-04" in capsys.readouterr().out


def test_summary_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.summary()
    out = capsys.readouterr().out
    assert [line.replace("│", " ").split() for line in out.splitlines() if "(None" in line] == [
        ["dense", "(Dense)", "(None,", "8)", "40"],
        ["dropout", "(Dropout)", "(None,", "8)", "0"],
        ["dense_1", "(Dense)", "(None,", "3)", "27"],
    ]
    assert 'Model: "sequential"' in out
    assert "Total params: 67 (268.00 B)" in out
    assert "Trainable params: 67" in out
    model.layers[0].kernel.requires_grad = False
    model.summary()
    assert "Non-trainable params: 32" in capsys.readouterr().out
