"""Why an operation gave a value that is not finite, as text: `log(0)`, `0/0`, `overflow in exp`, `inf - inf`.

For an elementwise op, each element is considered with the elements it was computed from; for any other, all inputs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import ops
from ..core.duck_arrays import to_numpy
from ..core.op import OPS, Kind, Op, read_rule
from .inner_calls import inner_calls


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
            fault = None if part is None else fault_in(op, inputs, part, params)
            if fault is not None:
                return replace(fault, sentence=f"{fault.sentence}, in its result {op.result_text(k)}")
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
        if op.is_elementwise:
            there = [np.broadcast_to(a, result.shape)[index] for a in arrays]
            reason, sentence = _elementwise_words(op, there, params, value, result.dtype)
            operands = tuple(number(x) for x in there)
        else:
            reason, sentence = _words(op, arrays, value, result.dtype, params, from_infinity)
            operands = tuple(_range(a) for a in arrays)
    return Fault.at(born, result, reason, sentence, operands, from_infinity)


def _born(op: Op, arrays: list[Any], out: Any) -> tuple[Any, bool] | None:
    """Return which elements became non-finite here, and whether an infinity among the inputs caused it."""
    bad = ~np.isfinite(out)
    numbers = [a for a in arrays if a.dtype.kind in "fc"]
    if op.is_elementwise:
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


# Signs of the ops that a sentence writes as an expression.
_SIGNS: Mapping[Op, str] = {
    ops.arith.divide: "/",
    ops.arith.add: "+",
    ops.arith.subtract: "-",
    ops.arith.multiply: "*",
    ops.arith.power: "**",
    ops.arith.remainder: "%",
}
_LETTER = "xyz"


def _call_text(op: Op, operands: Sequence[str]) -> str:
    """Return "1/0", "2 * (-1)" or "log(0)"."""
    sign = _SIGNS.get(op)
    if sign is None or len(operands) != 2:
        return f"{op.name}({', '.join(operands)})"
    left, right = operands
    left = f"({left})" if sign == "**" and left.startswith("-") else left
    right = f"({right})" if right.startswith("-") else right
    return f"{left}{sign}{right}" if sign == "/" else f"{left} {sign} {right}"


def _elementwise_words(
    op: Op, operands: Sequence[Any], params: dict[str, Any], value: Any, dtype: Any
) -> tuple[str, str]:
    """Return the reason and the sentence for one element of an elementwise op."""
    texts = [number(x) for x in operands]
    call, result = _call_text(op, texts), number(value)
    if op is ops.shape.astype:
        return f"overflow of {dtype}", f"{texts[0]} as {dtype} is {result}: larger than {_largest(dtype)}"
    is_custom = OPS.defined.get(op.name) is not op
    reason = singularity(op, operands) or (_reason_inside(op, operands, params) if is_custom else None)
    if reason is not None:
        return reason, f"{call} is {result}" if reason == call else f"{call} is {result}: {reason}"
    # Domains are those of real numbers: complex ones may be at a pole, where a domain tells of one.
    has_pole = is_custom or not (set(op.domain) <= {"any"} or all(map(np.isrealobj, operands)))
    if np.isinf(value) and all(map(is_finite, operands)) and not has_pole:
        return f"overflow in {op.name}", f"{call} is {result}: larger than {_largest(dtype)}"
    return f"{call} = {result}", f"{op.name} returned {result} for {_and(texts)}"


def _reason_inside(op: Op, operands: Sequence[Any], params: dict[str, Any]) -> str | None:
    """Return the reason of the first fault in an op's forward function, if the NumPy calls in it have one."""
    faults = (fault_in(*call) for call in inner_calls(op, operands, params))
    return next((fault.reason for fault in faults if fault is not None), None)


def _and(parts: list[str]) -> str:
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _largest(dtype: Any) -> str:
    real = np.finfo(dtype)
    return f"{float(real.max):.4g}, the largest {real.dtype}"


# ---- singularities: stated, or where the domain of the op's record ends ---------------------------------------------


def singularity(op: Op, operands: Sequence[Any]) -> str | None:
    """Return why an elementwise op has no finite value at some numbers, or None if it is not singular there.

    Ops without a row in `_singularities` inherit the answer from the `domain` of their records.

    Example:
        >>> singularity(ops.arith.divide, [1.0, 0.0]), singularity(ops.trig.arcsin, [2.0])
        ('1/0', 'arcsin of a number outside [-1, 1]')
    """
    if not all(map(np.isrealobj, operands)):
        return None
    row = _singularities().get(op)
    if row is not None:
        return row(*operands)
    for x, word in zip(operands, op.domain, strict=False):
        if x in _ENDS.get(word, ()):
            return _call_text(op, [number(x) for x in operands])
        low, high = _BOUNDS.get(word, (-math.inf, math.inf))
        if not low <= x <= high:
            return f"{op.name} of {_outside(low, high)}"
    return None


