"""Names of other libraries: each says what to write here, and what is written there works."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.scipy import stats
from autograd_lite.tensors import migration_hints
from nn import layers
from nn.module.elsewhere import IN_NN

OWN = [name for name in migration_hints.ON_TENSORS if isinstance(vars(ag.Tensor).get(name), migration_hints.Elsewhere)]


@pytest.mark.parametrize("name", OWN)
def test_a_name_that_tensors_lack_says_what_to_write(name: str) -> None:
    t = ag.tensor(np.ones((2, 3)))
    with pytest.raises(AttributeError, match=re.escape(f"no attribute '{name}'. {migration_hints.ON_TENSORS[name]}")):
        getattr(t, name)
    assert not hasattr(t, name)
    seen: list[Any] = []
    ag.vmap(lambda x: seen.append(hasattr(x, name)) or x)(np.ones((2, 3)))
    assert seen == [False]


def test_completion_shows_names_that_there_are() -> None:
    """Of a Tensor, a view and a parameter: `dir`, which editors ask, leaves out names that only explain themselves."""
    t = ag.tensor(np.ones((2, 3)), requires_grad=True)
    for value in (t, t[0], t.exp(), nn.Parameter(np.ones(2))):
        assert {"backward", "grad", "numpy"} <= set(dir(value))
        assert set(OWN) & set(dir(value)) == set()


def test_no_hint_hides_what_there_is() -> None:
    assert len(OWN) > 40
    assert {"view", "unsqueeze", "float", "masked_fill", "numel", "permute"} - set(OWN) <= {"view"}


@pytest.mark.parametrize("module", [nn, layers])
@pytest.mark.parametrize("name", ["Linear", "Conv2d", "BatchNorm2d", "CrossEntropyLoss", "functional", "ModuleList"])
def test_pytorchs_modules(module: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=re.escape(IN_NN[name])):
        getattr(module, name)


@pytest.mark.parametrize("name", IN_NN)
def test_hints_name_what_exists(name: str) -> None:
    for part, thing in re.findall(r"\b(layers|losses|nn)\.(\w+)", IN_NN[name]):
        home: Any = {"layers": layers, "losses": nn.losses, "nn": nn}[part]
        assert hasattr(home, thing) or find_spec(f"{home.__name__}.{thing}"), thing
    for thing in re.findall(r"\b(?:np|ag)\.(\w+)", " ".join(migration_hints.ON_TENSORS.values())):
        assert hasattr(np, thing) or hasattr(ag, thing), thing


MEANT: dict[str, tuple[Any, type, str]] = {
    "ag.cat": (lambda: ag.cat, AttributeError, "Write np.concatenate"),  # type: ignore[attr-defined]
    "ag.sofmax": (lambda: ag.sofmax, AttributeError, "Did you mean 'softmax'"),  # type: ignore[attr-defined]
    "nn.Sequental": (lambda: nn.Sequental, AttributeError, "Did you mean 'Sequential'"),  # type: ignore[attr-defined]
    "layers.Dens": (lambda: layers.Dens, AttributeError, "Did you mean 'Dense'"),  # type: ignore[attr-defined]
    "stats.nrom": (lambda: stats.nrom, AttributeError, "Did you mean 'norm'"),
    "ag.concatenate": (lambda: ag.concatenate, AttributeError, "Write np.concatenate"),  # type: ignore[attr-defined]
    "dim=": (lambda: ag.softmax(np.ones(3), dim=0), TypeError, "Write axis="),  # type: ignore[call-arg]
    "keepdim=": (
        lambda: ag.logsumexp(np.ones(3), keepdim=True),  # type: ignore[call-arg]
        TypeError,
        "Write keepdims=",
    ),
    "if in vmap": (
        lambda: ag.vmap(lambda x: 1 if x > 0 else 0)(np.ones(3)),
        TypeError,
        r"for at .*test_migration_hints\.py:",
    ),
}


@pytest.mark.parametrize("name", MEANT)
def test_what_was_meant(name: str) -> None:
    call, kind, text = MEANT[name]
    with pytest.raises(kind, match=text):
        call()


def test_our_solvers_do_not_send_their_users_to_themselves() -> None:
    with pytest.raises(ag.GradError, match="bare array") as caught:
        ag.optimize.minimize(lambda x: np.asarray(x).sum(), np.ones(2))
    assert "autograd_lite.optimize.minimize takes Tensors" not in str(caught.value)
