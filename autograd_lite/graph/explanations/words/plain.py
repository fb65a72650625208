"""Terms as text: NumPy's infix operators with Python's precedence, and calls for all other ops."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ....core.shapes import Shape
from ....ir.labels import DIGEST, brief_values, clip, visible
from .terms import Term, expansion, is_elementwise, narrow, narrowed, product_of

# Precedence, as in Python: what binds tighter has more.
LOOSE, COMPARED, OR, XOR, AND, SUM, PRODUCT, MINUS, POWER, CALL = range(10)
_BINARY: Mapping[str, tuple[str, int]] = {
    "greater": (">", COMPARED),
    "greater_equal": (">=", COMPARED),
    "less": ("<", COMPARED),
    "less_equal": ("<=", COMPARED),
    "equal": ("==", COMPARED),
    "not_equal": ("!=", COMPARED),
    "bitwise_or": ("|", OR),
    "bitwise_xor": ("^", XOR),
    "bitwise_and": ("&", AND),
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "matmul": ("@", PRODUCT),
    "floor_divide": ("//", PRODUCT),
    "remainder": ("%", PRODUCT),
}
_CALLED: Mapping[str, str] = {"absolute": "abs", "fabs": "abs", "conjugate": "conj"}
_OPPOSITE: Mapping[str, str] = {"add": "-", "subtract": "+"}
# Parameters that say nothing when they have these values.
_DEFAULTS: Mapping[str, str] = {"ddof": "0", "k": "0", "offset": "0", "norm": "'backward'"}


class TooLong(Exception):
    """Raised when a formula has more parts than anybody reads."""


class Printed(NamedTuple):
    """A formula as text, and how tightly it binds."""

    text: str
    binds: int

    def inside(self, least: int) -> str:
        """Return the text, in parentheses if it binds less than that."""
        return self.text if self.binds >= least else f"({self.text})"


class Printer:
    """Prints terms down to a depth.

    Args:
        names: of the leaves by id.
        digits: how many digits of a number are shown.
        budget: how many terms may be printed.
    """

    elided = Printed("…", CALL)

    def __init__(self, names: Mapping[str, str], digits: int, budget: int = 150) -> None:
        self.names = names
        self.digits = digits
        self.budget = budget

    def term(self, t: Term, depth: int, free: bool = False) -> Printed:
        """Print a term; `free` to broadcast to less than its shape."""
        self.budget -= 1
        if self.budget < 0:
            raise TooLong
        if not t.op:
            return self._leaf(t)
        if depth <= 0:
            return self.elided
        if free and narrow(t) is not t:
            return self.term(narrow(t), depth, free)
        shape = None if free else t.shape
        if t.op in ("multiply", "divide", "negative", "square") or t._carrier is not None:
            return self._product(t, depth - 1, shape)
        args = self._args(t, depth - 1, shape)
        if args and all(a.text == self.elided.text for a in args):
            return self.elided
        special: Callable[..., Printed] = getattr(self, "_binary" if t.op in _BINARY else _SPECIAL.get(t.op, "_call"))
        return special(t, args)

    def _args(self, t: Term, depth: int, shape: Shape | None) -> list[Printed]:
        free = narrowed(t.args, shape) if is_elementwise(t.op) else [t.op == "broadcast_to"] * len(t.args)
        return [self.term(a, depth, f) for a, f in zip(t.args, free, strict=True)]

    def _leaf(self, t: Term) -> Printed:
        if t.leaf:
            return Printed(self.names[t.leaf], CALL)
        text = number_text(t.value, self.digits)
        return Printed(text, MINUS if text.startswith("-") else SUM if isinstance(t.value, complex) else CALL)

    # ---- operators --------------------------------------------------------------------------------------------------

    def _product(self, t: Term, depth: int, shape: Shape | None) -> Printed:
        product = product_of(t)
        factors = [*product.above, *product.below]
        free = narrowed([f for f, _ in factors], shape)
        if len(factors) == 1 and factors[0][1] == 1 and product.above:
            only = self.term(factors[0][0], depth, free[0])
            return Printed(f"-{only.inside(PRODUCT + 1)}", MINUS) if product.negative else only
        texts = [self._factor(f, power, depth, is_free) for (f, power), is_free in zip(factors, free, strict=True)]
        if all(text == self.elided.text for text in texts):
            return self.elided
        above, below = texts[: len(product.above)], texts[len(product.above) :]
        text = " * ".join(above) or "1"
        if below:
            text += f" / {below[0]}" if len(below) == 1 else f" / ({' * '.join(below)})"
        sign = "-" if product.negative else ""
        return Printed(sign + text, PRODUCT if len(factors) > 1 or below else POWER - bool(sign))

    def _factor(self, f: Term, power: int, depth: int, free: bool) -> str:
        printed = self.term(f, depth, free)
        if power == 1:
            return printed.inside(PRODUCT + 1)
        return f"{printed.inside(CALL)}{'²' if power == 2 else f' ** {power}'}"

    def _binary(self, t: Term, args: Sequence[Printed]) -> Printed:
        sign, binds = _BINARY[t.op]
        left, right = args
        if t.op in _OPPOSITE and right.binds >= PRODUCT and right.text.startswith("-"):
            sign, right = _OPPOSITE[t.op], Printed(right.text[1:], PRODUCT)
        # Comparisons do not chain, and a difference or quotient of the right side needs its own parentheses.
        least_left = binds + 1 if binds == COMPARED else binds
        return Printed(f"{left.inside(least_left)} {sign} {right.inside(binds + 1)}", binds)

    def _power(self, t: Term, args: Sequence[Printed]) -> Printed:
        base, exponent = args
        return Printed(f"{base.inside(CALL)} ** {exponent.inside(MINUS)}", POWER)

    def _invert(self, t: Term, args: Sequence[Printed]) -> Printed:
        return Printed(f"~{args[0].inside(MINUS)}", MINUS)

    # ---- what is written behind -------------------------------------------------------------------------------------

    def _transpose(self, t: Term, args: Sequence[Printed]) -> Printed:
        axes = tuple(param_value(t, "axes") or ())
        inner = args[0].inside(CALL)
        n = len(axes)
        if axes == tuple(range(n)):
            return Printed(inner, CALL)
        if axes == (1, 0):
            return Printed(f"{inner}.T", CALL)
        if axes == (*range(n - 2), n - 1, n - 2):
            return Printed(f"{inner}.mT", CALL)
        return Printed(f"{inner}.transpose({', '.join(map(str, axes))})", CALL)

    def _reshape(self, t: Term, args: Sequence[Printed]) -> Printed:
        inner = args[0].inside(CALL)
        new = expansion(t.args[0].shape, t.shape)
        if new is None:
            return Printed(f"{inner}.reshape({', '.join(map(str, t.shape)) if t.shape else '()'})", CALL)
        last = max((i for i, is_new in enumerate(new) if is_new), default=-1)
        return Printed(f"{inner}[{', '.join('None' if is_new else ':' for is_new in new[: last + 1])}]", CALL)

    def _getitem(self, t: Term, args: Sequence[Printed]) -> Printed:
        return Printed(f"{args[0].inside(CALL)}[{index_text(t)}]", CALL)

    def _astype(self, t: Term, args: Sequence[Printed]) -> Printed:
        dtype = t.param("dtype")
        return Printed(f"{args[0].inside(CALL)}.astype({dtype.text if dtype else ''})", CALL)

    # ---- calls ------------------------------------------------------------------------------------------------------

    def _call(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called(_CALLED.get(t.op, t.op), *args, *params_text(t))

    def _called(self, name: str, *args: Printed | str) -> Printed:
        return Printed(f"{name}({', '.join(a if isinstance(a, str) else a.text for a in args)})", CALL)

    def _joined(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called(t.op, f"[{', '.join(a.text for a in args)}]", *params_text(t))

    def _indexed(self, t: Term, args: Sequence[Printed]) -> Printed:
        shape = [f"shape={t.shape}"] if t.op == "scatter_add" else []
        return self._called(t.op, *args, f"[{index_text(t)}]", *shape)

    def _broadcast(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called("broadcast_to", *args, str(t.shape))

    def _contract(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called("einsum", repr(param_value(t, "subscripts")), *args)


_SPECIAL: Mapping[str, str] = {
    "power": "_power",
    "float_power": "_power",
    "invert": "_invert",
    "logical_not": "_invert",
    "transpose": "_transpose",
    "reshape": "_reshape",
    "getitem": "_getitem",
    "astype": "_astype",
    "scatter_add": "_indexed",
    "index_update": "_indexed",
    "broadcast_to": "_broadcast",
    "concatenate": "_joined",
    "contract": "_contract",
}


def plain(t: Term, names: Mapping[str, str], *, limit: int, digits: int = 4, free: bool = False) -> str:
    """Print a term within so many characters: what is deepest inside it gives way to "…" first."""
    text = "…"
    for depth in range(min(t.depth, DEEPEST), 0, -1):
        try:
            text = Printer(names, digits).term(t, depth, free).text
        except TooLong:
            continue
        if len(text) <= limit:
            return text
    return clip(text, limit) if t.op else Printer(names, digits).term(t, 1, free).text


DEEPEST = 24

# ---- small words ----------------------------------------------------------------------------------------------------


def number_text(value: Any, digits: int = 4) -> str:
    """Write a number: integers as they are, others with so many significant digits.

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
    """Return the value of a parameter; None if there is none of that name."""
    found = t.param(name)
    return None if found is None else found.value


def index_text(t: Term) -> str:
    """Write an index as it stands between brackets; an array in it by its dtype and shape."""
    found = t.param("index")
    text = re.sub(DIGEST, "", found.text) if found else ""
    return visible(text[1:-2] if text.endswith(",)") else text[1:-1] if text.startswith("(") else text)


def params_text(t: Term) -> list[str]:
    """Write the parameters that say more than the defaults and the shape."""
    found = brief_values(t.params, {**_DEFAULTS, "shape": str(t.shape), **_of_windows(t)})
    return [f"{name}={clip(visible(text), 60)}" for name, text in found.items()]


def _of_windows(t: Term) -> dict[str, str]:
    """Return what the shape of the result says: the size of an array under windows, and that of a kernel."""
    if t.op == "convolution_kernel":
        return {"kernel": str(t.shape[:-2])}
    return {"size": str(t.shape[1:-1])} if t.op in _SIZED else {}


_SIZED = ("convolution_input", "window_spread")
