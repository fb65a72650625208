"""Every layer and every loss does the same compiled: results, gradients and state, bit for bit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.core.errors import TraceError

from ..laws.reading import same_bits
from ..nn.layers.layer_cases import LayerCase, all_cases
from ..nn.layers.test_layer_contract import made
from ..nn.losses.loss_cases import CASES as LOSSES, Case as LossCase
from ..rows import for_every

# Of these, two are traced; of the backward passes of those that follow, two are traced too.
FEW, MANY = 3, 5
_OF_IMAGES = "it chooses layers by draws"
_OF_TEXT = "it looks strings up"
# By the name of a layer: why it cannot be compiled, and whether that is so in training only.
NOT: dict[str, tuple[str, bool]] = {
    "RandAugment": (_OF_IMAGES, True),
    "AugMix": (_OF_IMAGES, True),
    "SpectralNormalization": ("it assigns to its kernel, to which gradients lead", True),
    "StringLookup": (_OF_TEXT, False),
    "TextVectorization": (_OF_TEXT, False),
    "Hashing": (_OF_TEXT, False),
    "HashedCrossing": (_OF_TEXT, False),
}
# Rows of these layers that can be compiled all the same.
BUT = {"Hashing, integers"}


class Row(NamedTuple):
    """A layer in a mode."""

    case: LayerCase
    training: bool

    @property
    def kind(self) -> str:
        """The name of the layer."""
        return self.case.name.partition(",")[0]

    @property
    def name(self) -> str:
        """What it is called in failures."""
        return f"{self.case.name}{', training' if self.training else ''}"

    @property
    def can_be(self) -> bool:
        """Whether it can be compiled."""
        return self.kind not in NOT or (NOT[self.kind][1] and not self.training) or self.case.name in BUT


ROWS = [Row(case, training) for case in all_cases() for training in (True, False)]
FIRST = list({row.kind: row for row in reversed(ROWS) if row.can_be}.values())


def run(row: Row, f: Any, layer: Any, calls: int) -> list[Any]:
    """Return what some calls give, and gradients, and the state after each."""
    found: list[Any] = []
    for k in range(calls):
        nn.set_seed(k)
        args = [ag.tensor(a, requires_grad=True) if a.dtype.kind == "f" else a for a in row.case.draw(k)]
        for p in layer.parameters():
            p.grad = None
        out = ag.tree.leaves(f(*row.case.args(args)))
        found += out
        loss = [(o * weights_like(o)).sum() for o in out if isinstance(o, ag.Tensor) and o.requires_grad]
        if loss:
            sum(loss[1:], loss[0]).backward()
            found += [t.grad for t in (*args, *layer.parameters()) if isinstance(t, ag.Tensor)]
        found += [np.array(v) for v in layer.state_dict().values()]
    return found


def weights_like(o: Any) -> np.ndarray:
    return np.cos(np.arange(o.size)).astype(o.dtype).reshape(o.shape)


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for a, b in zip(found, expected, strict=True):
        assert type(a) is type(b)
        if a is not None:
            assert same_bits(*(np.asarray(x._data if isinstance(x, ag.Tensor) else x) for x in (a, b)))


def of_layer(row: Row, calls: int) -> None:
    layers = [made(row.case) for _ in range(2)]
    for layer in layers:
        layer.train() if row.training else layer.eval()
    compiled = ag.compile(layers[0])
    if row.can_be:
        assert_same(run(row, compiled, layers[0], calls), run(row, layers[1], layers[1], calls))
        assert all(trace.replay is not None for trace in compiled.traces), compiled.explain()
        return
    try:
        run(row, compiled, layers[0], calls)
    except (TraceError, ag.ShapeError):
        return
    assert any(trace.replay is None and trace.first is None for trace in compiled.traces), "it can be compiled"


@for_every(FIRST, by=lambda row: row.kind[0])
def test_every_layer(row: Row) -> None:
    of_layer(row, FEW)


@pytest.mark.ci
@for_every(ROWS, by=lambda row: row.kind)
def test_every_layer_in_all_ways(row: Row) -> None:
    of_layer(row, MANY)
    if not row.can_be:
        print(f"{row.name} cannot be compiled: {NOT[row.kind][0]}")


class Loss(NamedTuple):
    """A loss with a reduction, and weights or not."""

    name: str
    case: LossCase
    weighed: bool
    reduction: str

    def run(self, compiled: bool, calls: int) -> list[Any]:
        """Return losses and gradients of some calls."""
        loss = self.case.loss(reduction=self.reduction)
        f: Any = ag.compile(loss) if compiled else loss
        found: list[Any] = []
        for k in range(calls):
            rng = np.random.default_rng(k)
            p = ag.tensor(self.case.p * rng.uniform(0.9, 1.0, self.case.p.shape), requires_grad=True)
            weights = rng.uniform(size=len(self.case.y)) if self.weighed else None
            out = f(self.case.y, p, weights)
            out.sum().backward()
            found += [out, p.grad]
        assert not compiled or all(trace.replay is not None for trace in f.traces), f.explain()
        return found


LOSS_ROWS = [
    Loss(name, case, weighed, reduction)
    for name, case in LOSSES.items()
    for weighed, reduction in ((True, "sum_over_batch_size"), (False, "sum_over_batch_size"), (True, "none"))
]


def of_loss(row: Loss, calls: int) -> None:
    assert_same(row.run(True, calls), row.run(False, calls))


@for_every(LOSS_ROWS[::3])
def test_every_loss(row: Loss) -> None:
    of_loss(row, FEW)


@pytest.mark.ci
@for_every(LOSS_ROWS, by=lambda row: row.name)
def test_every_loss_in_all_ways(row: Loss) -> None:
    of_loss(row, MANY)
