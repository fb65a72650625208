"""Parameter groups: the parameters that a rule updates with one set of NumPy calls.

A large parameter is a group by itself. Small ones of one dtype share a flat buffer, because each of the rule's eight
to twelve NumPy calls costs more than the arithmetic on a few thousand elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Changes, Tensor, arrays, dynamic, tensor
from autograd_lite.arrays import MOVE_COUNT
from autograd_lite.extend import is_compiling

from .chunks import calls_in_chunks
from .gradients import values_of
from .rules import Array, Hyper, Rule

# The first values of a slot: a number, or a function of the parameter's values.
Start = float | Callable[[Array], Array]

# Measured on float32: steps on 100 parameters of 1,000 elements are 2.4 times as fast together as one by one, on 20 of
# 4,000 1.3 times; at 16,000 gathering and scattering eats the gain. LARGEST elements stay in a core's cache.
SMALL = 1 << 13
LARGEST = 1 << 17
# Elements of a large parameter that are updated at a time; a few arrays of these stay in a core's cache. On 400,000
# elements of float32, Adam and RMSprop take 0.7 of the time that they take on the whole.
CHUNK = 1 << 16


class Step(NamedTuple):
    """The part of a step that all parameter groups share.

    Attributes:
        changes: where they note their changes.
        gradients: of all parameters of the optimizer, or None.
        hyper: the hyperparameters.
        constraints: by the numbers of the parameters that have one.
        in_pieces: whether large parameters are updated chunk by chunk.
        averages: whether the running means replace the values.
    """

    changes: Changes
    gradients: Sequence[Array | None]
    hyper: Hyper
    constraints: Mapping[int, Callable[[Array], Array]]
    in_chunks: bool
    averages: bool


class ParameterGroup:
    """One parameter with arrays of its shape as state, or several of one dtype with flat arrays as state.

    Args:
        members: the parameters, each with its number in the optimizer's list.
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
        self._moves = MOVE_COUNT[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the state's arrays."""
        return self.shapes[0] if len(self.shapes) == 1 else (self.parts[-1].stop,)

    def state_with(self, slots: Mapping[str, Start], owned: bool = False) -> dict[str, Any]:
        """Return the state with exactly these slots: new ones at their start, without those no longer wanted.

        Args:
            slots: the names and starts.
            owned: whether nothing but this group holds the arrays.
        """
        old: dict[str, Any] = dynamic(vars(self), "state", owned=owned)
        if self._moves != MOVE_COUNT[0] and not is_compiling():
            old, self._moves = self._beside_parameters(old), MOVE_COUNT[0]
        if old.keys() == slots.keys():
            return old
        return {name: old[name] if name in old else self._fill(start) for name, start in slots.items()}

    def begin(self, slots: Mapping[str, Start]) -> None:
        """Make the state, unless it starts from values of the parameters, which may change before the first step.

        In a function that is being compiled, the step makes it, and notes it as a change.
        """
        if not is_compiling() and not any(callable(start) for start in slots.values()):
            self.state = self.state_with(slots)

    def _beside_parameters(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state where the parameters are, which may have been moved since the last step."""
        like = self.parameters[0].data
        if all(arrays.same_device(a, like) for a in state.values()):
            return state
        return {name: arrays.to_device(a, like) for name, a in state.items()}

    def _fill(self, start: Start) -> Any:
        if is_compiling():
            if callable(start):
                return tensor(start(self.values().reshape(self.shape)), self.dtype)
            return tensor(np.ones(self.shape, self.dtype)) * start
        like = self.parameters[0].data
        if callable(start):
            return arrays.to_device(start(self.values().reshape(self.shape)), like).astype(self.dtype, copy=False)
        # Zeros take no memory until they are written, so a model that is only asked for predictions pays nothing.
        values = np.ones(self.shape, self.dtype) * start if start else np.zeros(self.shape, self.dtype)
        return arrays.to_device(values, like)

    def values(self) -> Array:
        """Return the members' values, one after another, as one flat array."""
        if is_compiling():
            return np.concatenate([p.ravel() for p in self.parameters])
        return np.concatenate([p.data.ravel() for p in self.parameters])

    def note_step(self, step: Step, rule: Rule, slots: Mapping[str, Start], reads_values: bool) -> None:
        """Apply a rule to the members that have a gradient, and note the new values and the new state.

        Args:
            step: the part that all groups share.
            rule: the rule of this group.
            slots: what its state has.
            reads_values: whether the rule reads p, so that the members' values must be gathered too.
        """
        gradients = [step.gradients[i] for i in self.indices]
        before = state = self.state_with(slots, step.in_chunks)
        first = gradients[0]
        if step.in_chunks and self.parameters[0].size > CHUNK and isinstance(first, np.ndarray):
            values, state = self.note_in_chunks(step, rule, first, state)
        else:
            deltas, state = self._update(rule, step.hyper, gradients, state, reads_values)
            values = self._note_deltas(step, deltas)
        if state is not before or before is not dynamic(vars(self), "state"):
            step.changes.put(vars(self), "state", state)
        if step.averages or step.constraints:
            self._note_values(step, values, state)

    def _update(
        self, rule: Rule, hyper: Hyper, gradients: Sequence[Array | None], state: dict[str, Any], reads_values: bool
    ) -> tuple[list[Array | None], dict[str, Any]]:
        """Return the rule's delta for every member that has a gradient, None for the others, and the new state."""
        present = [g for g in gradients if g is not None]
        if len(gradients) == len(present) == 1:
            delta, new = rule(values_of(self.parameters[0]), present[0], state, hyper)
            return [delta], new if new.__class__ is dict else dict(new)
        if not present:
            return [None] * len(gradients), state
        if len(present) < len(gradients):
            return self._update_some(rule, hyper, gradients, state)
        values = self.values() if reads_values else None
        delta, new = rule(values, np.concatenate([g.ravel() for g in present]), state, hyper)
        parts = zip(self.parts, self.shapes, strict=True)
        return [delta[part].reshape(shape) for part, shape in parts], dict(new)

    def _update_some(
        self, rule: Rule, hyper: Hyper, gradients: Sequence[Array | None], old: Mapping[str, Array]
    ) -> tuple[list[Array | None], dict[str, Any]]:
        """Apply `rule` to the members one by one."""
        state = {name: a.copy() for name, a in old.items()}
        deltas: list[Array | None] = [None] * len(gradients)
        for j, (p, g) in enumerate(zip(self.parameters, gradients, strict=True)):
            if g is not None:
                deltas[j], new = rule(values_of(p), g, self.part_of(old, j), hyper)
                for name, value in new.items():
                    state[name][self.parts[j]] = value.ravel()
        return deltas, state

    def _note_deltas(self, step: Step, deltas: Sequence[Array | None]) -> list[Array | None]:
        """Note that deltas are taken off the members; for one that has a constraint, return the value instead."""
        values: list[Array | None] = [None] * len(deltas)
        for j, (i, p, delta) in enumerate(zip(self.indices, self.parameters, deltas, strict=True)):
            if delta is None:
                continue
            if i in step.constraints:
                value: Any = p - delta if is_compiling() else np.subtract(p.data, delta, out=np.empty_like(p.data))
                values[j] = value
            else:
                step.changes.subtract(p, delta)
        return values

    def note_in_chunks(
        self, step: Step, rule: Rule, g: Array, state: dict[str, Any]
    ) -> tuple[list[Array | None], dict[str, Any]]:
        """Note the calls that update a large parameter; return its value if it has a constraint, and the state."""
        p = self.parameters[0]
        if self.indices[0] not in step.constraints:
            step.changes.calls(calls_in_chunks(rule, step.hyper, step.changes.buffer(p), g, state, CHUNK))
            return [None], state
        value, state = p.numpy(), {name: a.copy() for name, a in state.items()}
        for ufunc, *args in calls_in_chunks(rule, step.hyper, value, g, state, CHUNK):
            ufunc(*args)
        return [value], state

    def _note_values(self, step: Step, values: Sequence[Array | None], state: Mapping[str, Array]) -> None:
        """Note the members' values where they are not old values minus deltas: averages and constrained ones."""
        for j, (i, p) in enumerate(self.members):
            value = self.part_of(state, j)["average"] if step.averages else values[j]
            if value is not None:
                constraint = step.constraints.get(i) if step.gradients[i] is not None else None
                step.changes.assign(p, value if constraint is None else constraint(value))

    def part_of(self, state: Mapping[str, Any], member: int) -> dict[str, Any]:
        """Return the part of a state that belongs to one member, in its shape; views, not copies."""
        if len(self.shapes) == 1:
            return {name: a if isinstance(a, Tensor) else arrays.as_array(a) for name, a in state.items()}
        return {name: a[self.parts[member]].reshape(self.shapes[member]) for name, a in state.items()}


def partition(
    parameters: Sequence[Tensor], together: bool = True, kind: Callable[[Tensor], Any] = lambda p: None
) -> list[ParameterGroup]:
    """Return groups that hold every parameter once: large ones alone, small ones together by dtype.

    Args:
        parameters: in the optimizer's order.
        together: whether small ones may share a group.
        kind: a key that the members of a group must share, apart from the dtype.
    """
    groups = []
    small: dict[Any, list[tuple[int, Tensor]]] = {}
    filled: dict[Any, int] = {}
    for i, p in enumerate(parameters):
        key = p.dtype, kind(p)
        if p.size >= SMALL or not together:
            groups.append(ParameterGroup([(i, p)]))
            continue
        if filled.get(key, 0) + p.size > LARGEST:
            groups.append(ParameterGroup(small.pop(key)))
            filled[key] = 0
        small.setdefault(key, []).append((i, p))
        filled[key] = filled.get(key, 0) + p.size
    return groups + [ParameterGroup(members) for members in small.values()]
