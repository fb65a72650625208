"""Checkpoints: a run that is killed and started again goes on bit for bit; damaged ones change nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models
from nn.saving import SavedFileError, load_checkpoint, save_checkpoint

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X[:, :1] * X[:, 1:2]


def made(seed: int = 0, width: int = 5) -> models.Sequential:
    nn.set_seed(seed)
    model = models.Sequential(
        [
            nn.Input((3,)),
            layers.Dense(width, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dropout(0.2, seed=4),
            layers.Dense(1),
        ]
    )
    model.compile(nn.optimizers.Adam(0.05, clipnorm=1.0), "mse")
    return model


def test_a_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    straight = made()
    straight.fit(X, Y, epochs=3, verbose=0)
    save_checkpoint(tmp_path / "c", straight, extra={"epoch": 3, "note": ["a", (1, 2.5)], "a": np.arange(3)})
    straight.fit(X, Y, epochs=3, verbose=0)

    resumed = made(seed=9)
    extra = load_checkpoint(tmp_path / "c", resumed)
    assert extra["epoch"] == 3
    assert extra["note"] == ["a", (1, 2.5)]
    np.testing.assert_array_equal(extra["a"], np.arange(3))
    resumed.fit(X, Y, epochs=3, verbose=0)
    for name, a in straight.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], a)
    for name, a in straight.optimizer.state_dict().items():
        np.testing.assert_array_equal(resumed.optimizer.state_dict()[name], a)
    assert float(ag.random.uniform(())) >= 0


RUN = """
import sys, time
import numpy as np
import autograd_lite as ag
import nn
from nn import layers
from nn.data import DataLoader
from nn.saving import load_checkpoint, save_checkpoint

path, slow = sys.argv[1], float(sys.argv[2])
rng = np.random.default_rng(0)
x = rng.normal(size=(48, 3)).astype(np.float32)
y = x[:, :1] * x[:, 1:2]
nn.set_seed(0)
model = nn.Sequential([nn.Input((3,)), layers.Dense(8, activation="tanh"), layers.Dropout(0.2), layers.Dense(1)])
optimizer = nn.optimizers.Adam(0.05, parameters=model.parameters())
loader = DataLoader((x, y), batch_size=8, shuffle=True, seed=1)
mse = nn.losses.MeanSquaredError()
step = 0
try:
    step = load_checkpoint(path, model, optimizer, loader)["step"]
except FileNotFoundError:
    pass
while step < 40:
    for a, b in loader:
        loss = mse(b, model(a))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        save_checkpoint(path, model, optimizer, loader, {"step": step})
        print(step, flush=True)
        time.sleep(slow)
        if step == 40:
            break
