"""Rows of cases: one call of an op, how its rules are read, and everything that the laws ask about it."""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.multi_result import Several, results_of
from ..core.op import Op, Rule, read_rule
from ..core.shape_arithmetic import ShapeDtype, sum_to_shape
from .numeric import numeric_grad
from .report import PropertyError as PropertyError

# ---- reading rules directly, without the engine's repairs -----------------------------------------------------------


class PoisonError(AssertionError):
    """A rule used the values of an array that it does not declare in `reads`."""


class Poison:
    """Stands for an array whose values were not saved: it has a shape and a dtype, and raises on any other use."""

    __slots__ = ("_spec",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, spec: ShapeDtype | None) -> None:
        self._spec = spec

    def __getattr__(self, name: str) -> Any:
        spec = self._spec
        if spec is not None and name in ("shape", "dtype", "ndim", "size"):
            return getattr(spec, name)
        if name.startswith("__array_") and name not in ("__array_ufunc__", "__array_function__"):
            raise AttributeError(name)
        raise PoisonError(f"the rule reads .{name} of an array that it does not declare")

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise PoisonError("the rule reads the values of an array that it does not declare")

    __array__ = __array_ufunc__ = __array_function__ = __bool__ = __float__ = __int__ = __index__ = _refuse
    __iter__ = __len__ = __getitem__ = __neg__ = __pos__ = __abs__ = __invert__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __and__ = __rand__ = __or__ = __ror__ = _refuse


def forward(op: Op, arrays: Sequence[Any], params: Any) -> Any:
    """Apply an op to bare arrays, silently."""
    with np.errstate(all="ignore"):
        return op.forward(*arrays, **params)


