"""The effects of a replay: a list of calls in C, which are made by one call at its end, all or none."""

from __future__ import annotations

import itertools
import math
import operator
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from itertools import repeat
from typing import Any

import numpy as np

from ..core.dynamic_scalars import DynamicScalar
from ..core.errors import AssumptionFailed
from ..core.node import next_stamp
from ..ir.host_record import HostState, Put, map_values, values_in
from ..ir.observing import Assumption, Check
from ..ir.pure_program import PureProgram
from ..ir.tape import OBSERVE
from ..native.kernels import library
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .trace import Recording

Call = tuple[Any, ...]


class Effects:
    """The code of what one trace changes.

    Args:
        traced: what the function did.
        written: for each value that the program was to compute, whether it is written over an old one by the plan.

    Attributes:
        any: whether there are changes.
        text: a function `calls` of the values that the plan hands out, the numbers that `Reader.read` gave, and the
            values of the slots, which returns calls in C.
    """

    def __init__(self, traced: Recording, written: Sequence[bool]) -> None:
        start = len(traced.results) + len(traced.saved)
        places = itertools.count(start)
        # For each value that is changed, where the plan hands it out; None if it is written in place.
        self._values = iter([None if done else f"values[{next(places)}]" for done in written[start:]])
        self._places = {id(x): i for i, x in enumerate(traced.slots)}
        self._names: dict[str, Any] = {
            "setitem": operator.setitem,
            "setattr": setattr,
            "copied": np.array,
            "gradient": _gradient,
            "stamped": _stamp_call,
        }
        self._numbers = 0
        rows: list[str] = []
        leaves = [leaf for leaf, _ in traced.assigned]
        for leaf in leaves:
            if (value := next(self._values)) is not None:
                rows.append(f"(setitem, {self._name(leaf)}._writable(), ..., {value}),")
        for leaf, i in traced.gradients:
            new = "None" if i is None else f"gradient({next(self._values)})"
            rows.append(f"(setattr, {self._name(leaf)}, '_grad', {new}),")
        for put in traced.host_state.puts.values():
            rows += self._anew(put) if replaced_tensors(traced.host_state, put) is None else self._over(put)
        if leaves:
            rows.append(f"stamped({self._name(leaves)}),")
        self.text = "\n        ".join(["def calls(values, numbers, slots):\n    return [", *rows]) + "\n    ]\n"
        exec(compile(self.text, "<changes>", "exec"), self._names)
        self.any = bool(rows)
        self.calls: Callable[..., list[Call]] = self._names.pop("calls")  # else it would hold itself

    def _over(self, put: Put) -> list[str]:
        """Write new arrays over those that were read."""
        rows = []
        for t in values_in(put.before):
            if isinstance(t, Tensor) and (value := next(self._values)) is not None:
                rows.append(f"(setitem, slots[{self._places[id(t)]}], ..., {value}),")
        return rows

    def _anew(self, put: Put) -> list[str]:
        return [f"(setitem, {self._name(put.container)}, {self._text(put.key)}, {self._text(put.value)}),"]

    def _text(self, x: Any) -> str:
        if x.__class__ is dict:
            return f"{{{', '.join(f'{self._text(key)}: {self._text(value)}' for key, value in x.items())}}}"
        if x.__class__ in (list, tuple):
            inside = "".join(f"{self._text(value)}, " for value in x)
            return f"[{inside}]" if x.__class__ is list else f"({inside})"
        if isinstance(x, Tensor):
            return f"copied({next(self._values)}){'' if x._data.__class__ is np.ndarray else '[()]'}"
        if x.__class__ is DynamicScalar:
            self._numbers += 1
            return f"numbers[{self._numbers - 1}]"
        if x.__class__ in (bool, int, str) or x is None:
            return repr(x)
        return self._name(x)

    def _name(self, value: Any) -> str:
        self._names[name := f"c{len(self._names)}"] = value
        return name


def split_checks(
    program: PureProgram, effects: tuple[str, ...]
) -> tuple[Callable[[Sequence[Any]], None], tuple[str, ...], tuple[str, ...]]:
    """Split effects into checks, which only look at values and may raise, and the others.

    They can wait until all is computed, unless an observer of the user's must run at its place in the program.

    Returns:
        A function of values, of which it looks at the last ones; the ids of these; the ids of the other effects.
    """
    seen = {i: program.calls[i] for i in effects if program.calls[i][0] is OBSERVE}
    if not seen or not all(isinstance(params["function"], Check | Assumption) for _, _, params in seen.values()):
        return _no_look, (), effects
    checked = tuple(dict.fromkeys(k for _, ids, _ in seen.values() for k in ids))
    places = {k: place - len(checked) for place, k in enumerate(checked)}
    names: dict[str, Any] = {"AssumptionFailed": AssumptionFailed}
    rows, silent = [], True
    for n, (_, ids, params) in enumerate(seen.values()):
        f = params["function"]
        names[f"f{n}"] = f.f if isinstance(f, Check) else f.holds
        call = f"f{n}({', '.join(f'values[{places[k]}]' for k in ids)})"
        rows += [call] if isinstance(f, Check) else [f"if not {call}:", "    raise AssumptionFailed"]
        silent = silent and isinstance(f, Assumption) and f.holds in _SILENT
    exec("\n    ".join(["def look(values):", *rows]), names)
    look: Callable[[Sequence[Any]], None] = names.pop("look")
    # A context of its own, whose end restores NumPy's state wherever an interrupt comes.
    quiet = look if silent else lambda values: copy_context().run(_run_quietly, look, values)
    return quiet, checked, tuple([i for i in effects if i not in seen])


# Functions that issue no warnings.
_SILENT = (math.isfinite, np.isfinite, np.all, np.any)


def _run_quietly(look: Callable[[Sequence[Any]], None], values: Sequence[Any]) -> None:
    np.errstate(all="ignore").__enter__()
    look(values)


def _no_look(values: Sequence[Any]) -> None:
    """Look at nothing."""


def _gradient(g: Any) -> Tensor:
    """Return a new gradient; a view may repeat elements, and is not to be written into."""
    t: Tensor = wrap(g if g.base is None else np.array(g), None)
    return t


def _stamp_call(leaves: list[Tensor]) -> Call:
    """Return the call that notes when leaves were changed: after whatever another thread records meanwhile."""
    if library:
        return library.stamp, leaves, "_stamp", next_stamp
    return deque, map(setattr, leaves, repeat("_stamp"), iter(next_stamp, None)), 0


def replaced_tensors(host_state: HostState, put: Put) -> list[Tensor] | None:
    """Return the Tensors of the arrays that new ones are written over, if no one sees that; None if it is not so."""
    old, new = values_in(put.before), values_in(put.value)
    arrays = [t for t in old if isinstance(t, Tensor)]
    if not all(id(t) in host_state.owned for t in arrays) or _shape(put.before) != _shape(put.value):
        return None
    return arrays if all(map(_alike, old, new)) else None


def _shape(tree: Any) -> Any:
    return map_values(lambda *_: 0, tree)


def _alike(old: Any, new: Any) -> bool:
    """Return whether the values of one Tensor can be written over those of another."""
    if not (isinstance(old, Tensor) and isinstance(new, Tensor)):
        return old is new is None
    a, b = old._data, new._data
    return a.__class__ is b.__class__ is np.ndarray and (a.shape, a.dtype) == (b.shape, b.dtype)
