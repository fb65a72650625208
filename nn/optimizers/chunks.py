"""Rules as lists of ufunc calls, which update a large parameter chunk by chunk with no line of Python in between.

A rule is run once on stand-ins for arrays, which note the ufuncs that it calls. The same calls, made for each chunk of
the parameter with results in memory that stays in the cache, write the new state over the old and take delta off the
parameter. So they can be part of `Changes`, which an interrupt finds complete or not begun, and copy nothing large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.extend import blockwise

from .rules import Array, Hyper, Rule

Call = tuple[Any, ...]  # a ufunc, its operands, and the array that its result goes to

# What NumPy calls for the operator ** with these exponents.
_POWERS: dict[float, np.ufunc] = {0.5: np.sqrt, 1.0: np.positive, 2.0: np.square, -1.0: np.reciprocal}
_OPERATORS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "pow": np.power}


Note = tuple[np.ufunc, tuple[Any, ...], Any]  # the same with numbers and values in the place of operands, and a value


class _Value:
    """Stands for an array in a rule, and notes the calls on it.

    Args:
        notes: the list to note it in.
        dtype: of all arrays of the rule.
        place: the number of the array that holds it; negative as long as none does.
    """

    def __init__(self, notes: list[Note], dtype: np.dtype[Any], place: int = -1) -> None:
        self.notes = notes
        self.dtype = dtype
        self.place = place

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, out: Any = None) -> _Value:
        """Note the call; where the rule wants the result does not matter."""
        return self.record(ufunc, *operands)

    def record(self, ufunc: np.ufunc, *operands: Any) -> _Value:
        """Note a call, and return what stands for its result."""
        if ufunc is np.power and operands[1] in _POWERS:
            ufunc, operands = _POWERS[operands[1]], operands[:1]
        result = _Value(self.notes, self.dtype)
        self.notes.append((ufunc, operands, result))
        return result


for _name, _ufunc in _OPERATORS.items():
    setattr(_Value, f"__{_name}__", lambda self, other, f=_ufunc: self.record(f, self, other))
    setattr(_Value, f"__r{_name}__", lambda self, other, f=_ufunc: self.record(f, other, self))


def calls_in_chunks(
    rule: Rule, hyper: Hyper, p: Array, g: Array, state: Mapping[str, Array], chunk: int
) -> Iterator[Call]:
    """Yield the calls that take a rule's delta off p and make the new state of `state`, both in place.

    Args:
        rule: one of nn's elementwise rules.
        hyper: its hyperparameters.
        p: values, with at least one axis.
        g: gradient.
        state: the slots.
        chunk: the number of elements that are updated at a time.
    """
    if any(np.may_share_memory(g, a) for a in (p, *state.values())):
        g = g.copy()
    arrays = [p, g, *state.values()]
    notes: list[Note] = []
    values = [_Value(notes, p.dtype, place) for place in range(len(arrays))]
    old = dict(zip(state, values[2:], strict=True))
    delta, new = rule(values[0], values[1], old, hyper)
    _find_places(notes, len(arrays), {id(x): old[name] for name, x in new.items()}, delta)
    notes += [(np.positive, (x,), old[name]) for name, x in new.items() if x.place != old[name].place]
    notes.append((np.subtract, (values[0], delta), values[0]))
    numbers = [x for _, operands, _ in notes for x in operands if x.__class__ is not _Value]
    places = iter(range(len(arrays), len(arrays) + len(numbers)))

    def place(x: Any) -> int:
        if x.__class__ is not _Value:
            return next(places)
        return x.place if x.place < len(arrays) else x.place + len(numbers)

    calls = [(ufunc, *map(place, operands), place(result)) for ufunc, operands, result in notes]
    return blockwise(calls, arrays, numbers, chunk)


def _find_places(notes: list[Note], count: int, slots: Mapping[int, _Value], delta: _Value) -> None:
    """Give every result a place: the slot that it is the new value of, or scratch, after the arrays that are given."""
    last = {id(x): i for i, (_, operands, _) in enumerate(notes) for x in operands}
    last |= dict.fromkeys((id(delta), *slots), len(notes))
    used, free = count, list[int]()
    for i, (_, operands, result) in enumerate(notes):
        free += {x.place for x in operands if x.__class__ is _Value and x.place >= count and last[id(x)] == i}
        slot = slots.get(id(result))
        if slot is not None and last.get(id(slot), -1) <= i:
            result.place = slot.place
            continue
        if not free:
            free, used = [used], used + 1
        result.place = free.pop()
