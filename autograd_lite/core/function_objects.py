"""Callable objects that `help`, editors and the reference show as functions: with a signature, a text, an example."""

from __future__ import annotations

import inspect
from typing import Any


class _OfInstance:
    """An attribute with one value for a class, and one that each instance computes when it is read.

    Args:
        of_class: the value for the class.
        method: the name of the method that computes the other.
    """

    def __init__(self, of_class: Any, method: str) -> None:
        self.of_class, self.method = of_class, method

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.of_class if instance is None else getattr(instance, self.method)()


class FunctionObject:
    """Base class of callable objects that are shown as functions.

    `help(f)` prints the name, the signature and the docstring of the object, where it would print those of its class.
    The docstring is made when it is read, so that objects which are made from tables cost no text until then.

    Attributes:
        __name__: the name, set by a subclass.

    Example:
        >>> class Power(FunctionObject):
        ...     def __init__(self, n):
        ...         self.__name__, self.n = f"power_{n}", n
        ...     def __call__(self, x):
        ...         return x**self.n
        ...     def describe(self):
        ...         return f"Return x to the power {self.n}."
        >>> import pydoc
        >>> print(pydoc.plaintext.document(Power(3)))
        power_3(x)
            Return x to the power 3.
        <BLANKLINE>
    """

    __name__: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__doc__ = _OfInstance(vars(cls).get("__doc__"), "describe")  # type: ignore[assignment]
        cls.__signature__ = _OfInstance(None, "signature")  # type: ignore[attr-defined]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the object itself, as an attribute of a class too: `help` takes descriptors for functions."""
        return self

    def describe(self) -> str:
        """Return the docstring."""
        raise NotImplementedError

    def signature(self) -> inspect.Signature:
        """Return the signature: that of `__call__`, unless a subclass has another one."""
        return inspect.signature(self.__call__)  # type: ignore[operator]
