"""`Progbar` averages as Keras's does, and is drawn like the bar of `fit`; `set_random_seed` seeds all generators."""

from __future__ import annotations

import importlib
import random
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn.utils import Progbar, set_random_seed

LEGACY: np.random.RandomState = np.random.mtrand._rand  # the generator of np.random.random


class Terminal:
    """A standard output on which a bar is drawn."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


OPTIONS: dict[str, dict[str, Any]] = {
    "all averaged": {},
    "some kept": {"stateful_metrics": ["lr"]},
    "some averaged": {"stateless_metrics": ["loss"]},
}


@pytest.mark.ci
def test_values_are_averaged_as_in_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs = importlib.import_module("keras.utils").Progbar
    rng = np.random.default_rng(0)
    for options in OPTIONS.values():
        ours, their = Progbar(20, verbose=0, **options), theirs(20, verbose=0, **options)
        for step in (1, 2, 5, 5, 11, 20):
            values = [("loss", float(rng.normal())), ("lr", float(rng.normal()))]
            ours.update(step, values)
            their.update(step, values)
            assert ours.values == pytest.approx({k: v / max(n, 1) for k, (v, n) in their._values.items()})
            assert ours.seen == their._seen_so_far


def test_values_are_means_over_steps_and_at_the_end_as_they_are() -> None:
    bar = Progbar(4, verbose=0, stateful_metrics=["lr"])
    bar.add(1, [("loss", ag.tensor(1.0)), ("lr", 0.5)])
    bar.add(2, [("loss", 4.0), ("lr", 0.25)])
    assert bar.values == {"loss": 3.0, "lr": 0.25}
    bar.update(4, [("loss", 7.0)])
    assert bar.values == {"loss": 7.0, "lr": 0.25}


def test_a_bar_of_a_width_and_a_unit_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    bar = Progbar(4, width=8, interval=0, unit_name="image")
    for step in range(1, 5):
        bar.update(step, [("loss", step)])
    pictures = screen.text.split("\r")[1:]
    assert len(pictures) == 4
    assert pictures[1].startswith("2/4 ████     0s")
    assert "/image - loss: 1.5000" in pictures[1]
    assert pictures[3].startswith("4/4 ━━━━━━━━ 0s")
    # Spaces cover the rest of a longer line before: the time of an image may have lost a digit.
    assert pictures[3].removesuffix("\n").rstrip(" ").endswith("loss: 4.0000")
    assert pictures[3].endswith("\n")


def test_elsewhere_there_is_a_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progbar(None, verbose=2)
    bar.update(3, [("loss", 0.25)])
    assert capsys.readouterr().out == ""
    bar.update(5, finalize=True)
    assert capsys.readouterr().out.startswith("5/5 - 0s ")
    with pytest.raises(ValueError, match="expected stateful_metrics or stateless_metrics"):
        Progbar(3, stateful_metrics=[], stateless_metrics=[])
    with pytest.raises(ValueError, match="expected verbose to be 0"):
        Progbar(3, verbose=5)


def draws() -> tuple[float, float, float, float]:
    model = nn.Sequential([nn.Input((1,)), nn.layers.Dense(1)])
    return random.random(), LEGACY.random(), float(ag.random.uniform(())), float(model.get_weights()[0][0, 0])


def test_a_seed_fixes_all_draws() -> None:
    python, numpy = random.getstate(), LEGACY.__getstate__()
    try:
        set_random_seed(5)
        first = draws()
        assert all(a != b for a, b in zip(first, draws(), strict=True))
        set_random_seed(5)
        assert draws() == first
        assert first[:2] == (random.Random(5).random(), np.random.RandomState(5).random())
    finally:
        random.setstate(python)
        LEGACY.__setstate__(numpy)
    with pytest.raises(ValueError, match="set_random_seed: expected seed to be an integer from 0"):
        set_random_seed(-1)
