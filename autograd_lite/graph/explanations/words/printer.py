"""The printer of formulas: terms with as few parentheses as precedence allows, in whichever notation it is given.

`signs` has the two notations: plain text as Python reads it, and LaTeX.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .... import ops
from ....core.multi_result import get_tuple_element
from ....core.shape_arithmetic import Shape
from ....ir.node_labels import DIGEST, brief_values, clip, result_text, visible
from .terms import Term, by_name, can_narrow, expansion, is_elementwise, narrow, product_of

# Precedence, as in Python: what binds tighter has more.
LOOSE, COMPARED, OR, XOR, AND, SHIFT, SUM, PRODUCT, MINUS, POWER, CALL = range(11)
# Parameters that say nothing when they have these values.
_DEFAULTS: Mapping[str, str] = {"ddof": "0", "k": "0", "offset": "0", "norm": "'backward'"}
# No one reads more levels or terms than these.
_DEEPEST, _BUDGET = 24, 150


class Notation(NamedTuple):
    """How formulas are written: signs and templates by op, and a few functions on text.

    Attributes:
        elided: what stands for parts that are left out.
        parentheses, call, at, listed: templates of (x), f(x), x[index] and [x, y].
        binary: the sign between two arguments, and how tightly it binds.
        names: of functions that are not called by the name of their op.
        around: templates that take the place of a call's parentheses.
        shaped: templates of `x`, and of `values` (a tuple) or `bare` ones (without parentheses), that make it so.
        invert, transposed: a template; the suffixes for two axes and for the last two, and how tightly they bind.
        power: the template of x ** y, and what y must bind not to need parentheses.
        raised: the suffix of an integer power.
        truth: the template of a truth value among factors; empty for none.
        fraction: templates of a product over one factor, and over several.
        has_bar: a fraction stands upright: its bar holds its parts together, and the cotangent comes before it.
        dots: the signs between a number and anything else, and between two arrays.
        times: joins factors; their terms say which are arrays.
        sum_over: the sign of a sum over axes, which takes the place of the call; None if `sum` is called.
        text, number: set text, and the digits of a number.
        length: how many characters of a formula are seen.
        cut: shortens a formula that is too long at any depth.
    """

    elided: str
    parentheses: str
    call: str
    at: str
    listed: str
    binary: Mapping[str, tuple[str, int]]
    names: Mapping[str, str]
    around: Mapping[str, str]
    shaped: Mapping[str, str]
    invert: str
    transposed: tuple[str, str, int]
    power: tuple[str, int]
    raised: Callable[[int], str]
    truth: str
    fraction: tuple[str, str]
    has_bar: bool
    dots: tuple[str, str]
    times: Callable[[Sequence[tuple[Term, str]]], str]
    sum_over: Callable[[Sequence[int] | None], str] | None
    text: Callable[[str], str]
    number: Callable[[str], str]
    length: Callable[[str], int]
    cut: Callable[[str, int], str]


class TooLong(Exception):
    """Raised when a formula has more parts than anyone reads."""


class Printed(NamedTuple):
    """A formula as text, and how tightly it binds."""

    text: str
    binds: int


def fit(
    t: Term, names: Mapping[str, str], notation: Notation, *, limit: int, digits: int = 4, free: bool = False
) -> str:
    """Print a term within `limit` characters: its innermost parts give way to dots first.

    Args:
        t: the term.
        names: of its leaves by id.
        notation: how to write it.
        limit: the most characters that may be seen.
        digits: significant digits of numbers.
        free: the term may broadcast to less than its shape.
    """
    if not t.op:
        return Printer(names, notation, digits).term(t, 1, free).text
    text = notation.elided
    for depth in range(min(t.depth, _DEEPEST), 0, -1):
        try:
            text = Printer(names, notation, digits).term(t, depth, free).text
        except TooLong:
            continue
        if notation.length(text) <= limit:
            return text
    return notation.cut(text, limit)


class Printer:
    """Prints terms down to a depth.

    Args:
        names: of the leaves by id.
        notation: how to write them.
        digits: how many digits of a number are shown.
    """

    def __init__(self, names: Mapping[str, str], notation: Notation, digits: int) -> None:
        self._names, self._notation, self._digits = names, notation, digits
        self._budget = _BUDGET
        self._elided = Printed(notation.elided, CALL)

    def term(self, t: Term, depth: int, free: bool = False) -> Printed:
        """Print a term; `free` to broadcast to less than its shape."""
        self._budget -= 1
        if self._budget < 0:
            raise TooLong
        if not t.op:
            return self._leaf(t)
        if depth <= 0:
            return self._elided
        if free and narrow(t) is not t:
            return self.term(narrow(t), depth, free)
        shape = None if free else t.shape
        if t.op in ("multiply", "divide", "negative", "square") or t._carrier is not None:
            return self._product(t, depth - 1, shape)
        args = self._args(t, depth - 1, shape)
        if args and all(a.text == self._elided.text for a in args):
            return self._elided
        if t.op in self._notation.binary and len(args) == 2:  # in two graphs drawn as one, an op may read from both
            return self._binary(t, *args)
        return _SPECIAL.get(t.op, Printer._call)(self, t, args)

    def _args(self, t: Term, depth: int, shape: Shape | None) -> list[Printed]:
        free = can_narrow(t.args, shape) if is_elementwise(t.op) else [t.op == "broadcast_to"] * len(t.args)
        return [self.term(a, depth, f) for a, f in zip(t.args, free, strict=True)]

    def _leaf(self, t: Term) -> Printed:
        if t.leaf:
            return Printed(self._names[t.leaf], CALL)
        text = self._notation.number(number_text(t.value, self._digits))
        return Printed(text, MINUS if text.startswith("-") else SUM if isinstance(t.value, complex) else CALL)

    def _inside(self, printed: Printed, least: int) -> str:
        """Return a formula's text, in parentheses if it binds less than that."""
        return printed.text if printed.binds >= least else self._notation.parentheses.format(printed.text)

    # ---- operators --------------------------------------------------------------------------------------------------

    def _product(self, t: Term, depth: int, shape: Shape | None) -> Printed:
        notation, product = self._notation, product_of(t)
        factors = [*product.above, *product.below]
        free = can_narrow([f for f, _ in factors], shape)
        if len(factors) == 1 and factors[0][1] == 1 and product.above:
            only = self.term(factors[0][0], depth, free[0])
            return Printed(f"-{self._inside(only, PRODUCT + 1)}", MINUS) if product.negative else only
        split, bar = len(product.above), notation.has_bar and bool(product.below)
        # What carries the cotangent comes before the fraction: there the chain rule shows.
        ahead = int(bar and split > 0 and factors[0][0].has_g)
        alone = [False] * ahead + [split - ahead == 1] * (split - ahead) + [len(product.below) == 1] * len(factors)
        texts = []
        for (f, power), is_free, is_alone in zip(factors, free, alone, strict=False):
            texts.append((f, self._factor(f, power, self.term(f, depth, is_free), held=bar and is_alone)))
        if all(text == self._elided.text for _, text in texts):
            return self._elided
        text = notation.times(texts[ahead:split])
        if product.below:
            text = notation.fraction[len(product.below) > 1].format(text or "1", notation.times(texts[split:]))
        if ahead:
            arrays = texts[0][0].shape and any(f.shape for f, _ in texts[1:])
            text = f"{texts[0][1]} {notation.dots[bool(arrays)]} {text}"
        sign = "-" if product.negative else ""
        return Printed(sign + text, PRODUCT if len(factors) > 1 or product.below else POWER - bool(sign))

    def _factor(self, f: Term, power: int, printed: Printed, *, held: bool) -> str:
        """Write a factor with its power; `held` if the bar of a fraction keeps it together."""
        if self._notation.truth and f.kind == "b" and f.op:
            return self._notation.truth.format(printed.text)
        if power == 1:
            return printed.text if held else self._inside(printed, PRODUCT + 1)
        return self._inside(printed, CALL) + self._notation.raised(power)

    def _binary(self, t: Term, left: Printed, right: Printed) -> Printed:
        sign, binds = self._notation.binary[t.op]
        if sign in _OPPOSITE and right.binds >= PRODUCT and right.text.startswith("-"):
            sign, right = _OPPOSITE[sign], Printed(right.text[1:], PRODUCT)
        # Comparisons do not chain, and a difference or quotient of the right side needs its own parentheses.
        before = self._inside(left, binds + 1 if binds == COMPARED else binds)
        return Printed(" ".join(filter(None, (before, sign, self._inside(right, binds + 1)))), binds)

    def _power(self, t: Term, args: Sequence[Printed]) -> Printed:
        template, least = self._notation.power
        return Printed(template.format(self._inside(args[0], CALL), self._inside(args[1], least)), POWER)

    def _invert(self, t: Term, args: Sequence[Printed]) -> Printed:
        return Printed(self._notation.invert.format(self._inside(args[0], MINUS)), MINUS)

    # ---- shapes and parts -------------------------------------------------------------------------------------------

    def _transpose(self, t: Term, args: Sequence[Printed]) -> Printed:
        axes = tuple(param_value(t, "axes") or ())
        n = len(axes)
        if axes == tuple(range(n)):
            return args[0]
        if axes == (*range(n - 2), n - 1, n - 2):
            of_two, of_last_two, binds = self._notation.transposed
            return Printed(self._inside(args[0], CALL) + (of_two if n == 2 else of_last_two), binds)
        return self._method_call("transpose", args[0], axes)

    def _reshape(self, t: Term, args: Sequence[Printed]) -> Printed:
        new = expansion(t.args[0].shape, t.shape)
        if new is None:
            return self._method_call("reshape", args[0], t.shape)
        last = max((i for i, is_new in enumerate(new) if is_new), default=-1)
        return self._at(args[0], ", ".join("None" if is_new else ":" for is_new in new[: last + 1]))

    def _broadcast(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._method_call("broadcast_to", args[0], t.shape)

    def _astype(self, t: Term, args: Sequence[Printed]) -> Printed:
        dtype = t.param("dtype")
        return self._method_call("astype", args[0], dtype.text if dtype else "")

    def _method_call(self, op: str, x: Printed, values: Shape | str) -> Printed:
        template = self._notation.shaped[op]
        # A method needs its object in parentheses, a function does not.
        inner = self._inside(x, CALL if template.startswith("{x}.") else LOOSE)
        elements = str(values).strip("(,)") or "()"
        return Printed(template.format(x=inner, values=self._notation.text(str(values)), bare=elements), CALL)

    def _getitem(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._at(args[0], index_text(t))

    def _result(self, t: Term, args: Sequence[Printed]) -> Printed:
        index = t.param("index")
        which = result_text(t.args[0].op, index.value if index else 0)
        if which[0] == "[":
            return self._at(args[0], which[1:-1])
        return Printed(self._inside(args[0], CALL) + self._notation.text(f".{which}"), CALL)

    def _at(self, x: Printed, index: str) -> Printed:
        inner = self._inside(x, CALL)
        return Printed(self._notation.at.format(inner, self._notation.text(index)) if index else inner, CALL)

    # ---- calls ------------------------------------------------------------------------------------------------------

    def _call(self, t: Term, args: Sequence[Printed]) -> Printed:
        notation = self._notation
        if t.op in notation.around:
            return Printed(notation.around[t.op].format(args[0].text), CALL)
        if t.op == "sum" and notation.sum_over:
            return Printed(f"{notation.sum_over(param_value(t, 'axis'))} {self._inside(args[0], PRODUCT)}", SUM)
        return self._function_call(t.op, *args, *params_text(t))

    def _function_call(self, op: str, *args: Printed | str) -> Printed:
        """Write a call; the arguments are formulas, and text to be set."""
        notation = self._notation
        name = notation.names.get(op) or notation.text(op)
        inner = ", ".join(notation.text(a) if isinstance(a, str) else a.text for a in args)
        return Printed(notation.call.format(name, inner), CALL)

    def _join(self, t: Term, args: Sequence[Printed]) -> Printed:
        several = self._notation.listed.format(", ".join(a.text for a in args))
        return self._function_call(t.op, Printed(several, CALL), *params_text(t))

    def _index(self, t: Term, args: Sequence[Printed]) -> Printed:
        shape = [f"shape={t.shape}"] if t.op == "scatter_add" else []
        index = self._notation.at.format("", self._notation.text(index_text(t)))
        return self._function_call(t.op, *args, Printed(index, CALL), *shape)

    def _contract(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._function_call("einsum", repr(param_value(t, "subscripts")), *args)


_OPPOSITE: Mapping[str, str] = {"+": "-", "-": "+"}

_SPECIAL: Mapping[str, Callable[[Printer, Term, Sequence[Printed]], Printed]] = by_name(
    {
        ops.arith.power: Printer._power,
        ops.arith.float_power: Printer._power,
        ops.arith.invert: Printer._invert,
        ops.compare.logical_not: Printer._invert,
        ops.shape.transpose: Printer._transpose,
        ops.shape.reshape: Printer._reshape,
        ops.shape.broadcast_to: Printer._broadcast,
        ops.shape.astype: Printer._astype,
        ops.index.getitem: Printer._getitem,
        get_tuple_element: Printer._result,
        ops.index.scatter_add: Printer._index,
        ops.index.index_update: Printer._index,
        ops.nested_array.array: Printer._join,
        ops.shape.concatenate: Printer._join,
        ops.contract.contract: Printer._contract,
    }
)

# ---- small words ----------------------------------------------------------------------------------------------------


def number_text(value: Any, digits: int = 4) -> str:
    """Write a number: integers as they are, others with `digits` significant digits.

    Example:
        >>> number_text(2.0), number_text(0.7978845608028654), number_text(12345678.9)
        ('2', '0.7979', '1.235e+07')
    """
    if isinstance(value, complex):
        real, imag = number_text(value.real, digits), number_text(value.imag, digits)
        return f"{imag}j" if not value.real else f"{real} {'-' if imag[0] == '-' else '+'} {imag.lstrip('-')}j"
    if isinstance(value, float) and math.isfinite(value):
        text = f"{value:.{digits}g}"
        return text[:-2] if text.endswith(".0") else text
    return str(value)


def param_value(t: Term, name: str) -> Any:
    """Return the value of a parameter, or None."""
    param = t.param(name)
    return None if param is None else param.value


def index_text(t: Term) -> str:
    """Write an index as between brackets; an array in it by its dtype and shape."""
    param = t.param("index")
    text = re.sub(DIGEST, "", param.text) if param else ""
    return visible(text[1:-2] if text.endswith(",)") else text[1:-1] if text.startswith("(") else text)


def params_text(t: Term) -> list[str]:
    """Write the parameters that say more than the defaults and the shape."""
    texts = brief_values(t.params, {**_DEFAULTS, "shape": str(t.shape), **_of_windows(t)})
    return [f"{name}={clip(visible(text), 60)}" for name, text in texts.items()]


def _of_windows(t: Term) -> dict[str, str]:
    """Return what the shape of the result tells: the size of an array under windows, and that of a kernel."""
    if t.op == "convolution_kernel":
        return {"kernel": str(t.shape[:-2])}
    return {"size": str(t.shape[1:-1])} if t.op in ("convolution_input", "window_spread") else {}