# The numbers between which an op is defined, by the word in its `domain`; and those at which it may have a pole.
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "positive": (0, math.inf),
    "negative": (-math.inf, 0),
    "unit": (-1, 1),
    "share": (0, 1),
    "above one": (1, math.inf),
}
_ENDS: Mapping[str, tuple[float, ...]] = {"nonzero": (0,)} | {
    word: tuple(filter(math.isfinite, ends)) for word, ends in _BOUNDS.items()
}


def _outside(low: float, high: float) -> str:
    if math.isinf(high):
        return "a negative number" if low == 0 else f"a number below {number(low)}"
    return "a positive number" if math.isinf(low) else f"a number outside [{number(low)}, {number(high)}]"


def _power(x: Any, y: Any) -> str | None:
    if x == 0 and y < 0:
        return "0 to a negative power, which is 1/0"
    is_fractional = np.isfinite(y) and y != np.floor(y)
    return "a negative number to a fractional power" if x < 0 and is_fractional else None


def _modulo(x: Any, y: Any) -> str | None:
    return "division by zero" if y == 0 else "the remainder of infinity" if np.isinf(x) else None


def _of_infinity(op: Op) -> Callable[..., str | None]:
    return lambda x: f"{op.name} of infinity" if np.isinf(x) else None


def _difference_of_infinities(sign: int) -> Callable[..., str | None]:
    return lambda x, y: "inf - inf" if np.isinf(x) and np.isinf(y) and x == sign * y else None


@functools.cache
def _singularities() -> Mapping[Op, Callable[..., str | None]]:
    """Return functions of the operands, of which none is NaN; their ops load with the first fault."""
    return {
        ops.explog.log1p: lambda x: "log1p(-1)" if x == -1 else "log1p of a number below -1" if x < -1 else None,
        ops.arith.divide: lambda x, y: f"{number(x)}/{number(y)}" if y == 0 or (np.isinf(x) and np.isinf(y)) else None,
        ops.arith.reciprocal: lambda x: "1/0" if x == 0 else None,
        **dict.fromkeys((ops.arith.power, ops.arith.float_power), _power),
        **dict.fromkeys(
            (ops.arith.remainder, ops.arith.fmod, ops.arith.floor_divide, ops.multi_result_ops.divmod_), _modulo
        ),
        ops.arith.multiply: lambda x, y: f"{number(x)} * {number(y)}" if {0, math.inf} == {abs(x), abs(y)} else None,
        ops.arith.add: _difference_of_infinities(-1),
        ops.arith.subtract: _difference_of_infinities(1),
        ops.arith.sqrt: lambda x: "the square root of a negative number" if x < 0 else None,
        **{op: _of_infinity(op) for op in (ops.trig.sin, ops.trig.cos, ops.trig.tan)},
    }


def _words(
    op: Op, arrays: list[Any], value: Any, dtype: Any, params: dict[str, Any], from_infinity: bool
) -> tuple[str, str]:
    """Return the reason and the sentence for an op that is not elementwise."""
    name, result = op.name, number(value)
    if from_infinity:
        reason = _from_infinity(op, arrays)
        return reason, f"{name} returned {result}: {reason}"
    if op in (ops.reduce.mean, ops.reduce.var, ops.reduce.std) and (np.isnan(value) or not arrays[0].size):
        is_empty = not arrays[0].size or not params.get("ddof")
        elements = "no elements" if is_empty else f"ddof={params['ddof']} or fewer values"
        return "0/0", f"the {name} of {elements} is 0/0"
    if op is ops.solve.inverse_or_limit:
        return "a singular matrix", "the matrix is singular, so it has no inverse"
    # An op of the tables that is defined everywhere is made of sums and products: these have become too large.
    if not op.domain and OPS.defined.get(op.name) is op:
        then = ", then inf - inf" if np.isnan(value) else ""
        return f"overflow in {name}{then}", f"{name} became larger than {_largest(dtype)}{then}"
    return f"{name} = {result}", f"{name} returned {result} for {_and([_range(a) for a in arrays])}"


