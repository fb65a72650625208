r"""The two notations of formulas: plain text that Python would read, and LaTeX.

The LaTeX is the subset that MathJax, KaTeX and matplotlib all read. Elementwise products of arrays have a circled dot;
the factors of matrix products are written side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .... import ops
from ....core.op import Op
from ....core.shape_arithmetic import Shape
from ....ir.node_labels import clip
from .printer import AND, CALL, COMPARED, LOOSE, MINUS, OR, POWER, PRODUCT, SHIFT, SUM, XOR, Notation, fit
from .terms import Term, by_name

# Signs between two arguments, and how tightly they bind; where there is none, the op is called.
# fmt: off
_BINARY: Mapping[Op, tuple[str | None, str | None, int]] = {
    # op                         plain  LaTeX      binds
    ops.compare.greater:        (">",  ">",       COMPARED),
    ops.compare.greater_equal:  (">=", r"\geq",   COMPARED),
    ops.compare.less:           ("<",  "<",       COMPARED),
    ops.compare.less_equal:     ("<=", r"\leq",   COMPARED),
    ops.compare.equal:          ("==", "=",       COMPARED),
    ops.compare.not_equal:      ("!=", r"\neq",   COMPARED),
    ops.compare.logical_or:     (None, r"\vee",   OR),
    ops.compare.logical_and:    (None, r"\wedge", AND),
    ops.arith.bitwise_or:       ("|",  r"\vee",   OR),
    ops.arith.bitwise_xor:      ("^",  None,      XOR),
    ops.arith.bitwise_and:      ("&",  r"\wedge", AND),
    ops.arith.left_shift:       ("<<", None,      SHIFT),
    ops.arith.right_shift:      (">>", None,      SHIFT),
    ops.arith.add:              ("+",  "+",       SUM),
    ops.arith.subtract:         ("-",  "-",       SUM),
    ops.matrix_products.matmul: ("@",  "",        PRODUCT),
    ops.arith.floor_divide:     ("//", None,      PRODUCT),
    ops.arith.remainder:        ("%",  None,      PRODUCT),
}
# fmt: on

# ---- plain text -----------------------------------------------------------------------------------------------------


def plain(t: Term, names: Mapping[str, str], *, limit: int, digits: int = 4, free: bool = False) -> str:
    """Print a term as Python would read it; see `printer.fit`."""
    return fit(t, names, _PLAIN, limit=limit, digits=digits, free=free)


_PLAIN = Notation(
    elided="…",
    parentheses="({})",
    call="{}({})",
    at="{}[{}]",
    listed="[{}]",
    binary={op.name: (sign, binds) for op, (sign, _, binds) in _BINARY.items() if sign},
    names=by_name({ops.arith.absolute: "abs", ops.arith.fabs: "abs", ops.arith.conjugate: "conj"}),
    around={},
    shaped={
        "transpose": "{x}.transpose({bare})",
        "reshape": "{x}.reshape({bare})",
        "broadcast_to": "broadcast_to({x}, {values})",
        "astype": "{x}.astype({values})",
    },
    invert="~{}",
    transposed=(".T", ".mT", CALL),
    power=("{} ** {}", MINUS),
    raised=lambda power: "²" if power == 2 else f" ** {power}",
    truth="",
    fraction=("{} / {}", "{} / ({})"),
    has_bar=False,
    dots=("*", "*"),
    times=lambda factors: " * ".join(text for _, text in factors),
    sum_over=None,
    text=str,
    number=str,
    length=len,
    cut=clip,
)

# ---- LaTeX ----------------------------------------------------------------------------------------------------------


def latex(t: Term, names: Mapping[str, str], *, limit: int, free: bool = False) -> str:
    """Print a term as LaTeX; see `printer.fit`."""
    return fit(t, names, _LATEX, limit=limit, free=free)


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
    """Set text upright, with LaTeX's special characters escaped; "?" replaces characters outside of ASCII.

    Example:
        >>> print(latex_text("log_softmax"))
        \\mathrm{log\\_softmax}
    """
    safe = "".join(_ESCAPED.get(c, c if " " < c <= "~" else "?") for c in text)
    return rf"\mathrm{{{safe}}}"


def latex_name(name: str) -> str:
    """Write the name of a value: a letter as it is, a number or letter behind it as its index, others upright.

    Example:
        >>> print(latex_name("w"), latex_name("n12"), latex_name("W_x"), latex_name("dense.bias"))
        w n_{12} W_{x} \\mathrm{dense.bias}
    """
    match = re.fullmatch("([A-Za-z])_?([0-9]+|[A-Za-z]?)", name)
    if match is None or (match[2].isalpha() and "_" not in name):
        return latex_text(name)
    return f"{match[1]}_{{{match[2]}}}" if match[2] else match[1]


def spread(text: str, shape: Shape) -> str:
    """Mark the value of a formula as repeated to fill a shape."""
    return _LATEX.shaped["broadcast_to"].format(x=text, values=latex_text(str(shape)))


def unbroadcast(text: str, axes: Sequence[int] | None) -> str:
    """Put a sum over some axes in front of a formula."""
    return f"{_sum_over(axes)} {_LATEX.parentheses.format(text)}"


def _sum_over(axes: Sequence[int] | None) -> str:
    return r"\sum" if axes is None else rf"\sum_{{{latex_text('axis ' + ', '.join(map(str, axes)))}}}"


def _multiply(factors: Sequence[tuple[Term, str]]) -> str:
    """Join factors: numbers first, then arrays with a circled dot between them."""
    ordered = sorted(factors, key=lambda pair: (pair[0].value is None, bool(pair[0].shape)))
    numbers = [text for f, text in ordered if not f.shape]
    arrays = [text for f, text in ordered if f.shape]
    return r" \cdot ".join([*numbers, *([r" \odot ".join(arrays)] if arrays else [])])


def _number(text: str) -> str:
    text = re.sub(r"e([-+])0*(\d+)", lambda m: rf" \times 10^{{{'-' if m[1] == '-' else ''}{m[2]}}}", text)
    return re.sub("nan|inf", lambda m: r"\infty" if m[0] == "inf" else latex_text(m[0]), text)


_KNOWN = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan")


def _visible_length(formula: str) -> int:
    """Return approximately how many letters and signs of a formula are visible."""
    return len(re.sub(r"\\(left|right|mathrm|mathbb|frac|odot|overline)|\\[a-z]+|[{}\\ ]", "", formula))


_LATEX = Notation(
    elided=r"\ldots",
    parentheses=r"\left( {} \right)",
    call=r"{}\left( {} \right)",
    at=r"{}\left[ {} \right]",
    listed="{}",
    binary={op.name: (sign, binds) for op, (_, sign, binds) in _BINARY.items() if sign is not None},
    names={ops.elementwise_activations.sigmoid.name: r"\sigma", **{f: rf"\{f}" for f in _KNOWN}},
    around=by_name(
        {
            ops.arith.sqrt: r"\sqrt{{{}}}",
            ops.arith.absolute: r"\left| {} \right|",
            ops.arith.fabs: r"\left| {} \right|",
            ops.arith.conjugate: r"\overline{{{}}}",
        }
    ),
    shaped={
        "transpose": r"\mathrm{{transpose}}_{{{values}}}\left( {x} \right)",
        "reshape": r"\mathrm{{reshape}}_{{{values}}}\left( {x} \right)",
        "broadcast_to": r"\mathrm{{spread}}_{{{values}}}\left( {x} \right)",
        "astype": r"{values}\left( {x} \right)",
    },
    invert=r"\neg {}",
    transposed=(r"^{\top}", r"^{\top}", POWER),
    power=("{}^{{{}}}", LOOSE),
    raised=lambda power: f"^{{{power}}}",
    truth=r"\mathbb{{1}}\left[ {} \right]",
    fraction=(r"\frac{{{}}}{{{}}}", r"\frac{{{}}}{{{}}}"),
    has_bar=True,
    dots=(r"\cdot", r"\odot"),
    times=_multiply,
    sum_over=_sum_over,
    text=latex_text,
    number=_number,
    length=_visible_length,
    cut=lambda _, __: r"\ldots",
)
