"""Values with their tangents, and how ops act on them: forward mode, which records nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace, as_array, asarray_like, move_constants
from ..core.mode import MODE, TAPES, enable_grad
from ..core.multi_result import Several, each, refuse_count, results_of
from ..core.node import next_stamp
from ..core.op import EachInput, Kind, Op, read_rule
from ..core.shape_arithmetic import cast_back, expand_reduced, sum_to_shape
from ..engine.walk import cotangents, edge_of, mask_nan, mask_nan_in_product, may_have_nan
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, Tracer, wrap_any
from .argument_selection import variable

_UNIT, _CONSTANT, _PARTIAL, _APPLIED, _VJP = Kind.UNIT, Kind.CONSTANT, Kind.PARTIAL, Kind.APPLIED, Kind.VJP
_GATE = Kind.GATE

_NUMPYS = frozenset({np.ndarray, np.float64, np.float32})


class ForwardLevel(Level):
    """A running `jvp`, and the ops in it that have no forward rule."""

    __slots__ = ("fell_back",)

    def __init__(self) -> None:
        self.stamp = next_stamp()
        self.recorded = MODE.get().record
        self.fell_back: set[str] = set()


class Dual(Tracer):
    """A value and its tangent: how it changes when the inputs of `jvp` change along their tangents."""

    __slots__ = ("primal", "tangent")
    level: ForwardLevel
    transformation = "jvp"

    def __init__(self, primal: Any, tangent: Any, level: ForwardLevel) -> None:
        self.primal, self.tangent, self.level = primal, tangent, level

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.primal.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return self.primal.dtype

    @property
    def inner(self) -> Any:
        """The value."""
        return self.primal

    @property
    def parts(self) -> tuple[Any, ...]:
        """The value and the tangent."""
        return self.primal, self.tangent

    @property
    def example(self) -> Any:
        """The value."""
        return self.primal

    def apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute the value and, if the op has a derivative, the tangent of its result."""
        level = self.level
        primals: list[Any] = []
        tangents: list[Any] = []
        for x in inputs:
            is_dual = x.__class__ is Dual and x.level is level
            primals.append(x.primal if is_dual else x)
            tangents.append(x.tangent if is_dual else None)
        if op.value_and_jvp is not None:
            pairs = zip(*op.value_and_jvp(tangents, *primals), strict=True)
            return tuple([x if t is None else Dual(x, t, level) for x, t in pairs])
        out = op(*primals, **params)
        if op.results is not None:
            return self._several(op, results_of(op, out, params), primals, tangents, params)
        if op.rules is None or out.dtype.kind not in "fc":
            return out
        if out.__class__ not in _NUMPYS and array_namespace(out) is not np:
            primals = list(move_constants(primals) or primals)
            tangents = [asarray_like(t, out) for t in tangents]
        tangent = push_forward(op, tuple(tangents), out, tuple(primals), params, level.fell_back)
        return out if tangent is None else Dual(out, tangent, level)

    def _several(
        self, op: Op, out: Several, primals: list[Any], tangents: list[Any], params: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Return the results of an op that has several, with their tangents."""
        level = self.level
        if op.rules is None or out.dtype.kind not in "fc":
            return out
        if any(array_namespace(x) is not np for x in out):
            primals = list(move_constants(primals) or primals)
            tangents = [asarray_like(t, primals[0]) for t in tangents]
        pushed = push_forward(op, tuple(tangents), out, tuple(primals), params, level.fell_back)
        return tuple(
            [x if t is None else Dual(x, t, level) for x, t in zip(out, pushed or (None,) * len(out), strict=True)]
        )


def primal_of(x: Any, level: ForwardLevel) -> Any:
    """Return the value of a result of a level."""
    d = x._data if isinstance(x, Tensor) else x
    return wrap_any(d.primal, x._node) if isinstance(d, Dual) and d.level is level else x


def tangent_of(x: Any, level: ForwardLevel) -> Any:
    """Return the tangent of a result of a level: zeros where it does not depend on what the level varies."""
    d = x._data if isinstance(x, Tensor) else x
    if isinstance(d, Dual) and d.level is level:
        return d.tangent if isinstance(d.tangent, Tensor) else wrap_any(d.tangent, None)
    d = x if isinstance(x, Tensor) else as_array(x)
    zeros = array_namespace(d).zeros(d.shape, d.dtype)
    return wrap_any(zeros, None) if isinstance(x, Tensor) else zeros[()]


def push_forward(
    op: Op,
    tangents: tuple[Any, ...],
    out: Any,
    inputs: tuple[Any, ...],
    params: dict[str, Any],
    fell_back: set[str],
) -> Any:
    """Return the tangent of `out = op(*inputs, **params)`, or None where it is zero for all tangents.

    Of an op with several results it is a tuple, with None where a tangent is zero.

    Args:
        tangents: of the inputs, None where zero.
        fell_back: receives the op's name if it has only a vjp.
    """
    if TAPES and (tape := MODE.get().tape) is not None and not op.linear:
        tape.passed_back(True)  # the mask is for these values; a replay must look again
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        if op.jvp is not None:
            total = op.jvp(tangents, out, *inputs, **params)
            if op.batch is batching.elementwise and len(tangents) == 1 and total is not None and op.results is None:
                total = mask_nan(total, tangents[0])
        elif op.linear:
            total = op(*(_or_zeros(t, x) for t, x in zip(tangents, inputs, strict=True)), **params)
        elif op.multilinear:
            total = _product_rule(op, tangents, inputs, params)
        else:
            total = _by_rules(op, tangents, out, inputs, params, fell_back)
    if total is None:
        return None
    if op.results is not None:
        refuse_count(f"{op.name}: its jvp rule", "tangents", total, len(out))
        return tuple([_fit(t, x) for t, x in zip(total, out, strict=True)])
    if total.shape != out.shape:
        total = np.broadcast_to(total, out.shape)
    return total if total.dtype == out.dtype else cast_back(total, out.dtype)


def _fit(total: Any, out: Any) -> Any:
    """Return the tangent of one of several results, with its shape and dtype; None where there can be none."""
    if total is None or out.dtype.kind not in "fc":
        return None
    if total.shape != out.shape:
        total = np.broadcast_to(total, out.shape)
    return total if total.dtype == out.dtype else cast_back(total, out.dtype)


def _or_zeros(t: Any, x: Any) -> Any:
    if t is not None:
        return t
    return array_namespace(x).zeros(np.shape(x), getattr(x, "dtype", None) or np.asarray(x).dtype)


def _product_rule(op: Op, tangents: tuple[Any, ...], inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    total = None
    for i, t in enumerate(tangents):
        if t is not None:
            term = op(*inputs[:i], t, *inputs[i + 1 :], **params)
            total = term if total is None else total + term
    return total


def _by_rules(
    op: Op,
    tangents: tuple[Any, ...],
    out: Any,
    inputs: tuple[Any, ...],
    params: dict[str, Any],
    fell_back: set[str],
) -> Any:
    asked = [(t, rule) for i, t in enumerate(tangents) if t is not None and (rule := op.rules[i]) is not None]  # type: ignore[index]
    total = None
    for t, rule in asked:
        kind = rule.kind
        if kind is _PARTIAL or kind is _GATE:
            term = _product(t, rule.value(out, *inputs, **params))
        elif kind is _APPLIED:
            term = mask_nan(rule.value(t, out, *inputs, **params), t)
        elif kind is _UNIT:
            term = t
        elif kind is _CONSTANT:
            if rule.value == 0:
                continue
            term = -t if rule.value == -1 else t * rule.value
        elif kind is _VJP:
            fell_back.add(op.name)
            return _by_two_vjps(op, tangents, out, inputs, params)
        else:
            term = _reduce(rule.value, t, out, inputs[0], params)
        total = term if total is None else total + term
    return total


def _product(t: Any, d: Any) -> Any:
    """Return t * d, which is zero where either factor is, even if the other is infinite."""
    r = t * d
    if not may_have_nan(r):
        return r
    r = mask_nan_in_product(t, d, r)
    return r if getattr(d, "dtype", None) == np.bool_ else mask_nan(r, d)


def _reduce(partial: Any, t: Any, out: Any, x: Any, params: dict[str, Any]) -> Any:
    params = dict(params)
    keepdims, axis = params.pop("keepdims"), params["axis"]
    d = partial(expand_reduced(out, x.shape, axis, keepdims), x, **params)
    return _product(t, d).sum(axis=axis, keepdims=keepdims)


def _by_two_vjps(op: Op, tangents: tuple[Any, ...], out: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Push tangents forward by means of the vjp alone: it is linear in its cotangent, and its transpose is the jvp.

    References:
        Townsend: A new trick for calculating Jacobian vector products, 2017.
    """

    needs = tuple([i for i, t in enumerate(tangents) if t is not None and op.rule(i) is not None])

    def along(g: Any) -> Any:
        if op.results is not None:
            g = Several.of(g, out.shape, out.dtype)
        total: Any = None
        rules: Any = op.rules
        if isinstance(rules, EachInput):
            rules = rules.at_once(g, (out, *inputs), params, needs)
        for i in needs:
            r = sum_to_shape(read_rule(rules[i], g, (out, *inputs), params), inputs[i].shape)
            term = (r * tangents[i]).sum()
            total = term if total is None else total + term
        return total

    return transpose_linear(along, out)


def transpose_linear(linear: Any, like: Any) -> Any:
    """Return the gradient of a linear function `linear(t)`, a number, by t of the shape and dtype of `like`.

    In the engine's convention; None if nothing depends on t. The operands of `linear` may have a history or belong to
    other transformations, since t has a level of its own. For several arrays, t and the result are tuples.
    """
    level = Level()

    def zeros(x: Any) -> Any:
        return variable(array_namespace(x).zeros(x.shape, x.dtype), level) if x.dtype.kind in "fc" else None

    t = each(zeros, like)
    with enable_grad():
        total = linear(t)
        if not isinstance(total, Tensor) or not total.requires_grad:
            return None
        total = np.real(total) if total.dtype.kind == "c" else total
        root = {edge_of(total): array_namespace(total).ones(total.shape, total.dtype)}
        targets = {edge_of(v) for v in (t if isinstance(t, tuple) else (t,)) if v is not None}
        pulled = cotangents(root, targets, retain_graph=False, create_graph=False, level=level)
    return each(lambda v: pulled.get(edge_of(v)), t)
