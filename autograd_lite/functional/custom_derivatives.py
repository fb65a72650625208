"""Functions with custom derivatives, and values through which no derivative flows."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, overload

import numpy as np

from ..core.arguments import require_function
from ..core.docstrings import arguments_from
from ..core.errors import GradError, ShapeError, more_on
from ..ops import barrier
from ..tensors.tensor import Tensor
from ..tensors.user_rules import alike
from ..tree import map as map_leaves
from .derivative_rules import sum_of, zeros_like
from .primitives import Placeholder, Primitive


def stop_gradient(x: Any) -> Any:
    """Return the same values, through which no derivative flows, in any mode.

    Args:
        x: a Tensor or array, or a container of them.

    Example:
        >>> from autograd_lite import grad
        >>> grad(lambda x: x * stop_gradient(x))(3.0)
        np.float64(3.0)
    """
    return map_leaves(lambda a: barrier.stop_gradient(a) if isinstance(a, (Tensor, np.ndarray)) else a, x)


# ---- custom derivatives ---------------------------------------------------------------------------------------------


@overload
def primitive(
    f: Callable[..., Any],
    *,
    opaque: bool = False,
    residuals: bool = False,
    name: str | None = None,
    placeholder: Placeholder = None,
) -> Primitive: ...
@overload
def primitive(
    f: None = None,
    *,
    opaque: bool = False,
    residuals: bool = False,
    name: str | None = None,
    placeholder: Placeholder = None,
) -> Callable[[Callable[..., Any]], Primitive]: ...


def primitive(
    f: Any = None,
    *,
    opaque: bool = False,
    residuals: bool = False,
    name: str | None = None,
    placeholder: Placeholder = None,
) -> Any:
    """Make a function an operation with derivatives of its own: one node of the record, whatever it does inside.

    The function is called with plain arrays, as if outside all transformations, and may do anything. Its rules are set
    with the methods `def_vjp`, `def_vjps`, `def_jvp`, `def_jvps` and `def_linear`, in any number: only those asked for
    run, and what reverse or forward mode lacks follows from the other by transposing. Keywords and the result reach the
    rules. The function and its rules may take and return containers of arrays.

    If a rule is written with NumPy functions that Tensors support, it can be differentiated itself, to any order; it
    gets arrays in a first backward pass, and otherwise Tensors. A function that is written so is compiled like any
    other where a compiled function calls it; others are called at every replay.

    Args:
        f: the function; without one, a decorator is returned.
        opaque: the function and the rules take arrays alone, as SciPy's solvers do. In batches (`vmap`, `jacobian`)
            they are then called once for each example; a rule that is lacking costs a call of the other for each
            element. A derivative of such a rule by anything but the cotangent or tangent raises, unless it can take
            Tensors after all.
        residuals: the function returns `(result, residuals)`: the call returns the result, and the rules get the
            residuals, anything that the function has computed on its way, as the keyword `residuals`. They are kept as
            they are, for as long as what a rule reads. A second derivative, and a batch or a compiled function where
            the rules are not opaque, takes them from the function itself, which then runs on Tensors.
        name: of the operation in pictures and messages; by default the function's.
        placeholder: for a function that does more than to compute, such as to talk to other processes: one of the same
            arguments, arrays, that returns an array like its result. In functions that are compiled, `f` is then called
            once in each run, needed or not, in the order of the program, and never to see its result alone.

    Returns:
        The function. Results and what rules return are copied, unless they are large and nothing else holds them.

    Raises:
        GradError: when a derivative is asked for that no rule gives.
        ShapeError: if a rule returns a cotangent that does not fit its argument.

    A cotangent of a complex argument a + ib is dL/da - i dL/db in a rule, so that the rule of a holomorphic function
    is the same as for real numbers.

    Example:
        >>> from autograd_lite import grad, jacobian
        >>> @primitive
        ... def log1pexp(x, scale=1.0):
        ...     return np.logaddexp(0, scale * x)
        >>> @log1pexp.def_vjp
        ... def rule(g, out, x, scale=1.0):
        ...     return g * scale / (1 + np.exp(-scale * x))
        >>> float(grad(log1pexp)(0.0, scale=3.0)), float(grad(grad(log1pexp))(0.0))
        (1.5, 0.25)

        A rule that takes arrays alone, and one for each argument, for both modes:

        >>> solve = primitive(np.linalg.solve, opaque=True)
        >>> _ = solve.def_vjp(
        ...     lambda g, x, a, b: -np.outer(np.linalg.solve(a.T, g), x), lambda g, x, a, b: np.linalg.solve(a.T, g)
        ... )
        >>> _ = solve.def_jvp(lambda t, x, a, b: -np.linalg.solve(a, t @ x), lambda t, x, a, b: np.linalg.solve(a, t))
        >>> jacobian(solve, 1)(np.array([[2.0, 0.0], [0.0, 4.0]]), np.ones(2))
        array([[0.5 , 0.  ],
               [0.  , 0.25]])

        A rule that reads what the function has computed:

        >>> @primitive(residuals=True)
        ... def logdet(a):
        ...     factor = np.linalg.cholesky(a)
        ...     return 2 * np.log(np.diag(factor)).sum(), factor
        >>> @logdet.def_vjp
        ... def rule(g, out, a, *, residuals):
        ...     inverse = np.linalg.inv(residuals)
        ...     return g * inverse.T @ inverse
        >>> grad(logdet)(np.array([[2.0, 0.0], [0.0, 4.0]]))
        array([[0.5 , 0.  ],
               [0.  , 0.25]])
    """
    return Primitive(f, opaque=opaque, residuals=residuals, name=name, placeholder=placeholder)


_STATIC = "    nondiff_argnums: the arguments that `defvjp` and `defjvp` pass first, functions or numbers, as in JAX."


# By a function whose `fwd` runs: what a call of the function in there is, which would be a call of `fwd` again.
_INNER: ContextVar[dict[Primitive, Primitive]] = ContextVar("inner", default={})  # noqa: B039 it is not changed


class _OneRule(Primitive):
    """A function with one rule for all arguments, without which it is not called."""

    def __init__(self, f: Any = None, nondiff_argnums: Sequence[int] = (), **options: Any) -> None:
        super().__init__(f, **options)
        self._plain, self._nondiff_argnums = f, nondiff_argnums
        self._signature: inspect.Signature | None = None  # of a function whose rules are as in JAX

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; arrays among `args` with a floating or complex dtype are differentiable."""
        if self._all_vjps is None and self._all_jvps is None:
            rule = self.caller.replace("custom", "def")
            raise GradError(
                f"{self.caller}: {self._name} has no derivative yet; decorate one with @{self._name}.{rule}"
            )
        if self._signature is not None and (kwargs or len(args) != len(self._signature.parameters)):
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        inner = _INNER.get().get(self)
        return super().__call__(*args, **kwargs) if inner is None else inner(*args, **kwargs)

    def _pass_by_position(self) -> None:
        """Pass keywords and defaults by position from now on, as JAX does."""
        if inspect.isfunction(self._plain):
            self._signature = inspect.signature(self._plain)

    def _static(self, args: Sequence[Any]) -> list[int]:
        """Return which arguments are not differentiated, from 0."""
        return [i % len(args) for i in self._nondiff_argnums]


