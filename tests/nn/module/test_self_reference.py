"""A module that knows itself, or a part that knows the whole: every walk over the tree ends."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers

X = np.ones((3, 4), np.float32)


class Knowing(nn.Model):
    """It has itself as an attribute, and so has its layer; a list and a dict have it too."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Dense(2, input_shape=(4,))
        self.me = self
        self.inner.whole = self
        self.several = [self, {"again": self}]

    def call(self, x: Any) -> Any:
        return self.inner(x)


def trained(model: Any) -> Any:
    model.compile("sgd", "mse")
    return model.fit(X, X[:, :2], verbose=0)


WALKS: dict[str, Callable[[Any], Any]] = {
    "repr": lambda model: repr(model).count("Dense"),
    "str": str,
    "parameters": lambda model: len(model.parameters()),
    "named_modules": lambda model: len(list(model.named_modules())),
    "state_dict": lambda model: model.load_state_dict(model.state_dict()),
    "count_params": lambda model: model.count_params(),
    "summary": lambda model: model.summary(print_fn=len, expand_nested=True),
    "call": lambda model: model(X).shape,
    "train": lambda model: model.train(),
    "freeze": lambda model: setattr(model, "trainable", False),
    "losses": lambda model: model.losses,
    "metrics": lambda model: model.metrics,
    "copy": lambda model: copy.copy(model)(X).shape,
    "deepcopy": lambda model: copy.deepcopy(model)(X).shape,
    "pickle": lambda model: pickle.loads(pickle.dumps(model))(X).shape,
    "fit": trained,
    "compile": lambda model: ag.compile(model)(X).shape,
    "clone_model": nn.models.clone_model,
    "to_json": lambda model: model.to_json(),
}


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_over_a_module_that_knows_itself_ends(name: str) -> None:
    WALKS[name](Knowing())


def test_weights_of_a_module_that_knows_itself_are_saved_once(tmp_path: Path) -> None:
    model, other = Knowing(), Knowing()
    assert list(model.state_dict()) == ["inner.kernel", "inner.bias"]
    model.save_weights(tmp_path / "m.safetensors")
    other.load_weights(tmp_path / "m.safetensors")
    assert np.array_equal(model(X).numpy(), other(X).numpy())


def test_the_text_of_a_module_shows_where_it_is_met_again() -> None:
    assert "(me): ..." in repr(Knowing())
