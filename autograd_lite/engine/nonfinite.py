"""Why an operation gave a value that is not finite, as text: `log(0)`, `0/0`, `overflow in exp`, `inf - inf`.

For an elementwise op, each element is considered with the elements it was computed from; for any other, all inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import to_numpy
from ..core.op import Kind, Op, read_rule


@dataclass(frozen=True, slots=True)
class Fault:
    """Where and why a result is not finite although its inputs are.

    Attributes:
        index: of the first such element of the result.
        count: the number of such elements.
        size: the number of all elements.
        value: the first such element.
        reason: a short text, such as "log(0)" or "overflow in exp".
        sentence: the same as a sentence.
        operands: for each input its element there, or the range of its elements.
        from_infinity: an input was already infinite, and the operation turned it into NaN.
    """

    index: tuple[int, ...]
    count: int
    size: int
    value: Any
    reason: str
    sentence: str
    operands: tuple[str, ...]
    from_infinity: bool = False

    @classmethod
    def at(
        cls, bad: Any, values: Any, reason: str, sentence: str, operands: tuple[str, ...] = (), infinite: bool = False
    ) -> Fault:
        """Return the fault of some elements, those where `bad` is true."""
        index = first_of(bad)
        return cls(index, int(bad.sum()), values.size, values[index], reason, sentence, operands, infinite)


def first_of(bad: Any) -> tuple[int, ...]:
    """Return the index of the first element that is true."""
    return tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))


def is_elementwise(op: Op) -> bool:
    """True if each element of the result is computed from one element of each input."""
    return op.batch is batching.elementwise


def is_finite(value: Any) -> bool:
    """True if every element is finite; integers, booleans and anything that is not a number count as finite."""
    if isinstance(value, tuple):  # the results of a call, or their cotangents
        return all(v is None or is_finite(v) for v in value)
    a = value if value.__class__ is np.ndarray else to_numpy(value)
    if a.dtype.kind not in "fc":
        return True
    flat = a if a.ndim == 1 else a.reshape(-1)
    with np.errstate(all="ignore"):
        total = flat.dot(flat)  # one pass without a temporary; it may overflow, so only a finite sum proves anything
    if math.isfinite(total) if a.dtype.kind == "f" else np.isfinite(total):
        return True
    return bool(np.isfinite(flat).all())


def number(value: Any) -> str:
    """Write a number as a person would: `0`, `-inf`, `1e+200`.

    Example:
        >>> number(np.float64(0.0)), number(np.float32(-np.inf)), number(-1.0), number(1 / 3)
        ('0', '-inf', '-1', '0.333333')
    """
    kind = to_numpy(value).dtype.kind
    return f"{value:.6g}" if kind in "fc" else str(value)


# ---- the forward pass -----------------------------------------------------------------------------------------------


def fault_in(op: Op, inputs: Sequence[Any], out: Any, params: dict[str, Any]) -> Fault | None:
    """Return why an op's result is not finite; None if it is finite, or if its inputs were not.

    Args:
        op: the op.
        inputs: its array arguments: arrays and numbers.
        out: its result; of a call with several a tuple, of which the first that is not finite is looked at.
        params: its keyword arguments.

    Example:
        >>> from autograd_lite.core.op import OPS
        >>> fault_in(OPS["divide"], (np.array([1.0, 0.0]), 0.0), np.array([np.inf, np.nan]), {}).sentence
        '1/0 is inf'
    """
    if isinstance(out, tuple):
        for k, part in enumerate(out):
            found = None if part is None else fault_in(op, inputs, part, params)
            if found is not None:
                return replace(found, sentence=f"{found.sentence}, in its result {op.result_text(k)}")
        return None
    arrays = [to_numpy(x) for x in inputs]
    result = to_numpy(out)
    if result.dtype.kind not in "fc" or is_finite(result):
        return None
    begun = _born(op, arrays, result)
    if begun is None:
        return None
    born, from_infinity = begun
    index = first_of(born)
    value = result[index]
    with np.errstate(all="ignore"):
        if is_elementwise(op):
            there = [np.broadcast_to(a, result.shape)[index] for a in arrays]
            reason, sentence = _elementwise_words(op.name, there, value, result.dtype)
            operands = tuple(number(x) for x in there)
        else:
            reason, sentence = _words(op.name, arrays, value, result.dtype, params, from_infinity)
            operands = tuple(_range(a) for a in arrays)
    return Fault.at(born, result, reason, sentence, operands, from_infinity)


def _born(op: Op, arrays: list[Any], out: Any) -> tuple[Any, bool] | None:
    """Return which elements became non-finite here, and whether an infinity among the inputs caused it."""
    bad = ~np.isfinite(out)
    numbers = [a for a in arrays if a.dtype.kind in "fc"]
    if is_elementwise(op):
        clean, no_nan = np.True_, np.True_
        for a in numbers:
            clean, no_nan = clean & np.isfinite(a), no_nan & ~np.isnan(a)
        born = bad & clean
        return (born, False) if born.any() else _some(np.isnan(out) & no_nan)
    if all(map(is_finite, numbers)):
        return bad, False
    return None if any(np.isnan(a).any() for a in numbers) else _some(np.isnan(out))


def _some(born: Any) -> tuple[Any, bool] | None:
    return (born, True) if born.any() else None


def _range(a: Any) -> str:
    if not a.ndim:
        return number(a[()])
    if not a.size:
        return f"no elements, shape {a.shape}"
    if a.dtype.kind not in "fiub":
        return f"shape {a.shape} {a.dtype}"
    return f"from {number(a.min())} to {number(a.max())}, shape {a.shape}"


# Ops without a pole: an infinity made of finite numbers is an overflow.
_GROWS = frozenset(
    """
    exp exp2 expm1 sinh cosh square power float_power multiply add subtract divide reciprocal absolute fabs
    negative ldexp hypot degrees rad2deg radians deg2rad logaddexp logaddexp2 tan softplus elu silu gelu nextafter
    sum mean cumsum prod cumprod var std vector_norm matmul contract full_convolution valid_convolution det cross
    scatter_add
    add_along_axis recurrence fft ifft rfft irfft hfft ihfft bessel_i cofactor second_cofactor logsumexp lstsq
    solve inv pinv triangle_inverse divide_by_gaps cholesky_pullback
    """.split()  # noqa: SIM905
)
_LETTER = "xyz"


def _elementwise_words(name: str, there: list[Any], value: Any, dtype: Any) -> tuple[str, str]:
    args = [number(x) for x in there]
    infix = {"divide": "/", "add": "+", "subtract": "-", "multiply": "*", "power": "**", "remainder": "%"}
    sign = infix.get(name)
    if sign and len(args) == 2:
        right = f"({args[1]})" if args[1].startswith("-") else args[1]
        left = f"({args[0]})" if sign == "**" and args[0].startswith("-") else args[0]
        call = f"{left}{sign}{right}" if sign == "/" else f"{left} {sign} {right}"
    else:
        call = f"{name}({', '.join(args)})"
    found = _SINGULAR.get(name) if all(map(np.isrealobj, there)) else None
    reason = None if found is None else found(*there)
    if name == "astype":
        return f"overflow of {dtype}", f"{args[0]} as {dtype} is {number(value)}: larger than {_largest(dtype)}"
    if reason is None and all(map(is_finite, there)) and name in _GROWS and np.isinf(value):
        reason = f"overflow in {name}"
        return reason, f"{call} is {number(value)}: larger than {_largest(dtype)}"
    if reason is None:
        return f"{call} = {number(value)}", f"{name} returned {number(value)} for {_and(args)}"
    return (
        (reason, f"{call} is {number(value)}") if reason == call else (reason, f"{call} is {number(value)}: {reason}")
    )


def _and(args: list[str]) -> str:
    return " and ".join(args) if len(args) < 3 else f"{', '.join(args[:-1])} and {args[-1]}"


def _largest(dtype: Any) -> str:
    real = np.finfo(dtype)
    return f"{float(real.max):.4g}, the largest {real.dtype}"


def _log(name: str, pole: float = 0.0) -> Callable[..., str | None]:
    def words(x: Any) -> str | None:
        if x == pole:
            return f"{name}({number(x)})"
        below = "a negative number" if pole == 0 else f"a number below {number(pole)}"
        return f"{name} of {below}" if x < pole else None

    return words


def _divide(x: Any, y: Any) -> str | None:
    if y == 0 or (np.isinf(x) and np.isinf(y)):
        return f"{number(x)}/{number(y)}"
    return None


def _reciprocal(x: Any) -> str | None:
    return "1/0" if x == 0 else None


def _power(x: Any, y: Any) -> str | None:
    if x == 0 and y < 0:
        return "0 to a negative power, which is 1/0"
    if x < 0 and np.isfinite(y) and y != np.floor(y):
        return "a negative number to a fractional power"
    return None


def _modulo(x: Any, y: Any) -> str | None:
    if y == 0:
        return "division by zero"
    return "the remainder of infinity" if np.isinf(x) else None


def _multiply(x: Any, y: Any) -> str | None:
    return f"{number(x)} * {number(y)}" if (x == 0 and np.isinf(y)) or (y == 0 and np.isinf(x)) else None


def _opposite(sign: str) -> Callable[..., str | None]:
    def words(x: Any, y: Any) -> str | None:
        return "inf - inf" if np.isinf(x) and np.isinf(y) and (x == y) == (sign == "-") else None

    return words


def _sqrt(x: Any) -> str | None:
    return "the square root of a negative number" if x < 0 else None


def _outside(name: str, low: float, high: float, *, poles: bool = False) -> Callable[..., str | None]:
    def words(x: Any) -> str | None:
        if poles and x in (low, high):
            return f"{name}({number(x)})"
        if low <= x <= high:
            return None
        bounds = f"outside [{number(low)}, {number(high)}]" if math.isfinite(high) else f"below {number(low)}"
        return f"{name} of a number {bounds}"

    return words


def _of_infinity(name: str) -> Callable[..., str | None]:
    return lambda x: f"{name} of infinity" if np.isinf(x) else None


_SINGULAR: dict[str, Callable[..., str | None]] = {
    "log": _log("log"),
    "log2": _log("log2"),
    "log10": _log("log10"),
    "log1p": _log("log1p", -1.0),
    "divide": _divide,
    "reciprocal": _reciprocal,
    "power": _power,
    "float_power": _power,
    "remainder": _modulo,
    "fmod": _modulo,
    "floor_divide": _modulo,
    "multiply": _multiply,
    "add": _opposite("+"),
    "subtract": _opposite("-"),
    "sqrt": _sqrt,
    "arcsin": _outside("arcsin", -1.0, 1.0),
    "arccos": _outside("arccos", -1.0, 1.0),
    "arctanh": _outside("arctanh", -1.0, 1.0, poles=True),
    "arccosh": _outside("arccosh", 1.0, math.inf),
    "sin": _of_infinity("sin"),
    "cos": _of_infinity("cos"),
    "tan": _of_infinity("tan"),
}


def _words(
    name: str, arrays: list[Any], value: Any, dtype: Any, params: dict[str, Any], from_infinity: bool
) -> tuple[str, str]:
    """Return the reason and the sentence for an op that is not elementwise."""
    ranges = _and([_range(a) for a in arrays])
    if from_infinity:
        reason = _from_infinity(name, arrays)
        return reason, f"{name} returned {number(value)}: {reason}"
    if name in ("mean", "var", "std") and (np.isnan(value) or not arrays[0].size):
        what = (
            "no elements" if not arrays[0].size or not params.get("ddof") else f"ddof={params['ddof']} or fewer values"
        )
        return "0/0", f"the {name} of {what} is 0/0"
    if name == "inverse_or_limit":
        return "a singular matrix", "the matrix is singular, so it has no inverse"
    if name in _GROWS:
        then = ", then inf - inf" if np.isnan(value) else ""
        return f"overflow in {name}{then}", f"{name} became larger than {_largest(dtype)}{then}"
    return f"{name} = {number(value)}", f"{name} returned {number(value)} for {ranges}"


def _from_infinity(name: str, arrays: list[Any]) -> str:
    has_zero = any((a == 0).any() for a in arrays if a.dtype.kind in "fiub")
    signs = {float(np.sign(v)) for a in arrays if a.dtype.kind == "f" for v in np.unique(a[np.isinf(a)])}
    if name in ("matmul", "contract", "prod", "cumprod", "full_convolution", "valid_convolution", "cross") and has_zero:
        return "0 * inf"
    if name in ("softmax", "log_softmax", "logsumexp"):
        return "inf - inf, since a whole row is infinite" if 1.0 not in signs else "inf - inf"
    if name in ("sum", "mean", "cumsum", "matmul", "contract", "var", "std", "full_convolution", "valid_convolution"):
        return "inf - inf"
    return "an infinity among its inputs"


# ---- the derivative rules -------------------------------------------------------------------------------------------


def fault_in_rule(
    op: Op, argument: int, g: Any, out: Any, inputs: Sequence[Any], params: dict[str, Any]
) -> Fault | None:
    """Return why an op's derivative rule gave a value that is not finite for a finite cotangent.

    Args:
        op: the forward op.
        argument: the index of the input that it was differentiated by.
        g: the cotangent of its result; of a call with several a tuple, with None where there is none.
        out: its result, or results, as the rule reads it.
        inputs: its inputs, as the rule reads them; None for those whose values are not known.
        params: its keyword arguments.

    Example:
        >>> from autograd_lite.core.op import OPS
        >>> zero = np.zeros(2)
        >>> fault_in_rule(OPS["sqrt"], 0, np.ones(2), zero, (zero,), {}).sentence
        'the derivative of sqrt at 0 is inf'
    """
    rule = op.rule(argument)
    if rule is None or rule.kind in (Kind.UNIT, Kind.CONSTANT):
        return None
    saved = (out, *inputs)
    with np.errstate(all="ignore"):
        made = read_rule(rule, g, saved, params)
        if made is None:
            return None
        r, by_element = to_numpy(made), is_elementwise(op) and op.results is None
        if rule.kind is not Kind.VJP and np.shape(g) == r.shape:
            r = np.where(np.isnan(r) & (to_numpy(g) == 0), 0, r)
        bad = ~np.isfinite(r)
        if by_element:
            bad &= np.isfinite(np.broadcast_to(to_numpy(g), r.shape))
        elif not is_finite(g):
            return None
        if not bad.any():
            return None
        index = first_of(bad)
        if by_element:
            reason, sentence, operands = _partial_words(op, argument, rule, g, saved, params, index, r)
        else:
            operands = tuple(_range(to_numpy(x)) if _is_array(x) else "" for x in inputs)
            reason, sentence = _vjp_words(op, argument, rule, g, saved, params, r[index])
    return Fault.at(bad, r, reason, sentence, operands)


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic, bool, int, float, complex))


def _at(x: Any, shape: tuple[int, ...], index: tuple[int, ...]) -> Any:
    return np.broadcast_to(to_numpy(x), shape)[index] if _is_array(x) else None


def _partial_words(
    op: Op, argument: int, rule: Any, g: Any, saved: Any, params: dict[str, Any], index: tuple[int, ...], r: Any
) -> tuple[str, str, tuple[str, ...]]:
    here = [_at(x, r.shape, index) for x in saved]
    cotangent = _at(g, r.shape, index)
    operands = tuple("" if x is None else number(x) for x in here[1:])
    if op.name == "astype":
        sentence = f"the gradient {number(cotangent)} is too large for {r.dtype}"
        return f"overflow of {r.dtype}", sentence, operands
    one = np.ones((), r.dtype)
    partial = to_numpy(read_rule(rule, one, tuple(x if x is None else to_numpy(x) for x in here), params))[()]
    known = all(x is not None for x in here[1:])
    point = (
        f"at {_point(operands)}" if known else f"where its result is {number(here[0])}" if here[0] is not None else ""
    )
    by = f" by {_LETTER[argument]}" if len(here) > 2 else ""
    if not np.isfinite(partial):
        call = f"{op.name}'({operands[0]})" if known and not by else f"d{op.name}/d{_LETTER[argument]}"
        where = "" if known and not by else f" {point}"
        return (
            f"{call}{where} = {number(partial)}",
            f"the derivative of {op.name}{by} {point} is {number(partial)}",
            operands,
        )
    if np.isinf(r[index]) and np.isfinite(cotangent):
        sentence = (
            f"the derivative of {op.name}{by} {point}, {number(partial)}, times the cotangent {number(cotangent)} is "
            f"larger than {_largest(r.dtype)}"
        )
        return f"overflow in the derivative of {op.name}", sentence, operands
    sentence = f"the derivative of {op.name}{by} {point} gave {number(r[index])} for the cotangent {number(cotangent)}"
    return f"the derivative of {op.name}", sentence, operands


def _point(operands: Sequence[str]) -> str:
    return (
        operands[0] if len(operands) == 1 else ", ".join(f"{c} = {v}" for c, v in zip(_LETTER, operands, strict=False))
    )


def _vjp_words(
    op: Op, argument: int, rule: Any, g: Any, saved: Any, params: dict[str, Any], value: Any
) -> tuple[str, str]:
    out, *inputs = saved
    arrays = [to_numpy(x) for x in (*(out if isinstance(out, tuple) else (out,)), *inputs) if _is_array(x)]
    what = f"the derivative of {op.name}" + (f" by {_LETTER[argument]}" if len(saved) > 2 and argument < 3 else "")
    if not all(map(is_finite, arrays)):
        return "0 * inf" if np.isnan(value) else f"inf in {what}", f"{what} reads values that are not finite"
    if rule.kind is Kind.REDUCED:
        flat = to_numpy(read_rule(rule, np.ones_like(g), saved, params))
        if not is_finite(flat):
            return f"{what} = {number(value)}", f"{what} is {number(value)} there, for {_range(arrays[-1])}"
    return f"overflow in {what}", f"{what} became larger than {_largest(to_numpy(value).dtype)}"


# ---- what to do -----------------------------------------------------------------------------------------------------

_STABLE = "Subtract the largest value first, or use ag.logsumexp, ag.softmax or ag.log_softmax, which do"
_LOGS = ("log", "log2", "log10")
_GROWN = 1e6  # weights of a network that learns stay below this


def advice(name: str, fault: Fault, *, backward: bool = False, parameters: Iterable[tuple[str, Any]] = ()) -> str:
    """Return what the user could do about it, or "" if there is no common cure.

    The recommended code makes neither a result nor a derivative non-finite on the way, so no check objects to it.

    Args:
        name: of the op.
        fault: what went wrong.
        backward: it went wrong in the derivative.
        parameters: names and values of the parameters that the op depends on.
    """
    if fault.from_infinity:
        return "It reads an infinity: find where that came from, such as (~np.isfinite(x)).any() of the data"
    if fault.reason.startswith("overflow"):
        grown = _grown(parameters)
        return grown or (_STABLE if name in ("exp", "exp2") else "Use smaller values or a wider dtype, such as float64")
    if name in (*_LOGS, "sqrt"):
        return _advice_on_domain(name, fault)
    if name == "divide":
        return "Keep the divisor away from 0: x / (y + 1e-12), or x / np.where(y != 0, y, 1)"
    if name == "reciprocal":
        return "Keep the argument away from 0: 1 / (x + 1e-12), or 1 / np.where(x != 0, x, 1)"
    if name == "power":
        if "fractional" in fault.reason:
            return "Keep the base above 0, or use an integer exponent"
        return "Keep the base away from 0: (x + 1e-12) ** y, or np.where(x > 0, x, 1) ** y"
    return _STABLE if name in ("exp", "exp2") and not backward else ""


def _advice_on_domain(name: str, fault: Fault) -> str:
    f = f"np.{name}"
    if np.iscomplexobj(fault.value):
        return f"Keep the argument away from 0: {f}(np.where(x != 0, x, 1))"
    if "negative" in fault.reason:
        return (
            f"Find what made the argument negative, or leave such elements out: {f}(np.where(x > 0, x, 1)). "
            "If that is meant, make x complex"
        )
    where = "away from" if name == "sqrt" else "above"
    return f"Keep the argument {where} 0: {f}(x + 1e-12), or {f}(np.where(x > 0, x, 1))"


def _grown(parameters: Iterable[tuple[str, Any]]) -> str:
    """Report divergence if the largest parameters exceed anything seen in healthy training."""
    largest, grown = 0.0, ""
    for name, value in parameters:
        a = to_numpy(value)
        if a.dtype.kind not in "fc" or not a.size:
            continue
        size = float(np.abs(a).max())
        if size > max(largest, min(_GROWN, math.sqrt(float(np.finfo(a.dtype).max)))):
            largest, grown = size, name
    return (
        f"The weights have grown, {grown} to {number(largest)}: train with a smaller learning rate, or clip gradients"
        if grown
        else ""
    )
