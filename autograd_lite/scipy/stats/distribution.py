"""Every method of every distribution of one variable, derived from its row in one place.

Support, parameters out of range, location and scale, logs of tails and inverses are dealt with here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NoReturn

import numpy as np
import scipy.stats

from ...core.duck_arrays import refuse_masked
from ...tensors.sharing import separate
from ...tensors.tensor import Tensor, tensor
from .implicit import solve_implicitly, without_derivatives
from .masks import choose, inner, is_number, may_hold, without_derivative
from .methods import Frozen, Named, with_methods
from .quadrature import integral, total
from .rows import Row, log1mexp

_HOW_TO_ASK = "write {0}.{1}(x, {2}), or {0}({2}).{1}(x)"


@with_methods("logpdf pdf logpmf pmf cdf sf logcdf logsf ppf isf mean var std median entropy")
class Distribution(Named):
    """A distribution of one variable.

    Args:
        name: its name in `scipy.stats`.
        row: its formulas.
    """

    def __init__(self, name: str, row: Row) -> None:
        super().__init__(name)
        self.row = row
        self.shapes: tuple[str, ...] = tuple(self.original.shapes.split(", ")) if self.original.shapes else ()
        self.discrete = isinstance(self.original, scipy.stats.rv_discrete)
        self.parameters = (*self.shapes, "loc") if self.discrete else (*self.shapes, "loc", "scale")

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        """Return the distribution with its parameters fixed, as SciPy does."""
        self._bind("", args, kwargs)
        return super().__call__(*args, **kwargs)

    # ---- arguments --------------------------------------------------------------------------------------------------

    def _bind(self, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """Return the parameters in SciPy's order: shapes, loc, scale."""
        arguments = dict(zip(self.parameters, args, strict=False))
        wrong = [name for name in kwargs if name not in self.parameters or name in arguments]
        arguments |= kwargs
        missing = [name for name in self.shapes if name not in arguments]
        if missing or wrong or len(args) > len(self.parameters):
            self._refuse_names(method, args, kwargs)
        defaults = {"loc": 0, "scale": 1}
        values = [arguments[name] if name in arguments else defaults[name] for name in self.parameters]
        return [v if isinstance(v, Tensor | np.ndarray | np.generic | float | int) else np.asarray(v) for v in values]

    def _refuse_names(self, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> NoReturn:
        call = f"{self.name}.{method}" if method else self.name
        names = ", ".join(self.parameters)
        received = ", ".join([f"{len(args)} by position", *(f"{name}=" for name in kwargs)])
        raise TypeError(
            f"scipy.stats.{call}: expected the parameters {names} (loc and scale have defaults), each once; received "
            f"{received}; {_HOW_TO_ASK.format(self.name, method or 'logpdf', names)}"
        )

    def answer(self, method: str, x: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return what a method says of x and the parameters."""
        values = self._bind(method, args, kwargs)
        if not any(isinstance(v, Tensor) for v in (x, *values)):
            return getattr(self.original, method)(x, *args, **kwargs)
        return _as_tensor(self._value(method, x, values))

    def _value(self, method: str, x: Any, values: Sequence[Any]) -> Any:
        refuse_masked(x, caller=f"scipy.stats.{self.name}.{method}")
        x = x if isinstance(x, Tensor) else np.asarray(x)
        x = x if x.dtype == np.float64 else x.astype(np.float64)  # SciPy computes in double precision, too
        n = len(self.shapes)
        shapes, loc, scale = values[:n], values[n], 1 if self.discrete else values[n + 1]
        bad = self._is_out_of_range(shapes, scale)
        with np.errstate(all="ignore"):
            if method in ("ppf", "isf"):
                value = self._inverse(method, x, shapes)
                value = value if is_number(scale, 1) else value * scale
                value = value if is_number(loc, 0) else value + loc
                return choose(bad, np.nan, value)
            z = x if is_number(loc, 0) else x - loc
            z = z if is_number(scale, 1) else z / scale
            if method.endswith(("pdf", "pmf")):
                value = self._log_density(z, shapes)
                factor = choose(bad, np.nan, 0.0 if is_number(scale, 1) else np.log(scale))
                value = value if is_number(factor, 0) else value - factor
                return value if method.startswith("log") else np.exp(value)
            return choose(bad, np.nan, self._probability(method, z, shapes))

    def _is_out_of_range(self, shapes: Sequence[Any], scale: Any) -> Any:
        """Return where a parameter is out of its range, in which case SciPy answers NaN."""
        plain = [without_derivative(s) for s in shapes]
        if self.row.check is not None:
            fine = self.row.check(*plain)
        else:
            fine = True
            for s in plain:
                fine = fine & (s > 0)
        return np.logical_not(fine if is_number(scale, 1) else fine & (without_derivative(scale) > 0))

    def _support(self, shapes: Sequence[Any]) -> tuple[Any, Any]:
        plain = [without_derivative(s) for s in shapes]
        return tuple(end(*plain) if callable(end) else end for end in self.row.support)

    # ---- densities and probabilities --------------------------------------------------------------------------------

    def _log_density(self, z: Any, shapes: Sequence[Any]) -> Any:
        lower, upper = self._support(shapes)
        at = without_derivative(z)
        outside = ((at < lower) | (at > upper) | np.isinf(at)) if self.row.closed else ((at <= lower) | (at >= upper))
        if self.discrete:
            z = at  # steps are flat, and so are functions that are 0 between integers
            outside = outside | (at > np.floor(at))  # which NaN is not: a formula makes it NaN
        if not may_hold(outside):
            return self.row.logpdf(z, *shapes)
        return np.where(outside, -np.inf, self.row.logpdf(np.where(outside, inner(lower, upper), z), *shapes))

    def _probability(self, method: str, z: Any, shapes: Sequence[Any]) -> Any:
        lower, upper = self._support(shapes)
        if self.discrete:
            z = np.floor(without_derivative(z))
        at = without_derivative(z)
        below, above = at < lower if self.discrete else at <= lower, at >= upper
        outside = below | above
        value = self._tail(method, np.where(outside, inner(lower, upper), z) if may_hold(outside) else z, shapes)
        none, all_ = (-np.inf, 0.0) if method.startswith("log") else (0.0, 1.0)
        if method.endswith("sf"):
            none, all_ = all_, none
        return choose(below, none, choose(above, all_, value))

    def _tail(self, method: str, z: Any, shapes: Sequence[Any]) -> Any:
        """Return one of the four forms within the support, from those that the row states."""
        row = self.row
        stated: Callable[..., Any] | None = getattr(row, method)
        if stated is not None:
            return stated(z, *shapes)
        if row.symmetric and method.endswith("sf"):
            return self._tail(method.replace("sf", "cdf"), -z, shapes)
        log, other = method.startswith("log"), "cdf" if method.endswith("sf") else "sf"
        if log and getattr(row, f"log{other}") is not None:
            return log1mexp(getattr(row, f"log{other}")(z, *shapes))
        if log:
            return np.log(self._tail(method.removeprefix("log"), z, shapes))
        if getattr(row, f"log{method}") is not None:
            return np.exp(getattr(row, f"log{method}")(z, *shapes))
        if getattr(row, f"log{other}") is not None:
            return -np.expm1(getattr(row, f"log{other}")(z, *shapes))
        if getattr(row, other) is not None:
            return 1 - getattr(row, other)(z, *shapes)
        if self.discrete:
            part = total(row.logpdf, z, shapes, self._support(shapes)[0])
            return part if method == "cdf" else 1 - part
        if row.center is None:
            raise AssertionError(f"the row of {self.name} has neither a distribution function nor a center")
        part, low = integral(row.logpdf, z, shapes, row.support[0] == 0, row.center(*map(without_derivative, shapes)))
        return np.where(low == (method == "cdf"), part, 1 - part)

    # ---- inverses ---------------------------------------------------------------------------------------------------

    def _inverse(self, method: str, p: Any, shapes: Sequence[Any]) -> Any:
        """Return SciPy's quantile, with the derivatives that its distribution function gives it."""
        start = _values_of(self.name, method, 1 + len(shapes))(p, *shapes)
        if self.discrete:
            return start
        at, share = without_derivative(start), without_derivative(p)
        ends = np.logical_not(np.isfinite(at) & (share > 0) & (share < 1))
        tail, sign = ("sf", -1) if method == "isf" else ("cdf", 1)
        q = solve_implicitly(
            choose(ends, inner(*self._support(shapes)), start),
            lambda q: sign * (self._tail(tail, q, shapes) - p),
            lambda q: _positive(np.exp(self.row.logpdf(q, *shapes))),
        )
        return choose(ends, start, q)

    # ---- moments ----------------------------------------------------------------------------------------------------

    def has_derivatives(self, method: str) -> bool:
        """Return whether a method takes Tensors: all do, but for moments without a formula."""
        is_moment = bool(self.shapes) and method in ("mean", "var", "std", "entropy")
        return not is_moment or self.row.moment("var" if method == "std" else method) is not None

    def moment(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return a moment by its formula; without shapes it is that of the standard form, a number."""
        values = self._bind(name, args, kwargs)
        if not any(isinstance(v, Tensor) for v in values):
            return getattr(self.original, name)(*args, **kwargs)
        if name == "median":
            return self.answer("ppf", np.asarray(0.5), args, kwargs)
        if name == "std":
            return np.sqrt(self.moment("var", args, kwargs))
        n = len(self.shapes)
        shapes, loc, scale = values[:n], values[n], 1 if self.discrete else values[n + 1]
        formula = self.row.moment(name) if shapes else getattr(self.original, name)
        if formula is None:
            self.refuse(name, "no formula is known here")
        with np.errstate(all="ignore"):
            value = formula(*shapes)
            if name == "entropy":
                value = value if self.discrete else value + np.log(scale)
            else:
                value = value * scale + loc if name == "mean" else value * scale * scale
            value = choose(self._is_out_of_range(shapes, scale), np.nan, value)
        shape = np.broadcast_shapes(*map(np.shape, values))  # formulas leave out what a moment does not depend on
        return _as_tensor(value if np.shape(value) == shape else separate(np.broadcast_to(value, shape)))


def _as_tensor(value: Any) -> Any:
    return value if isinstance(value, Tensor) else tensor(value)


def _positive(density: Any) -> Any:
    """Return a density by which a step is divided; where it is 0 the step is."""
    return choose(without_derivative(density) == 0, np.inf, density)


@cache
def _values_of(name: str, method: str, inputs: int) -> Any:
    """Return SciPy's function as an op without derivatives, which transformations and compiled functions can call."""
    function = getattr(getattr(scipy.stats, name), method)
    return without_derivatives(function, inputs, f"{name}.{method}")