@arguments_from(Primitive, _STATIC)
class custom_vjp(_OneRule):
    """Give a function a derivative of your own, as its vector-Jacobian product: what `backward` and `grad` then use.

    The rule is set with `def_vjp`, one for all arguments. It is called as `rule(g, out, *args)` with the cotangent g of
    the result, the result and the arguments, and with those keywords of the call that it has parameters for, and
    returns a tuple with the cotangent of each argument (None for an argument without one). If it is written with NumPy
    functions that Tensors support, it can be differentiated itself; forward mode follows from it. Results of the
    function and the rule are copied. With `@custom_vjp(residuals=True)` the function returns `(result, residuals)`, see
    `primitive`.

    Raises:
        GradError: if called before a rule is set.
        ShapeError: if the rule does not return one cotangent for each argument.

    Example:
        >>> from autograd_lite import grad
        >>> @custom_vjp
        ... def clipped(x):
        ...     return np.clip(x, 0, 1)
        >>> @clipped.def_vjp
        ... def straight_through(g, out, x):
        ...     return (g,)
        >>> grad(lambda x: clipped(x) * 3)(7.0)
        np.float64(3.0)
    """

    caller = "custom_vjp"

    def def_vjp(self, rule: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[override]
        """Set the rule `(g, out, *args) -> cotangents of the args`; usable as a decorator."""

        def meant(rule: Callable[..., Any]) -> Callable[..., Any]:
            take_ownership = _keywords_of(rule)

            def pull(argnums: tuple[int, ...], g: Any, out: Any, *args: Any, **kwargs: Any) -> list[Any]:
                gs = rule(g, out, *args, **take_ownership(kwargs))
                gs = gs if isinstance(gs, tuple) else (gs,)
                if len(gs) != len(args):
                    raise ShapeError(
                        f"custom_vjp: expected the rule of {self._name} to return {len(args)} cotangents, one an "
                        f"argument; received {len(gs)}" + more_on("missing-rule")
                    )
                return [gs[i] for i in argnums]

            return pull

        self._all_vjps = self._rule(rule, pulls=True, meant=meant)
        return rule

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule as in JAX, by two functions.

        Args:
            fwd: what takes the place of the function: called with its arguments, all by position and with defaults, it
                returns the result and residuals.
            bwd: called as `bwd(*static, residuals, g)`, where `static` are the arguments that `nondiff_argnums` names
                and g is the cotangent of the result; it returns a tuple with the cotangents of the other arguments.

        Example:
            >>> from autograd_lite import grad
            >>> f = custom_vjp(lambda x, y: np.sin(x) * y)
            >>> def forward(x, y):
            ...     return np.sin(x) * y, (x, y)
            >>> def backward(residuals, g):
            ...     x, y = residuals
            ...     return g * np.cos(x) * y, g * np.sin(x)
            >>> f.defvjp(forward, backward)
            >>> grad(f, argnums=(0, 1))(0.0, 3.0)
            (np.float64(3.0), np.float64(0.0))
        """
        require_function(f"{self.caller}: defvjp", fwd)
        require_function(f"{self.caller}: defvjp", bwd)

        def rule(g: Any, out: Any, *args: Any, residuals: Any) -> tuple[Any, ...]:
            static = self._static(args)
            gs = bwd(*[args[i] for i in static], residuals, g)
            if not isinstance(gs, tuple) or len(gs) != len(args) - len(static):
                raise ShapeError(
                    f"custom_vjp: expected bwd of {self._name} to return a tuple of {len(args) - len(static)} "
                    f"cotangents, one an argument; received {gs!r:.60}" + more_on("missing-rule")
                )
            others = iter(gs)
            return tuple([None if i in static else next(others) for i in range(len(args))])

        inner = custom_vjp(self._plain, name=self._name)
        inner.def_vjp(lambda g, out, *args: rule(g, out, *args, residuals=fwd(*args)[1]))

        def forward(*args: Any) -> Any:
            before = _INNER.get()
            try:
                _INNER.set({**before, self: inner})
                return fwd(*args)
            finally:
                _INNER.set(before)

        self._f, self._has_residuals, self._on_any = forward, True, alike(forward, arrays_stay=True)
        self._pass_by_position()
        self.def_vjp(rule)


@arguments_from(Primitive, _STATIC)
class custom_jvp(_OneRule):
    """Give a function a derivative of your own, as its Jacobian-vector product: what `jvp` and `grad` then use.

    The rule, set with `def_jvp`, pushes tangents forward: called as `rule(tangents, out, *args)` with the tuple of the
    arguments' tangents (None where zero), the result and the arguments, it returns the tangent of the result, linear in
    the tangents. Reverse mode follows by transposing it.

    Example:
        >>> from autograd_lite import grad, jvp
        >>> @custom_jvp
        ... def log1pexp(x):
        ...     return np.logaddexp(x, 0)
        >>> @log1pexp.def_jvp
        ... def rule(tangents, out, x):
        ...     return tangents[0] / (np.exp(-x) + 1)
        >>> float(grad(log1pexp)(0.0)), float(jvp(log1pexp)((0.0,), (1.0,))[1])
        (0.5, 0.5)
    """

    caller = "custom_jvp"

    def def_jvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[override]
        """Set the rule `(tangents, out, *args) -> tangent of out`; usable as a decorator."""

        def meant(rule: Callable[..., Any]) -> Callable[..., Any]:
            take_ownership = _keywords_of(rule)

            def push(argnums: tuple[int, ...], tangents: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
                by_argument = dict(zip(argnums, tangents, strict=True))
                return rule(tuple([by_argument.get(i) for i in range(len(args))]), out, *args, **take_ownership(kwargs))

            return push

        self._all_jvps = self._rule(rule, pulls=False, meant=meant)
        return rule

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule as in JAX; usable as a decorator.

        Args:
            rule: called as `rule(*static, primals, tangents)`, where `static` are the arguments that `nondiff_argnums`
                names, and the tuples hold the other arguments and their tangents; it returns the result and its
                tangent.

        Example:
            >>> from autograd_lite import grad
            >>> f = custom_jvp(np.sin)
            >>> _ = f.defjvp(lambda primals, tangents: (f(*primals), np.cos(primals[0]) * tangents[0]))
            >>> grad(f)(0.0)
            np.float64(1.0)
        """
        require_function(f"{self.caller}: defjvp", rule)

        def push(tangents: tuple[Any, ...], out: Any, *args: Any) -> Any:
            static = self._static(args)
            others = [i for i in range(len(args)) if i not in static]
            ts = tuple([zeros_like(args[i]) if tangents[i] is None else tangents[i] for i in others])
            return rule(*[args[i] for i in static], tuple([args[i] for i in others]), ts)[1]

        self._pass_by_position()
        self.def_jvp(push)
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set a rule for each argument, as in JAX.

        Args:
            rules: for each argument a function `(t, out, *args)` that returns the tangent of the result along the
                tangent t of that argument, or None for an argument that the result does not depend on.

        Example:
            >>> from autograd_lite import grad
            >>> f = custom_jvp(np.multiply)
            >>> f.defjvps(lambda t, out, x, y: t * y, lambda t, out, x, y: x * t)
            >>> grad(f)(2.0, 5.0)
            np.float64(5.0)
        """

        def push(tangents: tuple[Any, ...], out: Any, *args: Any) -> Any:
            pairs = zip(rules, tangents, strict=True)
            terms = [rule(t, out, *args) for rule, t in pairs if rule is not None and t is not None]
            return functools.reduce(sum_of, terms) if terms else zeros_like(out)

        self._pass_by_position()
        self.def_jvp(push)


def _keywords_of(rule: Callable[..., Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what chooses from a call's keywords those that a rule takes."""
    try:
        parameters = inspect.signature(rule).parameters.values()
    except (TypeError, ValueError):
        return lambda kwargs: {}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return lambda kwargs: kwargs
    names = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    return lambda kwargs: {name: value for name, value in kwargs.items() if name in names} if kwargs else kwargs
