"""From a ufunc of `scipy.special` to its op record, which is made from the tables of this folder on first use.

SciPy is never imported here. The rules reach its functions through `sp`, which returns these records, so that they
have every higher derivative, too. A derivative that SciPy lacks, such as that of `gammainc` by its first argument, is
a function of ours in the same tables (`own`), with rules like the others. The name of an op is that of its function
with `special.` in front. A text in place of a partial is the reason why there is none: a call that would need it is
refused with that text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core.duck_arrays import compute_by_numpy, is_duck_array
from ...core.errors import UnsupportedError
from ...core.forks import fork_safe_lock
from ...core.op import COMPOSED, OPS, Op, applied, elementwise
from ..multi_result_ops import elementwise_several, jvp_by
from .refused import REFUSED


class UfuncRow(NamedTuple):
    """The facts about a function: a partial for each input, as for `elementwise`, or the reason why there is none.

    Of a function with several results these are those of the first; the fact `by_result` has those of all.
    """

    partials: tuple[Any, ...]
    saves: str | Sequence[str]
    facts: dict[str, Any]
    function: Callable[..., Any] | None = None  # None for a ufunc of SciPy


def scipy_row(*partials: Any, saves: str | Sequence[str] = "", **facts: Any) -> UfuncRow:
    """Return the row of a ufunc of SciPy."""
    return UfuncRow(partials, saves, facts)


def own_row(function: Callable[..., Any], *partials: Any, saves: str | Sequence[str] = "", **facts: Any) -> UfuncRow:
    """Return the row of a function of ours, of arrays and parameters, that broadcasts like a ufunc."""
    return UfuncRow(partials, saves, facts, function)


NOT_CLOSED = "the derivative by it is not known in closed form"
WHOLE = "the derivative by it is not known: it counts, and SciPy takes whole numbers"
AB = ("positive", "positive")
SHARE = ("share",)


def by_last(partial: Callable[..., Any], *domain: str, reads: str = "", **facts: Any) -> UfuncRow:
    """Return the row of a ufunc of SciPy whose derivative is known by the last of its arguments alone.

    Args:
        partial: by that argument.
        domain: of each argument.
        reads: what the partial reads; all arguments by default.
        facts: further fields of `Op`.
    """
    rest = len(domain) - 1
    saves = (*[""] * rest, reads or "xyzu"[: rest + 1])
    return scipy_row(*[NOT_CLOSED] * rest, partial, saves=saves, domain=domain, **facts)


# What the modules of this folder put together: see `special_tables`.
TABLE: dict[str, UfuncRow] = {}


class _Special:
    """Takes the place of `scipy.special` in rules: an attribute is the op record of that name, made on first use."""

    def __getattr__(self, name: str) -> Op:
        if name not in TABLE:
            raise AttributeError(name)
        op = _record(name, TABLE[name].function or ufunc_named(name))
        setattr(self, name, op)
        return op


sp = _Special()
_LOCK = fork_safe_lock()


def ufunc_named(name: str) -> np.ufunc:
    """Return the ufunc that SciPy calls `name`; where that is a Python function (zeta), the ufunc behind it.

    Raises:
        UnsupportedError: if this version of SciPy has none.
    """
    module = sys.modules["scipy.special"]
    for holder in (module, getattr(module, "_ufuncs", None)):
        for spelling in (name, f"_{name}"):
            ufunc = getattr(holder, spelling, None)
            if isinstance(ufunc, np.ufunc):
                return ufunc
    raise UnsupportedError(f"scipy.special.{name}: this version of SciPy has no such ufunc")


def _record(name: str, function: np.ufunc | Callable[..., Any]) -> Op:
    """Return the op record of a function of the table, and make it the first time."""
    with _LOCK:
        label = f"special.{name}"
        if label in OPS:
            return OPS[label]
        row = TABLE[name]
        facts = row.facts
        if "by_result" in facts:
            return _with_several(name, function, row.saves, **facts)
        partials = [None if isinstance(p, str) else p for p in row.partials]
        if isinstance(function, np.ufunc) and (function.nin > 2 or None in partials):
            # Tensors apply ops of one or two inputs by their ufunc without further checks, so an op that may have to
            # refuse a call is not in that table: its forward calls the ufunc, and only `scipy_op` finds it.
            function = function.__call__
        if None in partials:
            facts = {**facts, "jvp": _pushing(name, row.partials)}
        op = elementwise(function, *partials, name=label, saves=row.saves, **facts)
        if isinstance(function, np.ufunc) and function.__name__ != name:
            object.__setattr__(op, "forward", _by_numpy(function))
        return op


def _by_numpy(ufunc: np.ufunc) -> Callable[..., Any]:
    """Return a ufunc behind a function of SciPy, under a name that no other library has: NumPy computes it for all."""

    def forward(*inputs: Any) -> Any:
        return compute_by_numpy(ufunc, *inputs) if any(map(is_duck_array, inputs)) else ufunc(*inputs)

    return forward


def _pushing(name: str, partials: tuple[Any, ...]) -> Callable[..., Any]:
    """Return the jvp that sums the terms of the partials, and refuses a tangent where a partial is missing."""

    def jvp(tangents: Sequence[Any], out: Any, *inputs: Any, **params: Any) -> Any:
        total = None
        for i, (t, partial) in enumerate(zip(tangents, partials, strict=True)):
            if t is None:
                continue
            if isinstance(partial, str):
                raise _unknown(name, i)
            if isinstance(partial, applied):
                term = partial.function(t, out, *inputs, **params)
            else:
                term = t * (partial(out, *inputs, **params) if callable(partial) else partial)
            total = term if total is None else total + term
        return total

    return jvp


def _unknown(name: str, i: int) -> UnsupportedError:
    return UnsupportedError(
        f"scipy.special.{name}: expected input {i} without a gradient, since {TABLE[name].partials[i]}; received one "
        "that is differentiated by. Pass stop_gradient(x) there, or x.detach()"
    )


def _refuse_unknown(name: str, inputs: tuple[Any, ...]) -> None:
    for i, x in enumerate(inputs):
        if isinstance(TABLE[name].partials[i], str) and getattr(x, "requires_grad", False):
            raise _unknown(name, i)


def _with_several(
    name: str, function: Callable[..., Any], saves: str | Sequence[str], by_result: tuple[Any, ...], **facts: Any
) -> Op:
    """Return the op record of a ufunc with several results."""
    partials = [[None if isinstance(p, str) else p for p in row] for row in by_result]
    plain = jvp_by(partials)

    def jvp(tangents: Sequence[Any], out: Any, *xs: Any) -> tuple[Any, ...]:
        for i, (t, partial) in enumerate(zip(tangents, by_result[0], strict=True)):
            if t is not None and isinstance(partial, str):
                raise _unknown(name, i)
        return plain(tangents, out, *xs)

    def forward(*xs: Any) -> Any:
        if not any(map(is_duck_array, xs)):
            return function(*xs)
        return tuple([compute_by_numpy(lambda *xs, k=k: function(*xs)[k], *xs) for k in range(len(by_result))])

    return elementwise_several(forward, *partials, saves=saves, name=f"special.{name}", jvp=jvp, **facts)


def scipy_op(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Op | None:
    """Return the op of a SciPy ufunc, or None if it is not in the table.

    Raises:
        UnsupportedError: if the call needs a derivative that is not known, or the ufunc has none.
    """
    name = ufunc.__name__.removeprefix("_")
    if ufunc in COMPOSED:
        return None
    if name in REFUSED and getattr(sys.modules["scipy.special"], name, None) is ufunc:
        raise UnsupportedError(
            f"scipy.special.{name} is not supported on Tensors: {REFUSED[name]}. To compute it without a gradient, "
            "leave the graph with x.detach().numpy()"
        )
    if name not in TABLE:
        return None
    if TABLE[name].function is not None or ufunc_named(name) is not ufunc:
        return None
    _refuse_unknown(name, inputs)
    return _record(name, ufunc)
