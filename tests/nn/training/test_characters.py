"""Models of characters: they learn, as PyTorch's do from the same weights on the same batches, to the last digits."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np
import pytest

from benchmarks.characters import __main__ as runner, ours
from benchmarks.characters.task import TASKS, Book, Task, batches, counting_bits, read
from nn.datasets import text

from .. import peers

SMALL = {
    "lstm": Task("lstm", width=24, rate=1e-2, depth=2, length=20, batch=8),
    "transformer": Task("transformer", width=24, rate=5e-3, depth=2, length=20, batch=8),
}


@pytest.fixture(scope="module")
def book() -> Book:
    return read()


def curve(trainer: Any, book: Book, task: Task, steps: int) -> list[float]:
    return [trainer.step(x, y) for x, y in islice(batches(book.training, task), steps)]


@pytest.mark.ci
@pytest.mark.parametrize(("dtype", "apart"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("network", TASKS)
def test_training_goes_step_by_step_as_in_pytorch(network: str, dtype: str, apart: float, book: Book) -> None:
    peers.torch()
    task = replace(SMALL[network], dtype=dtype)
    mine, theirs = (
        module.Trainer(task, len(book.characters)) for module in (ours, import_module("benchmarks.characters.pytorch"))
    )
    assert sum(p.size for p in mine.model.parameters()) == sum(
        p.numel() for p in theirs.model.parameters() if p.requires_grad
    )
    first = mine.bits(book.held_out[:501])
    np.testing.assert_allclose(curve(mine, book, task, 80), curve(theirs, book, task, 80), rtol=0, atol=apart)
    bits = mine.bits(book.held_out[:501])
    assert bits == pytest.approx(theirs.bits(book.held_out[:501]), rel=0, abs=10 * apart)
    assert bits < first - 1.5  # they have moved


@pytest.mark.parametrize("network", TASKS)
def test_both_networks_learn_more_than_pairs_of_characters_tell(network: str, book: Book) -> None:
    task = replace(SMALL[network], width=48, depth=1, length=32, batch=16, rate=2e-2 if network == "lstm" else 8e-3)
    trainer = ours.Trainer(task, len(book.characters))
    assert trainer.bits(book.held_out) > math.log2(72) - 0.1  # they begin without knowing anything
    curve(trainer, book, task, 250)
    assert trainer.bits(book.held_out) < counting_bits(book, 2) - 0.1


def test_a_network_does_not_see_what_comes(book: Book) -> None:
    x = next(batches(book.training, SMALL["lstm"]))[0]
    changed = x.copy()
    changed[:, 10:] = (x[:, 10:] + 1) % 72
    for task in SMALL.values():
        model = ours.network(task, 72)
        before, after = model(x).numpy(), model(changed).numpy()
        np.testing.assert_allclose(before[:, :10], after[:, :10], rtol=0, atol=1e-6)
        assert (np.abs(before[:, 10:] - after[:, 10:]).max(-1) > 1e-4).all()


def test_batches_are_windows_of_the_training_text_that_a_seed_repeats(book: Book) -> None:
    task = SMALL["lstm"]
    whole = text.decode(book.training, book.characters)
    (x, y), (x2, _) = islice(batches(book.training, task), 2)
    assert x.shape == y.shape == (8, 20)
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    for row, last in zip(x, y[:, -1:], strict=True):
        assert text.decode(np.append(row, last), book.characters) in whole
    assert (x != x2).any()
    np.testing.assert_array_equal(next(batches(book.training, task))[0], x)
    assert (next(batches(book.training, replace(task, seed=1)))[0] != x).any()
    assert len(book.training) + len(book.held_out) == len(text.load_alice())


def test_counting_is_counting(book: Book) -> None:
    train, rest = book.training[:400], book.held_out[:50]
    k = len(book.characters)
    for order in (1, 2, 3):
        runs = [tuple(train[i : i + order]) for i in range(len(train) - order + 1)]
        found = []
        for i in range(len(rest) - order + 1):
            run = tuple(rest[i : i + order])
            same = sum(other[:-1] == run[:-1] for other in runs)
            found.append(-math.log2((runs.count(run) + 1) / (same + k)))
        got = counting_bits(Book(book.characters, train, rest), order)
        assert got == pytest.approx(sum(found) / len(found), rel=1e-12)


# ---- the runner ------------------------------------------------------------------------------------------------------


def course(bits: float, losses: list[float], seconds: float) -> runner.Course:
    return runner.Course(None, [6.0, bits], losses, [seconds, 2 * seconds])  # type: ignore[arg-type]


def test_the_conclusion_says_how_far_the_curves_lie_apart(capsys: pytest.CaptureFixture[str]) -> None:
    far = 0.01 * math.log(2)
    courses = {
        "ours": course(2.5, [3.0, 2.0, 1.0 + far], 0.2),
        "pytorch": course(2.25, [3.0, 2.0, 1.0], 0.1),
    }
    found = runner.conclusion(replace(SMALL["lstm"], steps=3), courses)
    assert found["apart"] == 0.25
    assert found["training_apart"] == {"median": 0.0, "largest": pytest.approx(0.01)}
    assert found["ratio"]["median"] == 2.0
    printed = capsys.readouterr().out
    assert "after 3 steps 2.500 against 2.250 bits" in printed
    assert "below 1e-3 for the first 2 steps" in printed


def test_networks_that_end_apart_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for bits, status in ((2.5, 1), (2.251, 0)):
        courses = {"ours": course(bits, [1.0], 0.2), "pytorch": course(2.25, [1.0], 0.1)}
        monkeypatch.setattr(runner, "run", lambda task, block, courses=courses: courses)
        assert runner.main(["lstm"]) == status
    with pytest.raises(SystemExit):
        runner.main(["gru"])


@pytest.mark.ci
def test_the_benchmark_runs(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    peers.torch()
    file = tmp_path / "figures.json"
    assert runner.main(["lstm", "--steps", "3", "--block", "2", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines() if line.strip()[:1].isdigit()][-3:] == ["0", "2", "3"]
    (result,) = json.loads(file.read_text())["results"]
    assert result["task"]["steps"] == 3
    assert result["apart"] < 1e-3
