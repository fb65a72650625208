"""`help` of every distribution: signature, support, parameters, formula, and an example that agrees with SciPy."""

from __future__ import annotations

import inspect
import pydoc
import re
import sys
from typing import Any

import numpy as np
import pytest
import scipy.stats

from autograd_lite.scipy import stats
from autograd_lite.scipy.stats import descriptions

from ...examples import run
from ...rows import for_every

NAMES = stats.__all__
SINGLE = [name for name in NAMES if name not in descriptions.JOINT]


def test_there_are_128() -> None:
    assert len(NAMES) == 128


@for_every(NAMES)
def test_help_shows_what_one_needs(name: str) -> None:
    thing = getattr(stats, name)
    shown = pydoc.plaintext.document(thing)
    head, text = shown.partition("\n")[0], inspect.getdoc(thing)
    assert head == f"{name}{inspect.signature(thing)}"
    names = list(inspect.signature(thing).parameters)
    if name in SINGLE:
        expected = (scipy_shapes(name), ["loc"] if thing.discrete else ["loc", "scale"])
        assert names == [*expected[0], *expected[1]]
    assert text is not None
    args = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^    (\w+): \S", args, re.MULTILINE) == names
    assert re.search(r"\.\. math::\s+\S", text), "no formula"
    assert not re.search(r"\[\d\]_|_`", text), "a reference that leads nowhere"
    assert re.search(r"^The support.*\.$", text, re.MULTILINE)
    assert max(map(len, text.split("\n"))) <= 120


def scipy_shapes(name: str) -> list[str]:
    shapes = getattr(scipy.stats, name).shapes
    return shapes.split(", ") if shapes else []


@for_every(NAMES)
def test_the_example_runs(name: str) -> None:
    names = run(inspect.getdoc(getattr(stats, name)) or "", name)
    if name not in SINGLE:
        return
    thing, original = getattr(stats, name), getattr(scipy.stats, name)
    shapes = [names[shape] for shape in thing.shapes]
    first = names["k" if thing.discrete else "x"]
    low, high = original.support(*shapes)
    assert low <= first <= high
    # The slopes are those of SciPy's log density.
    log = original.logpmf if thing.discrete else original.logpdf
    arguments = [first, *(shapes or (names["loc"], names["scale"]))]
    counts = [arg in thing.row.integers for arg in thing.shapes] or [False, False]
    by = [i for i, fixed in enumerate([thing.discrete, *counts]) if not fixed]
    assert len(names["slopes"]) == len(by)
    assert np.any(names["slopes"]), "an example of zeros"
    for i, slope in zip(by, names["slopes"], strict=True):
        h = 1e-5 * max(1.0, abs(arguments[i]))
        ends = [log(*(a + s * h if j == i else a for j, a in enumerate(arguments))) for s in (1, -1)]
        if np.all(np.isfinite(ends)):
            assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-3, abs=1e-4), (name, i)


@for_every(SINGLE)
def test_the_support_is_scipys(name: str) -> None:
    thing = getattr(stats, name)
    text = re.search(r"^The support .*", inspect.getdoc(thing) or "", re.MULTILINE)
    assert text is not None
    low, high = getattr(scipy.stats, name).support(*descriptions.example_values(thing))
    numbers = [
        float(x) for x in re.findall(r"-?inf|-?\d+(?:\.\d+)?(?:e[-+]\d+)?", text[0].partition(" it is ")[2] or text[0])
    ]
    if "all integers" not in text[0]:
        assert numbers[0] == pytest.approx(low, rel=1e-5)
        assert np.isinf(high) or numbers[1] == pytest.approx(high, rel=1e-5)
    ours = [end for end in thing.row.support if not callable(end)]
    assert ours == [] or set(ours) <= {low, high}


@for_every(["norm", "gamma", "binom", "beta", "multivariate_normal", "matrix_normal"])
def test_methods_have_the_parameters_of_their_distribution(name: str) -> None:
    thing = getattr(stats, name)
    for method in thing.names:
        if not hasattr(thing.original, method):
            continue
        ours = getattr(thing, method)
        text, names = inspect.getdoc(ours) or "", list(inspect.signature(ours).parameters)
        assert pydoc.plaintext.document(ours).startswith(f"{method}({names[0]}")
        args = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
        assert re.findall(r"^    (\w+): \S", args, re.MULTILINE) == names
        assert ours is getattr(thing, method)
        if name in SINGLE:
            run(text, f"{name}.{method}")


def test_signatures() -> None:
    assert str(inspect.signature(stats.norm)) == "(loc=0, scale=1)"
    assert str(inspect.signature(stats.gamma.logpdf)) == "(x, a, loc=0, scale=1)"
    assert str(inspect.signature(stats.binom.ppf)) == "(q, n, p, loc=0)"
    assert str(inspect.signature(stats.beta.mean)) == "(a, b, loc=0, scale=1)"


def test_a_text_is_made_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("made")

    monkeypatch.setattr(sys.modules["autograd_lite.scipy.stats.methods"], "describe", refuse)
    assert float(stats.norm.logpdf(0.0)) == scipy.stats.norm.logpdf(0.0)
    with pytest.raises(AssertionError, match="made"):
        _ = stats.norm.__doc__


def test_without_scipys_docstrings_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `python -OO`."""
    monkeypatch.setattr(scipy.stats.norm, "__doc__", None)
    text = inspect.getdoc(stats.norm) or ""
    assert "The support is (-inf, inf)" in text
    assert ">>> x, loc, scale" in text
