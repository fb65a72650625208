"""Every layer of the table is trained and evaluated by replays as it is without them, bit for bit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import Parameter, models
from nn.training import replays

from ...laws.reading import same_bits
from ..layers.layer_cases import LayerCase, all_cases

pytestmark = pytest.mark.ci

# By the first word of the name of a case, why it is not replayed in training.
NOT_TRAINED = {
    **dict.fromkeys(["RandAugment", "AugMix"], "it draws which layers to apply"),
    **dict.fromkeys(["StringLookup", "TextVectorization", "Hashing", "HashedCrossing"], "its inputs are texts"),
}
# Of these layers, the cases that are: inputs that are integers.
AFTER_ALL = ("Hashing, integers",)
OF_TEXTS = {name for name, why in NOT_TRAINED.items() if "texts" in why}


class Around(models.Model):
    """Calls a layer between two products with a parameter."""

    def __init__(self, case: LayerCase) -> None:
        super().__init__()
        self.args_of, self.inner, self.scale = case.args, case.make(), Parameter(1.1)

    def call(self, x: Any) -> Any:
        given = [self.scale * a if getattr(a, "dtype", np.dtype("O")).kind == "f" else a for a in x]
        found = self.inner(*self.args_of(given))
        out: Any = next(t for t in ag.tree.leaves(found) if isinstance(t, ag.Tensor))
        return out.reshape(out.shape[0], -1).astype(self.dtype) * self.scale


def squares(y: Any, p: Any) -> Any:
    return (p * p).mean()


def run(case: LayerCase, choice: Any) -> tuple[Any, list[np.ndarray]]:
    """Return a model after training, and all that has come out of it."""
    ag.set_seed(0)
    model = Around(case)
    model.compile("sgd", squares, jit_compile=choice)
    found: list[Any] = []
    # Each batch waits for one trace or plan at most: of the gradients first, then of the update.
    for call, seeds in ((model.train_on_batch, (0, 1, 2, 0, 1, 2, 0, 1, 2)), (model.test_on_batch, (0, 1, 2, 0, 1, 2))):
        for seed in seeds:
            x = case.draw(seed)
            found.append(call(x, np.zeros((len(x[0]), 1), "float32")))
    return model, [np.asarray(a) for a in (*found, *model.get_weights(), ag.random.uniform(2).data)]


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_a_layer_is_trained_as_without_replays(case: LayerCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(replays.WARM, "auto", 1)
    kind = "" if case.name in AFTER_ALL else case.name.partition(",")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, expected = run(case, False)
        model, found = run(case, "auto")
    assert len(found) == len(expected)
    assert all(map(same_bits, found, expected))
    steps = {key[1].__name__: step for key, step in model._replays.computations.items()}
    replayed = {name: any(trace.replay for trace in step.compiled.traces) for name, step in steps.items()}
    assert replayed == {
        "compute_gradients": kind not in NOT_TRAINED,
        "update_parameters": True,
        "compute_loss": kind not in OF_TEXTS,
    }
