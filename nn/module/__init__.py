"""The base of all that computes: a tree of parts with parameters, state, masks and penalties."""

from ..config.registry import snake_case as snake_case
from .module import Module as Module, Parameter as Parameter
