"""Functions with custom derivatives, and functions that are recomputed instead of saved."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from ..core.arguments import require_function
from ..core.depth import DEPTH, inside_as
from ..core.docstrings import arguments_from
from ..core.duck_arrays import LAZY, is_lazy, recompute_after
from ..core.errors import GradError, Obstacle, ShapeError, more_on
from ..core.fingerprints import copy_if_small, sample, sample_bytes
from ..core.messages import checked
from ..core.mode import MODE, TAPES, enable_grad, is_grad_enabled
from ..core.multi_result import Several, each
from ..core.node import LEAF, Node, next_stamp
from ..core.op import Kind as RuleKind, Op, Rule, jointly
from ..core.shape_arithmetic import ShapeDtype
from ..core.traceback_folding import folding
from ..engine.walk import cotangents, edge_of
from ..ops import barrier
from ..random import remember_draws, replay_draws
from ..tensors.record import apply, open_edge, wrap
from ..tensors.saved import refuse_changed_leaf
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor
from ..tree import leaves, map as map_leaves, rebuild
from .argument_selection import name_of
from .call_signature import arrays_in, results_in
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


@arguments_from(Primitive)
class custom_vjp(Primitive):
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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; arrays among `args` with a floating or complex dtype are differentiable."""
        if self._all_vjps is None:
            raise _without_rule(self)
        return super().__call__(*args, **kwargs)


@arguments_from(Primitive)
class custom_jvp(Primitive):
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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; arrays among `args` with a floating or complex dtype are differentiable."""
        if self._all_jvps is None:
            raise _without_rule(self)
        return super().__call__(*args, **kwargs)


def _without_rule(f: Primitive) -> GradError:
    kind = f.caller.removeprefix("custom_")
    return GradError(f"{f.caller}: {f._name} has no derivative yet; decorate one with @{f._name}.def_{kind}")


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


# ---- checkpoint -----------------------------------------------------------------------------------------------------


@checked
def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same as `f` but keeps only its arguments for the backward pass.

    The backward pass calls f again, with the same random draws, so the gradients are the same to the last bit; the
    saved memory costs one more forward pass. Tensors that f closes over get their gradients, too. Inside `jvp` and
    `vmap`, f is simply called.

    Args:
        f: a function of Tensors, arrays or containers of them, which returns an array or a container of arrays. It
            should have no side effects, since it runs twice.

    Raises:
        GradError: in the backward pass, if something that f reads has changed: a leaf that was assigned to, a large
            array among the arguments (small ones are copied), or anything that f closes over, provided that it changes
            the result or a sample of the constants in it.

    Example:
        >>> from autograd_lite import grad
        >>> grad(checkpoint(lambda x: np.sin(x) ** 2))(0.5) == grad(lambda x: np.sin(x) ** 2)(0.5)
        np.True_
    """
    require_function("checkpoint", f)

    @functools.wraps(f)
    @folding
    def run(*args: Any, **kwargs: Any) -> Any:
        tensors = [a for a in leaves((args, kwargs)) if isinstance(a, Tensor)]
        if not is_grad_enabled() or any(isinstance(a, TracedTensor) for a in tensors):
            return f(*args, **kwargs)
        if TAPES and MODE.get().tape is not None:
            return _on_tape(f, args, kwargs)
        args, kwargs = map_leaves(_freeze, (args, kwargs))
        start, depth = next_stamp(), DEPTH.get()
        with remember_draws() as states:
            held = {0: f(*args, **kwargs)}
        record = _record_of(held[0], start)
        if not record.outer or any(isinstance(a, TracedTensor) for a in leaves(held[0])):
            return held[0]
        (tree, data), edges, ended = results_in(held), list(record.outer), next_stamp()
        several = data.__class__ is Several
        samples = [(a, sample_bytes(a)) for a in leaves((args, kwargs)) if isinstance(a, np.ndarray)]

        def pull(g: Any, *_: Any) -> tuple[Any, ...]:
            for edge in edges:
                if isinstance(edge, Tensor) and edge._stamp > ended:
                    refuse_changed_leaf("checkpoint", edge, named=False)
            if any(sample_bytes(a) != elements for a, elements in samples):
                raise _other_run(f, "an array that it was given was changed")
            # In a pullback of arrays, nothing is recorded: a Tensor is then a value of `jvp` or `vmap`.
            gs = g if several else (g,)
            one = next(x for x in gs if x is not None)
            recorded = any(isinstance(x, Tensor) for x in gs) and is_grad_enabled()
            with replay_draws(states), inside_as(depth), enable_grad():
                anew = map_leaves(lambda a: _again(a, one), (args, kwargs)) if LAZY else (args, kwargs)
                out = f(*anew[0], **anew[1])
            record.check(f, out, data if several else [data])
            return _pull_outputs(out, gs, edges, recorded)

        op = Op(
            "checkpoint",
            lambda *_: data,
            jointly(pull),
            lambda *_: each(lambda a: ShapeDtype(a.shape, a.dtype), data),
            results=len(data) if several else None,
        )
        out = apply(op, tuple(open_edge(e, e) for e in edges), {})
        return rebuild(tree, iter(out)) if several else out

    return run


