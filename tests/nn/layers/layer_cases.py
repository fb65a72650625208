"""The table of layers that the contract of `test_layer_contract.py` runs over.

A file `cases_*.py` beside this one that defines a list `CASES` of `LayerCase` adds its own rows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import nn
from nn import layers

# What a case may be exempt from, with the reason.
PARTS = (
    *("shape", "lazy", "state", "gradients", "training gradients", "second order", "step", "modes", "batch", "config"),
    *("repr", "picture"),
)


@dataclass(frozen=True)
class Input:
    """One input: its shape, batch first, its dtype, and the range that its values come from."""

    shape: tuple[int, ...]
    dtype: str = "float64"
    low: float = -1.5
    high: float = 1.5

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return values from the range, both ends included for integers; strings are of one letter."""
        if np.dtype(self.dtype).kind == "U":
            return rng.choice(list("abcd"), self.shape)
        if np.dtype(self.dtype).kind == "b":
            return rng.random(self.shape) < 0.5
        if np.dtype(self.dtype).kind in "iu":
            return rng.integers(int(self.low), int(self.high) + 1, self.shape).astype(self.dtype)
        return rng.uniform(self.low, self.high, self.shape).astype(self.dtype)


@dataclass(frozen=True)
class LayerCase:
    """One row.

    Args:
        name: of the row, the class's name first.
        make: returns a new layer, not built.
        inputs: shapes of floating inputs, or `Input`s; the layer is called with one argument for each.
        as_list: whether it is called with one list of them.
        exempt: parts of the contract, out of PARTS, that do not hold, each with its reason.
        zero: parameters whose gradient is 0 in exact arithmetic, so that rounding alone is left of it, with the reason.
    """

    name: str
    make: Callable[[], Any]
    inputs: tuple[Any, ...]
    as_list: bool = False
    exempt: Mapping[str, str] = field(default_factory=dict)
    zero: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert set(self.exempt) <= set(PARTS), f"{self.name}: unknown part among {sorted(self.exempt)}"

    def draw(self, seed: int = 0) -> list[np.ndarray]:
        """Return the inputs."""
        rng = np.random.default_rng(seed)
        return [(i if isinstance(i, Input) else Input(i)).draw(rng) for i in self.inputs]

    def args(self, arrays: list[Any]) -> tuple[Any, ...]:
        """Return what the layer is called with."""
        return (list(arrays),) if self.as_list else tuple(arrays)


CASES: list[LayerCase] = [
    LayerCase("Dense", lambda: layers.Dense(3), ((4, 5),)),
    LayerCase("Dense, no bias", lambda: layers.Dense(3, use_bias=False), ((4, 5),)),
    LayerCase("Dense, tanh, more axes", lambda: layers.Dense(3, activation="tanh"), ((2, 3, 5),)),
    LayerCase("Dense, softmax", lambda: layers.Dense(3, "softmax", kernel_initializer="he_normal"), ((4, 5),)),
    LayerCase("Activation", lambda: layers.Activation("gelu"), ((3, 4),)),
    LayerCase("Dropout", lambda: layers.Dropout(0.4), ((6, 5),)),
    LayerCase("Dropout, shared", lambda: layers.Dropout(0.4, noise_shape=(None, 1, 5)), ((3, 4, 5),)),
    LayerCase("Flatten", lambda: layers.Flatten(), ((2, 3, 2),)),
    LayerCase("Flatten, channels first", lambda: layers.Flatten("channels_first"), ((2, 3, 2, 2),)),
    LayerCase("Reshape", lambda: layers.Reshape((3, -1)), ((2, 6),)),
    LayerCase("InputLayer", lambda: layers.InputLayer((3,)), ((2, 3),)),
    LayerCase(
        "Sequential",
        lambda: nn.Sequential([layers.Dense(4, activation="relu"), layers.Dropout(0.2), layers.Dense(2)]),
        ((5, 3),),
        exempt={"config": "a model, whose configuration is tested with saving"},
    ),
]


def all_cases() -> list[LayerCase]:
    """Return these rows and those of the files beside this one."""
    files = sorted(Path(__file__).parent.glob("cases_*.py"))
    return CASES + [case for f in files for case in importlib.import_module(f"{__package__}.{f.stem}").CASES]
