"""The packages work where Python has no threads, no other programs and 32 bits: see `limits`, which takes them away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LESSON = """
import tests.limits
tests.limits.apply()
import sys
import numpy as np
import autograd_lite as ag
import nn
from autograd_lite.testing import check_grads
from nn import layers

x = ag.tensor([0.5, 1.0, 2.0], requires_grad=True, name="x")
loss = np.sum(np.sort(x)[::-1] * x[np.argsort(-x)] * np.take(x, [0, 2, 2]))
loss.backward()
assert np.allclose(x.grad, [6.0, 4.0, 3.25]), x.grad
assert repr(ag.tensor(np.zeros(1, np.int32))) == "Tensor([0])"  # the usual integer of 32 bits
picture = ag.build_graph(loss, backward=True)._repr_svg_()
assert picture.startswith("<svg")

compiled = ag.compile(lambda x: np.sum(np.exp(x) * np.cumsum(x)))
assert len({float(compiled(np.arange(4.0))) for _ in range(5)}) == 1
check_grads(lambda x: np.tanh(x) @ x, np.ones(3))
assert ag.vmap(ag.grad(lambda x: np.max(x)))(np.eye(3)).tolist() == np.eye(3).tolist()

nn.set_seed(0)
points = np.random.default_rng(0).normal(size=(256, 2))
inside = (np.sum(points**2, axis=1) < 1).astype(int)
model = nn.Sequential([nn.Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(2, activation="softmax")])
model.compile(nn.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(points, inside, epochs=15, batch_size=32, verbose=1)
assert history.history["accuracy"][-1] > 0.9
assert not {"ctypes", "subprocess", "multiprocessing", "socket"} & set(sys.modules)
"""


def test_a_lesson_runs_with_what_a_browser_has() -> None:
    command, without_c = [sys.executable, "-W", "error", "-c", LESSON], {**os.environ, "AUTOGRAD_LITE_NATIVE": "off"}
    ran = subprocess.run(command, cwd=ROOT, env=without_c, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "Epoch 15/15" in ran.stdout
