"""Laws over the table of distributions: values are SciPy's, derivatives those of SciPy's values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.stats

import autograd_lite as ag
from autograd_lite.scipy import stats

from .cases import DISCRETE, KNOWN, selected
from .reference import derivative

SHARES = np.array([0.03, 0.21, 0.47, 0.77, 0.96])
# Where SciPy's own values, of integrals by `quad` and of Fog's program, are less exact than ours.
EXACT: dict[str, float] = {
    "genhyperbolic": 1e-8,
    "geninvgauss": 1e-6,
    "nchypergeom_wallenius": 1e-7,
    "norminvgauss": 1e-8,
    "skewnorm": 1e-9,
    "crystalball": 1e-9,
}
LOC, SCALE = 0.7, 1.3


class Call(NamedTuple):
    """A method of a distribution with its arguments, of which names are given those that a derivative is taken by."""

    name: str
    method: str
    arguments: tuple[Any, ...]
    by: dict[int, str]

    def ours(self, *arguments: Any) -> Any:
        return getattr(getattr(stats, self.name), self.method)(*arguments)

    def theirs(self, *arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return getattr(getattr(scipy.stats, self.name), self.method)(*arguments)


def calls(name: str, methods: str, brief: bool = False) -> Iterator[Call]:
    """Yield the calls of some methods, for each set of shapes, or in brief for the last and fewer points."""
    shares = SHARES[1::2] if brief else SHARES
    distribution = getattr(stats, name)
    discrete = name in DISCRETE
    for shapes in KNOWN[name][-1:] if brief else KNOWN[name]:
        where = (2,) if discrete else (LOC, SCALE)
        rest = (*shapes, *where)
        x = getattr(scipy.stats, name).ppf(shares, *rest)
        names = ("x", *distribution.shapes, "loc", "scale")
        steps = {"x", "loc"} if discrete else set()
        by = {i: n for i, n in enumerate(names[: len(rest) + 1]) if n not in {*steps, *distribution.row.integers}}
        for method in methods.replace("pdf", "pmf").split() if discrete else methods.split():
            yield Call(name, method, (shares if method in ("ppf", "isf") else x, *rest), by)


def close(ours: Any, theirs: Any, tolerance: Any, least: float) -> Any:
    """Return whether values agree, relative to themselves but for small ones; equal infinities do."""
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(theirs), least)
        return np.all((ours == theirs) | (np.abs(ours - theirs) <= tolerance * size))


@pytest.mark.parametrize("name", selected(KNOWN))
def test_values_are_scipys(name: str) -> None:
    for call in calls(name, "logpdf pdf cdf sf logcdf logsf"):
        x, *rest = call.arguments
        found = call.ours(ag.tensor(x), *rest).numpy()
        expected = call.theirs(*call.arguments)
        assert close(found, expected, EXACT.get(name, 1e-10), 1e-2), (call, found, expected)
        assert found.dtype == expected.dtype


def gradient(call: Call, i: int) -> Any:
    arguments = [*call.arguments]
    arguments[i] = t = ag.tensor(
        np.broadcast_to(np.asarray(arguments[i], float), np.shape(arguments[0])), requires_grad=True
    )
    call.ours(*arguments).sum().backward()
    return t.grad


def room(call: Call, i: int) -> Any:
    """Return how far an argument is from the end of where the function is defined."""
    if call.method in ("ppf", "isf"):
        return np.minimum(call.arguments[0], 1 - call.arguments[0]) if i == 0 else np.inf
    x, *rest = call.arguments
    if call.name in DISCRETE:
        return np.inf
    low, high = getattr(scipy.stats, call.name).support(*rest)
    moves = i in (0, len(rest) - 1, len(rest)) or any(map(callable, getattr(stats, call.name).row.support))
    by_scale = i == len(rest)  # which moves x by as much as it is larger than the scale
    pace = np.maximum(1, np.abs(x - rest[-2]) / rest[-1]) if by_scale else 1
    return np.minimum(x - low, high - x) / pace if moves else np.inf


def check_gradients(name: str, methods: str, brief: bool = False) -> None:
    for call in calls(name, methods, brief):
        for i, by in call.by.items():
            found = gradient(call, i)

            def f(v: Any, i: int = i, call: Call = call) -> Any:
                return call.theirs(*(v if j == i else a for j, a in enumerate(call.arguments)))

            expected, off = derivative(f, call.arguments[i], room(call, i))
            fine = np.isfinite(expected)  # P(X > x) = 0 at the end of a discrete support
            assert fine.any()
            found, expected, off = found[fine], expected[fine], off[fine]
            least = 1e-2 * np.max(np.abs(expected)) + 1e-5
            bound = 1e-7 + 20 * np.abs(off) / np.maximum(np.abs(expected), least) + 100 * EXACT.get(name, 0.0)
            assert np.median(bound) < 1e-5 or name in EXACT, "the reference is not exact enough"
            assert close(found, expected, bound, least), (call, by, found, expected, off)


@pytest.mark.parametrize("name", selected(KNOWN))
def test_the_gradient_of_the_log_density_is_that_of_scipys_values(name: str) -> None:
    check_gradients(name, "logpdf")


@pytest.mark.ci
@pytest.mark.parametrize("name", KNOWN)
def test_gradients_of_probabilities_are_those_of_scipys_values(name: str) -> None:
    check_gradients(name, "cdf logsf", brief=True)