def _from_infinity(op: Op, arrays: list[Any]) -> str:
    has_zero = any((a == 0).any() for a in arrays if a.dtype.kind in "fiub")
    if has_zero and (op.multilinear or op in (ops.reduce.prod, ops.cumulative.cumprod)):
        return "0 * inf"
    if op in (ops.softmax.softmax, ops.softmax.log_softmax, ops.softmax.logsumexp):
        has_plus = any((a == np.inf).any() for a in arrays if a.dtype.kind == "f")
        return "inf - inf" if has_plus else "inf - inf, since a whole row is infinite"
    return (
        "inf - inf"
        if op.linear or op.multilinear or op in (ops.reduce.mean, ops.reduce.var, ops.reduce.std)
        else "an infinity among its inputs"
    )


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
        result = read_rule(rule, g, saved, params)
        if result is None:
            return None
        r, by_element = to_numpy(result), op.is_elementwise and op.results is None
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
    has_point = all(x is not None for x in here[1:])
    at_result = "" if here[0] is None else f"where its result is {number(here[0])}"
    point = f"at {_point(operands)}" if has_point else at_result
    by = f" by {_LETTER[argument]}" if len(here) > 2 else ""
    if not np.isfinite(partial):
        call = f"{op.name}'({operands[0]})" if has_point and not by else f"d{op.name}/d{_LETTER[argument]}"
        where = "" if has_point and not by else f" {point}"
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
    by = f" by {_LETTER[argument]}" if len(saved) > 2 and argument < 3 else ""
    derivative = f"the derivative of {op.name}{by}"
    if not all(map(is_finite, arrays)):
        reason = "0 * inf" if np.isnan(value) else f"inf in {derivative}"
        return reason, f"{derivative} reads values that are not finite"
    if rule.kind is Kind.REDUCED:
        flat = to_numpy(read_rule(rule, np.ones_like(g), saved, params))
        if not is_finite(flat):
            return f"{derivative} = {number(value)}", f"{derivative} is {number(value)} there, for {_range(arrays[-1])}"
    return f"overflow in {derivative}", f"{derivative} became larger than {_largest(to_numpy(value).dtype)}"


# ---- what to do -----------------------------------------------------------------------------------------------------

_STABLE = "Subtract the largest value first, or use ag.logsumexp, ag.softmax or ag.log_softmax, which do"
_LARGEST_WEIGHT = 1e6  # weights of a network that learns stay below this
_CURES: Mapping[Op, str] = {
    ops.arith.divide: "Keep the divisor away from 0: x / (y + 1e-12), or x / np.where(y != 0, y, 1)",
    ops.arith.reciprocal: "Keep the argument away from 0: 1 / (x + 1e-12), or 1 / np.where(x != 0, x, 1)",
    ops.arith.power: "Keep the base away from 0: (x + 1e-12) ** y, or np.where(x > 0, x, 1) ** y",
}


def advice(op: Op | None, fault: Fault, *, backward: bool = False, parameters: Iterable[tuple[str, Any]] = ()) -> str:
    """Return what the user could do about it, or "" if there is no common cure.

    The recommended code makes neither a result nor a derivative non-finite on the way, so no check objects to it.

    Args:
        op: the op, if its record is known.
        fault: its fault.
        backward: it went wrong in the derivative.
        parameters: names and values of the parameters that the op depends on.
    """
    if fault.from_infinity:
        return "It reads an infinity: find where that came from, such as (~np.isfinite(x)).any() of the data"
    is_exponential = op in (ops.explog.exp, ops.explog.exp2)
    if fault.reason.startswith("overflow"):
        otherwise = _STABLE if is_exponential else "Use smaller values or a wider dtype, such as float64"
        return _advice_on_weights(parameters) or otherwise
    if op in (ops.explog.log, ops.explog.log2, ops.explog.log10, ops.arith.sqrt):
        return _advice_on_domain(op, fault)
    if op is ops.arith.power and "fractional" in fault.reason:
        return "Keep the base above 0, or use an integer exponent"
    return _STABLE if is_exponential and not backward else _CURES.get(op, "") if op else ""


def _advice_on_domain(op: Op, fault: Fault) -> str:
    f = f"np.{op.name}"
    if np.iscomplexobj(fault.value):
        return f"Keep the argument away from 0: {f}(np.where(x != 0, x, 1))"
    if "negative" in fault.reason:
        return (
            f"Find what made the argument negative, or leave such elements out: {f}(np.where(x > 0, x, 1)). "
            "If that is meant, make x complex"
        )
    where = "away from" if op is ops.arith.sqrt else "above"
    return f"Keep the argument {where} 0: {f}(x + 1e-12), or {f}(np.where(x > 0, x, 1))"


def _advice_on_weights(parameters: Iterable[tuple[str, Any]]) -> str:
    """Report divergence if the largest parameters exceed anything seen in healthy training."""
    largest, name_of_largest = 0.0, ""
    for name, value in parameters:
        a = to_numpy(value)
        if a.dtype.kind not in "fc" or not a.size:
            continue
        size = float(np.abs(a).max())
        if size > max(largest, min(_LARGEST_WEIGHT, math.sqrt(float(np.finfo(a.dtype).max)))):
            largest, name_of_largest = size, name
    return (
        f"The weights have grown, {name_of_largest} to {number(largest)}: train with a smaller learning rate, or clip "
        "gradients"
        if name_of_largest
        else ""
    )
