"""The base of all that computes: a tree of parts with parameters, state, masks and penalties."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from ..config.registry import snake_case as snake_case
    from .module import Module as Module, Parameter as Parameter
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
