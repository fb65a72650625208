"""A user's function as functions of a vector: its values, and derivatives that are compiled once that pays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ..compiler.compiled_function import compile as compiled_form
from ..control.body import Body, run_body
from ..control.closure_conversion import example_of, record_body
from ..core.addresses import manual
from ..core.duck_arrays import LAZY, compute_lazy, is_lazy
from ..core.errors import DtypeError, GradError, ReplayError, UnsupportedError
from ..solutions.closures import EVALUATED, PureFunction
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild
from .vectors import Layout, bare

# Compiling takes about as long as these seconds and this many evaluations, of which only small ones count: of large
# arrays it takes no longer. A function is compiled once its evaluations have taken as long, so that a solve never takes
# much more than twice the time of the better choice.
COMPILING, EVALUATIONS, SMALL = 3e-3, 24, 1e-3
COMPILED = "compiled"
# What asks for SciPy's finite differences, where it is not jac='2-point'.
INSTEAD = {"root": "jac=False", "root_scalar": "fprime=False", "constraint": "jac='3-point'"}


class FunctionAt:
    """A pure function of the tree of parameters at values of all else that it reads.

    Args:
        pure: the function.
        theta: its further arguments, arrays or Tensors.
    """

    def __init__(self, pure: PureFunction, theta: Sequence[Any]) -> None:
        self.pure, self.theta = pure, theta

    def __call__(self, parameters: Any) -> Any:
        """Return the function's result."""
        return self.pure(parameters, *self.theta)

    def derive(self, transform: Callable[..., Any], layout: Layout) -> Callable[..., Any]:
        """Return derivatives as a function of the vector, and what else they are a function of, on arrays.

        They are a program, which belongs to the pure function and serves other values too.
        """

        def derivatives(*point: Any) -> Any:
            key = transform, *map(np.shape, point)
            if key not in self.pure.derived:
                self.pure.derived[key] = self._program(transform, layout, point)
            body, out = self.pure.derived[key]
            return rebuild(out, iter(run_body(body, *point, *self.theta)))

        return derivatives

    def _program(self, transform: Callable[..., Any], layout: Layout, point: tuple[Any, ...]) -> tuple[Body, Any]:
        result: list[Any] = []

        def compute(*values: Any) -> list[Any]:
            at, theta = values[: len(point)], values[len(point) :]
            result.append(transform(lambda x: self.pure(layout.unflatten(x), *theta))(*at))
            return leaves(result[-1])

        body = record_body("derivatives", compute, [*point, *map(example_of, self.theta)])
        return body, map_leaves(lambda _: 0, result[-1])


class Derivatives:
    """Derivatives of a function, as a function of a vector: they run as they are at first, and compiled once that pays.

    Args:
        called: what error messages name.
        f: the user's function, of the tree of parameters.
        layout: of the parameters.
        transform: makes the derivatives' function of a function of a vector, as `grad` does.
        args: further arguments of f.
        compiled: whether to compile at once (True), never (False), or when evaluations have taken as long (None).
        remembers: whether to keep the last result: solvers from MINPACK ask twice at the point where they start.

    Attributes:
        choose: called once with the first point, it returns `how`, after `use_sparse` where that pays.
        how: whether a matrix of derivatives is sparse or dense, and why.
    """

    _unguarded = ("last", "replay")  # by compiled functions that read an attribute of this

    def __init__(
        self,
        called: str,
        f: Callable[..., Any],
        layout: Layout,
        transform: Callable[[Callable[..., Any]], Callable[..., Any]],
        args: tuple[Any, ...] = (),
        compiled: bool | None = None,
        remembers: bool = False,
    ) -> None:
        def of_vector(x: Any) -> Any:
            out = f(layout.unflatten(x), *args)
            return out if self.calls else dependent(called, f, out)

        self.called, self.f, self.args, self.compiled = called, f, args, compiled
        self.is_program = isinstance(f, FunctionAt)
        self.of_vector = of_vector
        self.transformed = f.derive(transform, layout) if isinstance(f, FunctionAt) else transform(of_vector)
        self.replay: Any = None
        self.choose: Callable[..., str] | None = None
        self.how = "dense"
        self.calls, self.spent = 0, 0.0
        self.remembers = remembers
        self.last: tuple[tuple[Any, ...], Any] = (), None
        self.replays = self.is_sparse = False
        self.obstacle = "compiled=False was given" if compiled is False else ""

    def prepare(self, *point: Any) -> None:
        """Choose between sparse and dense, at the first point."""
        if self.choose is not None:
            choose, self.choose = self.choose, None
            self.how = choose(*point)

    def use_sparse(self, eager: Callable[..., Any], compiled: Callable[..., Any]) -> None:
        """Take sparse matrices from now on, which are functions of the vector and what else there is."""
        self.is_sparse, self.transformed, self.is_program = True, eager, False
        if self.compiled is not False:
            self.replay, self.replays = compiled, True

    def __call__(self, *point: Any) -> Any:
        """Return the derivatives at a point: the vector, and what else the derivatives are a function of."""
        if self.choose is not None:
            self.prepare(*point)
        if not self.remembers:
            return arrays(self._compute(*point))
        if len(point) != len(self.last[0]) or not all(map(np.array_equal, point, self.last[0])):
            self.last = tuple(map(np.array, point)), arrays(self._compute(*point))
        return self.last[1]

    def _compute(self, *point: Any) -> Any:
        if (points := EVALUATED.get()) is not None:
            points.append(np.array(point[0]))
        if self.replays:
            return self._run_replay(*point)
        if self.is_program:
            return self.transformed(*point)
        begin = perf_counter()
        result = self.transformed(*point) if self.calls else self._first(*point)
        self.spent += perf_counter() - begin
        self.calls += 1
        if LAZY and is_lazy(*map(bare, leaves(result))):
            self.obstacle = "its values are computed on demand, by another library"
        pays = self.spent > COMPILING + EVALUATIONS * min(self.spent / self.calls, SMALL)
        if (pays or self.compiled) and not self.obstacle:
            self.replay = compiled_form(self.transformed)  # which finds what f reads by name in the closures of this
            self.replays = True
        return result

    def _first(self, *point: Any) -> Any:
        try:
            return self.transformed(*point)
        except (GradError, DtypeError, UnsupportedError) as error:
            instead = INSTEAD.get(self.called, "jac='2-point'")
            raise type(error)(
                f"{self.called}: expected {name_of(self.f)} to compute with NumPy's functions on Tensors, so that its "
                f"derivatives are known; or pass {instead} for SciPy's finite differences. {error}"
            ) from error

    def _run_replay(self, *point: Any) -> Any:
        try:
            return self.replay(*point)
        except Exception as error:  # the function as it is raises this again, or does what cannot be compiled
            result = self.transformed(*point)
            self.replays, self.obstacle = False, f"{type(error).__name__}: {error}"
            return result

    @np.errstate(all="ignore")  # what there is to warn of has been warned of
    def confirm(self, *point: Any) -> None:
        """Check that at a point the compiled function gives what the function itself gives.

        Raises:
            ReplayError: if it does not.
        """
        if self.is_program or evaluation_message(self) != COMPILED:
            return
        both = arrays(self._run_replay(*point)), arrays(self.transformed(*point))
        pairs = zip(*map(_numbers, both), strict=True)
        if not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
            raise ReplayError(
                f"{self.called}: expected {name_of(self.f)} to give the same at the same point; at the solution it "
                "gives something else than its compiled form, as a function does that reads what changes during the "
                f"solve (see {manual('guides/compile.md')}). Pass compiled=False"
            )


