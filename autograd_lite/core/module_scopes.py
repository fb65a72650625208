"""Scopes of operations: the path of the running module, and the model that was called, if it is inside one.

A recorded scope is the path, or, inside a model, `name NUL id NUL path`. Two models may both have a part `dense`; only
a picture that shows both needs their names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

_SEPARATOR = "\0"


class ScopedCall(Protocol):
    """The call of a module: what its result was computed from, as far as recorded since it began, belongs to it."""

    @property
    def began(self) -> int:
        """The stamp of its beginning."""

    def within(self, around: str) -> str:
        """Return the scope inside, by the scope around it."""


def scopes_at(nodes: Iterable[tuple[int, Any]]) -> Iterator[str]:
    """Yield the scopes of nodes: of each that of the innermost call around it.

    Args:
        nodes: the stamp of each, ascending, and the calls of which it is a result, as in `Node.calls`; None for none.
    """
    rows = list(nodes)
    ends: dict[ScopedCall, int] = {}
    for stamp, calls in rows:
        while calls is not None:
            calls, call = calls
            ends[call] = stamp
    coming = sorted(ends, key=lambda call: (-call.began, ends[call]))
    around: list[tuple[float, str]] = [(math.inf, "")]
    for stamp, _ in rows:
        while coming and coming[-1].began < stamp:
            call = coming.pop()
            while around[-1][0] <= call.began:
                around.pop()
            around.append((ends[call], call.within(around[-1][1])))
        while around[-1][0] < stamp:
            around.pop()
        yield around[-1][1]


def scope_of_model(model: Any) -> str:
    """Return the scope inside a model that the user calls."""
    return f"{model.name}{_SEPARATOR}{id(model)}{_SEPARATOR}"


def scope_of_module(path: str, around: str, absolute: bool) -> str:
    """Return the scope inside a module: its path appended to the scope around it, or, if absolute, in its place."""
    model, separator, outer = around.rpartition(_SEPARATOR)
    return f"{model}{separator}{join_paths('' if absolute else outer, path)}"


def path_of(scope: str) -> str:
    """Return the path in a recorded scope."""
    return scope.rpartition(_SEPARATOR)[2]


def display_names(scopes: Iterable[str]) -> dict[str, str]:
    """Return the display names of recorded scopes: paths, after the model's name if there are several models.

    The only model is named as well if it is called more than once: if one of its modules follows another one again.

    Args:
        scopes: of the operations, in order.

    Example:
        >>> from types import SimpleNamespace
        >>> models = [SimpleNamespace(name="net"), SimpleNamespace(name="net")]
        >>> g, d = [scope_of_model(model) for model in models]
        >>> list(display_names([scope_of_module("dense", g, True), scope_of_module("dense", d, True), "loss"]).values())
        ['net.dense', 'net_1.dense', 'loss']
        >>> list(display_names([scope_of_module("dense", g, True), "loss"]).values())
        ['dense', 'loss']
        >>> encoder = [scope_of_module(path, g, True) for path in ("dense", "dense_1")]
        >>> list(display_names([*encoder, *encoder]).values())
        ['net.dense', 'net.dense_1']
    """
    order = [*scopes]
    paths = {scope: scope.rpartition(_SEPARATOR) for scope in dict.fromkeys(order)}
    models = list(dict.fromkeys(model for model, _, _ in paths.values() if model))
    outermost = {scope: path.partition(".")[0] for scope, (model, _, path) in paths.items() if model}
    if len(models) < 2 and not _is_entered_again([outermost[scope] for scope in order if scope in outermost]):
        return {scope: path for scope, (_, _, path) in paths.items()}
    names: dict[str, str] = {"": ""}
    for model in models:
        base, i = model.partition(_SEPARATOR)[0], 0
        while (name := f"{base}_{i}" if i else base) in names.values():
            i += 1
        names[model] = name
    return {scope: join_paths(names[model], path) for scope, (model, _, path) in paths.items()}


def _is_entered_again(outermost: Sequence[str]) -> bool:
    """Return whether a module follows another one that followed it."""
    begun = [name for name, before in zip(outermost, ["", *outermost], strict=False) if name not in ("", before)]
    return len(set(begun)) < len(begun)


def model_around(scope: str, display: str) -> str:
    """Return the model's part of a scope's display name; empty if that is the path alone."""
    path = path_of(scope)
    return display.removesuffix(path).removesuffix(".") if scope != path else ""


def join_paths(outer: str, inner: str) -> str:
    """Join two paths with a dot."""
    return f"{outer}.{inner}" if outer and inner else outer or inner
