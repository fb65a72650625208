"""What a function that is being compiled may not do, the error says with the form that works; that form does work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from .test_control import assert_same

X = np.array([1.5, -2.0, 3.0])


def branching(x: Any) -> Any:
    return np.sin(x) if x.sum() > 0 else np.cos(x)


def repeating(x: Any) -> Any:
    while (x * x).sum() > 1:
        x = x / 2
    return x


def counting(x: Any) -> Any:
    n = 0.0
    for _ in range(int(x.max().item())):
        n = n + x.sum()
    return n


def masking(x: Any) -> Any:
    return x[x > 0].sum()


# A function that asks for a value; what the error names; and the form with it.
FORMS: dict[str, tuple[Callable[..., Any], str, Callable[..., Any]]] = {
    "if": (branching, "ag.cond(t > 0, f, g, x)", lambda x: ag.cond(x.sum() > 0, np.sin, np.cos, x)),
    "while": (
        repeating,
        "ag.while_loop(lambda t: t > 0, f, t)",
        lambda x: ag.while_loop(lambda x: (x * x).sum() > 1, lambda x: x / 2, x),
    ),
    "range": (
        counting,
        "ag.fori_loop(0, t, f, x)",
        lambda x: ag.fori_loop(0, x.max().astype(int), lambda i, n: n + x.sum(), 0.0),
    ),
    "mask": (masking, "np.where(mask, t, 0)", lambda x: np.where(x > 0, x, 0).sum()),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_error_names_a_form_that_works(name: str) -> None:
    function, form, instead = FORMS[name]
    with pytest.raises(ag.TraceError) as raised:
        ag.compile(function)(X)
    assert form in str(raised.value)
    assert "test_messages.py" in str(raised.value)
    compiled = ag.compile(instead)
    for x in (X, -X, X * 2, X / 9):
        if name != "range" or x.max() >= 0:
            assert_same(compiled(x), function(ag.tensor(x)) if name != "range" or x.max() >= 1 else np.float64(0))
