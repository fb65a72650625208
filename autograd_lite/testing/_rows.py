"""Rows of cases: one call of an op with its arrays and parameters, and a way to print it so that it can be pasted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.op import Op

_LARGE = 200


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One call of an op.

    Attributes:
        inputs: the arrays.
        params: the parameters, in the canonical form that the op's `forward` takes.
        exempt: the names of laws that this row cannot keep, each with the reason.
        symmetric: the inputs that are symmetric (Hermitian) by contract, whose gradient is that of their symmetric
            part: a finite difference must not move one of two mirrored elements alone.
        label: what messages call it.
    """

    inputs: tuple[np.ndarray, ...]
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    exempt: Mapping[str, str] = dataclasses.field(default_factory=dict)
    symmetric: tuple[int, ...] = ()
    label: str = ""
    # What was computed of the forward function alone, which every broken copy of an op shares with it.
    known: dict[Any, Any] = dataclasses.field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"Row({', '.join([written(self.inputs), *([written(dict(self.params))] if self.params else [])])})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Else Hypothesis would print every field.
        printer.text(repr(self))

    def projected(self, arrays: Sequence[Any]) -> list[Any]:
        """Return the arrays with the symmetric part of those that are symmetric by contract."""
        return [(a + np.conjugate(a).swapaxes(-1, -2)) / 2 if i in self.symmetric else a for i, a in enumerate(arrays)]

    def cast(self, dtype: Any) -> Row:
        """Return the same row with its floating inputs in this dtype, complex ones in a complex of its width."""
        wide = np.result_type(dtype, np.complex64)
        inputs = (a.astype(dtype if a.dtype.kind == "f" else wide) if a.dtype.kind in "fc" else a for a in self.inputs)
        return dataclasses.replace(self, inputs=tuple(inputs), known={})


def as_row(case: Any, op: Op) -> Row:
    """Read a row as users write it: a Row, an array, inputs in a tuple or list, or `(inputs, params)`."""
    if isinstance(case, Row):
        return case
    params: Mapping[str, Any] = {}
    if isinstance(case, Sequence) and len(case) == 2 and isinstance(case[1], Mapping):
        case, params = case
    inputs = case if isinstance(case, (tuple, list)) else (case,)
    try:
        return Row(tuple(np.asarray(a) for a in inputs), params)
    except ValueError as error:
        raise TypeError(
            f"check_op({op.name}): expected each case as inputs or (inputs, params), where inputs are arrays; "
            f"received {case!r}"
        ) from error


def written(value: Any) -> str:
    """Return an expression for a value, short and exact; a large array is only described.

    Example:
        >>> written((np.array([1.0, 0.5]), np.ones((1, 2), "f"), {"axis": 0}))
        "([1., 0.5], np.array([[1., 1.]], 'float32'), {'axis': 0})"
    """
    if isinstance(value, np.ndarray):
        if value.size > _LARGE:
            return f"<{value.dtype} array of shape {value.shape}>"
        text = f"np.zeros({value.shape})" if not value.size else _listed(value)
        usual = value.dtype in (np.float64, np.bool_) or (value.dtype == np.int64 and value.size)
        if usual or not value.size:
            return text if usual else f"np.zeros({value.shape}, {value.dtype.name!r})"
        return f"np.array({text}, {value.dtype.name!r})"
    if isinstance(value, np.generic):
        return written(np.asarray(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {written(v)}" for k, v in value.items()) + "}"
    return repr(value)


def _listed(value: np.ndarray) -> str:
    if value.ndim:
        return f"[{', '.join(map(_listed, value))}]"
    number = repr(value.item())
    return number.removesuffix("0") if number.endswith(".0") and len(number) > 2 else number
