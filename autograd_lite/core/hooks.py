"""Where a lower layer must reach up: typed places that the upper layer fills when the package is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Hooks:
    """Functions that Tensor calls and higher layers provide.

    Attributes:
        backward: `(tensor, cotangent, retain_graph, create_graph) -> None`, from `engine`.
        svg: `(tensor) -> str`, the picture of a tensor's history, from `graph`; until that is imported, a function
            of the package that imports it.
    """

    backward: Callable[[Any, Any, bool, bool], None]
    svg: Callable[[Any], str]


HOOKS = Hooks()