def on_tensors(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a vector that runs on a Tensor: with its derivatives it shares what they need of a solve."""

    def values(x: Any) -> Any:
        out = f(x if isinstance(x, Tensor) else Tensor(x))
        return stack(out) if isinstance(out, (list, tuple, dict)) else out

    return values


def _numbers(result: Any) -> list[Any]:
    """Return the arrays of a result, of which a sparse matrix has three."""
    return [result.data, result.indices, result.indptr] if hasattr(result, "indptr") else leaves(result)


def arrays(result: Any) -> Any:
    """Return derivatives as arrays: they are Tensors if the function reads Tensors that require gradients."""
    values = tuple(map(bare, result)) if isinstance(result, tuple) else bare(result)
    return compute_lazy(values) if LAZY else values


def evaluation_message(derivatives: Derivatives | None) -> str:
    """Return how derivatives were computed: "compiled", or "not compiled" and why."""
    if derivatives is None:
        return "not compiled: the derivatives were given, or none were needed"
    if derivatives.is_program:
        return COMPILED
    if not derivatives.replays:
        return f"not compiled: {derivatives.obstacle or 'the solve ended before that would have paid'}"
    traces = derivatives.replay.traces
    if any(trace.replay is not None for trace in traces):
        return COMPILED
    runs = [trace.why for trace in traces if trace.first is None]  # where the function itself runs
    return f"not compiled: {runs[-1] if runs else 'the solve ended before it was traced twice'}"


def name_of(f: Any) -> str:
    """Return the name of a function for messages."""
    return getattr(f, "__name__", type(f).__name__)


def of_function(call: Callable[..., Any], f: Callable[..., Any]) -> Callable[..., Any]:
    """Return `call(f, *args)` as a function of args, under the name of f."""
    return functools.update_wrapper(functools.partial(call, f), f)


def dependent(called: str, f: Callable[..., Any], out: Any) -> Any:
    """Return what a function has returned, if it depends on its parameters by operations that are known.

    Raises:
        TypeError: if it is nothing.
        GradError: if it is a constant, as a Python number is.
    """
    if out is None:
        raise TypeError(f"{called}: expected {name_of(f)} to return numbers; received None. Did it forget to return?")
    if all(isinstance(x, (float, int, complex, np.ndarray, np.generic)) for x in leaves(out)):
        raise GradError(
            f"It returned a constant, of type {type(out).__name__}, as float(t), t.item() and math.exp(t) are: use t "
            "itself, and np.exp(t)"
        )
    return out


def stack(out: Any) -> Any:
    """Return the values of a function as one vector: those of an array, or of a container of arrays and numbers."""
    if isinstance(out, (Tensor, np.ndarray, np.generic)) and out.ndim == 1:
        return out
    parts = [np.ravel(x) if isinstance(x, (Tensor, np.ndarray)) else np.atleast_1d(x) for x in leaves(out)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
