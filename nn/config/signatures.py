"""The signature of a class as `help`, editors and the reference show it."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args, get_origin

import numpy.typing as npt

from .fields import Converted


class ConstructorSignature:
    """The attribute `__signature__` of a class: the arguments of `__init__`, whatever `__new__` and a metaclass accept.

    Instances have none, so that theirs is that of a call.
    """

    def __get__(self, instance: Any, cls: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        whole = inspect.signature(cls.__init__)  # type: ignore[misc]
        of_base = cls.__init__ is object.__init__  # type: ignore[misc]
        parameters = [] if of_base else list(whole.parameters.values())[1:]
        return inspect.Signature([p.replace(annotation=accepted_type(p.annotation, cls)) for p in parameters])


def accepted_type(annotation: Any, cls: type) -> Any:
    """Return the annotation of the values that a field takes, not of those that it keeps.

    Example:
        >>> accepted_type("Converted[int | Sequence[int], tuple[int, ...]]", object)
        'int | Sequence[int]'
        >>> accepted_type("InitVar[str]", object)
        'str'
    """
    if not isinstance(annotation, str) or annotation.isidentifier():
        alias = next(_meanings(annotation, cls), None)
        return _words(get_args(alias)[0]) if get_origin(alias) is Converted else annotation
    node = ast.parse(annotation, mode="eval").body
    if not isinstance(node, ast.Subscript) or ast.unparse(node.value) not in ("Converted", "InitVar"):
        return annotation
    return ast.unparse(node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice)


def _meanings(name: Any, cls: type) -> Iterator[Any]:
    """Yield what a name stands for in the modules of a class and of its bases."""
    spaces = (vars(sys.modules[base.__module__]) for base in cls.__mro__ if base.__module__ in sys.modules)
    return (space[name] for space in spaces if isinstance(name, str) and name in space)


def _words(kind: Any) -> str:
    """Return a type as one writes it, without the modules of its names."""
    parts, arrays = get_args(kind), get_args(npt.ArrayLike)
    if set(arrays) <= set(parts):
        rest = ["None" if part is NoneType else _words(part) for part in parts if part not in arrays]
        return " | ".join(["ArrayLike", *rest])
    text = inspect.formatannotation(kind)
    for module in ("typing.", "collections.abc.", "numpy.", "autograd_lite.tensors.tensor."):
        text = text.replace(module, "")
    return text
