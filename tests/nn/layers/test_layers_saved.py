"""Every layer of the table in a functional model: computes the same, is saved whole, and its weights travel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn.saving import from_torch_state_dict, to_torch_state_dict

from .layer_cases import LayerCase, all_cases

ROWS = [pytest.param(case, id=case.name) for case in all_cases() if not case.name.startswith("Sequential")]


def flat(out: Any) -> list[np.ndarray]:
    """Return the arrays of a nested result."""
    if isinstance(out, ag.Tensor):
        return [out.numpy()]
    return [a for part in (out.values() if isinstance(out, dict) else out) for a in flat(part)]


@pytest.mark.parametrize("case", ROWS)
def test_a_layer_in_a_functional_model_is_saved_whole(case: LayerCase, tmp_path: Path) -> None:
    nn.set_seed(0)
    layer = case.make()
    arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in case.draw()]
    inputs = [nn.Input(a.shape[1:], dtype=a.dtype) for a in arrays]
    model = nn.Model(inputs, layer(*case.args(inputs))).eval()
    with ag.no_grad():
        expected = flat(layer(*case.args(arrays)))
        if hasattr(layer, "reset_states"):
            layer.reset_states()
        got = flat(model(arrays))
    model.reset_states()
    model.save(tmp_path / "m.nn")
    own = {
        kind.__name__: kind
        for kind in (type(m) for m in model.layers)
        if not kind.__module__.startswith("autograd_lite.nn.")
    }
    again = nn.models.load_model(tmp_path / "m.nn", own).eval()
    from_torch_state_dict(again, to_torch_state_dict(model))
    with ag.no_grad():
        loaded = flat(again(arrays))
    for a, b, c in zip(expected, got, loaded, strict=True):
        np.testing.assert_array_equal(b, a)
        np.testing.assert_array_equal(c, a)
