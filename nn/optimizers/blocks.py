"""Blocks: the parameters that a rule updates with one set of NumPy calls.

A large parameter is a block of its own. Small ones of one dtype share a flat buffer, because each of the rule's eight
to twelve NumPy calls costs more than the arithmetic on a few thousand elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

from .rules import Hyper, Rule

__all__ = ["Block", "Start", "partition"]

Array = npt.NDArray[Any]
# What fills a slot at the start: a number, or a function of the parameter's values.
Start = float | Callable[[Array], Array]

# Measured on float32: steps on 100 parameters of 1,000 elements are 2.4 times as fast together as one by one, on 20 of
# 4,000 1.3 times; at 16,000 gathering and scattering eats the gain. LARGEST elements stay in a core's cache.
SMALL = 1 << 13
LARGEST = 1 << 17
# Elements of a large parameter that are updated at a time; a few arrays of these stay in a core's cache. On 400,000
# elements of float32, Adam and RMSprop take 0.7 of the time that they take on the whole.
PIECE = 1 << 16


class Block:
    """One parameter with arrays of its shape as state, or several of one dtype with flat arrays as state.

    Args:
        members: indices into the optimizer's list of parameters, with the parameters.
    """

    def __init__(self, members: Sequence[tuple[int, Tensor]]) -> None:
        self.indices = [i for i, _ in members]
        self.parameters = [p for _, p in members]
        ends = np.cumsum([p.size for p in self.parameters]).tolist()
        self.parts = [slice(end - p.size, end) for end, p in zip(ends, self.parameters, strict=True)]
        self.shapes = [p.shape for p in self.parameters]
        self.dtype = self.parameters[0].dtype
        self.state: dict[str, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the state's arrays."""
        return self.shapes[0] if len(self.shapes) == 1 else (self.parts[-1].stop,)

    def hold(self, slots: Mapping[str, Start]) -> None:
        """Make the state hold exactly `slots`: a new one starts at the given value, one no longer wanted goes."""
        if self.state.keys() != slots.keys():
            old = self.state
            self.state = {name: old[name] if name in old else self._started(start) for name, start in slots.items()}

    def _started(self, start: Start) -> Array:
        if callable(start):
            return np.array(start(self.values().reshape(self.shape)), self.dtype)
        return np.full(self.shape, start, self.dtype)

    def values(self) -> Array:
        """Return the members' values, one after another, as one flat array."""
        return np.concatenate([p.data.ravel() for p in self.parameters])

    def update(
        self, rule: Rule, hyper: Hyper, gradients: Sequence[Array | None], reads_values: bool, in_pieces: bool
    ) -> None:
        """Apply `rule` to every member that has a gradient; the others are left alone, state included.

        Args:
            rule: the rule to apply.
            hyper: its hyperparameters.
            gradients: one for each parameter of the optimizer, or None.
            reads_values: whether the rule reads p, so that the members' values must be gathered too.
            in_pieces: whether the rule may be applied to one piece of a large parameter after the other.
        """
        mine = [gradients[i] for i in self.indices]
        given = [g for g in mine if g is not None]
        if not given:
            return
        if len(given) < len(mine):
            self._update_some(rule, hyper, mine)
        elif len(mine) == 1 and in_pieces and self.parameters[0].size > PIECE:
            self._update_in_pieces(rule, hyper, given[0])
        elif len(mine) == 1:
            p = self.parameters[0]
            delta, state = rule(p.data, given[0], self.state, hyper)
            p.assign_sub(delta)
            self.state = dict(state)
        else:
            values = self.values() if reads_values else None
            delta, state = rule(values, np.concatenate([g.ravel() for g in given]), self.state, hyper)
            for p, part, shape in zip(self.parameters, self.parts, self.shapes, strict=True):
                p.assign_sub(delta[part].reshape(shape))
            self.state = dict(state)

    def _update_in_pieces(self, rule: Rule, hyper: Hyper, g: Array) -> None:
        """Apply `rule` to some rows of a large parameter after the others, so that its passes stay in the cache."""
        p = self.parameters[0]
        step = max(1, PIECE * p.shape[0] // p.size)
        for start in range(0, p.shape[0], step):
            rows = slice(start, start + step)
            delta, state = rule(p.data[rows], g[rows], {name: a[rows] for name, a in self.state.items()}, hyper)
            p.assign_sub(delta, rows)
            for name, a in state.items():
                self.state[name][rows] = a

    def _update_some(self, rule: Rule, hyper: Hyper, mine: Sequence[Array | None]) -> None:
        """Apply `rule` to the members one by one."""
        state = {name: np.array(a) for name, a in self.state.items()}
        deltas = []
        for j, (p, g) in enumerate(zip(self.parameters, mine, strict=True)):
            if g is not None:
                delta, new = rule(p.data, g, self.state_of(j), hyper)
                deltas.append((p, delta))
                for name, value in new.items():
                    state[name][self.parts[j]] = value.ravel()
        for p, delta in deltas:
            p.assign_sub(delta)
        self.state = state

    def state_of(self, member: int) -> dict[str, Array]:
        """Return the state of one member, in its shape; views, not copies."""
        if len(self.shapes) == 1:
            return {name: np.asarray(a) for name, a in self.state.items()}
        return {name: a[self.parts[member]].reshape(self.shapes[member]) for name, a in self.state.items()}


def partition(
    parameters: Sequence[Tensor], together: bool = True, kind: Callable[[Tensor], Any] = lambda p: None
) -> list[Block]:
    """Return blocks that hold every parameter once: large ones alone, small ones together by dtype.

    Args:
        parameters: in the optimizer's order.
        together: whether any may share a block.
        kind: what those of one block must have in common besides.
    """
    blocks = []
    small: dict[Any, list[tuple[int, Tensor]]] = {}
    filled: dict[Any, int] = {}
    for i, p in enumerate(parameters):
        key = p.dtype, kind(p)
        if p.size >= SMALL or not together:
            blocks.append(Block([(i, p)]))
            continue
        if filled.get(key, 0) + p.size > LARGEST:
            blocks.append(Block(small.pop(key)))
            filled[key] = 0
        small.setdefault(key, []).append((i, p))
        filled[key] = filled.get(key, 0) + p.size
    return blocks + [Block(members) for members in small.values()]
