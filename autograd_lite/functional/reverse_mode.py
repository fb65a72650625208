"""Reverse mode: `grad`, `value_and_grad` and `vjp`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.arguments import require_function
from ..core.duck_arrays import array_namespace, as_array
from ..core.errors import GradError, ShapeError
from ..core.messages import checked
from ..core.mode import MODE, TAPES
from ..core.node import Node
from ..core.traceback_folding import folding
from ..engine.walk import conjugate, cotangents, edge_of, name_cotangent
from ..tensors.record import own_value, wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import Tracer, unwrap
from ..tree import leaves, map as map_leaves, rebuild
from .argument_selection import (
    Traced,
    arrays_returned,
    leave,
    like_argument,
    name_of,
    on_tape,
    scalar,
    to_tape,
    trace,
    zip_trees,
)


@checked
def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes `f(*args)` and its gradient in one pass.

    Args:
        f: a function that returns a real scalar, written with NumPy or Tensor operations.
        argnums: which positional arguments to differentiate by; a sequence gives a tuple of gradients. An argument is
            a floating or complex array of any shape, or dicts, lists, tuples and dataclasses of such arrays.
        has_aux: f returns `(scalar, anything)`, and only the scalar is differentiated.

    Returns:
        A function of f's arguments that returns (value, gradient), or with has_aux ((value, aux), gradient). A gradient
        has the structure, shapes and dtypes of its argument, and is zero where f does not depend on it. For a complex
        argument x = a + ib it is df/da + i df/db. An argument may be a tuple of numbers; a list of numbers is an array.

    Called on arrays it returns arrays, unless the result of f depends on a Tensor that requires a gradient and is not
    an argument, such as a parameter of a model that f calls. In that case, and when called on Tensors or inside another
    transformation, it returns Tensors, whose history reaches everything that requires a gradient among the arguments
    and what f closes over. Inside `no_grad()` results have no history, so arrays give arrays. Every transformation
    follows this rule.

    Raises:
        DtypeError: if an argument to differentiate by is not floating.
        GradError: if f's result is not a real scalar.

    Example:
        >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
        (np.float64(5.0), array([2., 4.]))
        >>> from autograd_lite import tensor
        >>> w = tensor(3.0, requires_grad=True)
        >>> slope = grad(lambda x: w * x**2)(1.0)
        >>> slope.backward()
        >>> w.grad
        Tensor(2.)
        >>> loss = lambda p, x: ((p["w"] * x + p["b"]) ** 2).sum()
        >>> grad(loss)({"w": 2.0, "b": 1.0}, np.array([1.0, 2.0]))
        {'w': np.float64(26.0), 'b': np.float64(16.0)}
    """
    require_function("value_and_grad", f)

    @functools.wraps(f)
    @folding
    def with_grad(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        traced, out, aux, gradients = _value_and_grad(f, argnums, has_aux, args, kwargs)
        value = like_input(out, traced)
        return (value, like_input(aux, traced)) if has_aux else value, gradients

    return with_grad


# What the gradient of a float64 number starts with. A NumPy scalar, so that no rule can change it.
_ONE = np.float64(1.0)
_FLOAT64 = np.dtype(np.float64)


def one_for(out: Any) -> Any:
    """Return the cotangent 1 of a scalar result, in its shape and dtype."""
    if not isinstance(out, Tensor):
        return _ONE
    value = out._data
    if value.__class__ is np.float64 or (value.__class__ is np.ndarray and value.dtype is _FLOAT64 and not value.ndim):
        return _ONE
    return array_namespace(value).ones(value.shape, value.dtype)


def _value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Traced, Any, Any, Any]:
    """Return the recorded call of a scalar function, its value, what comes with it, and the gradients."""
    traced = trace("grad", f, argnums, args, kwargs)
    out, aux = _value_and_aux(traced.out) if has_aux else (traced.out, None)
    gradients = pull_back(traced, [(scalar("grad", out), one_for(out))])
    return traced, out, aux, gradients[0] if isinstance(argnums, int) else gradients


def like_input(tree: Any, traced: Traced) -> Any:
    """Return a result in the form that the caller expects."""
    if tree is None:
        return None
    if traced.level is not None:
        return map_leaves(lambda x: unwrap(x, traced.level), tree)
    if traced.as_tensors or traced.create_graph:
        return map_leaves(lambda x: _outside(x, traced), tree)
    return leave(tree)


def _outside(x: Any, traced: Traced) -> Any:
    """Return a result without a history that leads only to the function's own variables."""
    if not isinstance(x, Tensor) or not isinstance(x._node, Node):
        return x
    if traced.ends:
        return x.detach()
    if traced.create_graph:
        return x
    twin = wrap(x._data, None)
    twin._shared = x._shared = True
    return twin


def _value_and_aux(out: Any) -> tuple[Any, Any]:
    if not isinstance(out, tuple) or len(out) != 2:
        raise GradError(f"grad: with has_aux=True expected the function to return (value, aux); received {out!r}")
    return out


