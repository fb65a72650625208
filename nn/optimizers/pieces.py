"""Rules as lists of ufunc calls, which update a large parameter piece by piece with no line of Python in between.

A rule is run once on stand-ins for arrays, which note the ufuncs that it calls. The same calls, made for each piece of
the parameter with results in memory that stays in the cache, write the new state over the old and take delta off the
parameter. So they can be part of `Changes`, which an interrupt finds complete or not begun, and copy nothing large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import blockwise

from .rules import Array, Hyper, Rule

Call = tuple[Any, ...]  # a ufunc, its operands, and the array that its result goes to

# What NumPy calls for the operator ** with these exponents.
_POWERS: dict[float, np.ufunc] = {0.5: np.sqrt, 1.0: np.positive, 2.0: np.square, -1.0: np.reciprocal}
_OPERATORS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "pow": np.power}


class _Value:
    """Stands for an array in a rule, and notes what is computed from it.

    Args:
        notes: the list to note it in.
        dtype: of all arrays of the rule.
        place: the number of the array that holds it; negative as long as none does.
    """

    def __init__(self, notes: list[_Note], dtype: np.dtype[Any], place: int = -1) -> None:
        self.notes = notes
        self.dtype = dtype
        self.place = place

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, out: Any = None) -> _Value:
        """Note the call; where the rule wants the result does not matter."""
        return self.noted(ufunc, *operands)

    def noted(self, ufunc: np.ufunc, *operands: Any) -> _Value:
        """Note a call, and return what stands for its result."""
        if ufunc is np.power and operands[1] in _POWERS:
            ufunc, operands = _POWERS[operands[1]], operands[:1]
        result = _Value(self.notes, self.dtype)
        self.notes.append(_Note(ufunc, operands, result))
        return result


def _add_operator(name: str, ufunc: np.ufunc) -> None:
    setattr(_Value, f"__{name}__", lambda self, other: self.noted(ufunc, self, other))
    setattr(_Value, f"__r{name}__", lambda self, other: self.noted(ufunc, other, self))


for _name, _ufunc in _OPERATORS.items():
    _add_operator(_name, _ufunc)


class _Note(NamedTuple):
    """A call of a ufunc; operands are numbers or values."""

    ufunc: np.ufunc
    operands: tuple[Any, ...]
    result: _Value


def calls_in_pieces(
    rule: Rule, hyper: Hyper, p: Array, g: Array, state: Mapping[str, Array], piece: int
) -> Iterator[Call]:
    """Yield the calls that take a rule's delta off p and make the new state of `state`, both in place.

    Args:
        rule: one of nn's elementwise rules.
        hyper: its hyperparameters.
        p: values, with at least one axis.
        g: gradient.
        state: the slots.
        piece: the number of elements that are updated at a time.
    """
    if any(np.may_share_memory(g, a) for a in (p, *state.values())):
        g = g.copy()
    arrays = [p, g, *state.values()]
    notes = _noted(rule, hyper, list(state), p.dtype)
    numbers = [x for note in notes for x in note.operands if x.__class__ is not _Value]
    places = iter(range(len(arrays), len(arrays) + len(numbers)))

    def place(x: Any) -> int:
        if x.__class__ is not _Value:
            return next(places)
        return x.place if x.place < len(arrays) else x.place + len(numbers)

    calls = [(ufunc, *map(place, operands), place(result)) for ufunc, operands, result in notes]
    return blockwise(calls, arrays, numbers, piece)


def _noted(rule: Rule, hyper: Hyper, names: list[str], dtype: np.dtype[Any]) -> list[_Note]:
    """Return the calls of a rule, with places for all results, in this order: p, g, slots, scratch."""
    notes: list[_Note] = []
    p, g = _Value(notes, dtype, 0), _Value(notes, dtype, 1)
    old = {name: _Value(notes, dtype, 2 + i) for i, name in enumerate(names)}
    delta, new = rule(p, g, old, hyper)
    used = given = 2 + len(names)
    slot_of = {id(value): old[name] for name, value in new.items()}
    last = {id(x): i for i, note in enumerate(notes) for x in note.operands}
    last |= dict.fromkeys(map(id, (delta, *new.values())), len(notes))
    free: list[int] = []
    for i, (_, operands, result) in enumerate(notes):
        free += {x.place for x in operands if x.__class__ is _Value and x.place >= given and last[id(x)] == i}
        slot = slot_of.get(id(result))
        if slot is not None and last.get(id(slot), -1) <= i:
            result.place = slot.place
            continue
        if not free:
            free, used = [used], used + 1
        result.place = free.pop()
    notes += [_Note(np.positive, (x,), old[name]) for name, x in new.items() if x.place != old[name].place]
    return [*notes, _Note(np.subtract, (p, delta), p)]