"""


def _run(path: Path, slow: float) -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(path), str(slow)],
        env={**os.environ, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_started_again_ends_as_one_that_was_not(tmp_path: Path) -> None:
    with _run(tmp_path / "straight", 0) as straight:
        assert straight.communicate(timeout=120)[0].split()[-1] == "40"
    for wait in (3, 11):  # steps in the middle of the first and of a later epoch
        with _run(tmp_path / "killed", 0.01) as run:
            assert run.stdout is not None
            for _ in range(wait):
                assert run.stdout.readline()
            time.sleep(0.003 * wait)  # somewhere within a step, or within a write
            run.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
            run.wait()
    with _run(tmp_path / "killed", 0) as again:
        out = again.communicate(timeout=120)[0].split()
    assert out[-1] == "40"
    assert len(out) < 40, "it went on from where it was killed"
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "straight").read_bytes()


def test_a_checkpoint_of_another_model_changes_nothing(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", made(width=6))
    model = made(seed=1)
    model.fit(X, Y, epochs=1, verbose=0)
    before, slots, stream = model.state_dict(), model.optimizer.state_dict(), ag.random.default_generator.state
    with pytest.raises(ValueError, match="mismatch"):
        load_checkpoint(tmp_path / "c", model)
    assert ag.random.default_generator.state == stream
    for name, a in model.state_dict().items():
        np.testing.assert_array_equal(a, before[name])
    for name, a in model.optimizer.state_dict().items():
        np.testing.assert_array_equal(a, slots[name])


def test_a_checkpoint_of_another_optimizer_changes_nothing(tmp_path: Path) -> None:
    model = made()
    save_checkpoint(tmp_path / "c", model, nn.optimizers.SGD(0.1, momentum=0.9, parameters=model.parameters()))
    other = made(seed=1)
    before = other.state_dict()
    with pytest.raises(ValueError, match="expected an entry"):
        load_checkpoint(tmp_path / "c", other)
    for name, a in other.state_dict().items():
        np.testing.assert_array_equal(a, before[name])


def test_what_a_checkpoint_does_not_have_is_named(tmp_path: Path) -> None:
    model = models.Sequential([layers.Dense(1, input_shape=(3,))])
    save_checkpoint(tmp_path / "c", model)
    with pytest.raises(SavedFileError, match="state of the optimizer; the file has none"):
        load_checkpoint(tmp_path / "c", model, nn.optimizers.Adam(parameters=model.parameters()))
    model.save(tmp_path / "m")
    with pytest.raises(SavedFileError, match="expected a file that save_checkpoint wrote"):
        load_checkpoint(tmp_path / "m", model)
    with pytest.raises(TypeError, match="expected a description of plain values"):
        save_checkpoint(tmp_path / "c", model, extra={"f": print})


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    model = made()
    save_checkpoint(tmp_path / "c", model)
    data = (tmp_path / "c").read_bytes()
    changes: list[Any] = [data[:-1], data[:20], data.replace(b"model/dense.kernel", b"model/dense.cernel")]
    changes += [data.replace(b'{\\"dict', b'{\\"tict'), data.replace(b"optimizer/iter", b"optimizer/itex", 1)]
    for bad in changes:
        assert bad != data
        (tmp_path / "bad").write_bytes(bad)
        before = model.state_dict()
        with pytest.raises(ValueError):  # noqa: PT011 - which one depends on the damage
            load_checkpoint(tmp_path / "bad", model)
        for name, a in model.state_dict().items():
            np.testing.assert_array_equal(a, before[name])


# ---- in which order the state of an optimizer is ---------------------------------------------------------------------

SAVED = Path(__file__).parent / "saved"
INPUTS = [np.random.default_rng(0).normal(size=(8, 3)).astype("f"), np.ones((8, 3), np.float32)]


def branched() -> models.Model:
    """Return the model of `branched_1.checkpoint`, whose layers have another order in `weights` than in `parameters`.

    Its `kernel`s have one shape, so that a state in the wrong order would fit.
    """
    a, b = nn.Input((3,), name="a"), nn.Input((3,), name="b")
    late = layers.Dense(3, activation="tanh", name="late")(b)
    shared = layers.Dense(3, activation="tanh")
    core = models.Model(s := nn.Input((3,)), layers.Dense(3)(shared(s)) + shared(s), name="core")
    deep = layers.Dense(3)(core(layers.Dense(3, activation="tanh", name="first")(a)))
    joint = layers.Concatenate()([late, deep])
    return models.Model([a, b], {"z": layers.Dense(1, name="value")(joint), "k": layers.Dense(2, name="kind")(joint)})


def step(model: models.Model, optimizer: nn.optimizers.Optimizer, x: list[np.ndarray] = INPUTS) -> None:
    out = model(x)
    (np.sum(out["z"] ** 2) + np.sum(out["k"] ** 2)).backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("of", ["parameters", "trainable_weights"])
def test_a_checkpoint_of_before_keras_order_goes_on_as_it_did(of: str) -> None:
    """The order that its optimizer counts in was that of `parameters()` and of `trainable_weights`."""
    model = branched()
    found = model.parameters() if of == "parameters" else model.trainable_weights
    optimizer = nn.optimizers.Adam(0.01, parameters=found)
    load_checkpoint(SAVED / "branched_1.checkpoint", model, optimizer)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(8, 3)).astype("f") for _ in range(2)]
    step(model, optimizer, x)
    out = model.predict(x)
    np.testing.assert_allclose(out["z"][0], [0.36112180352211], rtol=1e-5)
    np.testing.assert_allclose(out["k"][0], [-0.7080952525138855, -0.5797724723815918], rtol=1e-5)


def test_a_checkpoint_knows_the_order_of_its_parameters(tmp_path: Path) -> None:
    nn.set_seed(1)
    model = branched()
    optimizer = nn.optimizers.Adam(0.01, parameters=model.trainable_weights)
    step(model, optimizer)
    save_checkpoint(tmp_path / "c", model, optimizer)
    twin = branched()
    other = nn.optimizers.Adam(0.01, parameters=twin.parameters())
    load_checkpoint(tmp_path / "c", twin, other)
    for one, of in ((model, optimizer), (twin, other)):
        step(one, of)
    for path, a in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[path], a)

    begun = nn.optimizers.Adam(0.01, parameters=twin.parameters())
    step(twin, begun)
    before = twin.state_dict()
    with pytest.raises(ValueError, match="Make a new optimizer"):
        load_checkpoint(tmp_path / "c", twin, begun)
    for path, a in before.items():
        np.testing.assert_array_equal(twin.state_dict()[path], a)
    lbfgs = nn.optimizers.LBFGS(parameters=twin.parameters())
    with pytest.raises(ValueError, match="expected an optimizer of the model's parameters in the file's order"):
        load_checkpoint(tmp_path / "c", twin, lbfgs)
