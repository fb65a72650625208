"""What distributions of one and of several variables share: SciPy's names, and SciPy where there are no Tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import scipy.stats

from ...core.errors import UnsupportedError

C = TypeVar("C", bound=type)

_OF_X = {
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
_MOMENTS = {
    "mean": "the mean",
    "var": "the variance",
    "std": "the standard deviation",
    "median": "the median",
    "entropy": "the entropy",
}


def _method(name: str) -> Callable[..., Any]:
    def of_x(self: Any, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        if x is None:
            called = next(iter(inspect.signature(getattr(self.original, name)).parameters))  # x, k or q
            if called not in kwargs:
                raise TypeError(f"scipy.stats.{self.name}.{name}: expected {called} first, or by name; received none")
            x = kwargs.pop(called)
        return self.answer(name, x, args, kwargs)

    def of_parameters(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.moment(name, args, kwargs)

    method = of_x if name in _OF_X else of_parameters
    method.__name__, method.__doc__ = name, f"Return {(_OF_X | _MOMENTS)[name]}."
    return method


def with_methods(names: str) -> Callable[[C], C]:
    """Decorate a class of distributions: give it SciPy's methods of these names."""

    def decorate(cls: C) -> C:
        for name in names.split():
            setattr(cls, name, _method(name))
        return cls

    return decorate


class Named:
    """A distribution under its name in `scipy.stats`, whose methods have gradients by every argument.

    With arrays and numbers alone, and for everything that is not listed here, it is SciPy's own.

    Args:
        name: its name in `scipy.stats`.
    """

    def __init__(self, name: str) -> None:
        self.name, self.original = name, getattr(scipy.stats, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        """Return the distribution with its parameters fixed, as SciPy does."""
        return Frozen(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.original, name)

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
            return lambda *x, **named: getattr(self.dist, name)(*x, *_first(named), *self.args, **named, **self.kwds)
        return getattr(self.dist.original(*self.args, **self.kwds), name)

    def __repr__(self) -> str:
        parameters = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwds.items())]
        return f"{repr(self.dist).rstrip('>')}({', '.join(parameters)})>"
