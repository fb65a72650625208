"""Derivatives of functions of one argument, and rules of users: `autograd.core`.

HIPS's gradient of a real function of z = a + ib is ∂f/∂a − i ∂f/∂b, the conjugate of ours. It is conjugated here, where
gradients leave and cotangents come in; users' rules already get what HIPS gives them, which is what the engine computes
with inside.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..core.errors import GradError, MissingRule
from ..core.shape_arithmetic import cast_back
from ..engine.walk import conjugate, cotangents
from ..functional.argument_selection import Traced, tensors_in, trace, zip_trees
from ..functional.dual import ForwardLevel
from ..functional.forward_mode import push
from ..functional.reverse_mode import like_input, one_for, pull_back
from ..functional.vmap_transform import Batched
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves
from .tracer import (
    IN_RULE,
    Box as Box,
    Node,
    call_with_boxes,
    differentiable,
    getval as getval,
    isbox as isbox,
    new_box as new_box,
    primitive as primitive,
)
from .vector_spaces import VSpace as VSpace, vspace as vspace


class DerivativeError(GradError, TypeError):
    """A function without a derivative: our GradError, where HIPS raises TypeError."""


class OneByOne(TypeError):
    """A user's rule could not take a batch of cotangents, and one by one, as HIPS calls it, was not tried yet."""


# ---- one argument ---------------------------------------------------------------------------------------------------


def _argument(x: Any) -> Any:
    """Return an argument as the engine takes it: numbers in containers are arrays, so that no list becomes one."""
    if x.__class__ is float or (x.__class__ is np.ndarray and x.dtype.kind in "fc"):
        return x
    if isinstance(x, (list, tuple, dict)):
        return map_leaves(lambda a: a if isinstance(a, Tensor) else np.asarray(_one(a)), x)
    return _one(x)


def _one(x: Any) -> Any:
    """Return one array or number to differentiate by; a library that makes boxes of its own class may refuse it."""
    box = None if x.__class__ in (np.ndarray, float) else Box.type_mappings.get(x.__class__)
    if isinstance(box, FunctionType):
        box(x, 0, VJPNode.new_root())
    return differentiable(x)


def record(fun: Callable[..., Any], x: Any) -> Traced:
    """Call a function of one argument, and record; warn, as HIPS does, if the result does not depend on it."""
    traced = call_with_boxes(trace, "grad", fun, 0, (_argument(x),), {})
    out = traced.out
    if not traced.paths.order and not (
        out.requires_grad if isinstance(out, Tensor) else any(t.requires_grad for t in tensors_in(out))
    ):
        warnings.warn("Output seems independent of input.", stacklevel=4)
    return traced


def gradient_of(traced: Traced, g: Any, retain: bool = False) -> Any:
    """Return the gradient of a recorded call for a cotangent of its result, both as HIPS has them."""
    out = traced.out
    if isinstance(out, Tensor):
        roots = [(out, _cotangent(out, g))]
    else:
        pairs = zip_trees("vjp", "a cotangent for each output", out, g)
        roots = [(o, _cotangent(o, v)) for _, o, v in pairs if isinstance(o, Tensor)]
    (gradient,) = pull_back(traced, roots, retain)
    return (
        _leaving(gradient) if isinstance(gradient, (Tensor, np.ndarray, np.generic)) else map_leaves(_leaving, gradient)
    )


def slope(traced: Traced) -> Any:
    """Return the gradient of the sum of a recorded result, as HIPS has it."""
    out = traced.out
    if not isinstance(out, Tensor):
        return gradient_of(traced, 1.0)
    (gradient,) = pull_back(traced, [(out, one_for(out))])
    if gradient.__class__ is np.ndarray and gradient.ndim and gradient.dtype.kind == "f":
        return gradient
    return (
        _leaving(gradient) if isinstance(gradient, (Tensor, np.ndarray, np.generic)) else map_leaves(_leaving, gradient)
    )


def _cotangent(out: Tensor, g: Any) -> Any:
    """Return a cotangent in our convention, with the shape and dtype of the result that it belongs to."""
    g = conjugate(g if isinstance(g, Tensor) else np.asarray(g))
    if g.shape != out.shape:
        g = np.broadcast_to(g, out.shape)
    return g if g.dtype == out.dtype else cast_back(g, out.dtype)


def _leaving(gradient: Any) -> Any:
    """Return a gradient as HIPS has it: conjugated, and a NumPy scalar where it has no axes."""
    gradient = conjugate(gradient)
    return gradient[()] if gradient.__class__ is np.ndarray and not gradient.ndim else gradient