@checked
def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return the gradient function of `f`: x -> df/dx.

    Gradients nest to any order: `grad(grad(f))` is the second derivative.

    Args:
        f: a function that returns a real scalar, written with NumPy or Tensor operations.
        argnums: which positional arguments to differentiate by; a sequence gives a tuple of gradients. An argument is
            a floating or complex array of any shape, or dicts, lists, tuples and dataclasses of such arrays.
        has_aux: f returns `(scalar, anything)`, and only the scalar is differentiated.

    Returns:
        A function of f's arguments that returns the gradient, or with has_aux (gradient, aux). A gradient has the
        structure, shapes and dtypes of its argument. Called on arrays it returns arrays; called on Tensors, inside
        another transformation, or where f reads a Tensor that requires a gradient, it returns Tensors with a history.

    Raises:
        DtypeError: if an argument to differentiate by is not floating.
        GradError: if f's result is not a real scalar.

    Example:
        >>> grad(lambda w: ((w - 1) ** 2).sum())(np.array([1.0, 3.0]))
        array([0., 4.])
        >>> grad(grad(lambda x: x**3))(2.0)
        np.float64(12.0)
    """
    require_function("grad", f)

    @functools.wraps(f)
    @folding
    def gradient(*args: Any, **kwargs: Any) -> Any:
        traced, _, aux, gradients = _value_and_grad(f, argnums, has_aux, args, kwargs)
        return (gradients, like_input(aux, traced)) if has_aux else gradients

    return gradient


def pull_back(traced: Traced, roots: Sequence[tuple[Any, Any]], retain: bool = False) -> tuple[Any, ...]:
    """Carry cotangents back to the variables.

    Args:
        traced: the recorded call.
        roots: pairs of an output and its cotangent, in the user's convention.
        retain: keep the saved arrays for another pass.

    Returns:
        A gradient for each variable, with its structure, in the user's convention and of its argument's kind.
    """
    record, ends = traced.create_graph, traced.ends
    as_tensors = traced.as_tensors
    start: dict[Any, Any] = {}
    for out, g in roots:
        if isinstance(g, Tensor):
            as_tensors = True
            record = record or (traced.level is None and g.requires_grad)
            ends = ends and not (g.requires_grad and MODE.get().record)
        if isinstance(out, Tensor) and out.requires_grad:
            edge, g = edge_of(out), conjugate(g)
            start[edge] = start[edge] + g if edge in start else g
    if record := record and (MODE.get().record or on_tape()):
        as_tensors = True
        start = {edge: g if isinstance(g, (Tensor, Tracer)) else _seed(g) for edge, g in start.items()}
    gradients: dict[Any, Any] = {}
    if start:
        gradients = cotangents(
            start,
            traced.paths.targets,
            retain_graph=retain or record,
            create_graph=record and not ends,
            level=traced.level,
            paths=traced.paths,
        )

    grads = []
    single = len(traced.variables) == 1 and traced.variables[0].__class__ is Node
    for v, a in ((traced.variables[0], traced.arguments[0]),) if single else pairs_of(traced):
        g = gradients.get(v)
        grads.append(
            like_argument(
                array_namespace(a).zeros(v.shape, v.dtype) if g is None else conjugate(g), a, as_tensors, ends
            )
        )
    if single:
        return tuple(grads)
    each = iter(grads)
    return tuple([next(each) if vs.__class__ is Node else rebuild(vs, each) for vs in traced.variables])


def _seed(g: Any) -> Tensor:
    """Return a cotangent that a recorded pass starts with."""
    seed = name_cotangent(wrap(as_array(g), None), "")
    if TAPES and (tape := MODE.get().tape) is not None:
        tape.note_tensor(seed)
    return seed


def pairs_of(traced: Traced) -> list[tuple[Node, Any]]:
    """Return each variable with the array that it stands for."""
    pairs = []
    for variables, arrays in zip(traced.variables, traced.arguments, strict=True):
        if variables.__class__ is Node:
            pairs.append((variables, arrays))
        else:
            pairs += zip(leaves(variables), leaves(arrays), strict=True)
    return pairs


@checked
def vjp(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Callable[[Any], Any]]]:
    """Return a function that computes `f(*args)` and the map that carries cotangents back: v -> vᵀ df/dx.

    Args:
        f: a function that returns an array, or a container of arrays.
        argnums: which positional arguments to differentiate by; a sequence gives a tuple of gradients.

    Returns:
        A function of f's arguments that returns `(out, pullback)`; `pullback(v)`, with v of the structure and shapes
        of out, returns the gradient of <v, out>, and may be called many times.
        Arrays or Tensors as from `value_and_grad`.

    Example:
        >>> out, pullback = vjp(np.sin)(np.array([0.0, np.pi]))
        >>> pullback(np.array([1.0, 2.0]))
        array([ 1., -2.])
    """
    require_function("vjp", f)

    @functools.wraps(f)
    @folding
    def with_pullback(*args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], Any]]:
        traced = trace("vjp", f, argnums, args, kwargs)
        arrays_returned("vjp", traced.out)

        def pullback(cotangent: Any) -> Any:
            triples = zip_trees("vjp", f"a cotangent for each output of {name_of(f)}", traced.out, cotangent)
            roots = [(out, own_value(_fitting(out, g, path))) for path, out, g in triples]
            grads = pull_back(traced, roots, retain=True)
            return grads[0] if isinstance(argnums, int) else grads

        return like_input(traced.out, traced), pullback

    return with_pullback


def _fitting(out: Any, g: Any, path: str) -> Any:
    if not isinstance(out, Tensor):
        return g
    g = to_tape(g if isinstance(g, Tensor) else as_array(g))
    if g.shape != out.shape:
        raise ShapeError(f"vjp: expected a cotangent{path and ' ' + path} of shape {out.shape}; received {g.shape}")
    return g.astype(out.dtype) if g.dtype != out.dtype else g
