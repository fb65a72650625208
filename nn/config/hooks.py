"""All calls from a lower layer of nn up to a higher one: typed slots, which the package itself fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Hooks:
    """The functions of higher layers.

    Attributes:
        load_room: `(name) -> None`, loads what a configuration calls "layers.Dense", or for None all that
            configurations name.
        operate: `(function's name, args, kwargs) -> symbols`, makes a layer of an operator;
            `nn.layers.operation` has it.
        symbols_of: `(module, "input" or "output") -> symbols`, or NO_PLACE for a module that is in no model;
            `nn.models.places` has it.
    """

    __slots__ = ("load_room", "operate", "symbols_of")

    load_room: Callable[[str | None], None]
    operate: Callable[[str, tuple[Any, ...], dict[str, Any]], Any]
    symbols_of: Callable[[Any, str], Any]


HOOKS = Hooks()
