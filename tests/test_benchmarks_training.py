"""The benchmarks that train: `fit` and the loop it is measured against do the same, and MNIST is judged by its goal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from benchmarks import mnist_cnn
from benchmarks.cases import CASES
from benchmarks.contenders import autograd_lite_fit
from nn.data import DataLoader
from nn.datasets import mnist


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("metrics", [[], ["accuracy"]])
def test_fit_and_the_loop_do_the_same(stream: bool, metrics: list[str]) -> None:
    x, y = autograd_lite_fit.points(50)

    def trained(by_hand: bool) -> tuple[dict[str, float], dict[str, Any]]:
        nn.set_seed(3)
        model = autograd_lite_fit.compiled(metrics)
        loader = DataLoader((x, y), batch_size=16, shuffle=True)
        if by_hand:
            values = autograd_lite_fit.loop(model, loader if stream else autograd_lite_fit.shuffled(x, y, 16))
        else:
            history = model.fit(loader, verbose=0) if stream else model.fit(x, y, 16, verbose=0)
            values = {name: column[0] for name, column in history.history.items()}
        return values, model.state_dict()

    (values, weights), (by_hand, weights_by_hand) = trained(False), trained(True)
    assert values == pytest.approx(by_hand, rel=1e-12)
    assert values.keys() == {"loss", *metrics}
    for name, array in weights.items():
        np.testing.assert_array_equal(array, weights_by_hand[name], err_msg=name)


def test_the_goals_are_of_numbers_that_are_measured() -> None:
    numbers = autograd_lite_fit.overhead(steps=3, batch=4, turns=2)
    assert len(numbers) == 6
    assert CASES["fit_overhead"].goals.keys() <= numbers.keys()
    assert all(numbers[f"loop, {name}"] > 10 for name in CASES["fit_overhead"].goals)


# ---- MNIST -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def _few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), (x_test, y_test) = mnist.load_sample()
    monkeypatch.setattr(mnist, "load_data", lambda: ((x[:320], y[:320]), (x_test[:100], y_test[:100])))


@pytest.mark.usefixtures("_few_digits")
def test_the_network_learns_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert mnist_cnn.main(["5", "6", "--epochs", "2"]) == 1
    *epochs, verdict = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in epochs] == [f"seed {s}, epoch {e}" for s in (5, 6) for e in (1, 2)]
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in epochs]
    assert losses[1] < 0.95 * losses[0]
    assert losses[3] < 0.95 * losses[2]
    assert epochs[0][10:] != epochs[2][10:]  # another seed is another training
    assert verdict == "0 of 2 seeds reached 0.99 in 2 epochs"


@pytest.mark.usefixtures("_few_digits")
def test_the_goal_decides(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(mnist_cnn, "train", lambda seed, epochs, digits: 0.9899 + 0.0001 * seed)
    assert mnist_cnn.main(["1", "2"]) == 0
    assert mnist_cnn.main(["0", "1"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "2 of 2 seeds reached 0.99 in 3 epochs",
        "1 of 2 seeds reached 0.99 in 3 epochs",
    ]
