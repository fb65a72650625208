"""What distributions of one and of several variables share: SciPy's names, and SciPy where there are no Tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import scipy.stats

from ...core.errors import UnsupportedError
from ...core.function_objects import FunctionObject
from .descriptions import describe, describe_method, method_signature, signature

C = TypeVar("C", bound=type)

OF_X = {
    "logpdf": "the log of the density, -inf outside of the support, where the gradient is 0",
    "pdf": "the density",
    "logpmf": "the log of the probability of k, of a discrete distribution",
    "pmf": "the probability of k, of a discrete distribution",
    "cdf": "P(X <= x)",
    "sf": "P(X > x)",
    "logcdf": "log P(X <= x)",
    "logsf": "log P(X > x)",
    "ppf": "the x for which P(X <= x) = q",
    "isf": "the x for which P(X > x) = q",
}
MOMENTS = {
    "mean": "the mean",
    "var": "the variance",
    "std": "the standard deviation",
    "median": "the median",
    "entropy": "the entropy",
}


class Method(FunctionObject):
    """A method of a distribution, with the parameters of that distribution.

    Args:
        distribution: the distribution.
        name: the name of the method.
    """

    def __init__(self, distribution: Named, name: str) -> None:
        self.__name__, self.__qualname__, self.__module__ = name, f"{distribution.name}.{name}", __package__ or ""
        self.__self__ = distribution

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the distribution answers."""
        distribution, name = self.__self__, self.__name__
        if name in MOMENTS:
            return distribution.moment(name, args, kwargs)
        if args:
            return distribution.answer(name, args[0], args[1:], kwargs)
        called = distribution.argument_of(name)
        if called not in kwargs:
            text = f"expected {called} first, or by name; received none"
            raise TypeError(f"scipy.stats.{distribution.name}.{name}: {text}")
        return distribution.answer(name, kwargs.pop(called), (), kwargs)

    def __repr__(self) -> str:
        return f"<autograd_lite.scipy.stats.{self.__qualname__}>"

    def describe(self) -> str:
        """Return the docstring: what the method returns, and its arguments."""
        return describe_method(self.__self__, self.__name__, (OF_X | MOMENTS)[self.__name__])

    def signature(self) -> inspect.Signature:
        """Return SciPy's signature, with the names of the parameters."""
        return method_signature(self.__self__, self.__name__)


class _Lookup:
    """What finds a method of a distribution, and makes it when it is first asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Named | None, owner: Any = None) -> Any:
        if instance is None:
            return self
        if self.name not in instance.methods:
            instance.methods[self.name] = Method(instance, self.name)
        return instance.methods[self.name]


def with_methods(names: str) -> Callable[[C], C]:
    """Decorate a class of distributions: give it SciPy's methods of these names."""

    def decorate(cls: C) -> C:
        cls.names = tuple(names.split())  # type: ignore[attr-defined]
        for name in names.split():
            setattr(cls, name, _Lookup(name))
        return cls

    return decorate


class Named(FunctionObject):
    """A distribution under its name in `scipy.stats`, whose methods have gradients by every argument.

    With arrays and numbers alone, and for everything that is not listed here, it is SciPy's own.

    Args:
        name: its name in `scipy.stats`.

    Attributes:
        names: those of the methods that take Tensors.
    """

    names: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name, self.original = name, getattr(scipy.stats, name)
        self.__name__ = self.__qualname__ = name
        self.__module__ = __package__ or ""
        self.methods: dict[str, Method] = {}

    def answer(self, method: str, x: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return what a method says of x and the parameters."""
        raise NotImplementedError

    def moment(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return a moment of the distribution with these parameters."""
        raise NotImplementedError

    def has_derivatives(self, method: str) -> bool:
        """Return whether a method takes Tensors."""
        raise NotImplementedError

    def argument_of(self, method: str) -> str:
        """Return what SciPy calls the first argument of a method: x, k or q."""
        return next(iter(inspect.signature(getattr(self.original, method)).parameters))

    def describe(self) -> str:
        """Return the docstring, of SciPy's data."""
        return describe(self)

    def signature(self) -> inspect.Signature:
        """Return the parameters: shapes, loc and scale, with SciPy's defaults."""
        return signature(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        """Return the distribution with its parameters fixed, as SciPy does."""
        return Frozen(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.original, name)

    def __dir__(self) -> list[str]:
        """Return the names that users call, for completion: SciPy's methods, and those of objects."""
        return _methods(self.original)

    def __repr__(self) -> str:
        return f"<autograd_lite.scipy.stats.{self.name}>"

    def refuse(self, method: str, why: str) -> NoReturn:
        """Say that a method has no gradient.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"scipy.stats.{self.name}.{method}: expected arrays, received Tensors; it has no gradient, since {why}. "
            "Pass x.detach().numpy() to compute it without one"
        )


def _methods(distribution: Any) -> list[str]:
    return [n for n in dir(distribution) if not n.startswith("_") and callable(getattr(distribution, n))]


def _first(named: dict[str, Any]) -> list[Any]:
    """Take out what SciPy calls x, k or q, a method's first argument, if it is given by name."""
    return [named.pop(name) for name in ("x", "k", "q", "X") if name in named]


class Frozen:
    """A distribution with its parameters, which may be Tensors; other attributes are those of SciPy's frozen one."""

    def __init__(self, distribution: Named, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = distribution, args, kwargs

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if hasattr(type(self.dist), name):
            method = getattr(self.dist, name)

            def call(*x: Any, **named: Any) -> Any:
                return method(*x, *_first(named), *self.args, **named, **self.kwds)

            call.__name__, call.__doc__ = name, method.__doc__
            return call
        return getattr(self.dist.original(*self.args, **self.kwds), name)

    def __dir__(self) -> list[str]:
        """Return the names of SciPy's frozen distributions, for completion."""
        kinds = {scipy.stats.rv_continuous: scipy.stats.norm(), scipy.stats.rv_discrete: scipy.stats.poisson(1.0)}
        example = next((frozen for kind, frozen in kinds.items() if isinstance(self.dist.original, kind)), None)
        return list(
            {*self.__dict__, *_methods(example or self.dist.original)} - ({"fit"} if example is None else set())
        )

    def __repr__(self) -> str:
        parameters = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwds.items())]
        return f"{repr(self.dist).rstrip('>')}({', '.join(parameters)})>"
