"""What `help` shows of a distribution: signature, formula, support, parameters and an example, all from SciPy's data.

SciPy's docstrings are read at run time: the first sentence, the formula with its conditions, and values of the shapes
for which its own examples draw the density. Nothing is made before someone asks.
"""

from __future__ import annotations

import inspect
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...functional.reverse_mode import grad

# Densities for which SciPy's docstrings have no formula that stands alone.
FORMULAS = {
    "erlang": r"f(x, a) = \frac{x^{a - 1} e^{-x}}{(a - 1)!}",
    "irwinhall": r"f(x, n) = \frac{1}{(n - 1)!} \sum_{k=0}^{\lfloor x \rfloor} (-1)^k \binom{n}{k} (x - k)^{n - 1}",
    "skellam": r"f(k, \mu_1, \mu_2) = e^{-\mu_1 - \mu_2} (\mu_1 / \mu_2)^{k / 2} I_{|k|}(2 \sqrt{\mu_1 \mu_2})",
    "skewnorm": r"f(x, a) = 2 \phi(x) \Phi(a x)",
    "trapezoid": r"f(x, c, d) = \frac{2}{1 + d - c} \min\left(\frac{x}{c}, 1, \frac{1 - x}{1 - d}\right)",
    "triang": r"f(x, c) = 2 \min\left(\frac{x}{c}, \frac{1 - x}{1 - c}\right)",
    "truncnorm": r"f(x, a, b) = \frac{\phi(x)}{\Phi(b) - \Phi(a)}",
    "tukeylambda": r"F^{-1}(q, \lambda) = \frac{q^\lambda - (1 - q)^\lambda}{\lambda}",
    "uniform": r"f(x) = 1",
}
# Shapes for which SciPy's docstrings draw nothing.
VALUES: dict[str, list[float]] = {"erlang": [4], "vonmises": [3.99], "vonmises_line": [3.99]}
# Of each distribution of several variables: the support, an example, and its result.
JOINT = {
    "dirichlet": (
        "vectors of positive numbers with the sum 1",
        ">>> np.round(ag.grad(lambda alpha: stats.dirichlet.logpdf([0.2, 0.8], alpha))([1.0, 1.0]), 4)  # 1 + log(x)",
        "array([-0.6094,  0.7769])",
    ),
    "invwishart": (
        "positive definite matrices",
        ">>> round(float(ag.grad(stats.invwishart.logpdf, argnums=2)(1.0, 3.0, 2.0)), 4)  # 3 / (2 scale) - 1 / 2",
        "0.25",
    ),
    "matrix_normal": (
        "matrices of real numbers",
        ">>> ag.grad(stats.matrix_normal.logpdf, argnums=1)([[1.0, 2.0]], [[0.0, 0.0]])  # X - mean",
        "array([[1., 2.]])",
    ),
    "multinomial": (
        "vectors of counts with the sum n",
        ">>> ag.grad(lambda p: stats.multinomial.logpmf([1, 3], 4, p))([0.25, 0.75])  # x / p",
        "array([4., 4.])",
    ),
    "multivariate_normal": (
        "vectors of real numbers",
        ">>> ag.grad(stats.multivariate_normal.logpdf, argnums=1)([1.0, 2.0], [0.0, 0.0])  # x - mean",
        "array([1., 2.])",
    ),
    "multivariate_t": (
        "vectors of real numbers",
        ">>> ag.grad(lambda loc: stats.multivariate_t.logpdf([1.0, 1.0], loc, df=2))([0.0, 0.0])  # 4 x / (2 + |x|²)",
        "array([1., 1.])",
    ),
    "wishart": (
        "positive definite matrices",
        ">>> round(float(ag.grad(stats.wishart.logpdf, argnums=2)(1.0, 3.0, 2.0)), 4)  # (1 / scale - 3) / (2 scale)",
        "-0.625",
    ),
}


def signature(distribution: Any) -> inspect.Signature:
    """Return what a distribution is called with: shapes, loc and scale, or SciPy's parameters without `seed`."""
    kind, empty = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    if (names := getattr(distribution, "parameters", None)) is None:
        theirs = inspect.signature(distribution.original).parameters.values()
        return inspect.Signature([p for p in theirs if p.name != "seed" and p.kind is kind])
    defaults = {"loc": 0, "scale": 1}
    return inspect.Signature([inspect.Parameter(name, kind, default=defaults.get(name, empty)) for name in names])


def method_signature(distribution: Any, method: str) -> inspect.Signature:
    """Return what a method is called with: `(x, a, loc=0, scale=1)` of `gamma.logpdf`."""
    theirs = list(inspect.signature(getattr(distribution.original, method)).parameters.values())
    if not hasattr(distribution, "parameters"):
        return inspect.Signature([p for p in theirs if p.name not in ("args", "kwds", "kwargs")])
    ours = list(signature(distribution).parameters.values())
    return inspect.Signature([p for p in theirs[:1] if p.name in ("x", "k", "q")] + ours)


# ---- SciPy's text ---------------------------------------------------------------------------------------------------


