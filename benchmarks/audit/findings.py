"""What the audit has found in other libraries, each confirmed by mpmath.

    python -m benchmarks.audit.findings               # confirm all that can be confirmed here, and print them
    python -m benchmarks.audit.findings --write       # write the table of docs/guides/checking_other_libraries.md anew

A row is one call. Its gradient is what the library returns for it here and now; the truth is a derivative in 50 digits
of the function as mpmath has it. A row counts if the library's own value is right, and its gradient is not.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import math
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .auditing import attribute
from .backends import BACKENDS
from .elsewhere import subject_elsewhere

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "checking_other_libraries.md"
# Between these lines of the page stands the table.
MARKS = ("<!-- findings -->", "<!-- end of findings -->")
DIGITS = 50
# How far a value may be from the truth that we call right, and a gradient be from it that we call wrong.
RIGHT, WRONG = 1e-8, 1e-6


class Finding(NamedTuple):
    """One wrong gradient.

    Attributes:
        function: its full name.
        inputs: the arguments: numbers, and lists of them.
        by: which of them the gradient is taken by, counted from 0.
        value: the function, of mpmath's numbers; its first argument is mpmath.
        why: in a few words.
        at: the element of a list.
    """

    function: str
    inputs: tuple[Any, ...]
    by: int
    value: Callable[..., Any]
    why: str
    at: tuple[int, ...] = ()


class Confirmed(NamedTuple):
    """A finding and what was computed for it: the library's value and gradient, and mpmath's."""

    finding: Finding
    value: float
    gradient: float
    true_value: float
    truth: float

    @property
    def stands(self) -> bool:
        """Whether the value is right and the gradient wrong."""
        right = abs(self.value - self.true_value) <= RIGHT * max(abs(self.true_value), 1e-300)
        apart = abs(self.gradient - self.truth) > WRONG * max(abs(self.truth), abs(self.gradient))
        return right and (apart or not math.isfinite(self.gradient))


def _expm1_over(mp: Any, t: Any, x: Any) -> Any:
    """(exp(t x) - 1) / t, and its limit."""
    return x if t == 0 else mp.expm1(t * x) / t


def _erfcx(mp: Any, x: Any) -> Any:
    return mp.exp(x * x) * mp.erfc(x)


def _det(mp: Any, a: Any) -> Any:
    return a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]


def _inverse_of_lower(mp: Any, a: Any) -> Any:
    """The sum of the inverse of L Lᵀ, of which the upper triangle is not read."""
    p, r, q = a[0, 0], a[1, 0], a[1, 1]
    return (r * r + q * q - 2 * p * r + p * p) / (p * q) ** 2


def _chi2(mp: Any, x: Any, df: Any) -> Any:
    return (df / 2 - 1) * mp.log(x) - x / 2 - df / 2 * mp.log(2) - mp.loggamma(df / 2)


def _laplace_cdf(mp: Any, x: Any, beta: Any) -> Any:
    """Of the generalized normal distribution with beta = 1."""
    return mp.exp(x) / 2 if x < 0 else 1 - mp.exp(-x) / 2


def _student(mp: Any, x: Any, df: Any) -> Any:
    scale = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    return scale - (df + 1) / 2 * mp.log1p(x * x / df)


ZERO, NAN, INF, SIGN = "silent zero", "NaN", "infinite", "wrong sign"
DIGITS_LOST, OTHER = "digits lost", "wrong"

# The releases that were looked at.
VERSIONS = {"torch": "2.13.0", "jax": "0.10.2", "autograd": "1.9.1", "mygrad": "2.5.0"}
NAMES = {"torch": "PyTorch", "jax": "JAX", "autograd": "HIPS autograd", "mygrad": "MyGrad"}

FINDINGS = [
    Finding("torch.special.sinc", (1e-8,), 0, lambda mp, x: mp.sincpi(x), DIGITS_LOST),
    Finding("torch.special.erfcx", (1e5,), 0, _erfcx, DIGITS_LOST),
    Finding("torch.special.log_ndtr", (-1e8,), 0, lambda mp, x: mp.log(mp.ncdf(x)), OTHER),
    Finding("torch.special.xlogy", (0.0, 0.0), 1, lambda mp, x, y: mp.mpf(0), NAN),
    Finding("torch.polar", (-2.0, 0.5), 0, lambda mp, r, t: r * mp.cos(t), SIGN),
    Finding("torch.var", ([0.0, 1.0], ()), 0, lambda mp, x, dim: (x[0] - x[1]) ** 2 / 2, INF, (0,)),
    Finding("torch.cholesky_inverse", ([[1.0, 0.0], [0.0, 1.0]],), 0, _inverse_of_lower, OTHER, (0, 1)),
    Finding("torch.linalg.householder_product", ([[1.0]], [1.0]), 1, lambda mp, v, t: 1 - t[0], NAN, (0,)),
    Finding("torch.linalg.det", ([[1.0, 2.0], [2.0, 4.0]],), 0, _det, ZERO, (0, 0)),
    Finding("jax.scipy.special.i0", (0.0,), 0, lambda mp, x: mp.besseli(0, x), OTHER),
    Finding("jax.scipy.special.digamma", (-10.5,), 0, lambda mp, x: mp.digamma(x), OTHER),
    Finding("jax.scipy.special.spence", (1.5,), 0, lambda mp, x: mp.polylog(2, 1 - x), NAN),
    Finding("jax.scipy.special.spence", (1.0,), 0, lambda mp, x: mp.polylog(2, 1 - x), ZERO),
    Finding("jax.scipy.special.boxcox", (1.5, 0.0), 1, lambda mp, x, t: _expm1_over(mp, t, mp.log(x)), ZERO),
    Finding("jax.scipy.special.boxcox1p", (1.5, 0.0), 1, lambda mp, x, t: _expm1_over(mp, t, mp.log1p(x)), ZERO),
    Finding("jax.scipy.special.beta", (1.75, -10.5), 0, lambda mp, a, b: mp.beta(a, b), NAN),
    Finding("jax.scipy.special.hyp1f1", (-1.0, 1.5, -0.5), 0, lambda mp, a, b, x: mp.hyp1f1(a, b, x), NAN),
    Finding("jax.scipy.special.hyp1f1", (0.0, 1.5, -1.5), 0, lambda mp, a, b, x: mp.hyp1f1(a, b, x), ZERO),
    Finding("jax.scipy.special.erfcx", (1e5,), 0, _erfcx, DIGITS_LOST),
    Finding("jax.scipy.special.expn", (6.5, 4.0), 0, lambda mp, n, x: mp.expint(n, x), ZERO),
    Finding("jax.scipy.special.xlogy", (0.0, 0.0), 1, lambda mp, x, y: mp.mpf(0), NAN),
    Finding("jax.numpy.float_power", (0.0, 0.0), 0, lambda mp, x, y: mp.mpf(1), NAN),
    Finding("jax.scipy.stats.gamma.sf", (-1.0, 2.0), 0, lambda mp, x, a: mp.mpf(1), NAN),
    Finding("jax.scipy.stats.gennorm.cdf", (0.0, 1.0), 0, _laplace_cdf, NAN),
    Finding("jax.numpy.power", (0.0, 0.0), 0, lambda mp, x, y: mp.mpf(1), NAN),
    Finding("jax.numpy.ldexp", (0.0, 2), 0, lambda mp, x, n: x * 2**n, OTHER),
    Finding("jax.numpy.unique", ([2.0, 1.0],), 0, lambda mp, x: x[0] + x[1], ZERO, (0,)),
    Finding("jax.numpy.sinc", (1e-8,), 0, lambda mp, x: mp.sincpi(x), DIGITS_LOST),
    Finding("autograd.numpy.sinc", (0.0,), 0, lambda mp, x: mp.sincpi(x), NAN),
    Finding("autograd.numpy.sinc", (1e-8,), 0, lambda mp, x: mp.sincpi(x), DIGITS_LOST),
    Finding("autograd.numpy.prod", ([0.0, 2.0, 3.0],), 0, lambda mp, x: x[0] * x[1] * x[2], NAN, (0,)),
    Finding("autograd.scipy.special.rgamma", (0.0,), 0, lambda mp, x: mp.rgamma(x), NAN),
    Finding("autograd.scipy.special.iv", (6.5, 4.0), 0, lambda mp, v, x: mp.besseli(v, x), ZERO),
    Finding("autograd.scipy.special.jn", (6.5, 4.0), 0, lambda mp, v, x: mp.besselj(v, x), ZERO),
    Finding("autograd.scipy.stats.chi2.logpdf", (1.5, 2.5), 0, _chi2, ZERO),
    Finding("autograd.scipy.stats.t.logpdf", (-2.0, 1e5), 1, _student, DIGITS_LOST),
    Finding("autograd.scipy.stats.gamma.pdf", (-2.0, 0.5), 1, lambda mp, x, a: mp.mpf(0), NAN),
    Finding("mygrad.sinc", (1e-8,), 0, lambda mp, x: mp.sincpi(x), DIGITS_LOST),
    Finding("mygrad.sech", (1000.0,), 0, lambda mp, x: mp.sech(x), NAN),
    Finding("mygrad.csch", (1000.0,), 0, lambda mp, x: mp.csch(x), NAN),
]


def library_of(finding: Finding) -> str:
    return finding.function.partition(".")[0]


def confirm(finding: Finding) -> Confirmed:
    """Ask the library and mpmath."""
    mp = importlib.import_module("mpmath")
    f, by, at = attribute(finding.function), finding.by, finding.at
    with warnings.catch_warnings(), np.errstate(all="ignore"), mp.workdps(DIGITS):
        warnings.simplefilter("ignore")
        subject = subject_elsewhere(f, finding.inputs, by, None, None, library_of(finding))
        outs = subject.on_arrays(*(np.array(a) for a in subject.leaves))
        run = subject.differentiate([np.ones(out.shape, out.dtype) for out in outs], 0)
        found = next((g for g in run.grads if g is not None), np.zeros(np.shape(finding.inputs[by])))
        exact = [np.vectorize(mp.mpf, otypes="O")(x) if isinstance(x, (float, list)) else x for x in finding.inputs]

        def along(t: Any) -> Any:
            arguments = [x.copy() if isinstance(x, np.ndarray) else x for x in exact]
            arguments[by][at] = t
            return finding.value(mp, *(x[()] if isinstance(x, np.ndarray) else x for x in arguments))

        here = exact[by][at]
        return Confirmed(
            finding, float(run.outputs[0].sum().real), float(found[at]), float(along(here)), float(mp.diff(along, here))
        )


def version(library: str) -> str:
    """Return the installed version of a library, or "" if there is none."""
    return importlib.metadata.version(library).partition("+")[0] if importlib.util.find_spec(library) else ""


def row(c: Confirmed) -> str:
    """Return a finding as a row of the table."""
    arguments = ", ".join(f"{x:g}" if isinstance(x, float) else repr(x) for x in c.finding.inputs)
    which = ("1st", "2nd", "3rd", "4th")[c.finding.by] if len(c.finding.inputs) > 1 else ""
    which += f" {list(c.finding.at)}" if c.finding.at else ""
    return (
        f"| `{c.finding.function}({arguments})` | {which} | {c.gradient:.7g} | {c.truth + 0.0:.7g} | {c.finding.why} |"
    )


def table(confirmed: Sequence[Confirmed]) -> str:
    """Return the findings as tables in Markdown, one for each library."""
    parts = []
    for library, called in VERSIONS.items():
        rows = [row(c) for c in confirmed if library_of(c.finding) == library]
        head = ["| call | by | gradient | truth | |", "|---|---|---:|---:|---|"]
        parts.append("\n".join([f"### {NAMES[library]} {called}", "", *head, *rows]))
    return "\n\n".join(parts)


def ours(finding: Finding) -> Callable[..., Any] | None:
    """Return the function of NumPy or SciPy that is meant, or None if they have none."""
    name = finding.function.rpartition(".")[2]
    name = {"jn": "jv"}.get(name, name)
    if "stats" in finding.function or name == "var":  # to NumPy, an axis of () means something else
        return None
    places = [np, np.linalg, importlib.import_module("scipy.special")]
    return next((getattr(place, name) for place in places if hasattr(place, name)), None)


def write(confirmed: Sequence[Confirmed]) -> None:
    """Put the table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"(?<={re.escape(MARKS[0])}\n).*?(?={re.escape(MARKS[1])})", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: f"\n{table(confirmed)}\n\n", text), encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit.findings", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table of the page anew")
    options = parser.parse_args(words)
    here = [finding for finding in FINDINGS if version(library_of(finding))]
    confirmed = [confirm(finding) for finding in here]
    for name in BACKENDS:
        print(f"{name} {version(name) or 'is not installed'}")
    for c in confirmed:
        mark = "" if c.stands else "   DOES NOT STAND: "
        values = "" if c.stands else f"value {c.value:.17g}, truly {c.true_value:.17g}"
        print(f"{c.finding.function}{c.finding.inputs}: {c.gradient:.10g}, truly {c.truth:.10g}{mark}{values}")
    if options.write:
        write([c for c in confirmed if c.stands])
    return int(not all(c.stands for c in confirmed))


if __name__ == "__main__":
    raise SystemExit(main())
