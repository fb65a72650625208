"""Terms as LaTeX, in the part of it that MathJax, KaTeX and matplotlib all read.

Products of arrays element by element are written with a circled dot, matrix products side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ....core.shapes import Shape
from .plain import (
    CALL,
    COMPARED,
    DEEPEST,
    MINUS,
    POWER,
    PRODUCT,
    SUM,
    Printed,
    Printer,
    TooLong,
    index_text,
    number_text,
    param_value,
    params_text,
)
from .terms import Term, expansion, narrowed, product_of

_SIGNS: Mapping[str, tuple[str, int]] = {
    "greater": (">", COMPARED),
    "greater_equal": (r"\geq", COMPARED),
    "less": ("<", COMPARED),
    "less_equal": (r"\leq", COMPARED),
    "equal": ("=", COMPARED),
    "not_equal": (r"\neq", COMPARED),
    "bitwise_or": (r"\vee", COMPARED + 1),
    "bitwise_and": (r"\wedge", COMPARED + 2),
    "logical_or": (r"\vee", COMPARED + 1),
    "logical_and": (r"\wedge", COMPARED + 2),
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "matmul": ("", PRODUCT),
}
_KNOWN = frozenset(("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan"))
_OPPOSITE: Mapping[str, str] = {"+": "-", "-": "+"}


class _Tex(Printed):
    """A formula in LaTeX."""

    __slots__ = ()

    def inside(self, least: int) -> str:
        return self.text if self.binds >= least else rf"\left( {self.text} \right)"


class _LatexPrinter(Printer):
    """Prints terms as LaTeX; see `Printer`."""

    elided = _Tex(r"\ldots", CALL)

    def _leaf(self, t: Term) -> Printed:
        if t.leaf:
            return _Tex(self.names[t.leaf], CALL)
        text = re.sub(r"e([-+])0*(\d+)", _exponent, number_text(t.value, self.digits))
        text = re.sub("nan|inf", _constant, text)
        return _Tex(text, MINUS if text.startswith("-") else SUM if isinstance(t.value, complex) else CALL)

    # ---- operators --------------------------------------------------------------------------------------------------

    def _product(self, t: Term, depth: int, shape: Shape | None) -> Printed:
        product = product_of(t)
        factors = [*product.above, *product.below]
        free = narrowed([f for f, _ in factors], shape)
        if len(factors) == 1 and factors[0][1] == 1 and product.above:
            only = self.term(factors[0][0], depth, free[0])
            return _Tex(f"-{only.inside(PRODUCT + 1)}", MINUS) if product.negative else only
        split = len(product.above)
        # What carries the cotangent stands before the fraction: there the chain rule shows.
        ahead = int(split > 0 and bool(product.below) and factors[0][0].has_g)
        alone = [split - ahead == 1] * split + [len(factors) == split + 1] * (len(factors) - split)
        printed = [
            (f, self._factor(f, power, depth, is_free, alone=bool(product.below) and is_alone and k >= ahead))
            for k, ((f, power), is_free, is_alone) in enumerate(zip(factors, free, alone, strict=True))
        ]
        if all(text == self.elided.text for _, text in printed):
            return self.elided
        text = _multiplied(printed[ahead:split])
        if product.below:
            text = rf"\frac{{{text or '1'}}}{{{_multiplied(printed[split:])}}}"
        if ahead:
            whole = any(f.shape for f, _ in printed[1:]) and printed[0][0].shape
            sign = r"\odot" if whole else r"\cdot"
            text = f"{printed[0][1]} {sign} {text}"
        sign = "-" if product.negative else ""
        return _Tex(sign + text, PRODUCT if product.below or len(factors) > 1 else POWER - bool(sign))

    def _factor(self, f: Term, power: int, depth: int, free: bool, *, alone: bool = False) -> str:
        printed = self.term(f, depth, free)
        if f.bare == "b" and f.op:
            return rf"\mathbb{{1}}\left[ {printed.text} \right]"
        if alone and power == 1:
            return printed.text  # the bar of the fraction holds it together
        return printed.inside(PRODUCT + 1) if power == 1 else f"{printed.inside(CALL)}^{{{power}}}"

    def _binary(self, t: Term, args: Sequence[Printed]) -> Printed:
        if t.op not in _SIGNS:
            return self._call(t, args)
        sign, binds = _SIGNS[t.op]
        left, right = args
        if sign in _OPPOSITE and right.binds >= PRODUCT and right.text.startswith("-"):
            sign, right = _OPPOSITE[sign], _Tex(right.text[1:], PRODUCT)
        least_left = binds + 1 if binds == COMPARED else binds
        return _Tex(" ".join(filter(None, (left.inside(least_left), sign, right.inside(binds + 1)))), binds)

    def _power(self, t: Term, args: Sequence[Printed]) -> Printed:
        return _Tex(f"{args[0].inside(CALL)}^{{{args[1].text}}}", POWER)

    def _invert(self, t: Term, args: Sequence[Printed]) -> Printed:
        return _Tex(rf"\neg {args[0].inside(MINUS)}", MINUS)

    # ---- what is written behind -------------------------------------------------------------------------------------

    def _transpose(self, t: Term, args: Sequence[Printed]) -> Printed:
        axes = tuple(param_value(t, "axes") or ())
        n = len(axes)
        if axes == tuple(range(n)):
            return args[0]
        if n > 1 and axes == (*range(n - 2), n - 1, n - 2):
            return _Tex(rf"{args[0].inside(CALL)}^{{\top}}", POWER)
        return self._called("transpose", *args, under=axes)

    def _reshape(self, t: Term, args: Sequence[Printed]) -> Printed:
        new = expansion(t.args[0].shape, t.shape)
        if new is None:
            return self._called("reshape", *args, under=t.shape)
        last = max((i for i, is_new in enumerate(new) if is_new), default=-1)
        return self._at(args[0], ", ".join("None" if is_new else ":" for is_new in new[: last + 1]))

    def _getitem(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._at(args[0], index_text(t))

    def _at(self, inner: Printed, index: str) -> Printed:
        return _Tex(rf"{inner.inside(CALL)}\left[ {latex_text(index)} \right]" if index else inner.inside(CALL), CALL)

    def _astype(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called(str(getattr(t.param("dtype"), "text", "cast")), *args)

    # ---- calls ------------------------------------------------------------------------------------------------------

    def _call(self, t: Term, args: Sequence[Printed]) -> Printed:
        if t.op == "sqrt":
            return _Tex(rf"\sqrt{{{args[0].text}}}", CALL)
        if t.op in ("absolute", "fabs"):
            return _Tex(rf"\left| {args[0].text} \right|", CALL)
        if t.op == "conjugate":
            return _Tex(rf"\overline{{{args[0].text}}}", CALL)
        if t.op == "sum":
            return _Tex(rf"{_sum_sign(param_value(t, 'axis'))} {args[0].inside(PRODUCT)}", PRODUCT - 1)
        return self._called(t.op, *args, *map(latex_text, params_text(t)))

    def _called(self, name: str, *args: Printed | str, under: Shape | None = None) -> Printed:
        inner = ", ".join(a if isinstance(a, str) else a.text for a in args)
        sign = rf"\{name}" if name in _KNOWN else r"\sigma" if name == "sigmoid" else latex_text(name)
        return _Tex(rf"{sign if under is None else subscript(sign, under)}\left( {inner} \right)", CALL)

    def _joined(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called(t.op, *args, *map(latex_text, params_text(t)))

    def _indexed(self, t: Term, args: Sequence[Printed]) -> Printed:
        shape = [latex_text(str(t.shape))] if t.op == "scatter_add" else []
        return self._called(t.op, *args, rf"\left[ {latex_text(index_text(t))} \right]", *shape)

    def _broadcast(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called("spread", *args, under=t.shape)

    def _contract(self, t: Term, args: Sequence[Printed]) -> Printed:
        return self._called("einsum", latex_text(str(param_value(t, "subscripts"))), *args)


def _multiplied(factors: Sequence[tuple[Term, str]]) -> str:
    """Put factors beside each other: numbers first, arrays with a circled dot between them."""
    ordered = sorted(factors, key=lambda pair: (pair[0].value is None, bool(pair[0].shape)))
    numbers = [text for f, text in ordered if not f.shape]
    arrays = [text for f, text in ordered if f.shape]
    return r" \cdot ".join([*numbers, *([r" \odot ".join(arrays)] if arrays else [])])


def _sum_sign(axes: Sequence[int] | None) -> str:
    return r"\sum" if axes is None else rf"\sum_{{{latex_text('axis ' + ', '.join(map(str, axes)))}}}"


def _exponent(match: re.Match[str]) -> str:
    return rf" \times 10^{{{'-' if match[1] == '-' else ''}{match[2]}}}"


def _constant(match: re.Match[str]) -> str:
    return r"\infty" if match[0] == "inf" else latex_text(match[0])


_ESCAPED: Mapping[str, str] = {
    **{c: f"\\{c}" for c in "_#$%&{}"},
    " ": "~",
    "\\": r"\backslash ",
    "^": r"\wedge ",
    "~": r"\sim ",
    "…": r"\ldots ",
    "'": "",
}


def latex_text(text: str) -> str:
    """Set a text upright, with everything escaped that means something in LaTeX; "?" stands for what is not ASCII.

    Example:
        >>> print(latex_text("log_softmax"))
        \\mathrm{log\\_softmax}
    """
    safe = "".join(_ESCAPED.get(c, c if " " < c <= "~" else "?") for c in text)
    return rf"\mathrm{{{safe}}}"


def latex_name(name: str) -> str:
    """Write the name of a value: a letter as it is, a number or a letter behind it as its index, others upright.

    Example:
        >>> print(latex_name("w"), latex_name("n12"), latex_name("W_x"), latex_name("dense.bias"))
        w n_{12} W_{x} \\mathrm{dense.bias}
    """
    match = re.fullmatch("([A-Za-z])_?([0-9]+|[A-Za-z]?)", name)
    if match is None or (match[2].isalpha() and "_" not in name):
        return latex_text(name)
    return f"{match[1]}_{{{match[2]}}}" if match[2] else match[1]


def latex(t: Term, names: Mapping[str, str], *, limit: int, free: bool = False) -> str:
    """Print a term; what is deepest inside gives way to dots until what remains is about `limit` letters long."""
    for depth in range(min(t.depth, DEEPEST), 0, -1):
        try:
            text = _LatexPrinter(names, 4).term(t, depth, free).text
        except TooLong:
            continue
        if _length(text) <= limit:
            return text
    return _LatexPrinter.elided.text if t.op else _LatexPrinter(names, 4).term(t, 1, free).text


def _length(text: str) -> int:
    """Count what is seen of a formula, about."""
    return len(re.sub(r"\\(left|right|mathrm|mathbb|frac|odot|overline)|\\[a-z]+|[{}\\ ]", "", text))


def spread(text: str, shape: Shape) -> str:
    """Say of a formula that its value is repeated to fill a shape."""
    return rf"{subscript(latex_text('spread'), shape)}\left( {text} \right)"


def subscript(sign: str, below: Sequence[int]) -> str:
    """Put a shape, or axes, below a sign."""
    return f"{sign}_{{{latex_text(str(below))}}}"


def unbroadcast(text: str, axes: Sequence[int] | None) -> str:
    """Put the sum over some axes before a formula."""
    return rf"{_sum_sign(axes)} \left( {text} \right)"