def _paragraphs(distribution: Any) -> list[str]:
    """Return the notes of SciPy's docstring, up to the words that every distribution has."""
    text = inspect.getdoc(distribution.original) or ""
    notes = re.search(r"^Notes\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}\n|\Z)", text, re.DOTALL | re.MULTILINE)
    parts = re.split(
        r"^The probability .*\n?above is defined|^\.\. version", notes[1] if notes else "", flags=re.MULTILINE
    )
    # References are not shown: sentences about one, and other marks.
    plain = re.sub(r"(?<=[.,])[^.]*\b(?:in|to|by|see)\s+\[\d+\]_[^.]*\.", "", parts[0])
    plain = re.sub(r"\s*\(?\[\d+\]_\)?(?:,|(?= and))?", "", plain)
    return [part for part in re.split(r"\n\n(?=\S)", plain.strip()) if part.strip()]


def formula(distribution: Any) -> str:
    """Return the density as SciPy writes it, with the paragraphs around it, or ours where SciPy has none."""
    if distribution.name in FORMULAS:
        function = "quantile function" if distribution.name == "tukeylambda" else "density"
        return f"The {function} is\n\n.. math::\n\n    {FORMULAS[distribution.name]}"
    parts = _paragraphs(distribution)
    start = next((i for i, part in enumerate(parts) if part.startswith("The probability")), 0)
    maths = [i for i in range(start, len(parts)) if ".. math::" in parts[i]]
    if not maths:
        return ""
    shapes = [re.sub(r":$", ".", part) for part in parts[maths[-1] + 2 :] if re.match(r"`\w+` (?:takes|accepts)", part)]
    return "\n\n".join([*parts[start : maths[-1] + 2], *shapes])


def example_values(distribution: Any) -> list[float]:
    """Return the shapes for which SciPy's docstring draws the density."""
    names, text = distribution.shapes, inspect.getdoc(distribution.original) or ""
    line = re.search(rf"^>>> {', '.join(names)} = ([-\d., e+]+)$", text, re.MULTILINE) if names else None
    numbers: list[float] = [float(v) for v in line[1].split(",")] if line else []
    values = VALUES.get(distribution.name, numbers)
    return [int(v) if name in distribution.row.integers else v for name, v in zip(names, values, strict=True)]


# ---- parameters and support -----------------------------------------------------------------------------------------


def _number(x: float) -> str:
    return f"{x:.6g}"


def _interval(low: float, high: float, closed: Sequence[bool]) -> str:
    left, right = "[" if closed[0] and math.isfinite(low) else "(", "]" if closed[1] and math.isfinite(high) else ")"
    return f"{left}{_number(low)}, {_number(high)}{right}"


def _range(info: Any) -> str:
    """Return the values that a shape may have: "above 0", "an integer, at least 1"."""
    (low, high), (has_low, has_high) = info.domain, info.inclusive
    ends = [round(float(end), 9) for end in (low, high)]  # SciPy's end of an open interval is the number next to it
    has_low, has_high = has_low and ends[0] == low, has_high and ends[1] == high
    if math.isinf(low) and math.isinf(high):
        text = "any real number"
    elif math.isinf(high):
        text = f"{'at least' if has_low else 'above'} {_number(ends[0])}"
    else:
        text = f"in {_interval(ends[0], ends[1], (has_low, has_high))}"
    return f"an integer, {text}" if info.integrality else text


def parameters(distribution: Any) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a distribution with what they are."""
    if not hasattr(distribution, "parameters"):
        yield from _parameters_of_joint(distribution)
        return
    for info in distribution.original._shape_info():
        constant = "; it counts, so there is no derivative by it" if info.name in distribution.row.integers else ""
        yield info.name, f"a shape, {_range(info)}{constant}."
    if distribution.discrete:
        yield "loc", "the shift: the distribution is that of X + loc; there is no derivative by it."
    else:
        yield "loc", "the shift: the distribution is that of scale X + loc."
        yield "scale", "the factor, above 0."


def _parameters_of_joint(distribution: Any) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a distribution of several variables, with SciPy's words."""
    text = inspect.getdoc(distribution.original) or ""
    for name in signature(distribution).parameters:
        words = re.search(rf"^{name} : .*\n((?: +.*\n)+)", text, re.MULTILINE)
        yield name, " ".join(words[1].split()) if words else "as in SciPy."


def support(distribution: Any, shapes: Sequence[Any]) -> str:
    """Return the values of x with a density above 0, of the standard form, as text."""
    low, high = map(float, distribution.original.support(*shapes))
    if not distribution.discrete:
        return _interval(low, high, (distribution.row.closed,) * 2)
    if math.isinf(low):
        return "all integers"
    return f"integers from {_number(low)} {'on' if math.isinf(high) else f'to {_number(high)}'}"


def _support_line(distribution: Any, shapes: Sequence[Any]) -> str:
    text = support(distribution, shapes)
    if not any(map(callable, distribution.row.support)):
        return f"The support is {text} for loc=0{'' if distribution.discrete else ' and scale=1'}."
    at = ", ".join(f"{name}={value}" for name, value in zip(distribution.shapes, shapes, strict=True))
    return f"The support depends on the shapes; for {at} it is {text}."