def saved_for(rule: Rule, out: Any, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Return `(out, *inputs)` as the rule gets them, with poison in place of the arrays that it does not declare."""
    opened = [out if 0 in rule.reads else Poison(None)]
    for k, array in enumerate(arrays, start=1):
        opened.append(array if k in rule.reads else Poison(ShapeDtype(array.shape, array.dtype)))
    return tuple(opened)


def raw_rule(op: Op, i: int, g: Any, saved: tuple[Any, ...], params: Any) -> Any:
    """Return what the rule for input `i` says, on whatever kind of arrays it is given."""
    rule = op.rule(i)
    assert rule is not None
    if isinstance(saved[0], Poison):  # passed on untouched, so that only the rule itself can read it
        rule = rule.replace(reads=rule.reads - {0})
    with np.errstate(all="ignore"):
        return read_rule(rule, g, saved, params)


def sum_to_input(raw: Any, like: np.ndarray) -> np.ndarray:
    """Return a raw result as the engine leaves it: summed down to the input's shape, the real part for a real input."""
    raw = np.asarray(raw)
    summed = np.asarray(sum_to_shape(raw, like.shape))
    return summed.real if like.dtype.kind != "c" else summed


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two results have the same shape, dtype and bytes (NaN equals NaN, 0 differs from -0)."""
    if isinstance(a, tuple) or isinstance(b, tuple):
        return len(a) == len(b) and all(map(same_bits, a, b))
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def same_reading(a: Any, b: Any) -> bool:
    """As `same_bits`; of complex numbers the last bits are let go.

    NumPy multiplies complex arrays, complex scalars and complex arrays of one element by different loops.
    """
    if isinstance(a, tuple) or isinstance(b, tuple):
        return len(a) == len(b) and all(map(same_reading, a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind != "c" or b.dtype != a.dtype or a.shape != b.shape:
        return same_bits(a, b)
    eps = float(np.finfo(a.dtype).eps)
    return bool(np.allclose(a, b, rtol=8 * eps, atol=8 * eps * np.max(np.abs(b), initial=0), equal_nan=True))


# ---- rows -----------------------------------------------------------------------------------------------------------


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
        memo: what laws have computed for this row, so that others need not; empty at first.

    Example:
        >>> Row((np.array([1.0, 2.0]),), {"axis": (0,)})
        Row(([1., 2.],), {'axis': (0,)})
    """

    inputs: tuple[np.ndarray, ...]
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    exempt: Mapping[str, str] = dataclasses.field(default_factory=dict)
    symmetric: tuple[int, ...] = ()
    label: str = ""
    # Results that depend on the forward function alone, which every broken copy of an op shares with it.
    memo: dict[Any, Any] = dataclasses.field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"Row({', '.join([expression(self.inputs), *([expression(dict(self.params))] if self.params else [])])})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Else Hypothesis would print every field.
        printer.text(repr(self))

    def project(self, arrays: Sequence[Any]) -> list[Any]:
        """Return the arrays with the symmetric part of those that are symmetric by contract."""
        return [(a + np.conjugate(a).swapaxes(-1, -2)) / 2 if i in self.symmetric else a for i, a in enumerate(arrays)]

    def cast(self, dtype: Any) -> Row:
        """Return the same row with its floating inputs in this dtype, complex ones in a complex of its width."""
        complex_dtype = np.result_type(dtype, np.complex64)
        inputs = (
            a.astype(dtype if a.dtype.kind == "f" else complex_dtype) if a.dtype.kind in "fc" else a
            for a in self.inputs
        )
        return dataclasses.replace(self, inputs=tuple(inputs), memo={})


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


def expression(value: Any) -> str:
    """Return an expression for a value, short and exact; a large array is only described.

    Example:
        >>> expression((np.array([1.0, 0.5]), np.ones((1, 2), "f"), {"axis": 0}))
        "([1., 0.5], np.array([[1., 1.]], 'float32'), {'axis': 0})"
    """
    if isinstance(value, np.ndarray):
        if value.size > _LARGE:
            return f"<{value.dtype} array of shape {value.shape}>"
        text = f"np.zeros({value.shape})" if not value.size else _list_expression(value)
        usual = value.dtype in (np.float64, np.bool_) or (value.dtype == np.int_ and value.size)
        if usual or not value.size:
            return text if usual else f"np.zeros({value.shape}, {value.dtype.name!r})"
        return f"np.array({text}, {value.dtype.name!r})"
    if isinstance(value, np.generic):
        return expression(np.asarray(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(expression, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(expression, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {expression(v)}" for k, v in value.items()) + "}"
    return repr(value)


def _list_expression(value: np.ndarray) -> str:
    if value.ndim:
        return f"[{', '.join(map(_list_expression, value))}]"
    number = repr(value.item())
    return number.removesuffix("0") if number.endswith(".0") and len(number) > 2 else number


# ---- a row, evaluated -----------------------------------------------------------------------------------------------


class Inconclusive(PropertyError):
    """Finite differences say nothing about this row."""


def refuse_unless(holds: bool, message: str) -> None:
    """Raise `PropertyError` if a law is not kept."""
    if not holds:
        _refuse(message)


def _refuse(message: str) -> NoReturn:
    raise PropertyError(message)


def nonuniform(shape: tuple[int, ...], dtype: Any, salt: str) -> np.ndarray:
    """Return numbers that differ from each other and from 0: as a cotangent, all ones would hide a permutation."""
    rng = np.random.default_rng(zlib.crc32(f"{salt} {shape}".encode()))

    def draw() -> np.ndarray:
        return np.asarray(rng.uniform(0.3, 2.5, shape) * rng.choice([-1.0, 1.0], shape))

    dtype = np.dtype(dtype)
    return np.asarray(draw() + 1j * draw() if dtype.kind == "c" else draw(), dtype)


def results_in(out: Any) -> tuple[Any, ...]:
    """Return the results of a call, or their cotangents: one or several."""
    return out if isinstance(out, tuple) else (out,)


class Setting:
    """A row of cases, evaluated.

    What depends on the op's `forward` alone is kept with the row, so that copies of the op with other rules find it.

    Attributes:
        out: the result, or a tuple of several.
        g: its cotangent; of several results a tuple of theirs, None where one is asked for none.
    """

    def __init__(self, op: Op, row: Row, asked: frozenset[int] | None = None) -> None:
        self.op, self.row, self._asked = op, row, asked
        self.inputs = list(row.inputs)
        self.params: Mapping[str, Any] = row.params
        self.exempt = row.exempt
        self.out: Any = self._remember("out", self._run)
        self.g: Any = self._remember(("g", asked), self._cotangent)

    def _run(self) -> Any:
        # On copies: an op that writes into its inputs must be reported, not spoil the row.
        out = forward(self.op, [np.array(a) for a in self.inputs], self.params)
        if self.op.results is None:
            return np.asarray(out)
        return Several.of(map(np.asarray, results_of(self.op, out, dict(self.params))))

    def _cotangent(self) -> Any:
        if self.op.results is None:
            return nonuniform(self.out.shape, self.out.dtype, "g")
        asked = self.flowing if self._asked is None else self._asked
        drawn = [nonuniform(a.shape, a.dtype, f"g {k}") if k in asked else None for k, a in enumerate(self.out)]
        return Several.of(drawn, self.out.shape, self.out.dtype)

    @property
    def flowing(self) -> list[int]:
        """The results through which gradients flow."""
        return [k for k, a in enumerate(results_in(self.out)) if a.dtype.kind in "fc"]

    def by_results(self) -> list[Setting]:
        """Return the row with a cotangent for each result alone, for every pair of them, and for all."""
        flowing = self.flowing
        if len(flowing) < 2:
            return [self]
        some = {frozenset(chosen) for n in (1, 2) for chosen in itertools.combinations(flowing, n)}
        return [
            self,
            *(Setting(self.op, self.row, chosen) for chosen in sorted(some - {frozenset(flowing)}, key=sorted)),
        ]

    def _remember(self, name: Any, compute: Callable[[], Any]) -> Any:
        key = (name, self.op.forward)
        if key not in self.row.memo:
            self.row.memo[key] = compute()
        return self.row.memo[key]

    @property
    def argnums(self) -> list[int]:
        """The inputs that can be differentiated by: floating, with a rule, of a floating result."""
        if not self.op.differentiable or self.out.dtype.kind not in "fc":
            return []
        return [i for i, a in enumerate(self.inputs) if a.dtype.kind in "fc" and self.op.rule(i) is not None]

    def cast(self, dtype: Any) -> Setting | None:
        """Return the same row in another width of floats, or None where the op does not compute in it."""

        def compute() -> Any:
            row = self.row.cast(dtype)
            try:
                forward(self.op, row.inputs, row.params)
            except TypeError:
                return None
            return row

        row = self._remember(("cast", np.dtype(dtype)), compute)
        return None if row is None else Setting(self.op, row, self._asked)

    def numeric(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivative of <g, out> by input `i` by finite differences, and how far it can be trusted."""

        def compute() -> tuple[np.ndarray, np.ndarray]:
            def f(*xs: Any) -> Any:
                out = results_in(forward(self.op, self.row.project(xs), self.params))
                return tuple([a for a, g in zip(out, results_in(self.g), strict=True) if g is not None])

            # Users see the conjugate of what goes round inside.
            cotangent = tuple([np.conjugate(g) for g in results_in(self.g) if g is not None])
            (grad,), (error,) = numeric_grad(f, *self.inputs, wrt=i, cotangent=cotangent)
            return np.conjugate(grad), error

        result: tuple[np.ndarray, np.ndarray] = self._remember(("numeric", i, self._asked), compute)
        return result
