"""docs/reference/scipy.md and the refusals, which come from one table each: what takes Tensors, and what does not.

Write the page anew with AUTOGRAD_LITE_WRITE_GOLDEN=1.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy

import autograd_lite as ag
from autograd_lite.scipy import integrate, linalg, signal
from autograd_lite.scipy.advice import AREAS, LEFT_OUT
from autograd_lite.scipy.calls import ROWS

from ..rows import for_every
from .cases import OF_EACH, Case

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "scipy.md"
MODULES = {name: importlib.import_module(f"autograd_lite.scipy.{name}") for name in AREAS}

INTRODUCTION = """\
# SciPy on Tensors

SciPy makes arrays of its arguments without asking, so its functions refuse Tensors that require a gradient, and the
error names what takes them: the same names under `autograd_lite.scipy`, with SciPy's signatures and values. Without
Tensors a call is SciPy's own. The ufuncs of `scipy.special` take Tensors themselves ([SciPy's special
functions](special.md)), distributions are in [`autograd_lite.scipy.stats`](stats.md), and
optimization is in [`autograd_lite.optimize`](../guides/optimize.md).

```python scipy
>>> import numpy as np
>>> import autograd_lite as ag
>>> from autograd_lite.scipy import integrate, linalg
>>> a = np.array([[2.0, 1.0], [0.0, 3.0]])
>>> ag.grad(lambda b: linalg.solve_triangular(a, b)[0])(np.ones(2))
array([ 0.5       , -0.16666667])
>>> def end(rate):
...     return integrate.solve_ivp(lambda t, y: -rate * y, (0, 1), [1.0], rtol=1e-9, atol=1e-9).y[0, -1]
>>> round(float(ag.grad(end)(2.0)), 7), round(-float(np.exp(-2.0)), 7)
(-0.1353353, -0.1353353)

```

All functions below have derivatives of every order by the arguments that are named, in reverse and forward mode, and
work in `vmap` and `compile` unless their course depends on values (the number of steps, orders of pivots). An argument
of SciPy's that cannot be honored is refused, never ignored.

A differential equation is solved by [`autograd_lite.integrate`](integrate.md), with SciPy's steps. The derivative is
that of the discrete solution, with the lengths of the steps as constants, and by times the slope f(t, y), which is that
of the exact solution. The equations of implicit steps (Radau, BDF) are differentiated as such; the values stay SciPy's.
`odeint` returns LSODA's values; the derivatives are those of steps of DOP853, or of Radau for a stiff problem, with
tighter tolerances. The moments of events are differentiated as roots; where one ends the solution, the last entry of
`t` has a gradient too. With `t_eval` the shapes are known, and both work in `vmap` and `compile`.
"""


def page() -> Iterator[str]:
    yield INTRODUCTION.rstrip()
    for module in AREAS:
        yield from ("", f"## autograd_lite.scipy.{module}", "", "| function | derivatives by | |", "|---|---|---|")
        for row in sorted(row for row in ROWS.values() if row.name.startswith(f"{module}.")):
            yield f"| `{row.name.partition('.')[2]}` | {row.by} | {row.note} |"
        if module == "linalg":
            yield from ("", "A page for each, with an example:", "", "```{objects} autograd_lite.scipy.linalg", "```")
        left = {name.partition(".")[2]: why for name, why in LEFT_OUT.items() if name.startswith(f"{module}.")}
        if left:
            yield from ("", "Not here:", "", *(f"- `{name}`: {why}." for name, why in left.items()))
    yield from ("", "`signal.dot_convolve` is ours:", str(inspect.getdoc(signal.dot_convolve)).splitlines()[0])


def test_the_page_is_what_the_rows_say() -> None:
    text = "\n".join(page()) + "\n"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "scipy.md is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"


@pytest.mark.parametrize("module", AREAS)
def test_the_names_are_those_of_the_module_and_of_scipy(module: str) -> None:
    rows = [row for row in ROWS.values() if row.name.startswith(f"{module}.")]
    assert rows
    for row in rows:
        name = row.name.partition(".")[2]
        assert row.original is getattr(importlib.import_module(f"scipy.{module}"), name)
        assert callable(getattr(MODULES[module], name))


def test_each_function_has_a_row_that_the_laws_are_tried_on() -> None:
    assert {case.name.split()[0] for case in OF_EACH} == set(ROWS)


recent = pytest.mark.skipif(
    np.lib.NumpyVersion(scipy.__version__) < "1.16.0",
    reason="signatures and refusals are those of SciPy 1.16 and later",
)


@recent
@for_every(list(ROWS.values()))
def test_our_arguments_are_scipys(row: object) -> None:
    theirs, ours = (inspect.signature(f).parameters for f in (row.original, row.ours))  # type: ignore[attr-defined]
    if any(p.kind is p.VAR_POSITIONAL for p in theirs.values()):
        return
    for name, p in ours.items():
        if p.kind is not p.VAR_KEYWORD:
            assert name in theirs, name
            default = theirs[name].default
            assert (p.default is p.empty) == (default is p.empty), name
            assert p.default == default or type(default) is object or p.default is default or default != default


# Of these SciPy itself calls only what Tensors have, or another function's refusal comes first.
ELSEWHERE = {"integrate.fixed_quad", "integrate.quad", "linalg.cho_solve", "linalg.circulant", "linalg.lu_solve"}


@recent
@for_every([case for case in OF_EACH if case.name.split()[0] not in ELSEWHERE])
def test_scipys_own_function_names_ours(case: Case) -> None:
    name = case.name.split()[0]
    theirs = importlib.import_module(f"scipy.{name.partition('.')[0]}")
    with pytest.raises(
        ag.GradError, match=f"scipy.{name} takes arrays alone; autograd_lite.scipy.{name} takes Tensors"
    ):
        case.call(theirs, *(ag.tensor(a, requires_grad=True) for a in case.inputs))


def test_what_is_left_out_says_why() -> None:
    theirs = importlib.import_module("scipy.linalg")
    with pytest.raises(
        ag.GradError, match="scipy.linalg.schur is not supported on Tensors: its factors are unique only"
    ):
        ag.grad(lambda a: theirs.schur(a)[0].sum())(np.eye(2))


def test_an_argument_that_is_not_honoured_is_refused() -> None:
    x = ag.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    with pytest.raises(ag.UnsupportedError, match=r"scipy.linalg.pinv: the argument return_rank= is not supported"):
        linalg.pinv(x, return_rank=True)
    with pytest.raises(ag.UnsupportedError, match="expected method among RK23, .*BDF.*; received 'LSODA'"):
        integrate.solve_ivp(lambda t, y: -y, (0, 1), x[0], method="LSODA")
