"""Rules as lists of ufunc calls, which update a large parameter piece by piece with no line of Python in between.

A rule is run once on stand-ins for arrays, which note the ufuncs that it calls. The same calls, made for each piece of
the parameter with results in memory that stays in the cache, write the new state over the old and take delta off the
parameter. So they can be part of `Changes`, which an interrupt finds complete or not begun, and copy nothing large.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from .rules import Array, Hyper, Rule

Call = tuple[Any, ...]  # a ufunc, its operands, and the array that its result goes to

# What NumPy calls for the operator ** with these exponents.
_POWERS: dict[float, np.ufunc] = {0.5: np.sqrt, 1.0: np.positive, 2.0: np.square, -1.0: np.reciprocal}
_OPERATORS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "pow": np.power}
_kept = threading.local()


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
    if all(a.flags.c_contiguous for a in arrays):
        arrays = [a.reshape(-1) for a in arrays]
    p = arrays[0]
    rows = max(1, piece * len(p) // p.size)
    notes, used = _noted(rule, hyper, list(state), p.dtype)
    scratch = _scratch(used - len(arrays), rows * (p.size // len(p)), piece, p.dtype)
    templates, numbers = _templates(notes, used, p.dtype)
    for start in range(0, len(p), rows):
        views = [a[start : start + rows] for a in arrays]
        shape, size = views[0].shape, views[0].size
        here = [*views, *[a[:size].reshape(shape) for a in scratch], *numbers]
        for ufunc, chosen, place in templates:
            if place is None:
                yield ufunc, *chosen(here)
            else:
                yield partial(ufunc, out=here[place]), *chosen(here)


def _templates(
    notes: list[_Note], used: int, dtype: np.dtype[Any]
) -> tuple[list[tuple[np.ufunc, Any, int | None]], list[Any]]:
    """Return what picks each note's arguments from a list of all arrays and numbers, and the numbers.

    The last argument is the place of the result; but NumPy wants it called `out` where `maximum` may get more operands.
    """
    templates: list[tuple[np.ufunc, Any, int | None]] = []
    numbers: list[Any] = []
    for ufunc, operands, result in notes:
        chosen = []
        for x in operands:
            if x.__class__ is not _Value:
                numbers.append(np.array(x, dtype) if x.__class__ is float else x)  # which NumPy takes faster
            chosen.append(x.place if x.__class__ is _Value else used + len(numbers) - 1)
        if ufunc in (np.maximum, np.minimum):
            templates.append((ufunc, itemgetter(*chosen), result.place))
        else:
            templates.append((ufunc, itemgetter(*chosen, result.place), None))
    return templates, numbers


def _noted(rule: Rule, hyper: Hyper, names: list[str], dtype: np.dtype[Any]) -> tuple[list[_Note], int]:
    """Return the calls of a rule, with places for all results, and the number of places: p, g, slots, scratch."""
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
    return [*notes, _Note(np.subtract, (p, delta), p)], used


def _scratch(count: int, size: int, piece: int, dtype: np.dtype[Any]) -> list[Array]:
    """Return arrays for intermediate results; a thread keeps those of usual size for the next step."""
    whole = count * max(size, piece) * dtype.itemsize
    held = getattr(_kept, "bytes", None)
    if held is None or held.nbytes < whole:
        held = np.empty(whole, np.uint8)
        if size <= piece:
            _kept.bytes = held
    return list(held[:whole].view(dtype).reshape(count, -1)) if count else []