# ---- texts ----------------------------------------------------------------------------------------------------------


def _list(names: Iterable[str], separator: str = ", ") -> str:
    return separator.join(f"`{name}`" for name in names)


def describe(distribution: Any) -> str:
    """Return the docstring of a distribution."""
    name, is_joint = distribution.name, distribution.name in JOINT
    sentence = (inspect.getdoc(distribution.original) or "").partition("\n\n")[0]
    values = [] if is_joint else example_values(distribution)
    line = f"The support: {JOINT[name][0]}." if is_joint else _support_line(distribution, values)
    other = "pdf" if hasattr(distribution.original, "pmf") else "pmf"
    names = [m for m in distribution.names if not m.endswith(other) and distribution.has_derivatives(m)]
    methods = (
        f"`{name}(…)` fixes the parameters; or a method takes them, `{_call(distribution, names[0])}`. These methods "
        f"take Tensors, and have a gradient by each of them: {_list(names)}. All others, such as `rvs`, are SciPy's."
    )
    args = "\n".join(_argument(*parameter) for parameter in parameters(distribution))
    lines = "\n".join(f"    {line}" for line in example(distribution))
    paragraphs = [sentence, formula(distribution), line, *textwrap.wrap(methods, 100, break_on_hyphens=False)]
    return "\n\n".join([*paragraphs[:3], "\n".join(paragraphs[3:]), f"Args:\n{args}", f"Example:\n{lines}"])


def _argument(name: str, text: str) -> str:
    return textwrap.fill(f"{name}: {text}", 100, initial_indent=" " * 4, subsequent_indent=" " * 8)


def _call(distribution: Any, method: str) -> str:
    return f"{distribution.name}.{method}{method_signature(distribution, method)}"


def describe_method(distribution: Any, method: str, text: str) -> str:
    """Return the docstring of a method.

    Args:
        distribution: the distribution.
        method: the name of the method.
        text: its result.
    """
    own = dict(parameters(distribution))
    first = {"x": "where; numbers or a Tensor of any shape.", "q": "the probability, from 0 to 1; of any shape."}
    first |= {"k": "where; integers of any shape.", "X": first["x"]}
    names = method_signature(distribution, method).parameters
    args = "\n".join(_argument(name, own[name] if name in own else first[name]) for name in names)
    returns = "an array, or a Tensor if an argument is one; in the shape to which all arguments broadcast."
    parts = [f"Return {text}.", f"Args:\n{args}", f"Returns:\n    {returns}"]
    if distribution.name not in JOINT:
        parts.append("\n    ".join(["Example:", *_example_of_method(distribution, method, next(iter(names), ""))]))
    return "\n\n".join(parts)


_HEAD = [">>> import numpy as np", ">>> import autograd_lite as ag", ">>> from autograd_lite.scipy import stats"]


def _values(distribution: Any, first: str) -> dict[str, float]:
    """Return arguments of a method by name: x at a quantile, and the shapes, or loc and scale without any."""
    shapes = dict(zip(distribution.shapes, example_values(distribution), strict=True)) or {"loc": 0.0, "scale": 1.0}
    if first not in ("x", "k", "q"):
        return shapes
    p = 0.9 if first == "k" else 0.7  # at 0.7 the slope of SciPy's `geom` is 0
    x = p if first == "q" else float(f"{float(distribution.original.ppf(p, *shapes.values())):.3g}")
    return {first: int(x) if first == "k" else x} | shapes


def _assignment(values: dict[str, float]) -> str:
    return f">>> {', '.join(values)} = {', '.join(map(repr, values.values()))}"


def _example_of_method(distribution: Any, method: str, first: str) -> list[str]:
    values = _values(distribution, first)
    number = round(float(getattr(distribution.original, method)(*values.values())), 4)
    call = f">>> round(float(stats.{distribution.name}.{method}({', '.join(values)})), 4)"
    return [_HEAD[-1], _assignment(values), call, repr(number)]


def example(distribution: Any) -> list[str]:
    """Return the lines of an example: a value of SciPy's, and the slopes of the log density by its arguments."""
    name = distribution.name
    if name in JOINT:
        return [*_HEAD, *JOINT[name][1:]]

    first, log, value = ("k", "logpmf", "pmf") if distribution.discrete else ("x", "logpdf", "cdf")
    values = _values(distribution, first)
    by = [i for i, arg in enumerate(values) if arg not in distribution.row.integers][distribution.discrete :]
    slopes = grad(getattr(distribution, log), argnums=tuple(by))(*map(float, values.values()))
    arguments = ", ".join(values)
    return [
        *_HEAD,
        _assignment(values),
        f">>> round(float(stats.{name}.{value}({arguments})), 3)",
        repr(round(float(getattr(distribution.original, value)(*values.values())), 3)),
        f">>> slopes = ag.grad(stats.{name}.{log}, argnums={tuple(by)})({arguments})",
        f">>> np.round(slopes, 4).tolist()  # by {', '.join(list(values)[i] for i in by)}",
        repr(np.round(slopes, 4).tolist()),
    ]