def _again(a: Any, g: Any) -> Any:
    """Return a lazy argument so that the first run's need not be kept for the second; anything else as it is."""
    if is_lazy(a):
        return recompute_after(a, g)
    if a.__class__ is Tensor and a._node is None and is_lazy(a._data):
        return wrap(recompute_after(a._data, g), None)
    return a


def _pulled_out(g: Any, *_: Any) -> Any:
    mode = MODE.get()
    if TAPES and mode.tape is not None and mode.record:
        raise Obstacle("second derivatives go through a checkpoint, where an eager run adds up in another order")
    return g


# An identity, at which gradients leave the inside of a checkpoint that is on a tape.
_ENTRY = Op("checkpoint", lambda x: x, (Rule(RuleKind.VJP, _pulled_out),), lambda x: x)


def _on_tape(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Record a function once: which values a compiled function keeps is for its plan to decide.

    Gradients add up inside first, and then go on, as they do when the function runs again.
    """
    start = next_stamp()
    out = f(*args, **kwargs)
    entries: dict[Any, Node] = {}

    def entry(edge: Any) -> Any:
        old = edge.stamp < start if edge.__class__ is Node else edge._node is not None
        if old and edge not in entries:
            entries[edge] = node = Node(_ENTRY, (edge,), {}, (None, edge), (0,), edge.shape, edge.dtype, None)
            node.stamp = start
        return entries.get(edge, edge)

    stack = [t._node for t in leaves(out) if isinstance(t, Tensor) and isinstance(t._node, Node)]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.stamp <= start:
            continue
        inputs = list(node.inputs)
        for i in node.needs:
            inputs[i] = entry(node.inputs[i])
            if inputs[i].__class__ is Node and inputs[i] not in seen:
                seen.add(inputs[i])
                stack.append(inputs[i])
        if node.saved is not None:
            read = zip(node.saved[1:], node.inputs, inputs, strict=True)
            node.saved = (node.saved[0], *(new if value is edge else value for value, edge, new in read))
        node.inputs = tuple(inputs)
    return out


def _freeze(a: Any) -> Any:
    """Return an argument that stays the same until the function runs again, even if the caller's is rebound."""
    if isinstance(a, np.ndarray):
        return copy_if_small(a)
    if not isinstance(a, Tensor) or a._node is LEAF:  # its stamp tells when it was assigned to
        return a
    twin = wrap(a._data, a._node)
    twin._name, twin._shared = a.name, True
    a._shared = True
    return twin


class _Record(NamedTuple):
    """The dependencies of a function's result.

    Attributes:
        outer: the edges, in order, through which it depends on earlier records.
        read: some elements of every constant that the ops were applied to.
        start: the moment before the function ran.
    """

    outer: dict[Any, None]
    read: list[Any]
    start: int

    def check(self, f: Callable[..., Any], out: Any, first: Sequence[Any]) -> None:
        """Raise unless a second run computed the same; sums may differ in their last bits."""
        again, arrays = _record_of(out, self.start), arrays_in(out)
        before = [{e for e in record.outer if stamp_of(e) < self.start} for record in (again, self)]
        pairs = [*zip(arrays, first, strict=False), *zip(again.read, self.read, strict=False)]
        whole = len(arrays) == len(first) and len(again.read) == len(self.read) and before[0] == before[1]
        if not whole or not all(_close(a, b) for a, b in pairs):
            raise _other_run(
                f,
                "an array or a tensor that it reads was changed, or it draws from a generator other than those of "
                "autograd_lite.random",
            )


def stamp_of(edge: Any) -> int:
    """Return when a node was recorded, or a leaf last assigned to."""
    return getattr(edge, "stamp", None) or edge._stamp


def _other_run(f: Callable[..., Any], why: str) -> GradError:
    return GradError(
        f"checkpoint: backward runs {name_of(f)} again, and it does not compute the same: {why}. The gradient would "
        "be of a function that was never computed. Fix: call backward before you change what it reads, or pass copies"
    )


def _close(a: Any, b: Any) -> bool:
    """Return whether two arrays are equal apart from rounding."""
    if LAZY and is_lazy(a, b):
        return True  # for all that is known without computing them
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc" or np.array_equal(a, b):
        return bool(np.array_equal(a, b))
    with np.errstate(all="ignore"):
        size = np.abs(a[np.isfinite(a)]).max(initial=0)
        rounding = 256 * np.finfo(a.dtype).eps
        return bool(np.allclose(a, b, rtol=rounding, atol=rounding * size, equal_nan=True))


def _record_of(out: Any, start: int) -> _Record:
    """Walk the record of a result back to the stamp `start`."""
    stack = [a._node for a in leaves(out) if isinstance(a, Tensor) and isinstance(a._node, Node)]
    outer: dict[Any, None] = {}
    inner = []
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.stamp < start:
            outer[node] = None
            continue
        inner.append(node)
        for i in node.needs:
            edge = node.inputs[i]
            if edge.__class__ is not Node:
                if edge._node is not None:  # no gradient flows to the argument that a transformation's variable copies
                    outer[edge] = None
            elif edge not in seen:
                seen.add(edge)
                stack.append(edge)
    inner.sort(key=stamp_of)
    return _Record(outer, [sample(a) for node in inner for a in _constants_of(node)], start)


def _constants_of(node: Node) -> Iterator[Any]:
    """Yield the arrays and numbers among an op's inputs and parameters that no gradient flows to."""
    values = node.saved[1:] if node.saved else node.inputs
    operands = [
        v if e.__class__ is Node else e
        for i, (e, v) in enumerate(zip(node.inputs, values, strict=True))
        if i not in node.needs
    ]
    for x in (*operands, *leaves(node.params)):
        a = x._data if isinstance(x, Tensor) else x
        if isinstance(a, (np.ndarray, np.generic, int, float, complex)):
            yield np.asarray(a)


def _pull_outputs(out: Any, gs: Sequence[Any], edges: list[Any], record: bool) -> tuple[Any, ...]:
    """Pull cotangents of a function's outputs, of which some have none, back to `edges`."""
    roots: dict[Any, Any] = {}
    for t, g in zip(leaves(out), gs, strict=True):
        if g is not None and isinstance(t, Tensor) and t.requires_grad:
            edge = edge_of(t)
            roots[edge] = roots[edge] + g if edge in roots else g
    gradients = cotangents(roots, set(edges), retain_graph=record, create_graph=record)
    return tuple(np.zeros(e.shape, e.dtype) if gradients.get(e) is None else gradients[e] for e in edges)
