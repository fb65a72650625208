"""Blocks: the parameters that a rule updates with one set of NumPy calls.

A large parameter is a block of its own. Small ones of one dtype share a flat buffer, because each of the rule's eight
to twelve NumPy calls costs more than the arithmetic on a few thousand elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Changes, Tensor

from .pieces import calls_in_pieces
from .rules import Hyper, Rule

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
        self.members = list(members)
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

    def held(self, slots: Mapping[str, Start]) -> dict[str, Any]:
        """Return a state of exactly `slots`: a new one starts at the given value, one no longer wanted goes."""
        if self.state.keys() == slots.keys():
            return self.state
        old = self.state
        return {name: old[name] if name in old else self._started(start) for name, start in slots.items()}

    def _started(self, start: Start) -> Array:
        if callable(start):
            return np.array(start(self.values().reshape(self.shape)), self.dtype)
        return np.full(self.shape, start, self.dtype)

    def values(self) -> Array:
        """Return the members' values, one after another, as one flat array."""
        return np.concatenate([p.data.ravel() for p in self.parameters])

    def gradients_of(self, gradients: Sequence[Array | None]) -> list[Array | None]:
        """Return those of the members' own."""
        return [gradients[i] for i in self.indices]

    def updated(
        self, rule: Rule, hyper: Hyper, mine: Sequence[Array | None], state: dict[str, Any], reads_values: bool
    ) -> tuple[list[Array | None], dict[str, Any]]:
        """Return the rule's delta for every member that has a gradient, None for the others, and the new state.

        Args:
            rule: the rule to apply.
            hyper: its hyperparameters.
            mine: the gradients of the members, or None.
            state: the slots.
            reads_values: whether the rule reads p, so that the members' values must be gathered too.
        """
        given = [g for g in mine if g is not None]
        if len(mine) == len(given) == 1:
            delta, new = rule(self.parameters[0].data, given[0], state, hyper)
            return [delta], new if new.__class__ is dict else dict(new)
        if not given:
            return [None] * len(mine), state
        if len(given) < len(mine):
            return self._updated_some(rule, hyper, mine, state)
        values = self.values() if reads_values else None
        delta, new = rule(values, np.concatenate([g.ravel() for g in given]), state, hyper)
        parts = zip(self.parts, self.shapes, strict=True)
        return [delta[part].reshape(shape) for part, shape in parts], dict(new)

    def _updated_some(
        self, rule: Rule, hyper: Hyper, mine: Sequence[Array | None], old: Mapping[str, Array]
    ) -> tuple[list[Array | None], dict[str, Any]]:
        """Apply `rule` to the members one by one."""
        state = {name: np.array(a) for name, a in old.items()}
        deltas: list[Array | None] = [None] * len(mine)
        for j, (p, g) in enumerate(zip(self.parameters, mine, strict=True)):
            if g is not None:
                deltas[j], new = rule(p.data, g, self.part_of(old, j), hyper)
                for name, value in new.items():
                    state[name][self.parts[j]] = value.ravel()
        return deltas, state

    def note_deltas(
        self, changes: Changes, deltas: Sequence[Array | None], constrained: Mapping[int, Any]
    ) -> list[Array | None]:
        """Note that deltas are taken off the members; of one that has a constraint, return the values instead."""
        values: list[Array | None] = [None] * len(deltas)
        for j, (i, p, delta) in enumerate(zip(self.indices, self.parameters, deltas, strict=True)):
            if delta is None:
                continue
            if i in constrained:
                values[j] = np.subtract(p.data, delta, out=np.empty_like(p.data))
            else:
                changes.subtract(p, delta)
        return values

    def note_in_pieces(
        self, changes: Changes, rule: Rule, hyper: Hyper, g: Array, state: dict[str, Any], constrained: bool
    ) -> tuple[list[Array | None], dict[str, Any]]:
        """Note the calls that update a large parameter; return its values if they are constrained, and the state."""
        p = self.parameters[0]
        if not constrained:
            changes.calls(calls_in_pieces(rule, hyper, changes.buffer(p), g, state, PIECE))
            return [None], state
        value, state = p.numpy(), {name: a.copy() for name, a in state.items()}
        for ufunc, *args in calls_in_pieces(rule, hyper, value, g, state, PIECE):
            ufunc(*args)
        return [value], state

    def part_of(self, state: Mapping[str, Array], member: int) -> dict[str, Array]:
        """Return what a state has for one member, in its shape; views, not copies."""
        if len(self.shapes) == 1:
            return {name: np.asarray(a) for name, a in state.items()}
        return {name: a[self.parts[member]].reshape(self.shapes[member]) for name, a in state.items()}


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