def make_vjp(fun: Callable[..., Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    """Return `(vjp, fun(x))`, where `vjp(g)` carries a cotangent of the result back to x.

    Example:
        >>> vjp, value = make_vjp(np.sin, np.array([0.0, np.pi]))
        >>> vjp(np.array([1.0, 2.0]))
        array([ 1., -2.])
    """
    traced = record(fun, x)
    return lambda g: gradient_of(traced, g, retain=True), like_input(traced.out, traced)


def make_jvp(fun: Callable[..., Any], x: Any) -> Callable[[Any], tuple[Any, Any]]:
    """Return a function of a tangent v of x that returns `(fun(x), derivative along v)`.

    Example:
        >>> make_jvp(np.sin, 0.0)(2.0)
        (np.float64(0.0), np.float64(2.0))
    """
    point = _argument(x)

    def along(v: Any) -> tuple[Any, Any]:
        tangent = v if _fits(point, v) else map_leaves(_broadcast, point, v)
        return call_with_boxes(push, fun, (point,), (tangent,), {}, ForwardLevel())

    return along


def _fits(point: Any, tangent: Any) -> bool:
    """Return whether a tangent is certainly of the structure and the shapes of a point."""
    if point.__class__ is tuple and tangent.__class__ is tuple and len(point) == len(tangent):
        return all(map(_fits, point, tangent))
    return getattr(point, "shape", None) == getattr(tangent, "shape", 0)


def _broadcast(a: Any, t: Any) -> Any:
    return t if np.shape(t) == np.shape(a) else np.broadcast_to(t, np.shape(a))


class VJPNode(Node):
    """HIPS's node of reverse mode: `VJPNode.new_root()` marks a new variable for `new_box`."""


class JVPNode(Node):
    """HIPS's node of forward mode; a name, for `register_notrace`."""


def backward_pass(g: Any, end_node: Any) -> Any:
    """Carry a cotangent back from `box._node` to the variable that the box was made from: the first, if several were.

    Args:
        g: of the shape of the box; a Tensor if the result is to have a history.
        end_node: the node of a result.
    """
    keeps_history = isinstance(g, Tensor)
    gradients = cotangents(
        {end_node: g if keeps_history else np.asarray(g)}, None, retain_graph=True, create_graph=keeps_history
    )
    return gradients[min(gradients, key=lambda leaf: leaf._stamp)]


# ---- rules ----------------------------------------------------------------------------------------------------------


# What each primitive was last given, by `defvjp` for single arguments or for all of them at once.
primitive_vjps: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def _give_vjps(fun: Any, stated: Any, rule: Callable[..., Any]) -> bool:
    """Give a primitive `rule(argnums, g, ans, args, kwargs) -> cotangents`, and return whether it has taken it."""
    if not _takes_rules(fun, "VJP"):
        return False
    primitive_vjps[fun] = stated

    def apply_rule(argnums: Any, g: Any, ans: Any, *args: Any, **kwargs: Any) -> list[Any]:
        parts = _call_rule(fun, g, rule, argnums, g, ans, args, kwargs)
        return [as_arrays_of(part, args[i]) for i, part in zip(argnums, parts, strict=True)]

    fun._vjps.clear()
    fun.def_vjps(apply_rule)
    return True


def _call_rule(fun: Any, g: Any, rule: Callable[..., Any], *arguments: Any) -> Any:
    """Call a rule, which sees whether its own derivative is recorded."""
    tensors = [] if g.__class__ is np.ndarray else [part for part in leaves(g) if isinstance(part, Tensor)]
    if not tensors:
        return rule(*arguments)
    before = IN_RULE.get()
    try:
        IN_RULE.set(1)
        return rule(*arguments)
    except Exception as error:
        if any(isinstance(part._data, Batched) for part in tensors):
            raise OneByOne(f"rules: that of {getattr(fun, '__name__', fun)} takes no batch: {error}") from error
        raise
    finally:
        IN_RULE.set(before)


def _takes_rules(fun: Any, kind: str) -> bool:
    """Return whether rules can be given to `fun`; False, with a warning, if it has derivatives that HIPS's lacks.

    HIPS has a VJP for each function of NumPy, which a program that states another one means to replace, and that cannot
    be done here. It lacks many JVPs, and both for much of SciPy.
    """
    if hasattr(fun, "def_vjps"):
        return True
    name, theirs = getattr(fun, "__name__", fun), inspect.unwrap(fun) if callable(fun) else None
    of_numpy = getattr(np, str(name), None) is theirs or str(getattr(theirs, "__module__", "")).startswith("numpy")
    if theirs is None or (of_numpy and kind == "VJP"):
        raise TypeError(
            f"rules: expected a function made with @primitive; received {name!r}. NumPy's functions keep the "
            "derivatives that they have here; wrap one with @primitive to give it others"
        )
    warnings.warn(f"rules: {name} keeps the {kind} that it has here; the one given is not used", stacklevel=4)
    return False


def defvjp_argnums(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Give a primitive its VJPs: `vjpmaker(argnums, ans, args, kwargs)` returns g -> a cotangent for each argument."""
    _give_vjps(fun, vjpmaker, lambda argnums, g, *call: vjpmaker(argnums, *call)(g))


def defvjp_argnum(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Give a primitive a VJP for any argument: `vjpmaker(argnum, ans, args, kwargs)` returns g -> its cotangent."""
    _give_vjps(fun, vjpmaker, lambda argnums, g, *call: [vjpmaker(i, *call)(g) for i in argnums])


def defvjp(fun: Any, *vjpmakers: Any, argnums: Any = None) -> None:
    """Give a primitive a VJP for each argument: `vjpmaker(ans, *args, **kwargs)` returns g -> its cotangent.

    Args:
        fun: the primitive.
        vjpmakers: one for each argument, or for each of argnums; None for a derivative of zero.
        argnums: the arguments that they belong to; by default the first ones.
    """
    makers = dict(zip(range(len(vjpmakers)) if argnums is None else argnums, vjpmakers, strict=False))

    def refuse(missing: Any, *_: Any) -> Any:
        raise MissingRule(f"VJP of {getattr(fun, '__name__', fun)} wrt argnum {missing[0]} not defined: see defvjp")

    if _give_vjps(fun, vjpmakers, refuse):
        fun.def_vjp(*(_rule_of(fun, i, maker) for i, maker in makers.items()), argnums=tuple(makers))


def _rule_of(fun: Any, i: int, maker: Any) -> Any:
    """Return HIPS's rule of argument i as a rule of the engine."""
    if maker is None:
        return None
    return lambda g, ans, *args, **kwargs: as_arrays_of(
        maker(ans, *args, **kwargs)(g)
        if g.__class__ is np.ndarray
        else _call_rule(fun, g, lambda: maker(ans, *args, **kwargs)(g)),
        args[i],
    )


def defjvp(fun: Any, *jvpfuns: Any, argnums: Any = None) -> None:
    """Give a primitive a JVP for each argument: `jvpfun(g, ans, *args, **kwargs)` returns its part of the tangent.

    Args:
        fun: the primitive.
        jvpfuns: one for each argument, or for each of argnums; None for zero, "same" for an argument that fun is linear
            in.
        argnums: the arguments that they belong to; by default the first ones.
    """
    places = range(len(jvpfuns)) if argnums is None else argnums

    def rule(jvpfun: Any, i: int) -> Any:
        return (lambda g, ans, *args, **kwargs: _with(fun, args, i, g, kwargs)) if jvpfun == "same" else jvpfun

    if _takes_rules(fun, "JVP"):
        fun.def_jvp(*map(rule, jvpfuns, places), argnums=argnums)


def defjvp_argnums(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Give a primitive its JVP: `jvpmaker(argnums, gs, ans, args, kwargs)` returns the tangent of the result."""
    if _takes_rules(fun, "JVP"):
        fun.def_jvps(lambda argnums, gs, ans, *args, **kwargs: jvpmaker(argnums, gs, ans, args, kwargs))


def defjvp_argnum(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Give a primitive a JVP that is told the argument: `jvpmaker(argnum, g, ans, args, kwargs)` returns its part."""

    def total(argnums: Any, gs: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        parts = [jvpmaker(i, g, ans, args, kwargs) for i, g in zip(argnums, gs, strict=True)]
        space = vspace(parts[0])
        for part in parts[1:]:
            parts[0] = space.add(parts[0], part)
        return parts[0]

    defjvp_argnums(fun, total)


def def_linear(fun: Any) -> None:
    """Say that a primitive is linear in each of its arguments."""
    defjvp_argnum(fun, lambda i, g, ans, args, kwargs: _with(fun, args, i, g, kwargs))


def _with(fun: Any, args: Any, i: int, x: Any, kwargs: Any) -> Any:
    return fun(*args[:i], x, *args[i + 1 :], **kwargs)


def register_notrace(trace_type: type, primitive_fun: Any) -> None:
    """Say that the derivative of a primitive is zero, of reverse mode for VJPNode, of forward mode for JVPNode.

    Functions of NumPy and SciPy keep the derivatives that they have here, which is warned of.
    """
    kind = "JVP" if issubclass(trace_type, JVPNode) else "derivative"
    if not _takes_rules(primitive_fun, kind):
        return
    if kind == "JVP":
        defjvp_argnums(primitive_fun, lambda argnums, gs, ans, args, kwargs: map_leaves(np.zeros_like, ans))
    else:
        defvjp_argnums(
            primitive_fun,
            lambda argnums, ans, args, kwargs: lambda g: [map_leaves(np.zeros_like, args[i]) for i in argnums],
        )


class SparseObject:
    """A gradient that adds itself to another: `mut_add(array)` returns the sum."""

    def __init__(self, vs: Any, mut_add: Callable[[Any], Any]) -> None:
        self.vs, self.mut_add = vs, mut_add


def as_arrays_of(g: Any, x: Any) -> Any:
    """Return what a rule returned as arrays; for a list or tuple x an array does that holds one entry for each of x."""
    if isinstance(g, SparseObject):
        return g.mut_add(g.vs.zeros())
    if not isinstance(x, (list, tuple)) or g is None or not (isinstance(g, (list, tuple)) or np.ndim(g)):
        return g
    if not x:
        return []  # whatever was returned for it
    return [as_arrays_of(part, entry) for part, entry in zip(g, x, strict=True)] if len(g) == len(x) else g
