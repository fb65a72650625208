"""Docstrings describe the arguments of what is public, where they are read: none of them says "see the module"."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import nn
from autograd_lite.extend import described_arguments

from .test_reference import ENTRIES

# Of names that other libraries describe, and of operations, `tests/scipy` and `tests/nn/ops` ask for more.
ELSEWHERE = ("autograd_lite.scipy", "nn.ops")
# Modules of which every class describes every argument.
DECLARED = ("nn.layers", "nn.losses", "nn.metrics", "nn.initializers", "nn.regularizers", "nn.constraints")
# What a newcomer looks up first.
FIRST = """
    Tensor tensor grad value_and_grad jacobian hessian hvp vjp jvp linearize vmap compile checkpoint scan cond
    while_loop relu sigmoid softmax log_softmax logsumexp set_seed build_graph
"""
POINTER = re.compile(
    r"^(?:see|as in|as for) (?:the module|the loss)|see the module|^as in (?:the base|`Loss`|`Optimizer`)"
)
# A text that sends its reader elsewhere.
ELSEWHERE_TOO = re.compile(r"^(?:see|as (?:in|for|of|those of)) |\blikewise\b")
# Arguments of functions and records that are not described yet; to be lowered when there are fewer.
MOST_WITHOUT = 283


def described(thing: Any) -> dict[str, str]:
    return {name: text for names, text in described_arguments(inspect.getdoc(thing) or "").items() for name in names}


def silent(thing: Any) -> list[str]:
    """Return the arguments that a docstring does not describe.

    >>> def f(x, y, *rest):
    ...     '''Do something.
    ...
    ...     Args:
    ...         x, rest: numbers.
    ...     '''
    >>> silent(f)
    ['y']
    """
    if getattr(thing, "_is_protocol", False):  # it is never called
        return []
    try:
        parameters = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return []
    return [name for name in parameters if name not in described(thing) and name not in ("self", "cls")]


def things() -> Iterator[tuple[str, Any]]:
    yield from ((e.full_name, e.thing) for e in ENTRIES if not e.module.startswith(ELSEWHERE))


def methods() -> Iterator[tuple[str, Any]]:
    """Yield the public methods of nn's public classes, each once."""
    seen = {}
    for name, cls in things():
        for method in dir(cls) if name.startswith("nn.") and inspect.isclass(cls) else ():
            function = getattr(value := inspect.getattr_static(cls, method), "__func__", value)
            if method[0] != "_" and inspect.isfunction(function) and function.__module__.startswith("autograd_lite.nn"):
                seen.setdefault(function, (f"{name}.{method}", getattr(cls, method)))
    yield from seen.values()


def test_no_argument_is_described_by_the_name_of_a_module() -> None:
    assert [
        f"{name}: {argument}: {text}"
        for name, thing in things()
        for argument, text in described(thing).items()
        if POINTER.search(text)
    ] == []


def test_classes_of_layers_and_the_like_describe_every_argument() -> None:
    classes = {e.full_name: e.thing for e in ENTRIES if e.module in DECLARED and inspect.isclass(e.thing)}
    assert len(classes) > 240
    assert {name: missing for name, cls in classes.items() if (missing := silent(cls))} == {}


def test_what_is_looked_up_first_describes_every_argument() -> None:
    public = {name: thing for name, thing in things() if name.startswith("autograd_lite.")}
    names = [name for name in FIRST.split() if f"autograd_lite.{name}" in public]
    assert len(names) > 18
    assert {name: missing for name in names if (missing := silent(public[f"autograd_lite.{name}"]))} == {}


def test_nn_describes_every_argument_where_it_is_read() -> None:
    of_nn = {name: thing for name, thing in [*things(), *methods()] if name.startswith("nn.")}
    assert len(of_nn) > 1_200
    assert {name: missing for name, thing in of_nn.items() if (missing := silent(thing))} == {}
    assert [
        f"{name}: {argument}: {text}"
        for name, thing in of_nn.items()
        for argument, text in described(thing).items()
        if ELSEWHERE_TOO.search(text)
    ] == []


def test_no_more_arguments_are_left_out() -> None:
    missing = [f"{name}({argument})" for name, thing in things() for argument in silent(thing)]
    assert len(missing) <= MOST_WITHOUT, missing[-20:]
    assert len(missing) > MOST_WITHOUT - 40, f"there are {len(missing)} now: lower MOST_WITHOUT"


def test_a_layer_shows_the_arguments_of_its_bases_and_of_its_module() -> None:
    args = described(nn.layers.Conv2D)
    assert list(args)[:2] == ["filters", "kernel_size"]
    assert args["padding"].startswith('"valid" for windows that lie inside')  # the module's
    assert args["name"] == described(nn.layers.Layer)["name"]
    assert "kernel_regularizer" not in described(nn.layers.ReLU)
    assert described(nn.layers.LSTM)["dropout"] == described(nn.layers.LSTMCell)["dropout"]
    assert str(inspect.getdoc(nn.layers.Conv2D)).count("\nArgs:\n") == 1


def test_a_class_without_a_module_has_a_docstring_and_a_signature() -> None:
    """As in a notebook's cell that another program runs."""
    names: dict[str, Any] = {"__name__": "no_such_module", "nn": nn}
    exec('class Own(nn.layers.Layer):\n    """See it.\n\n    Args:\n        x: as in `Other`.\n    """', names)
    assert "input_dim: D" in names["Own"].__doc__
    assert "input_dim" in inspect.signature(names["Own"]).parameters
