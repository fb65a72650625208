"""Docstrings describe the arguments of what is public, where they are read: none of them says "see the module"."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import EnumType
from typing import Any

import nn
from autograd_lite.extend import described_arguments

from .test_reference import ENTRIES

# Of names that other libraries describe, and of operations, `tests/scipy` and `tests/nn/ops` ask for more.
ELSEWHERE = ("autograd_lite.scipy", "nn.ops")
# A text that sends its reader elsewhere.
POINTER = re.compile(r"^(?:see|as (?:in|for|of|those of)) |see the module|\blikewise\b")


def described(thing: Any) -> dict[str, str]:
    """Return the text of each argument; those of a record of the core are its attributes."""
    text = inspect.getdoc(thing) or ""
    groups = described_arguments(text)
    if inspect.isclass(thing) and not thing.__module__.startswith("autograd_lite.nn"):
        groups |= described_arguments(text.replace("\nArgs:\n", "\n").replace("\nAttributes:\n", "\nArgs:\n"))
    return {name: text for names, text in groups.items() for name in names}


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
    if getattr(thing, "_is_protocol", False) or isinstance(thing, EnumType):  # it is never called
        return []
    try:
        parameters = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return []
    return [name for name in parameters if name not in ("self", "cls", *described(thing)) and name[0] != "_"]


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


def test_every_argument_is_described_where_it_is_read() -> None:
    public = dict([*things(), *methods()])
    assert len(public) > 1_450
    assert {name: missing for name, thing in public.items() if (missing := silent(thing))} == {}
    assert [
        f"{name}: {argument}: {text}"
        for name, thing in public.items()
        for argument, text in described(thing).items()
        if POINTER.search(text)
    ] == []


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
