"""The page of the reference on NumPy: what Tensors make of every function that can be overridden, computed.

Write it anew with AUTOGRAD_LITE_WRITE_GOLDEN=1.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.fft
import numpy.lib.recfunctions
import numpy.lib.scimath
import pytest
from numpy.testing import overrides

import autograd_lite as ag
from autograd_lite.core.op import BY_FUNCTION, BY_UFUNC, COMPOSED, Op
from autograd_lite.tensors.protocols import instead_of, resolve_function, resolve_ufunc

from .all_cases import COMPOSED_CASES
from .laws.test_composed import arrays_of, parts

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="the table is that of NumPy 2.4"),
]
PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "numpy.md"
SECTIONS: dict[str, Any] = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft}
ELSEWHERE = {
    "numpy.lib.stride_tricks": np.lib.stride_tricks,
    "numpy.emath": np.emath,
    "numpy.lib.recfunctions": numpy.lib.recfunctions,
}
MODULES = {**SECTIONS, **ELSEWHERE}
DIFFERENTIABLE, FORWARD, REFUSED = "differentiable", "forward only", "refused"


class Row(NamedTuple):
    """One function: its names, what becomes of it, and by what."""

    names: tuple[str, ...]
    status: str
    note: str


EXAMPLE = """
```python
>>> import numpy as np
>>> import autograd_lite as ag
>>> x = ag.tensor([3.0, 1.0, 2.0], requires_grad=True)
>>> np.sort(x)  # differentiable
Tensor([1., 2., 3.], op=take_along_axis)
>>> np.argmax(x)  # forward only
Tensor(0, op=argmax)
>>> np.save("x.npy", x)  # refused
Traceback (most recent call last):
autograd_lite.core.errors.UnsupportedError: np.save is not supported on Tensors. Write np.save(path, x.numpy())...
```"""


def functions_of(module: Any) -> dict[Callable[..., Any], tuple[str, ...]]:
    """Return the functions of a module that Tensors are asked about, and all names it has for each."""
    overridable = overrides.get_overridable_numpy_array_functions()
    found: dict[Callable[..., Any], tuple[str, ...]] = {}
    for name in sorted(dir(module)):
        value = getattr(module, name)
        public = not name.startswith("_") and callable(value) and not isinstance(value, type)
        if public and (isinstance(value, np.ufunc) or value in overridable):
            found[value] = (*found.get(value, ()), name)
    return {f: (f.__name__, *(n for n in names if n != f.__name__)) for f, names in found.items()}


def has_gradient(function: Callable[..., Any]) -> bool:
    """Return whether in a case of a composed function a result depends on a floating input with a gradient."""
    with np.errstate(all="ignore"):
        return any(
            getattr(part, "requires_grad", False)
            for case in COMPOSED_CASES
            if case.function is function
            for part in parts(case.calls[0](*(ag.tensor(a, requires_grad=True) for a in arrays_of(case))))
        )


def row_of(function: Any, names: tuple[str, ...]) -> Row:
    op: Op | None = BY_UFUNC.get(function) if isinstance(function, np.ufunc) else BY_FUNCTION.get(function)
    if op is not None:
        flat = all(rule is None for rule in op.rules) if isinstance(op.rules, tuple) else not op.differentiable
        return Row(names, FORWARD if flat else DIFFERENTIABLE, f"op `{op.name}`")
    if function in COMPOSED:
        return Row(names, DIFFERENTIABLE if has_gradient(function) else FORWARD, "of other functions")
    return Row(names, REFUSED, instead_of(function.__name__))


@functools.cache
def rows(title: str) -> list[Row]:
    return sorted(row_of(function, names) for function, names in functions_of(MODULES[title]).items())


def page() -> Iterator[str]:
    known = [row for title in SECTIONS for row in rows(title)]
    count = {status: sum(row.status == status for row in known) for status in (DIFFERENTIABLE, FORWARD, REFUSED)}
    yield "# NumPy on Tensors"
    yield ""
    yield "A test computes this page from the tables of operations and NumPy 2.4's own list of functions that can be"
    yield f"overridden. Of the {len(known)} in `numpy`, `numpy.linalg` and `numpy.fft`:"
    yield ""
    yield f"- {count[DIFFERENTIABLE]} are **differentiable**: gradients flow through them, to any order;"
    yield f"- {count[FORWARD]} are **forward only**: they take Tensors, and their results have no gradient to carry;"
    yield f"- {count[REFUSED]} are **refused**, with an error that says what to write instead."
    yield ""
    yield "An argument that cannot be honored is refused as well, never ignored. The methods of ufuncs (`reduce`,"
    yield "`accumulate`, `reduceat`, `outer`, `at`) work too, and so do the arguments `out=`, `where=`, `initial=` and"
    yield "`dtype=` wherever no gradient would be lost."
    yield from EXAMPLE.split("\n")
    for title in MODULES:
        yield from ("", f"## {title}", "", "| function | status | how |", "|---|---|---|")
        for row in rows(title):
            names = ", ".join(f"`{name}`" for name in row.names)
            yield f"| {names} | {row.status} | {row.note} |"


def test_the_page_is_what_the_tables_say() -> None:
    text = "\n".join(page()) + "\n"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "numpy.md is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"


def test_at_least_250_functions_take_tensors() -> None:
    assert sum(row.status != REFUSED for title in SECTIONS for row in rows(title)) >= 250


@pytest.mark.parametrize("title", MODULES)
def test_what_is_refused_raises_with_a_reason(title: str) -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    refused = {names[0]: f for f, names in functions_of(MODULES[title]).items()}
    for row in rows(title):
        if row.status == REFUSED:
            assert row.note, row.names
            function = refused[row.names[0]]
            ufunc = isinstance(function, np.ufunc)
            with pytest.raises(ag.UnsupportedError, match="is not supported on Tensors"):
                resolve_ufunc(function, "__call__", (x,), {}) if ufunc else resolve_function(function, (x,), {})


def test_every_function_that_can_be_overridden_is_on_the_page() -> None:
    listed = {f for module in MODULES.values() for f in functions_of(module)}
    missing = {f for f in overrides.get_overridable_numpy_array_functions() if f not in listed}
    # NumPy lists some twice: as the function and as what `like=` leads to. No Tensor holds strings.
    missing = {f for f in missing if not f.__module__.startswith(("numpy.strings", "numpy.char", "numpy.polynomial"))}
    assert {f.__name__ for f in missing} <= {f.__name__ for f in listed}


def test_what_is_differentiable_was_seen_to_be() -> None:
    """A function of indices and one of shapes are not; a sum and a sort are."""
    status = {row.names[0]: row.status for row in rows("numpy")}
    assert {status[name] for name in ("sum", "sort", "cumprod", "interp", "put", "unique", "where")} == {DIFFERENTIABLE}
    assert {status[name] for name in ("argsort", "zeros_like", "nonzero", "greater", "shape")} == {FORWARD}
    assert {status[name] for name in ("isnat", "zeros", "save")} == {REFUSED}
